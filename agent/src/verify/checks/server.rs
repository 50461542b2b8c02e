//! What the servers' checks have in common: silence, a leader, a version, a token.

use jiff::Timestamp;
use semver::Version;

use super::super::fact::{Asked, TokenFact, Trouble, VersionFact};
use super::super::outcome::Outcome;

/// Whether anybody answered, whatever was said.
pub(super) fn reachable<T>(address: &str, asked: &Asked<T>) -> Outcome {
    match asked {
        Err(trouble @ (Trouble::Unreachable(_) | Trouble::Odd(_))) => Outcome::failed(trouble.told()),
        Err(Trouble::NotAsked(why)) => Outcome::NotAsked(why.clone()),
        Ok(_) | Err(Trouble::Refused { .. }) => Outcome::Passed(format!("it answers at {address}")),
    }
}

/// Whether there is a leader.
pub(super) fn leader(asked: &Asked<String>) -> Outcome {
    match asked {
        Ok(leader) if leader.is_empty() => Outcome::failed("the servers have elected no leader"),
        Ok(leader) => Outcome::Passed(format!("{leader} leads")),
        // Both products answer 500 when they cannot ask for the leader.
        Err(trouble) => Outcome::without(trouble),
    }
}

/// Whether access control is on.
pub(super) fn acl(asked: &Asked<TokenFact>) -> Outcome {
    match asked {
        Ok(_) => Outcome::Passed("access control is on".to_owned()),
        Err(trouble) if trouble.is_acl_disabled() => {
            Outcome::failed("access control is off: whoever reaches it may do everything")
        }
        Err(trouble) if trouble.is_denied() => Outcome::Passed("access control is on".to_owned()),
        Err(trouble) => Outcome::without(trouble),
    }
}

/// Whether the token is one.
pub(super) fn token(asked: &Asked<TokenFact>, now: Timestamp) -> Outcome {
    match asked {
        Ok(token) => match token.ends_at {
            Some(ends_at) if ends_at <= now => Outcome::failed(format!("{} ended at {ends_at}", token.name)),
            Some(ends_at) => Outcome::Passed(format!("{}, until {ends_at}", token.name)),
            None => Outcome::Passed(token.name.clone()),
        },
        Err(trouble) if trouble.is_acl_disabled() => {
            Outcome::NotAsked("no token is needed where access control is off".to_owned())
        }
        Err(trouble) => Outcome::without(trouble),
    }
}

/// What is asked of a server's version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Supported {
    /// The product.
    pub(super) product: &'static str,
    /// The first version that has what is used here: major and minor.
    pub(super) least: (u64, u64),
    /// What is used that came with it.
    pub(super) why: &'static str,
    /// The newest version that the tests run with.
    pub(super) tried: (u64, u64),
}

/// Whether every version is one that is supported.
pub(super) fn versions(supported: Supported, asked: &Asked<Vec<VersionFact>>) -> Outcome {
    let found = match asked {
        Ok(found) => found,
        Err(trouble) if trouble.is_denied() => {
            return Outcome::NotAsked(format!("the token may not read versions: {}", trouble.told()));
        }
        Err(trouble) => return Outcome::without(trouble),
    };
    if found.is_empty() {
        return Outcome::NotAsked("no server tells its version".to_owned());
    }
    let Supported { product, least, why, tried } = supported;
    let mut faults = Vec::new();
    let mut is_newer = false;
    for VersionFact { server, version } in found {
        match Version::parse(version.trim_start_matches('v')) {
            Ok(parsed) if (parsed.major, parsed.minor) < least => faults.push(format!(
                "{server} runs {product} {version}, which is older than {}.{}: {why}",
                least.0, least.1
            )),
            Ok(parsed) => is_newer |= parsed.major > tried.0,
            Err(_) => faults.push(format!("{server} tells {version:?}, which is no version")),
        }
    }
    let named = distinct(found);
    if faults.is_empty() && is_newer {
        let told = format!("{named}: the tests run with {}.{}", tried.0, tried.1);
        return Outcome::Warned(vec![told]);
    }
    Outcome::of_faults(faults, || named)
}

fn distinct(found: &[VersionFact]) -> String {
    let mut versions: Vec<&str> = found.iter().map(|fact| fact.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    versions.join(", ")
}
