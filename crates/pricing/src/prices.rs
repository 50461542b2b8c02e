//! Which price a call has, and why: the list price of the book, or what a rule of the overlay makes of it.

use crate::book::{PriceBook, PriceError, Query, Row};
use crate::overlay::{Overlay, Rule, Terms};
use crate::rate::Rate;

/// A book with an overlay over it.
#[derive(Clone, Debug)]
pub struct Prices {
    /// The list prices.
    pub book: PriceBook,
    /// What was negotiated.
    pub overlay: Overlay,
}

/// A price, with what it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPrice<'a> {
    /// What one unit costs.
    pub rate: Rate,
    /// The list price. None where the book has none, and an absolute price stands alone.
    pub row: Option<&'a Row>,
    /// The rule that decided.
    pub rule: Option<&'a Rule>,
    /// Rules that speak of such calls and were weaker, the strongest first.
    pub weaker: Vec<&'a Rule>,
}

impl Prices {
    /// List prices alone.
    #[must_use]
    pub fn list(book: PriceBook) -> Self {
        Self { book, overlay: Overlay::default() }
    }

    /// The price of such a call.
    ///
    /// # Errors
    /// When the book has none, and no rule gives an absolute one.
    pub fn find(&self, query: &Query<'_>) -> Result<FoundPrice<'_>, PriceError> {
        let row = self.book.find(query);
        let list = row.as_ref().ok().map(|row| row.rate);
        let mut rules = self.overlay.covering(query).into_iter();
        // A discount on what has no list price decides nothing; a weaker rule may still name a price.
        while let Some(rule) = rules.next() {
            let applied = rule.terms.applied(query.kind, list);
            let applied = applied
                .map_err(|_| PriceError::TooFine { what: query.to_string(), rule: rule.name.clone() })?;
            if let Some(rate) = applied {
                return Ok(FoundPrice { rate, row: row.ok(), rule: Some(rule), weaker: rules.collect() });
            }
        }
        let row = row?;
        Ok(FoundPrice { rate: row.rate, row: Some(row), rule: None, weaker: Vec::new() })
    }
}

impl FoundPrice<'_> {
    /// Where the price comes from, in one line.
    #[must_use]
    pub fn explain(&self) -> String {
        let list = self.row.map(|row| {
            format!("list price {} per {} ({}, source {})", row.written, row.per, row.name(), row.source)
        });
        match self.rule {
            None => list.unwrap_or_default(),
            Some(rule) => {
                let terms = match &rule.terms {
                    Terms::Discount { percent, .. } => format!("{percent} % off"),
                    Terms::Prices(prices) => {
                        let price = prices.values().find(|price| price.rate == self.rate);
                        price.map_or_else(String::new, |price| format!("{} per {}", price.written, price.per))
                    }
                };
                let list = list.map_or_else(|| "no list price".to_owned(), |list| format!("the {list}"));
                format!("overlay {}: {terms}, in place of {list}", rule.name)
            }
        }
    }
}
