//! One request before it is sent: a method, a path that cannot say more than was meant, a query, a body.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use super::error::HashistackError;

/// What stays as it is: the unreserved characters of RFC 3986, section 2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The largest answer that is read where a call names no other limit.
///
/// A value of Consul's KV has 512 KiB at most by default (`kv_max_value_size`), 683 KiB in an answer; a list of a thousand
/// service instances with their checks has some 2 MiB. Eight times that is no answer to any question that is asked here.
pub const MAX_ANSWER: usize = 16 << 20;

/// One request. What shows of it is its name: bodies and queries hold what is nobody's business.
#[derive(Clone)]
pub struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, Cow<'static, str>)>,
    pub(super) body: Body,
    pub(super) timeout: Option<Duration>,
    pub(super) max_answer: usize,
    pub(super) idempotent: bool,
    pub(super) accepted: &'static [u16],
    pub(super) token: CallToken,
}

/// What a call carries.
#[derive(Clone)]
pub(super) enum Body {
    Bytes(Bytes),
    File(PathBuf),
}

impl Body {
    /// The body to be sent, anew for each try.
    pub(super) async fn open(&self) -> Result<reqwest::Body, HashistackError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone().into()),
            Self::File(path) => {
                let file = tokio::fs::File::open(path).await;
                file.map(Into::into).map_err(|error| HashistackError::Invalid {
                    what: format!("{} cannot be read to be sent: {error}", path.display()),
                })
            }
        }
    }
}

/// Which token a call is sent with.
#[derive(Clone)]
pub(super) enum CallToken {
    /// That of the transport, and another one after a 403 where there is one.
    OfTransport,
    /// None.
    None,
    /// This one, and no other.
    Own(SecretString),
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

impl Call {
    fn new(method: Method, path: &'static str) -> Self {
        let idempotent = method == Method::GET;
        Self {
            method,
            path: path.to_owned(),
            query: Vec::new(),
            body: Body::Bytes(Bytes::new()),
            timeout: None,
            max_answer: MAX_ANSWER,
            idempotent,
            accepted: &[],
            token: CallToken::OfTransport,
        }
    }

    /// A read of a fixed path, such as `/v1/kv`. Reads may be repeated.
    pub fn get(path: &'static str) -> Self {
        Self::new(Method::GET, path)
    }

    /// A write by PUT, which is not repeated unless [`Self::idempotent`] says that it may be.
    pub fn put(path: &'static str) -> Self {
        Self::new(Method::PUT, path)
    }

    /// A write by POST.
    pub fn post(path: &'static str) -> Self {
        Self::new(Method::POST, path)
    }

    /// A removal.
    pub fn delete(path: &'static str) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Adds one segment to the path; a slash in it is encoded.
    ///
    /// # Errors
    /// When it is empty, `.` or `..`: servers and libraries on the way would resolve those, and the call would reach another
    /// path than was meant.
    pub fn segment(mut self, segment: &str) -> Result<Self, HashistackError> {
        if matches!(segment, "" | "." | "..") {
            return Err(HashistackError::Invalid {
                what: format!("{segment:?} cannot be a part of a path after {}; give it a name", self.path),
            });
        }
        self.path.push('/');
        self.path.extend(utf8_percent_encode(segment, ENCODED));
        Ok(self)
    }

    /// Adds a path whose segments are parted by slashes. A slash at its end is kept: it is part of a key.
    ///
    /// # Errors
    /// As [`Self::segment`], for each part of it.
    pub fn path(mut self, path: &str) -> Result<Self, HashistackError> {
        let (inner, folder) = path.strip_suffix('/').map_or((path, false), |inner| (inner, true));
        for segment in inner.split('/') {
            self = self.segment(segment)?;
        }
        if folder {
            self.path.push('/');
        }
        Ok(self)
    }

    /// Adds a parameter to the query.
    pub fn query(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds a parameter without a value, such as `stale`.
    pub fn flag(self, name: &'static str) -> Self {
        self.query(name, "")
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::Bytes(body.into());
        self
    }

    /// Sets the body to JSON.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn json<T: serde::Serialize + ?Sized>(self, value: &T) -> Result<Self, HashistackError> {
        let body = serde_json::to_vec(value).map_err(|error| HashistackError::Invalid {
            what: format!("the body for {} cannot be written as json: {error}", self.path),
        })?;
        Ok(self.body(body))
    }

    /// Sets the body to the content of a file, which is read while it is sent.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.body = Body::File(path.into());
        self
    }

    /// How long the whole call may take, its answer included. Without it the transport's own limit holds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The largest answer that is read, in bytes.
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// Says that to send it twice does what to send it once does.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Statuses beside 2xx that are answers, and no refusals: 404 where absence is one.
    pub fn accepting(mut self, statuses: &'static [u16]) -> Self {
        self.accepted = statuses;
        self
    }

    /// Sends the call without a token: it is for those who have none yet.
    pub fn without_token(mut self) -> Self {
        self.token = CallToken::None;
        self
    }

    /// Sends the call with this token, and not with that of the transport.
    pub fn with_token(mut self, token: SecretString) -> Self {
        self.token = CallToken::Own(token);
        self
    }

    /// The path and query, after the base of the address.
    pub(super) fn target<'c>(&'c self, common: impl Iterator<Item = (&'c str, &'c str)>) -> String {
        let mut target = self.path.clone();
        let own = self.query.iter().map(|(name, value)| (*name, value.as_ref()));
        for (position, (name, value)) in own.chain(common).enumerate() {
            target.push(if position == 0 { '?' } else { '&' });
            target.extend(utf8_percent_encode(name, ENCODED));
            // Consul asks for the presence of `recurse`, `stale` and the like: they have no value.
            if !value.is_empty() {
                target.push('=');
                target.extend(utf8_percent_encode(value, ENCODED));
            }
        }
        target
    }
}

/// The call as messages name it: without its query, whose values are nobody's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallName {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) server: std::sync::Arc<str>,
}

impl fmt::Display for CallName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} at {}", self.method, self.path, self.server)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("nova/prod/config", "/v1/kv/nova/prod/config")]
    #[case::folder("nova/prod/", "/v1/kv/nova/prod/")]
    #[case::reserved("a b/c?d#e%2f", "/v1/kv/a%20b/c%3Fd%23e%252f")]
    #[case::unicode("größe", "/v1/kv/gr%C3%B6%C3%9Fe")]
    #[case::dots("config.d/.hidden", "/v1/kv/config.d/.hidden")]
    fn keys_are_encoded_by_segment(#[case] key: &str, #[case] target: &str) {
        let call = Call::get("/v1/kv").path(key).unwrap();
        assert_eq!(call.target(std::iter::empty()), target);
    }

    #[rstest]
    #[case::leading_slash("/nova/config")]
    #[case::double_slash("nova//config")]
    #[case::parent("nova/../secret")]
    #[case::here("nova/./config")]
    #[case::empty("")]
    fn a_path_that_servers_would_rewrite_is_refused(#[case] key: &str) {
        let error = Call::get("/v1/kv").path(key).unwrap_err();
        assert!(matches!(error, HashistackError::Invalid { .. }), "{error}");
    }

    #[test]
    fn flags_have_no_value_and_the_query_is_encoded() {
        let call = Call::get("/v1/kv").path("a").unwrap().flag("recurse").query("index", "7");
        assert_eq!(call.target([("dc", "a&b")].into_iter()), "/v1/kv/a?recurse&index=7&dc=a%26b");
    }

    proptest! {
        #[test]
        fn a_server_reads_the_key_that_was_meant(key in "[^/]{1,8}(/[^/]{1,8}){0,3}/?") {
            prop_assume!(key.split('/').all(|part| !matches!(part, "." | "..")));
            let target = Call::get("/v1/kv").path(&key).unwrap().target(std::iter::empty());
            let url = url::Url::parse(&format!("http://localhost{target}")).unwrap();
            let read = percent_encoding::percent_decode_str(url.path()).decode_utf8().unwrap();
            prop_assert_eq!(read.strip_prefix("/v1/kv/"), Some(key.as_str()));
            prop_assert_eq!(url.query(), None);
        }
    }
}
