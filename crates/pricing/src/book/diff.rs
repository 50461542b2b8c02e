//! What is different between two books, price by price.

use std::collections::BTreeSet;

use super::{Place, PriceBook, Row};
use crate::rate::Rate;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// A price that the first book has not. `before` is what such calls cost by the first book at that date, where it tells.
    Added {
        /// The price.
        row: &'a Row,
        /// What it takes the place of.
        before: Option<Rate>,
    },
    /// A price that the second book has not.
    Removed {
        /// The price.
        row: &'a Row,
    },
    /// A price that is another in the second book, or ends at another date.
    Changed {
        /// As it is in the first book.
        old: &'a Row,
        /// As it is in the second book.
        new: &'a Row,
    },
}

impl Change<'_> {
    /// The row that it is about, as it is afterwards where it still is.
    #[must_use]
    pub fn row(&self) -> &Row {
        match self {
            Self::Added { row, .. } | Self::Removed { row } => row,
            Self::Changed { new, .. } => new,
        }
    }

    /// The price before and after, where there is one.
    #[must_use]
    pub fn rates(&self) -> (Option<Rate>, Option<Rate>) {
        match self {
            Self::Added { row, before } => (*before, Some(row.rate)),
            Self::Removed { row } => (Some(row.rate), None),
            Self::Changed { old, new } => (Some(old.rate), Some(new.rate)),
        }
    }
}

/// All differences, by model, place and date. Names of sources and of the books are not compared.
#[must_use]
pub fn diff<'a>(old: &'a PriceBook, new: &'a PriceBook) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    let models: BTreeSet<&String> = old.rows.keys().chain(new.rows.keys()).collect();
    for model in models {
        let places: BTreeSet<&Place> = [old, new]
            .into_iter()
            .filter_map(|book| book.rows.get(model))
            .flatten()
            .map(|(place, _)| place)
            .collect();
        for place in places {
            let rows = |book: &'a PriceBook| -> &'a [Row] {
                book.rows
                    .get(model)
                    .and_then(|places| places.get(place))
                    .map(Vec::as_slice)
                    .unwrap_or_default()
            };
            of_place(old, rows(old), rows(new), &mut changes);
        }
    }
    changes
}

fn of_place<'a>(book: &PriceBook, old: &'a [Row], new: &'a [Row], changes: &mut Vec<Change<'a>>) {
    let dates: BTreeSet<_> = old.iter().chain(new).map(|row| row.from).collect();
    for date in dates {
        let at = |rows: &'a [Row]| rows.iter().find(|row| row.from == date);
        match (at(old), at(new)) {
            (Some(old), Some(new)) if old.rate != new.rate || old.until != new.until => {
                changes.push(Change::Changed { old, new });
            }
            (Some(row), None) => changes.push(Change::Removed { row }),
            (None, Some(row)) => changes.push(Change::Added { row, before: book.before(row) }),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}
