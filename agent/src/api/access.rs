//! Who asks, and what they may: by the door that a request came through, and on TCP by a token that Nomad knows.
//!
//! Whoever may open the Unix socket is an operator: its folder and mode decide. On TCP nothing but health and metrics is open, and a
//! token that nobody can check opens nothing.

mod nomad;
mod policies;

use std::fmt;
use std::net::SocketAddr;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;
use serde::Serialize;

use super::{Api, ApiError};

pub use nomad::{AccessConfig, NomadAccess};
pub use policies::AccessRules;

/// The header that Nomad's own clients send.
const NOMAD_TOKEN: &str = "x-nomad-token";

/// What somebody may do. An operator may do all that a viewer may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See everything.
    Viewer,
    /// Give orders.
    Operator,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        })
    }
}

/// The listener that a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The Unix socket.
    Unix,
    /// The TCP listener.
    Tcp,
}

/// The other end of a connection. Each request carries it in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A process of this machine, of this user where the system tells.
    Local {
        /// The number of the user.
        uid: Option<u32>,
    },
    /// An address.
    Remote(SocketAddr),
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Their name, for the history: a token's name with its accessor, or a user of this machine.
    pub name: String,
    /// What they may do; nothing where they are known and have no role.
    pub role: Option<Role>,
}

impl Api {
    /// Lets a request in, or says why not.
    ///
    /// # Errors
    /// When there is no token, nobody knows it, it lacks the role, or it cannot be checked.
    pub(super) async fn admit(
        &self,
        peer: Peer,
        headers: &HeaderMap,
        needed: Role,
    ) -> Result<Caller, ApiError> {
        let caller = match peer {
            Peer::Local { uid } => {
                let name =
                    uid.map_or_else(|| "a user of this machine".to_owned(), |uid| format!("uid {uid}"));
                Caller { name, role: Some(Role::Operator) }
            }
            Peer::Remote(_) => {
                let token = token(headers).ok_or(ApiError::NoToken)?;
                let nothing =
                    || ApiError::AccessUnknown { reason: "access.nomad is not configured".to_owned() };
                self.access.as_ref().ok_or_else(nothing)?.caller(&token).await?
            }
        };
        if caller.role.is_some_and(|role| role >= needed) {
            return Ok(caller);
        }
        Err(ApiError::Forbidden { caller: caller.name, needed })
    }
}

/// The token of a request. One that is sent both ways is taken from Nomad's own header.
fn token(headers: &HeaderMap) -> Option<SecretString> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || {
        let (scheme, token) = text(AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    };
    let token = text(NOMAD_TOKEN).or_else(bearer)?.trim();
    (!token.is_empty()).then(|| SecretString::from(token))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[rstest]
    #[case(&[("x-nomad-token", "a")], Some("a"))]
    #[case(&[("authorization", "Bearer b")], Some("b"))]
    #[case(&[("authorization", "bearer  b ")], Some("b"))]
    #[case(&[("authorization", "Basic b")], None)]
    #[case(&[("authorization", "Bearer ")], None)]
    #[case(&[("x-nomad-token", "a"), ("authorization", "Bearer b")], Some("a"))]
    #[case(&[], None)]
    fn a_token_comes_in_two_ways(
        #[case] sent: &[(&'static str, &'static str)],
        #[case] expected: Option<&str>,
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.insert(*name, http::HeaderValue::from_static(value));
        }
        assert_eq!(token(&headers).as_ref().map(|token| token.expose_secret()), expected);
    }
}
