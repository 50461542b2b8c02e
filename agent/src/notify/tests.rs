//! Messages that are delivered, tried again, and given up.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use nova_hashistack::TlsConfig;
use slog::{Discard, o};

use super::*;
use crate::scripted::{Answer, Scripted, answer};
use crate::seams::webhook::Destinations;

fn message(kind: &str) -> Message {
    Message {
        kind: kind.to_owned(),
        message: "version 2 is promoted".to_owned(),
        advice: String::new(),
        about: Subject::Rollout {
            namespace: "default".to_owned(),
            job: "nova-proxy".to_owned(),
            deployment_id: "d".to_owned(),
            job_version: 2,
        },
        at: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn endpoint(server: &Scripted) -> Endpoint {
    patient_for(server, Duration::from_secs(20))
}

fn patient_for(server: &Scripted, timeout: Duration) -> Endpoint {
    let url = format!("http://{}/told", server.address);
    Endpoint::new(&url, timeout, &Destinations::default()).unwrap()
}

fn queue() -> (Notifier, Deliveries) {
    let (notifier, mut deliveries) =
        channel(Webhooks::new(&TlsConfig::default()).unwrap(), &Logger::root(Discard, o!()));
    let short = Duration::from_millis(1);
    deliveries.pauses = webhook::Pauses { first: short, longest: short };
    (notifier, deliveries)
}

/// Delivers until the condition holds.
async fn until(notifier: &Notifier, deliveries: Deliveries, is_done: impl Fn(Counts) -> bool) {
    let watched = async {
        while !is_done(notifier.counts()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = deliveries.run(Shutdown::new()) => panic!("deliveries ended"),
        () = watched => {}
    }
}

#[tokio::test]
async fn a_message_is_delivered_after_a_failure_that_passes() {
    let tries = AtomicUsize::new(0);
    let server = Scripted::start(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::Cut,
        1 => answer(503, ""),
        _ => answer(204, ""),
    })
    .await;
    let (notifier, deliveries) = queue();
    notifier.tell(message("promoted"), [endpoint(&server)]);
    until(&notifier, deliveries, |counts| counts.delivered == 1).await;
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    let body: serde_json::Value = serde_json::from_slice(&asked[2].body).unwrap();
    assert_eq!((&body["kind"], &body["job_version"]), (&"promoted".into(), &2.into()));
}

#[tokio::test]
async fn a_receiver_that_hangs_or_refuses_is_given_up_and_holds_up_no_other() {
    let deaf = Scripted::start(|_| Answer::Silence).await;
    let cross = Scripted::start(|_| answer(400, "who are you")).await;
    let good = Scripted::start(|_| answer(200, "")).await;
    let (notifier, deliveries) = queue();
    let short = patient_for(&deaf, Duration::from_millis(50));
    notifier.tell(message("ended"), [short, endpoint(&cross), endpoint(&good)]);
    until(&notifier, deliveries, |counts| counts.failed == 2 && counts.delivered == 1).await;
    assert_eq!((good.asked().len(), cross.asked().len()), (1, webhook::TRIES));
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_does_not_wait() {
    let server = Scripted::start(|_| answer(200, "")).await;
    let (notifier, _deliveries) = queue();
    for _ in 0..QUEUE + 3 {
        notifier.tell(message("waiting"), [endpoint(&server)]);
    }
    assert_eq!(notifier.counts(), Counts { dropped: 3, ..Counts::default() });
}
