//! The way to others: names, connections, and the certificates that are shown at their end.
//!
//! Each place is judged by the first step that fails for it, so that a place counts in one check.

use super::super::fact::{Asked, EndpointFact, Facts, TlsTrouble, Trouble};
use super::super::outcome::Outcome;
use super::super::rules::CERTIFICATE_NOTICE;

/// Whether each name has an address.
pub(crate) fn resolves(facts: &Facts) -> Outcome {
    steps(facts, "no place is asked for", |endpoint| step(&endpoint.resolved))
}

/// Whether each place takes a connection.
pub(crate) fn connects(facts: &Facts) -> Outcome {
    steps(facts, "no name has an address", |endpoint| step(&endpoint.connected))
}

/// Whether each certificate comes from somebody who is trusted.
pub(crate) fn trusted(facts: &Facts) -> Outcome {
    steps(facts, "nothing speaks TLS", |endpoint| match &endpoint.certificate {
        Err(TlsTrouble::Untrusted(why) | TlsTrouble::Other(why)) => Step::Bad(why.clone()),
        Err(TlsTrouble::NotAsked(why)) => Step::Open(why.clone()),
        _ => Step::Good,
    })
}

/// Whether each certificate is for the name that was asked for.
pub(crate) fn named(facts: &Facts) -> Outcome {
    steps(facts, "no certificate was taken", |endpoint| match &endpoint.certificate {
        Err(TlsTrouble::OtherName(why)) => Step::Bad(why.clone()),
        Ok(_) => Step::Good,
        Err(_) => Step::Open("no certificate was taken".to_owned()),
    })
}

/// Whether each certificate is valid now, and for a while.
pub(crate) fn in_time(facts: &Facts) -> Outcome {
    let outcome = steps(facts, "no certificate was taken", |endpoint| match &endpoint.certificate {
        Err(TlsTrouble::OutOfTime(why)) => Step::Bad(why.clone()),
        Ok(_) => Step::Good,
        Err(_) => Step::Open("no certificate was taken".to_owned()),
    });
    if !matches!(outcome, Outcome::Passed(_)) {
        return outcome;
    }
    let soon = facts.endpoints.iter().filter_map(|endpoint| {
        let left = endpoint.certificate.as_ref().ok()?.ends_at.duration_since(facts.at);
        let is_soon = std::time::Duration::try_from(left).is_ok_and(|left| left < CERTIFICATE_NOTICE);
        is_soon.then(|| format!("the certificate of {} ends in {} h", endpoint.name, left.as_hours()))
    });
    let soon: Vec<String> = soon.collect();
    if soon.is_empty() { outcome } else { Outcome::of_oddities(soon, String::new) }
}

enum Step {
    Good,
    Bad(String),
    Open(String),
}

fn step<T>(asked: &Asked<T>) -> Step {
    match asked {
        Ok(_) => Step::Good,
        Err(Trouble::NotAsked(why)) => Step::Open(why.clone()),
        Err(trouble) => Step::Bad(trouble.told().to_owned()),
    }
}

fn steps(facts: &Facts, none: &str, judge: impl Fn(&EndpointFact) -> Step) -> Outcome {
    let mut faults = Vec::new();
    let mut good = Vec::new();
    let mut open = None;
    for endpoint in &facts.endpoints {
        match judge(endpoint) {
            Step::Good => good.push(endpoint.name.as_str()),
            Step::Bad(why) => faults.push(format!("{} at {}: {why}", endpoint.name, endpoint.place)),
            Step::Open(why) => open = Some(why),
        }
    }
    if good.is_empty() && faults.is_empty() {
        return Outcome::NotAsked(open.unwrap_or_else(|| none.to_owned()));
    }
    Outcome::of_faults(faults, || good.join(", "))
}
