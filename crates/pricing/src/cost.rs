//! The cost of a usage: one line for each kind, with the price and where it comes from, and their sum.
//!
//! A usage of which one kind has no price has no cost: it is told what is missing, beside what could be priced. So no bill is short
//! without saying so.

use std::fmt;

use jiff::Timestamp;

use crate::book::{PriceError, Query};
use crate::kind::{Kind, Tier};
use crate::model::ModelRef;
use crate::money::PicoDollars;
use crate::prices::{FoundPrice, Prices};
use crate::usage::Usage;

/// Whose usage it is, as far as prices depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The model, and the way to it.
    pub model: &'a ModelRef,
    /// The AWS region that was asked.
    pub region: &'a str,
    /// The service tier that answered.
    pub tier: Tier,
    /// When it was.
    pub at: Timestamp,
}

/// What one kind costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'p> {
    /// What was counted.
    pub kind: Kind,
    /// How much.
    pub units: u64,
    /// The price, and where it comes from.
    pub price: FoundPrice<'p>,
    /// Units times price.
    pub cost: PicoDollars,
}

/// What a usage costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost<'p> {
    /// The kinds that were used, in the order of a bill.
    pub lines: Vec<Line<'p>>,
    /// Their sum.
    pub total: PicoDollars,
}

/// A kind of which some was used, and which has no price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpriced {
    /// What was counted.
    pub kind: Kind,
    /// How much.
    pub units: u64,
    /// Why it has no price.
    pub reason: PriceError,
}

/// Why a usage has no cost.
#[derive(Clone, Debug, PartialEq)]
pub enum CostError<'p> {
    /// A part of it has no price.
    Unpriced {
        /// The part that has one.
        priced: Cost<'p>,
        /// The part that has none, at least one.
        missing: Vec<Unpriced>,
    },
    /// A sum does not fit into 127 bits.
    TooLarge,
}

impl fmt::Display for CostError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unpriced { missing, .. } => {
                for (index, unpriced) in missing.iter().enumerate() {
                    let mark = if index == 0 { "" } else { "; " };
                    write!(f, "{mark}{}", unpriced.reason)?;
                }
                Ok(())
            }
            Self::TooLarge => {
                f.write_str("the cost does not fit: the usage or the price is larger than any can be")
            }
        }
    }
}

impl std::error::Error for CostError<'_> {}

impl Prices {
    /// What a usage costs.
    ///
    /// # Errors
    /// When a part of it has no price, or the sum does not fit.
    pub fn cost(&self, call: &Call<'_>, usage: &Usage) -> Result<Cost<'_>, CostError<'_>> {
        let mut priced = Cost::default();
        let mut missing = Vec::new();
        for (kind, units) in usage.iter() {
            let query = Query { model: call.model, region: call.region, tier: call.tier, kind, at: call.at };
            match self.find(&query) {
                Ok(price) => {
                    let cost = price.rate.cost(units).ok_or(CostError::TooLarge)?;
                    priced.total = priced.total.checked_add(cost).ok_or(CostError::TooLarge)?;
                    priced.lines.push(Line { kind, units, price, cost });
                }
                Err(reason) => missing.push(Unpriced { kind, units, reason }),
            }
        }
        if missing.is_empty() { Ok(priced) } else { Err(CostError::Unpriced { priced, missing }) }
    }
}
