//! Sessions: made, renewed, ended by somebody or by the clock, and what becomes of the keys that they hold
//! (`agent/consul/state/session.go` and `agent/consul/session_ttl.go` in Consul's source).

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::super::http::{Asked, Said, duration};
use super::NODE;
use super::state::State;

/// Servers let a session live for twice its time (`SessionTTLMultiplier`).
const GRACE: u32 = 2;

/// The shortest time to live (`session_ttl_min`) and the longest.
const TTL: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(86_400)];

/// How long a key cannot be locked after the end of a session that does not say so, and what it can say at most.
const LOCK_DELAY: [Duration; 2] = [Duration::from_secs(15), Duration::from_secs(60)];

/// One session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    name: String,
    ttl: Option<(String, Duration)>,
    ends_at: Option<Instant>,
    lock_delay: Duration,
    behavior: String,
    create_index: u64,
}

impl Session {
    fn json(&self, id: &str) -> Value {
        let ttl = self.ttl.as_ref().map_or("", |(text, _)| text.as_str());
        json!({
            "ID": id, "Name": self.name, "Node": NODE, "LockDelay": u64::try_from(self.lock_delay.as_nanos()).unwrap_or_default(),
            "Behavior": self.behavior, "TTL": ttl, "NodeChecks": [], "ServiceChecks": null,
            "CreateIndex": self.create_index, "ModifyIndex": self.create_index,
        })
    }

    fn renew(&mut self) {
        self.ends_at = self.ttl.as_ref().map(|(_, ttl)| Instant::now() + *ttl * GRACE);
    }
}

impl State {
    /// `PUT /v1/session/create`
    pub(super) fn create_session(&mut self, asked: &Asked) -> Said {
        let body = match asked.json() {
            Ok(body) => body,
            Err(said) => return said,
        };
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let ttl = match text("TTL") {
            ttl if ttl.is_empty() => None,
            ttl => match duration(&ttl) {
                Some(time) if (TTL[0]..=TTL[1]).contains(&time) => Some((ttl, time)),
                time => {
                    let told = time.unwrap_or_default().as_nanos();
                    return Said::text(
                        500,
                        &format!("Invalid Session TTL '{told}', must be between [10s=24h0m0s]"),
                    );
                }
            },
        };
        let lock_delay = match &body["LockDelay"] {
            Value::String(told) => duration(told).unwrap_or_default(),
            _ => LOCK_DELAY[0],
        };
        let behavior = match text("Behavior") {
            behavior if behavior.is_empty() => "release".to_owned(),
            behavior => behavior,
        };
        let (id, create_index) = (Uuid::new_v4().to_string(), self.next_index());
        self.session_index = create_index;
        let lock_delay = lock_delay.min(LOCK_DELAY[1]);
        let mut session =
            Session { name: text("Name"), ttl, ends_at: None, lock_delay, behavior, create_index };
        session.renew();
        self.sessions.insert(id.clone(), session);
        Said::json(&json!({ "ID": id }))
    }

    /// `PUT /v1/session/renew/…`
    pub(super) fn renew_session(&mut self, id: &str) -> Said {
        match self.sessions.get_mut(id) {
            Some(session) => {
                session.renew();
                Said::json(&json!([session.json(id)]))
            }
            None => Said::text(404, &format!("Session id '{id}' not found")),
        }
    }

    /// `PUT /v1/session/destroy/…`
    pub(super) fn destroy_session(&mut self, id: &str) -> Said {
        self.end_session(id);
        Said::json(&json!(true))
    }

    /// `GET /v1/session/info/…`
    pub(super) fn session(&self, id: &str) -> Said {
        let found: Vec<Value> = self.sessions.get(id).map(|session| session.json(id)).into_iter().collect();
        Said::json(&Value::Array(found)).at(self.session_index)
    }

    /// `GET /v1/session/list`
    pub(super) fn sessions(&self) -> Said {
        let all = self.sessions.iter().map(|(id, session)| session.json(id)).collect();
        Said::json(&Value::Array(all)).at(self.session_index)
    }

    fn end_session(&mut self, id: &str) {
        let Some(session) = self.sessions.remove(id) else { return };
        let index = self.next_index();
        self.session_index = index;
        let held: Vec<String> = self
            .keys
            .iter()
            .filter(|(_, entry)| entry.session.as_deref() == Some(id))
            .map(|(key, _)| key.clone())
            .collect();
        for key in held {
            if session.behavior == "delete" {
                self.remove(index, &key);
            } else if let Some(entry) = self.keys.get_mut(&key) {
                entry.session = None;
                entry.modify_index = index;
            }
            self.lock_delays.insert(key, Instant::now() + session.lock_delay);
        }
    }

    /// Ends the sessions whose time is over.
    pub(super) fn end_overdue_sessions(&mut self) {
        let now = Instant::now();
        let overdue =
            self.sessions.iter().filter(|(_, session)| session.ends_at.is_some_and(|end| end <= now));
        let overdue: Vec<String> = overdue.map(|(id, _)| id.clone()).collect();
        for id in overdue {
            self.end_session(&id);
        }
    }

    /// Ends all sessions with a time to live, and every lock delay.
    pub(super) fn outlive_sessions(&mut self) {
        let mortal = self.sessions.iter().filter(|(_, session)| session.ttl.is_some());
        let mortal: Vec<String> = mortal.map(|(id, _)| id.clone()).collect();
        for id in mortal {
            self.end_session(&id);
        }
        self.lock_delays.clear();
    }
}
