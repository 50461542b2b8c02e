//! New configuration without a lost request, and a bad one without harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::bed::{Bed, Settings, ask, with};

fn serving(target: &str) -> Settings {
    Settings { rest: format!("model \"house-model\" {{\n  target = \"{target}\"\n}}"), ..Settings::default() }
}

fn request() -> Value {
    with(ask("Hello"), json!({ "model": "house-model" }))
}

/// Waits until the house model is served by this target.
async fn served_by(bed: &Bed, target: &str) -> anyhow::Result<()> {
    wait_for(&format!("house-model served by {target}"), DEADLINE, async || {
        bed.chat_ok(&request()).await?;
        let path = bed.simulator.last_request().await?.path;
        Ok(if path.contains(target) { Look::Ready(()) } else { Look::NotYet(path) })
    })
    .await
}

#[derive(Clone, Copy, Debug)]
enum Trigger {
    Hangup,
    FileChange,
}

async fn reloads_under_load(trigger: Trigger) -> anyhow::Result<()> {
    let mut bed = Bed::with(serving("us.amazon.nova-lite-v1:0")).await?;
    served_by(&bed, "nova-lite").await?;
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut load = JoinSet::new();
    for _ in 0..4 {
        let (stop, answered, call) = (Arc::clone(&stop), Arc::clone(&answered), bed.chat_call(&request())?);
        load.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let reply = call.clone().send().await?;
                ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    for round in 0..4 {
        let target = if round % 2 == 0 { "us.amazon.nova-pro-v1:0" } else { "us.amazon.nova-lite-v1:0" };
        let before = answered.load(Ordering::Relaxed);
        bed.write_config(&serving(target))?;
        if let Trigger::Hangup = trigger {
            bed.own_proxy()?.signal(Signal::HUP)?;
        }
        // The load's own requests are in the simulator's log too: any one with the new target shows the change.
        wait_for(&format!("a call of {target}"), DEADLINE, async || {
            let path = bed.simulator.last_request().await?.path;
            let name = target.trim_end_matches(":0");
            Ok(if path.contains(name) { Look::Ready(()) } else { Look::NotYet(path) })
        })
        .await?;
        wait_for("requests after the change", DEADLINE, async || {
            let now = answered.load(Ordering::Relaxed);
            Ok(if now > before + 8 { Look::Ready(()) } else { Look::NotYet(now) })
        })
        .await?;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(result) = load.join_next().await {
        result??;
    }
    ensure!(bed.own_proxy()?.is_running()?, "the proxy is gone");
    Ok(())
}

#[tokio::test]
async fn reload_by_signal_under_load_fails_no_request() {
    reloads_under_load(Trigger::Hangup).await.unwrap();
}

#[tokio::test]
async fn reload_by_file_change_under_load_fails_no_request() {
    reloads_under_load(Trigger::FileChange).await.unwrap();
}

#[tokio::test]
async fn a_bad_file_keeps_the_last_good_one_and_says_why() {
    let mut bed = Bed::with(serving("us.amazon.nova-lite-v1:0")).await.unwrap();
    served_by(&bed, "nova-lite").await.unwrap();
    let good = std::fs::read_to_string(bed.config_path()).unwrap();
    let faults = [
        ("model \"house-model\" {\n  targt = \"us.amazon.nova-pro-v1:0\"\n}", "targt"),
        ("model \"house-model\" {\n  target = \"us.amazon.nova-ultra-v9:0\"\n}", "nova-ultra"),
        ("model \"house-model\" {\n  target = ", "proxy.hcl"),
    ];
    for (bad, reason) in faults {
        let head = good.split("model \"house-model\"").next().unwrap();
        bed.write_config_text(&format!("{head}{bad}\n")).unwrap();
        let proxy = bed.own_proxy().unwrap();
        proxy.signal(Signal::HUP).unwrap();
        let names_it = |line: &str| line.contains("proxy.hcl:") && line.contains(reason);
        proxy.line_where(&format!("the refusal that names {reason}"), DEADLINE, names_it).await.unwrap();
        served_by(&bed, "nova-lite").await.unwrap();
    }
    let page = bed.metrics_page().await.unwrap();
    assert!(
        page.lines().any(|line| line.starts_with("nova_proxy_config_reloads_total") && !line.ends_with(" 0")),
        "{page}"
    );
    // A good file is taken again after bad ones.
    bed.write_config(&serving("us.amazon.nova-pro-v1:0")).unwrap();
    bed.own_proxy().unwrap().signal(Signal::HUP).unwrap();
    served_by(&bed, "nova-pro").await.unwrap();
}

#[tokio::test]
async fn an_empty_or_missing_file_never_means_no_configuration() {
    let mut bed = Bed::with(serving("us.amazon.nova-lite-v1:0")).await.unwrap();
    served_by(&bed, "nova-lite").await.unwrap();
    bed.write_config_text("").unwrap();
    let proxy = bed.own_proxy().unwrap();
    proxy.signal(Signal::HUP).unwrap();
    proxy.line_where("the refusal", DEADLINE, |line| line.contains("proxy.hcl")).await.unwrap();
    served_by(&bed, "nova-lite").await.unwrap();
    std::fs::remove_file(bed.config_path()).unwrap();
    bed.own_proxy().unwrap().signal(Signal::HUP).unwrap();
    served_by(&bed, "nova-lite").await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_open_at_a_reload_goes_on() {
    let mut bed = Bed::with(serving("us.amazon.nova-lite-v1:0")).await.unwrap();
    let deltas: Vec<String> = (0..15).map(|number| format!("{number} ")).collect();
    let script = json!({ "deltas": deltas, "delta_delay_ms": 100 });
    let slow = with(crate::bed::ask_script(&script), json!({ "model": "house-model" }));
    let mut stream = bed.stream(&slow).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    bed.write_config(&serving("us.amazon.nova-pro-v1:0")).unwrap();
    bed.own_proxy().unwrap().signal(Signal::HUP).unwrap();
    tokio::time::timeout(Duration::from_secs(30), served_by(&bed, "nova-pro")).await.unwrap().unwrap();
    let mut ended = stream.finish().await;
    ended.events.insert(0, first);
    let outcome = crate::outcome::read(&ended).unwrap();
    outcome.finished("stop").unwrap();
    assert_eq!(outcome.text, deltas.concat());
}
