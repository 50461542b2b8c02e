//! Keys made, listed and turned off, alone and by many writers at once.

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;

use rstest::rstest;
use secrecy::SecretSlice;

use super::*;
use crate::auth::{AuthError, KeysFile};

fn pepper() -> Pepper {
    Pepper::new(&SecretSlice::from(vec![7; 32])).unwrap()
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn request(name: &str) -> KeyRequest {
    KeyRequest { name: name.to_owned(), team: None, models: None, expires_at: None }
}

fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    (directory, path)
}

#[test]
fn an_added_key_works_is_listed_and_stops_when_it_is_disabled() {
    let (_directory, path) = directory();
    let asked = KeyRequest {
        team: Some("search".to_owned()),
        models: Some(vec!["gpt-4o*".to_owned()]),
        expires_at: Some("2027-01-01T00:00:00Z".parse().unwrap()),
        ..request("batch")
    };
    let made = add_key(&path, &pepper(), asked, now()).unwrap();
    let other = add_key(&path, &pepper(), request("other"), now()).unwrap();
    assert_eq!(list_keys(&path).unwrap(), [made.listing.clone(), other.listing]);

    let keys = KeysFile::load(path.clone(), pepper()).unwrap();
    let principal = keys.find(made.key.expose_secret(), now()).unwrap();
    assert_eq!((&principal.id, principal.team.as_deref()), (&made.listing.id, Some("search")));
    let later = "2027-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(keys.find(made.key.expose_secret(), later).unwrap_err(), AuthError::Expired);

    assert!(disable_key(&path, &made.listing.id).unwrap().disabled);
    assert!(disable_key(&path, &made.listing.id).unwrap().disabled, "a second time changes nothing");
    keys.reload().unwrap();
    assert_eq!(keys.find(made.key.expose_secret(), now()).unwrap_err(), AuthError::Disabled);
    keys.find(other.key.expose_secret(), now()).expect("the other key works on");
}

#[test]
fn the_key_itself_is_in_no_file_and_in_no_debug_text() {
    let (directory, path) = directory();
    let made = add_key(&path, &pepper(), request("batch"), now()).unwrap();
    let key = made.key.expose_secret();
    let random = key.strip_prefix(KEY_PREFIX).unwrap();
    for entry in fs::read_dir(directory.path()).unwrap() {
        let content = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!content.contains(random), "{content}");
    }
    let shown = format!("{made:?}");
    assert!(!shown.contains(random) && shown.contains(&made.listing.id), "{shown}");
}

#[test]
fn keys_differ_and_have_the_length_of_32_random_bytes() {
    let keys: BTreeSet<String> =
        (0..100).map(|_| generate_key().unwrap().expose_secret().to_owned()).collect();
    assert_eq!(keys.len(), 100);
    for key in keys {
        let bytes = URL_SAFE_NO_PAD.decode(key.strip_prefix(KEY_PREFIX).unwrap()).unwrap();
        assert_eq!(bytes.len(), 32);
    }
}

#[test]
fn the_file_is_for_its_owner_alone_and_no_temporary_file_stays() {
    let (directory, path) = directory();
    add_key(&path, &pepper(), request("one"), now()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    add_key(&path, &pepper(), request("two"), now()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let names: BTreeSet<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, BTreeSet::from(["keys.json".into(), "keys.json.lock".into()]));
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let (directory, path) = directory();
    add_key(&path, &pepper(), request("one"), now()).unwrap();
    let link = directory.path().join("link.json");
    symlink(&path, &link).unwrap();
    add_key(&link, &pepper(), request("two"), now()).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(list_keys(&path).unwrap().len(), 2);
}

#[test]
fn writers_at_the_same_time_lose_no_key() {
    let (_directory, path) = directory();
    thread::scope(|scope| {
        for writer in 0..8 {
            let path = &path;
            scope.spawn(move || {
                for round in 0..5 {
                    add_key(path, &pepper(), request(&format!("{writer}-{round}")), now()).unwrap();
                }
            });
        }
    });
    let names: BTreeSet<String> = list_keys(&path).unwrap().into_iter().map(|key| key.name).collect();
    assert_eq!(names.len(), 40);
}

#[test]
fn a_faulty_file_and_an_unknown_id_change_nothing() {
    let (_directory, path) = directory();
    fs::write(&path, "{ not json").unwrap();
    let refused = add_key(&path, &pepper(), request("one"), now()).unwrap_err();
    assert!(matches!(refused, KeyChangeError::File(KeysFileError::Form { .. })), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{ not json");

    fs::write(&path, r#"{"version":1,"keys":[]}"#).unwrap();
    let refused = disable_key(&path, "key_none").unwrap_err();
    assert!(matches!(refused, KeyChangeError::UnknownId { .. }), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"version":1,"keys":[]}"#);
}

#[rstest]
#[case::no_name(KeyRequest { ..request("") }, "the name of the new key")]
#[case::control(KeyRequest { team: Some("a\nb".to_owned()), ..request("a") }, "the team of the new key")]
#[case::past(KeyRequest { expires_at: Some(now()), ..request("a") }, "the expiry date of the new key is in the past")]
#[case::no_models(KeyRequest { models: Some(vec![]), ..request("a") }, "the list of models of the new key allows no model")]
fn a_request_that_cannot_be_meant_is_refused_before_the_file_is_touched(
    #[case] asked: KeyRequest,
    #[case] expected: &str,
) {
    let (_directory, path) = directory();
    let error = add_key(&path, &pepper(), asked, now()).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
    assert!(!path.exists());
}
