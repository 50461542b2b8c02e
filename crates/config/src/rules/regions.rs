//! The rules of `bedrock { … }`: which regions may be asked, and where each of them is.
//!
//! Which geography a region lies in, and so what residency allows, is the model catalogue's to say, not ours.

use std::collections::BTreeMap;
use std::path::PathBuf;

use url::Url;

use super::{Broken, rule, vault};
use crate::config::{AssumeRoleConfig, BedrockConfig, BreakerConfig, FailoverConfig};
use crate::schema::{RawAssumeRole, RawBedrock, RawBreaker};

/// What is fixed about Bedrock. `declared`: the regions that files declare by writing them into `failover_regions`; `has_vault`: whether
/// there is a Vault to take credentials from.
pub(super) fn bedrock(
    raw: &RawBedrock,
    declared: &[String],
    has_vault: bool,
    broken: &mut Vec<Broken>,
) -> Option<BedrockConfig> {
    // The schema requires the region; without it there is nothing to call.
    let region = raw.region.clone()?;
    let before = broken.len();
    let mut regions: Vec<String> = Vec::new();
    for other in raw.regions.iter().chain(declared).filter(|other| **other != region) {
        if !regions.contains(other) {
            regions.push(other.clone());
        }
    }
    for other in raw.failover_regions.iter().flatten() {
        if *other == region {
            let problem = format!("names {other}, which is the region that failed");
            broken.push(rule("bedrock.failover_regions", problem, "name other regions alone"));
        } else if !regions.contains(other) {
            let problem = format!("names {other}, which no file declares");
            let fix = "write it into bedrock.regions of a file named by --config, and restart";
            broken.push(rule("bedrock.failover_regions", problem, fix));
        }
    }
    let vault_credentials =
        raw.vault_credentials.as_ref().map(|raw| vault::credentials(raw, has_vault, broken));
    let endpoints = endpoints(raw, &region, &regions, broken);
    if (raw.use_fips || raw.use_dual_stack) && !endpoints.is_empty() {
        let field = if raw.use_fips { "bedrock.use_fips" } else { "bedrock.use_dual_stack" };
        let problem =
            "chooses among AWS's own endpoints, and an endpoint is written or set in the environment";
        broken.push(rule(field, problem, "keep one of the two"));
    }
    (broken.len() == before).then(|| BedrockConfig {
        region,
        regions,
        endpoints,
        residency: raw.residency,
        ca_file: raw.ca_file.as_ref().map(PathBuf::from),
        use_fips: raw.use_fips,
        use_dual_stack: raw.use_dual_stack,
        assume_role: raw.assume_role.clone().map(role),
        vault_credentials,
    })
}

fn role(raw: RawAssumeRole) -> AssumeRoleConfig {
    let RawAssumeRole { arn, external_id, session_name, session_tags } = raw;
    AssumeRoleConfig { arn, external_id, session_name, session_tags }
}

/// What may change about regions.
pub(super) fn failover(raw: &RawBedrock) -> FailoverConfig {
    let declared =
        || raw.regions.iter().filter(|other| Some(*other) != raw.region.as_ref()).cloned().collect();
    FailoverConfig {
        regions: raw.failover_regions.clone().unwrap_or_else(declared),
        spill_on_throttle: raw.spill_on_throttle,
        stream_after: raw.stream_failover_after.get(),
    }
}

/// When a region counts as failed.
pub(super) fn breaker(raw: &RawBreaker) -> BreakerConfig {
    BreakerConfig {
        consecutive_failures: raw.consecutive_failures,
        failure_percent: raw.failure_percent,
        min_calls: raw.min_calls,
        open_for: raw.open_for.get(),
        open_max: raw.open_max.get(),
        probes: raw.probes,
    }
}

fn endpoints(
    raw: &RawBedrock,
    region: &str,
    regions: &[String],
    broken: &mut Vec<Broken>,
) -> BTreeMap<String, Url> {
    let fix = "write scheme, host and, where needed, port, such as \"https://vpce-1.example.com\"";
    let mut found = BTreeMap::new();
    for (name, text) in &raw.endpoints {
        if name != region && !regions.contains(name) {
            let problem = format!("names {name}, which is not a region of this configuration");
            broken.push(rule("bedrock.endpoints", problem, "add it to regions, or take it out"));
        }
        match base_url(text) {
            Ok(url) => drop(found.insert(name.clone(), url)),
            Err(problem) => broken.push(rule("bedrock.endpoints", format!("{name} {problem}"), fix)),
        }
    }
    let Some(text) = raw.endpoint.as_deref() else { return found };
    if raw.endpoints.contains_key(region) {
        let problem = format!("stands beside an endpoint of {region} in endpoints");
        broken.push(rule("bedrock.endpoint", problem, "keep one of the two"));
    }
    for other in regions.iter().filter(|other| !raw.endpoints.contains_key(*other)) {
        // Traffic that was meant for a private endpoint must not find its way to a public one.
        let problem = format!("serves {region} alone, and {other} has no endpoint");
        broken.push(rule("bedrock.endpoint", problem, format!("add {other} to endpoints")));
    }
    match base_url(text) {
        Ok(url) => drop(found.insert(region.to_owned(), url)),
        Err(problem) => broken.push(rule("bedrock.endpoint", problem, fix)),
    }
    found
}

fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL ({error})"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name, and requests are signed, not logged in".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment, which a base URL cannot have".to_owned());
    }
    Ok(url)
}
