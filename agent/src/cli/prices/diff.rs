//! `nova-agent prices diff`: two books beside each other.

use std::process::ExitCode;

use nova_pricing::book::diff;
use serde_json::json;

use super::super::PENDING;
use super::super::output::{print, visible};
use super::DiffArgs;
use super::args::book;
use super::shown::{change_json, changes_text};

pub(super) fn run(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let (old, new) = (book(Some(&args.old))?, book(Some(&args.new))?);
    let changes = diff(&old, &new);
    if args.json {
        let changes: Vec<_> = changes.iter().map(change_json).collect();
        print(&json!({ "old": old.name(), "new": new.name(), "changes": changes }).to_string())?;
    } else {
        print(&visible(&changes_text(&changes)))?;
    }
    let is_told = args.exit_code && !changes.is_empty();
    Ok(if is_told { ExitCode::from(PENDING) } else { ExitCode::SUCCESS })
}
