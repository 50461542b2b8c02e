//! The proxy on Nomad: it serves at the addresses that Consul's catalog has, and every strategy brings a new version without a
//! request that fails or a stream that is cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::Program;
use nova_test_support::client::{Call, Stream};
use nova_test_support::kept::Kept;
use nova_test_support::server::{Api, Consul, ConsulLaunch, Nomad, NomadLaunch};
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{Job, report};
use crate::bed::{MODEL, ask, ask_script, with};
use crate::load::{Connections, Dial, Load};
use crate::official_load::OfficialLoads;
use crate::outcome;
use crate::simulator::Simulator;

/// How long a deployment may take: instances are replaced one after the other, and each drains.
pub(crate) const ROLLOUT: Duration = Duration::from_secs(60);

/// Workers of the load.
const WORKERS: usize = 6;

/// Streams that are open while a version goes.
const STREAMS: usize = 4;

/// What the streams say, in pieces that take nine seconds.
fn pieces() -> Vec<String> {
    (0..60).map(|number| format!("{number} ")).collect()
}

/// The instances of a service that are ready, as the catalog has them.
pub(crate) async fn ready(consul: &Api, service: &str) -> anyhow::Result<Vec<Value>> {
    let found = consul.get(&format!("/v1/health/service/{service}?passing")).await?;
    let services = found.as_array().with_context(|| format!("no list: {found}"))?;
    Ok(services.iter().map(|entry| entry["Service"].clone()).collect())
}

pub(crate) fn address(service: &Value) -> String {
    format!("{}:{}", service["Address"].as_str().unwrap_or_default(), service["Port"])
}

pub(crate) fn version(service: &Value) -> &str {
    service["Meta"]["version"].as_str().unwrap_or_default()
}

/// Nomad and Consul, with the simulator as a job.
struct Stack {
    consul: Consul,
    nomad: Nomad,
    simulator: Simulator,
}

impl Stack {
    async fn start() -> anyhow::Result<Self> {
        let consul = ConsulLaunch::new().start().await?;
        let nomad = NomadLaunch::new().with_consul(&consul).start().await?;
        Job::simulator()?.run(&nomad).await?;
        let api = consul.api();
        let found = wait_for("the simulator in the catalog", ROLLOUT, async || {
            let found = ready(&api, "bedrock-sim").await?;
            Ok(found.first().map_or(Look::NotYet("none is ready"), |found| Look::Ready(address(found))))
        })
        .await?;
        Ok(Self { consul, nomad, simulator: Simulator { endpoint: format!("http://{found}") } })
    }

    /// The proxy of this version, by this program, which reaches this stack's Consul.
    fn proxy(&self, version: &str, program: Program, strategy: &str) -> anyhow::Result<Job> {
        Ok(Job::proxy()?.with(json!({
            "version": version, "artifact": program.path()?, "strategy": strategy, "instances": 2,
            "consul_address": format!("http://{}", self.consul.address()),
            "min_healthy_seconds": 1, "shutdown_delay_seconds": 2,
        })))
    }

    /// Waits until so many instances of each of these versions are ready, and no others.
    async fn catalog_has(&self, expected: &[(&str, usize)]) -> anyhow::Result<Vec<Value>> {
        let api = self.consul.api();
        let what = format!("{expected:?} in the catalog");
        let waited = wait_for(&what, ROLLOUT, async || {
            let found = ready(&api, "nova-proxy").await?;
            let total: usize = expected.iter().map(|(_, count)| count).sum();
            let has_all = expected.iter().all(|(wanted, count)| {
                found.iter().filter(|service| version(service) == *wanted).count() == *count
            });
            Ok(if has_all && found.len() == total { Look::Ready(found) } else { Look::NotYet(found) })
        });
        match waited.await {
            Ok(found) => Ok(found),
            Err(error) => Err(error.context(report(&self.nomad).await?)),
        }
    }

    /// Finds instances as callers do who take their addresses from the catalog, each connection the next one.
    fn dial(&self) -> Dial {
        let (consul, next) = (self.consul.api(), Arc::new(AtomicUsize::new(0)));
        Arc::new(move || {
            let (consul, next) = (consul.clone(), Arc::clone(&next));
            Box::pin(async move {
                let found = ready(&consul, "nova-proxy").await?;
                ensure!(!found.is_empty(), "no instance is ready");
                let chosen = address(&found[next.fetch_add(1, Ordering::Relaxed) % found.len()]);
                let stream = TcpStream::connect(&chosen).await;
                Kept::over(stream.with_context(|| format!("connect to {chosen}"))?).await
            })
        })
    }

    /// Streams that are under way at the instances that are there now.
    async fn open_streams(&self) -> anyhow::Result<Vec<Stream>> {
        let found = ready(&self.consul.api(), "nova-proxy").await?;
        let script = json!({ "deltas": pieces(), "delta_delay_ms": 150 });
        let request = with(ask_script(&script), json!({ "stream": true })).to_string();
        let mut streams = Vec::new();
        for service in found.iter().cycle().take(STREAMS) {
            let call = chat_call(&address(service))?.body(request.clone());
            let stream = call.stream().await?;
            ensure!(stream.status == 200, "{}", stream.status);
            streams.push(stream);
        }
        Ok(streams)
    }

    /// The allocations of the proxy that have ended, and those that said something else than that nothing was cut.
    async fn ends(&self) -> anyhow::Result<(usize, Vec<Value>)> {
        let allocations = self.nomad.allocations("nova-proxy").await?;
        let ended = allocations.iter().filter(|one| one["DesiredStatus"] == "stop");
        let states: Vec<Value> = ended.map(|one| one["TaskStates"]["nova-proxy"].clone()).collect();
        let is_well = |state: &Value| {
            state["State"] == "dead"
                && state["Events"].as_array().is_some_and(|events| {
                    events.iter().any(|event| {
                        event["Type"] == "Terminated" && event["ExitCode"] == 0 && event["Signal"] == 0
                    })
                })
        };
        Ok((states.len(), states.into_iter().filter(|state| !is_well(state)).collect()))
    }
}

pub(crate) fn chat_call(address: &str) -> anyhow::Result<Call> {
    let call = Call::new(Method::POST, &format!("http://{address}/v1/chat/completions"))?;
    call.header("content-type", "application/json")
}

#[tokio::test]
async fn a_job_serves_and_every_strategy_brings_a_new_version_without_a_failure() {
    let stack = Stack::start().await.unwrap();
    stack.proxy("0.1.0", Program::Proxy, "rolling").unwrap().run(&stack.nomad).await.unwrap();
    let found = stack.catalog_has(&[("0.1.0", 2)]).await.unwrap();
    let asked = chat_call(&address(&found[0])).unwrap().body(ask("Hello").to_string());
    let reply = asked.send().await.unwrap();
    assert_eq!(reply.status, 200, "{}\n{}", reply.text(), report(&stack.nomad).await.unwrap());

    // The official clients, by an address that the catalog has.
    let official = OfficialLoads::begin(MODEL, &[&format!("http://{}", address(&found[0]))]).await.unwrap();
    let official = usize::try_from(official.end().await.unwrap()).unwrap();

    let load = Load::begin(WORKERS, &chat_call("nova-proxy").unwrap(), &stack.dial(), Connections::Kept);
    let mut streamed = 0;
    // Two programs of two versions, there and back and there again.
    let versions = [
        ("0.1.0", "0.2.0", Program::NextProxy, "rolling"),
        ("0.2.0", "0.3.0", Program::Proxy, "canary"),
        ("0.3.0", "0.4.0", Program::NextProxy, "blue-green"),
    ];
    for (old, new, program, strategy) in versions {
        load.more(WORKERS * 2).await.unwrap();
        let streams = stack.open_streams().await.unwrap();
        stack.proxy(new, program, strategy).unwrap().run(&stack.nomad).await.unwrap();
        if strategy != "rolling" {
            let canaries = if strategy == "canary" { 1 } else { 2 };
            stack.catalog_has(&[(old, 2), (new, canaries)]).await.unwrap();
            promote(&stack.nomad).await.unwrap();
        }
        stack.catalog_has(&[(new, 2)]).await.unwrap();
        deployment_is(&stack.nomad, "successful").await.unwrap();
        for stream in streams {
            let outcome = outcome::read(&stream.finish().await).unwrap();
            outcome.finished("stop").unwrap();
            assert_eq!(outcome.text, pieces().concat());
            streamed += 1;
        }
    }
    let answered = load.end().await.unwrap();
    let billed = stack.simulator.billed_calls().await.unwrap();
    assert_eq!(usize::try_from(billed).unwrap(), answered + streamed + official + 1);
    wait_for("the old instances to have ended in good order", ROLLOUT, async || {
        let (ended, badly) = stack.ends().await?;
        Ok(if ended == 6 && badly.is_empty() { Look::Ready(()) } else { Look::NotYet((ended, badly)) })
    })
    .await
    .unwrap();
}

/// The newest deployment of the proxy.
async fn deployment(nomad: &Nomad) -> anyhow::Result<Value> {
    nomad.api().get("/v1/job/nova-proxy/deployment").await
}

async fn deployment_is(nomad: &Nomad, status: &str) -> anyhow::Result<()> {
    wait_for(&format!("a deployment that is {status}"), ROLLOUT, async || {
        let now = deployment(nomad).await?;
        Ok(if now["Status"] == status { Look::Ready(()) } else { Look::NotYet(now) })
    })
    .await
}

/// Promotes as operators do, as soon as the canaries are healthy.
async fn promote(nomad: &Nomad) -> anyhow::Result<()> {
    wait_for("healthy canaries", ROLLOUT, async || {
        let now = deployment(nomad).await?;
        let group = &now["TaskGroups"]["proxy"];
        let is_healthy = group["HealthyAllocs"].as_u64() >= group["DesiredCanaries"].as_u64();
        ensure!(now["Status"] == "running" && group["Promoted"] == false, "{now}");
        Ok(if is_healthy { Look::Ready(()) } else { Look::NotYet(now) })
    })
    .await?;
    let id = deployment(nomad).await?["ID"].as_str().context("a deployment has an ID")?.to_owned();
    let promoted = nomad.script(&format!("nomad deployment promote -detach {id}"))?.finish().await?;
    ensure!(promoted.code == Some(0), "{promoted:?}");
    Ok(())
}
