//! Rollouts to people: tables, one in full, what comes next, and how it came to be.
//!
//! Pure: records and a time to text. Words that others wrote are made visible before they are shown.

pub(super) mod checks;
pub(super) mod detail;
pub(super) mod gates;
pub(super) mod outlook;
pub(super) mod paint;
pub(super) mod summary;
pub(super) mod timeline;
pub(super) mod words;

#[cfg(test)]
pub(super) mod tests;
