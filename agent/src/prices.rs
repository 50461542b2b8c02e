//! Prices for commands: which book, which negotiated rules, which traffic.
//!
//! Owns the reading of files; what prices are and what things cost is the crate `nova-pricing`.

pub mod access_log;
pub mod overlay;
pub mod replace;
pub mod traffic;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use nova_pricing::book::PriceBook;

/// The largest book: a hundred times the built-in one.
const BOOK_BYTES_MAX: u64 = 16 << 20;

/// The book in a file; the one of this build where none is named.
///
/// # Errors
/// When the file cannot be read, or every fault of it, one a line, with file and line.
pub fn book(file: Option<&Path>) -> anyhow::Result<PriceBook> {
    let Some(file) = file else { return Ok(PriceBook::built_in().clone()) };
    let shown = file.display();
    let mut text = String::new();
    let opened = File::open(file).with_context(|| format!("{shown} cannot be read"))?;
    opened
        .take(BOOK_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("{shown} cannot be read"))?;
    ensure!(
        u64::try_from(text.len()).is_ok_and(|length| length <= BOOK_BYTES_MAX),
        "{shown} is larger than {BOOK_BYTES_MAX} bytes: name a price book"
    );
    PriceBook::parse(&text).map_err(|error| {
        let faults = error.0.iter().map(|fault| format!("{shown}:{}: {}", fault.line, fault.problem));
        anyhow!("{}", faults.collect::<Vec<_>>().join("\n"))
    })
}
