//! How large the schemas of one request may become once their references are resolved.

/// The bytes that the schemas of one request may still take.
///
/// References that point at references can make a small schema huge, and a request may bring many schemas: all of them draw on one budget.
#[derive(Debug)]
pub(in crate::request) struct SchemaBudget {
    whole: usize,
    left: usize,
}

/// The budget is used up.
#[derive(Debug)]
pub(super) struct TooLarge;

impl SchemaBudget {
    /// For schemas of `text_bytes` bytes together. A schema without references always fits.
    pub(in crate::request) fn new(text_bytes: usize) -> Self {
        const BASE_BYTES: usize = 2 * 1024 * 1024;
        const BYTES_PER_BYTE: usize = 4;
        let whole = text_bytes.saturating_mul(BYTES_PER_BYTE).saturating_add(BASE_BYTES);
        Self { whole, left: whole }
    }

    /// Takes `bytes`, before anything is copied.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.left = self.left.checked_sub(bytes).ok_or(TooLarge)?;
        Ok(())
    }

    /// How often a definition may stand within itself: less when half of the budget is gone.
    pub(super) fn repeats_max(&self) -> usize {
        if self.left < self.whole / 2 { 1 } else { 2 }
    }
}
