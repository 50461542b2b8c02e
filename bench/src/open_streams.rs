//! `nova-bench streams`: what an open stream costs in memory, and whether others are served beside thousands of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::Args;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use crate::report::mib;
use crate::scenario::Kind;
use crate::target::{Protocol, Target, Upstream};
use crate::{Programs, cpu, load, machine};

/// Streams that share a connection of HTTP/2: with one connection each, this process and the proxy would need more descriptors than
/// many machines grant.
const STREAMS_PER_CONNECTION: usize = 100;

/// How many streams begin at once.
const OPENING_MAX: usize = 50;

/// How long all streams may take to close after their callers have left.
const CLOSE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct StreamsArgs {
    #[command(flatten)]
    programs: Programs,
    /// How many streams are open at once.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
}

pub(crate) async fn run(args: &StreamsArgs) -> anyhow::Result<()> {
    use std::io::Write as _;
    machine::pin_load()?;
    let upstream = Upstream::start(None)?;
    let proxy = Target::proxy(&args.programs, &upstream).await?;
    let pids = proxy.pids();
    let pid = *pids.first().context("the proxy runs")?;
    let before = (cpu::resident_kib(&pids).0, cpu::descriptors(pid));

    let mut drivers = JoinSet::new();
    let streams = open(&proxy, args.count, &mut drivers).await?;
    let during = (cpu::resident_kib(&pids).0, cpu::descriptors(pid));
    let request = Kind::Small.request(proxy.address, proxy.protocol, &proxy.key);
    let others =
        LocalSet::new().run_until(load::closed(proxy.address, &request, 1, Duration::from_secs(5))).await?;
    let broken = still_open(streams).await;

    drop(drivers);
    let closed = wait_for_close(pid, before.1).await;
    let after = (cpu::resident_kib(&pids).0, cpu::descriptors(pid));

    let mut out = std::io::stdout();
    let count = args.count;
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let per_stream_kib = (during.0.saturating_sub(before.0)) as f64 / count as f64;
    writeln!(out, "{}", machine::description())?;
    writeln!(out, "open streams              {count} ({broken} broken)")?;
    writeln!(
        out,
        "resident                  {:.1} MiB before, {:.1} with them, {:.1} after",
        mib(before.0),
        mib(during.0),
        mib(after.0)
    )?;
    writeln!(out, "per stream                {per_stream_kib:.1} KiB")?;
    writeln!(
        out,
        "descriptors               {} before, {} with them, {} after",
        before.1, during.1, after.1
    )?;
    writeln!(
        out,
        "small requests beside it  {} answered, {} failed, p50 {:.3} ms, p99 {:.3} ms",
        others.completed,
        others.failed,
        others.latency.percentile_ms(50.0).unwrap_or(f64::NAN),
        others.latency.percentile_ms(99.0).unwrap_or(f64::NAN)
    )?;
    ensure!(broken == 0 && others.failed == 0, "streams or requests failed");
    ensure!(closed, "descriptors are still held {} s after all callers left", CLOSE_MAX.as_secs());
    Ok(())
}

async fn open(proxy: &Target, count: usize, drivers: &mut JoinSet<()>) -> anyhow::Result<Vec<Incoming>> {
    let bar = ProgressBar::new(count as u64)
        .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} streams open")?);
    let (path, body) = Kind::Held.body(Protocol::OpenAi);
    let (body, authorization) = (Bytes::from(body), format!("Bearer {}", proxy.key));
    let mut streams = Vec::with_capacity(count);
    let places = Arc::new(tokio::sync::Semaphore::new(OPENING_MAX));
    while streams.len() < count {
        let sender = connect(proxy.address, drivers).await?;
        let mut opening = JoinSet::new();
        for _ in 0..STREAMS_PER_CONNECTION.min(count - streams.len()) {
            let request = Request::builder()
                .method(Method::POST)
                .uri(format!("http://{}{path}", proxy.address))
                .header("authorization", &authorization)
                .header("content-type", "application/json")
                .body(Full::new(body.clone()))?;
            let (mut sender, places) = (sender.clone(), Arc::clone(&places));
            opening.spawn(async move {
                let _place = places.acquire().await?;
                let response = sender.send_request(request).await?;
                ensure!(response.status().is_success(), "a stream was refused with {}", response.status());
                let mut body = response.into_body();
                body.frame().await.context("a stream ended at once")??;
                Ok(body)
            });
        }
        while let Some(stream) = opening.join_next().await {
            streams.push(stream??);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(streams)
}

async fn connect(address: SocketAddr, drivers: &mut JoinSet<()>) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    drivers.spawn(async move {
        // It ends when its streams are dropped; what broke shows in the streams.
        drop(connection.await);
    });
    Ok(sender)
}

/// How many of the streams do not give a further chunk.
async fn still_open(streams: Vec<Incoming>) -> usize {
    const CHUNK_MAX: Duration = Duration::from_secs(30);
    let mut reading = JoinSet::new();
    for mut stream in streams {
        reading.spawn(async move { matches!(timeout(CHUNK_MAX, stream.frame()).await, Ok(Some(Ok(_)))) });
    }
    reading.join_all().await.into_iter().filter(|is_open| !is_open).count()
}

async fn wait_for_close(pid: u32, before: usize) -> bool {
    // The connections of the pool and of the small requests may stay.
    const STAYING_MAX: usize = 64;
    let closed = async {
        while cpu::descriptors(pid) > before + STAYING_MAX {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(CLOSE_MAX, closed).await.is_ok()
}
