//! Random numbers for tests: SplitMix64 (Steele, Lea & Flood, OOPSLA 2014), and counts by inversion.

pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How often something happens that happens so often on average.
    pub(crate) fn count(&mut self, mean: f64) -> f64 {
        let (mut sum, mut count) = (self.unit().ln(), 0.0);
        while sum > -mean {
            sum += self.unit().ln();
            count += 1.0;
        }
        count
    }
}
