//! The bar that shows how many instances have told, on a terminal alone.

use indicatif::{ProgressBar, ProgressStyle};

use super::super::output::visible_line;
use crate::confirmation::Confirmation;

/// How many names of instances the bar has room for.
const NAMES: usize = 3;

/// A bar on standard error, which vanishes when it is done; nothing where that is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn start() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {pos}/{len} {wide_msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn show(&self, confirmation: &Confirmation) {
        let tally = confirmation.tally();
        let told = tally.applied + tally.refused;
        self.0.set_length((told + tally.waiting) as u64);
        self.0.set_position(told as u64);
        let names: Vec<_> = confirmation.to_ask().into_iter().map(|instance| instance.name.id).collect();
        let mut message = names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
        if names.len() > NAMES {
            message.push_str(", …");
        }
        if !message.is_empty() {
            message.insert_str(0, "waiting for ");
        }
        self.0.set_message(visible_line(&message));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
