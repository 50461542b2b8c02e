//! The pipeline from end to end: golden faults, layers, tiers, the committed schema and example, and properties.

use std::collections::BTreeMap;

use crate::{Layer, Loaded};

mod consul;
mod faults;
mod layers;
mod properties;
pub(crate) mod reference;
mod vault;

/// The least that a configuration must say.
pub(crate) const MINIMAL: &str =
    "bedrock { region = \"us-east-1\" }\nauth { keys_file = \"/etc/nova/keys.json\" }\n";

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Loads texts as files `1.hcl`, `2.hcl` and so on.
fn load_texts(texts: &[&str]) -> Result<Loaded, crate::Faults> {
    let layers = texts.iter().enumerate().map(|(i, text)| Layer::file(format!("{}.hcl", i + 1), *text));
    crate::load_layers(layers.collect(), &environment(&[]))
}
