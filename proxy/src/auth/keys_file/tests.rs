//! Files good and bad, and what a reload does with them.

use std::fs;

use proptest::prelude::*;
use rstest::rstest;
use secrecy::SecretSlice;
use serde_json::{Value, json};

use super::*;

const KEY: &str = "sk-nova-test";
const NOON: &str = "2026-11-23T12:00:00Z";

fn pepper() -> Pepper {
    Pepper::new(&SecretSlice::from(vec![7; 32])).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn key(changes: Value) -> Value {
    let mut key = json!({
        "id": "key_1",
        "name": "batch",
        "team": "search",
        "hmac_sha256": hex::encode(pepper().digest(KEY)),
        "models": ["gpt-4o*"],
    });
    let fields = key.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    key
}

struct Fixture {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

fn file(content: &Value) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    fs::write(&path, content.to_string()).unwrap();
    Fixture { _directory: directory, path }
}

fn load(content: &Value) -> Result<KeysFile, KeysFileError> {
    KeysFile::load(file(content).path, pepper())
}

#[test]
fn a_known_key_gives_its_principal() {
    let keys = load(&json!({ "version": 1, "keys": [key(json!({}))] })).unwrap();
    let principal = keys.find(KEY, at(NOON)).unwrap();
    assert_eq!(
        (principal.id.as_str(), principal.team.as_deref(), principal.source),
        ("key_1", Some("search"), Source::ApiKey)
    );
    assert!(principal.allowed_models.allows("gpt-4o-mini"));
    assert!(!principal.allowed_models.allows("gpt-3.5-turbo"));
    assert_eq!(keys.find("sk-nova-tesT", at(NOON)).unwrap_err(), AuthError::Unknown);
}

#[rstest]
#[case::later(json!({ "expires_at": "2026-11-23T12:00:00.001Z" }), Ok(()))]
#[case::in_another_zone(json!({ "expires_at": "2026-11-23T13:30:00+02:00" }), Err(AuthError::Expired))]
#[case::at_its_moment(json!({ "expires_at": NOON }), Err(AuthError::Expired))]
#[case::disabled(json!({ "disabled": true }), Err(AuthError::Disabled))]
#[case::disabled_and_expired(json!({ "disabled": true, "expires_at": NOON }), Err(AuthError::Disabled))]
#[case::all_models(json!({ "models": null }), Ok(()))]
fn a_key_is_judged_as_of_now(#[case] changes: Value, #[case] expected: Result<(), AuthError>) {
    let keys = load(&json!({ "version": 1, "keys": [key(changes)] })).unwrap();
    assert_eq!(keys.find(KEY, at(NOON)).map(|_| ()), expected);
}

#[rstest]
#[case::unknown_field(json!({ "version": 1, "keys": [key(json!({ "model": "x" }))] }), "`keys[0].model`: unknown field `model`")]
#[case::unknown_top_field(json!({ "version": 1, "keys": [], "kesy": [] }), "`kesy`: unknown field")]
#[case::no_hash(json!({ "version": 1, "keys": [key(json!({ "hmac_sha256": null }))] }), "`keys[0]`: missing field `hmac_sha256`")]
#[case::wrong_type(json!({ "version": 1, "keys": [key(json!({ "disabled": "no" }))] }), "`keys[0].disabled`: invalid type or value, expected a boolean at line 1")]
#[case::version(json!({ "version": 2, "keys": [] }), "`version` is 2, but this program reads version 1")]
#[case::duplicate_id(
    json!({ "version": 1, "keys": [key(json!({})), key(json!({ "hmac_sha256": "00".repeat(32) }))] }),
    "`keys[1].id` is also that of keys[0]"
)]
#[case::duplicate_hash(
    json!({ "version": 1, "keys": [key(json!({})), key(json!({ "id": "key_2" }))] }),
    "`keys[1].hmac_sha256` is also that of keys[0]"
)]
#[case::short_hash(json!({ "version": 1, "keys": [key(json!({ "hmac_sha256": "abcd" }))] }), "`keys[0].hmac_sha256` is not 64 hexadecimal digits")]
#[case::not_hex(json!({ "version": 1, "keys": [key(json!({ "hmac_sha256": "zz".repeat(32) }))] }), "`keys[0].hmac_sha256` is not 64")]
#[case::bad_date(json!({ "version": 1, "keys": [key(json!({ "expires_at": "2026-11-23" }))] }), "`keys[0].expires_at` is not a date of RFC 3339")]
#[case::bad_creation(json!({ "version": 1, "keys": [key(json!({ "created_at": "noon" }))] }), "`keys[0].created_at` is not a date")]
#[case::no_models(json!({ "version": 1, "keys": [key(json!({ "models": [] }))] }), "`keys[0].models` allows no model")]
#[case::empty_name(json!({ "version": 1, "keys": [key(json!({ "name": "" }))] }), "`keys[0].name` has 0 characters")]
fn a_faulty_file_is_refused_with_the_place_and_the_fix(#[case] content: Value, #[case] expected: &str) {
    let error = load(&content).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn all_faults_are_told_at_once() {
    let broken = key(json!({ "name": "", "expires_at": "noon", "models": [] }));
    let other = key(json!({ "id": "key_2", "hmac_sha256": "x" }));
    let Err(KeysFileError::Refused { faults, .. }) = load(&json!({ "version": 1, "keys": [broken, other] }))
    else {
        panic!("it is taken")
    };
    let places: Vec<_> = faults.0.iter().map(|fault| fault.at.as_str()).collect();
    assert_eq!(places, ["keys[0].name", "keys[0].models", "keys[0].expires_at", "keys[1].hmac_sha256"]);
}

#[test]
fn a_bad_file_never_replaces_a_good_snapshot() {
    let fixture = file(&json!({ "version": 1, "keys": [key(json!({}))] }));
    let keys = KeysFile::load(fixture.path.clone(), pepper()).unwrap();
    for bad in ["", "{", r#"{"version":1,"keys":[]} trailing"#, r#"{"version":9,"keys":[]}"#] {
        fs::write(&fixture.path, bad).unwrap();
        keys.reload().unwrap_err();
        keys.find(KEY, at(NOON)).expect("the old snapshot serves on");
    }
    fs::remove_file(&fixture.path).unwrap();
    assert!(matches!(keys.reload(), Err(KeysFileError::Read { .. })));
    assert_eq!(keys.key_count(), 1);

    fs::write(&fixture.path, r#"{"version":1,"keys":[]}"#).unwrap();
    assert_eq!(keys.reload().unwrap(), 0);
    assert_eq!(keys.find(KEY, at(NOON)).unwrap_err(), AuthError::Unknown);
}

#[test]
fn nothing_shown_holds_a_key_or_a_hash() {
    let hash = hex::encode(pepper().digest(KEY));
    let content = json!({ "version": 1, "keys": [key(json!({})), key(json!({ "id": "key_2" }))] });
    let raw: RawKeysFile = serde_json::from_value(content.clone()).unwrap();
    let refused = load(&content).unwrap_err();
    let taken = load(&json!({ "version": 1, "keys": [key(json!({}))] })).unwrap();
    let misplaced = load(&json!({ "version": 1, "keys": [KEY] })).unwrap_err();
    assert!(misplaced.to_string().contains("`keys[0]`: invalid type or value"), "{misplaced}");
    for shown in [
        format!("{misplaced:?} {misplaced}"),
        format!("{raw:?}"),
        format!("{refused:?} {refused}"),
        format!("{taken:?}"),
    ] {
        assert!(!shown.contains(&hash) && !shown.contains(KEY), "{shown}");
    }
}

proptest! {
    /// Each of many keys finds its own principal, and no other text finds any.
    #[test]
    fn keys_find_their_own_principal(names in prop::collection::btree_set("[a-z0-9]{1,12}", 1..12), stray in "[A-Z]{1,12}") {
        let raw = names.iter().map(|name| {
            key(json!({ "id": format!("key_{name}"), "hmac_sha256": hex::encode(pepper().digest(name)) }))
        });
        let keys = load(&json!({ "version": 1, "keys": raw.collect::<Vec<_>>() })).unwrap();
        for name in &names {
            prop_assert_eq!(&keys.find(name, at(NOON)).unwrap().id, &format!("key_{name}"));
        }
        prop_assert_eq!(keys.find(&stray, at(NOON)).unwrap_err(), AuthError::Unknown);
    }

    /// A file is refused or taken, never the cause of a panic.
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,200}", hash in "[0-9a-fA-Fx]{60,68}", date in "[0-9TZ:+-]{0,24}") {
        let content = json!({ "version": 1, "keys": [key(json!({
            "name": text, "team": text, "models": [text], "hmac_sha256": hash, "expires_at": date,
        }))] });
        if let Ok(keys) = load(&content) {
            prop_assert_eq!(keys.key_count(), 1);
        }
    }
}
