//! `nova-agent verify --serve`: answers a rollout's webhook gate by what a verification finds.
//!
//! Owns the socket and what a finding is as an answer: 200 lets the rollout go on, 409 with the first failures does not. One caller
//! after the other is answered, so that no two verifications run at once; a fresh result serves the next caller as well.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::super::output::{complain, print, visible_line};
use crate::verify::report::Report;

/// How long a result answers for: gates are asked every few seconds, and each verification asks all models.
const FRESH: Duration = Duration::from_secs(15);

/// How long a verification may take before its caller is told to come again. A gate waits for 30 seconds at most.
const PATIENCE: Duration = Duration::from_secs(25);

/// How long a caller may take to say what it wants.
const HEAD: Duration = Duration::from_secs(5);

/// The pause after an accept that failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// How many failures an answer tells: the gate keeps a sentence of it.
const TOLD: usize = 3;

type Answer = (StatusCode, String);

/// Answers callers until the process is told to end. `verify` makes a report, and says whether it is good.
///
/// # Errors
/// When the address is not one of this machine's alone, or cannot be bound.
pub(super) async fn serve(
    address: SocketAddr,
    verify: impl AsyncFn() -> (Report, bool),
) -> anyhow::Result<()> {
    ensure!(
        address.ip().is_loopback(),
        "{address} is not served: there is no login, and each answer costs requests; bind a loopback address, beside the agent"
    );
    let listener = TcpListener::bind(address).await.with_context(|| format!("{address} cannot be bound"))?;
    print(&format!("gate at http://{}/", listener.local_addr()?))?;
    let last: Mutex<Option<(Instant, Answer)>> = Mutex::new(None);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                complain(&format!("nova-agent: a caller could not be taken: {error}"));
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (last, verify) = (&last, &verify);
        let service = service_fn(move |_question: Request<Incoming>| async move {
            let (status, text) = answer(last, verify).await;
            let mut response = Response::new(Full::new(Bytes::from(text)));
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        // A caller who goes, or says nothing that is HTTP, has no answer coming; the next one has.
        drop(timeout(HEAD + PATIENCE + HEAD, served).await);
    }
}

async fn answer(
    last: &Mutex<Option<(Instant, Answer)>>,
    verify: &impl AsyncFn() -> (Report, bool),
) -> Answer {
    let mut last = last.lock().await;
    if let Some((at, answer)) = last.as_ref()
        && at.elapsed() < FRESH
    {
        return answer.clone();
    }
    let answer = match timeout(PATIENCE, verify()).await {
        Ok((report, is_good)) => of(&report, is_good),
        Err(_elapsed) => {
            (StatusCode::CONFLICT, format!("verify had come to no result after {} s", PATIENCE.as_secs()))
        }
    };
    *last = Some((Instant::now(), answer.clone()));
    answer
}

/// A report as an answer.
fn of(report: &Report, is_good: bool) -> Answer {
    let counts = report.counts();
    if is_good {
        return (StatusCode::OK, format!("verify: {} checks passed", counts.passed));
    }
    let told: Vec<String> = report
        .failures()
        .take(TOLD)
        .map(|found| format!("{}: {}", found.check.id, visible_line(&found.told.join("; "))))
        .collect();
    let told = if told.is_empty() { "not everything could be asked".to_owned() } else { told.join(" | ") };
    (StatusCode::CONFLICT, format!("verify: {} failed, {} skipped: {told}", counts.failed, counts.skipped))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::*;
    use crate::verify::check::Command;
    use crate::verify::fact::Facts;
    use crate::verify::rules::Rules;

    #[test]
    fn a_gate_is_told_what_fails_or_that_nothing_does() {
        let mut facts = Facts::new(Timestamp::UNIX_EPOCH, Rules::default());
        let report = Report::of(Command::Verify, &facts, &BTreeSet::new());
        assert_eq!(of(&report, true).0, StatusCode::OK);
        facts.agent.leader = Ok(None);
        let report = Report::of(Command::Verify, &facts, &BTreeSet::new());
        let (status, text) = of(&report, false);
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(text.contains("1 failed") && text.contains("agent-leader: nobody holds"), "{text}");
    }

    #[tokio::test]
    async fn a_fresh_result_serves_the_next_caller() {
        let count = std::cell::Cell::new(0);
        let verify = async || {
            count.set(count.get() + 1);
            let facts = Facts::new(Timestamp::UNIX_EPOCH, Rules::default());
            (Report::of(Command::Verify, &facts, &BTreeSet::new()), true)
        };
        let last = Mutex::new(None);
        assert_eq!(answer(&last, &verify).await.0, StatusCode::OK);
        assert_eq!(answer(&last, &verify).await.0, StatusCode::OK);
        assert_eq!(count.get(), 1);
    }

    #[tokio::test]
    async fn an_address_that_others_reach_is_not_served() {
        let verify = async || -> (Report, bool) { panic!("nothing is verified") };
        let error = serve("0.0.0.0:0".parse().unwrap(), verify).await.unwrap_err();
        assert!(error.to_string().contains("loopback"), "{error}");
    }
}
