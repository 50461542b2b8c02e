//! Vault: whether it answers, is open, and knows this token.

use super::super::fact::{Facts, VaultFact, VersionFact};
use super::super::outcome::{Outcome, answered, settled};
use super::server::{self, Supported};

/// `user_claim_json_pointer`, which the roles of `jobs/policies/vault` have, came with 1.13 (Vault's changelog, 1.13.0). OpenBao
/// counts from 2.0, and had it from the beginning.
const SUPPORTED: Supported = Supported {
    product: "Vault",
    least: (1, 13),
    why: "its JWT roles take no pointer to a claim",
    tried: (2, 0),
};

fn of(facts: &Facts, judge: impl FnOnce(&VaultFact) -> Outcome) -> Outcome {
    facts.vault.as_ref().map_or_else(|why| Outcome::NotAsked(why.clone()), judge)
}

pub(crate) fn reachable(facts: &Facts) -> Outcome {
    of(facts, |vault| server::reachable(&vault.address, &vault.health))
}

/// Whether it answers calls: set up, unsealed, and in touch with the active server.
pub(crate) fn unsealed(facts: &Facts) -> Outcome {
    of(facts, |vault| {
        settled(answered(&vault.health).map(|(answers, state, _)| {
            if *answers {
                Outcome::Passed(format!("it is {state}"))
            } else {
                Outcome::failed(format!("it is {state}"))
            }
        }))
    })
}

pub(crate) fn version(facts: &Facts) -> Outcome {
    of(facts, |vault| {
        let told = vault
            .health
            .clone()
            .map(|(_, _, version)| vec![VersionFact { server: vault.address.clone(), version }]);
        server::versions(SUPPORTED, &told)
    })
}

pub(crate) fn token(facts: &Facts) -> Outcome {
    of(facts, |vault| server::token(&vault.token, facts.at))
}
