//! The `vault` block and the environment of Vault's clients.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::{MINIMAL, environment};
use crate::{
    AuthConfig, Layer, Loaded, Origin, PepperConfig, SecretCacheConfig, SecretLocation, VaultConfig,
    VaultToken, load_layers,
};

fn load(block: &str, variables: &[(&str, &str)]) -> Result<Loaded, crate::Faults> {
    load_layers(vec![Layer::file("1.hcl", format!("{MINIMAL}{block}\n"))], &environment(variables))
}

fn vault(block: &str, variables: &[(&str, &str)]) -> VaultConfig {
    load(block, variables).unwrap_or_else(|faults| panic!("{faults}")).config.bootstrap.vault.unwrap()
}

#[test]
fn a_block_with_a_token_has_the_defaults_of_vaults_own_client() {
    let vault = vault("vault { }", &[("VAULT_TOKEN", "hvs.secret")]);
    assert_eq!(vault.address.to_string(), "https://127.0.0.1:8200");
    let VaultToken::Fixed(token) = &vault.token else { panic!("{:?}", vault.token) };
    assert_eq!(token.expose_secret(), "hvs.secret");
    assert!(!format!("{vault:?}").contains("hvs"), "{vault:?}");
}

#[test]
fn without_the_block_there_is_no_vault_whatever_the_environment_says() {
    let loaded = load("", &[("VAULT_ADDR", "http://127.0.0.1:1"), ("VAULT_TOKEN", "t")]).unwrap();
    assert_eq!(loaded.config.bootstrap.vault, None);
    assert_eq!(loaded.hash(), load("", &[]).unwrap().hash());
}

#[test]
fn a_workload_of_nomad_needs_no_more_than_its_role() {
    let vault = vault(
        "vault {\n jwt { role = \"nova-proxy\" }\n}",
        &[("VAULT_ADDR", "http://vault:8200"), ("VAULT_TOKEN", "t"), ("NOMAD_SECRETS_DIR", "/secrets/")],
    );
    let VaultToken::Jwt(login) = &vault.token else { panic!("{:?}", vault.token) };
    assert_eq!((login.mount.as_str(), login.role.as_deref()), ("jwt-nomad", Some("nova-proxy")));
    assert_eq!(login.jwt_file, PathBuf::from("/secrets/nomad_vault_default.jwt"));
}

#[test]
fn what_a_file_says_wins_over_the_environment_which_is_named_as_the_origin_of_the_rest() {
    let variables = [
        ("VAULT_ADDR", "https://other:8200"),
        ("VAULT_NAMESPACE", "platform"),
        ("VAULT_CACERT", "/ca.pem"),
        ("NOMAD_SECRETS_DIR", "/secrets"),
    ];
    let block = "vault {\n address = \"https://vault:8200\"\n jwt { jwt_file = \"/jwt\" }\n}";
    let loaded = load(block, &variables).unwrap();
    let vault = loaded.config.bootstrap.vault.clone().unwrap();
    assert_eq!(vault.address.to_string(), "https://vault:8200");
    assert_eq!(vault.namespace.as_deref(), Some("platform"));
    assert_eq!(vault.tls.ca_file, Some(PathBuf::from("/ca.pem")));
    let VaultToken::Jwt(login) = &vault.token else { panic!("{:?}", vault.token) };
    assert_eq!(login.jwt_file, PathBuf::from("/jwt"));
    assert_eq!(loaded.origins()["vault.namespace"], Origin::Environment("VAULT_NAMESPACE".to_owned()));
}

#[test]
fn a_secret_id_is_wrapped_where_the_role_is_named_that_it_has_to_be_of() {
    let approle = |more: &str| {
        let block =
            format!("vault {{\n approle {{\n role_id = \"r\"\n secret_id_file = \"/s\"\n{more}}}\n}}");
        let VaultToken::AppRole(role) = vault(&block, &[]).token else { panic!("not an AppRole") };
        role
    };
    assert_eq!(approle("").wrapped_for_role, None);
    assert_eq!(approle("").mount, "approle");
    assert_eq!(approle(" wrapped_for_role = \"nova\"\n").wrapped_for_role.as_deref(), Some("nova"));
}

#[test]
fn a_secret_of_aws_is_a_whole_text_or_a_key_in_its_json() {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:nova/proxy-AbCdEf";
    let pepper = |written: &str| {
        let block = format!(
            "secret \"pepper\" {{\n aws_secrets_manager = {written:?}\n}}\nauth {{\n keys_file = \"/k\"\n pepper_secret = \"pepper\"\n}}"
        );
        let layers = vec![Layer::file("1.hcl", MINIMAL), Layer::file("2.hcl", block)];
        let loaded = load_layers(layers, &environment(&[])).unwrap_or_else(|faults| panic!("{faults}"));
        let AuthConfig::Keys { pepper: PepperConfig::Secret(secret), .. } = loaded.config.bootstrap.auth
        else {
            panic!("no declared secret")
        };
        let SecretLocation::AwsSecretsManager { id, key } = secret.source else {
            panic!("{:?}", secret.source)
        };
        (id, key)
    };
    assert_eq!(pepper("nova/proxy#pepper"), ("nova/proxy".to_owned(), Some("pepper".to_owned())));
    assert_eq!(pepper(arn), (arn.to_owned(), None));
    assert_eq!(pepper(&format!("{arn}#pepper")), (arn.to_owned(), Some("pepper".to_owned())));
}

#[test]
fn secrets_are_kept_below_data_dir_for_a_day_where_nothing_is_said() {
    let block = "data_dir = \"/var/lib/nova\"\nsecret_cache {\n key_file = \"/run/key\"\n}";
    let cache = load(block, &[]).unwrap_or_else(|faults| panic!("{faults}")).config.bootstrap.secret_cache;
    let expected = SecretCacheConfig {
        folder: PathBuf::from("/var/lib/nova/sealed-secrets"),
        key_file: PathBuf::from("/run/key"),
        max_age: Duration::from_secs(24 * 3600),
    };
    assert_eq!(cache, Some(expected));
    assert_eq!(load("", &[]).unwrap().config.bootstrap.secret_cache, None);
}

#[test]
fn credentials_of_vault_have_the_engines_usual_place() {
    let block = "vault { token_file = \"/t\" }\nbedrock {\n region = \"us-east-1\"\n vault_credentials {\n role = \"nova-bedrock\"\n ttl = \"1h\"\n }\n}";
    let loaded = load_layers(
        vec![Layer::file("1.hcl", MINIMAL.to_owned()), Layer::file("2.hcl", block.to_owned())],
        &environment(&[]),
    );
    let bedrock = loaded.unwrap_or_else(|faults| panic!("{faults}")).config.bootstrap.bedrock;
    let credentials = bedrock.vault_credentials.unwrap();
    assert_eq!((credentials.mount.as_str(), credentials.role.as_str()), ("aws", "nova-bedrock"));
    assert_eq!(credentials.ttl, Some(Duration::from_secs(3600)));
}
