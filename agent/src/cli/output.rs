//! Text to people: lines out, colors where they are wanted, and nothing that could play tricks on a terminal.

use std::io::Write as _;

use console::style;
use nova_config::Fault;

/// Prints a line. A reader who has gone (`| head`) is no failure.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a line of diagnosis.
pub(super) fn complain(text: &str) {
    // There is nowhere left to report a standard error that cannot be written.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Text that others wrote, without characters that move a terminal's cursor, set its title or hide what stands there.
///
/// Lines and tabs stay. Directions of writing are taken out as well: they can make a text read otherwise than it is.
pub(super) fn visible(text: &str) -> String {
    let is_trick = |letter: char| {
        (letter.is_control() && !matches!(letter, '\n' | '\t'))
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if is_trick(letter) { '\u{fffd}' } else { letter }).collect()
}

/// As [`visible`], on one line.
pub(super) fn visible_line(text: &str) -> String {
    visible(text).replace(['\n', '\t'], " ")
}

/// A unified diff, colored where standard output is a terminal that wants it.
pub(super) fn colored_diff(unified: &str) -> String {
    let color = |line: &str| {
        let line = visible(line);
        if line.starts_with("+++") || line.starts_with("---") {
            style(line).bold().to_string()
        } else if line.starts_with('+') {
            style(line).green().to_string()
        } else if line.starts_with('-') {
            style(line).red().to_string()
        } else if line.starts_with("@@") {
            style(line).cyan().to_string()
        } else {
            line
        }
    };
    unified.lines().map(color).collect::<Vec<_>>().join("\n")
}

/// A fault as JSON, in the form that `nova-proxy check` has.
pub(super) fn fault_json(fault: &Fault) -> serde_json::Value {
    serde_json::json!({
        "file": fault.file, "line": fault.line, "column": fault.column,
        "path": fault.path, "problem": fault.problem, "fix": fault.fix,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_cannot_move_the_cursor() {
        assert_eq!(visible("a\u{1b}[2Jb\tc\nd\r"), "a\u{fffd}[2Jb\tc\nd\u{fffd}");
        assert_eq!(visible("if \u{202e}true"), "if \u{fffd}true");
        assert_eq!(visible_line("a\nb"), "a b");
    }
}
