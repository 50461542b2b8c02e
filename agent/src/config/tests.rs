//! The configuration from texts: what is taken, what is refused with which words, and what a reload knows.

use std::collections::BTreeMap;

use nova_config::{Faults, Layer};
use rstest::rstest;

use super::*;

fn load(text: &str, variables: &[(&str, &str)]) -> Result<LoadedAgent, Faults> {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    load_layers(vec![Layer::file("agent.hcl", text)], &variables)
}

const TCP: &str = r#"
listen = "127.0.0.1:9210"
nomad {
  address = "https://nomad:4646"
  namespaces = ["prod", "staging"]
}
access {
  nomad {
    viewer   = ["nova-viewer"]
    operator = ["nova-operator"]
  }
}
"#;

#[test]
fn an_empty_file_is_an_agent_beside_consul() {
    let config = load("", &[]).unwrap().config;
    assert_eq!(config.consul.address.to_string(), "http://127.0.0.1:8500");
    assert_eq!(config.leader.key, "nova/default/leader");
    assert_eq!(config.socket, Some(PathBuf::from("/run/nova-agent/agent.sock")));
    assert!(config.nomad.is_none() && config.listen.is_none());
}

#[test]
fn a_tcp_listener_has_its_access() {
    let config = load(TCP, &[]).unwrap().config;
    let listen = config.listen.unwrap();
    assert_eq!(listen.advertise.as_deref(), Some("http://127.0.0.1:9210"));
    assert!(listen.rules.operator.contains("nova-operator") && listen.rules.viewer.contains("nova-viewer"));
    assert_eq!(config.nomad.unwrap().namespaces, ["prod", "staging"]);
}

#[test]
fn standard_variables_stand_in_for_what_is_not_written() {
    let variables = [
        ("CONSUL_HTTP_ADDR", "consul:8500"),
        ("CONSUL_HTTP_TOKEN", "c"),
        ("NOMAD_ADDR", "unix:///secrets/api.sock"),
        ("NOMAD_TOKEN", "n"),
    ];
    let config = load("nomad {}", &variables).unwrap().config;
    assert_eq!(config.consul.address.to_string(), "http://consul:8500");
    assert!(matches!(config.consul.token, ConsulToken::Fixed(_)));
    let nomad = config.nomad.unwrap();
    assert_eq!(nomad.address.to_string(), "unix:///secrets/api.sock");
    assert!(matches!(nomad.token, NomadToken::Fixed(_)));
}

#[rstest]
#[case::open("listen = \"0.0.0.0:9210\"\nnomad {}", 1, "would let everybody operate the agent")]
#[case::without_policies("access {\n nomad {}\n}\nlisten = \"127.0.0.1:1\"\nnomad {}", 4, "no policy")]
#[case::nobody_to_ask(
    "access {\n nomad {\n  viewer = [\"v\"]\n }\n}\nlisten = \"127.0.0.1:1\"",
    2,
    "no nomad block"
)]
#[case::no_door("socket = \"\"", 1, "nobody could operate")]
#[case::two_tokens(
    "consul {\n login {\n auth_method = \"m\"\n jwt_file = \"/j\"\n }\n token_file = \"/t\"\n}",
    6,
    "keep one"
)]
#[case::no_time_to_act("leader {\n ttl = \"10s\"\n margin = \"9s\"\n}", 3, "lower it")]
#[case::short("leader {\n ttl = \"5s\"\n}", 2, "10s")]
#[case::half_a_certificate("nomad {\n address = \"https://n\"\n cert_file = \"/c\"\n}", 3, "key_file")]
#[case::misspelled("consul {\n adress = \"http://c\"\n}", 2, "address")]
#[case::tls_of_nothing("tls {\n cert_file = \"/c\"\n key_file = \"/k\"\n}", 1, "write listen")]
#[case::not_an_address("listen = \"300.0.0.1:1\"", 1, "is not an IP address")]
fn a_fault_has_a_line_and_says_what_to_write(#[case] text: &str, #[case] line: usize, #[case] says: &str) {
    let faults = load(text, &[]).unwrap_err();
    let found = faults.as_slice().iter().find(|fault| fault.to_string().contains(says));
    let found = found.unwrap_or_else(|| panic!("{says:?} is not in {faults}"));
    assert_eq!((found.file.as_str(), found.line), ("agent.hcl", line), "{found}");
}

#[test]
fn policies_of_rollouts_are_handed_on_with_their_lines() {
    let config = load("\nrollout \"nova-proxy\" {\n  strategy = \"canary\"\n}\n", &[]).unwrap().config;
    let block = &config.rollouts["nova-proxy"];
    assert_eq!(
        (block.file.as_str(), block.text.lines().nth(2)),
        ("agent.hcl", Some("  strategy = \"canary\""))
    );
}

#[test]
fn a_reload_names_what_waits_for_a_restart() {
    let old = load(TCP, &[]).unwrap();
    let new =
        load(&format!("{TCP}\nkv_prefix = \"nova/other\"\nlog {{\n level = \"debug\"\n}}\n"), &[]).unwrap();
    assert_eq!(old.waiting_for_restart(&new), ["kv_prefix"]);
    assert_ne!(old.hash(), new.hash());
}

#[test]
fn every_field_of_the_schema_has_a_tier_and_says_what_it_is() {
    fn walk(schema: &serde_json::Value, path: &str) {
        if schema["x-raw"] == true {
            return;
        }
        let below = schema["properties"]
            .as_object()
            .or_else(|| schema["additionalProperties"]["properties"].as_object());
        match below {
            None => assert!(schema["x-tier"].is_string(), "{path} has no tier"),
            Some(fields) => fields.iter().for_each(|(name, below)| {
                assert!(below["description"].is_string(), "{path}.{name} is not described");
                walk(below, &format!("{path}.{name}"));
            }),
        }
    }
    let mut schema = json_schema().unwrap();
    // Its blocks are left to another parser.
    schema["properties"].as_object_mut().unwrap().remove("rollout").unwrap();
    walk(&schema, "");
}

#[test]
fn webhooks_and_instances_have_certificates_and_rules_of_their_own() {
    let config = load("", &[]).unwrap().config;
    assert!(config.webhooks.destinations.hosts.is_empty() && config.webhooks.secret_file.is_none());
    let text = r#"
webhooks {
  hosts       = ["hooks.example.com"]
  secret_file = "/secrets/webhook"
  ca_file     = "/etc/nova/hooks-ca.pem"
}
instances {
  ca_file     = "/etc/nova/proxies-ca.pem"
  cert_file   = "/etc/nova/agent.pem"
  key_file    = "/etc/nova/agent.key"
  server_name = "nova-proxy.service.consul"
}
"#;
    let config = load(text, &[]).unwrap().config;
    assert_eq!(config.webhooks.destinations.hosts, ["hooks.example.com"]);
    assert_eq!(config.webhooks.secret_file, Some(PathBuf::from("/secrets/webhook")));
    assert_eq!(config.webhooks.tls.ca_file, Some(PathBuf::from("/etc/nova/hooks-ca.pem")));
    assert_eq!(config.instances_tls.server_name.as_deref(), Some("nova-proxy.service.consul"));
    for (block, field) in [("webhooks", "webhooks.cert_file"), ("instances", "instances.cert_file")] {
        let half = format!("{block} {{\n  cert_file = \"/etc/nova/agent.pem\"\n}}\n");
        let faults = load(&half, &[]).unwrap_err().to_string();
        assert!(faults.contains(&format!("{field}: stands without key_file")), "{faults}");
    }
}

#[test]
fn a_faulty_policy_is_a_fault_of_its_file_at_its_line() {
    let text = "rollout \"web\" {\n  bake_time = \"1m\"\n  timeout   = \"30s\"\n}\n";
    let faults = load(text, &[]).unwrap_err().to_string();
    assert!(faults.contains("agent.hcl:2:"), "{faults}");
    assert!(faults.contains("lower it, or raise timeout"), "{faults}");
}
