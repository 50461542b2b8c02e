//! The configuration as it is written, every field with its meaning, default, range and tier.
//!
//! A runtime field follows a reload (SIGHUP); a bootstrap field waits for a restart.

use std::collections::BTreeMap;

use nova_config::{DurationText, LogFormat, LogLevel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A whole configuration.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["consul"]))]
pub(super) struct RawAgent {
    /// The versions of the agent that can read this document, as a semantic version range such as ">= 0.1".
    #[serde(skip_serializing)]
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(super) requires: Option<String>,
    /// The prefix of the keys in Consul that are this system's.
    #[schemars(length(max = 256), regex(pattern = r"^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$"), extend("x-tier" = "bootstrap",
        "x-form" = "a path without a slash at its ends, such as \"nova/prod\""))]
    pub(super) kv_prefix: String,
    /// The service under which the proxies are in Consul's catalog.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"), extend("x-tier" = "bootstrap",
        "x-form" = "a name of at most 63 lower-case letters, digits and -, such as \"nova-proxy\""))]
    pub(super) service: String,
    /// The name of this instance, which no other has; the Nomad allocation's id where it is not written, else the host's name with the number of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a name of at most 128 letters, digits, ., - and _, such as \"agent-1\""))]
    pub(super) instance: Option<String>,
    /// The directory in which this instance keeps what must outlive it. This version keeps nothing there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096), regex(pattern = r"^/[!-~]*$"), extend("x-tier" = "bootstrap",
        "x-form" = "the absolute path of a directory in quotes, such as \"/var/lib/nova-agent\""))]
    pub(super) data_dir: Option<String>,
    /// The absolute path of the API's Unix socket, whose folder decides who operates the agent; "" for none.
    #[schemars(regex(pattern = r"^(/[!-~]{1,106})?$"), extend("x-tier" = "bootstrap",
        "x-form" = "the absolute path of a Unix socket, such as \"/run/nova-agent/agent.sock\", or \"\" for none"))]
    pub(super) socket: String,
    /// The address of the API's TCP listener, an IP address and a port. Without it there is no such listener. It needs access.nomad.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}$"),
        extend("x-tier" = "bootstrap", "x-form" = "an IP address and a port in quotes, such as \"10.0.0.5:9210\""))]
    pub(super) listen: Option<String>,
    /// The URL by which other instances and operators reach the TCP listener; that of listen where it is not written and listen is on one address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://[!-~]{1,1000}$"), extend("x-tier" = "bootstrap",
        "x-form" = "an http or https URL, such as \"https://agent-1.example.com:9210\""))]
    pub(super) advertise: Option<String>,
    /// How long requests that are open may go on when the process stops.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "1s", "x-maximum" = "10m"))]
    pub(super) drain_timeout: DurationText,
    /// The certificate of the TCP listener. Without it tokens travel as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls: Option<RawTls>,
    /// Where Consul is: the leader's lock and all records are there.
    pub(super) consul: RawConsul,
    /// Where Nomad is, whose deployments are followed and who says whose a token is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nomad: Option<RawNomad>,
    /// Who may do what on the TCP listener.
    pub(super) access: RawAccess,
    /// How one of several instances leads.
    pub(super) leader: RawLeader,
    /// What is logged, and how.
    pub(super) log: RawLog,
    /// How rollouts are followed.
    pub(super) rollouts: RawRollouts,
    /// What policies of rollouts may call by webhooks, and how.
    pub(super) webhooks: RawWebhooks,
    /// How the metrics listeners of instances are verified that speak TLS.
    pub(super) instances: RawInstances,
    /// The policy of a job's rollouts, by the job's id. What may be in it is in the reference of policies.
    #[schemars(extend("propertyNames" = {"pattern": r"^[!-~]{1,128}$",
        "x-form": "the id of a job, in quotes"}))]
    pub(super) rollout: BTreeMap<String, RawRollout>,
}

/// The certificate of the TCP listener, in files that are read again at a reload.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    /// The path of the file with the certificate and its chain, in PEM.
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) cert_file: String,
    /// The path of the file with the certificate's private key, in PEM.
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) key_file: String,
    /// The path of the file with the authorities of client certificates, in PEM. With it, a client without a certificate of theirs is refused, whatever its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) client_ca_file: Option<String>,
}

/// Where Consul is, and as whom it is asked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawConsul {
    /// The URL of Consul's local agent; CONSUL_HTTP_ADDR with CONSUL_HTTP_SSL where it is not written.
    #[schemars(regex(pattern = r"^(https?://[!-~]{1,1000}|unix:///[!-~]{1,106})$"), extend("x-tier" = "bootstrap",
        "x-form" = "an http or https URL, such as \"http://127.0.0.1:8500\", or unix:// with the absolute path of a socket"))]
    pub(super) address: String,
    /// The path of the file with the ACL token, read again when it changes; CONSUL_HTTP_TOKEN_FILE where it is not written. The token itself is taken from CONSUL_HTTP_TOKEN alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) token_file: Option<String>,
    /// The datacenter that is asked; that of the agent where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,128}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a name of letters, digits, - and _ in quotes, such as \"dc1\""))]
    pub(super) datacenter: Option<String>,
    /// The namespace, of the enterprise edition alone; CONSUL_NAMESPACE where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a name of letters, digits, - and _ in quotes, such as \"platform\""))]
    pub(super) namespace: Option<String>,
    /// The admin partition, of the enterprise edition alone; CONSUL_PARTITION where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a name of letters, digits, - and _ in quotes, such as \"default\""))]
    pub(super) partition: Option<String>,
    /// A file of PEM certificates that Consul's is judged by, in place of the machine's own; CONSUL_CACERT where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) ca_file: Option<String>,
    /// The path of the file with the client certificate that Consul is shown, in PEM; CONSUL_CLIENT_CERT where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) cert_file: Option<String>,
    /// The path of the file with that certificate's private key, in PEM; CONSUL_CLIENT_KEY where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) key_file: Option<String>,
    /// The name that Consul's certificate has, where it is not that of the address; CONSUL_TLS_SERVER_NAME where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9.-]{1,253}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a host name in quotes, such as \"server.dc1.consul\""))]
    pub(super) server_name: Option<String>,
    /// The login that gets the ACL token, in place of a token of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) login: Option<RawConsulLogin>,
}

/// The login that gets the ACL token, with a JWT such as a Nomad workload identity.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConsulLogin {
    /// The name of Consul's auth method.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,128}$"), extend("x-tier" = "bootstrap",
        "x-form" = "the name of an auth method in quotes, such as \"nova-workloads\""))]
    pub(super) auth_method: String,
    /// The path of the file with the JWT, read again at each login.
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) jwt_file: String,
}

/// Where Nomad is, and as whom it is asked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawNomad {
    /// The URL of a Nomad agent, or unix:// with the path of the task API's socket; NOMAD_ADDR where it is not written.
    #[schemars(regex(pattern = r"^(https?://[!-~]{1,1000}|unix:///[!-~]{1,106})$"), extend("x-tier" = "bootstrap",
        "x-form" = "an http or https URL, such as \"http://127.0.0.1:4646\", or unix:// with the absolute path of a socket"))]
    pub(super) address: String,
    /// The path of the file with the ACL token or the workload identity, read again when it changes. A token itself is taken from NOMAD_TOKEN alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) token_file: Option<String>,
    /// The namespaces whose deployments are followed.
    #[schemars(length(min = 1, max = 64), extend("x-tier" = "bootstrap", "uniqueItems" = true, "items" = {
        "type": "string",
        "pattern": r"^[A-Za-z0-9-]{1,128}$",
        "x-form": "the name of a namespace, such as \"default\"",
    }))]
    pub(super) namespaces: Vec<String>,
    /// The region that is asked; NOMAD_REGION where it is not written, else that of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,128}$"), extend("x-tier" = "bootstrap",
        "x-form" = "the name of a region in quotes, such as \"global\""))]
    pub(super) region: Option<String>,
    /// A file of PEM certificates that Nomad's is judged by, in place of the machine's own; NOMAD_CACERT where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) ca_file: Option<String>,
    /// The path of the file with the client certificate that Nomad is shown, in PEM; NOMAD_CLIENT_CERT where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) cert_file: Option<String>,
    /// The path of the file with that certificate's private key, in PEM; NOMAD_CLIENT_KEY where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) key_file: Option<String>,
    /// The name that Nomad's certificate has, where it is not that of the address; NOMAD_TLS_SERVER_NAME where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9.-]{1,253}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a host name in quotes, such as \"server.global.nomad\""))]
    pub(super) server_name: Option<String>,
}

/// Who may do what on the TCP listener.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawAccess {
    /// By tokens of Nomad's. A management token is an operator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nomad: Option<RawNomadAccess>,
}

/// Which policies of Nomad's give which role.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawNomadAccess {
    /// The policies whose tokens may see everything.
    #[schemars(length(max = 64), extend("x-tier" = "bootstrap", "uniqueItems" = true, "items" = {
        "type": "string", "pattern": r"^[A-Za-z0-9-]{1,128}$", "x-form": "the name of a policy, such as \"nova-viewer\"",
    }))]
    pub(super) viewer: Vec<String>,
    /// The policies whose tokens may give orders too.
    #[schemars(length(max = 64), extend("x-tier" = "bootstrap", "uniqueItems" = true, "items" = {
        "type": "string", "pattern": r"^[A-Za-z0-9-]{1,128}$", "x-form": "the name of a policy, such as \"nova-operator\"",
    }))]
    pub(super) operator: Vec<String>,
    /// How long an answer of Nomad's about a token is remembered, and so how long a token works on that Nomad has forgotten.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "1s", "x-maximum" = "60s"))]
    pub(super) remembered_for: DurationText,
}

/// How one of several instances leads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawLeader {
    /// How long the leader's session lives without a renewal. Consul may let it live for twice as long: so long nobody leads after a crash, and lock_delay more.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "10s", "x-maximum" = "10m"))]
    pub(super) ttl: DurationText,
    /// How long the lock cannot be had after a session has ended with it.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "0s", "x-maximum" = "1m"))]
    pub(super) lock_delay: DurationText,
    /// What a step that has begun may take: the leader stops acting so long before its session can end.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "1s", "x-maximum" = "5m"))]
    pub(super) margin: DurationText,
}

/// What is logged, and how.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawLog {
    /// The least severe level that is logged.
    #[schemars(extend("x-tier" = "runtime"))]
    pub(super) level: LogLevel,
    /// The form of a log line: json for machines, text for a terminal.
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(super) format: LogFormat,
}

/// How rollouts are followed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawRollouts {
    /// How often each rollout is looked at when nothing wakes the agent.
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "1s", "x-maximum" = "5m"))]
    pub(super) interval: DurationText,
}

/// What policies of rollouts may call by webhooks, and how.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawWebhooks {
    /// The hosts that may be called; any where it is empty. Whoever may write a job may write its policy, and so chooses among them.
    #[schemars(length(max = 64), extend("x-tier" = "bootstrap", "uniqueItems" = true, "items" = {
        "type": "string", "pattern": r"^[A-Za-z0-9.:\[\]-]{1,253}$",
        "x-form": "a host name or an IP address without a port, such as \"hooks.example.com\"",
    }))]
    pub(super) hosts: Vec<String>,
    /// Whether http:// is taken for other hosts than this machine. What is sent and what is answered can be read and changed on the way then.
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(super) allow_plain_http: bool,
    /// The path of the file with the secret that every call is signed with, read again for each call. Without it calls are not signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) secret_file: Option<String>,
    /// A file of PEM certificates that the hosts' are judged by, in place of the machine's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) ca_file: Option<String>,
    /// The path of the file with the client certificate that hosts are shown, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) cert_file: Option<String>,
    /// The path of the file with that certificate's private key, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) key_file: Option<String>,
}

/// How the metrics listeners of instances are verified that speak TLS.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawInstances {
    /// A file of PEM certificates that the instances' are judged by, in place of the machine's own; read again when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) ca_file: Option<String>,
    /// The path of the file with the client certificate that instances are shown, in PEM; read again when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) cert_file: Option<String>,
    /// The path of the file with that certificate's private key, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(super) key_file: Option<String>,
    /// The name that the instances' certificate has, where it is not their addresses in the catalog.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9.-]{1,253}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a host name in quotes, such as \"nova-proxy.service.consul\""))]
    pub(super) server_name: Option<String>,
}

/// The policy of a job's rollouts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-raw" = true, "x-tier" = "runtime", "properties" = {}))]
pub(super) struct RawRollout {}

impl Default for RawAgent {
    fn default() -> Self {
        Self {
            requires: None,
            kv_prefix: "nova/default".to_owned(),
            service: "nova-proxy".to_owned(),
            instance: None,
            data_dir: None,
            socket: "/run/nova-agent/agent.sock".to_owned(),
            listen: None,
            advertise: None,
            drain_timeout: seconds(10),
            tls: None,
            consul: RawConsul::default(),
            nomad: None,
            access: RawAccess::default(),
            leader: RawLeader::default(),
            log: RawLog::default(),
            rollouts: RawRollouts::default(),
            webhooks: RawWebhooks::default(),
            instances: RawInstances::default(),
            rollout: BTreeMap::new(),
        }
    }
}

impl Default for RawConsul {
    fn default() -> Self {
        Self {
            address: "http://127.0.0.1:8500".to_owned(),
            token_file: None,
            datacenter: None,
            namespace: None,
            partition: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            server_name: None,
            login: None,
        }
    }
}

impl Default for RawNomad {
    fn default() -> Self {
        Self {
            address: "http://127.0.0.1:4646".to_owned(),
            token_file: None,
            namespaces: vec!["default".to_owned()],
            region: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            server_name: None,
        }
    }
}

impl Default for RawNomadAccess {
    fn default() -> Self {
        Self { viewer: Vec::new(), operator: Vec::new(), remembered_for: seconds(5) }
    }
}

impl Default for RawLeader {
    fn default() -> Self {
        Self { ttl: seconds(15), lock_delay: seconds(5), margin: seconds(5) }
    }
}

impl Default for RawLog {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Json }
    }
}

impl Default for RawRollouts {
    fn default() -> Self {
        Self { interval: seconds(10) }
    }
}

const fn seconds(count: u64) -> DurationText {
    DurationText::from_secs(count)
}
