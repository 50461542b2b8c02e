//! The variables of Nomad's own clients, for the `nomad` block. Without the block there is no Nomad, whatever they say.

use super::{Environment, first_set, is_written, put};
use crate::document::{Block, NodeValue};
use crate::source::Sources;

/// Fields of `nomad` and the variables that stand in for them. The namespace is none of them: a program may look after several.
const VARIABLES: [(&str, &str); 6] = [
    ("address", "NOMAD_ADDR"),
    ("region", "NOMAD_REGION"),
    ("ca_file", "NOMAD_CACERT"),
    ("cert_file", "NOMAD_CLIENT_CERT"),
    ("key_file", "NOMAD_CLIENT_KEY"),
    ("server_name", "NOMAD_TLS_SERVER_NAME"),
];

/// Fills the `nomad` block, where there is one. Nomad tells its tasks their region by the same variable, which is the right one there.
pub(super) fn fill(root: &mut Block, environment: &dyn Environment, sources: &mut Sources) {
    let Some(NodeValue::Block(_)) = root.get("nomad").map(|node| &node.value) else { return };
    for (field, name) in VARIABLES {
        if !is_written(root, "nomad", field)
            && let Some((name, value)) = first_set(environment, &[name])
        {
            put(root, "nomad", field, name, value, sources);
        }
    }
}
