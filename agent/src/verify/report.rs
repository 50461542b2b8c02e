//! Facts to findings: every check of a command in the order of the table, and none that has nothing to go by. Pure.
//!
//! Owns the rule that a fault is told once. What stands on a check that failed is skipped, and names the one that failed first.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::check::{Check, Command};
use super::fact::Facts;
use super::outcome::Outcome;
use super::table::checks;

/// What is told of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    Passed,
    /// It holds, and is worth a look.
    Warned,
    /// It does not hold.
    Failed,
    /// It has nothing to go by until this check holds.
    Needs(&'static str),
    /// It was not asked; why is told.
    Skipped,
}

impl Status {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Needs(_) | Self::Skipped => "skipped",
        }
    }
}

/// One check, and what came of it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The check.
    pub check: &'static Check,
    /// How it stands.
    pub status: Status,
    /// What was found, line by line.
    pub told: Vec<String>,
}

/// What came of all checks of a command.
#[derive(Clone, Debug)]
pub struct Report {
    /// The command.
    pub command: Command,
    /// What was found, in the order of the table.
    pub findings: Vec<Finding>,
}

/// How many checks stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They hold.
    pub passed: usize,
    /// They hold, and are worth a look.
    pub warned: usize,
    /// They do not hold.
    pub failed: usize,
    /// They were not asked, or had nothing to go by.
    pub skipped: usize,
}

impl Report {
    /// Judges `facts` by the checks of `command`, without those that somebody has left out by name.
    #[must_use]
    pub fn of(command: Command, facts: &Facts, left_out: &BTreeSet<String>) -> Self {
        let mut blocked: BTreeMap<&'static str, &'static str> = BTreeMap::new();
        let mut findings = Vec::new();
        for check in of(command) {
            let root = check.needs.iter().find_map(|needed| blocked.get(needed)).copied();
            let (status, told) = match root {
                _ if left_out.contains(check.id) => {
                    (Status::Skipped, vec!["left out by --without".to_owned()])
                }
                Some(root) => (Status::Needs(root), Vec::new()),
                None => told((check.judge)(facts), &blocked),
            };
            match status {
                Status::Failed => drop(blocked.insert(check.id, check.id)),
                Status::Needs(root) => drop(blocked.insert(check.id, root)),
                Status::Passed | Status::Warned | Status::Skipped => {}
            }
            findings.push(Finding { check, status, told });
        }
        Self { command, findings }
    }

    /// How many checks stand how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let count =
            |status: &str| self.findings.iter().filter(|found| found.status.as_str() == status).count();
        Counts {
            passed: count("passed"),
            warned: count("warned"),
            failed: count("failed"),
            skipped: count("skipped"),
        }
    }

    /// Whether nothing failed; with `is_strict`, whether everything was asked and nothing is worth a look either.
    #[must_use]
    pub fn is_good(&self, is_strict: bool) -> bool {
        let Counts { warned, failed, skipped, .. } = self.counts();
        failed == 0 && !(is_strict && (warned > 0 || skipped > 0))
    }

    /// What failed.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.status == Status::Failed)
    }

    /// The whole report, in the form that the reference has.
    #[must_use]
    pub fn to_json(&self, is_strict: bool) -> Value {
        let Counts { passed, warned, failed, skipped } = self.counts();
        json!({
            "command": self.command.as_str(),
            "version": nova_config::running_version(),
            "success": self.is_good(is_strict),
            "counts": { "passed": passed, "warned": warned, "failed": failed, "skipped": skipped },
            "checks": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        })
    }
}

impl Finding {
    fn to_json(&self) -> Value {
        let needs = match self.status {
            Status::Needs(root) => Some(root),
            _ => None,
        };
        let is_worth_advice = matches!(self.status, Status::Failed | Status::Warned);
        json!({
            "id": self.check.id, "group": self.check.group.as_str(), "title": self.check.title,
            "status": self.status.as_str(), "told": self.told, "needs": needs,
            "hint": is_worth_advice.then_some(self.check.hint),
            "docs": self.check.docs(),
        })
    }
}

/// The checks of a command.
pub fn of(command: Command) -> impl Iterator<Item = &'static Check> {
    checks().filter(move |check| check.of.contains(&command))
}

fn told(outcome: Outcome, blocked: &BTreeMap<&'static str, &'static str>) -> (Status, Vec<String>) {
    match outcome {
        Outcome::Passed(told) => (Status::Passed, vec![told]),
        Outcome::Warned(told) => (Status::Warned, told),
        Outcome::Failed(told) => (Status::Failed, told),
        Outcome::NotAsked(why) => (Status::Skipped, vec![why]),
        Outcome::Needs(id) => (Status::Needs(blocked.get(id).copied().unwrap_or(id)), Vec::new()),
    }
}
