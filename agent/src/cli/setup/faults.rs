//! What an operator does when a server cannot be asked or refuses: the address, the token, its rights.

use nova_hashistack::transport::HashistackError;

use crate::setup::apply::SetupError;

/// How one server is reached, and what its token needs.
pub(super) struct Surroundings {
    /// The variable with the address, and the option.
    pub address: &'static str,
    /// The address that was asked.
    pub asked: String,
    /// The variable with the token.
    pub token: &'static str,
    /// What the token needs, in one sentence.
    pub rights: String,
}

impl Surroundings {
    /// The error with advice behind it, where there is any that it does not give itself.
    pub(super) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let advice = error.chain().find_map(server).and_then(|cause| self.advice(cause));
        match advice {
            Some(advice) => anyhow::anyhow!("{error:#}\n{advice}"),
            None => error,
        }
    }

    fn advice(&self, error: &HashistackError) -> Option<String> {
        let Self { address, asked, token, rights } = self;
        if matches!(error, HashistackError::Unreachable { .. } | HashistackError::TimedOut { .. }) {
            return Some(format!("set {address}: {asked} was asked"));
        }
        let refusal = error.refusal()?;
        if refusal.text.contains("ACL support disabled") {
            return Some(
                "this server has no access control, so that there is nothing to set up: see its acl block"
                    .to_owned(),
            );
        }
        let is_refused = matches!(refusal.status, 401 | 403) || refusal.text.contains("Permission denied");
        is_refused.then(|| format!("the token comes from {token} or --token-file, and {rights}"))
    }
}

/// What a server said, where this is the cause.
fn server<'e>(cause: &'e (dyn std::error::Error + 'static)) -> Option<&'e HashistackError> {
    match cause.downcast_ref::<SetupError>() {
        Some(SetupError::Unread { source, .. } | SetupError::Unwritten { source, .. }) => Some(source),
        Some(_) => None,
        None => cause.downcast_ref::<HashistackError>(),
    }
}
