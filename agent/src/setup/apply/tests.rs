//! A plan is carried out as it was made, or it stops where somebody else has been.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::setup::plan::{Action, Fields, Owner};

/// A server in memory, in which somebody else may write too.
#[derive(Default)]
struct Memory {
    things: Vec<&'static str>,
    stored: RefCell<BTreeMap<&'static str, (u64, Owner)>>,
    looks: Cell<usize>,
    /// After so many looks, somebody writes this.
    meddling: Option<(usize, &'static str)>,
    /// Writes of this one come to nothing.
    deaf: Option<&'static str>,
    /// Writes of this one are refused.
    refusing: Option<&'static str>,
}

const WANTED: u64 = 1;
const FOREIGN: u64 = 7;

fn fields(value: u64) -> Fields {
    Fields::from([("value".to_owned(), json!(value))])
}

impl Server for Memory {
    type Thing = &'static str;

    fn things(&self) -> &[&'static str] {
        &self.things
    }

    fn wanted(thing: &&'static str) -> Wanted {
        Wanted { kind: "thing", name: (*thing).to_owned(), fields: fields(WANTED), fixed: &[] }
    }

    async fn find(&self, thing: &&'static str) -> Result<Found, HashistackError> {
        self.looks.set(self.looks.get() + 1);
        if let Some((looks, meddled)) = self.meddling
            && self.looks.get() > looks
        {
            self.stored.borrow_mut().insert(meddled, (FOREIGN, Owner::Other));
        }
        Ok(match self.stored.borrow().get(thing) {
            None => Found::Absent,
            Some((value, owner)) => Found::Present { fields: fields(*value), owner: *owner },
        })
    }

    async fn write(&self, thing: &&'static str) -> Result<(), HashistackError> {
        if self.refusing == Some(thing) {
            return Err(HashistackError::Invalid { what: "refused".to_owned() });
        }
        if self.deaf != Some(thing) {
            self.stored.borrow_mut().insert(thing, (WANTED, Owner::Setup));
        }
        Ok(())
    }
}

fn memory(stored: &[(&'static str, u64, Owner)]) -> Memory {
    let stored = stored.iter().map(|(name, value, owner)| (*name, (*value, *owner))).collect();
    Memory { things: vec!["a", "b", "c"], stored: RefCell::new(stored), ..Memory::default() }
}

async fn run(server: &Memory) -> (Vec<String>, Result<(), SetupError>) {
    let planned = plan(server, &BTreeSet::new()).await.unwrap();
    let mut done = Vec::new();
    let outcome = apply(server, &planned, |step| done.push(step.name.clone())).await;
    (done, outcome)
}

#[tokio::test]
async fn what_is_missing_and_what_was_changed_of_ours_is_written_and_then_nothing_is_left() {
    let server = memory(&[("a", WANTED, Owner::Other), ("b", FOREIGN, Owner::Setup)]);
    let (done, outcome) = run(&server).await;
    outcome.unwrap();
    assert_eq!(done, ["b", "c"]);
    let again = plan(&server, &BTreeSet::new()).await.unwrap();
    assert!(again.iter().all(|planned| planned.step.action == Action::Keep), "{again:?}");
    assert_eq!(run(&server).await.0, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_others_is_not_written_even_if_somebody_calls_for_it() {
    let server = memory(&[("b", FOREIGN, Owner::Other)]);
    let (done, outcome) = run(&server).await;
    outcome.unwrap();
    assert_eq!(done, ["a", "c"]);
    assert_eq!(server.stored.borrow()["b"], (FOREIGN, Owner::Other));
}

#[tokio::test]
async fn what_somebody_has_written_since_the_plan_is_not_overwritten() {
    let mut server = memory(&[]);
    // Three looks for the plan and one before the first write.
    server.meddling = Some((4, "b"));
    let (done, outcome) = run(&server).await;
    assert!(matches!(outcome, Err(SetupError::Overtaken { label, written: 1 }) if label == "thing/b"));
    assert_eq!(done, ["a"]);
    assert_eq!(server.stored.borrow()["b"], (FOREIGN, Owner::Other));
    assert!(!server.stored.borrow().contains_key("c"));
}

#[tokio::test]
async fn a_write_that_is_refused_ends_it_and_tells_how_far_it_came() {
    let mut server = memory(&[]);
    server.refusing = Some("b");
    let (done, outcome) = run(&server).await;
    let error = outcome.unwrap_err();
    assert!(matches!(&error, SetupError::Unwritten { written: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("thing/b") && error.to_string().contains("written before it: 1"));
    assert_eq!(done, ["a"]);
}

#[tokio::test]
async fn a_write_that_comes_to_nothing_is_told() {
    let mut server = memory(&[]);
    server.deaf = Some("c");
    let (_, outcome) = run(&server).await;
    assert!(matches!(outcome, Err(SetupError::NotKept { labels }) if labels == "thing/c"));
}
