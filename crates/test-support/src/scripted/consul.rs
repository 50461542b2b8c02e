//! A scripted Consul: key-value store, transactions, sessions with their locks, the catalog and configuration entries, without ACLs.
//!
//! Owns the paths and the handle that tests have. What a call does is in the files of this folder, one for each part of the API.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::UNKNOWN;
use super::http::{Asked, Listener, Machine, Said};
use super::switch::Switch;
use crate::server::Api;

mod catalog;
mod config_entry;
mod kv;
mod session;
mod state;
mod txn;

pub use catalog::Registered;
use state::State;

/// What the one agent is called in the catalog.
const NODE: &str = "consul";

/// How often sessions are looked at whose time may be over.
const SWEEP: Duration = Duration::from_millis(20);

/// A running scripted Consul. Dropping it ends it.
#[derive(Debug)]
pub struct ScriptedConsul {
    shared: Arc<Shared>,
    listener: Listener,
    _sweeper: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    revision: watch::Sender<u64>,
    unknown: Mutex<Vec<String>>,
    words: Mutex<Option<Words>>,
}

/// What a test calls a value that is written.
type Words = fn(&[u8]) -> Option<String>;

impl ScriptedConsul {
    /// Starts it, empty.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(switch: Switch) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            revision: watch::Sender::new(0),
            unknown: Mutex::default(),
            words: Mutex::default(),
        });
        let listener = Listener::start(Arc::clone(&shared), switch)?;
        let mut sweeper = JoinSet::new();
        let swept = Arc::clone(&shared);
        sweeper.spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                swept.change(State::end_overdue_sessions);
            }
        });
        Ok(Self { shared, listener, _sweeper: sweeper })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Its API, for what a test writes and reads.
    pub fn api(&self) -> Api {
        Api::at(self.address(), "x-consul-token")
    }

    /// Has the switch tell what transactions write, in these words, beside the keys.
    pub fn name_values(&self, words: fn(&[u8]) -> Option<String>) {
        *self.shared.words.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }

    /// Lets the time pass that the sessions of a killed program live on, and the lock delay of their keys.
    pub fn outlive_sessions(&self) {
        self.shared.change(State::outlive_sessions);
    }

    /// Registers an instance of a service, or changes it.
    pub fn register(&self, instance: Registered) {
        self.shared.change(|state| state.register(instance));
    }

    /// Takes an instance out of the catalog.
    pub fn deregister(&self, id: &str) {
        self.shared.change(|state| state.deregister(id));
    }

    /// The value of a key, if it is there.
    pub fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.shared.lock().value(key)
    }

    /// The names of all keys.
    pub fn keys(&self) -> Vec<String> {
        self.shared.lock().keys()
    }

    /// The calls that it did not know.
    pub fn unknown(&self) -> Vec<String> {
        self.shared.unknown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes those who wait when it has changed.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (index, changed) = {
            let mut state = self.lock();
            let changed = change(&mut state);
            (state.index(), changed)
        };
        self.revision.send_if_modified(|revision| std::mem::replace(revision, index) != index);
        changed
    }

    fn unknown(&self, asked: &Asked) -> Said {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).push(asked.name());
        Said::text(501, UNKNOWN)
    }

    fn write(&self, asked: &Asked) -> Said {
        let is_delete = asked.method == Method::DELETE;
        self.change(|state| match asked.path().as_slice() {
            ["kv", ..] if is_delete => state.delete_key(asked),
            ["kv", ..] => state.put_key(asked),
            ["txn"] => state.transact(asked),
            ["session", "create"] => state.create_session(asked),
            ["session", "renew", id] => state.renew_session(id),
            ["session", "destroy", id] => state.destroy_session(id),
            ["config"] if !is_delete => state.put_config_entry(asked),
            ["config", kind, name] if is_delete => state.delete_config_entry(asked, kind, name),
            ["agent", "service", "register"] => state.register_service(asked),
            ["agent", "service", "deregister", id] => state.deregister_service(id),
            ["agent", "check", ..] => Said::json(&Value::Null),
            _ => self.unknown(asked),
        })
    }

    fn read(&self, asked: &Asked) -> Said {
        let state = self.lock();
        match asked.path().as_slice() {
            ["kv", ..] => state.read_keys(asked),
            ["session", "info", id] => state.session(id),
            ["session", "list"] => state.sessions(),
            ["config", kind] => state.config_entries(kind),
            ["config", kind, name] => state.config_entry(kind, name),
            ["catalog", "service", name] => state.listed(name),
            ["health", "service", name] => state.healthy(asked, name),
            ["agent", "service", id] => state.agent_service(id),
            ["agent", "services"] => state.agent_services(),
            ["agent", "self"] => Said::json(&json!({ "Config": { "NodeName": NODE, "Datacenter": "dc1" } })),
            ["status", "leader"] => Said::json(&json!("127.0.0.1:8300")),
            _ => self.unknown(asked),
        }
    }
}

impl Machine for Shared {
    const INDEX: Option<&'static str> = Some("x-consul-index");

    /// All that changes something, but for what a program repeats by the clock.
    fn counts(&self, asked: &Asked) -> bool {
        asked.method != Method::GET
            && !matches!(asked.path().as_slice(), ["session", "renew", _] | ["agent", "check", ..])
    }

    fn name(&self, asked: &Asked) -> String {
        let words = *self.words.lock().unwrap_or_else(PoisonError::into_inner);
        match asked.path().as_slice() {
            ["txn"] => format!("{} {}", asked.name(), txn::written(asked, words).join(", ")),
            _ => asked.name(),
        }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    fn answer(&self, asked: &Asked) -> Said {
        if asked.method == Method::GET { self.read(asked) } else { self.write(asked) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn locked(consul: &ScriptedConsul) -> String {
        let api = consul.api();
        let session = api.put("/v1/session/create", &json!({ "TTL": "10s" })).await.unwrap();
        let session = session["ID"].as_str().unwrap().to_owned();
        assert_eq!(api.put(&format!("/v1/kv/leader?acquire={session}"), &json!("x")).await.unwrap(), true);
        session
    }

    #[tokio::test]
    async fn a_waiting_read_is_answered_when_the_key_changes() {
        let consul = ScriptedConsul::start(Switch::new()).unwrap();
        let (reader, writer) = (consul.api(), consul.api());
        let index = reader.send(Method::GET, "/v1/kv/a", "").await.unwrap();
        let index = index.header("x-consul-index").unwrap().to_owned();
        let path = format!("/v1/kv/a?raw&index={index}&wait=60s");
        let waiting = reader.send(Method::GET, &path, "");
        let seven = json!(7);
        let (read, written) = tokio::join!(waiting, writer.put("/v1/kv/a", &seven));
        assert_eq!((read.unwrap().text().as_str(), written.unwrap()), ("7", json!(true)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_not_renewed_ends_after_twice_its_time_and_its_key_after_the_delay() {
        let shared = Shared {
            state: Mutex::default(),
            revision: watch::Sender::new(0),
            unknown: Mutex::default(),
            words: Mutex::default(),
        };
        let ask = |method: Method, path: &str, body: &str| {
            let said = shared.answer(&Asked::new(method, path, body.to_owned().into()));
            said.body_json()
        };
        let create = || {
            let made = ask(Method::PUT, "/v1/session/create", r#"{"TTL":"10s","LockDelay":"5s"}"#);
            made["ID"].as_str().map(str::to_owned).unwrap()
        };
        let acquire = |session: &str| ask(Method::PUT, &format!("/v1/kv/leader?acquire={session}"), "x");
        let (one, two) = (create(), create());
        assert_eq!((acquire(&one), acquire(&two)), (json!(true), json!(false)));
        for (seconds, is_held) in [(19, true), (2, false)] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            shared.change(State::end_overdue_sessions);
            assert_eq!(shared.lock().holder("leader").is_some(), is_held, "after {seconds} s more");
        }
        let three = create();
        assert_eq!(acquire(&three), json!(false));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(acquire(&three), json!(true));
    }

    #[tokio::test]
    async fn sessions_can_be_outlived_at_once() {
        let consul = ScriptedConsul::start(Switch::new()).unwrap();
        locked(&consul).await;
        consul.outlive_sessions();
        locked(&consul).await;
    }
}
