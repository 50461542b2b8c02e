//! AWS's own price list of Bedrock as a book: the offer file `AmazonBedrock/current/<region>/index.json` of the Price List Bulk API.
//!
//! Owns the shape of the file and which of its products are prices of ours; how a usage type is read is in `usage_type`, how the file is
//! streamed in `stream`. The shape is that of the AWS Billing guide, "Reading the service price list file for an AWS service":
//! `publicationDate`, `products.<sku>.attributes`, `terms.OnDemand.<sku>.<term>.priceDimensions.<rate>.pricePerUnit.USD`.

mod stream;
mod usage_type;

use std::collections::BTreeMap;
use std::io::Read;

use jiff::Timestamp;

use crate::book::{Place, PriceBook, Row, Source};
use crate::decimal::Decimal;
use crate::kind::Unit;
use crate::rate::Rate;
use crate::time;

use stream::{Offer, Product, Term};
use usage_type::Reading;

pub use usage_type::LeftOut;

/// The name that the source of such rows has in a book.
fn source_name(region: &str) -> String {
    format!("aws-price-list-{region}")
}

/// A price list as a book, with what was left out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsPrices {
    /// Its prices.
    pub book: PriceBook,
    /// Products that are no prices of ours: how many for each reason.
    pub left_out: BTreeMap<LeftOut, usize>,
    /// Products of our models that are not understood, by usage type: each may be a price that the book lacks.
    pub not_understood: Vec<String>,
}

/// A file that is no price list of Bedrock, or that says something that cannot be a price.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// It cannot be read, or is no JSON of that shape. The text has line and column.
    #[error("the file is no AWS price list: give the index.json of an offer of the Price List Bulk API")]
    Form(#[source] serde_json::Error),
    /// It is of another service.
    #[error("the file is the price list of {0}: give that of AmazonBedrock")]
    Offer(String),
    /// It has none of our models.
    #[error("the price list has no price of a known model")]
    Empty,
    /// One price is not to be understood.
    #[error("{usage_type} (SKU {sku}): {problem}")]
    Price {
        /// The product's number.
        sku: String,
        /// Its usage type.
        usage_type: String,
        /// What is wrong.
        problem: String,
    },
}

/// Reads a price list, in one pass, keeping what is ours alone.
///
/// # Errors
/// When the file is not of that shape, or one of our prices is not to be understood: a wrong price is worse than none.
pub fn read(from: impl Read) -> Result<AwsPrices, AwsError> {
    let offer = stream::read(from).map_err(AwsError::Form)?;
    if offer.code != "AmazonBedrock" {
        return Err(AwsError::Offer(offer.code));
    }
    let mut prices = AwsPrices {
        book: PriceBook::empty("AWS price list of Amazon Bedrock", offer.published),
        left_out: offer.left_out.clone(),
        not_understood: Vec::new(),
    };
    for (sku, product) in &offer.products {
        match &product.reading {
            Reading::Price { .. } => prices.take(&offer, sku, product)?,
            Reading::NotUnderstood => prices.not_understood.push(product.usage_type.clone()),
            Reading::LeftOut(_) => {}
        }
    }
    prices.not_understood.sort();
    if prices.book.rows().next().is_none() {
        return Err(AwsError::Empty);
    }
    Ok(prices)
}

impl AwsPrices {
    fn take(&mut self, offer: &Offer, sku: &str, product: &Product) -> Result<(), AwsError> {
        let error = |problem: String| AwsError::Price {
            sku: sku.to_owned(),
            usage_type: product.usage_type.clone(),
            problem,
        };
        let Reading::Price { model, scope, tier, kind } = product.reading else { return Ok(()) };
        let term =
            offer.terms.get(sku).ok_or_else(|| error("the file has no on-demand term for it".into()))?;
        let Term { effective, dimensions } = term;
        let [dimension] = dimensions.as_slice() else {
            return Err(error(format!(
                "it has {} prices, and a graduated price is not read",
                dimensions.len()
            )));
        };
        let per =
            unit(&dimension.unit).ok_or_else(|| error(format!("{:?} is no known unit", dimension.unit)))?;
        if !kind.is_counted_in(per) {
            return Err(error(format!("{kind} is not counted in {per}")));
        }
        let usd = dimension.usd.as_deref().ok_or_else(|| error("it has no price in USD".into()))?;
        let decimal: Decimal = usd.parse().map_err(|problem| error(format!("{problem}")))?;
        let rate = Rate::of(decimal, per).map_err(|problem| error(problem.to_string()))?;
        let source = source_name(&product.region);
        self.book.add_source(&source, self::source(offer, &product.region));
        let row = Row {
            model: model.to_owned(),
            place: Place { scope, region: Some(product.region.clone()), tier, kind },
            from: Some(*effective),
            until: None,
            rate,
            written: decimal.to_string(),
            per,
            source,
            note: Some(format!("{} {sku}", product.usage_type)),
        };
        self.book.add(row).map_err(|problem| error(problem.to_string()))
    }
}

fn source(offer: &Offer, region: &str) -> Source {
    Source {
        url: format!(
            "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/{}/current/{region}/index.json",
            offer.code
        ),
        as_of: offer.published,
        through: Some(format!("version {} published {}", offer.version, time::shown(offer.published))),
    }
}

/// AWS writes `1K tokens` in most rows and `1M tokens` in some, and `image` and `images`.
fn unit(text: &str) -> Option<Unit> {
    match text.to_ascii_lowercase().as_str() {
        "1k tokens" => Some(Unit::ThousandTokens),
        "1m tokens" => Some(Unit::MillionTokens),
        "token" | "tokens" => Some(Unit::Token),
        "image" | "images" => Some(Unit::Image),
        _ => None,
    }
}

/// An instant of the file.
fn instant(text: &str) -> Option<Timestamp> {
    time::instant(text).ok()
}

#[cfg(test)]
mod tests;
