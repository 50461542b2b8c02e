//! `consul { … }`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RawVaultCertificate;
use crate::DurationText;

/// Where Consul is, which documents of it are followed, and how this instance stands in its catalog.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawConsul {
    /// The URL of Consul's local agent; CONSUL_HTTP_ADDR with CONSUL_HTTP_SSL where it is not written.
    #[schemars(regex(pattern = r"^(https?://[!-~]{1,1000}|unix:///[!-~]{1,106})$"), extend("x-tier" = "bootstrap",
        "x-form" = "an http or https URL, such as \"http://127.0.0.1:8500\", or unix:// with the absolute path of a socket"))]
    pub(crate) address: String,
    /// The prefix of the keys that are this system's: its documents are config and config.d/ below it.
    #[schemars(length(max = 256), regex(pattern = r"^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$"), extend("x-tier" = "bootstrap",
        "x-form" = "a path without a slash at its ends, such as \"nova/prod\""))]
    pub(crate) kv_prefix: String,
    /// The path of the file with the ACL token, read again when it changes; CONSUL_HTTP_TOKEN_FILE where it is not written. The token itself is taken from CONSUL_HTTP_TOKEN alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) token_file: Option<String>,
    /// The datacenter that is asked; that of the agent where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,128}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a name of letters, digits, - and _ in quotes, such as \"dc1\""))]
    pub(crate) datacenter: Option<String>,
    /// The namespace, of the enterprise edition alone; CONSUL_NAMESPACE where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a name of letters, digits, - and _ in quotes, such as \"platform\""))]
    pub(crate) namespace: Option<String>,
    /// The admin partition, of the enterprise edition alone; CONSUL_PARTITION where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a name of letters, digits, - and _ in quotes, such as \"default\""))]
    pub(crate) partition: Option<String>,
    /// A file of PEM certificates that Consul's is judged by, in place of the machine's own; CONSUL_CACERT where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) ca_file: Option<String>,
    /// The path of the file with the client certificate that Consul is shown, in PEM; CONSUL_CLIENT_CERT where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) cert_file: Option<String>,
    /// The path of the file with that certificate's private key, in PEM; CONSUL_CLIENT_KEY where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) key_file: Option<String>,
    /// The client certificate that Consul is shown, signed by Vault, in place of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vault_client_certificate: Option<RawVaultCertificate>,
    /// The name that Consul's certificate has, where it is not that of the address; CONSUL_TLS_SERVER_NAME where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9.-]{1,253}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a host name in quotes, such as \"server.dc1.consul\""))]
    pub(crate) server_name: Option<String>,
    /// How old an answer of a server without contact to its leader may be before the state is called stale. An election mostly takes less than the default.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "1s", "x-maximum" = "1h"))]
    pub(crate) max_stale: DurationText,
    /// The login that gets the ACL token, in place of a token of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) login: Option<RawConsulLogin>,
    /// How this instance stands in Consul's catalog.
    pub(crate) service: RawConsulService,
}

/// The login that gets the ACL token, with a JWT such as a Nomad workload identity.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawConsulLogin {
    /// The name of Consul's auth method.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,128}$"), extend("x-tier" = "bootstrap",
        "x-form" = "the name of an auth method in quotes, such as \"nomad-workloads\""))]
    pub(crate) auth_method: String,
    /// The path of the file with the JWT, read again at each login.
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) jwt_file: String,
}

/// How this instance stands in Consul's catalog.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawConsulService {
    /// Whether the instance registers itself with the local agent. Turn it off where something else does.
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) register: bool,
    /// The name of the service, under which its instances are found.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"), extend("x-tier" = "bootstrap",
        "x-form" = "a name of at most 63 lower-case letters, digits and -, such as \"nova-proxy\""))]
    pub(crate) name: String,
    /// The address in the catalog, without a port; that of listen where it is not written, and the node's where listen is on all addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9.:-]{1,253}$"), extend("x-tier" = "bootstrap",
        "x-form" = "an IP address or a host name in quotes, without a port, such as \"10.0.0.5\""))]
    pub(crate) address: Option<String>,
    /// Tags in the catalog.
    #[schemars(length(max = 64), extend("x-tier" = "bootstrap", "uniqueItems" = true, "items" = {
        "type": "string",
        "pattern": r"^[!-~]{1,128}$",
        "x-form": "1 to 128 visible ASCII characters without spaces",
    }))]
    pub(crate) tags: Vec<String>,
    /// How often the agent asks whether the instance is ready.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "1s", "x-maximum" = "10m"))]
    pub(crate) check_interval: DurationText,
    /// How long an instance may be critical before the agent takes it out of the catalog. A short time would take all of them out when the agent itself was held up.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "1m", "x-maximum" = "168h"))]
    pub(crate) deregister_critical_after: DurationText,
}

impl Default for RawConsul {
    fn default() -> Self {
        Self {
            address: "http://127.0.0.1:8500".to_owned(),
            kv_prefix: "nova/default".to_owned(),
            token_file: None,
            datacenter: None,
            namespace: None,
            partition: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            vault_client_certificate: None,
            server_name: None,
            max_stale: DurationText::from_secs(10),
            login: None,
            service: RawConsulService::default(),
        }
    }
}

impl Default for RawConsulService {
    fn default() -> Self {
        Self {
            register: true,
            name: "nova-proxy".to_owned(),
            address: None,
            tags: Vec::new(),
            check_interval: DurationText::from_secs(10),
            deregister_critical_after: DurationText::from_secs(30 * 60),
        }
    }
}
