//! Nomad: whether it answers, leads, is known, runs the proxy's job, and gives it the time that its drain takes.

use std::time::Duration;

use super::super::fact::{ClientFact, Facts, JobFact, NomadFact, NomadNodeFact, Trouble};
use super::super::outcome::{Outcome, answered, settled};
use super::server::{self, Supported};

/// Workload identities in files, by which tasks log in to Consul and Vault, came with 1.7 (Nomad's changelog, 1.7.0).
const SUPPORTED: Supported = Supported {
    product: "Nomad",
    least: (1, 7),
    why: "its tasks have no identities in files, by which they log in",
    tried: (1, 11),
};

fn of(facts: &Facts, judge: impl FnOnce(&NomadFact) -> Outcome) -> Outcome {
    facts.nomad.as_ref().map_or_else(|why| Outcome::NotAsked(why.clone()), judge)
}

pub(crate) fn reachable(facts: &Facts) -> Outcome {
    of(facts, |nomad| server::reachable(&nomad.address, &nomad.leader))
}

pub(crate) fn leader(facts: &Facts) -> Outcome {
    of(facts, |nomad| server::leader(&nomad.leader))
}

pub(crate) fn version(facts: &Facts) -> Outcome {
    of(facts, |nomad| server::versions(SUPPORTED, &nomad.versions))
}

pub(crate) fn acl(facts: &Facts) -> Outcome {
    of(facts, |nomad| server::acl(&nomad.token))
}

pub(crate) fn token(facts: &Facts) -> Outcome {
    of(facts, |nomad| server::token(&nomad.token, facts.at))
}

/// Whether the token may read the job.
pub(crate) fn rights(facts: &Facts) -> Outcome {
    of(facts, |nomad| match &nomad.job {
        Ok(_) => Outcome::Passed("it may read the job".to_owned()),
        Err(trouble) => Outcome::without(trouble),
    })
}

/// Whether the job is there and runs as often as it is to.
pub(crate) fn job(facts: &Facts) -> Outcome {
    of(facts, |nomad| settled(runs(nomad)))
}

fn runs(nomad: &NomadFact) -> Result<Outcome, Outcome> {
    let Some(job) = answered(&nomad.job)? else {
        return Ok(Outcome::failed("there is no such job"));
    };
    let JobFact { id, wanted, running, is_deploying, .. } = job;
    if job.is_stopped {
        return Ok(Outcome::failed(format!("{id} was stopped")));
    }
    if running < wanted {
        return Ok(Outcome::failed(format!("{running} of {wanted} instances of {id} run")));
    }
    let more = if *is_deploying { ", and a deployment is under way" } else { "" };
    Ok(Outcome::Passed(format!("{running} of {wanted} instances of {id} run{more}")))
}

/// Whether the job asks for the time that its drain takes, and the clients grant it.
pub(crate) fn kill_timeout(facts: &Facts) -> Outcome {
    of(facts, |nomad| settled(has_time_to_drain(nomad)))
}

fn has_time_to_drain(nomad: &NomadFact) -> Result<Outcome, Outcome> {
    let Some(job) = answered(&nomad.job)? else { return Ok(Outcome::Needs("nomad-job")) };
    if let Some(drain) = job.drain
        && drain >= job.kill_timeout
    {
        return Ok(Outcome::failed(format!(
            "an instance drains for {} and is killed {} after SIGTERM",
            text(drain),
            text(job.kill_timeout)
        )));
    }
    grants(nomad, job.kill_timeout)
}

/// Whether every client grants so long a time between SIGTERM and SIGKILL. They cut what is longer and say nothing.
fn grants(nomad: &NomadFact, kill_timeout: Duration) -> Result<Outcome, Outcome> {
    let clients = answered(&nomad.clients)?;
    let mut faults = Vec::new();
    let mut unknown = Vec::new();
    for ClientFact { node, max_kill_timeout } in clients {
        match max_kill_timeout {
            Ok(max) if *max < kill_timeout => faults.push(format!(
                "{node} cuts kill_timeout to {}: {} are needed",
                text(*max),
                text(kill_timeout)
            )),
            Ok(_) => {}
            Err(trouble) => unknown.push(format!("{node}: {}", trouble.told())),
        }
    }
    if faults.is_empty()
        && let Some(first) = unknown.first()
    {
        return Ok(Outcome::NotAsked(format!(
            "{} of {} clients do not tell their max_kill_timeout: {first}",
            unknown.len(),
            clients.len()
        )));
    }
    Ok(Outcome::of_faults(faults, || {
        format!("{} are granted by {} clients", text(kill_timeout), clients.len())
    }))
}

/// Whether the clients would grant the time that the drain is to take.
pub(crate) fn kill_limit(facts: &Facts) -> Outcome {
    of(facts, |nomad| settled(grants(nomad, facts.rules.kill_timeout())))
}

/// Whether some node takes tasks by the driver.
pub(crate) fn driver(facts: &Facts) -> Outcome {
    of(facts, |nomad| settled(drives(nomad, &facts.rules.driver)))
}

fn drives(nomad: &NomadFact, driver: &str) -> Result<Outcome, Outcome> {
    let nodes = answered(&nomad.nodes)?;
    let able: Vec<&str> = nodes
        .iter()
        .filter(|node| node.takes_tasks && node.drivers.iter().any(|known| known == driver))
        .map(|node| node.name.as_str())
        .collect();
    if able.is_empty() {
        let ready = nodes.iter().filter(|node| node.takes_tasks).count();
        let told = format!("none of {ready} nodes that take tasks has a healthy driver {driver}");
        return Ok(Outcome::failed(told));
    }
    Ok(Outcome::Passed(format!("{driver} on {}", able.join(", "))))
}

/// Whether some node that takes tasks has the host volume.
pub(crate) fn volume(facts: &Facts) -> Outcome {
    let Some(volume) = &facts.rules.host_volume else {
        return Outcome::NotAsked("no --host-volume is given: what instances keep ends with them".to_owned());
    };
    of(facts, |nomad| settled(holds(nomad, volume)))
}

fn holds(nomad: &NomadFact, volume: &str) -> Result<Outcome, Outcome> {
    let nodes = answered(&nomad.nodes)?;
    let has_it = |node: &&NomadNodeFact| {
        let volumes = node.volumes.as_ref().map(Vec::as_slice).unwrap_or_default();
        node.takes_tasks && volumes.iter().any(|known| known == volume)
    };
    let able: Vec<&str> = nodes.iter().filter(has_it).map(|node| node.name.as_str()).collect();
    if !able.is_empty() {
        return Ok(Outcome::Passed(format!("{volume} on {}", able.join(", "))));
    }
    let unread = nodes.iter().find_map(|node| node.volumes.as_ref().err().map(Trouble::told));
    Ok(unread.map_or_else(
        || Outcome::failed(format!("no node that takes tasks has a host volume {volume}")),
        |why| Outcome::NotAsked(format!("nodes could not be read: {why}")),
    ))
}

fn text(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f32())
}
