//! Expected traffic as people write it: `traffic "<name>" { … }` in HCL, every fault with its line.
//!
//! Owns the form of a profile; what it would cost is `nova_pricing::estimate`'s.

mod raw;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::LazyLock;

use nova_config::{Broken, DocumentSchema, Faults, Layer, ProcessEnvironment, read_layers};
use nova_pricing::estimate::{Bounds, Traffic};
use nova_pricing::model::{ModelRef, Routing};

use raw::{RawTraffic, RawTraffics};

/// Hundredths of a percent in a percent.
const PER_PERCENT: u64 = 100;

/// Reads files; a block of the same name in a later one is merged over the earlier one's.
///
/// # Errors
/// Every fault of every file, or of the reading.
pub fn load(files: &[PathBuf]) -> Result<Vec<Traffic>, Faults> {
    of_layers(read_layers(files)?)
}

fn of_layers(layers: Vec<Layer>) -> Result<Vec<Traffic>, Faults> {
    static SCHEMA: LazyLock<Result<DocumentSchema, String>> =
        LazyLock::new(|| DocumentSchema::of::<RawTraffics>("Bedrock Nova Proxy traffic profiles"));
    let schema = SCHEMA.as_ref().map_err(|problem| super::overlay::defect(problem))?;
    let fitting = schema.read(layers, &ProcessEnvironment, &[])?;
    let raw: RawTraffics = fitting.parse()?;
    let mut broken = Vec::new();
    let traffic: Vec<Traffic> =
        raw.traffic.iter().filter_map(|(name, raw)| profile(name, raw, &mut broken)).collect();
    if traffic.is_empty() && broken.is_empty() {
        broken.push((
            "traffic".into(),
            "there is no traffic block".into(),
            "write traffic \"<name>\" { … }".into(),
        ));
    }
    if broken.is_empty() { Ok(traffic) } else { Err(fitting.faults(broken)) }
}

fn profile(name: &str, raw: &RawTraffic, broken: &mut Vec<Broken>) -> Option<Traffic> {
    let before = broken.len();
    let mut fault = |field: &str, problem: String, fix: &'static str| {
        broken.push((format!("traffic.{name}.{field}").into(), problem, fix.to_owned()));
    };
    let mut bounds = |field: &str, values: &[u64]| match *values {
        [value] => Bounds::exactly(value),
        [low, likely, high] if low <= likely && likely <= high => Bounds { low, likely, high },
        _ => {
            let fix = "write one number, or three that do not fall: [low, likely, high]";
            fault(field, format!("is {values:?}"), fix);
            Bounds::default()
        }
    };
    let requests_per_day = bounds("requests_per_day", &raw.requests_per_day);
    let input_tokens = bounds("input_tokens", &raw.input_tokens);
    let output_tokens = bounds("output_tokens", &raw.output_tokens);
    if u16::from(raw.cache_read_percent) + u16::from(raw.cache_write_percent) > 100 {
        let fix = "write percentages of the prompt that are at most 100 together";
        fault("cache_write_percent", "is more than cache_read_percent leaves".to_owned(), fix);
    }
    match raw.model.parse::<ModelRef>() {
        Ok(ModelRef { routing: Routing::InRegion, .. }) => {}
        Ok(_) => {
            let fix = "write the model's own id: all ways to it are compared";
            fault("model", format!("{:?} is a profile", raw.model), fix);
        }
        Err(error) => fault("model", error.to_string(), "write an id such as \"amazon.nova-lite-v1:0\""),
    }
    (broken.len() == before).then(|| Traffic {
        name: name.to_owned(),
        model: raw.model.clone(),
        requests_per_day,
        input_tokens,
        output_tokens,
        cache_read: u64::from(raw.cache_read_percent) * PER_PERCENT,
        cache_write: u64::from(raw.cache_write_percent) * PER_PERCENT,
    })
}
