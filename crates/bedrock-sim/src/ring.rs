//! A list that forgets its oldest entries at a limit of number and weight.

use std::collections::VecDeque;

/// The newest entries, oldest first.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    entries: VecDeque<(T, usize)>,
    most_entries: usize,
    most_weight: usize,
    weight: usize,
    dropped: u64,
}

impl<T: Clone> Ring<T> {
    pub(crate) fn new(most_entries: usize, most_weight: usize) -> Self {
        Self { entries: VecDeque::new(), most_entries, most_weight, weight: 0, dropped: 0 }
    }

    /// Adds an entry of that weight, which is what the limit of weight adds up.
    pub(crate) fn push(&mut self, entry: T, weight: usize) {
        self.entries.push_back((entry, weight));
        self.weight += weight;
        while self.entries.len() > self.most_entries || self.weight > self.most_weight {
            let Some((_, weight)) = self.entries.pop_front() else { break };
            self.weight -= weight;
            self.dropped += 1;
        }
    }

    /// The last `count` entries, oldest first.
    pub(crate) fn last(&self, count: usize) -> Vec<T> {
        let skipped = self.entries.len().saturating_sub(count);
        self.entries.iter().skip(skipped).map(|(entry, _)| entry.clone()).collect()
    }

    /// How many entries were forgotten.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.weight = 0;
        self.dropped = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_fall_out_by_number_and_by_weight() {
        let mut ring = Ring::new(3, 10);
        for entry in 1..=5 {
            ring.push(entry, 1);
        }
        assert_eq!(ring.last(usize::MAX), [3, 4, 5]);
        ring.push(6, 9);
        assert_eq!((ring.last(2), ring.dropped()), (vec![5, 6], 4));
        ring.push(7, 11);
        assert!(ring.last(9).is_empty(), "an entry beyond the whole limit is not kept");
    }
}
