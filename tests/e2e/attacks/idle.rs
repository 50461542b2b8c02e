//! Connections that are opened and do nothing, by the thousand.

use anyhow::{Context, ensure};
use nova_test_support::client::Call;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::polite::Polite;
use super::raw::{answers, host};
use super::siege::{PATIENCE, Siege, metric, report, resident_mib};
use crate::bed::{Bed, Settings};

/// What this attack is about.
const CONNECTIONS: usize = 10_000;

/// What this process needs beside them: its programs' files, the polite client, other tests.
const OTHERS: u64 = 1_000;

/// The most that a connection at rest may take: hyper's buffers, the task, the entries of the runtime; less than 20 KiB were measured.
const KIB_EACH_MAX: f64 = 32.0;

#[tokio::test]
async fn ten_thousand_idle_connections_are_carried_and_then_closed() {
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let wanted = u64::try_from(CONNECTIONS).unwrap() + OTHERS;
    assert!(
        allowed >= wanted,
        "this test opens {CONNECTIONS} sockets: raise the open files limit from {allowed} to {wanted}"
    );
    let server = "max_connections = 11000\n  header_timeout = \"10m\"\n  idle_timeout = \"30s\"";
    let mut siege = Siege::begin("10,000 idle connections", server, "").await.unwrap();
    let process = siege.bed.own_proxy().unwrap().id().unwrap();
    let growth = KIB_EACH_MAX * 10_000.0 / 1024.0;
    siege
        .attack(growth, async |bed| {
            let before = resident_mib(process)?;
            let mut idle = Vec::with_capacity(CONNECTIONS);
            let request = format!("GET /health/live HTTP/1.1\r\nhost: {}\r\n\r\n", host(bed));
            for number in 0..CONNECTIONS {
                let mut socket =
                    TcpStream::connect(host(bed)).await.with_context(|| format!("connection {number}"))?;
                // A connection that has served a request holds what it needed for it; that is the one to weigh.
                socket.write_all(request.as_bytes()).await?;
                let mut piece = [0; 1024];
                let count = timeout(PATIENCE, socket.read(&mut piece)).await.context("no answer")??;
                let answer = String::from_utf8_lossy(piece.get(..count).unwrap_or_default()).into_owned();
                ensure!(answers(&answer) == 1, "connection {number}: {answer:?}");
                idle.push(socket);
            }
            let each = (resident_mib(process)? - before) * 1024.0 / 10_000.0;
            report(&format!("attack 10,000 idle connections: {each:.1} KiB each"))?;
            metric(bed, "nova_proxy_connections_open", |open| open >= 9_000.0).await?;
            for socket in &mut idle {
                let mut piece = [0; 16];
                let end =
                    timeout(PATIENCE, socket.read(&mut piece)).await.context("an idle connection is kept")?;
                ensure!(end.unwrap_or(0) == 0, "an idle connection was told something");
            }
            metric(bed, "nova_proxy_connections_open", |open| open <= 1.0).await
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn past_the_limit_of_connections_new_ones_wait_and_open_ones_go_on() {
    const LIMIT: usize = 50;
    let server = format!("server {{\n  max_connections = {LIMIT}\n  header_timeout = \"2s\"\n}}");
    let bed = Bed::with(Settings { rest: server, ..Settings::default() }).await.unwrap();
    let polite = Polite::keeps_its_connection(&bed).await.unwrap();
    let mut siege = Siege::on("more connections than allowed", bed, polite).unwrap();
    siege
        .attack(super::siege::NOISE_MIB, async |bed| {
            let mut idle = Vec::new();
            for _ in 0..4 * LIMIT {
                idle.push(TcpStream::connect(host(bed)).await?);
            }
            metric(bed, "nova_proxy_connections_open", |open| open >= 50.0).await?;
            // Each waits for the ones before it to be cut off for their silence.
            let late = Call::new(http::Method::GET, &format!("{}/health/live", bed.root))?.send();
            let late = timeout(PATIENCE, late).await.context("a new client waits for ever")??;
            ensure!(late.status == 200, "{late:?}");
            drop(idle);
            metric(bed, "nova_proxy_connections_open", |open| open <= 1.0).await
        })
        .await
        .unwrap();
}
