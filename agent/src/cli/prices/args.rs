//! Which prices a command reckons with: the book, what is laid over it, and the date.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use nova_pricing::book::{PriceBook, STALE_AFTER_DAYS};
use nova_pricing::prices::Prices;
use nova_pricing::time;

use super::super::output::{complain, visible};
use crate::prices::{self, overlay};

/// The word for the book of this version, where a file could be named.
const BUILT_IN: &str = "built-in";

/// Book, overlays and date.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which prices")]
pub(in crate::cli) struct PriceArgs {
    /// The price book; that of this version where none is named.
    #[arg(long, value_name = "FILE", env = "NOVA_PRICE_BOOK")]
    pub(in crate::cli) book: Option<PathBuf>,
    /// Negotiated prices in HCL, laid over the book; may be repeated, later ones win.
    #[arg(long = "overlay", value_name = "FILE", env = "NOVA_PRICE_OVERLAY", value_delimiter = ',')]
    pub(in crate::cli) overlays: Vec<PathBuf>,
    /// The day, or the instant, whose prices are meant; today where it is not told.
    #[arg(long, value_name = "DATE", value_parser = time::instant)]
    pub(in crate::cli) at: Option<Timestamp>,
}

impl PriceArgs {
    /// The date that is meant.
    pub(in crate::cli) fn at(&self) -> Timestamp {
        self.at.unwrap_or_else(Timestamp::now)
    }

    /// Reads book and overlays; a stale book is told on standard error.
    pub(in crate::cli) fn load(&self) -> anyhow::Result<Prices> {
        let book = book(self.book.as_deref())?;
        let overlay = overlay::load(&self.overlays)?;
        if let Some(warning) = stale(&book, Timestamp::now()) {
            complain(&visible(&warning));
        }
        Ok(Prices { book, overlay })
    }
}

/// The book of a file, or of this version.
pub(super) fn book(file: Option<&Path>) -> anyhow::Result<PriceBook> {
    prices::book(file.filter(|file| *file != Path::new(BUILT_IN)))
}

/// What is said of a book that is too old to be relied upon.
pub(super) fn stale(book: &PriceBook, now: Timestamp) -> Option<String> {
    let age = book.age(now);
    age.is_stale.then(|| {
        format!(
            "warning: the prices were published {} days ago ({}), more than {STALE_AFTER_DAYS}: bring the book up to date by nova-agent prices update",
            age.days,
            time::shown(book.published())
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_book_is_told_with_its_age() {
        let book = PriceBook::built_in();
        assert_eq!(stale(book, "2026-11-30T00:00:00Z".parse().unwrap()), None);
        let told = stale(book, "2027-01-01T00:00:00Z".parse().unwrap()).unwrap();
        assert!(told.starts_with("warning: the prices were published 122 days ago (2026-09-01)"), "{told}");
    }

    #[test]
    fn the_word_names_the_book_of_this_version() {
        assert_eq!(book(Some(Path::new("built-in"))).unwrap().name(), PriceBook::built_in().name());
        assert!(book(Some(Path::new("/nowhere/prices.toml"))).is_err());
    }
}
