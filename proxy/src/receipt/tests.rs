//! The form of the receipt, as the agent and people read it.

use nova_config::Fault;
use serde_json::json;

use super::*;

fn receipt() -> Receipt {
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    let version = |modify_index| DocumentVersion { key: "nova/prod/config".to_owned(), modify_index };
    let fault = Fault {
        file: "nova/prod/config".to_owned(),
        line: 3,
        column: 7,
        path: "limits.concurrency".to_owned(),
        problem: "must be at least 1".to_owned(),
        fix: "write a number".to_owned(),
    };
    let config = AppliedConfig {
        source: ConfigSource::Consul,
        applied_index: Some(123),
        documents: vec![version(120)],
        ..AppliedConfig::new(Arc::from("015abd7f5cc5"), at("2026-11-23T12:00:00.123456789Z"))
    };
    let refused = (130, vec![version(130)]);
    let mut consul = ConsulStanding::off(at("2026-11-23T12:00:00Z"));
    consul.state = ConsulState::InSync;
    consul.seen_index = Some(130);
    consul.last_contact_ms = Some(12);
    Receipt {
        identity: Arc::new(Identity {
            instance: "web-1-8080".to_owned(),
            service: "nova-proxy".to_owned(),
            version: "0.1.0",
            region: "us-east-1".to_owned(),
            ring: "stable".to_owned(),
        }),
        config,
        candidate: None,
        refusal: Some(Refusal::new(refused, at("2026-11-23T12:05:00Z"), "invalid", &[fault])),
        consul,
        vault: VaultStanding::new(
            VaultState::Pending,
            Some("jwt at jwt-nomad, role nova-proxy".to_owned()),
            at("2026-11-23T12:00:00Z"),
        ),
        secrets: Vec::new(),
    }
}

#[test]
fn the_receipt_has_the_members_that_others_read() {
    let expected = json!({
        "instance": "web-1-8080", "service": "nova-proxy", "version": "0.1.0", "region": "us-east-1", "ring": "stable",
        "config": {
            "hash": "015abd7f5cc5", "source": "consul", "applied_index": 123, "applied_at": "2026-11-23T12:00:00.123Z",
            "documents": [{"key": "nova/prod/config", "modify_index": 120}],
            "waiting_for_restart": [], "files_refused": null, "not_kept": null
        },
        "refusal": {
            "index": 130, "at": "2026-11-23T12:05:00Z", "kind": "invalid",
            "documents": [{"key": "nova/prod/config", "modify_index": 130}],
            "faults": [{"file": "nova/prod/config", "line": 3, "column": 7, "path": "limits.concurrency",
                "problem": "must be at least 1", "fix": "write a number"}],
            "faults_total": 1
        },
        "candidate": null,
        "consul": {
            "state": "in_sync", "seen_index": 130, "since": "2026-11-23T12:00:00Z", "last_contact_ms": 12, "error": null,
            "registration": "off", "registration_error": null
        },
        "vault": {
            "state": "pending", "login": "jwt at jwt-nomad, role nova-proxy", "since": "2026-11-23T12:00:00Z", "token_at": null,
            "error": null
        },
        "secrets": []
    });
    assert_eq!(serde_json::to_value(receipt()).expect("a receipt is JSON"), expected);
}

#[test]
fn secrets_are_told_by_name_and_age_in_the_order_of_their_names() {
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    let mut receipt = receipt();
    receipt.secret("pepper", SecretPlace::Vault, |secret| secret.error = Some("sealed".to_owned()));
    receipt.secret("aws_credentials", SecretPlace::Vault, |secret| {
        secret.read_at = Some(at("2026-11-23T12:00:00Z"));
        secret.ends_at = Some(at("2026-11-23T13:00:00Z"));
    });
    receipt.secret("pepper", SecretPlace::Vault, |secret| secret.error = Some("still sealed".to_owned()));
    let told = serde_json::to_value(receipt).expect("a receipt is JSON");
    let expected = json!([
        {"name": "aws_credentials", "place": "vault", "read_at": "2026-11-23T12:00:00Z", "ends_at": "2026-11-23T13:00:00Z",
            "error": null},
        {"name": "pepper", "place": "vault", "read_at": null, "ends_at": null, "error": "still sealed"},
    ]);
    assert_eq!(told["secrets"], expected);
}

#[test]
fn a_login_that_fails_is_told_with_the_time_since_when_it_does() {
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    let (first, second, third) =
        (at("2026-11-23T12:00:00Z"), at("2026-11-23T12:01:00Z"), at("2026-11-23T12:02:00Z"));
    let mut vault = VaultStanding::new(VaultState::Pending, None, first);
    vault.failed(second, "sealed".to_owned());
    assert_eq!((vault.state, vault.since), (VaultState::Pending, first));
    vault.logged_in(second, None);
    vault.logged_in(third, Some("the file is stale".to_owned()));
    assert_eq!((vault.state, vault.since, vault.token_at), (VaultState::LoggedIn, second, Some(third)));
    vault.failed(third, "sealed".to_owned());
    assert_eq!(
        (vault.state, vault.since, vault.error.as_deref()),
        (VaultState::Failing, third, Some("sealed"))
    );
}

#[test]
fn a_refusal_shows_so_many_faults_and_counts_all() {
    let fault = Fault {
        file: "nova/prod/config".to_owned(),
        line: 1,
        column: 1,
        path: String::new(),
        problem: "p".to_owned(),
        fix: "f".to_owned(),
    };
    let faults: Vec<Fault> = (1..=1000).map(|line| Fault { line, ..fault.clone() }).collect();
    let refusal = Refusal::new((1, Vec::new()), Timestamp::UNIX_EPOCH, "invalid", &faults);
    let refusal = serde_json::to_value(refusal).expect("a refusal is JSON");
    assert_eq!(refusal["faults"].as_array().map(Vec::len), Some(100));
    assert_eq!(refusal["faults_total"], 1000);
}

#[test]
fn words_are_the_same_in_json_and_in_the_log() {
    let states = [
        ConsulState::Off,
        ConsulState::InSync,
        ConsulState::Stale,
        ConsulState::Unreachable,
        ConsulState::Denied,
        ConsulState::Empty,
        ConsulState::Filtered,
    ];
    assert!(states.iter().all(|state| json!(state) == state.as_str()));
    let states = [
        RegistrationState::Off,
        RegistrationState::Pending,
        RegistrationState::Registered,
        RegistrationState::ByAnother,
        RegistrationState::Failed,
        RegistrationState::Maintenance,
        RegistrationState::Deregistered,
    ];
    assert!(states.iter().all(|state| json!(state) == state.as_str()));
    let states = [
        VaultState::Off,
        VaultState::TokenGiven,
        VaultState::Pending,
        VaultState::LoggedIn,
        VaultState::Failing,
    ];
    assert!(states.iter().all(|state| json!(state) == state.as_str()));
    let sources = [ConfigSource::Files, ConfigSource::Consul, ConfigSource::LastKnownGood];
    assert!(sources.iter().all(|source| json!(source) == source.as_str()));
}

#[test]
fn a_change_is_seen_whole() {
    let store = ReceiptStore::new(receipt());
    store.change(|receipt| {
        receipt.refusal = None;
        receipt.config.applied_index = Some(130);
    });
    let now = store.current();
    assert_eq!((now.refusal, now.config.applied_index), (None, Some(130)));
}
