//! The election against a Consul that is played: sessions and one lock, with failures when a test wants them. Time is paused, and
//! moves when the test moves it.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use nova_hashistack::ConsulConfig;
use nova_lifecycle::{Shutdown, Tasks};
use serde_json::json;
use slog::o;
use tokio::task::JoinSet;
use tokio::time::{Instant, advance};

use super::*;
use crate::scripted::{Answer, Asked, Scripted, answer};

const TTL: Duration = Duration::from_secs(15);
const MARGIN: Duration = Duration::from_secs(5);

/// What the played Consul holds.
#[derive(Default)]
struct Played {
    index: u64,
    sessions: Vec<String>,
    made: u64,
    /// The session that has the lock, and how often it was taken.
    lock: Option<String>,
    locked: u64,
    /// Whether renewals fail, as while servers elect a leader.
    renewals_fail: bool,
    /// Calls that change something, in their order.
    changes: Vec<String>,
}

impl Played {
    fn changed(&mut self) {
        self.index += 1;
    }

    fn answer(&mut self, asked: &Asked) -> Answer {
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let last = path.rsplit('/').next().unwrap_or_default().to_owned();
        match (asked.method.as_str(), path) {
            ("PUT", "/v1/session/create") => {
                self.made += 1;
                let id = format!("s{}", self.made);
                self.sessions.push(id.clone());
                self.changes.push("create".to_owned());
                answer(200, json!({ "ID": id }).to_string())
            }
            ("PUT", _) if path.starts_with("/v1/session/renew/") => {
                if self.renewals_fail {
                    return answer(500, "No cluster leader");
                }
                if self.sessions.contains(&last) {
                    answer(200, "[]")
                } else {
                    answer(404, "session not found")
                }
            }
            ("PUT", _) if path.starts_with("/v1/session/destroy/") => {
                self.end(&last);
                self.changes.push(format!("destroy {last}"));
                answer(200, "true")
            }
            ("PUT", _) if query.starts_with("acquire=") => {
                let session = query.trim_start_matches("acquire=").to_owned();
                let is_free = self.lock.as_ref().is_none_or(|holder| *holder == session);
                if is_free && self.sessions.contains(&session) {
                    self.changes.push(format!("acquire {session}"));
                    self.lock = Some(session);
                    self.locked += 1;
                    self.changed();
                    return answer(200, "true");
                }
                answer(200, "false")
            }
            ("PUT", _) if query.starts_with("release=") => {
                self.changes.push(format!("release {}", query.trim_start_matches("release=")));
                self.lock = None;
                self.changed();
                answer(200, "true")
            }
            ("GET", _) => self.read(query),
            _ => answer(404, "no such call"),
        }
    }

    fn end(&mut self, session: &str) {
        self.sessions.retain(|known| known != session);
        if self.lock.as_deref() == Some(session) {
            self.lock = None;
        }
        self.changed();
    }

    fn read(&self, query: &str) -> Answer {
        let index = self.index.max(1);
        let waits_after = query.split('&').find_map(|part| part.strip_prefix("index=")?.parse::<u64>().ok());
        if waits_after.is_some_and(|after| after >= index) {
            // The test's next change is seen by a later call.
            return Answer::Silence;
        }
        let headers =
            format!("X-Consul-Index: {index}\r\nX-Consul-KnownLeader: true\r\nX-Consul-LastContact: 0\r\n");
        if self.locked == 0 {
            return Answer::Whole(404, headers, Vec::new());
        }
        let entry = json!([{
            "Key": "nova/leader", "Value": null, "Flags": 0, "CreateIndex": 1, "ModifyIndex": index,
            "LockIndex": self.locked, "Session": self.lock,
        }]);
        Answer::Whole(200, headers, entry.to_string().into_bytes())
    }
}

/// An instance in the election, and the Consul that it asks.
struct Bed {
    consul: Arc<Mutex<Played>>,
    leadership: watch::Receiver<Option<Leadership>>,
    hand_over: CancellationToken,
    tasks: Tasks,
    _server: Scripted,
    /// Keeps the runtime from resting, so that paused time stands still while calls are under way.
    _busy: JoinSet<()>,
}

impl Bed {
    async fn start() -> Self {
        Self::with(Played::default()).await
    }

    async fn with(played: Played) -> Self {
        let consul = Arc::new(Mutex::new(played));
        let asked = Arc::clone(&consul);
        let server = Scripted::start(move |call| asked.lock().unwrap().answer(call)).await;
        let mut busy = JoinSet::new();
        busy.spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        let log = Logger::root(slog::Discard, o!());
        let client = ConsulClient::new(ConsulConfig::new(server.address.parse().unwrap())).unwrap();
        let config = LeaderConfig {
            key: "nova/leader".to_owned(),
            ttl: TTL,
            lock_delay: Duration::from_secs(1),
            margin: MARGIN,
        };
        let holder = Holder {
            instance: "one".to_owned(),
            api: None,
            version: "0.1.0".to_owned(),
            since: Timestamp::UNIX_EPOCH,
        };
        let election = Election::new(client, config, holder, Events::new("p"), log.clone());
        let leadership = election.leadership();
        let (hand_over, tasks) = (CancellationToken::new(), Tasks::new(Shutdown::new(), &log));
        tasks.spawn("election", election.run(hand_over.clone()));
        Self { consul, leadership, hand_over, tasks, _server: server, _busy: busy }
    }

    /// Waits, without time passing, until the leadership is as it should be.
    async fn until(&mut self, what: &str, is_so: impl Fn(Option<&Leadership>) -> bool) {
        for _ in 0..200_000 {
            if is_so(self.leadership.borrow().as_ref()) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{what} did not come: {:?}", self.consul.lock().unwrap().changes);
    }

    /// Lets time pass in small steps, and what is due in each of them happen.
    async fn pass(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            advance(Duration::from_millis(100)).await;
            for _ in 0..300 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn leads(&self) -> bool {
        self.leadership.borrow().as_ref().is_some_and(|leadership| leadership.may_act(Instant::now()))
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_leads_when_nobody_does_and_stays_so() {
    let mut bed = Bed::start().await;
    bed.until("leadership", |leadership| leadership.is_some()).await;
    assert_eq!(bed.leadership.borrow().as_ref().unwrap().epoch(), 1);
    bed.pass(TTL * 4).await;
    assert!(bed.leads());
    assert_eq!(bed.consul.lock().unwrap().changes, ["create", "acquire s1"]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_waits_for_a_lock_that_somebody_else_holds_without_trying() {
    let held = Played { lock: Some("other".to_owned()), locked: 1, index: 5, ..Played::default() };
    let bed = Bed::with(held).await;
    bed.pass(TTL).await;
    assert!(!bed.leads());
    assert!(bed.consul.lock().unwrap().changes.is_empty(), "no session is made for nothing");
}

#[tokio::test(start_paused = true)]
async fn renewals_that_fail_are_tried_again_and_acting_stops_in_time() {
    let mut bed = Bed::start().await;
    bed.until("leadership", |leadership| leadership.is_some()).await;
    bed.consul.lock().unwrap().renewals_fail = true;
    bed.pass(TTL - MARGIN - Duration::from_secs(1)).await;
    assert!(bed.leads(), "an election of the servers takes seconds");
    bed.pass(Duration::from_secs(2)).await;
    assert!(!bed.leads());
    assert!(bed.leadership.borrow().is_none(), "and nobody is told otherwise");

    bed.consul.lock().unwrap().renewals_fail = false;
    bed.pass(Duration::from_secs(2)).await;
    assert!(bed.leads(), "the session has lived on");
    assert_eq!(bed.leadership.borrow().as_ref().unwrap().epoch(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_gone_ends_leadership_at_once_and_another_one_is_made() {
    let mut bed = Bed::start().await;
    bed.until("leadership", |leadership| leadership.is_some()).await;
    let first = bed.leadership.borrow().clone().unwrap();
    bed.consul.lock().unwrap().end("s1");
    bed.pass(TTL / 3 + Duration::from_secs(1)).await;
    assert!(!first.may_act(Instant::now()), "the old one is over for good");
    bed.pass(Duration::from_secs(2)).await;
    bed.until("another leadership", |leadership| leadership.is_some_and(|now| now.epoch() == 2)).await;
    assert_ne!(bed.leadership.borrow().as_ref().unwrap().fence(), first.fence());
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_was_refused_makes_the_lock_be_looked_at_at_once() {
    let mut bed = Bed::start().await;
    bed.until("leadership", |leadership| leadership.is_some()).await;
    let first = bed.leadership.borrow().clone().unwrap();
    {
        // Somebody has taken the key away by hand, and the session lives on.
        let mut consul = bed.consul.lock().unwrap();
        consul.lock = Some("other".to_owned());
        consul.locked = 2;
    }
    first.doubt();
    bed.until("the loss", |leadership| leadership.is_none()).await;
    assert!(!first.may_act(Instant::now()));
    bed.pass(Duration::from_millis(200)).await;
    assert!(bed.consul.lock().unwrap().changes.contains(&"destroy s1".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_releases_the_key_before_its_session_ends() {
    let mut bed = Bed::start().await;
    bed.until("leadership", |leadership| leadership.is_some()).await;
    let last = bed.leadership.borrow().clone().unwrap();
    bed.hand_over.cancel();
    bed.until("the hand-over", |leadership| leadership.is_none()).await;
    assert!(!last.may_act(Instant::now()));
    bed.pass(Duration::from_millis(500)).await;
    let changes = bed.consul.lock().unwrap().changes.clone();
    assert_eq!(changes, ["create", "acquire s1", "release s1", "destroy s1"]);
    bed.tasks.shutdown().request_once();
}
