//! The live view: the status of everything, painted over itself.

use std::time::Duration;

use console::{Term, style, truncate_str};
use jiff::Timestamp;

use super::super::source::Entry;
use super::super::status;
use super::super::target::Target;
use super::{FRAME, View, visible_line};

/// A terminal, and what stands on it.
#[derive(Debug)]
pub(super) struct Live {
    terminal: Term,
    target: Option<Target>,
    /// How many lines stand there now.
    painted: usize,
}

impl Live {
    pub(super) fn new(terminal: Term, target: Option<Target>) -> Self {
        Self { terminal, target, painted: 0 }
    }
}

/// The lines that fit: one that is longer than the terminal is wide would be two, and the next picture would be painted beside it.
fn fitting(text: &str, rows: usize, columns: usize) -> Vec<String> {
    let room = rows.saturating_sub(1).max(1);
    let all: Vec<&str> = text.lines().collect();
    let mut lines: Vec<_> =
        all.iter().take(room).map(|line| truncate_str(line, columns, "…").into_owned()).collect();
    if let (true, Some(last)) = (all.len() > room, lines.last_mut()) {
        *last = format!("… {} more lines: `nova-agent rollout status` shows all", all.len() + 1 - room);
    }
    lines
}

impl View for Live {
    fn show(&mut self, entries: &[Entry], silence: Option<&str>, now: Timestamp) -> anyhow::Result<()> {
        let mut text = status::text(entries, self.target.as_ref(), now);
        if let Some(why) = silence {
            let line = visible_line(&format!("the agent does not answer, and is asked again: {why}"));
            text = format!("{}\n{text}", style(line).yellow());
        }
        let (rows, columns) = self.terminal.size();
        let lines = fitting(&text, rows.into(), columns.into());
        self.terminal.clear_last_lines(self.painted)?;
        for line in &lines {
            self.terminal.write_line(line)?;
        }
        self.painted = lines.len();
        Ok(())
    }

    fn frame(&self) -> Duration {
        FRAME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_never_has_more_lines_than_the_terminal() {
        assert_eq!(fitting("one\ntwo", 24, 80), ["one", "two"]);
        assert_eq!(fitting("a long line\ntwo", 24, 6), ["a lon…", "two"]);
        let cut = fitting("1\n2\n3\n4\n5", 4, 80);
        assert_eq!(cut.len(), 3);
        assert!(cut[2].starts_with("… 3 more lines"), "{cut:?}");
        assert_eq!(fitting("1\n2", 0, 80).len(), 1);
    }
}
