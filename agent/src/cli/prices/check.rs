//! `nova-agent prices check`: whether book and overlays can be used, and how old the book is.

use std::process::ExitCode;

use nova_pricing::time;
use serde_json::json;

use super::super::FAILED;
use super::super::output::{complain, print, visible};
use super::CheckArgs;
use super::args::{book, stale};
use crate::prices::overlay;

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let book = book(args.prices.book.as_deref());
    let overlay = overlay::load(&args.prices.overlays);
    let mut faults: Vec<String> = Vec::new();
    faults.extend(book.as_ref().err().map(|error| format!("{error:#}")));
    faults.extend(overlay.as_ref().err().map(ToString::to_string));
    let warning = book.as_ref().ok().and_then(|book| stale(book, args.prices.at()));
    let rules = overlay.as_ref().map_or(0, |overlay| overlay.rules().len());
    if args.json {
        let age = book.as_ref().ok().map(|book| book.age(args.prices.at()).days);
        let told = json!({
            "valid": faults.is_empty(), "faults": faults, "stale": warning.is_some(), "age_days": age,
            "name": book.as_ref().ok().map(|book| book.name().to_owned()),
            "published": book.as_ref().ok().map(|book| time::shown(book.published())),
            "prices": book.as_ref().map_or(0, |book| book.rows().count()), "rules": rules,
        });
        print(&told.to_string())?;
    } else {
        faults.iter().for_each(|fault| complain(&visible(fault)));
        if let Ok(book) = &book
            && faults.is_empty()
        {
            let days = book.age(args.prices.at()).days;
            let (count, published) = (book.rows().count(), time::shown(book.published()));
            let text = format!(
                "{}: {count} prices, published {published}, {days} days ago; {rules} negotiated",
                book.name()
            );
            print(&visible(&text))?;
        }
        if let Some(warning) = warning {
            complain(&visible(&warning));
        }
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
