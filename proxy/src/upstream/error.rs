//! What can go wrong in a call to Bedrock, told apart as far as anybody acts differently upon it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::endpoint::EndpointError;
use super::https_proxy::ProxyError;

/// Why the client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamSetupError {
    /// The endpoint settings are wrong.
    #[error("the bedrock endpoint settings are wrong")]
    Endpoint(#[from] EndpointError),
    /// TLS to Bedrock cannot be set up.
    #[error(
        "the root certificates for tls to bedrock cannot be loaded; install the ca-certificates package or name a bundle in SSL_CERT_FILE"
    )]
    RootCertificates(#[source] io::Error),
    /// The bundle of certificates cannot be used.
    #[error("the certificates in {} cannot be used; name a file of PEM certificates in bedrock.ca_file or AWS_CA_BUNDLE", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: io::Error,
    },
    /// The proxy cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The Bedrock API key cannot be sent.
    #[error("AWS_BEARER_TOKEN_BEDROCK holds a character that no header may carry; copy the key again")]
    BearerKey,
}

/// Where in a call it broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing of the answer was received: no head of a whole answer, no event of a stream. Trying again repeats nothing.
    BeforeFirstByte,
    /// Some of the answer was received; for a stream it may have reached the client already.
    WithinStream,
}

/// Which limit on waiting was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeoutKind {
    /// `connect_timeout`.
    Connect,
    /// `first_byte_timeout`.
    FirstByte,
    /// `stream_idle_timeout`.
    Idle,
}

/// The kinds of failure. AWS's exceptions are sorted into them by [`exception::kind_of`](super::exception::kind_of).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "a variant whose name is AWS's own needs no second sentence")]
pub enum UpstreamErrorKind {
    Throttled,
    /// An account quota is used up; unlike throttling it does not pass within a retry.
    QuotaExceeded,
    ModelNotReady,
    Validation,
    AccessDenied,
    /// The credentials or the signature were refused: expired, unknown, wrong, or the clock is off.
    CredentialsRejected,
    NotFound,
    ModelTimeout,
    ModelError,
    ModelStreamError,
    InternalServer,
    ServiceUnavailable,
    /// No connection: the name did not resolve, nobody listens, or TLS failed. Nothing was sent.
    ConnectFailed,
    ConnectTimeout,
    FirstByteTimeout,
    IdleTimeout,
    /// The connection broke while an answer was awaited or received.
    ConnectionLost,
    /// The body ended in good order before the model's `messageStop`.
    StreamTruncated,
    /// A frame's checksum, length or headers are wrong.
    CorruptFrame,
    /// The body ended with bytes that make no frame.
    UndecodedBytes,
    /// A success whose body is not what the operation returns.
    UnexpectedResponse,
    /// A whole answer is larger than `max_reply_bytes`.
    ReplyTooLarge,
    /// There are no AWS credentials to sign with. Nothing was sent.
    NoCredentials,
    /// The region, the model id or the credentials cannot be made into a request. Nothing was sent.
    BadRequestParts,
    /// An exception that is not known here; the HTTP status and AWS's name tell more.
    Other,
}

impl UpstreamErrorKind {
    /// A stable name for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::QuotaExceeded => "quota_exceeded",
            Self::ModelNotReady => "model_not_ready",
            Self::Validation => "validation",
            Self::AccessDenied => "access_denied",
            Self::CredentialsRejected => "credentials_rejected",
            Self::NotFound => "not_found",
            Self::ModelTimeout => "model_timeout",
            Self::ModelError => "model_error",
            Self::ModelStreamError => "model_stream_error",
            Self::InternalServer => "internal_server",
            Self::ServiceUnavailable => "service_unavailable",
            Self::ConnectFailed => "connect_failed",
            Self::ConnectTimeout => "connect_timeout",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::ConnectionLost => "connection_lost",
            Self::StreamTruncated => "stream_truncated",
            Self::CorruptFrame => "corrupt_frame",
            Self::UndecodedBytes => "undecoded_bytes",
            Self::UnexpectedResponse => "unexpected_response",
            Self::ReplyTooLarge => "reply_too_large",
            Self::NoCredentials => "no_credentials",
            Self::BadRequestParts => "bad_request_parts",
            Self::Other => "other",
        }
    }

    /// Which limit was passed, when it was one.
    pub fn timeout(self) -> Option<TimeoutKind> {
        match self {
            Self::ConnectTimeout => Some(TimeoutKind::Connect),
            Self::FirstByteTimeout => Some(TimeoutKind::FirstByte),
            Self::IdleTimeout => Some(TimeoutKind::Idle),
            _ => None,
        }
    }
}

impl fmt::Display for UpstreamErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed call, with all that is known about it.
///
/// `message` is unredacted: AWS's texts may name ARNs and account ids. Whoever shows it to an API caller redacts it first.
#[derive(Debug, thiserror::Error)]
#[error("bedrock call failed ({kind}): {message}")]
pub struct UpstreamError {
    /// What it is.
    pub kind: UpstreamErrorKind,
    /// Where in the call it broke.
    pub phase: Phase,
    /// The HTTP status that came with it. `None` for an exception inside a stream and for failures of the transport.
    pub http_status: Option<u16>,
    /// AWS's text when AWS sent one, otherwise what happened and what to do.
    pub message: Box<str>,
    /// AWS's name of the exception in PascalCase, such as `ThrottlingException`.
    pub exception: Option<Box<str>>,
    /// AWS's id of the request, for a support case.
    pub aws_request_id: Option<Box<str>>,
    /// How many attempts of this call failed before this one.
    pub retried: u32,
    /// How long AWS asks to wait.
    pub retry_after: Option<Duration>,
    /// The status that the model itself gave (`ModelErrorException`, `ModelStreamErrorException`).
    pub original_status: Option<u16>,
    /// The signing time was corrected upon this refusal, so that another attempt can succeed.
    pub(super) clock_corrected: bool,
    /// What broke in the transport, where `message` does not say it.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl UpstreamError {
    pub(crate) fn new(kind: UpstreamErrorKind, message: impl Into<Box<str>>) -> Self {
        Self {
            kind,
            phase: Phase::BeforeFirstByte,
            http_status: None,
            message: message.into(),
            exception: None,
            aws_request_id: None,
            retried: 0,
            retry_after: None,
            original_status: None,
            clock_corrected: false,
            source: None,
        }
    }

    /// An error as a call would give it.
    #[cfg(test)]
    pub(crate) fn for_tests(kind: UpstreamErrorKind, phase: Phase, message: &str) -> Self {
        Self { phase, ..Self::new(kind, message) }
    }

    pub(super) fn within_stream(mut self) -> Self {
        self.phase = Phase::WithinStream;
        self
    }

    pub(super) fn with_request_id(mut self, aws_request_id: Option<&str>) -> Self {
        self.aws_request_id = aws_request_id.map(Into::into);
        self
    }

    pub(super) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}
