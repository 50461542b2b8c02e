//! The top of the document.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    RawAuth, RawBedrock, RawConsul, RawImageFetch, RawLimits, RawLog, RawModel, RawSecret, RawSecretCache,
    RawServer, RawTls, RawVault,
};

/// A whole configuration.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["auth", "bedrock"]))]
pub(crate) struct RawConfig {
    /// The versions of Bedrock Nova Proxy that can read this document, as a semantic version range such as ">= 0.1".
    #[serde(skip_serializing)]
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) requires: Option<String>,
    /// The address that serves the OpenAI API, an IP address and a port.
    #[schemars(regex(pattern = r"^(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}$"),
        extend("x-tier" = "bootstrap", "x-form" = "an IP address and a port in quotes, such as \"127.0.0.1:8080\""))]
    pub(crate) listen: String,
    /// The address that serves metrics and health, an IP address and a port. Without it there is no such listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}$"),
        extend("x-tier" = "bootstrap", "x-form" = "an IP address and a port in quotes, such as \"127.0.0.1:8080\""))]
    pub(crate) metrics: Option<String>,
    /// Where operators reach this instance: a loopback address and a port, or the absolute path of a Unix socket. Without it there is no such listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^((\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}|/[!-~]{1,106})$"),
        extend("x-tier" = "bootstrap", "x-form" = "a loopback address and a port, such as \"127.0.0.1:8081\", or the absolute path of a Unix socket"))]
    pub(crate) admin: Option<String>,
    /// The directory in which this instance keeps what must outlive it, such as the last documents of Consul that were in force. It must exist, and belong to one instance alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096), regex(pattern = r"^/[!-~]*$"), extend("x-tier" = "bootstrap",
        "x-form" = "the absolute path of a directory in quotes, such as \"/var/lib/nova-proxy\""))]
    pub(crate) data_dir: Option<String>,
    /// The name of this instance, which no other has; the Nomad allocation's id where it is not written, else the host's name with the port of listen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a name of at most 128 letters, digits, ., - and _, such as \"nova-1\""))]
    pub(crate) instance: Option<String>,
    /// The documents below config.d/ that must be there, by name: the document config alone lists them, and is refused while one is missing.
    #[serde(skip_serializing)]
    #[schemars(length(max = 200), extend("x-tier" = "runtime", "uniqueItems" = true, "items" = {
        "type": "string",
        "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
        "x-form": "the name of a document below config.d/, such as \"limits\"",
    }))]
    pub(crate) fragments: Vec<String>,
    /// Whether a parameter that Nova cannot honor is refused with 400 (true), or left out and named in a response header (false).
    #[schemars(extend("x-tier" = "runtime"))]
    pub(crate) strict: bool,
    /// Whether well-known OpenAI names and Nova's own are served without a model block. Turn it off where every request must go through a
    /// block, for its guardrail say.
    #[schemars(extend("x-tier" = "runtime"))]
    pub(crate) well_known_models: bool,
    /// Pairs that every call carries into Bedrock's invocation log, for filters and cost reports. In a value {key_id}, {key_name}, {team} and {model} stand for the caller's key, its team and the served name; a pair whose value is not known is left out.
    #[schemars(extend("x-tier" = "runtime", "maxProperties" = 16,
        "propertyNames" = {"pattern": r"^[A-Za-z0-9\s:_@$#=/+,.-]{1,256}$",
            "x-form": "1 to 256 letters, digits, spaces and characters of :_@$#=/+,.-"},
        "additionalProperties" = {"type": "string",
            "pattern": r"^([A-Za-z0-9\s:_@$#=/+,.-]|\{(key_id|key_name|team|model)\}){0,256}$",
            "x-form": "at most 256 letters, digits, spaces, characters of :_@$#=/+,.- and {key_id}, {key_name}, {team} or {model} in quotes"}))]
    pub(crate) request_metadata: BTreeMap<String, String>,
    /// What only the next version knows. It means nothing: tests tell two versions apart by it.
    #[cfg(feature = "next-version-for-tests")]
    #[schemars(extend("x-tier" = "runtime"))]
    pub(crate) next_version_only: bool,
    /// The name of the rollout ring this instance belongs to, a label on every metric.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_-]{0,31}$"),
        extend("x-tier" = "bootstrap", "x-form" = "a name of at most 32 lower-case letters, digits, - and _, such as \"stable\""))]
    pub(crate) ring: String,
    /// What is logged, and how.
    pub(crate) log: RawLog,
    /// The listener's limits, and how the process stops.
    pub(crate) server: RawServer,
    /// The certificate of the listeners. Without it they speak plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<RawTls>,
    /// Where Bedrock is, and how patiently it is called.
    pub(crate) bedrock: RawBedrock,
    /// Where Consul is, and what is taken from it. Without it there is no Consul.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consul: Option<RawConsul>,
    /// Where Vault is, and as whom it is asked. Without it there is no Vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vault: Option<RawVault>,
    /// What one instance takes on at once.
    pub(crate) limits: RawLimits,
    /// Who may call: keys_file, or, on a loopback address alone, none = true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth: Option<RawAuth>,
    /// Secrets by the names that other fields know them under: where each is, never what it is.
    #[schemars(extend("propertyNames" = {"pattern": r"^[a-z][a-z0-9_-]{0,63}$",
        "x-form": "a label of at most 64 lower-case letters, digits, - and _, a letter first"}))]
    pub(crate) secret: BTreeMap<String, RawSecret>,
    /// The last known secrets, kept sealed for a start without Vault or AWS. Without it none is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_cache: Option<RawSecretCache>,
    /// Whether and how images given by URL are fetched.
    pub(crate) image_fetch: RawImageFetch,
    /// Model names that callers use, each mapped to a Nova model.
    #[schemars(extend("propertyNames" = {"pattern": r"^[!-~]{1,128}$",
        "x-form": "a label of 1 to 128 visible ASCII characters without spaces"}))]
    pub(crate) model: BTreeMap<String, RawModel>,
}

impl Default for RawConfig {
    fn default() -> Self {
        Self {
            requires: None,
            listen: "127.0.0.1:8080".to_owned(),
            metrics: None,
            admin: None,
            data_dir: None,
            instance: None,
            fragments: Vec::new(),
            strict: false,
            well_known_models: true,
            request_metadata: BTreeMap::new(),
            #[cfg(feature = "next-version-for-tests")]
            next_version_only: false,
            ring: "stable".to_owned(),
            log: RawLog::default(),
            server: RawServer::default(),
            tls: None,
            bedrock: RawBedrock::default(),
            consul: None,
            vault: None,
            limits: RawLimits::default(),
            auth: None,
            secret: BTreeMap::new(),
            secret_cache: None,
            image_fetch: RawImageFetch::default(),
            model: BTreeMap::new(),
        }
    }
}
