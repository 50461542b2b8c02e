//! The offer file in one pass: products of ours are kept, the other nine tenths are passed over as they come.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::marker::PhantomData;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::usage_type::{self, LeftOut, Reading};

/// The most products or terms that are kept of one file. Bedrock has about a thousand in a region.
const KEPT_MAX: usize = 200_000;

/// What is kept of a file.
pub(super) struct Offer {
    pub(super) code: String,
    pub(super) version: String,
    pub(super) published: Timestamp,
    /// By SKU.
    pub(super) products: BTreeMap<String, Product>,
    /// By SKU.
    pub(super) terms: BTreeMap<String, Term>,
    pub(super) left_out: BTreeMap<LeftOut, usize>,
}

/// A product of one of our models.
pub(super) struct Product {
    pub(super) usage_type: String,
    pub(super) region: String,
    pub(super) reading: Reading,
}

/// What a product costs on demand.
pub(super) struct Term {
    pub(super) effective: Timestamp,
    pub(super) dimensions: Vec<Dimension>,
}

#[derive(Deserialize)]
struct RawProduct {
    attributes: RawAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAttributes {
    #[serde(default)]
    usagetype: String,
    #[serde(default)]
    region_code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTerm {
    effective_date: String,
    price_dimensions: BTreeMap<String, Dimension>,
}

/// A price of a term.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dimension {
    pub(super) unit: String,
    #[serde(rename = "pricePerUnit", deserialize_with = "usd")]
    pub(super) usd: Option<String>,
}

fn usd<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(BTreeMap::<String, String>::deserialize(deserializer)?.remove("USD"))
}

/// Reads a file.
pub(super) fn read(from: impl Read) -> Result<Offer, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_reader(std::io::BufReader::new(from));
    let offer = reader.deserialize_map(File)?;
    reader.end()?;
    Ok(offer)
}

struct File;

impl<'de> Visitor<'de> for File {
    type Value = Offer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an offer file: an object with offerCode, publicationDate, products and terms")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Offer, A::Error> {
        let (mut code, mut version, mut published) = (None, String::new(), None);
        let (mut products, mut terms) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "offerCode" => code = Some(map.next_value()?),
                "version" => version = map.next_value()?,
                "publicationDate" => {
                    let text: String = map.next_value()?;
                    let instant = super::instant(&text);
                    published =
                        Some(instant.ok_or_else(|| {
                            A::Error::custom(format!("publicationDate {text:?} is no date"))
                        })?);
                }
                "products" => products = Some(map.next_value_seed(Products)?),
                // AWS writes the products first. A file in another order is read as well, with all terms kept.
                "terms" => terms = Some(map.next_value_seed(Terms { wanted: products.as_ref() })?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let missing = |name| A::Error::custom(format!("it has no {name}"));
        let ProductsRead { kept, left_out } = products.ok_or_else(|| missing("products"))?;
        Ok(Offer {
            code: code.ok_or_else(|| missing("offerCode"))?,
            version,
            published: published.ok_or_else(|| missing("publicationDate"))?,
            products: kept,
            terms: terms.ok_or_else(|| missing("terms"))?,
            left_out,
        })
    }
}

/// Calls `take` for each member of an object.
struct Each<V, F>(F, PhantomData<V>);

impl<V, F> Each<V, F> {
    fn new(take: F) -> Self {
        Self(take, PhantomData)
    }
}

impl<'de, V: Deserialize<'de>, F: FnMut(String, V) -> Result<(), String>> Visitor<'de> for Each<V, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry()? {
            (self.0)(key, value).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

struct Products;

struct ProductsRead {
    kept: BTreeMap<String, Product>,
    left_out: BTreeMap<LeftOut, usize>,
}

impl<'de> DeserializeSeed<'de> for Products {
    type Value = ProductsRead;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ProductsRead, D::Error> {
        let mut read = ProductsRead { kept: BTreeMap::new(), left_out: BTreeMap::new() };
        deserializer.deserialize_map(Each::new(|sku: String, raw: RawProduct| {
            let RawAttributes { usagetype, region_code } = raw.attributes;
            let reading = usage_type::read(&usagetype);
            if let Reading::LeftOut(reason) = reading {
                *read.left_out.entry(reason).or_default() += 1;
                return Ok(());
            }
            read.kept.insert(sku, Product { usage_type: usagetype, region: region_code, reading });
            bounded(read.kept.len())
        }))?;
        Ok(read)
    }
}

struct Terms<'a> {
    wanted: Option<&'a ProductsRead>,
}

impl<'de> DeserializeSeed<'de> for Terms<'_> {
    type Value = BTreeMap<String, Term>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Terms<'_> {
    type Value = BTreeMap<String, Term>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with OnDemand")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut terms = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == "OnDemand" {
                terms = map.next_value_seed(OnDemand { wanted: self.wanted })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(terms)
    }
}

struct OnDemand<'a> {
    wanted: Option<&'a ProductsRead>,
}

impl<'de> DeserializeSeed<'de> for OnDemand<'_> {
    type Value = BTreeMap<String, Term>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OnDemand<'_> {
    type Value = BTreeMap<String, Term>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with terms by SKU")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kept = BTreeMap::new();
        while let Some(sku) = map.next_key::<String>()? {
            if self.wanted.is_some_and(|wanted| !wanted.kept.contains_key(&sku)) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let terms: BTreeMap<String, RawTerm> = map.next_value()?;
            // A product has one on-demand term; more would be prices of several dates, of which the latest holds.
            let dated = terms.into_values().map(|term| {
                let effective = super::instant(&term.effective_date).ok_or_else(|| {
                    A::Error::custom(format!(
                        "effectiveDate {:?} of SKU {sku} is no date",
                        term.effective_date
                    ))
                })?;
                Ok(Term { effective, dimensions: term.price_dimensions.into_values().collect() })
            });
            let dated = dated.collect::<Result<Vec<_>, A::Error>>()?;
            if let Some(term) = dated.into_iter().max_by_key(|term| term.effective) {
                kept.insert(sku, term);
            }
            bounded(kept.len()).map_err(A::Error::custom)?;
        }
        Ok(kept)
    }
}

fn bounded(count: usize) -> Result<(), String> {
    if count > KEPT_MAX { Err(format!("the file has more than {KEPT_MAX} products")) } else { Ok(()) }
}
