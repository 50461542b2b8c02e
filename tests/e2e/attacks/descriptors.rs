//! A process that has no more descriptors: it does not spin, keeps what it has, and recovers.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::wait::{Look, wait_for};
use tokio::net::TcpStream;

use super::polite::Polite;
use super::raw::host;
use super::siege::{NOISE_MIB, Siege, metric, processor_time};
use crate::bed::{Bed, Settings, ask, expect_error};

/// How many descriptors the proxy may have: enough to start, far fewer than it is attacked with.
const DESCRIPTORS: usize = 64;

/// A bed whose proxy may have few descriptors, and cannot help itself to more.
async fn confined(server: &str) -> anyhow::Result<Bed> {
    let settings = Settings {
        bedrock: "retry {\n    max_attempts = 2\n    base_delay = \"10ms\"\n  }".to_owned(),
        rest: format!("server {{\n  {server}\n}}"),
        ..Settings::default()
    };
    super::siege::confined(&format!("ulimit -n {DESCRIPTORS}"), settings).await
}

#[tokio::test]
async fn running_out_of_descriptors_neither_spins_nor_harms_who_is_connected() {
    let bed = confined("header_timeout = \"5s\"").await.unwrap();
    let polite = Polite::keeps_its_connection(&bed).await.unwrap();
    let mut siege = Siege::on("no descriptors left", bed, polite).unwrap();
    let process = siege.bed.own_proxy().unwrap().id().unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            let mut attackers = Vec::new();
            for _ in 0..4 * DESCRIPTORS {
                attackers.push(TcpStream::connect(host(bed)).await?);
            }
            let proxy = bed.proxy.as_ref().context("no proxy")?;
            wait_for("the log of a failed accept", super::siege::PATIENCE, async || {
                let log = proxy.stderr()?;
                Ok(if log.matches("cannot accept connections").count() >= 5 {
                    Look::Ready(())
                } else {
                    Look::NotYet(log)
                })
            })
            .await?;
            // Far apart: a loop that spins takes all of a processor, which is 1 s of each second.
            let (began, used) = (tokio::time::Instant::now(), processor_time(process)?);
            wait_for("three more failed accepts", super::siege::PATIENCE, async || {
                let count = proxy.stderr()?.matches("cannot accept connections").count();
                Ok(if count >= 8 { Look::Ready(()) } else { Look::NotYet(count) })
            })
            .await?;
            let (elapsed, spent) = (began.elapsed(), processor_time(process)? - used);
            ensure!(
                spent < elapsed / 2 + Duration::from_millis(200),
                "{spent:?} of processor time in {elapsed:?}"
            );
            drop(attackers);
            // New clients are welcome again.
            let health = Call::new(Method::GET, &format!("{}/health/live", bed.root))?.send().await?;
            ensure!(health.status == 200, "{health:?}");
            metric(bed, "nova_proxy_accept_errors_total", |count| count >= 5.0).await
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_call_that_finds_no_descriptor_is_refused_as_one_that_may_be_tried_again() {
    let bed = confined("header_timeout = \"30s\"").await.unwrap();
    let mut kept = super::raw::RawClient::connect(&bed).await.unwrap();
    let request = super::raw::chat_request(&bed, &ask("Hello").to_string());
    // A process that has its credentials opens no files of its own any more.
    wait_for("readiness", super::siege::PATIENCE, async || {
        let reply = Call::new(Method::GET, &format!("{}/health/ready", bed.root))?.send().await?;
        Ok(if reply.status == 200 { Look::Ready(()) } else { Look::NotYet(reply.text()) })
    })
    .await
    .unwrap();
    kept.send(b"GET /health/live HTTP/1.1\r\nhost: nova\r\n\r\n").await.unwrap();
    assert_eq!(kept.answer().await.unwrap().status, 200);
    // No call was made, so that no connection to Bedrock is in the pool.
    let mut attackers = Vec::new();
    for _ in 0..2 * DESCRIPTORS {
        attackers.push(TcpStream::connect(host(&bed)).await.unwrap());
    }
    let proxy = bed.proxy.as_ref().unwrap();
    wait_for("the log of a failed accept", super::siege::PATIENCE, async || {
        let log = proxy.stderr()?;
        Ok(if log.contains("cannot accept connections") { Look::Ready(()) } else { Look::NotYet(log) })
    })
    .await
    .unwrap();
    kept.send(&request).await.unwrap();
    let answer = kept.answer().await.unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body.contains("upstream_unreachable"), "{answer:?}");
    assert!(proxy.stderr().unwrap().contains("Too many open files"), "the log tells the cause");
    drop(attackers);
    bed.still_serves().await.unwrap();
    let unknown =
        bed.chat(&crate::bed::with(ask("Hello"), serde_json::json!({ "model": "none" }))).await.unwrap();
    expect_error(&unknown, 404, None).unwrap();
}
