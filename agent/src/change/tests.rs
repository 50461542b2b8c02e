//! Plans hold every document to what was read, and record every state.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

const AT: &str = "2026-11-24T00:00:00Z";

fn stored(documents: &[(&str, &str, u64)]) -> StoredDocuments {
    let entries = documents
        .iter()
        .map(|(name, text, index)| (format!("p/{name}"), Bytes::from((*text).to_owned()), *index));
    StoredDocuments::new("p", entries, 90)
}

fn put(documents: &[(&str, &str)]) -> Edit {
    let put = documents.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Edit { put, remove: BTreeSet::new() }
}

fn ada() -> Authorship {
    Authorship { author: "ada@laptop".to_owned(), message: Some("more".to_owned()), at: AT.to_owned() }
}

fn recorded(stored: &StoredDocuments, n: u64) -> Past {
    Past { numbers: (1..=n).collect(), newest: Some(Record::found(n, stored, AT)) }
}

/// The steps in short: sign, key, modify index.
fn steps(plan: &Plan) -> Vec<String> {
    plan.operations
        .iter()
        .map(|operation| match operation {
            Operation::Put { key, modify_index, .. } => format!("put {key}@{modify_index}"),
            Operation::Unchanged { key, modify_index } => format!("check {key}@{modify_index}"),
            Operation::Remove { key, modify_index } => format!("remove {key}@{modify_index}"),
            Operation::Forget { key } => format!("forget {key}"),
        })
        .collect()
}

#[test]
fn the_first_change_of_an_empty_store_creates_everything() {
    let plan = plan(&stored(&[]), &put(&[("config", "a")]), &Past::default(), &ada()).unwrap();
    assert_eq!(steps(&plan), ["put p/config@0", "put p/history/0000000001@0"]);
    assert_eq!((plan.found, plan.record.n), (None, 1));
    assert_eq!(plan.record.author.as_deref(), Some("ada@laptop"));
}

#[test]
fn untouched_documents_are_conditions_too() {
    let stored = stored(&[("config", "a", 5), ("config.d/limits", "b", 6)]);
    let plan = plan(&stored, &put(&[("config", "c")]), &recorded(&stored, 3), &ada()).unwrap();
    assert_eq!(steps(&plan), ["put p/config@5", "check p/config.d/limits@6", "put p/history/0000000004@0"]);
    assert_eq!(plan.record.documents["config.d/limits"], "b");
    assert_eq!(plan.record.base_index, 90);
}

#[test]
fn a_state_that_nobody_recorded_is_recorded_first() {
    let before = stored(&[("config", "a", 5)]);
    let by_hand = stored(&[("config", "x", 8)]);
    let plan = plan(&by_hand, &put(&[("config", "c")]), &recorded(&before, 3), &ada()).unwrap();
    assert_eq!(steps(&plan), ["put p/config@8", "put p/history/0000000004@0", "put p/history/0000000005@0"]);
    assert_eq!((plan.found, plan.record.n), (Some(4), 5));
    let Operation::Put { value, .. } = &plan.operations[1] else { panic!("{:?}", plan.operations[1]) };
    let found = Record::parse("k", value).unwrap();
    assert_eq!((found.author, found.documents["config"].as_str()), (None, "x"));
}

#[test]
fn a_removed_fragment_is_deleted_on_condition() {
    let stored = stored(&[("config", "a", 5), ("config.d/limits", "b", 6)]);
    let edit = Edit { put: Texts::new(), remove: BTreeSet::from(["config.d/limits".to_owned()]) };
    let plan = plan(&stored, &edit, &recorded(&stored, 1), &ada()).unwrap();
    assert_eq!(
        steps(&plan),
        ["check p/config@5", "remove p/config.d/limits@6", "put p/history/0000000002@0"]
    );
    assert!(!plan.record.documents.contains_key("config.d/limits"));
}

#[rstest]
#[case::the_same_text(put(&[("config", "a")]))]
#[case::nothing_at_all(Edit::default())]
#[case::what_is_not_there(Edit { put: Texts::new(), remove: BTreeSet::from(["config.d/gone".to_owned()]) })]
fn what_changes_nothing_is_no_plan(#[case] edit: Edit) {
    // Not even an unrecorded state makes one: a look at the store must not write to it.
    assert_eq!(plan(&stored(&[("config", "a", 5)]), &edit, &Past::default(), &ada()), None);
}

#[test]
fn the_oldest_record_goes_with_the_newest_that_comes() {
    let stored = stored(&[("config", "a", 5)]);
    let past = recorded(&stored, history::KEPT as u64);
    let plan = plan(&stored, &put(&[("config", "b")]), &past, &ada()).unwrap();
    assert_eq!(steps(&plan).last().unwrap(), "forget p/history/0000000001");
}

#[test]
fn a_document_that_is_no_text_can_be_replaced_and_is_left_out_of_the_record() {
    let entries = [("p/config".to_owned(), Bytes::from_static(&[0xff]), 5)];
    let stored = StoredDocuments::new("p", entries, 90);
    let plan = plan(&stored, &put(&[("config", "a")]), &Past::default(), &ada()).unwrap();
    assert_eq!(plan.changes["config"], ChangeKind::Changed);
    assert_eq!(steps(&plan)[0], "put p/config@5");
    let Operation::Put { value, .. } = &plan.operations[1] else { panic!("{:?}", plan.operations[1]) };
    assert_eq!(Record::parse("k", value).unwrap().omitted, ["config"]);
}

/// Carries a plan out on a copy of the documents, as the store would if nobody else wrote.
fn carry_out(stored: &StoredDocuments, plan: &Plan) -> Texts {
    let mut texts = stored.texts();
    for operation in &plan.operations {
        let Some(name) = operation.key().strip_prefix("p/").filter(|name| name.starts_with("config")) else {
            continue;
        };
        let found = stored.documents().get(name).map_or(0, |document| document.modify_index);
        match operation {
            Operation::Put { value, modify_index, .. } => {
                assert_eq!(*modify_index, found);
                texts.insert(name.to_owned(), String::from_utf8(value.to_vec()).unwrap());
            }
            Operation::Unchanged { modify_index, .. } => assert_eq!(*modify_index, found),
            Operation::Remove { modify_index, .. } => {
                assert_eq!(*modify_index, found);
                texts.remove(name);
            }
            Operation::Forget { key } => panic!("forgets {key}"),
        }
    }
    texts
}

fn documents() -> impl Strategy<Value = Texts> {
    prop::collection::btree_map(
        prop_oneof!["config", "config\\.d/[a-c]"].prop_map(String::from),
        "[xy]{0,2}".prop_map(String::from),
        0..5,
    )
}

proptest! {
    /// Whatever was there, restoring a record brings exactly its documents back, and names every document that was read.
    #[test]
    fn restoring_a_record_is_exact(now in documents(), then in documents()) {
        let entries: Vec<_> = now.iter().enumerate()
            .map(|(index, (name, text))| (format!("p/{name}"), Bytes::from(text.clone()), index as u64 + 1))
            .collect();
        let stored = StoredDocuments::new("p", entries, 90);
        let record = Record { documents: then.clone(), ..Record::found(1, &stored, AT) };
        match plan(&stored, &Edit::restore(&stored, &record), &Past::default(), &ada()) {
            None => prop_assert_eq!(now, then),
            Some(plan) => {
                prop_assert_eq!(carry_out(&stored, &plan), then.clone());
                prop_assert_eq!(&plan.record.documents, &then);
                for name in now.keys() {
                    let key = stored.key(name);
                    prop_assert!(plan.operations.iter().any(|operation| operation.key() == key));
                }
            }
        }
    }
}
