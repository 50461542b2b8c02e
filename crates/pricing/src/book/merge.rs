//! A book that takes over what another one says, and keeps its own history.
//!
//! Owns the rule: what a newer publication says of a place holds from its date on, and what was before it stays, ended at that date. What
//! it does not speak of stays as it is, because price lists are published region by region.

use super::{PriceBook, Query, Row, Scope, in_force};
use crate::model::{Geography, ModelRef, Routing};
use crate::rate::Rate;

impl PriceBook {
    /// The book with what `newer` says of prices put over it.
    ///
    /// A price that is the same as the one in force changes nothing, whatever date the newer one gives it: AWS dates its list anew with
    /// each publication.
    #[must_use]
    pub fn updated(&self, newer: &Self) -> Self {
        let mut book = self.clone();
        book.published = self.published.max(newer.published);
        for row in newer.rows() {
            if book.take_over(row, newer)
                && let Some(source) = newer.sources.get(&row.source)
            {
                book.sources.insert(row.source.clone(), source.clone());
            }
        }
        book
    }

    /// Whether the row was taken over.
    fn take_over(&mut self, row: &Row, newer: &Self) -> bool {
        let places = self.rows.entry(row.model.clone()).or_default();
        let rows = places.entry(row.place.clone()).or_default();
        let at = row.from.map_or(newer.published, |from| from.max(newer.published));
        if let Some(own) = in_force(rows, at)
            && own.rate == row.rate
            // Price lists do not tell when a model ends; who knows it has written it.
            && (row.until.is_none() || own.until == row.until)
        {
            return false;
        }
        if rows.contains(row) {
            return false;
        }
        // What the older book thought of the time from this row on, up to its publication, is replaced; what is announced for later stays.
        rows.retain(|own| {
            let is_announced = own.from.is_some_and(|from| from > newer.published);
            own.from < row.from || (own.from > row.from && is_announced)
        });
        for own in rows.iter_mut().filter(|own| own.from < row.from) {
            if own.until.is_none_or(|until| row.from.is_some_and(|from| until > from)) {
                own.until = row.from;
            }
        }
        let at = rows.partition_point(|own| own.from < row.from);
        rows.insert(at, row.clone());
        true
    }

    /// What the calls of a row cost by this book when the row begins, where it tells: by its own place or by a more general one.
    pub(super) fn before(&self, row: &Row) -> Option<Rate> {
        let region = row.place.region.as_deref().unwrap_or_default();
        let routings = match row.place.scope {
            Scope::Only(routing) => vec![routing],
            Scope::Regional => {
                let local = Geography::of_region(region).into_iter().map(Routing::Profile);
                std::iter::once(Routing::InRegion).chain(local).collect()
            }
        };
        let at = row.from.unwrap_or(self.published);
        routings.into_iter().find_map(|routing| {
            let model = ModelRef { id: row.model.clone(), routing };
            let place = &row.place;
            let query = Query { model: &model, region, tier: place.tier, kind: place.kind, at };
            self.find(&query).ok().map(|row| row.rate)
        })
    }
}

impl Geography {
    /// The geography whose profile is called from a region: what a regional price is compared with where there is none for the region.
    fn of_region(region: &str) -> Option<Self> {
        match region.split_once('-')? {
            ("us", rest) if rest.starts_with("gov-") => Some(Self::UsGov),
            ("us", _) => Some(Self::Us),
            ("eu", _) => Some(Self::Eu),
            ("ca", _) => Some(Self::Ca),
            ("ap", "northeast-1" | "northeast-3") => Some(Self::Jp),
            ("ap", _) => Some(Self::Apac),
            _ => None,
        }
    }
}
