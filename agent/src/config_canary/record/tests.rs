//! The record as it is written, by this and by other versions.

use serde_json::json;

use super::*;
use crate::config_canary::observation::OrderKind;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A record that was taken in just now.
pub(crate) fn record() -> ConfigCanary {
    let push = Push {
        service: "nova-proxy".to_owned(),
        base_index: 7,
        share_percent: 20,
        max_age: Duration::from_secs(600),
        policy: Policy::default(),
        config: "strict = true\n".to_owned(),
    };
    let kind = OrderKind::Push(Box::new(push.clone()));
    let order =
        Order { id: "c1".to_owned(), by: "ada".to_owned(), reason: Some("try".to_owned()), at: at(0), kind };
    ConfigCanary::new(&order, &push, 3, at(0))
}

#[test]
fn a_record_survives_its_text() {
    let mut written = record();
    written.trial = Some(Trial {
        at: at(1),
        ring: BTreeSet::from(["a".to_owned()]),
        instances: 5,
        applied_at: Some(at(2)),
    });
    for phase in [
        Phase::Waiting,
        Phase::Trying,
        Phase::Ended { outcome: Outcome::Promoted { by: "ada".to_owned(), history: 4 } },
        Phase::Ended { outcome: Outcome::Failed { why: "errors".to_owned() } },
    ] {
        written.enter(phase, "because", at(9));
        let text = serde_json::to_vec(&written).unwrap();
        let read: ConfigCanary = serde_json::from_slice(&text).unwrap();
        assert_eq!(read, written);
        assert!(read.rest.is_empty(), "{:?}", read.rest);
    }
}

#[test]
fn an_order_survives_its_text() {
    let push = record().push;
    for kind in [
        OrderKind::Push(Box::new(push)),
        OrderKind::Promote { candidate: "c1".to_owned() },
        OrderKind::Abort { candidate: "c1".to_owned() },
    ] {
        let order = Order { id: "o".to_owned(), by: "ada".to_owned(), reason: None, at: at(5), kind };
        let text = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order, "{text}");
    }
}

#[test]
fn what_a_later_version_has_added_is_kept_and_left_alone() {
    let mut value = serde_json::to_value(record()).unwrap();
    value["approved_by"] = json!(["bob"]);
    let read: ConfigCanary = serde_json::from_value(value.clone()).unwrap();
    assert!(read.is_understood());
    assert_eq!(serde_json::to_value(&read).unwrap()["approved_by"], json!(["bob"]));
    for (member, content) in [
        ("phase", json!({ "name": "shadowing", "copies": 3 })),
        ("phase", json!({ "name": "ended", "outcome": { "kind": "paused", "for": 3 } })),
        ("format", json!(2)),
    ] {
        let mut newer = value.clone();
        newer[member] = content;
        let read: ConfigCanary = serde_json::from_value(newer.clone()).unwrap();
        assert!(!read.is_understood(), "{newer}");
        assert_eq!(serde_json::to_value(&read).unwrap()[member], newer[member]);
    }
}

#[test]
fn lists_are_bounded_and_keep_their_latest() {
    let mut record = record();
    for number in 0..100 {
        record.handle(&format!("o{number}"), None, at(number));
        record.enter(Phase::Waiting, format!("{number}"), at(number));
    }
    assert_eq!((record.handled.len(), record.transitions.len()), (MAX_HANDLED, MAX_TRANSITIONS));
    assert!(record.has_handled("o99") && !record.has_handled("o1"));
    assert_eq!(record.transitions.first().unwrap().why, "ada wants it tried", "how it began stays");
    record.tell("begun", "nobody is told".to_owned(), "", at(1));
    assert!(record.messages.is_empty(), "the policy names nobody");
}
