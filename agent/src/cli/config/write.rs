//! The straight line of a change: check, write in one transaction, wait for the instances, tell.

use std::process::ExitCode;

use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

use super::super::connection::Connection;
use super::super::output::{complain, print, visible_line};
use super::super::{CONFLICT, FAILED, UNCONFIRMED};
use super::WriteArgs;
use super::check::{Checked, check};
use super::edit::Files;
use super::instances::{Row, text};
use super::progress::Progress;
use super::readers;
use crate::change::{ChangeKind, Edit, Plan, changes_between, plan};
use crate::confirmation::{Confirmation, Outcome, rounds};
use crate::documents::{Indexes, StoredDocuments};
use crate::history::{Authorship, Past, Record};
use crate::store::Commit;

/// What is wanted, and what it is planned upon.
pub(super) struct Wanted {
    pub(super) edit: Edit,
    pub(super) files: Files,
    pub(super) past: Past,
    pub(super) stored: StoredDocuments,
    pub(super) message: Option<String>,
}

/// What the command says at its end, as far as it is known.
struct Report<'a> {
    wanted: &'a Wanted,
    checked: &'a Checked,
    plan: Option<&'a Plan>,
    is_json: bool,
}

/// Carries the change out.
pub(super) async fn write(
    connection: &Connection,
    wanted: Wanted,
    args: &WriteArgs,
) -> anyhow::Result<ExitCode> {
    let checked = check(&wanted.stored, &wanted.edit, &wanted.files, readers::of(&connection.fleet).await?);
    if !args.json {
        checked.complain();
        if wanted.stored.canary().is_some() {
            complain(
                "warning: a candidate is on the canary ring; it was made for the documents as they were",
            );
        }
    }
    let plan = plan(&wanted.stored, &wanted.edit, &wanted.past, &authorship(&wanted, args));
    let report = Report { wanted: &wanted, checked: &checked, plan: plan.as_ref(), is_json: args.json };
    if !checked.objections.is_empty() && !args.force {
        return report.invalid();
    }
    let ours = match &plan {
        None => wanted.stored.indexes(),
        Some(plan) => match connection.store.commit(plan, &wanted.stored).await? {
            Commit::Written(indexes) => indexes,
            Commit::Conflict => {
                let (past, now) = connection.store.basis().await?;
                return report.conflict(&past, &now);
            }
        },
    };
    report.written()?;
    if args.no_wait {
        return report.unwatched();
    }
    let mut confirmation = Confirmation::new(ours);
    let fault = wait(&mut confirmation, connection, args).await;
    report.confirmed(connection, &confirmation, fault)
}

async fn wait(confirmation: &mut Confirmation, connection: &Connection, args: &WriteArgs) -> Option<String> {
    let progress = Progress::start();
    rounds::run(confirmation, &connection.store, &connection.fleet, args.wait, |seen| progress.show(seen))
        .await
}

fn authorship(wanted: &Wanted, args: &WriteArgs) -> Authorship {
    let now = Timestamp::now();
    Authorship {
        author: args.author.clone().unwrap_or_else(user_at_host),
        message: wanted.message.clone(),
        at: now.round(Unit::Second).unwrap_or(now).to_string(),
    }
}

/// Such as `ada@laptop`. A user without a name, as containers have, is a number.
pub(super) fn user_at_host() -> String {
    let named = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
    let user = named("USER").or_else(|| named("LOGNAME"));
    let user = user.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    format!("{user}@{}", rustix::system::uname().nodename().to_string_lossy())
}

impl Report<'_> {
    /// Nothing was written, because the check found faults.
    fn invalid(&self) -> anyhow::Result<ExitCode> {
        self.end("invalid", json!({}))?;
        if !self.is_json {
            complain("nothing was written: correct the documents, or write them all the same with --force");
        }
        Ok(ExitCode::from(FAILED))
    }

    /// Nothing was written, because somebody else was quicker.
    fn conflict(&self, past: &Past, now: &StoredDocuments) -> anyhow::Result<ExitCode> {
        let newest = past.newest.as_ref().filter(|record| record.is_of(now));
        let changed = changed_since(&self.wanted.stored, now);
        if self.is_json {
            let theirs = json!({
                "index": now.index(),
                "changes": changed.iter().map(|(key, kind)| json!({"key": key, "change": kind.as_str()})).collect::<Vec<_>>(),
                "record": newest.map(record_json),
            });
            self.end("conflict", json!({ "conflict": theirs }))?;
        } else {
            complain("nothing was written: somebody else changed the configuration since it was read");
            for (key, kind) in &changed {
                complain(&visible_line(&format!("  {} {key}", kind.sign())));
            }
            match newest {
                Some(record) => complain(&visible_line(&format!(
                    "  by {} at {} (record {}){}",
                    record.author_or_unknown(),
                    record.at,
                    record.n,
                    record.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default()
                ))),
                None => complain("  by other means than nova-agent, so that nobody is named"),
            }
            complain(
                "see what your change is on top of theirs with `nova-agent config diff`, then do it again",
            );
        }
        Ok(ExitCode::from(CONFLICT))
    }

    /// Says that it was written, before the wait begins.
    fn written(&self) -> anyhow::Result<()> {
        if self.is_json {
            return Ok(());
        }
        let prefix = self.wanted.stored.prefix();
        let Some(plan) = self.plan else {
            return print(&format!("{prefix} holds these documents already: nothing was written"));
        };
        if let Some(found) = plan.found {
            complain(&format!(
                "the state before was written by other means: it is record {found} now, of unknown author"
            ));
        }
        let changes: Vec<_> =
            plan.changes.iter().map(|(name, kind)| format!("{}{name}", kind.sign())).collect();
        print(&format!("record {} of {prefix}: {}", plan.record.n, changes.join(" ")))
    }

    /// The end without a wait.
    fn unwatched(&self) -> anyhow::Result<ExitCode> {
        self.end("written", json!({}))?;
        if !self.is_json {
            print("not waited for: `nova-agent config status` tells what became of it")?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The end of the wait.
    fn confirmed(
        &self,
        connection: &Connection,
        confirmation: &Confirmation,
        fault: Option<String>,
    ) -> anyhow::Result<ExitCode> {
        let rows: Vec<_> = confirmation.instances().filter_map(Row::confirmed).collect();
        let now = Timestamp::now();
        let (outcome, code) = match confirmation.outcome() {
            Outcome::Refused => ("refused", FAILED),
            Outcome::Applied if fault.is_none() => ("applied", 0),
            Outcome::Applied | Outcome::Unconfirmed => ("unconfirmed", UNCONFIRMED),
        };
        if self.is_json {
            let rows: Vec<_> = rows.iter().map(|row| row.to_json(now)).collect();
            let more =
                json!({"instances": rows, "overtaken": confirmation.is_overtaken(), "wait_fault": fault});
            self.end(outcome, more)?;
            return Ok(ExitCode::from(code));
        }
        if !rows.is_empty() {
            let prefix = self.wanted.stored.prefix();
            let shown = |key: &str| self.wanted.files.shown_key(prefix, key);
            print(&format!("\n{}\n", text(&rows, now, &shown)))?;
        }
        if confirmation.is_overtaken() {
            complain("somebody has changed the documents again since: see `nova-agent config history`");
        }
        if let Some(fault) = fault {
            complain(&visible_line(&format!("the wait ended without a look at all instances: {fault}")));
        }
        print(&verdict(connection, confirmation, code))?;
        Ok(ExitCode::from(code))
    }

    fn end(&self, outcome: &str, more: Value) -> anyhow::Result<()> {
        if !self.is_json {
            return Ok(());
        }
        let change = |(name, kind): (&String, &ChangeKind)| json!({"key": self.wanted.stored.key(name), "change": kind.as_str()});
        let mut whole = json!({
            "outcome": outcome,
            "prefix": self.wanted.stored.prefix(),
            "changes": self.plan.iter().flat_map(|plan| plan.changes.iter().map(change)).collect::<Vec<_>>(),
            // A record that was planned and not written has no number that means anything.
            "record": self.plan.filter(|_| !matches!(outcome, "invalid" | "conflict")).map(|plan| record_json(&plan.record)),
            "recorded_before": self.plan.filter(|_| !matches!(outcome, "invalid" | "conflict")).and_then(|plan| plan.found),
            "faults": self.checked.faults_json(),
            "warnings": self.checked.warnings,
        });
        if let (Some(whole), Value::Object(more)) = (whole.as_object_mut(), more) {
            whole.extend(more);
        }
        print(&whole.to_string())
    }
}

fn verdict(connection: &Connection, confirmation: &Confirmation, code: u8) -> String {
    let tally = confirmation.tally();
    let count = tally.applied + tally.refused + tally.waiting;
    match code {
        0 if count == 0 => {
            format!("no instance is in the catalog under {}: nobody runs it yet", connection.fleet.service())
        }
        0 if count == 1 => "the one instance runs it".to_owned(),
        0 => format!("all {count} instances run it"),
        FAILED => format!(
            "{} of {count} instances refused it and keep what they had: correct it, or undo it with `nova-agent config rollback`",
            tally.refused
        ),
        _ if tally.waiting == 0 => {
            "it is written; whether all instances run it could not be seen: ask `nova-agent config status`"
                .to_owned()
        }
        _ => format!(
            "{} of {count} instances have not confirmed it in time: it is written, and `nova-agent config status` tells when they do",
            tally.waiting
        ),
    }
}

/// Who and when, for the JSON of other commands too.
fn record_json(record: &Record) -> Value {
    json!({"n": record.n, "at": record.at, "author": record.author, "message": record.message})
}

/// The keys that differ between two reads: by text, or by index where a text was written again.
fn changed_since(before: &StoredDocuments, now: &StoredDocuments) -> Vec<(String, ChangeKind)> {
    let mut changed: Vec<_> = changes_between(&before.texts(), &now.texts())
        .into_iter()
        .map(|(name, kind)| (now.key(&name), kind))
        .collect();
    let indexes: Indexes = now.indexes();
    for (key, index) in before.indexes() {
        let is_known = changed.iter().any(|(known, _)| *known == key);
        if !is_known && indexes.get(&key).is_some_and(|now| *now != index) {
            changed.push((key, ChangeKind::Changed));
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn stored(documents: &[(&str, &str, u64)]) -> StoredDocuments {
        let entries = documents
            .iter()
            .map(|(name, text, index)| (format!("p/{name}"), Bytes::from((*text).to_owned()), *index));
        StoredDocuments::new("p", entries, 9)
    }

    #[test]
    fn what_others_changed_is_told_by_key() {
        let before = stored(&[
            ("config", "a", 1),
            ("config.d/same", "s", 2),
            ("config.d/gone", "g", 3),
            ("config.d/again", "x", 4),
        ]);
        let now = stored(&[
            ("config", "b", 5),
            ("config.d/same", "s", 2),
            ("config.d/new", "n", 6),
            ("config.d/again", "x", 7),
        ]);
        let expected = [
            ("p/config".to_owned(), ChangeKind::Changed),
            ("p/config.d/gone".to_owned(), ChangeKind::Removed),
            ("p/config.d/new".to_owned(), ChangeKind::Added),
            ("p/config.d/again".to_owned(), ChangeKind::Changed),
        ];
        assert_eq!(changed_since(&before, &now), expected);
    }

    #[test]
    fn an_author_is_a_user_at_a_host() {
        let (user, host) =
            user_at_host().split_once('@').map(|(user, host)| (user.len(), host.len())).unwrap();
        assert!(user > 0 && host > 0);
    }
}
