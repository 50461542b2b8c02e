//! Tables of cases: every case is run, and all that failed are told at once, by name.

use std::fmt::Write as _;

/// Collects what went wrong, case by case.
#[derive(Debug, Default)]
pub(crate) struct Cases {
    run: usize,
    failed: Vec<String>,
}

impl Cases {
    /// Notes the result of one case.
    pub(crate) fn note(&mut self, name: impl std::fmt::Display, result: anyhow::Result<()>) {
        self.run += 1;
        if let Err(error) = result {
            self.failed.push(format!("{name}: {error:#}"));
        }
    }

    /// Fails the test when any case failed, or when there was none.
    #[track_caller]
    pub(crate) fn all_hold(self) {
        assert!(self.run > 0, "the table of cases is empty");
        let mut report = String::new();
        for failure in &self.failed {
            writeln!(report, "- {failure}").expect("a string takes any text");
        }
        assert!(self.failed.is_empty(), "{} of {} cases failed:\n{report}", self.failed.len(), self.run);
    }
}
