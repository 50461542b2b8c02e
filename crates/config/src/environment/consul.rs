//! The variables of Consul's own clients, for the `consul` block. Without the block there is no Consul, whatever they say.

use super::{ENVIRONMENT, Environment, first_set, is_written, put};
use crate::document::{Block, NodeValue};
use crate::fault::Fault;
use crate::redact::quoted;
use crate::source::{Position, Sources};

const ADDRESS: &str = "CONSUL_HTTP_ADDR";
const TLS: &str = "CONSUL_HTTP_SSL";

/// Where an agent listens by default; the variable of TLS changes the scheme and not the port.
const DEFAULT_HOST: &str = "127.0.0.1:8500";

/// Fields of `consul` and the variables that stand in for them.
const VARIABLES: [(&str, &str); 7] = [
    ("token_file", "CONSUL_HTTP_TOKEN_FILE"),
    ("namespace", "CONSUL_NAMESPACE"),
    ("partition", "CONSUL_PARTITION"),
    ("ca_file", "CONSUL_CACERT"),
    ("cert_file", "CONSUL_CLIENT_CERT"),
    ("key_file", "CONSUL_CLIENT_KEY"),
    ("server_name", "CONSUL_TLS_SERVER_NAME"),
];

/// Fills the `consul` block, where there is one.
pub(super) fn fill(
    root: &mut Block,
    environment: &dyn Environment,
    sources: &mut Sources,
    faults: &mut Vec<Fault>,
) {
    let Some(NodeValue::Block(consul)) = root.get("consul").map(|node| &node.value) else { return };
    // A login that is written is what is wanted, whatever the machine's other tools use.
    let has_login = consul.contains_key("login");
    for (field, name) in VARIABLES {
        if (field == "token_file" && has_login) || is_written(root, "consul", field) {
            continue;
        }
        if let Some((name, value)) = first_set(environment, &[name]) {
            put(root, "consul", field, name, value, sources);
        }
    }
    if !is_written(root, "consul", "address")
        && let Some((name, value)) = address(environment, faults)
    {
        put(root, "consul", "address", name, value, sources);
    }
}

/// The address with its scheme, and the variable to name for it.
///
/// As Consul's clients read them: an address without a scheme is http, and `CONSUL_HTTP_SSL` makes https of http.
fn address(environment: &dyn Environment, faults: &mut Vec<Fault>) -> Option<(&'static str, String)> {
    let tls = first_set(environment, &[TLS]).is_some_and(|(_, text)| {
        truth(&text).unwrap_or_else(|| {
            let position = Position { file: format!("{ENVIRONMENT}{TLS}"), line: 1, column: 1 };
            let problem = format!("{} is neither true nor false", quoted(&text));
            faults.push(Fault::new(position, "consul.address", problem, "write true or false"));
            false
        })
    });
    let scheme = if tls { "https" } else { "http" };
    let Some((name, text)) = first_set(environment, &[ADDRESS]) else {
        return tls.then(|| (TLS, format!("{scheme}://{DEFAULT_HOST}")));
    };
    let address = match text.split_once("://") {
        None => format!("{scheme}://{text}"),
        Some(("http", host)) => format!("{scheme}://{host}"),
        Some(_) => text,
    };
    Some((name, address))
}

/// The values that Go's `strconv.ParseBool` takes, and so Consul's clients.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
