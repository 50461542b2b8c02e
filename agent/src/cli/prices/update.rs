//! `nova-agent prices update`: what a newer list changes, and the writing of it where that is asked for.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::Timestamp;
use nova_pricing::aws::{self, AwsPrices};
use nova_pricing::book::{PriceBook, diff};
use serde_json::json;

use super::super::PENDING;
use super::super::output::{complain, print, visible};
use super::UpdateArgs;
use super::args::{book, stale};
use super::shown::{change_json, changes_text};
use crate::prices::replace::replace;

/// A newer list, and what should be known of it.
struct Newer {
    book: PriceBook,
    notes: Vec<String>,
    not_understood: Vec<String>,
}

pub(super) fn run(args: &UpdateArgs) -> anyhow::Result<ExitCode> {
    let own = if args.book.exists() { book(Some(&args.book))? } else { book(None)? };
    let newer = read(&args.from)?;
    let updated = own.updated(&newer.book);
    let changes = diff(&own, &updated);
    // A book that is not there yet is written even if the list changes nothing in it.
    let is_due = !changes.is_empty() || updated.published() != own.published() || !args.book.exists();
    if args.apply && is_due {
        replace(&args.book, &updated.to_toml())?;
    }
    if args.json {
        let changes: Vec<_> = changes.iter().map(change_json).collect();
        let told = json!({
            "book": args.book, "from": args.from, "published": updated.published(), "changes": changes,
            "not_understood": newer.not_understood, "applied": args.apply && is_due,
        });
        print(&told.to_string())?;
    } else {
        print(&visible(&changes_text(&changes)))?;
        newer.notes.iter().for_each(|note| complain(&visible(note)));
        let shown = args.book.display();
        print(&visible(&match (is_due, args.apply) {
            (false, _) => format!("{shown} is up to date"),
            (true, true) => format!("{shown} is written"),
            (true, false) => format!("{shown} is not written: add --apply"),
        }))?;
    }
    if let Some(warning) = stale(&updated, Timestamp::now()) {
        complain(&visible(&warning));
    }
    Ok(if is_due && !args.apply { ExitCode::from(PENDING) } else { ExitCode::SUCCESS })
}

/// Reads a list: JSON is AWS's, anything else is a book.
fn read(file: &Path) -> anyhow::Result<Newer> {
    let shown = file.display();
    let mut opened = File::open(file).with_context(|| format!("{shown} cannot be read"))?;
    let mut head = Vec::new();
    opened.by_ref().take(1024).read_to_end(&mut head).with_context(|| format!("{shown} cannot be read"))?;
    let is_json = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !is_json {
        return Ok(Newer { book: book(Some(file))?, notes: Vec::new(), not_understood: Vec::new() });
    }
    opened.rewind().with_context(|| format!("{shown} cannot be read"))?;
    let prices = aws::read(opened).with_context(|| format!("{shown} cannot be taken over"))?;
    let AwsPrices { book, left_out, not_understood } = prices;
    let mut notes: Vec<String> = left_out
        .iter()
        .map(|(reason, count)| format!("{count} products are left out: {}", reason.as_str()))
        .collect();
    notes.extend(not_understood.iter().map(|usage_type| {
        format!("warning: {usage_type} is not understood: if it is a price, the book lacks it")
    }));
    Ok(Newer { book, notes, not_understood })
}
