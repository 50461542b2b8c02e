//! The price book: rows of list prices, each with its dates and its source.
//!
//! Owns what a row is, and which row answers for a call. Reading and writing are in `read` and `write`, comparing in `diff`, taking
//! over another book in `merge`.

mod diff;
mod merge;
mod read;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::Timestamp;

use crate::kind::{Kind, Tier, Unit};
use crate::model::{Geography, ModelRef, Routing, RoutingError};
use crate::rate::Rate;
use crate::time;

pub use diff::{Change, diff};
pub use read::{BookError, BookFault};

/// The book that this build carries, as it is committed.
pub const BUILT_IN: &str = include_str!("../data/bedrock.toml");

/// After so many days a book is called stale: list prices are published anew several times a year.
pub const STALE_AFTER_DAYS: i64 = 90;

/// The calls that a row prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All but those by a `global` profile: AWS bills a geography's profile at the price of the region that was asked.
    Regional,
    /// Those that go this way.
    Only(Routing),
}

/// What a price depends on, beside model and date.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which calls.
    pub scope: Scope,
    /// The region that was asked; any where there is none.
    pub region: Option<String>,
    /// The service tier.
    pub tier: Tier,
    /// What is counted.
    pub kind: Kind,
}

/// One price, for as long as it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The foundation model's id.
    pub model: String,
    /// For which calls.
    pub place: Place,
    /// From when on; since ever where it is not told.
    pub from: Option<Timestamp>,
    /// Until when, exclusive; until the next row of its place where it is not told.
    pub until: Option<Timestamp>,
    /// The price of one unit.
    pub rate: Rate,
    /// The price in dollars as its source writes it.
    pub written: String,
    /// What the written price is for.
    pub per: Unit,
    /// The name of its source in the book.
    pub source: String,
    /// What a reader of the price should know.
    pub note: Option<String>,
}

/// Where prices are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The address of the publication.
    pub url: String,
    /// The date that it speaks of: when it was published, or read where that is not told.
    pub as_of: Timestamp,
    /// Through whom it was read, and what else has to be known to find it again.
    pub through: Option<String>,
}

/// List prices in US dollars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    name: String,
    published: Timestamp,
    sources: BTreeMap<String, Source>,
    /// By model and place, in the order of their dates, without overlaps.
    rows: BTreeMap<String, BTreeMap<Place, Vec<Row>>>,
}

/// How old a book is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// Days since its prices were published; negative for a book of the future.
    pub days: i64,
    /// Whether that is more than [`STALE_AFTER_DAYS`].
    pub is_stale: bool,
}

/// What a price is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The model, and the way to it.
    pub model: &'a ModelRef,
    /// The AWS region that was asked.
    pub region: &'a str,
    /// The service tier.
    pub tier: Tier,
    /// What is counted.
    pub kind: Kind,
    /// When the call was made.
    pub at: Timestamp,
}

/// Why there is no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// The book has no such model.
    #[error(
        "the price book has no model {model}: load a newer one, or give it a price of your own in an overlay"
    )]
    UnknownModel {
        /// The foundation model's id.
        model: String,
    },
    /// It has the model, and no price for such calls.
    #[error("there is no price of {what}: the book has {known}")]
    NoPrice {
        /// What was asked for.
        what: String,
        /// What there is of that model and kind.
        known: String,
    },
    /// Its first price is of a later date.
    #[error("there is no price of {what} yet at that date: the first is from {from}")]
    NotYet {
        /// What was asked for.
        what: String,
        /// When the first price begins.
        from: String,
    },
    /// Its last price has ended.
    #[error(
        "the price of {what} has ended on {until}: the model may have reached the end of its life, or the book is old"
    )]
    Ended {
        /// What was asked for.
        what: String,
        /// When the last price before that date ended.
        until: String,
    },
    /// A discount makes a fraction of it that the arithmetic does not hold.
    #[error(
        "the price of {what} cannot be computed by overlay {rule}: write its percentage with fewer digits"
    )]
    TooFine {
        /// What was asked for.
        what: String,
        /// The rule's name.
        rule: String,
    },
}

impl PriceBook {
    /// The book that this build carries.
    ///
    /// # Panics
    /// Never in a build that passed its tests, which read the same text.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the data is compiled in, and a test reads it")]
    pub fn built_in() -> &'static Self {
        static BOOK: LazyLock<PriceBook> =
            LazyLock::new(|| PriceBook::parse(BUILT_IN).expect("the built-in price book is sound"));
        &BOOK
    }

    /// An empty book of that name.
    #[must_use]
    pub fn empty(name: impl Into<String>, published: Timestamp) -> Self {
        Self { name: name.into(), published, sources: BTreeMap::new(), rows: BTreeMap::new() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When its prices were published.
    #[must_use]
    pub fn published(&self) -> Timestamp {
        self.published
    }

    /// Where its prices are from, by name.
    #[must_use]
    pub fn sources(&self) -> &BTreeMap<String, Source> {
        &self.sources
    }

    /// The ids of its models.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    /// All rows, by model, place and date.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values().flat_map(BTreeMap::values).flatten()
    }

    /// The rows that are in force at that time.
    pub fn rows_at(&self, at: Timestamp) -> impl Iterator<Item = &Row> {
        self.rows.values().flat_map(BTreeMap::values).filter_map(move |rows| in_force(rows, at))
    }

    /// How old it is at that time.
    #[must_use]
    pub fn age(&self, at: Timestamp) -> Age {
        let days = time::days_between(self.published, at);
        Age { days, is_stale: days > STALE_AFTER_DAYS }
    }

    /// The row that prices such a call. A row for its region wins over one for any, then one for its very way over a regional one.
    ///
    /// # Errors
    /// When there is none, with what there is.
    pub fn find(&self, query: &Query<'_>) -> Result<&Row, PriceError> {
        let places = self
            .rows
            .get(&query.model.id)
            .ok_or_else(|| PriceError::UnknownModel { model: query.model.id.clone() })?;
        let candidates: Vec<&Vec<Row>> =
            query.places().iter().filter_map(|place| places.get(place)).collect();
        if let Some(row) = candidates.iter().copied().find_map(|rows| in_force(rows, query.at)) {
            return Ok(row);
        }
        let what = query.to_string();
        let ended = candidates.iter().flat_map(|rows| rows.iter()).filter_map(|row| row.until);
        if let Some(until) = ended.filter(|until| *until <= query.at).max() {
            return Err(PriceError::Ended { what, until: time::shown(until) });
        }
        let begins = candidates.iter().flat_map(|rows| rows.iter()).filter_map(|row| row.from).min();
        if let Some(from) = begins {
            return Err(PriceError::NotYet { what, from: time::shown(from) });
        }
        Err(PriceError::NoPrice { what, known: known(places, query.kind) })
    }

    /// Adds a source, or puts it in the place of one of the same name.
    pub fn add_source(&mut self, name: &str, source: Source) {
        self.sources.insert(name.to_owned(), source);
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When it overlaps with another of its place.
    pub fn add(&mut self, row: Row) -> Result<(), OverlapError> {
        let others = self.rows.get(&row.model).and_then(|places| places.get(&row.place));
        if let Some(other) = others.into_iter().flatten().find(|other| overlaps(other, &row)) {
            return Err(OverlapError { row: row.name(), other: other.name() });
        }
        self.insert(row);
        Ok(())
    }

    /// Puts a row into its place, where it does not overlap with another.
    fn insert(&mut self, row: Row) {
        let places = self.rows.entry(row.model.clone()).or_default();
        let rows = places.entry(row.place.clone()).or_default();
        let at = rows.partition_point(|other| other.from < row.from);
        rows.insert(at, row);
    }
}

/// Two prices for one place and time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{row} overlaps with {other}: give the earlier one an until that is no later")]
pub struct OverlapError {
    row: String,
    other: String,
}

/// Whether both hold at some time. A row without an end holds until the next one begins, so that only its beginning counts.
fn overlaps(one: &Row, other: &Row) -> bool {
    if one.from == other.from {
        return true;
    }
    let (earlier, later) = if one.from < other.from { (one, other) } else { (other, one) };
    earlier.until.is_some_and(|until| later.from.is_none_or(|from| from < until))
}

/// The most combinations that an error names.
const NAMED_MAX: usize = 8;

/// What there is of a kind, for an error.
fn known(places: &BTreeMap<Place, Vec<Row>>, kind: Kind) -> String {
    let of_kind: Vec<String> = places.keys().filter(|place| place.kind == kind).map(Place::calls).collect();
    match of_kind.len() {
        0 => {
            let mut kinds: Vec<&str> = places.keys().map(|place| place.kind.as_str()).collect();
            kinds.sort_unstable();
            kinds.dedup();
            format!("prices of {} alone for this model", kinds.join(", "))
        }
        count if count > NAMED_MAX => {
            let named: Vec<String> = of_kind.into_iter().take(NAMED_MAX).collect();
            format!("{}, and {} more", named.join(", "), count - NAMED_MAX)
        }
        _ => of_kind.join(", "),
    }
}

/// The row that holds at that time, of rows in the order of their dates.
fn in_force(rows: &[Row], at: Timestamp) -> Option<&Row> {
    let row = rows.iter().rev().find(|row| row.from.is_none_or(|from| from <= at))?;
    row.until.is_none_or(|until| at < until).then_some(row)
}

impl Query<'_> {
    /// The places that can price it, the strongest first.
    fn places(&self) -> Vec<Place> {
        let own = Scope::Only(self.model.routing);
        let is_global = self.model.routing == Routing::Profile(Geography::Global);
        let scopes = if is_global { vec![own] } else { vec![own, Scope::Regional] };
        let place = |region: Option<&str>, scope| Place {
            scope,
            region: region.map(str::to_owned),
            tier: self.tier,
            kind: self.kind,
        };
        [Some(self.region), None]
            .into_iter()
            .flat_map(|region| scopes.iter().map(move |scope| place(region, *scope)))
            .collect()
    }
}

impl fmt::Display for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} in {} at tier {}", self.kind, self.model, self.region, self.tier)
    }
}

impl Place {
    /// Which calls it prices, whatever is counted: `us`, `in-region us-east-1`, `eu flex`.
    #[must_use]
    pub fn calls(&self) -> String {
        let mut text = self.scope.to_string();
        if let Some(region) = &self.region {
            text = format!("{text} {region}");
        }
        if self.tier == Tier::Standard { text } else { format!("{text} {}", self.tier) }
    }
}

impl Row {
    /// The row in one line: model, calls, kind, and since when.
    #[must_use]
    pub fn name(&self) -> String {
        let since = self.from.map_or_else(String::new, |from| format!(" from {}", time::shown(from)));
        format!("{} {} {}{since}", self.model, self.place.calls(), self.place.kind)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Only(routing) => routing.as_str(),
            Self::Regional => "regional",
        })
    }
}

/// A name that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}, or regional")]
pub struct ScopeError(RoutingError);

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text == "regional" { Ok(Self::Regional) } else { text.parse().map(Self::Only).map_err(ScopeError) }
    }
}

#[cfg(test)]
mod tests;
