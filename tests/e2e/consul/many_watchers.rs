//! A thousand instances that watch one prefix: what a change costs Consul and the network, how soon all have seen it, and that what is
//! written beside the prefix wakes none of them.
//!
//! Each watcher is the watch of `nova-hashistack` itself, with a client and a connection of its own.

mod crowd;
mod neighborhood;

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::server::{Consul, ConsulLaunch};
use nova_test_support::wire::Wire;

use crate::figures::{Durations, show};
use crate::fleet::PREFIX;
use crowd::Crowd;

const WATCHERS: usize = 1000;

/// How often a document is changed.
const CHANGES: usize = 20;

/// How many keys beside the documents are written, or deleted, while all watch.
const WRITES_BESIDE: usize = 300;

/// What is promised for a fleet of this size.
const SEEN_BY_ALL: Duration = Duration::from_secs(2);

/// How much of what is inevitable may be spent: bytes of the documents for each watcher, one answer for each.
const OVERHEAD: u64 = 10;

async fn put(consul: &Consul, name: &str, text: &str) -> anyhow::Result<()> {
    let path = format!("/v1/kv/{PREFIX}/{name}");
    let reply = consul.api().send(Method::PUT, &path, text).await?;
    ensure!(
        reply.status == 200 && reply.text().trim() == "true",
        "PUT {path}: {} {}",
        reply.status,
        reply.text()
    );
    Ok(())
}

/// The bytes of an answer with all documents, and the index of the newest of them.
async fn documents(consul: &Consul) -> anyhow::Result<(u64, u64)> {
    let reply = consul.api().send(Method::GET, &format!("/v1/kv/{PREFIX}/config?recurse"), "").await?;
    let entries = reply.json()?;
    let indexes = entries.as_array().into_iter().flatten().filter_map(|entry| entry["ModifyIndex"].as_u64());
    Ok((u64::try_from(reply.body.len())?, indexes.max().unwrap_or_default()))
}

/// What changes have cost.
#[derive(Default)]
struct Costs {
    bytes: u64,
    ideal: u64,
    wakeups: u64,
    seen: Durations,
    seen_by_all: Durations,
}

async fn changes(consul: &Consul, wire: &Wire, crowd: &mut Crowd) -> anyhow::Result<Costs> {
    let mut costs = Costs::default();
    for number in 0..CHANGES {
        let (before, woken) = (wire.carried(), crowd.counts().wakeups);
        let text = neighborhood::document(number + 1, number);
        let begun = tokio::time::Instant::now();
        put(consul, &neighborhood::name(number), &text).await?;
        let (size, index) =
            documents(consul).await.with_context(|| format!("accepted {}", wire.accepted()))?;
        let seen = crowd.all_see(index).await?;
        costs.seen_by_all.add(seen.iter().map(|at| at.duration_since(begun)).max().unwrap_or_default());
        seen.iter().for_each(|at| costs.seen.add(at.duration_since(begun)));
        let after = wire.carried();
        costs.bytes += after.0 - before.0 + after.1 - before.1;
        costs.ideal += size * u64::try_from(WATCHERS)?;
        costs.wakeups += crowd.counts().wakeups - woken;
    }
    Ok(costs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a thousand connections: ./tests/run full watch"]
async fn a_change_reaches_a_thousand_watchers_soon_and_what_is_beside_it_reaches_none() {
    let limits = format!("limits {{\n  http_max_conns_per_client = {}\n}}", 8 * WATCHERS);
    let consul = ConsulLaunch::new().with_data().with_settings(&limits).start().await.unwrap();
    let whole = neighborhood::settle(&consul).await.unwrap();
    let (size, index) = documents(&consul).await.unwrap();
    show(&format!(
        "{WATCHERS} watchers; {} documents, {:.1} KB as an answer; {} keys beside them, {:.1} MB as an answer with them",
        neighborhood::DOCUMENTS,
        kilobytes(size),
        neighborhood::KEYS,
        kilobytes(whole) / 1000.0
    ));

    let wire = Wire::to(consul.address()).await.unwrap();
    let mut crowd = Crowd::gather(WATCHERS, wire.address(), &format!("{PREFIX}/config")).unwrap();
    crowd.all_see(index).await.unwrap();
    crowd.all_wait(&wire).await.unwrap();

    let costs = changes(&consul, &wire, &mut crowd).await.unwrap();
    let (changed, watchers) = (u64::try_from(CHANGES).unwrap(), u64::try_from(WATCHERS).unwrap());
    show(&format!(
        "a change of one document: {:.1} MB on the wire, {:.2} times the ideal of {:.1} MB; {:.3} wake-ups for each watcher",
        kilobytes(costs.bytes / changed) / 1000.0,
        ratio(costs.bytes, costs.ideal),
        kilobytes(costs.ideal / changed) / 1000.0,
        ratio(costs.wakeups, changed * watchers),
    ));
    show(&format!("seen by a watcher after the start of the write: {}", costs.seen.summary()));
    show(&format!("connections made by {WATCHERS} watchers: {}", wire.accepted()));
    show(&format!("seen by all: {}", costs.seen_by_all.summary()));

    crowd.all_wait(&wire).await.unwrap();
    // Whatever they cause has happened when the next change has been seen by all.
    let (before, carried) = (crowd.counts(), wire.carried());
    neighborhood::stir(&consul, WRITES_BESIDE).await.unwrap();
    let beside = wire.carried();
    put(&consul, "config", "# the next change\n").await.unwrap();
    crowd.all_see(documents(&consul).await.unwrap().1).await.unwrap();
    let after = crowd.counts();
    show(&format!(
        "{WRITES_BESIDE} writes and deletes beside the documents: {} wake-ups, {} bytes",
        after.wakeups - before.wakeups - watchers,
        beside.0 - carried.0 + beside.1 - carried.1,
    ));

    assert_eq!(after.wakeups - before.wakeups, watchers, "writes beside the documents have woken watchers");
    assert_eq!((after.errors, after.unchanged), (0, 0), "{after:?}");
    assert!(costs.bytes <= OVERHEAD * costs.ideal, "{} bytes, ideal {}", costs.bytes, costs.ideal);
    assert!(costs.wakeups <= OVERHEAD * changed * watchers, "{} wake-ups", costs.wakeups);
    assert!(costs.seen_by_all.max() < SEEN_BY_ALL, "{}", costs.seen_by_all.summary());
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn kilobytes(bytes: u64) -> f64 {
    bytes as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
