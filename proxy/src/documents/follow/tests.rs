//! What is handed over, and when, from a watch that is played by hand.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use nova_hashistack::consul::{Indexed, KvEntry};
use nova_lifecycle::Tasks;
use slog::{Discard, o};
use tokio::sync::mpsc;
use tokio::time::advance;

use super::*;
use crate::receipt::{AppliedConfig, ConsulState, Identity, Receipt, VaultStanding, VaultState};

fn changed(index: u64, config: &'static str) -> WatchEvent {
    let entry = KvEntry {
        key: "nova/prod/config".to_owned(),
        value: Bytes::from_static(config.as_bytes()),
        flags: 0,
        create_index: 1,
        modify_index: index,
        lock_index: 0,
        session: None,
    };
    let entries = if config.is_empty() { Vec::new() } else { vec![entry] };
    WatchEvent::Changed(Indexed {
        value: entries,
        index,
        last_contact: None,
        known_leader: true,
        filtered_by_acls: false,
    })
}

fn receipts() -> ReceiptStore {
    let now = Timestamp::UNIX_EPOCH;
    let identity = Identity {
        instance: "i".to_owned(),
        service: "nova-proxy".to_owned(),
        version: "0.1.0",
        region: "us-east-1".to_owned(),
        ring: "stable".to_owned(),
    };
    ReceiptStore::new(Receipt {
        identity: Arc::new(identity),
        config: AppliedConfig::new(Arc::from("0"), now),
        refusal: None,
        candidate: None,
        consul: ConsulStanding::off(now),
        vault: VaultStanding::new(VaultState::Off, None, now),
        secrets: Vec::new(),
    })
}

struct Played {
    events: mpsc::Sender<WatchEvent>,
    documents: watch::Receiver<Option<Documents>>,
    receipts: ReceiptStore,
    _tasks: Tasks,
}

impl Played {
    fn start() -> Self {
        let (events, mut played) = mpsc::channel(4);
        let stream = stream::poll_fn(move |cx| played.poll_recv(cx)).boxed();
        let (sender, documents) = watch::channel(None);
        let (log, receipts) = (Logger::root(Discard, o!()), receipts());
        let tasks = Tasks::new(Shutdown::new(), &log);
        let following = Following::new(stream, View::new("nova/prod", Duration::from_secs(10)));
        let shutdown = tasks.shutdown().clone();
        tasks.spawn("documents", follow(following, receipts.clone(), sender, log, shutdown));
        Self { events, documents, receipts, _tasks: tasks }
    }

    async fn say(&self, event: WatchEvent) {
        self.events.send(event).await.expect("the task runs");
        // The task has taken it in when it has had its turn.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }

    /// The index of the documents that were handed over since the last look.
    fn handed_over(&mut self) -> Option<u64> {
        let documents = self.documents.has_changed().expect("the task runs");
        documents.then(|| self.documents.borrow_and_update().as_ref().map(Documents::index)).flatten()
    }
}

/// Lets time pass, and the task have its turn.
async fn pass(time: Duration) {
    advance(time).await;
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn changes_that_belong_together_are_handed_over_once() {
    let mut played = Played::start();
    played.say(changed(1, "a")).await;
    pass(DEBOUNCE / 2).await;
    played.say(changed(2, "b")).await;
    assert_eq!(played.handed_over(), None, "it may still go on");
    pass(DEBOUNCE / 2).await;
    assert_eq!(played.handed_over(), Some(2));
    pass(DEBOUNCE * 4).await;
    assert_eq!(played.handed_over(), None);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_never_rests_is_handed_over_all_the_same() {
    let mut played = Played::start();
    let mut handed_over = Vec::new();
    for index in 1..=20 {
        played.say(changed(index, "a")).await;
        pass(DEBOUNCE / 5).await;
        handed_over.extend(played.handed_over());
    }
    assert_eq!(handed_over, [5, 10, 15, 20]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_changes_the_state_and_nothing_else() {
    let mut played = Played::start();
    played.say(changed(1, "a")).await;
    pass(DEBOUNCE).await;
    assert_eq!(played.handed_over(), Some(1));
    let since = played.receipts.current().consul.since;
    played.say(changed(2, "")).await;
    pass(DEBOUNCE * 2).await;
    assert_eq!(played.handed_over(), None);
    let now = played.receipts.current().consul;
    assert_eq!((now.state, now.seen_index), (ConsulState::Empty, Some(2)));
    assert!(now.since >= since);
    played
        .say(WatchEvent::Unchanged(Indexed {
            value: (),
            index: 3,
            last_contact: None,
            known_leader: true,
            filtered_by_acls: false,
        }))
        .await;
    assert_eq!(
        played.receipts.current().consul.state,
        ConsulState::Empty,
        "that there are answers is not news"
    );
}
