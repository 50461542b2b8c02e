//! Every refusal of the API: its status, its code, what is wrong and what to do. The one place of the daemon that knows statuses.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::access::Role;
use super::rollouts::RolloutsError;

/// After how many seconds a caller tries again what is a matter of an election or of a server's restart.
const RETRY_AFTER_SECONDS: &str = "2";

/// Why a request was not answered with what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No token came with it.
    #[error("the request carries no token")]
    NoToken,
    /// Nomad does not know the token, or it has ended.
    #[error("Nomad does not know this token, or it has expired")]
    UnknownToken,
    /// The token is known and may not do this.
    #[error("{caller} may not do this: it needs the role {needed}")]
    Forbidden {
        /// Whose token it is.
        caller: String,
        /// The role that is needed.
        needed: Role,
    },
    /// Nobody can say whose token it is.
    #[error("the token cannot be checked: {reason}")]
    AccessUnknown {
        /// Why not.
        reason: String,
    },
    /// There is no such page.
    #[error("there is nothing at {method} {path}")]
    NoPage {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// The page has other methods.
    #[error("{path} does not take {method}")]
    Method {
        /// The method.
        method: String,
        /// The path.
        path: String,
        /// Those that it has.
        allowed: &'static str,
    },
    /// The request cannot be read.
    #[error("{what}")]
    BadRequest {
        /// What is wrong.
        what: String,
        /// What to send.
        hint: &'static str,
    },
    /// The body is too large.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// There is no such task.
    #[error("there is no task {name:?}")]
    NoTask {
        /// The name.
        name: String,
    },
    /// Something about rollouts.
    #[error(transparent)]
    Rollouts(#[from] RolloutsError),
    /// Another instance leads, and this is what it is for.
    #[error("another instance leads: ask it at {location}")]
    Elsewhere {
        /// Where the same request is answered.
        location: String,
    },
    /// Nobody leads, or the leader cannot be reached by others.
    #[error("{what}")]
    NoLeader {
        /// What is known.
        what: String,
    },
    /// Too many streams of events are open.
    #[error("{0} streams of events are open, and there may be no more")]
    TooManyReaders(usize),
    /// A defect.
    #[error("the request met a defect")]
    Defect,
}

#[derive(Serialize)]
struct Body<'a> {
    error: Shown<'a>,
}

#[derive(Serialize)]
struct Shown<'a> {
    code: &'static str,
    message: String,
    hint: &'a str,
}

impl ApiError {
    /// The status of an answer.
    pub(super) const OK: StatusCode = StatusCode::OK;
    /// The status of an instance that is not ready.
    pub(super) const NOT_READY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    /// The status of an order that was taken, and is carried out later.
    pub(super) const ACCEPTED: StatusCode = StatusCode::ACCEPTED;

    /// Status, code and hint.
    fn parts(&self) -> (StatusCode, &'static str, &str) {
        match self {
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                "no_token",
                "send a Nomad token as X-Nomad-Token or Authorization: Bearer, or use the agent's Unix socket",
            ),
            Self::UnknownToken => {
                (StatusCode::FORBIDDEN, "unknown_token", "check it with nomad acl token self")
            }
            Self::Forbidden { .. } => (
                StatusCode::FORBIDDEN,
                "forbidden",
                "use a token with one of the policies that access.nomad of the agent's configuration names for the role",
            ),
            Self::AccessUnknown { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "access_unknown",
                "try again when Nomad answers, or use the agent's Unix socket on its machine",
            ),
            Self::NoPage { .. } => {
                (StatusCode::NOT_FOUND, "no_page", "docs/reference/agent-api.md lists the pages")
            }
            Self::Method { .. } => {
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use a method of the header Allow")
            }
            Self::BadRequest { hint, .. } => (StatusCode::BAD_REQUEST, "bad_request", hint),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "shorten the reason"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow", "send the body at once"),
            Self::NoTask { .. } => (StatusCode::NOT_FOUND, "no_task", "GET /v1/tasks lists the tasks"),
            Self::Rollouts(error) => rollouts(error),
            Self::Elsewhere { .. } => (
                StatusCode::TEMPORARY_REDIRECT,
                "not_leader",
                "follow the header Location with the same token and body",
            ),
            Self::NoLeader { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "no_leader",
                "try again: an election takes half a minute at most",
            ),
            Self::TooManyReaders(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "too_many_readers", "close one, or ask another instance")
            }
            Self::Defect => (StatusCode::INTERNAL_SERVER_ERROR, "defect", "report it with the agent's log"),
        }
    }

    /// The response.
    #[must_use]
    pub(super) fn to_response(&self) -> Response<Vec<u8>> {
        let (status, code, hint) = self.parts();
        let body = Body { error: Shown { code, message: self.to_string(), hint } };
        // A struct of strings cannot fail to be written.
        let mut response = Response::new(serde_json::to_vec(&body).unwrap_or_default());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::NoToken => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"nova-agent\""));
            }
            Self::Method { allowed, .. } => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Elsewhere { location } => {
                // The path is what the caller has sent, in the form that a header takes.
                if let Ok(location) = HeaderValue::from_str(location) {
                    headers.insert(LOCATION, location);
                }
            }
            _ if status == StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response
    }
}

fn rollouts(error: &RolloutsError) -> (StatusCode, &'static str, &str) {
    match error {
        RolloutsError::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", "try again when Consul answers")
        }
        RolloutsError::None { .. } => {
            (StatusCode::NOT_FOUND, "no_rollout", "GET /v1/rollouts lists the rollouts")
        }
        RolloutsError::OtherDeployment { .. } => (
            StatusCode::CONFLICT,
            "other_deployment",
            "read the rollout again, and name its deployment if the order still stands",
        ),
        RolloutsError::Refused { hint, .. } => (StatusCode::CONFLICT, "refused", hint),
        RolloutsError::NotLeading => {
            (StatusCode::SERVICE_UNAVAILABLE, "no_leader", "try again: another instance takes over")
        }
    }
}
