//! Entries of the mesh that are made, changed and taken away.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn legs() -> (Leg, Leg) {
    (Leg::new("1.0.0").unwrap(), Leg::new("1.1.0").unwrap())
}

fn put(change: Change) -> Value {
    match change {
        Change::Put(entry) => entry,
        other => panic!("{other:?}"),
    }
}

/// As Consul gives back what was written: it adds indexes, and leaves a weight of zero out or not.
fn stored(mut entry: Value) -> Value {
    entry["CreateIndex"] = 7.into();
    entry["ModifyIndex"] = 9.into();
    entry["Hash"] = 12_345_678.into();
    entry
}

#[test]
fn a_split_is_two_subsets_by_version_with_a_way_back_to_the_stable_one() {
    let (stable, canary) = legs();
    let resolver = put(super::resolver(None, "web", &stable, &canary).unwrap());
    assert_eq!(
        resolver,
        json!({
            "Kind": "service-resolver", "Name": "web",
            "Subsets": {
                stable.subset(): { "Filter": "Service.Meta.version == \"1.0.0\"", "OnlyPassing": true },
                canary.subset(): { "Filter": "Service.Meta.version == \"1.1.0\"", "OnlyPassing": true },
            },
            "Failover": { canary.subset(): { "ServiceSubset": stable.subset() } },
        })
    );
    let splitter = put(splitter(None, "web", (&stable, &canary), Share::hundredths(1_001)).unwrap());
    assert_eq!(splitter["Splits"][0], json!({ "Weight": 89.99, "ServiceSubset": stable.subset() }));
    assert_eq!(splitter["Splits"][1], json!({ "Weight": 10.01, "ServiceSubset": canary.subset() }));
}

#[test]
fn what_was_written_is_not_written_again() {
    let (stable, canary) = legs();
    let resolver = stored(put(super::resolver(None, "web", &stable, &canary).unwrap()));
    assert_eq!(super::resolver(Some(&resolver), "web", &stable, &canary), Ok(Change::None));
    let share = Share::hundredths(2_500);
    let written = stored(put(splitter(None, "web", (&stable, &canary), share).unwrap()));
    assert_eq!(splitter(Some(&written), "web", (&stable, &canary), share), Ok(Change::None));
    assert_eq!(share_of(Some(&written), &canary), Ok(Some(share)));
    assert_eq!(share_of(Some(&written), &Leg::new("2.0.0").unwrap()), Ok(None));
    assert_eq!(share_of(None, &canary), Ok(None));
}

#[test]
fn what_others_wrote_in_a_resolver_stays() {
    let (stable, canary) = legs();
    let theirs = json!({
        "Kind": "service-resolver", "Name": "web", "ConnectTimeout": "7s", "DefaultSubset": "eu",
        "Subsets": { "eu": { "Filter": "Service.Meta.region == eu", "OnlyPassing": false } },
        "Failover": { "*": { "Datacenters": ["dc2"] } },
        "Meta": { "team": "web" },
    });
    let ours = put(super::resolver(Some(&stored(theirs.clone())), "web", &stable, &canary).unwrap());
    assert_eq!(ours["Subsets"].as_object().unwrap().len(), 3);
    for part in ["ConnectTimeout", "DefaultSubset", "Meta"] {
        assert_eq!(ours[part], theirs[part]);
    }
    assert_eq!(ours["Failover"]["*"], theirs["Failover"]["*"]);
    assert!(ours.get("ModifyIndex").is_none() && ours.get("Hash").is_none());
    // Taken away again, theirs is what is left.
    assert_eq!(put(no_subsets(Some(&stored(ours)), "web")), theirs);
}

#[test]
fn what_is_ours_alone_is_removed_whole() {
    let (stable, canary) = legs();
    let resolver = stored(put(super::resolver(None, "web", &stable, &canary).unwrap()));
    assert_eq!(no_subsets(Some(&resolver), "web"), Change::Delete);
    assert_eq!(no_subsets(None, "web"), Change::None);
    let written = stored(put(splitter(None, "web", (&stable, &canary), Share::ALL).unwrap()));
    assert_eq!(no_splitter(Some(&written)), Ok(Change::Delete));
    assert_eq!(no_splitter(None), Ok(Change::None));
}

#[test]
fn a_change_of_somebody_else_is_a_conflict_that_says_what_it_was() {
    let (stable, canary) = legs();
    let mut written = stored(put(splitter(None, "web", (&stable, &canary), Share::hundredths(500)).unwrap()));
    written["Splits"][0]["Weight"] = 50.into();
    written["Splits"][1]["Weight"] = 50.into();
    for found in [
        splitter(Some(&written), "web", (&stable, &canary), Share::NONE).unwrap_err(),
        no_splitter(Some(&written)).unwrap_err(),
        share_of(Some(&written), &canary).unwrap_err(),
    ] {
        let text = found.to_string();
        assert!(text.contains("=5.00") && text.contains("=50.00"), "{text}");
    }
    let theirs = json!({ "Splits": [{ "Weight": 100 }] });
    assert_eq!(splitter(Some(&theirs), "web", (&stable, &canary), Share::NONE), Err(Foreign::Splitter));
    let redirect = json!({ "Redirect": { "Service": "other" } });
    assert_eq!(super::resolver(Some(&redirect), "web", &stable, &canary), Err(Foreign::Redirect));
    let mut other = put(super::resolver(None, "web", &stable, &canary).unwrap());
    other["Subsets"][canary.subset()]["Filter"] = "Service.Meta.version == \"9\"".into();
    let subset = canary.subset().to_owned();
    assert_eq!(super::resolver(Some(&other), "web", &stable, &canary), Err(Foreign::Subset { subset }));
}

#[test]
fn the_next_rollout_takes_over_the_splitter_of_the_last_one() {
    let (stable, canary) = legs();
    let newer = Leg::new("1.2.0").unwrap();
    let written = stored(put(splitter(None, "web", (&stable, &canary), Share::hundredths(500)).unwrap()));
    let next = put(splitter(Some(&written), "web", (&stable, &newer), Share::NONE).unwrap());
    assert_eq!(next["Splits"][1]["ServiceSubset"], newer.subset());
    let resolver = put(super::resolver(None, "web", &stable, &canary).unwrap());
    let back = put(super::resolver(Some(&resolver), "web", &canary, &stable).unwrap());
    assert_eq!(back["Failover"], json!({ stable.subset(): { "ServiceSubset": canary.subset() } }));
}

#[rstest]
#[case("")]
#[case("1.0 or true")]
#[case("1.0\"")]
#[case("v1\\")]
#[case("0123456789012345678901234567890123456789012345678")]
fn a_version_that_a_filter_cannot_hold_has_no_subset(#[case] version: &str) {
    assert!(Leg::new(version).unwrap_err().to_string().contains("no subset can be made"));
}

proptest! {
    #[test]
    fn weights_are_a_hundred_together_and_are_read_back(share in 0_u16..=10_000) {
        let (stable, canary) = legs();
        let share = Share::hundredths(share);
        let entry = put(splitter(None, "web", (&stable, &canary), share).unwrap());
        let weights: Vec<_> = entry["Splits"].as_array().unwrap().iter().map(|split| split["Weight"].as_f64().unwrap()).collect();
        // As Consul adds them (`NormalizeServiceSplitWeight`, `scaleWeight`): 32 bits, rounded to hundredths.
        #[expect(clippy::cast_possible_truncation, reason = "as Consul does")]
        let scaled: i64 = weights.iter().map(|weight| (*weight as f32 * 100.0).round() as i64).sum();
        prop_assert_eq!(scaled, 10_000);
        prop_assert_eq!(share_of(Some(&entry), &canary), Ok(Some(share)));
    }

    #[test]
    fn names_of_subsets_are_labels_that_differ_as_versions_do(one in "[a-zA-Z0-9.+_-]{1,48}", other in "[a-zA-Z0-9.+_-]{1,48}") {
        let (first, second) = (Leg::new(&one).unwrap(), Leg::new(&other).unwrap());
        let is_label = |name: &str| name.len() <= 63 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !name.ends_with('-');
        prop_assert!(is_label(first.subset()) && is_label(second.subset()));
        prop_assert!(one == other || first.subset() != second.subset() || one.len() == other.len());
    }
}
