//! What happens to nodes and allocations of Nomad while callers ask: instances that are told to go take their requests to the end, one
//! that is killed takes none but its own with it, and all come back by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use nova_test_support::binary::Program;
use nova_test_support::client::Stream;
use nova_test_support::kept::Kept;
use nova_test_support::process::{Launch, Process};
use nova_test_support::server::{Api, Consul, ConsulLaunch, Nomad, NomadLaunch};
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::rollout::{ROLLOUT, address, chat_call, ready};
use super::{Job, report};
use crate::bed::{ask, ask_script, with};
use crate::load::{Connections, Dial, Load, tcp};
use crate::outcome;
use crate::simulator::REGION;

/// Workers of a load.
const WORKERS: usize = 4;

/// Nomad and Consul with two instances, and a simulator that stays when the node's jobs go.
struct Scene {
    consul: Consul,
    nomad: Nomad,
    _bedrock: Process,
}

impl Scene {
    async fn start() -> anyhow::Result<Self> {
        let mut bedrock = Launch::new(Program::Local.path()?).args(["sim", "--json"]).start()?;
        let told = bedrock.ready_line().await?;
        let endpoint =
            told["simulator"][REGION].as_str().with_context(|| format!("no {REGION} in {told}"))?;
        let consul = ConsulLaunch::new().start().await?;
        let nomad = NomadLaunch::new().with_consul(&consul).start().await?;
        let job = Job::proxy()?.with(json!({
            "instances": 2, "min_healthy_seconds": 1, "shutdown_delay_seconds": 2,
            "consul_address": format!("http://{}", consul.address()),
            "config": format!("bedrock {{\n  endpoint = \"{endpoint}\"\n}}\nauth {{\n  none = true\n}}\n"),
        }));
        job.run(&nomad).await?;
        let scene = Self { consul, nomad, _bedrock: bedrock };
        scene.catalog_has(2).await?;
        Ok(scene)
    }

    /// Waits until so many instances are ready.
    async fn catalog_has(&self, count: usize) -> anyhow::Result<Vec<Value>> {
        let api = self.consul.api();
        let what = format!("{count} instances");
        let waited = wait_for(&what, ROLLOUT, async || {
            let found = ready(&api, "nova-proxy").await?;
            Ok(if found.len() == count { Look::Ready(found) } else { Look::NotYet(found) })
        });
        match waited.await {
            Ok(found) => Ok(found),
            Err(error) => Err(error.context(report(&self.nomad).await?)),
        }
    }

    /// A load that takes its addresses from the catalog, and waits while none is there.
    fn load(&self) -> anyhow::Result<Load> {
        let (consul, next) = (self.consul.api(), Arc::new(AtomicUsize::new(0)));
        let dial: Dial = Arc::new(move || {
            let (consul, next) = (consul.clone(), Arc::clone(&next));
            Box::pin(async move {
                let chosen = one_of(&consul, &next).await?;
                let stream = TcpStream::connect(&chosen).await;
                Kept::over(stream.with_context(|| format!("connect to {chosen}"))?).await
            })
        });
        Ok(Load::begin(WORKERS, &chat_call("nova-proxy")?, &dial, Connections::Kept))
    }

    /// A stream of some seconds at each of these instances.
    async fn streams(&self, found: &[Value]) -> anyhow::Result<Vec<Stream>> {
        let script = json!({ "deltas": pieces(), "delta_delay_ms": 100 });
        let request = with(ask_script(&script), json!({ "stream": true })).to_string();
        let mut streams = Vec::new();
        for service in found {
            let stream = chat_call(&address(service))?.body(request.clone()).stream().await?;
            ensure!(stream.status == 200, "{}", stream.status);
            streams.push(stream);
        }
        Ok(streams)
    }

    async fn run(&self, script: &str) -> anyhow::Result<()> {
        let finished = self.nomad.script(script)?.finish().await?;
        ensure!(finished.code == Some(0), "{script}: {finished:?}");
        Ok(())
    }

    /// The allocation of an instance.
    async fn allocation(&self, service: &Value) -> anyhow::Result<Value> {
        let id = service["Meta"]["instance"].as_str().with_context(|| format!("no instance in {service}"))?;
        self.nomad.api().get(&format!("/v1/allocation/{id}")).await
    }
}

async fn one_of(consul: &Api, next: &AtomicUsize) -> anyhow::Result<String> {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let found = async {
        loop {
            looks.tick().await;
            let found = ready(consul, "nova-proxy").await?;
            let number = next.fetch_add(1, Ordering::Relaxed) % found.len().max(1);
            if let Some(found) = found.get(number) {
                return anyhow::Ok(address(found));
            }
        }
    };
    tokio::time::timeout(ROLLOUT, found).await.context("no instance is ready")?
}

fn pieces() -> Vec<String> {
    (0..50).map(|number| format!("{number} ")).collect()
}

async fn end_whole(streams: Vec<Stream>) -> anyhow::Result<()> {
    for stream in streams {
        let outcome = outcome::read(&stream.finish().await)?;
        outcome.finished("stop")?;
        ensure!(outcome.text == pieces().concat(), "a stream lacks a piece: {}", outcome.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_is_drained_takes_every_request_to_its_end_and_serves_again_when_it_may() {
    let scene = Scene::start().await.unwrap();
    let found = scene.catalog_has(2).await.unwrap();
    let load = scene.load().unwrap();
    load.more(WORKERS * 2).await.unwrap();
    let streams = scene.streams(&found).await.unwrap();
    // There is no other node to go to: the deadline ends the wait for one.
    let nodes = scene.nomad.api().get("/v1/nodes").await.unwrap();
    let node = nodes[0]["ID"].as_str().unwrap();
    scene.run(&format!("nomad node drain -enable -yes -detach -deadline 3s {node}")).await.unwrap();
    scene.catalog_has(0).await.unwrap();
    end_whole(streams).await.unwrap();
    scene.run(&format!("nomad node drain -disable -yes {node}")).await.unwrap();
    scene.catalog_has(2).await.unwrap();
    load.more(WORKERS * 2).await.unwrap();
    load.end().await.unwrap();
    for service in &found {
        wait_for("the drained instances to have ended by themselves", ROLLOUT, async || {
            let state = scene.allocation(service).await?["TaskStates"]["nova-proxy"].clone();
            let events = state["Events"].as_array().cloned().unwrap_or_default();
            let is_well = |event: &Value| event["Type"] == "Terminated" && event["ExitCode"] == 0;
            Ok(if events.iter().any(is_well) { Look::Ready(()) } else { Look::NotYet(state) })
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn an_allocation_that_is_stopped_or_killed_fails_no_request_of_the_others_and_is_replaced() {
    let scene = Scene::start().await.unwrap();
    let found = scene.catalog_has(2).await.unwrap();
    let id = |service: &Value| service["Meta"]["instance"].as_str().unwrap_or_default().to_owned();

    // Told to go: its requests are answered to the end, those that come later find another one.
    let load = scene.load().unwrap();
    load.more(WORKERS * 2).await.unwrap();
    let streams = scene.streams(&found[..1]).await.unwrap();
    scene.run(&format!("nomad alloc stop -detach {}", id(&found[0]))).await.unwrap();
    end_whole(streams).await.unwrap();
    let replaced = wait_for("another instance in its place", ROLLOUT, async || {
        let now = ready(&scene.consul.api(), "nova-proxy").await?;
        let is_there = now.len() == 2 && now.iter().all(|service| id(service) != id(&found[0]));
        Ok(if is_there { Look::Ready(now) } else { Look::NotYet(now) })
    })
    .await
    .unwrap();
    load.more(WORKERS * 2).await.unwrap();
    load.end().await.unwrap();

    // Killed: what it had is lost with it, and nobody else's.
    let (victim, survivor) = (&replaced[0], &replaced[1]);
    let call = chat_call("nova-proxy").unwrap();
    let load = Load::begin(WORKERS, &call, &tcp(&address(survivor)), Connections::Kept);
    load.more(WORKERS * 2).await.unwrap();
    scene.run(&format!("nomad alloc signal -s SIGKILL {} nova-proxy", id(victim))).await.unwrap();
    wait_for("the task to be started again", ROLLOUT, async || {
        let now = scene.allocation(victim).await?;
        let state = &now["TaskStates"]["nova-proxy"];
        let is_back = state["Restarts"].as_u64() >= Some(1) && state["State"] == "running";
        Ok(if is_back { Look::Ready(()) } else { Look::NotYet(state.clone()) })
    })
    .await
    .unwrap();
    scene.catalog_has(2).await.unwrap();
    load.more(WORKERS * 2).await.unwrap();
    load.end().await.unwrap();
    let asked = chat_call(&address(victim)).unwrap().body(ask("Hello").to_string());
    let reply = asked.send().await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}
