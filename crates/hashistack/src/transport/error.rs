//! What can go wrong in a call, told apart as far as anybody acts differently upon it.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::address::AddressError;
use super::call::CallName;
use super::tls::TlsError;
use super::token::TokenError;
use crate::nomad::NomadFault;

/// How Consul's texts tell that it does not take a JWT (`internal/go-sso/oidcauth/jwt.go` in its source).
const JWT_FAULTS: [&str; 6] = [
    "missing jwt",
    "error parsing token",
    "error verifying token",
    "error validating",
    "no known key successfully validated",
    "encoded in token",
];

/// Why a call gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum HashistackError {
    /// No connection, or it broke before the answer was complete.
    #[error(
        "{call} got no answer; is it listening there, and do name service, firewalls and certificates let us in?"
    )]
    Unreachable {
        /// The call.
        call: CallName,
        /// What the connection said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The whole call took too long.
    #[error("{call} gave no whole answer within {} s; the server is overloaded or the network is cut", after.as_secs_f32())]
    TimedOut {
        /// The call.
        call: CallName,
        /// The limit that was passed.
        after: Duration,
    },
    /// The server answered, and refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The answer is not what the API promises.
    #[error(
        "{call} was answered with something else than its api promises; is it the right server, and of a known version?"
    )]
    UnexpectedBody {
        /// The call.
        call: CallName,
        /// What is wrong with the answer.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The answer has more bytes than are read.
    #[error("{call} was answered with more than {limit} bytes, which is the most that is read; ask for less")]
    TooLarge {
        /// The call.
        call: CallName,
        /// The limit in bytes.
        limit: usize,
    },
    /// The request cannot be sent as it is; nothing was sent.
    #[error("{what}")]
    Invalid {
        /// What is wrong and what to do.
        what: String,
    },
    /// There is no address to send anything to.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// There is no token to send.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client cannot be built.
    #[error("the http client cannot be built from its settings")]
    Client(#[source] Box<dyn StdError + Send + Sync>),
}

/// What a server said when it refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The call.
    pub call: CallName,
    /// The HTTP status.
    pub status: u16,
    /// The beginning of the answer, which is plain text for most refusals.
    pub text: String,
    /// The index of the answer: a refusal can have one, and a watch waits on it.
    pub index: Option<u64>,
}

impl Refusal {
    /// The token is unknown to the server: expired, deleted, or of another cluster. Another token may be let in.
    pub fn is_acl_not_found(&self) -> bool {
        self.status == 403 && self.text.contains("ACL not found")
    }

    /// The token is known, or there is none, and its policies do not cover the call. The same holds until they change.
    pub fn is_permission_denied(&self) -> bool {
        self.status == 403 && !self.is_acl_not_found()
    }

    /// A login was refused for what it showed: a JWT that is expired, signed by a stranger, or made for somebody else. Consul
    /// answers 500 for that, as if the fault were its own.
    pub fn is_identity_refused(&self) -> bool {
        // Whoever signs may be out of reach for a moment; that is no fault of the identity.
        let is_judged = !self.text.contains("fetching keys");
        self.is_login()
            && self.status == 500
            && is_judged
            && JWT_FAULTS.iter().any(|fault| self.text.contains(fault))
    }

    /// The call was a login.
    fn is_login(&self) -> bool {
        self.call.path.ends_with("/login")
    }

    /// What to do next.
    fn advice(&self) -> &'static str {
        if self.call.server.starts_with("nomad")
            && let Some(fault) = NomadFault::of(self)
        {
            return fault.advice();
        }
        match self.status {
            400 | 403 if self.call.path.starts_with("/v1/auth/") && self.is_login() => {
                "the role does not take what was shown: renew the file, and compare the role's name, its bound claims and its audiences"
            }
            400 if self.is_wrapping_token_spent() => {
                "it was used or has ended: if it was not this program that used it, somebody else has the secret; find out, and have a new one made"
            }
            400 if self.call.server.starts_with("vault") => {
                "correct what the text names in the engine's role or in the request"
            }
            403 if self.is_acl_not_found() && self.is_login() => {
                "there is no such auth method: check its name, and the namespace"
            }
            403 if self.is_login() => {
                "no binding rule of the auth method matches the identity, or the role that it binds is gone: correct its selector"
            }
            500 if self.is_identity_refused() => {
                "the jwt is expired, or none that the auth method trusts: renew the file, and compare the method's keys and audiences"
            }
            400 => {
                "the request does not fit this server; compare versions, and leave out settings of the enterprise edition"
            }
            401 => "access control is off there, or wants another way to log in",
            403 if self.is_acl_not_found() => {
                "the token is expired or deleted: log in anew, or put a valid one in its place"
            }
            403 => "grant the token the policy that the text names, or send another token",
            404 => "nothing is there; check the name, the namespace and the datacenter",
            409 => "somebody else wrote first: read again and decide anew",
            413 => {
                "what was sent is larger than the server takes (512 KiB by default): split it, or raise the server's limit"
            }
            429 => "the server limits requests: ask less often, or raise its request limits",
            412 => "the server has not caught up with an earlier write: it passes within moments",
            503 if self.is_sealed() => "it is sealed: whoever holds the keys has to unseal it",
            500 if self.text.contains("leader") => {
                "the servers have no leader: it passes within seconds unless a majority is down"
            }
            500..=599 => {
                "the server failed, or the request has the fault that the text names: its log says why, and another try may do"
            }
            _ => "this status is not expected here; is it the right server?",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, status, text, .. } = self;
        let text = if text.is_empty() { "no text" } else { text.as_str() };
        write!(formatter, "{call} was refused with {status} ({text}); {}", self.advice())
    }
}

impl StdError for Refusal {}

impl HashistackError {
    /// What the server said, where it refused: the call, or the login that it needs.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Token(TokenError::Login(login)) => login.refusal(),
            _ => None,
        }
    }

    fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// As [`Refusal::is_acl_not_found`].
    pub fn is_acl_not_found(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_acl_not_found)
    }

    /// As [`Refusal::is_permission_denied`].
    pub fn is_permission_denied(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_permission_denied)
    }

    /// As [`Refusal::is_identity_refused`].
    pub fn is_identity_refused(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_identity_refused)
    }

    /// Nothing is there.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// The server limits requests.
    pub fn is_rate_limited(&self) -> bool {
        self.status() == Some(429)
    }

    /// Either side found the other's bytes too many.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooLarge { .. }) || self.status() == Some(413)
    }

    /// The same call may well succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Refused(refusal) => {
                matches!(refusal.status, 412 | 429 | 500 | 502 | 503 | 504) && !refusal.is_identity_refused()
            }
            Self::Token(TokenError::Login(login)) => login.is_transient(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;

    fn refusal(status: u16, text: &str) -> Refusal {
        refusal_of("/v1/kv/nova/config", status, text)
    }

    fn refusal_of(path: &str, status: u16, text: &str) -> Refusal {
        let call = CallName {
            method: http::Method::GET,
            path: path.to_owned(),
            server: "consul http://127.0.0.1:8500".into(),
        };
        Refusal { call, status, text: text.to_owned(), index: None }
    }

    #[rstest]
    #[case::stranger(500, "no known key successfully validated the token signature", true, "renew the file")]
    #[case::expired(500, "error validating claims: token is expired", true, "renew the file")]
    #[case::keys_out_of_reach(
        500,
        "error verifying token: failed to verify signature: fetching keys oidc: get keys failed",
        false,
        "its log says why"
    )]
    #[case::election(500, "No cluster leader", false, "no leader")]
    #[case::no_rule(403, "Permission denied", false, "no binding rule")]
    #[case::no_method(403, "ACL not found: auth method \"x\" not found", false, "no such auth method")]
    fn a_login_that_is_refused_is_told_from_one_that_may_succeed_later(
        #[case] status: u16,
        #[case] text: &str,
        #[case] is_identity: bool,
        #[case] advice: &str,
    ) {
        let login = refusal_of("/v1/acl/login", status, text);
        assert!(login.to_string().contains(advice), "{login}");
        assert_eq!(login.is_identity_refused(), is_identity);
        let error = HashistackError::from(TokenError::Login(Arc::new(login.into())));
        assert_eq!(error.is_transient(), status == 500 && !is_identity, "{error:?}");
        assert_eq!(error.is_identity_refused(), is_identity);
    }

    #[rstest]
    #[case::expired(403, "ACL not found", "log in anew")]
    #[case::policy(
        403,
        "Permission denied: token with AccessorID 'x' lacks permission 'key:read' on \"nova\"",
        "grant the token the policy"
    )]
    #[case::conflict(409, "", "read again and decide anew")]
    #[case::large(413, "Request body too large", "512 KiB")]
    #[case::limited(429, "", "ask less often")]
    #[case::election(500, "No cluster leader", "no leader")]
    #[case::broken(503, "", "its log says why")]
    #[case::sealed(503, "Vault is sealed", "unseal")]
    #[case::behind(412, "required index state not present", "caught up")]
    fn a_refusal_says_what_failed_why_and_what_to_do(
        #[case] status: u16,
        #[case] text: &str,
        #[case] advice: &str,
    ) {
        let message = refusal(status, text).to_string();
        assert!(
            message.starts_with("GET /v1/kv/nova/config at consul http://127.0.0.1:8500 was refused"),
            "{message}"
        );
        assert!(message.contains(text) && message.contains(advice), "{message}");
    }

    #[test]
    fn a_dead_token_is_told_from_a_missing_policy() {
        let dead = HashistackError::from(refusal(403, "rpc error making call: ACL not found"));
        assert!(dead.is_acl_not_found() && !dead.is_permission_denied());
        let denied = HashistackError::from(refusal(403, "Permission denied"));
        assert!(denied.is_permission_denied() && !denied.is_acl_not_found());
        assert!(!dead.is_transient() && !denied.is_transient());
    }
}
