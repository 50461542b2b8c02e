//! Failures of calls as facts. Pure.

use nova_hashistack::transport::HashistackError;
use nova_telemetry::error_chain;

use super::super::fact::Trouble;

/// What a failed call tells.
pub(super) fn of(error: &HashistackError) -> Trouble {
    let told = error_chain(error);
    match error {
        HashistackError::Unreachable { .. } | HashistackError::TimedOut { .. } => Trouble::Unreachable(told),
        _ => match error.refusal() {
            Some(refusal) => Trouble::Refused { status: refusal.status, told },
            // A token that cannot be had is as good as one that is refused.
            None if matches!(error, HashistackError::Token(_)) => Trouble::Refused { status: 401, told },
            None => Trouble::Odd(told),
        },
    }
}
