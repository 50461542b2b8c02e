//! The variables of Vault's own clients, for the `vault` block. Without the block there is no Vault, whatever they say.

use super::{Environment, first_set, is_written, put};
use crate::document::{Block, NodeValue};
use crate::source::Sources;

/// Fields of `vault` and the variables that stand in for them.
const VARIABLES: [(&str, &str); 6] = [
    ("address", "VAULT_ADDR"),
    ("namespace", "VAULT_NAMESPACE"),
    ("ca_file", "VAULT_CACERT"),
    ("cert_file", "VAULT_CLIENT_CERT"),
    ("key_file", "VAULT_CLIENT_KEY"),
    ("server_name", "VAULT_TLS_SERVER_NAME"),
];

/// Where Nomad keeps what it gives to a task, and the name it gives to the default identity for Vault (Nomad's documentation, "Workload
/// identity", `file`).
const SECRETS: &str = "NOMAD_SECRETS_DIR";
const IDENTITY: &str = "nomad_vault_default.jwt";

/// Fills the `vault` block, where there is one.
pub(super) fn fill(root: &mut Block, environment: &dyn Environment, sources: &mut Sources) {
    let Some(NodeValue::Block(_)) = root.get("vault").map(|node| &node.value) else { return };
    for (field, name) in VARIABLES {
        if !is_written(root, "vault", field)
            && let Some((name, value)) = first_set(environment, &[name])
        {
            put(root, "vault", field, name, value, sources);
        }
    }
    let Some(NodeValue::Block(vault)) = root.get_mut("vault").map(|node| &mut node.value) else { return };
    if vault.contains_key("jwt")
        && !is_written(vault, "jwt", "jwt_file")
        && let Some((name, folder)) = first_set(environment, &[SECRETS])
    {
        let file = format!("{}/{IDENTITY}", folder.trim_end_matches('/'));
        put(vault, "jwt", "jwt_file", name, file, sources);
    }
}
