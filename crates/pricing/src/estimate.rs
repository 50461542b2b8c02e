//! What traffic would cost: low, likely and high, over some days, for each tier and geography that has prices.
//!
//! Whole units are made of a profile first, and priced then, so that an estimate is exact for the traffic that it states.

use jiff::Timestamp;
use serde::Serialize;

use crate::book::{PriceBook, Scope};
use crate::cost::{Call, CostError};
use crate::kind::{Kind, Tier};
use crate::model::{ModelRef, Routing};
use crate::money::PicoDollars;
use crate::prices::Prices;
use crate::usage::Usage;

/// A guess with its bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bounds<T> {
    /// What it is at least.
    pub low: T,
    /// What it probably is.
    pub likely: T,
    /// What it is at most.
    pub high: T,
}

/// The traffic of one application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Its name.
    pub name: String,
    /// The foundation model's id.
    pub model: String,
    /// Requests a day.
    pub requests_per_day: Bounds<u64>,
    /// Tokens of one request's prompt, those from the cache included.
    pub input_tokens: Bounds<u64>,
    /// Tokens of one answer.
    pub output_tokens: Bounds<u64>,
    /// The part of the prompt's tokens that is read from the cache, in hundredths of a percent.
    pub cache_read: u64,
    /// The part of the prompt's tokens that is written to the cache, in hundredths of a percent.
    pub cache_write: u64,
}

/// A way to be served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Offer {
    /// In the region, or by which profile.
    pub routing: Routing,
    /// The AWS region that is asked; any of another geography where there is none.
    pub region: Option<String>,
    /// The service tier.
    pub tier: Tier,
}

/// All of a part, in hundredths of a percent.
pub const WHOLE: u64 = 10_000;

impl<T> Bounds<T> {
    /// The same three times.
    pub fn exactly(value: T) -> Self
    where
        T: Copy,
    {
        Self { low: value, likely: value, high: value }
    }
}

impl Traffic {
    /// What so many days of it use; nothing where it does not fit into 64 bits. Parts of a token are rounded down for what the cache
    /// holds, and the rest is input.
    #[must_use]
    pub fn usage(&self, days: u32) -> Option<Bounds<Usage>> {
        let one = |requests: u64, input: u64, output: u64| -> Option<Usage> {
            let requests = requests.checked_mul(days.into())?;
            let input = requests.checked_mul(input)?;
            let part = |share: u64| {
                let tokens = u128::from(input) * u128::from(share.min(WHOLE)) / u128::from(WHOLE);
                u64::try_from(tokens).ok()
            };
            let (read, written) = (part(self.cache_read)?, part(self.cache_write)?);
            let fresh = input.checked_sub(read)?.checked_sub(written)?;
            Some(
                Usage::new()
                    .with(Kind::Input, fresh)
                    .with(Kind::Output, requests.checked_mul(output)?)
                    .with(Kind::CacheRead, read)
                    .with(Kind::CacheWrite, written),
            )
        };
        let (requests, input, output) = (self.requests_per_day, self.input_tokens, self.output_tokens);
        Some(Bounds {
            low: one(requests.low, input.low, output.low)?,
            likely: one(requests.likely, input.likely, output.likely)?,
            high: one(requests.high, input.high, output.high)?,
        })
    }
}

/// What the three usages cost with an offer.
///
/// # Errors
/// When a part of one has no price there.
pub fn estimate<'p>(
    prices: &'p Prices,
    model: &str,
    offer: &Offer,
    usage: &Bounds<Usage>,
    at: Timestamp,
) -> Result<Bounds<PicoDollars>, CostError<'p>> {
    let model = ModelRef { id: model.to_owned(), routing: offer.routing };
    let call =
        Call { model: &model, region: offer.region.as_deref().unwrap_or_default(), tier: offer.tier, at };
    let cost = |usage: &Usage| prices.cost(&call, usage).map(|cost| cost.total);
    Ok(Bounds { low: cost(&usage.low)?, likely: cost(&usage.likely)?, high: cost(&usage.high)? })
}

/// The ways to be served that the book prices for a model: those of the region, and those of other geographies from a region of theirs.
///
/// Whether a profile really can be called from the region is the catalogue's to tell; the book knows prices alone.
#[must_use]
pub fn offers(book: &PriceBook, model: &str, region: &str, at: Timestamp) -> Vec<Offer> {
    let mut offers: Vec<Offer> = book
        .rows_at(at)
        .filter(|row| row.model == model && matches!(row.place.kind, Kind::Input | Kind::Output))
        .filter(|row| row.place.region.as_deref().is_none_or(|of| of == region))
        .map(|row| {
            let routing = match row.place.scope {
                Scope::Only(routing) => routing,
                Scope::Regional => Routing::InRegion,
            };
            // Another geography is called from a region of its own.
            let region = routing.is_called_from(region).then(|| region.to_owned());
            Offer { routing, region, tier: row.place.tier }
        })
        .collect();
    offers.sort();
    offers.dedup();
    offers
}

#[cfg(test)]
mod tests;
