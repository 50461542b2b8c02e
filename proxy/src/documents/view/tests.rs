//! What each kind of answer means for operators, and which documents are handed over to be judged.

use bytes::Bytes;
use rstest::rstest;

use super::*;

const PREFIX: &str = "nova/prod";

fn entry(key: &str, value: &'static str, modify_index: u64) -> KvEntry {
    KvEntry {
        key: key.to_owned(),
        value: Bytes::from_static(value.as_bytes()),
        flags: 0,
        create_index: 1,
        modify_index,
        lock_index: 0,
        session: None,
    }
}

fn answer(index: u64, entries: Vec<KvEntry>) -> Indexed<Vec<KvEntry>> {
    Indexed { value: entries, index, last_contact: None, known_leader: true, filtered_by_acls: false }
}

fn good() -> Indexed<Vec<KvEntry>> {
    answer(9, vec![entry("nova/prod/config", "strict = true", 7), entry("nova/prod/config.d/limits", "", 9)])
}

fn view() -> View {
    View::new(PREFIX, Duration::from_secs(10))
}

fn names(documents: &Documents) -> Vec<&str> {
    documents.entries().map(|(name, _)| name).collect()
}

#[test]
fn before_the_first_answer_consul_is_unreachable() {
    assert_eq!(view().state(), (ConsulState::Unreachable, Some("it has not answered yet".to_owned())));
}

#[test]
fn documents_are_handed_over_with_their_versions() {
    let mut view = view();
    let documents = view.answered(good()).expect("documents");
    assert_eq!((documents.prefix(), documents.index()), (PREFIX, 9));
    assert_eq!(names(&documents), ["config", "config.d/limits"]);
    assert_eq!(view.state(), (ConsulState::InSync, None));
    assert_eq!(view.seen_index(), Some(9));
}

#[test]
fn keys_that_begin_like_documents_are_left_to_others() {
    let mut view = view();
    let keys = [
        "nova/prod/config",
        "nova/prod/config.canary",
        "nova/prod/config.d/",
        "nova/prod/config.d/models",
        "nova/prod/config2",
        "nova/prod/configuration/x",
    ];
    let entries = keys.map(|key| entry(key, "", 3)).to_vec();
    let documents = view.answered(answer(3, entries)).expect("documents");
    assert_eq!(names(&documents), ["config", "config.d/models"]);
    assert_eq!(documents.candidate().map(|candidate| candidate.modify_index), Some(3));
}

#[rstest]
#[case::nothing(Vec::new())]
#[case::fragments_alone(vec![entry("nova/prod/config.d/limits", "", 9)])]
#[case::a_candidate_alone(vec![entry("nova/prod/config.canary", "", 9)])]
fn without_the_marker_nothing_is_handed_over(#[case] entries: Vec<KvEntry>) {
    let mut view = view();
    view.answered(good());
    assert_eq!(view.answered(answer(12, entries)), None);
    let (state, reason) = view.state();
    assert_eq!(state, ConsulState::Empty);
    assert!(reason.is_some_and(|reason| reason.contains("consul kv put nova/prod/config")));
}

#[test]
fn a_filtered_answer_is_not_handed_over_although_the_marker_is_in_it() {
    let mut view = view();
    assert_eq!(view.answered(Indexed { filtered_by_acls: true, ..good() }), None);
    assert_eq!(view.state().0, ConsulState::Filtered);
}

#[rstest]
#[case::no_leader(false, None, ConsulState::Stale)]
#[case::far_behind(true, Some(10_001), ConsulState::Stale)]
#[case::behind_as_allowed(true, Some(10_000), ConsulState::InSync)]
fn an_old_answer_is_told(
    #[case] known_leader: bool,
    #[case] last_contact_ms: Option<u64>,
    #[case] expected: ConsulState,
) {
    let mut view = view();
    let last_contact = last_contact_ms.map(Duration::from_millis);
    view.answered(Indexed { known_leader, last_contact, ..good() });
    assert_eq!(view.state().0, expected);
}

#[test]
fn a_smaller_index_is_as_good_as_any() {
    let mut view = view();
    view.answered(answer(900, vec![entry("nova/prod/config", "strict = true", 899)]));
    let documents = view.answered(answer(4, vec![entry("nova/prod/config", "strict = false", 3)]));
    assert_eq!(documents.map(|documents| documents.index()), Some(4));
}
