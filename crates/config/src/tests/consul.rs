//! The `consul` block and the environment of Consul's clients.

use std::path::PathBuf;
use std::time::Duration;

use rstest::rstest;
use secrecy::ExposeSecret as _;

use super::{MINIMAL, environment, load_texts};
use crate::{ConsulConfig, ConsulToken, Layer, Loaded, Origin, RemoteAddress, load_layers};

const DATA_DIR: &str = "data_dir = \"/var/lib/nova-proxy\"\n";

fn load(block: &str, variables: &[(&str, &str)]) -> Result<Loaded, crate::Faults> {
    let text = format!("{MINIMAL}{DATA_DIR}{block}\n");
    load_layers(vec![Layer::file("1.hcl", text)], &environment(variables))
}

fn consul(block: &str, variables: &[(&str, &str)]) -> ConsulConfig {
    load(block, variables).unwrap_or_else(|faults| panic!("{faults}")).config.bootstrap.consul.unwrap()
}

#[test]
fn an_empty_block_has_the_defaults_of_consuls_own_clients() {
    let loaded = load("consul { }", &[]).unwrap();
    assert_eq!(loaded.config.bootstrap.data_dir, Some(PathBuf::from("/var/lib/nova-proxy")));
    let consul = loaded.config.bootstrap.consul.unwrap();
    assert_eq!(consul.address.to_string(), "http://127.0.0.1:8500");
    assert_eq!(consul.kv_prefix, "nova/default");
    assert_eq!(consul.token, ConsulToken::None);
    assert_eq!(consul.max_stale, Duration::from_secs(10));
    assert!(consul.service.register);
    assert_eq!(consul.service.name, "nova-proxy");
    assert_eq!(consul.service.deregister_critical_after, Duration::from_secs(1800));
}

#[test]
fn without_the_block_there_is_no_consul_whatever_the_environment_says() {
    let variables = [
        ("CONSUL_HTTP_ADDR", "http://127.0.0.1:1"),
        ("CONSUL_HTTP_TOKEN", "t"),
        ("CONSUL_HTTP_SSL", "perhaps"),
    ];
    let loaded = load("", &variables).unwrap();
    assert_eq!(loaded.config.bootstrap.consul, None);
    assert_eq!(loaded.hash(), load("", &[]).unwrap().hash());
}

#[rstest]
#[case::none(&[], "http://127.0.0.1:8500")]
#[case::empty(&[("CONSUL_HTTP_ADDR", "")], "http://127.0.0.1:8500")]
#[case::without_a_scheme(&[("CONSUL_HTTP_ADDR", "consul.internal:8500")], "http://consul.internal:8500")]
#[case::of_ipv6(&[("CONSUL_HTTP_ADDR", "[::1]:8500")], "http://[::1]:8500")]
#[case::with_tls(&[("CONSUL_HTTP_ADDR", "consul.internal:8501"), ("CONSUL_HTTP_SSL", "true")], "https://consul.internal:8501")]
#[case::with_tls_asked_for(&[("CONSUL_HTTP_ADDR", "http://consul.internal:8501"), ("CONSUL_HTTP_SSL", "1")], "https://consul.internal:8501")]
#[case::without_tls(&[("CONSUL_HTTP_ADDR", "consul.internal:8500"), ("CONSUL_HTTP_SSL", "false")], "http://consul.internal:8500")]
#[case::tls_alone(&[("CONSUL_HTTP_SSL", "TRUE")], "https://127.0.0.1:8500")]
#[case::https(&[("CONSUL_HTTP_ADDR", "https://consul.internal"), ("CONSUL_HTTP_SSL", "false")], "https://consul.internal")]
#[case::below_a_path(&[("CONSUL_HTTP_ADDR", "https://proxy.internal/consul/")], "https://proxy.internal/consul")]
#[case::a_socket(&[("CONSUL_HTTP_ADDR", "unix:///run/consul.sock"), ("CONSUL_HTTP_SSL", "true")], "unix:///run/consul.sock")]
fn the_address_is_read_as_consuls_clients_read_it(
    #[case] variables: &[(&str, &str)],
    #[case] expected: &str,
) {
    assert_eq!(consul("consul { }", variables).address.to_string(), expected);
    // What a file says wins over the environment.
    let written = consul("consul { address = \"unix:///run/other.sock\" }", variables);
    assert_eq!(written.address, RemoteAddress::Unix(PathBuf::from("/run/other.sock")));
}

#[test]
fn the_environment_fills_the_other_fields_and_is_named_as_their_origin() {
    let variables = [
        ("CONSUL_HTTP_ADDR", "https://127.0.0.1:8501"),
        ("CONSUL_HTTP_TOKEN_FILE", "/token"),
        ("CONSUL_NAMESPACE", "ns"),
        ("CONSUL_PARTITION", "pt"),
        ("CONSUL_CACERT", "/ca.pem"),
        ("CONSUL_CLIENT_CERT", "/cert.pem"),
        ("CONSUL_CLIENT_KEY", "/key.pem"),
        ("CONSUL_TLS_SERVER_NAME", "server.dc1.consul"),
    ];
    let loaded = load("consul { partition = \"mine\" }", &variables).unwrap();
    assert_eq!(loaded.origins()["consul.namespace"], Origin::Environment("CONSUL_NAMESPACE".to_owned()));
    let consul = loaded.config.bootstrap.consul.unwrap();
    assert_eq!(consul.token, ConsulToken::File(PathBuf::from("/token")));
    assert_eq!((consul.namespace.as_deref(), consul.partition.as_deref()), (Some("ns"), Some("mine")));
    assert_eq!(consul.tls.ca_file, Some(PathBuf::from("/ca.pem")));
    assert_eq!(consul.tls.cert_file, Some(PathBuf::from("/cert.pem")));
    assert_eq!(consul.tls.key_file, Some(PathBuf::from("/key.pem")));
    assert_eq!(consul.tls.server_name.as_deref(), Some("server.dc1.consul"));
}

const LOGIN: &str = "consul {\n login {\n auth_method = \"nomad-workloads\"\n jwt_file = \"/jwt\"\n }\n}";

#[rstest]
#[case::a_file_of_the_environment("consul { }", &[("CONSUL_HTTP_TOKEN", "t"), ("CONSUL_HTTP_TOKEN_FILE", "/f")], "file")]
#[case::a_written_file("consul { token_file = \"/f\" }", &[("CONSUL_HTTP_TOKEN", "t")], "file")]
#[case::a_login(LOGIN, &[("CONSUL_HTTP_TOKEN", "t"), ("CONSUL_HTTP_TOKEN_FILE", "/f")], "login")]
#[case::the_token_itself("consul { }", &[("CONSUL_HTTP_TOKEN", "t"), ("CONSUL_HTTP_TOKEN_FILE", "")], "fixed")]
#[case::nothing("consul { }", &[("CONSUL_HTTP_TOKEN", "")], "none")]
fn what_is_written_wins_over_the_token_of_the_environment(
    #[case] block: &str,
    #[case] variables: &[(&str, &str)],
    #[case] expected: &str,
) {
    let found = match consul(block, variables).token {
        ConsulToken::None => "none",
        ConsulToken::Fixed(_) => "fixed",
        ConsulToken::File(_) => "file",
        ConsulToken::Login(_) => "login",
    };
    assert_eq!(found, expected);
}

#[test]
fn the_token_is_in_the_validated_configuration_and_nowhere_else() {
    const TOKEN: &str = "6f0e2d3c-1b2a-4c5d-8e9f-0a1b2c3d4e5f";
    let variables = [("CONSUL_HTTP_TOKEN", TOKEN)];
    let loaded = load("consul { }", &variables).unwrap();
    assert!(!format!("{loaded:?}").contains(TOKEN));
    assert!(!loaded.redacted().to_string().contains(TOKEN));
    assert_eq!(loaded.hash(), load("consul { }", &[]).unwrap().hash());
    let faults = load("consul { kv_prefix = \"/\" }\nhologram = true", &variables).unwrap_err();
    assert!(!format!("{faults:?} {faults}").contains(TOKEN));
    let Some(ConsulConfig { token: ConsulToken::Fixed(token), .. }) = loaded.config.bootstrap.consul else {
        panic!("no token")
    };
    assert_eq!(token.expose_secret(), TOKEN);
}

#[rstest]
#[case::tls(&[("CONSUL_HTTP_SSL", "perhaps")],
    "environment variable CONSUL_HTTP_SSL:1:1: consul.address: \"perhaps\" is neither true nor false: write true or false")]
#[case::an_address(&[("CONSUL_HTTP_ADDR", "ftp://consul")],
    "environment variable CONSUL_HTTP_ADDR:1:1: consul.address: \"ftp://consul\" has the wrong form: \
     write an http or https URL, such as \"http://127.0.0.1:8500\", or unix:// with the absolute path of a socket")]
#[case::an_address_with_a_password(&[("CONSUL_HTTP_ADDR", "https://nova:hunter2@consul:8501")],
    "environment variable CONSUL_HTTP_ADDR:1:1: consul.address: holds a secret, which a configuration never does: \
     take it out and revoke it; name a file that holds it, in a field that ends in _file")]
#[case::a_certificate_for_plain_http(&[("CONSUL_CACERT", "/ca.pem")],
    "environment variable CONSUL_CACERT:1:1: consul.ca_file: asks for TLS, and consul.address does not begin with https://: \
     write an https address, or take it out, of the environment too")]
#[case::a_certificate_without_its_key(&[("CONSUL_CLIENT_CERT", "/cert.pem"), ("CONSUL_HTTP_SSL", "1")],
    "environment variable CONSUL_CLIENT_CERT:1:1: consul.cert_file: stands without key_file: \
     write key_file (the path of the file with the certificate's private key)")]
fn a_wrong_variable_is_named(#[case] variables: &[(&str, &str)], #[case] expected: &str) {
    assert_eq!(load("consul { }", variables).unwrap_err().to_string(), expected);
}

#[test]
fn the_instances_of_one_configuration_have_one_hash() {
    let hash =
        |name: &str| load_texts(&[MINIMAL, &format!("instance = \"{name}\"")]).unwrap().hash().to_owned();
    assert_eq!(hash("nova-1"), hash("nova-2"));
    let named = load_texts(&[MINIMAL, "instance = \"nova-1\""]).unwrap();
    assert_eq!(named.config.bootstrap.instance.as_deref(), Some("nova-1"));
    assert_eq!(named.redacted()["values"]["instance"], "nova-1");
}
