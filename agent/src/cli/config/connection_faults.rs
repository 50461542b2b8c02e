//! What an operator does when Consul cannot be asked or refuses: the address, the token, the policy.

use nova_hashistack::transport::HashistackError;

use super::super::connection::{ScopeArgs, policy};
use crate::config_canary::store::CanaryStoreError;
use crate::store::StoreError;

/// The error with advice behind it, where there is any that it does not give itself.
pub(super) fn explain(error: anyhow::Error, scope: &ScopeArgs) -> anyhow::Error {
    let lacking = error.chain().find_map(|cause| match cause.downcast_ref::<StoreError>() {
        Some(StoreError::Hidden { prefix } | StoreError::Denied { prefix, .. }) => Some(policy(prefix)),
        _ => None,
    });
    let of_consul = || {
        let cause = error.chain().find_map(|cause| match cause.downcast_ref::<StoreError>() {
            Some(store) => store.consul(),
            None if cause.is::<CanaryStoreError>() => {
                cause.downcast_ref::<CanaryStoreError>().and_then(CanaryStoreError::consul)
            }
            None => cause.downcast_ref::<HashistackError>(),
        });
        cause.and_then(|cause| scope.advice(cause))
    };
    match lacking.or_else(of_consul) {
        Some(advice) => anyhow::anyhow!("{error:#}\n{advice}"),
        None => error,
    }
}
