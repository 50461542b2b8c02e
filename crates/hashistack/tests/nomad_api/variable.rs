//! Variables of a real Nomad.

use std::collections::BTreeMap;

use nova_hashistack::HashistackError;
use nova_hashistack::nomad::{MAX_VARIABLE, NomadFault, VariableWrite};
use nova_test_support::server::NomadLaunch;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{client, client_with};

fn items(value: &str) -> BTreeMap<String, SecretString> {
    [("token".to_owned(), SecretString::from(value))].into()
}

#[tokio::test]
async fn a_write_compares_and_a_conflict_says_what_is_there() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let variables = client.variables();
    assert!(variables.read("nova/agent").await.unwrap().is_none());
    let VariableWrite::Written(first) = variables.write("nova/agent", &items("one"), 0).await.unwrap() else {
        panic!("nobody else writes");
    };
    let read = variables.read("nova/agent").await.unwrap().expect("it was written");
    assert_eq!((read.modify_index, read.items["token"].expose_secret()), (first, "one"));
    assert!(!format!("{read:?}").contains("one"), "{read:?}");
    for index in [0, first + 100] {
        let VariableWrite::Conflict(found) =
            variables.write("nova/agent", &items("two"), index).await.unwrap()
        else {
            panic!("it is at {first} and not at {index}");
        };
        assert_eq!((found.modify_index, found.items["token"].expose_secret()), (first, "one"));
    }
    let VariableWrite::Written(second) = variables.write("nova/agent", &items("two"), first).await.unwrap()
    else {
        panic!("it is at {first}");
    };
    assert_eq!(variables.list("nova/").await.unwrap(), ["nova/agent"]);
    let kept = variables.delete("nova/agent", first).await.unwrap().expect("it is newer");
    assert_eq!(kept.modify_index, second);
    assert!(variables.delete("nova/agent", second).await.unwrap().is_none());
    assert!(variables.list("nova/").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_too_large_is_not_sent_and_who_may_not_is_refused() {
    let nomad = NomadLaunch::new().with_acls().start().await.unwrap();
    let owner = client(&nomad).unwrap();
    let large =
        owner.variables().write("nova/agent", &items(&"x".repeat(MAX_VARIABLE)), 0).await.unwrap_err();
    assert!(matches!(large, HashistackError::Invalid { .. }), "{large}");
    let nobody = client_with(&nomad, "").unwrap();
    let refused = nobody.variables().read("nova/agent").await.unwrap_err();
    assert_eq!(refused.nomad_fault(), Some(NomadFault::PermissionDenied), "{refused}");
}
