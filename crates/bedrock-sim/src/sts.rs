//! AWS's Security Token Service, as far as it lets roles be assumed, at the address of each region: what it gives, the simulated
//! Bedrock takes until it expires.
//!
//! The API is that of the "AWS Security Token Service API Reference": AssumeRole and GetCallerIdentity. Roles have no policies here:
//! every key of the simulator's configuration may assume every role, and keys that were given may not assume another one.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use http::request::Parts;
use http::{Method, Response, StatusCode};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use crate::auth::{self, Scope};
use crate::config::Credential;
use crate::exception::{ACCOUNT_ID, Exception};
use crate::ledger::lock;
use crate::service;
use crate::state::Site;
use crate::stream::{self, Body};

/// How many credentials are known at once; the oldest fall out, as if they had expired.
const MOST: usize = 10_000;

/// How long credentials last (API reference, "AssumeRole", `DurationSeconds`): from 15 minutes to 12 hours, an hour where nothing is
/// said.
const LEAST_SECONDS: u64 = 900;
const MOST_SECONDS: u64 = 43_200;
const USUAL_SECONDS: u64 = 3_600;

/// The credentials that were given.
#[derive(Debug, Default)]
pub(crate) struct Issued {
    newest_last: VecDeque<(Credential, Timestamp)>,
    given: u64,
}

impl Issued {
    /// The credential of this access key, and when it ends.
    pub(crate) fn find(&self, access_key_id: &str) -> Option<(Credential, Timestamp)> {
        self.newest_last
            .iter()
            .rev()
            .find(|(credential, _)| credential.access_key_id == access_key_id)
            .cloned()
    }

    /// Makes another one that lasts so long. AWS's begin with `ASIA` too, which tells that a session token goes with them.
    pub(crate) fn give(&mut self, now: Timestamp, lifetime: Duration) -> (Credential, Timestamp) {
        self.given += 1;
        let credential = Credential {
            access_key_id: format!("ASIA{:016}", self.given),
            secret_access_key: uuid::Uuid::new_v4().simple().to_string(),
            session_token: Some(uuid::Uuid::new_v4().simple().to_string()),
        };
        // Times of the API have whole seconds.
        let ends = Timestamp::from_second(now.as_second()).unwrap_or(now) + lifetime;
        self.newest_last.push_back((credential.clone(), ends));
        while self.newest_last.len() > MOST {
            self.newest_last.pop_front();
        }
        (credential, ends)
    }
}

/// Whether a request is for STS: Bedrock has nothing at this path.
pub(crate) fn is_call(parts: &Parts) -> bool {
    parts.method == Method::POST && parts.uri.path() == "/"
}

/// Answers a request for STS.
pub(crate) fn respond(site: &Site, parts: &Parts, body: &[u8], request_id: &str) -> Response<Body> {
    let answered = answer(site, parts, body, request_id);
    let (status, text) = match answered {
        Ok(text) => (StatusCode::OK, text),
        Err(exception) => (exception.status, fault(&exception, request_id)),
    };
    service::respond(status, "text/xml", request_id, stream::whole(text))
}

fn answer(site: &Site, parts: &Parts, body: &[u8], request_id: &str) -> Result<String, Exception> {
    let state = &site.state;
    let scope = Scope { region: &site.region, service: "sts" };
    auth::check_with(&state.config, None, &scope, parts, body, state.now())?;
    let form = String::from_utf8_lossy(body).into_owned();
    let field = |name: &str| -> Option<String> {
        let pair = form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_decode_str(&pair.replace('+', " ")).decode_utf8_lossy().into_owned())
    };
    match field("Action").unwrap_or_default().as_str() {
        "GetCallerIdentity" => {
            let arn = format!("arn:aws:iam::{ACCOUNT_ID}:user/simulator");
            let result = element(&[("Arn", &arn), ("UserId", "AIDASIMULATOR"), ("Account", ACCOUNT_ID)]);
            Ok(envelope("GetCallerIdentity", &result, request_id))
        }
        "AssumeRole" => {
            let (Some(role), Some(session)) = (field("RoleArn"), field("RoleSessionName")) else {
                return Err(refused(
                    "ValidationError",
                    StatusCode::BAD_REQUEST,
                    "RoleArn and RoleSessionName are required",
                ));
            };
            let lifetime = lifetime(field("DurationSeconds").as_deref())?;
            let (credential, ends) = lock(&state.issued).give(state.now(), lifetime);
            Ok(envelope("AssumeRole", &assumed(&role, &session, &credential, ends), request_id))
        }
        other => Err(refused(
            "InvalidAction",
            StatusCode::BAD_REQUEST,
            &format!("Could not find operation {other} for version 2011-06-15"),
        )),
    }
}

fn lifetime(asked: Option<&str>) -> Result<Duration, Exception> {
    let seconds = asked.map_or(Ok(USUAL_SECONDS), str::parse::<u64>).ok();
    let allowed = seconds.filter(|seconds| (LEAST_SECONDS..=MOST_SECONDS).contains(seconds));
    allowed.map(Duration::from_secs).ok_or_else(|| {
        let message = format!("DurationSeconds is from {LEAST_SECONDS} to {MOST_SECONDS}");
        refused("ValidationError", StatusCode::BAD_REQUEST, &message)
    })
}

fn assumed(role: &str, session: &str, credential: &Credential, ends: Timestamp) -> String {
    let name = role.rsplit('/').next().unwrap_or(role);
    let user = element(&[
        ("AssumedRoleId", &format!("AROASIMULATOR:{session}")),
        ("Arn", &format!("arn:aws:sts::{ACCOUNT_ID}:assumed-role/{name}/{session}")),
    ]);
    let keys = element(&[
        ("AccessKeyId", &credential.access_key_id),
        ("SecretAccessKey", &credential.secret_access_key),
        ("SessionToken", credential.session_token.as_deref().unwrap_or_default()),
        ("Expiration", &ends.to_string()),
    ]);
    format!("<AssumedRoleUser>{user}</AssumedRoleUser><Credentials>{keys}</Credentials>")
}

fn envelope(action: &str, result: &str, request_id: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    )
}

fn fault(exception: &Exception, request_id: &str) -> String {
    // STS calls its errors without the word that the protocol of Bedrock ends them with.
    let code = exception.name.strip_suffix("Exception").unwrap_or(&exception.name);
    let error = element(&[("Type", "Sender"), ("Code", code), ("Message", &exception.message)]);
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>{error}</Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>"
    )
}

/// Elements with text, which callers may have chosen.
fn element(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // Writing to a String cannot fail.
        let _written = write!(text, "<{name}>{value}</{name}>");
    }
    text
}

fn refused(code: &str, status: StatusCode, message: &str) -> Exception {
    Exception::front_end(code, status, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_credential_is_another_one_and_the_oldest_are_forgotten() {
        let (mut issued, now) = (Issued::default(), Timestamp::from_second(1_800_000_000).unwrap());
        let (first, ends) = issued.give(now, Duration::from_secs(900));
        assert_eq!((ends.as_second(), first.access_key_id.len()), (1_800_000_900, 20));
        assert!(issued.find(&first.access_key_id).is_some());
        for _ in 0..MOST {
            issued.give(now, Duration::from_secs(900));
        }
        assert!(issued.find(&first.access_key_id).is_none());
        assert_eq!(issued.newest_last.len(), MOST);
    }

    #[test]
    fn a_time_that_aws_would_not_give_is_refused() {
        assert_eq!(lifetime(None).unwrap(), Duration::from_secs(3600));
        assert_eq!(lifetime(Some("900")).unwrap(), Duration::from_secs(900));
        for wrong in ["899", "43201", "-1", "an hour"] {
            assert!(lifetime(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_callers_chose_cannot_end_an_element() {
        assert_eq!(element(&[("Arn", "a</Arn>&")]), "<Arn>a&lt;/Arn&gt;&amp;</Arn>");
    }
}
