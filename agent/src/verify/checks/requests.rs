//! Requests: whether the key is taken, and each model answers in each region, whole, as a stream, and by calling a tool.

use super::super::fact::{Facts, ModelFact, Tried};
use super::super::outcome::Outcome;

/// Whether each region takes the key.
pub(crate) fn key(facts: &Facts) -> Outcome {
    if facts.keys.is_empty() {
        return Outcome::NotAsked("no request was made".to_owned());
    }
    let mut faults = Vec::new();
    let mut models = 0_usize;
    for found in &facts.keys {
        match &found.models {
            Ok(0) => faults.push(format!("{}: the key may use no model", found.region)),
            Ok(count) => models = models.max(*count),
            Err(trouble) => match Outcome::without(trouble) {
                Outcome::NotAsked(why) => return Outcome::NotAsked(why),
                _ => faults.push(format!("{}: {}", found.region, trouble.told())),
            },
        }
    }
    Outcome::of_faults(faults, || format!("{models} models in {} regions", facts.keys.len()))
}

pub(crate) fn plain(facts: &Facts) -> Outcome {
    each(facts, None, |model| model.plain.as_ref())
}

pub(crate) fn stream(facts: &Facts) -> Outcome {
    each(facts, Some("requests-plain"), |model| model.stream.as_ref())
}

pub(crate) fn tools(facts: &Facts) -> Outcome {
    each(facts, Some("requests-plain"), |model| model.tools.as_ref())
}

fn each(
    facts: &Facts,
    before: Option<&'static str>,
    tried: impl Fn(&ModelFact) -> Option<&Tried>,
) -> Outcome {
    let results: Vec<_> = facts.models.iter().filter_map(|model| Some((model, tried(model)?))).collect();
    if results.is_empty() {
        let were_tried = facts.models.iter().any(|model| model.plain.is_some());
        return match before {
            Some(before) if were_tried => Outcome::Needs(before),
            _ => Outcome::NotAsked("no request was made".to_owned()),
        };
    }
    let faults = results.iter().filter_map(|(model, tried)| {
        let why = tried.as_ref().err()?;
        Some(format!("{} in {}, asked of {}: {why}", model.model, model.region, model.instance))
    });
    Outcome::of_faults(faults.collect(), || format!("{} models and regions", results.len()))
}
