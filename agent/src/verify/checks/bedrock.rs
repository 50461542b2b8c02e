//! Bedrock: whether there are credentials that it knows, that may ask the models, and a quota for that.

use super::super::fact::{BedrockAnswer, BedrockCall, Facts};
use super::super::outcome::{Outcome, answered, settled};

/// Whether there are credentials, and AWS knows them.
pub(crate) fn credentials(facts: &Facts) -> Outcome {
    settled(answered(&facts.credentials).map(|found| {
        each(facts, |answer| match answer {
            BedrockAnswer::Unauthenticated(why) => Some(why),
            _ => None,
        })
        .unwrap_or_else(|| Outcome::Passed(format!("from {}", found.source)))
    }))
}

/// Whether they may ask each model in each region.
pub(crate) fn permission(facts: &Facts) -> Outcome {
    asked(facts, |answer| match answer {
        BedrockAnswer::Denied(why) => Some(why),
        _ => None,
    })
}

/// Whether each region knows each model.
pub(crate) fn model(facts: &Facts) -> Outcome {
    asked(facts, |answer| match answer {
        BedrockAnswer::UnknownModel(why) => Some(why),
        _ => None,
    })
}

/// Whether there is a quota left.
pub(crate) fn quota(facts: &Facts) -> Outcome {
    asked(facts, |answer| match answer {
        BedrockAnswer::Throttled(why) => Some(why),
        _ => None,
    })
}

/// Whether each answers.
pub(crate) fn answers(facts: &Facts) -> Outcome {
    asked(facts, |answer| match answer {
        BedrockAnswer::Other(why) => Some(why),
        _ => None,
    })
}

fn asked(facts: &Facts, fault: impl Fn(&BedrockAnswer) -> Option<&String>) -> Outcome {
    let not_asked = facts.bedrock.iter().find_map(|call| match &call.answer {
        BedrockAnswer::NotAsked(why) => Some(why.clone()),
        _ => None,
    });
    let made = facts.bedrock.iter().filter(|call| !matches!(call.answer, BedrockAnswer::NotAsked(_))).count();
    if made == 0 {
        return Outcome::NotAsked(not_asked.unwrap_or_else(|| "no model was asked".to_owned()));
    }
    each(facts, fault).unwrap_or_else(|| Outcome::Passed(format!("{made} models and regions")))
}

/// The faults, if there are any.
fn each(facts: &Facts, fault: impl Fn(&BedrockAnswer) -> Option<&String>) -> Option<Outcome> {
    let faults: Vec<String> = facts
        .bedrock
        .iter()
        .filter_map(|BedrockCall { region, model, answer }| {
            fault(answer).map(|why| format!("{model} in {region}: {why}"))
        })
        .collect();
    (!faults.is_empty()).then(|| Outcome::of_faults(faults, String::new))
}
