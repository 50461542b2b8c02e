//! What an operator does when the agent cannot be asked or refuses: the address, the token, the policy.

use nova_hashistack::transport::HashistackError;

use super::agent::AgentArgs;

/// The error with advice behind it, where there is any that it does not give itself.
pub(super) fn explain(error: anyhow::Error, agent: &AgentArgs) -> anyhow::Error {
    let advice = {
        let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<HashistackError>());
        causes.find_map(|cause| agent.advice(cause))
    };
    match advice {
        Some(advice) => anyhow::anyhow!("{error:#}\n{advice}"),
        None => error,
    }
}
