//! Secrets: whether the proxies' logins at Vault go on, and no secret is older than it should be.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::fact::{Facts, InstanceFact};
use super::super::outcome::Outcome;
use super::configuration::told_by;
use crate::receipt::SecretView;

/// Secrets are renewed at two thirds of their life; at this part of it the renewal has been failing for a while, and what is left is
/// the time that remains to mend it.
const OVERDUE: f64 = 0.9;

/// Whether every instance that logs in to Vault is logged in.
pub(crate) fn login(facts: &Facts) -> Outcome {
    let told: Vec<_> = told_by(facts).collect();
    if told.is_empty() {
        return Outcome::Needs("configuration-receipts");
    }
    let faults = told.iter().filter_map(|(instance, receipt)| match receipt.vault.state.as_deref() {
        // Without a first login an instance is not ready, and its readiness tells why.
        Some("pending") if !is_ready(instance) => None,
        Some(state @ ("failing" | "pending")) => {
            let why = receipt.vault.error.as_deref().unwrap_or("it does not say why");
            Some(format!("the login of {} is {state}: {why}", instance.name))
        }
        _ => None,
    });
    let users =
        told.iter().filter(|(_, receipt)| !matches!(receipt.vault.state.as_deref(), None | Some("off")));
    let users = users.count();
    Outcome::of_faults(faults.collect(), || format!("{users} of {} instances use Vault", told.len()))
}

/// Whether every secret was read, and is not about to end.
pub(crate) fn ages(facts: &Facts) -> Outcome {
    let mut faults = Vec::new();
    let mut oddities = Vec::new();
    let mut count = 0_usize;
    let mut has_receipt = false;
    for (instance, receipt) in told_by(facts) {
        has_receipt = true;
        for secret in &receipt.secrets {
            if secret.read_at.is_none() && !is_ready(instance) {
                continue;
            }
            count += 1;
            let line = |what: String| format!("{} of {} {what}", secret.name, instance.name);
            match judge(secret, facts.at, facts.rules.max_secret_age) {
                Age::Fine => {}
                Age::Odd(what) => oddities.push(line(what)),
                Age::Bad(what) => faults.push(line(what)),
            }
        }
    }
    if !has_receipt {
        return Outcome::Needs("configuration-receipts");
    }
    if faults.is_empty() && !oddities.is_empty() {
        return Outcome::of_oddities(oddities, String::new);
    }
    Outcome::of_faults(faults, || format!("{count} secrets are as fresh as they should be"))
}

/// What keeps an instance from being ready is told there, and once.
fn is_ready(instance: &InstanceFact) -> bool {
    instance.health.as_ref().is_ok_and(|page| page.is_ready)
}

enum Age {
    Fine,
    Odd(String),
    Bad(String),
}

fn judge(secret: &SecretView, now: Timestamp, max_age: Option<Duration>) -> Age {
    let why = secret.error.as_deref().map(|error| format!(" ({error})")).unwrap_or_default();
    let Some(read_at) = secret.read_at else { return Age::Bad(format!("was never read{why}")) };
    let age = now.duration_since(read_at);
    if let Some(ends_at) = secret.ends_at {
        let left = ends_at.duration_since(now);
        if left <= SignedDuration::ZERO {
            return Age::Bad(format!("ended {} s ago{why}", left.as_secs().unsigned_abs()));
        }
        let life = ends_at.duration_since(read_at).as_secs_f64();
        if age.as_secs_f64() > life * OVERDUE {
            return Age::Bad(format!("should have been renewed, and ends in {} s{why}", left.as_secs()));
        }
    }
    if let Some(max_age) = max_age
        && Duration::try_from(age).is_ok_and(|age| age > max_age)
    {
        return Age::Bad(format!(
            "is {} s old, and may be {} s at most{why}",
            age.as_secs(),
            max_age.as_secs()
        ));
    }
    match &secret.error {
        Some(error) => Age::Odd(format!("was not read anew: {error}")),
        None => Age::Fine,
    }
}
