//! Colors, where standard output is a terminal that wants them.

use console::style;

use super::summary::Mood;
use crate::rollout::verdict::Verdict;

/// A line in the color of its mood.
pub(in super::super) fn line((text, mood): (String, Mood)) -> String {
    match mood {
        Mood::Plain => text,
        Mood::Good => style(text).green().to_string(),
        Mood::Wary => style(text).yellow().to_string(),
        Mood::Bad => style(text).red().to_string(),
    }
}

/// The mood of a check's result; that of no result is plain.
pub(in super::super) fn of_verdict(verdict: Option<Verdict>) -> Mood {
    match verdict {
        None | Some(Verdict::Pass) => Mood::Plain,
        Some(Verdict::Inconclusive | Verdict::Error) => Mood::Wary,
        Some(Verdict::Fail) => Mood::Bad,
    }
}
