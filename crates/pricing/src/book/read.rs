//! A book from its text: TOML, with every fault at its line.
//!
//! Owns the form of a row and what rows may not do to each other. The format is described in `docs/reference/prices.md`.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use toml::Spanned;

use super::{Place, PriceBook, Row, Scope, Source};
use crate::decimal::Decimal;
use crate::kind::{Kind, Tier, Unit};
use crate::rate::Rate;
use crate::time;

/// The version of the format that is read and written.
pub(super) const FORMAT: u32 = 1;

/// The most rows of a book: sixty times what is published today of all models of Bedrock.
const ROWS_MAX: usize = 100_000;

/// One thing that is wrong with a book.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BookFault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what to write.
    pub problem: String,
}

/// A book that cannot be used, with every fault of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookError(pub Vec<BookFault>);

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, BookFault { line, problem }) in self.0.iter().enumerate() {
            write!(f, "{}line {line}: {problem}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for BookError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBook {
    format: Spanned<u32>,
    name: String,
    published: Spanned<String>,
    currency: Spanned<String>,
    #[serde(default)]
    source: BTreeMap<String, RawSource>,
    #[serde(default)]
    row: Vec<Spanned<RawRow>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    url: String,
    as_of: Spanned<String>,
    through: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRow {
    model: OneOrMany,
    scope: OneOrMany,
    region: Option<OneOrMany>,
    tier: Option<OneOrMany>,
    from: Option<String>,
    until: Option<String>,
    per: String,
    source: String,
    note: Option<String>,
    price: BTreeMap<String, Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl PriceBook {
    /// Reads a book.
    ///
    /// # Errors
    /// Every fault of it, with its line: what is no TOML, an unknown field, a price that is no decimal, a source that is not there, two
    /// rows for one place and time.
    pub fn parse(text: &str) -> Result<Self, BookError> {
        let raw: RawBook = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            BookError(vec![BookFault { line: line_of(text, start), problem: error.message().to_owned() }])
        })?;
        let mut reader = Reader { text, faults: Vec::new() };
        let book = reader.book(raw);
        reader.faults.sort();
        if reader.faults.is_empty() { Ok(book) } else { Err(BookError(reader.faults)) }
    }
}

/// The line that a byte is in, from 1.
fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

struct Reader<'a> {
    text: &'a str,
    faults: Vec<BookFault>,
}

/// A row's dates, source and unit, which all of its prices share.
struct Shared {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    per: Unit,
    source: String,
    note: Option<String>,
}

impl Reader<'_> {
    fn fault(&mut self, byte: usize, problem: impl ToString) {
        self.faults.push(BookFault { line: line_of(self.text, byte), problem: problem.to_string() });
    }

    /// The value, or a fault at that byte.
    fn taken<T, E: ToString>(&mut self, byte: usize, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.fault(byte, error)).ok()
    }

    fn book(&mut self, raw: RawBook) -> PriceBook {
        if *raw.format.get_ref() != FORMAT {
            self.fault(raw.format.span().start, format!("this version reads format {FORMAT} alone"));
        }
        if raw.currency.get_ref() != "USD" {
            self.fault(raw.currency.span().start, "prices are in USD: write currency = \"USD\"");
        }
        let published = self.taken(raw.published.span().start, time::instant(raw.published.get_ref()));
        let mut book = PriceBook::empty(raw.name, published.unwrap_or_default());
        for (name, source) in raw.source {
            if let Some(as_of) = self.taken(source.as_of.span().start, time::instant(source.as_of.get_ref()))
            {
                book.sources.insert(name, Source { url: source.url, as_of, through: source.through });
            }
        }
        let mut count = 0;
        for row in raw.row {
            let start = row.span().start;
            for row in self.rows(start, row.into_inner(), &book.sources) {
                count += 1;
                if count > ROWS_MAX {
                    self.fault(start, format!("the book has more than {ROWS_MAX} prices"));
                    return book;
                }
                self.taken(start, book.add(row));
            }
        }
        book
    }

    fn rows(&mut self, start: usize, raw: RawRow, sources: &BTreeMap<String, Source>) -> Vec<Row> {
        let found_before = self.faults.len();
        let dates = [&raw.from, &raw.until]
            .map(|date| date.as_ref().and_then(|date| self.taken(start, time::instant(date))));
        let [from, until] = dates;
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            self.fault(start, "the price ends before it begins: write an until that is later than from");
        }
        if !sources.contains_key(&raw.source) {
            self.fault(start, format!("there is no [source.{}]: write one, with url and as_of", raw.source));
        }
        let Some(per) = self.taken(start, raw.per.parse::<Unit>()) else { return Vec::new() };
        let shared = Shared { from, until, per, source: raw.source, note: raw.note };
        let scopes: Vec<Scope> = self.each(start, &raw.scope);
        let standard = OneOrMany::One(Tier::Standard.as_str().to_owned());
        let tiers: Vec<Tier> = self.each(start, raw.tier.as_ref().unwrap_or(&standard));
        let regions: Vec<Option<String>> = match &raw.region {
            None => vec![None],
            Some(regions) => regions.as_slice().iter().cloned().map(Some).collect(),
        };
        let prices = self.prices(&raw.price, &shared);
        let mut rows = Vec::new();
        for model in raw.model.as_slice() {
            for scope in &scopes {
                for region in &regions {
                    for tier in &tiers {
                        for (kind, rate, written) in &prices {
                            let place =
                                Place { scope: *scope, region: region.clone(), tier: *tier, kind: *kind };
                            rows.push(shared.row(model, place, *rate, written));
                        }
                    }
                }
            }
        }
        if rows.is_empty() && self.faults.len() == found_before {
            self.fault(start, "the row prices nothing: write a model, a scope and price = { input = \"…\", output = \"…\" }");
        }
        rows
    }

    fn each<T>(&mut self, start: usize, written: &OneOrMany) -> Vec<T>
    where
        T: std::str::FromStr<Err: ToString>,
    {
        written.as_slice().iter().filter_map(|text| self.taken(start, text.parse())).collect()
    }

    fn prices(
        &mut self,
        written: &BTreeMap<String, Spanned<String>>,
        shared: &Shared,
    ) -> Vec<(Kind, Rate, String)> {
        let mut prices = Vec::new();
        for (name, price) in written {
            let at = price.span().start;
            let Some(kind) = self.taken(at, name.parse::<Kind>()) else { continue };
            if !kind.is_counted_in(shared.per) {
                let unit = shared.per;
                self.fault(
                    at,
                    format!("{kind} is not counted in {unit}: images are per \"image\", tokens are not"),
                );
                continue;
            }
            let Some(decimal) = self.taken(at, price.get_ref().parse::<Decimal>()) else { continue };
            if let Some(rate) = self.taken(at, Rate::of(decimal, shared.per)) {
                prices.push((kind, rate, price.get_ref().clone()));
            }
        }
        prices
    }
}

impl Shared {
    fn row(&self, model: &str, place: Place, rate: Rate, written: &str) -> Row {
        Row {
            model: model.to_owned(),
            place,
            from: self.from,
            until: self.until,
            rate,
            written: written.to_owned(),
            per: self.per,
            source: self.source.clone(),
            note: self.note.clone(),
        }
    }
}
