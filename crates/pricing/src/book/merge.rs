//! A book that takes over what another one says, and keeps its own history.
//!
//! Owns the rule: what a newer publication says of a place holds from its date on, and what was before it stays, ended at that date. What
//! it does not speak of stays as it is, because price lists are published region by region.

use jiff::Timestamp;

use super::{PriceBook, Query, Row, Scope, in_force};
use crate::model::{Geography, ModelRef, Routing};
use crate::rate::Rate;

/// The calls that no regional price is of.
const GLOBAL: Routing = Routing::Profile(Geography::Global);

impl PriceBook {
    /// The book with what `newer` says of prices put over it.
    ///
    /// A price that is the same as the one in force changes nothing, whatever date the newer one gives it: AWS dates its list anew with
    /// each publication.
    #[must_use]
    pub fn updated(&self, newer: &Self) -> Self {
        let mut book = self.clone();
        book.published = self.published.max(newer.published);
        for (model, places) in &newer.rows {
            for (place, rows) in places {
                let own = book.rows.entry(model.clone()).or_default().entry(place.clone()).or_default();
                if !take_over(own, rows, newer.published) {
                    continue;
                }
                for row in rows {
                    if let Some(source) = newer.sources.get(&row.source) {
                        book.sources.insert(row.source.clone(), source.clone());
                    }
                }
            }
        }
        book
    }

    /// What the calls of a row cost by this book when the row begins, where it tells: by its own place or by a more general one.
    pub(super) fn before(&self, row: &Row) -> Option<Rate> {
        let region = row.place.region.as_deref().unwrap_or_default();
        let routings = match row.place.scope {
            Scope::Only(routing) => vec![routing],
            Scope::Regional => {
                // What only profiles are known of is compared with the profiles that are called from there.
                let is_local = |routing: &Routing| routing.is_called_from(region) && *routing != GLOBAL;
                Routing::all().filter(is_local).collect()
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

/// Puts the newer rows of a place over its own; tells whether that changed anything.
fn take_over(own: &mut Vec<Row>, newer: &[Row], published: Timestamp) -> bool {
    if let [row] = newer
        && let Some(now) = in_force(own, row.from.map_or(published, |from| from.max(published)))
        && now.rate == row.rate
        // Price lists do not tell when a model ends; who knows it has written it.
        && (row.until.is_none() || now.until == row.until)
    {
        return false;
    }
    let before = own.clone();
    let start = newer.first().and_then(|row| row.from);
    // What the older book thought of the time from then on is replaced; what it has announced for later than the publication stays.
    own.retain(|row| {
        let is_announced = row.from.is_some_and(|from| from > published);
        let is_told = newer.iter().any(|other| other.from == row.from);
        row.from < start || (is_announced && !is_told)
    });
    own.extend_from_slice(newer);
    own.sort_by_key(|row| row.from);
    // A price that was to hold for longer ends where the next one begins.
    let begins: Vec<Option<Timestamp>> = own.iter().skip(1).map(|row| row.from).collect();
    for (row, next) in own.iter_mut().zip(begins) {
        row.until = match (row.until, next) {
            (Some(until), Some(next)) => Some(until.min(next)),
            (until, _) => until,
        };
    }
    *own != before
}
