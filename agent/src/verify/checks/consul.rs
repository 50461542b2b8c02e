//! Consul: whether it answers, leads, is known, and lets this token see what is needed.

use super::super::fact::{ConsulFact, Facts, Trouble};
use super::super::outcome::{Outcome, answered, settled};
use super::server::{self, Supported};

/// `X-Consul-Results-Filtered-By-ACLs`, by which a list that is short is told from one that is hidden, came with 1.11 (Consul's
/// changelog, 1.11.0).
const SUPPORTED: Supported = Supported {
    product: "Consul",
    least: (1, 11),
    why: "it does not say when it hides something from a token",
    tried: (1, 21),
};

fn of(facts: &Facts, judge: impl FnOnce(&ConsulFact) -> Outcome) -> Outcome {
    facts.consul.as_ref().map_or_else(|why| Outcome::NotAsked(why.clone()), judge)
}

pub(crate) fn reachable(facts: &Facts) -> Outcome {
    of(facts, |consul| server::reachable(&consul.address, &consul.leader))
}

pub(crate) fn leader(facts: &Facts) -> Outcome {
    of(facts, |consul| server::leader(&consul.leader))
}

pub(crate) fn version(facts: &Facts) -> Outcome {
    of(facts, |consul| server::versions(SUPPORTED, &consul.versions))
}

pub(crate) fn acl(facts: &Facts) -> Outcome {
    of(facts, |consul| server::acl(&consul.token))
}

pub(crate) fn token(facts: &Facts) -> Outcome {
    of(facts, |consul| server::token(&consul.token, facts.at))
}

/// Whether the token sees the documents and the catalog.
pub(crate) fn rights(facts: &Facts) -> Outcome {
    of(facts, |consul| settled(seen(consul)))
}

fn seen(consul: &ConsulFact) -> Result<Outcome, Outcome> {
    let denied: Vec<String> = [consul.documents.as_ref().err(), consul.catalog.as_ref().err()]
        .into_iter()
        .flatten()
        .filter(|trouble| !matches!(trouble, Trouble::NotAsked(_)))
        .map(|trouble| trouble.told().to_owned())
        .collect();
    if !denied.is_empty() {
        return Ok(Outcome::Failed(denied));
    }
    let (documents, listed) = (answered(&consul.documents)?, answered(&consul.catalog)?);
    Ok(Outcome::Passed(format!("it sees {} documents and {listed} instances", documents.len())))
}
