//! Clocks: whether this machine, the servers, the instances and AWS agree on the time. Logins and signatures fail where they do not.

use super::super::fact::{ClockFact, Facts, Whose};
use super::super::outcome::Outcome;

pub(crate) fn servers(facts: &Facts) -> Outcome {
    agree(facts, Whose::Server)
}

pub(crate) fn instances(facts: &Facts) -> Outcome {
    agree(facts, Whose::Instance)
}

pub(crate) fn bedrock(facts: &Facts) -> Outcome {
    agree(facts, Whose::Bedrock)
}

fn agree(facts: &Facts, whose: Whose) -> Outcome {
    let limit = i64::try_from(facts.rules.max_skew.as_millis()).unwrap_or(i64::MAX);
    let mut faults = Vec::new();
    let mut furthest = 0_i64;
    let mut known = 0_usize;
    let mut silent = None;
    for ClockFact { name, skew, .. } in facts.clocks.iter().filter(|clock| clock.whose == whose) {
        match skew {
            Ok(skew) => {
                known += 1;
                // What the measurement may be wrong by is no fault of the clock.
                let least = skew.ahead_ms.saturating_abs().saturating_sub(skew.margin_ms).max(0);
                furthest = furthest.max(least);
                if least > limit {
                    let side = if skew.ahead_ms > 0 { "ahead of" } else { "behind" };
                    let seconds = skew.ahead_ms.unsigned_abs() / 1000;
                    faults.push(format!("{name} is {seconds} s {side} this machine"));
                }
            }
            // Who does not answer at all is told by another check.
            Err(trouble) => silent = Some(format!("{name}: {}", trouble.told())),
        }
    }
    if known == 0 {
        return Outcome::NotAsked(silent.unwrap_or_else(|| "there is none to compare with".to_owned()));
    }
    Outcome::of_faults(faults, || format!("{known} agree within {} ms", furthest.max(1)))
}
