//! How Consul and the instances are reached: flags and variables as the `consul` program has them.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use nova_hashistack::transport::{HashistackError, TlsConfig, TokenSource};
use nova_hashistack::{Address, ConsulClient, ConsulConfig, Retries};
use secrecy::SecretString;

use crate::config_canary::store::CanaryStore;
use crate::documents;
use crate::fleet::Fleet;
use crate::store::ConfigStore;

/// Where Consul's agent listens where nothing says otherwise.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8500";

/// Which configuration, and whose.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub(super) struct ScopeArgs {
    /// The prefix of the keys.
    #[arg(long, value_name = "PREFIX", env = "NOVA_KV_PREFIX", default_value = "nova/default", value_parser = documents::prefix, global = true)]
    kv_prefix: String,
    /// The service under which the instances are in Consul's catalog.
    #[arg(long, value_name = "NAME", default_value = "nova-proxy", global = true)]
    service: String,
    #[command(flatten)]
    consul: ConsulArgs,
    #[command(flatten)]
    listener: ListenerArgs,
}

/// The connection to Consul. A token is taken from CONSUL_HTTP_TOKEN or a file, never from the command line, which others can see.
#[derive(Debug, Args)]
#[command(next_help_heading = "Consul (a token comes from CONSUL_HTTP_TOKEN or a file)")]
pub(super) struct ConsulArgs {
    /// Address of a Consul agent: host:port, http://…, https://… or unix:///…
    #[arg(long, alias = "consul-http-addr", value_name = "ADDRESS", env = "CONSUL_HTTP_ADDR", global = true)]
    http_addr: Option<String>,
    /// A file with the token; it wins over CONSUL_HTTP_TOKEN.
    #[arg(
        long,
        alias = "consul-token-file",
        value_name = "FILE", value_parser = path(),
        env = "CONSUL_HTTP_TOKEN_FILE",
        global = true
    )]
    token_file: Option<PathBuf>,
    /// Certificates of the authorities that Consul's certificate may come from, PEM.
    #[arg(long, alias = "consul-ca-file", value_name = "FILE", value_parser = path(), env = "CONSUL_CACERT", global = true)]
    ca_file: Option<PathBuf>,
    /// A client certificate, PEM.
    #[arg(
        long,
        alias = "consul-client-cert",
        value_name = "FILE", value_parser = path(),
        env = "CONSUL_CLIENT_CERT",
        global = true
    )]
    client_cert: Option<PathBuf>,
    /// The key of the client certificate, PEM.
    #[arg(long, alias = "consul-client-key", value_name = "FILE", value_parser = path(), env = "CONSUL_CLIENT_KEY", global = true)]
    client_key: Option<PathBuf>,
    /// The name in Consul's certificate, where it is not that of the address.
    #[arg(
        long,
        alias = "consul-tls-server-name",
        value_name = "NAME",
        env = "CONSUL_TLS_SERVER_NAME",
        global = true
    )]
    tls_server_name: Option<String>,
    /// The datacenter; without it that of the agent.
    #[arg(long, alias = "consul-datacenter", value_name = "NAME", global = true)]
    datacenter: Option<String>,
    /// The namespace (Enterprise).
    #[arg(long, alias = "consul-namespace", value_name = "NAME", env = "CONSUL_NAMESPACE", global = true)]
    namespace: Option<String>,
    /// The admin partition (Enterprise).
    #[arg(long, alias = "consul-partition", value_name = "NAME", env = "CONSUL_PARTITION", global = true)]
    partition: Option<String>,
}

/// The connection to the instances' metrics listeners, where those speak TLS.
#[derive(Debug, Args)]
#[command(next_help_heading = "Instances whose metrics listener speaks TLS")]
struct ListenerArgs {
    /// Certificates of the authorities that theirs may come from, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "NOVA_PROXY_CACERT", global = true)]
    proxy_ca_file: Option<PathBuf>,
    /// A client certificate, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "NOVA_PROXY_CLIENT_CERT", global = true)]
    proxy_client_cert: Option<PathBuf>,
    /// The key of the client certificate, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "NOVA_PROXY_CLIENT_KEY", global = true)]
    proxy_client_key: Option<PathBuf>,
    /// The name in their certificates, where it is not the address in the catalog.
    #[arg(long, value_name = "NAME", env = "NOVA_PROXY_TLS_SERVER_NAME", global = true)]
    proxy_tls_server_name: Option<String>,
}

/// Everything that a command talks to.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) store: ConfigStore,
    pub(super) fleet: Fleet,
    consul: ConsulClient,
}

impl Connection {
    /// The candidates for the configuration.
    pub(super) fn canaries(&self) -> CanaryStore {
        CanaryStore::new(self.consul.clone(), self.store.prefix())
    }
}

/// Variables that no flag stands for.
pub(super) trait Variables {
    /// The value, or none where the variable is unset or empty.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
pub(super) struct ProcessVariables;

impl Variables for ProcessVariables {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

impl ScopeArgs {
    /// The prefix of the keys.
    pub(super) fn prefix(&self) -> &str {
        &self.kv_prefix
    }

    /// Prepares the connections; nothing is sent yet.
    pub(super) fn connect(&self, variables: &dyn Variables) -> anyhow::Result<Connection> {
        let consul = ConsulClient::new(self.consul.config(variables)?)?.retrying(Retries::default());
        let store = ConfigStore::new(consul.clone(), &self.kv_prefix);
        let fleet = Fleet::new(consul.clone(), &self.service, self.listener.tls());
        Ok(Connection { store, fleet, consul })
    }

    /// The service under which the instances are in the catalog.
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    /// How Consul is reached, and as whom.
    pub(super) fn consul(&self, variables: &dyn Variables) -> anyhow::Result<ConsulConfig> {
        self.consul.config(variables)
    }

    /// Certificates of the instances' listeners.
    pub(super) fn listener_tls(&self) -> TlsConfig {
        self.listener.tls()
    }

    /// What an operator does about an error of Consul's; none where the error says it all.
    pub(super) fn advice(&self, error: &HashistackError) -> Option<String> {
        match error {
            HashistackError::Unreachable { .. } | HashistackError::TimedOut { .. } => {
                let given = self.consul.http_addr.as_deref().filter(|address| !address.is_empty());
                let now = given.map_or_else(
                    || format!("neither is set, so {DEFAULT_ADDRESS} was asked"),
                    |address| format!("it is {address} now"),
                );
                Some(format!("set CONSUL_HTTP_ADDR or --http-addr to the address of a Consul agent: {now}"))
            }
            refused if refused.is_acl_not_found() => {
                Some("put a valid token into CONSUL_HTTP_TOKEN, or name its file by --token-file".to_owned())
            }
            refused if refused.is_permission_denied() => Some(policy(&self.kv_prefix)),
            _ => None,
        }
    }
}

/// Which policy the commands need.
pub(super) fn policy(prefix: &str) -> String {
    format!(
        "the token comes from CONSUL_HTTP_TOKEN or --token-file, and needs the policy jobs/policies/consul/operator.hcl with \
         {prefix} as the prefix in it"
    )
}

/// Consul by the standard variables alone, for commands whose options are about something else.
pub(super) fn consul_of_environment(variables: &dyn Variables) -> anyhow::Result<ConsulClient> {
    #[derive(clap::Parser)]
    struct Environment {
        #[command(flatten)]
        consul: ConsulArgs,
    }
    let environment = <Environment as clap::Parser>::try_parse_from(["nova-agent"])?;
    Ok(ConsulClient::new(environment.consul.config(variables)?)?.retrying(Retries::default()))
}

impl ConsulArgs {
    /// How Consul is reached, and as whom.
    pub(super) fn config(&self, variables: &dyn Variables) -> anyhow::Result<ConsulConfig> {
        let mut config = ConsulConfig::new(self.address(variables)?);
        config.token = match (filled(self.token_file.as_ref()), variables.get("CONSUL_HTTP_TOKEN")) {
            // As Consul's own client has it: the file wins.
            (Some(file), _) => TokenSource::file(file),
            (None, Some(token)) => TokenSource::Fixed(SecretString::from(token)),
            (None, None) => TokenSource::None,
        };
        config.tls = TlsConfig {
            ca_file: filled(self.ca_file.as_ref()),
            cert_file: filled(self.client_cert.as_ref()),
            key_file: filled(self.client_key.as_ref()),
            server_name: named(self.tls_server_name.as_ref()),
            ..TlsConfig::default()
        };
        config.datacenter = named(self.datacenter.as_ref());
        config.namespace = named(self.namespace.as_ref());
        config.partition = named(self.partition.as_ref());
        Ok(config)
    }

    /// The address; one without a scheme is `https` where CONSUL_HTTP_SSL says so.
    fn address(&self, variables: &dyn Variables) -> anyhow::Result<Address> {
        let given = self.http_addr.as_deref().filter(|address| !address.is_empty());
        let text = given.unwrap_or(DEFAULT_ADDRESS);
        let is_https = match variables.get("CONSUL_HTTP_SSL") {
            None => false,
            Some(value) => boolean(&value)
                .with_context(|| format!("CONSUL_HTTP_SSL is {value:?}: write true or false"))?,
        };
        let whole =
            if is_https && !text.contains("://") { format!("https://{text}") } else { text.to_owned() };
        whole.parse().context("the address of Consul, in CONSUL_HTTP_ADDR or --http-addr, cannot be used")
    }
}

impl ListenerArgs {
    fn tls(&self) -> TlsConfig {
        TlsConfig {
            ca_file: filled(self.proxy_ca_file.as_ref()),
            cert_file: filled(self.proxy_client_cert.as_ref()),
            key_file: filled(self.proxy_client_key.as_ref()),
            server_name: named(self.proxy_tls_server_name.as_ref()),
            ..TlsConfig::default()
        }
    }
}

/// Reads a path, which may be empty where it comes from a variable.
pub(super) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// An empty variable is as good as none.
pub(super) fn filled(path: Option<&PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty()).cloned()
}

pub(super) fn named(name: Option<&String>) -> Option<String> {
    name.filter(|name| !name.is_empty()).cloned()
}

/// A boolean in the forms that Consul's own client takes (Go's `strconv.ParseBool`).
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser;
    use rstest::rstest;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        scope: ScopeArgs,
    }

    impl Variables for BTreeMap<&str, &str> {
        fn get(&self, name: &str) -> Option<String> {
            BTreeMap::get(self, name).map(|value| (*value).to_owned())
        }
    }

    fn consul(arguments: &[&str]) -> ConsulArgs {
        Program::parse_from([&["program"], arguments].concat()).scope.consul
    }

    #[rstest]
    #[case(&["--http-addr=consul:8500"], &[], "http://consul:8500")]
    #[case(&["--consul-http-addr=consul:8501"], &[("CONSUL_HTTP_SSL", "true")], "https://consul:8501")]
    #[case(&["--http-addr=http://consul:8500"], &[("CONSUL_HTTP_SSL", "1")], "http://consul:8500")]
    #[case(&["--http-addr="], &[("CONSUL_HTTP_SSL", "false")], "http://127.0.0.1:8500")]
    #[case(&["--http-addr=unix:///run/consul.sock"], &[], "unix:///run/consul.sock")]
    fn the_address_is_read_as_consul_reads_it(
        #[case] arguments: &[&str],
        #[case] variables: &[(&'static str, &'static str)],
        #[case] expected: &str,
    ) {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        assert_eq!(consul(arguments).address(&variables).unwrap().to_string(), expected);
    }

    #[test]
    fn a_wrong_switch_says_what_to_write() {
        let variables = BTreeMap::from([("CONSUL_HTTP_SSL", "yes")]);
        let error = consul(&["--http-addr=consul:8500"]).address(&variables).unwrap_err();
        assert!(error.to_string().contains("write true or false"), "{error}");
    }

    #[rstest]
    #[case(&["--token-file=/run/token"], true)]
    #[case(&["--token-file="], false)]
    fn a_token_file_wins_over_the_variable(#[case] arguments: &[&str], #[case] is_file: bool) {
        let variables = BTreeMap::from([("CONSUL_HTTP_TOKEN", "secret")]);
        let config = consul(&[&["--http-addr=c:1"], arguments].concat()).config(&variables).unwrap();
        assert_eq!(matches!(config.token, TokenSource::File(_)), is_file);
        assert!(!format!("{config:?}").contains("secret"));
    }
}
