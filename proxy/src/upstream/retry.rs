//! Whether a failed attempt is tried again, and when: a pure decision, and the draw that makes its jitter.
//!
//! Exponential backoff with full jitter (the delay is drawn evenly from zero to the bound), as the AWS SDKs do.

use std::time::Duration;

use super::config::RetryConfig;
use super::error::{Phase, UpstreamErrorKind};

/// What is known when an attempt has failed.
#[derive(Debug, Clone, Copy)]
pub struct Failure {
    /// What went wrong.
    pub kind: UpstreamErrorKind,
    /// Whether some of the answer was received.
    pub phase: Phase,
    /// Attempts made so far, this one included.
    pub attempts: u32,
    /// Time since the call began.
    pub elapsed: Duration,
    /// How long AWS asks to wait.
    pub retry_after: Option<Duration>,
    /// The signing time was corrected upon this failure.
    pub clock_corrected: bool,
    /// This call has spent its one attempt after a refusal of its credentials.
    pub refusal_answered: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try again after this delay.
    RetryAfter(Duration),
    /// Load credentials anew and, if they are other ones, try again at once.
    RetryWithFreshCredentials,
    /// Give the failure to the caller.
    Stop,
}

/// Decides. `draw` is evenly distributed over 0 to 1 and makes the jitter.
pub fn decide(config: &RetryConfig, failure: &Failure, draw: f64) -> Decision {
    if failure.phase != Phase::BeforeFirstByte || failure.elapsed >= config.total_budget {
        return Decision::Stop;
    }
    if failure.kind == UpstreamErrorKind::CredentialsRejected {
        return match (failure.refusal_answered, failure.clock_corrected) {
            (true, _) => Decision::Stop,
            (false, true) => Decision::RetryAfter(Duration::ZERO),
            (false, false) => Decision::RetryWithFreshCredentials,
        };
    }
    if !is_transient(failure.kind) || failure.attempts >= config.max_attempts {
        return Decision::Stop;
    }
    let doublings = failure.attempts.saturating_sub(1).min(31);
    let bound = config.base_delay.saturating_mul(1 << doublings).min(config.max_delay);
    let asked = failure.retry_after.unwrap_or_default();
    let delay = bound.mul_f64(draw.clamp(0.0, 1.0)).max(asked);
    if asked > config.max_delay || failure.elapsed.saturating_add(delay) >= config.total_budget {
        return Decision::Stop;
    }
    Decision::RetryAfter(delay)
}

/// Whether the same request may well succeed a moment later. A timeout of the model or of the first byte is not: the model has
/// worked that long already, and would again.
fn is_transient(kind: UpstreamErrorKind) -> bool {
    matches!(
        kind,
        UpstreamErrorKind::Throttled
            | UpstreamErrorKind::ModelNotReady
            | UpstreamErrorKind::ServiceUnavailable
            | UpstreamErrorKind::InternalServer
            | UpstreamErrorKind::ConnectFailed
            | UpstreamErrorKind::ConnectTimeout
            | UpstreamErrorKind::ConnectionLost
    )
}

/// A random draw from 0 to 1 for jitter. Should the system have no randomness, the longest delay is the safe one.
pub fn draw() -> f64 {
    let mut bytes = [0; 4];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_unspecified) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::UpstreamErrorKind as Kind;
    use super::*;

    fn failure(kind: Kind) -> Failure {
        Failure {
            kind,
            phase: Phase::BeforeFirstByte,
            attempts: 1,
            elapsed: Duration::ZERO,
            retry_after: None,
            clock_corrected: false,
            refusal_answered: false,
        }
    }

    fn decide_half(failure: Failure) -> Decision {
        decide(&RetryConfig::default(), &failure, 0.5)
    }

    #[rstest]
    #[case(Kind::Throttled)]
    #[case(Kind::ModelNotReady)]
    #[case(Kind::ServiceUnavailable)]
    #[case(Kind::InternalServer)]
    #[case(Kind::ConnectFailed)]
    #[case(Kind::ConnectTimeout)]
    #[case(Kind::ConnectionLost)]
    fn transient_failures_are_tried_again(#[case] kind: Kind) {
        assert_eq!(decide_half(failure(kind)), Decision::RetryAfter(Duration::from_millis(50)));
        assert_eq!(
            decide_half(Failure { attempts: 2, ..failure(kind) }),
            Decision::RetryAfter(Duration::from_millis(100))
        );
        assert_eq!(decide_half(Failure { attempts: 3, ..failure(kind) }), Decision::Stop, "max_attempts");
        assert_eq!(
            decide_half(Failure { phase: Phase::WithinStream, ..failure(kind) }),
            Decision::Stop,
            "first byte"
        );
        let late = Failure { elapsed: Duration::from_secs(20), ..failure(kind) };
        assert_eq!(decide_half(late), Decision::Stop, "total budget");
    }

    #[rstest]
    #[case(Kind::Validation)]
    #[case(Kind::AccessDenied)]
    #[case(Kind::QuotaExceeded)]
    #[case(Kind::ModelTimeout)]
    #[case(Kind::ModelError)]
    #[case(Kind::ModelStreamError)]
    #[case(Kind::NotFound)]
    #[case(Kind::FirstByteTimeout)]
    #[case(Kind::IdleTimeout)]
    #[case(Kind::StreamTruncated)]
    #[case(Kind::CorruptFrame)]
    #[case(Kind::UndecodedBytes)]
    #[case(Kind::UnexpectedResponse)]
    #[case(Kind::ReplyTooLarge)]
    #[case(Kind::NoCredentials)]
    #[case(Kind::BadRequestParts)]
    #[case(Kind::Other)]
    fn lasting_failures_are_not_tried_again(#[case] kind: Kind) {
        assert_eq!(decide_half(failure(kind)), Decision::Stop);
    }

    #[test]
    fn refused_credentials_are_answered_once() {
        let refused = failure(Kind::CredentialsRejected);
        assert_eq!(decide_half(refused), Decision::RetryWithFreshCredentials);
        assert_eq!(
            decide_half(Failure { clock_corrected: true, ..refused }),
            Decision::RetryAfter(Duration::ZERO)
        );
        let again = Failure { clock_corrected: true, refusal_answered: true, attempts: 2, ..refused };
        assert_eq!(decide_half(again), Decision::Stop);
    }

    #[test]
    fn the_delay_that_aws_asks_for_is_kept_or_handed_on() {
        let asks =
            |seconds| Failure { retry_after: Some(Duration::from_secs(seconds)), ..failure(Kind::Throttled) };
        assert_eq!(decide_half(asks(2)), Decision::RetryAfter(Duration::from_secs(2)));
        assert_eq!(
            decide_half(asks(6)),
            Decision::Stop,
            "longer than max_delay: the client is told to wait instead"
        );
    }

    proptest! {
        #[test]
        fn no_delay_passes_its_bound_or_the_budget(
            attempts in 1_u32..200, draw in -1.0_f64..2.0, elapsed_ms in 0_u64..30_000, asked_ms in proptest::option::of(0_u64..10_000),
        ) {
            let config = RetryConfig { max_attempts: 200, ..RetryConfig::default() };
            let failure = Failure {
                attempts,
                elapsed: Duration::from_millis(elapsed_ms),
                retry_after: asked_ms.map(Duration::from_millis),
                ..failure(Kind::Throttled)
            };
            if let Decision::RetryAfter(delay) = decide(&config, &failure, draw) {
                prop_assert!(delay <= config.max_delay);
                prop_assert!(failure.elapsed + delay < config.total_budget);
                prop_assert!(delay >= failure.retry_after.unwrap_or_default());
            }
        }
    }
}
