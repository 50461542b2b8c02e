//! A report as people read it: by group, a line for each check, and what to do below what failed.

use console::style;

use super::super::output::visible_line;
use crate::verify::check::Group;
use crate::verify::report::{Finding, Report, Status};

/// The report, colored where standard output is a terminal that wants it.
pub(super) fn of(report: &Report, is_strict: bool) -> String {
    let mut lines = Vec::new();
    let mut shown: Option<Group> = None;
    for finding in &report.findings {
        let group = finding.check.group;
        if shown != Some(group) {
            if shown.is_some() {
                lines.push(String::new());
            }
            lines.push(style(group.as_str()).bold().to_string());
            lines.push("-".repeat(group.as_str().len()));
            shown = Some(group);
        }
        lines.extend(of_finding(finding));
    }
    lines.push(String::new());
    lines.push(summary(report, is_strict));
    lines.join("\n")
}

fn of_finding(finding: &Finding) -> Vec<String> {
    let title = finding.check.title;
    let told = || finding.told.iter().map(|line| visible_line(line));
    let joined = || told().collect::<Vec<_>>().join("; ");
    match finding.status {
        Status::Passed => vec![format!("{} {title}: {}", style("√").green(), joined())],
        Status::Needs(root) => vec![format!("{} {title}: skipped: needs {root}", style("-").dim())],
        Status::Skipped => vec![format!("{} {title}: skipped: {}", style("-").dim(), joined())],
        Status::Warned | Status::Failed => {
            let is_failure = finding.status == Status::Failed;
            let mark = if is_failure { style("×").red() } else { style("‼").yellow() };
            let mut lines = vec![format!("{mark} {title} ({})", finding.check.id)];
            lines.extend(told().map(|line| format!("    {line}")));
            lines.push(format!("    hint: {}", finding.check.hint));
            lines.push(format!("    see {}", finding.check.docs()));
            lines
        }
    }
}

fn summary(report: &Report, is_strict: bool) -> String {
    let counts = report.counts();
    let mark = if report.is_good(is_strict) { style("√").green() } else { style("×").red() };
    format!(
        "{mark} {}: {} passed, {} to look at, {} failed, {} skipped",
        report.command.as_str(),
        counts.passed,
        counts.warned,
        counts.failed,
        counts.skipped
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::*;
    use crate::verify::check::Command;
    use crate::verify::fact::{Facts, PortFact};
    use crate::verify::rules::Rules;

    #[test]
    fn a_failure_says_what_is_wrong_what_to_do_and_where_to_read_on() {
        let mut facts = Facts::new(Timestamp::UNIX_EPOCH, Rules::default());
        let free = Err("in use by\u{1b}[2J another".to_owned());
        facts.ports = vec![PortFact { address: "127.0.0.1:8080".to_owned(), free }];
        let report = Report::of(Command::Preflight, &facts, &BTreeSet::new());
        let shown = of(&report, false);
        let failed: Vec<&str> =
            shown.lines().skip_while(|line| !line.contains("(ports-free)")).take(4).collect();
        assert_eq!(
            failed,
            [
                "× the proxy's ports are free (ports-free)",
                "    127.0.0.1:8080: in use by\u{fffd}[2J another",
                "    hint: stop what listens there, or give the proxy other ports by listen, admin and metrics",
                "    see docs/reference/checks.md#ports-free",
            ]
        );
        assert!(shown.starts_with("machine\n-------\n"), "{shown}");
        assert!(shown.contains("1 failed"), "{shown}");
    }
}
