//! Negotiated prices: a customer's own rules, laid over the list prices.
//!
//! Owns which rule decides. Exactly one does: discounts are not added up. In this order: the higher `precedence`; an absolute price before
//! a percentage; the rule that names more dimensions (models, regions, routings, tiers, kinds). Two rules that could both decide are
//! refused when the overlay is made, so that the order of a file never matters. How rules are written is their reader's.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::book::Query;
use crate::decimal::Decimal;
use crate::kind::{Kind, Tier, Unit};
use crate::model::Routing;
use crate::rate::{Rate, RateError};

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, which reports tell.
    pub name: String,
    /// The higher one decides.
    pub precedence: i32,
    /// From when on; since ever where it is not told.
    pub from: Option<Timestamp>,
    /// Until when, exclusive; for ever where it is not told.
    pub until: Option<Timestamp>,
    /// Ids of foundation models; all where there are none.
    pub models: Vec<String>,
    /// AWS regions that are asked; all where there are none.
    pub regions: Vec<String>,
    /// Ways to the model; all where there are none.
    pub routings: Vec<Routing>,
    /// Service tiers; all where there are none.
    pub tiers: Vec<Tier>,
    /// What it does to prices.
    pub terms: Terms,
}

/// What a rule does to prices.
#[derive(Clone, Debug, PartialEq)]
pub enum Terms {
    /// Takes a percentage off the list price.
    Discount {
        /// From 0 to 100.
        percent: Decimal,
        /// What it is taken off; everything where there is nothing.
        kinds: Vec<Kind>,
    },
    /// Takes the place of the list price, also where the book has none.
    Prices(BTreeMap<Kind, AgreedPrice>),
}

/// An absolute price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreedPrice {
    /// In dollars, as it is written in the contract.
    pub written: String,
    /// What it is for.
    pub per: Unit,
    /// The price of one unit.
    pub rate: Rate,
}

/// Rules of which at most one decides about any call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    rules: Vec<Rule>,
}

/// Two rules that could both decide about a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{first} and {second} may both decide about the same call, and neither is stronger: give one of them a higher precedence"
)]
pub struct AmbiguityError {
    /// The name of one.
    pub first: String,
    /// The name of the other.
    pub second: String,
}

impl Terms {
    /// What such a unit costs by these terms, whose list price is `list`; nothing where they say nothing about it.
    ///
    /// # Errors
    /// When the discounted price has too many digits.
    pub fn applied(&self, kind: Kind, list: Option<Rate>) -> Result<Option<Rate>, RateError> {
        match self {
            Self::Prices(prices) => Ok(prices.get(&kind).map(|price| price.rate)),
            Self::Discount { percent, .. } => list.map(|list| list.discounted(*percent)).transpose(),
        }
    }
}

impl Rule {
    fn kinds(&self) -> Vec<Kind> {
        match &self.terms {
            Terms::Discount { kinds, .. } => kinds.clone(),
            Terms::Prices(prices) => prices.keys().copied().collect(),
        }
    }

    /// How strong it is; the stronger one decides.
    fn rank(&self) -> (i32, bool, usize) {
        let is_absolute = matches!(self.terms, Terms::Prices(_));
        // Absolute prices always name what they are of, so that only a percentage is more special by it.
        let names_kinds = !is_absolute && !self.kinds().is_empty();
        let named = [
            !self.models.is_empty(),
            !self.regions.is_empty(),
            !self.routings.is_empty(),
            !self.tiers.is_empty(),
            names_kinds,
        ];
        (self.precedence, is_absolute, named.into_iter().filter(|is_named| *is_named).count())
    }

    /// Whether it speaks of such a call.
    #[must_use]
    pub fn covers(&self, query: &Query<'_>) -> bool {
        let is_in_time =
            self.from.is_none_or(|from| from <= query.at) && self.until.is_none_or(|until| query.at < until);
        is_in_time
            && names(&self.models, &query.model.id)
            && (self.regions.is_empty() || self.regions.iter().any(|region| region == query.region))
            && names(&self.routings, &query.model.routing)
            && names(&self.tiers, &query.tier)
            && names(&self.kinds(), &query.kind)
    }

    fn may_meet(&self, other: &Self) -> bool {
        let ends_before = |one: &Self, other: &Self| matches!((one.until, other.from), (Some(until), Some(from)) if until <= from);
        !ends_before(self, other)
            && !ends_before(other, self)
            && meet(&self.models, &other.models)
            && meet(&self.regions, &other.regions)
            && meet(&self.routings, &other.routings)
            && meet(&self.tiers, &other.tiers)
            && meet(&self.kinds(), &other.kinds())
    }
}

fn names<T: PartialEq>(named: &[T], value: &T) -> bool {
    named.is_empty() || named.contains(value)
}

fn meet<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|value| other.contains(value))
}

impl Overlay {
    /// An overlay of these rules.
    ///
    /// # Errors
    /// When two of them could both decide about a call: every such pair.
    pub fn new(rules: Vec<Rule>) -> Result<Self, Vec<AmbiguityError>> {
        let mut ambiguous = Vec::new();
        for (index, first) in rules.iter().enumerate() {
            for second in rules.iter().skip(index + 1) {
                if first.rank() == second.rank() && first.may_meet(second) {
                    ambiguous.push(AmbiguityError { first: first.name.clone(), second: second.name.clone() });
                }
            }
        }
        if ambiguous.is_empty() { Ok(Self { rules }) } else { Err(ambiguous) }
    }

    /// Its rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules that speak of such a call, the one that decides first.
    #[must_use]
    pub fn covering(&self, query: &Query<'_>) -> Vec<&Rule> {
        let mut covering: Vec<&Rule> = self.rules.iter().filter(|rule| rule.covers(query)).collect();
        covering.sort_by_key(|rule| std::cmp::Reverse(rule.rank()));
        covering
    }
}

#[cfg(test)]
mod tests;
