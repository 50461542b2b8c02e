//! What becomes of right and wrong inputs in every order.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// A text and the version that it was seen with.
type Seen = (&'static str, u64);

impl Content for Seen {
    fn says_the_same_as(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// A text that begins with `bad` is wrong by itself; `needs-x` is right only beside `has-x`.
fn judge(files: &Seen, documents: &Seen) -> Result<(Seen, Seen), String> {
    for text in [files.0, documents.0] {
        if text.starts_with("bad") {
            return Err(text.to_owned());
        }
    }
    match (files.0.strip_prefix("has-"), documents.0.strip_prefix("needs-")) {
        (has, Some(needs)) if has != Some(needs) => Err(format!("no {needs}")),
        _ => Ok((*files, *documents)),
    }
}

fn inputs() -> Inputs<Seen, Seen> {
    Inputs::new(("files", 1), ("documents", 1))
}

#[test]
fn a_new_document_is_put_into_force_beside_the_files_in_force() {
    let mut inputs = inputs();
    inputs.see_documents(("other", 2));
    let settled = inputs.settle(false, judge);
    assert_eq!(settled.next, Some((("files", 1), ("other", 2))));
    assert_eq!((settled.files_refused, settled.documents_refused), (None, None));
    assert_eq!(inputs.documents_in_force(), &("other", 2));
    assert_eq!(inputs.documents_waiting(), None);
}

#[test]
fn a_refused_document_waits_and_what_was_in_force_stays() {
    let mut inputs = inputs();
    inputs.see_documents(("bad", 2));
    let settled = inputs.settle(false, judge);
    assert_eq!((settled.next, settled.documents_refused), (None, Some("bad".to_owned())));
    assert_eq!(inputs.documents_in_force(), &("documents", 1));
    assert_eq!(inputs.documents_waiting(), Some(&("bad", 2)));
}

#[test]
fn a_change_back_clears_the_refusal_without_another_try_and_tells_the_later_version() {
    let mut inputs = inputs();
    inputs.see_documents(("bad", 2));
    inputs.settle(false, judge);
    inputs.see_documents(("documents", 3));
    assert_eq!(inputs.documents_waiting(), None);
    assert_eq!(inputs.documents_in_force(), &("documents", 3));
    let settled = inputs.settle(false, |_, _| -> Result<(), String> { unreachable!("nothing waits") });
    assert_eq!(settled.next, None);
}

#[test]
fn documents_with_a_smaller_index_are_the_later_ones_all_the_same() {
    let mut inputs = inputs();
    inputs.see_documents(("later", 900));
    inputs.settle(false, judge);
    inputs.see_documents(("restored", 7));
    assert_eq!(inputs.settle(false, judge).next, Some((("files", 1), ("restored", 7))));
}

#[test]
fn wrong_files_do_not_keep_right_documents_out() {
    let mut inputs = inputs();
    inputs.see_files(("bad files", 2));
    assert_eq!(inputs.settle(false, judge).files_refused, Some("bad files".to_owned()));
    inputs.see_documents(("other", 2));
    let settled = inputs.settle(false, judge);
    assert_eq!(settled.next, Some((("files", 1), ("other", 2))));
    assert_eq!(settled.documents_refused, None, "the files were to blame");
    assert_eq!(settled.files_refused, Some("bad files".to_owned()));
}

#[test]
fn wrong_documents_do_not_keep_right_files_out() {
    let mut inputs = inputs();
    inputs.see_documents(("bad", 2));
    inputs.settle(false, judge);
    inputs.see_files(("other files", 2));
    let settled = inputs.settle(false, judge);
    assert_eq!(settled.next, Some((("other files", 2), ("documents", 1))));
    assert_eq!((settled.files_refused, settled.documents_refused), (None, Some("bad".to_owned())));
}

#[rstest]
#[case::documents_first(true)]
#[case::files_first(false)]
fn two_changes_that_need_each_other_come_into_force_together(#[case] documents_first: bool) {
    let mut inputs = inputs();
    if documents_first {
        inputs.see_documents(("needs-x", 2));
        assert_eq!(inputs.settle(false, judge).documents_refused, Some("no x".to_owned()));
        inputs.see_files(("has-x", 2));
    } else {
        inputs.see_files(("has-x", 2));
        inputs.settle(false, judge);
        inputs.see_documents(("needs-x", 2));
    }
    let settled = inputs.settle(false, judge);
    assert_eq!(settled.next, Some((("has-x", 2), ("needs-x", 2))));
    assert_eq!((settled.files_refused, settled.documents_refused), (None, None));
}

#[test]
fn a_signal_judges_what_is_in_force_anew_where_nothing_waits() {
    let mut inputs = inputs();
    assert_eq!(inputs.settle(true, judge).next, Some((("files", 1), ("documents", 1))));
    assert_eq!(inputs.settle(false, judge).next, None);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Files(&'static str),
    Documents(&'static str),
    Signal,
}

fn step() -> impl Strategy<Value = Step> {
    let files = prop::sample::select(vec!["files", "has-x", "has-y", "bad files"]).prop_map(Step::Files);
    let texts = vec!["documents", "needs-x", "needs-y", "bad"];
    prop_oneof![files, prop::sample::select(texts).prop_map(Step::Documents), Just(Step::Signal)]
}

proptest! {
    #[test]
    fn what_is_in_force_always_holds_and_only_what_waits_is_refused(steps in prop::collection::vec(step(), 1..40)) {
        let mut inputs = inputs();
        let (mut files, mut documents) = ("files", "documents");
        for (version, step) in (2..).zip(steps) {
            match step {
                Step::Files(text) => { files = text; inputs.see_files((text, version)); }
                Step::Documents(text) => { documents = text; inputs.see_documents((text, version)); }
                Step::Signal => {}
            }
            let settled = inputs.settle(matches!(step, Step::Signal), judge);
            let (now_files, now_documents) = (inputs.files.in_force, inputs.documents.in_force);
            prop_assert!(judge(&now_files, &now_documents).is_ok());
            prop_assert_eq!(settled.files_refused.is_some(), inputs.files_wait());
            prop_assert_eq!(settled.documents_refused.is_some(), inputs.documents_waiting().is_some());
            // Whatever a restart could put into force is in force.
            if judge(&(files, 0), &(documents, 0)).is_ok() {
                prop_assert_eq!((now_files.0, now_documents.0), (files, documents));
            }
        }
    }
}
