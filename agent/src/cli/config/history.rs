//! `nova-agent config history`: the states that the configuration had.

use std::process::ExitCode;

use serde_json::json;

use super::super::connection::Connection;
use super::super::output::{print, visible, visible_line};
use super::super::table::table;
use super::HistoryArgs;
use crate::change::{ChangeKind, changes_between};
use crate::documents::{StoredDocuments, Texts};
use crate::history::Record;

/// How much of a message a row of the table holds.
const MESSAGE: usize = 32;

/// A record as the table has it: read, or the reason why not.
type Read = (u64, Result<Record, String>);

pub(super) async fn run(connection: &Connection, args: &HistoryArgs) -> anyhow::Result<ExitCode> {
    match args.number {
        Some(n) => show(&connection.store.record(n).await?, args.json)?,
        None => list(connection, args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(connection: &Connection, args: &HistoryArgs) -> anyhow::Result<()> {
    let numbers = connection.store.numbers().await?;
    // One more than are shown, to know what the oldest of them changed.
    let first = numbers.len().saturating_sub(args.limit.saturating_add(1));
    let records = connection.store.records(numbers.get(first..).unwrap_or_default()).await?;
    let stored = connection.store.documents().await?;
    let shown = records.len().saturating_sub(args.limit);
    if args.json {
        let entries: Vec<_> = (shown..records.len()).rev().map(|at| entry(&records, at, &stored)).collect();
        return print(
            &json!({"prefix": stored.prefix(), "kept": numbers.len(), "records": entries}).to_string(),
        );
    }
    if records.is_empty() {
        return print(&format!(
            "{} has no history: nova-agent has changed nothing there yet",
            stored.prefix()
        ));
    }
    let rows = (shown..records.len()).rev().map(|at| row(&records, at, &stored)).collect();
    print(&table(["N", "TIME (UTC)", "AUTHOR", "CHANGED", "MESSAGE"], rows))?;
    let is_recorded = matches!(records.last(), Some((_, Ok(record))) if record.is_of(&stored));
    if is_recorded {
        print("\n* is what the store holds")
    } else {
        print(
            "\nthe store holds something else: it was changed by other means since, which the next change records",
        )
    }
}

fn show(record: &Record, is_json: bool) -> anyhow::Result<()> {
    if is_json {
        return print(&record.to_json());
    }
    print(&visible(&format!(
        "record {}\ntime     {}\nauthor   {}\nmessage  {}",
        record.n,
        record.at,
        record.author_or_unknown(),
        record.message.as_deref().unwrap_or("-")
    )))?;
    for (name, text) in &record.documents {
        print(&format!("\n==> {} <==\n{}", visible_line(name), visible(text).trim_end_matches('\n')))?;
    }
    for name in &record.omitted {
        print(&visible_line(&format!("{name} was no text, and is not in the record")))?;
    }
    Ok(())
}

/// What the record at a position changed: against the one before it, or against nothing where it is the first of all.
fn changed(records: &[Read], at: usize) -> Option<Vec<(String, ChangeKind)>> {
    let (n, record) = records.get(at)?;
    let record = record.as_ref().ok()?;
    let before = match at.checked_sub(1).and_then(|before| records.get(before)) {
        Some((_, before)) => before.as_ref().ok()?.documents.clone(),
        None if *n == 1 => Texts::new(),
        None => return None,
    };
    Some(changes_between(&before, &record.documents).into_iter().collect())
}

fn row(records: &[Read], at: usize, stored: &StoredDocuments) -> [String; 5] {
    let changes = changed(records, at).map_or_else(
        || "-".to_owned(),
        |changes| {
            let names = changes.iter().map(|(name, kind)| format!("{}{name}", kind.sign()));
            names.collect::<Vec<_>>().join(" ")
        },
    );
    match records.get(at) {
        Some((n, Ok(record))) => {
            let is_now = at + 1 == records.len() && record.is_of(stored);
            let sign = if is_now { "*" } else { "" };
            let message = short(record.message.as_deref().unwrap_or("-"));
            [
                format!("{n}{sign}"),
                visible_line(&minute(&record.at)),
                visible_line(record.author_or_unknown()),
                visible_line(&changes),
                visible_line(&message),
            ]
        }
        Some((n, Err(reason))) => {
            [n.to_string(), "-".to_owned(), "-".to_owned(), changes, visible_line(reason)]
        }
        None => Default::default(),
    }
}

fn entry(records: &[Read], at: usize, stored: &StoredDocuments) -> serde_json::Value {
    let changes = changed(records, at).map(|changes| {
        changes
            .iter()
            .map(|(name, kind)| json!({"document": name, "change": kind.as_str()}))
            .collect::<Vec<_>>()
    });
    match records.get(at) {
        Some((n, Ok(record))) => json!({
            "n": n, "at": record.at, "author": record.author, "message": record.message, "base_index": record.base_index,
            "changes": changes, "is_current": at + 1 == records.len() && record.is_of(stored), "problem": null,
        }),
        Some((n, Err(reason))) => json!({"n": n, "is_current": false, "problem": reason}),
        None => serde_json::Value::Null,
    }
}

/// A time to the minute, as it is written: records are in UTC.
fn minute(at: &str) -> String {
    at.get(..16)
        .filter(|_| at.len() >= 20 && at.ends_with('Z'))
        .map_or_else(|| at.to_owned(), |head| head.replace('T', " "))
}

/// The first line, as far as a row has room.
fn short(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let is_whole = line.len() == message.trim_end().len() && line.chars().count() <= MESSAGE;
    if is_whole { line.to_owned() } else { line.chars().take(MESSAGE - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn record(n: u64, author: Option<&str>, documents: &[(&str, &str)]) -> Read {
        let documents =
            documents.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let record = Record {
            n,
            at: "2026-11-24T12:34:56Z".to_owned(),
            author: author.map(str::to_owned),
            message: author.map(|author| format!("what {author} wanted")),
            base_index: 0,
            documents,
            omitted: Vec::new(),
        };
        (n, Ok(record))
    }

    #[test]
    fn the_table_says_who_changed_what_and_which_record_is_in_force() {
        let records = [
            record(1, Some("ada@a"), &[("config", "a")]),
            record(2, None, &[("config", "b"), ("config.d/x", "x")]),
            (3, Err("is not a record".to_owned())),
            record(4, Some("bob@b"), &[("config", "b")]),
        ];
        let stored = StoredDocuments::new("p", [("p/config".to_owned(), Bytes::from_static(b"b"), 7)], 7);
        let rows: Vec<_> = (0..4).map(|at| row(&records, at, &stored).join(" | ")).collect();
        assert_eq!(
            rows,
            [
                "1 | 2026-11-24 12:34 | ada@a | +config | what ada@a wanted",
                "2 | 2026-11-24 12:34 | unknown | ~config +config.d/x | -",
                "3 | - | - | - | is not a record",
                "4* | 2026-11-24 12:34 | bob@b | - | what bob@b wanted",
            ]
        );
        assert_eq!(entry(&records, 3, &stored)["is_current"], true);
    }

    #[test]
    fn long_messages_are_cut_at_their_first_line() {
        assert_eq!(short("more limits"), "more limits");
        assert_eq!(short("more limits\nbecause"), "more limits…");
        assert_eq!(short(&"x".repeat(100)).chars().count(), MESSAGE);
    }
}
