//! Records of this version, the one before and the one after.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::rollout::observation::CommandKind;
use crate::rollout::phase::advance;
use crate::rollout::phase::tests::explore::{D, H, TICK, View, policy, start};
use crate::rollout::policy::Strategy;

/// A record after so many looks at such views.
fn after(views: &[(D, H, Option<CommandKind>)]) -> Rollout {
    let mut policy = policy();
    policy.notify.push(crate::rollout::policy::NotifyPolicy {
        name: "chat".to_owned(),
        url: "http://x".to_owned(),
        token_file: None,
        timeout: TICK,
    });
    let mut rollout = start(Strategy::Canary, &policy);
    for (number, &(deployment, canaries, command)) in (1_u32..).zip(views) {
        let now = Timestamp::UNIX_EPOCH + TICK * number;
        let view = View { deployment, canaries, command, ..View::PLAIN };
        let step = advance(&rollout, &view.observe(&rollout, now), now);
        rollout = step.rollout;
        for (place, intent) in step.actions.iter().enumerate() {
            let settled = match place % 3 {
                0 => Settled::Done,
                1 => Settled::Failed("timed out".to_owned()),
                _ => Settled::Refused(Refusal::Other, "no".to_owned()),
            };
            rollout.settle(intent.id, settled, now);
        }
    }
    rollout
}

fn views() -> impl proptest::strategy::Strategy<Value = Vec<(D, H, Option<CommandKind>)>> {
    let deployment =
        prop::sample::select(vec![D::Running, D::Unknown, D::Promoted, D::Successful, D::FailedByHand]);
    let canaries = prop::sample::select(vec![H::Ready, H::Short, H::Unknown]);
    let command = prop::option::weighted(
        0.2,
        prop::sample::select(vec![CommandKind::Pause, CommandKind::Promote, CommandKind::Abort]),
    );
    prop::collection::vec((deployment, canaries, command), 0..20)
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written(views in views()) {
        let rollout = after(&views);
        let text = serde_json::to_string(&rollout).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Rollout>(&text).unwrap(), &rollout);
        prop_assert!(rollout.is_understood());
    }

    /// What the next version adds is kept, at the top and in the policy, and does not keep this one from acting.
    #[test]
    fn fields_of_a_later_version_are_kept(views in views()) {
        let rollout = after(&views);
        let mut value = serde_json::to_value(&rollout).unwrap();
        value["shadow"] = json!({ "percent": 5 });
        value["policy"]["shadow_bake_ms"] = json!(1000);
        let read: Rollout = serde_json::from_value(value.clone()).unwrap();
        prop_assert!(read.is_understood());
        let now = Timestamp::UNIX_EPOCH + TICK * 40;
        let next = advance(&read, &View::PLAIN.observe(&read, now), now).rollout;
        let written = serde_json::to_value(&next).unwrap();
        prop_assert_eq!(&written["shadow"], &value["shadow"]);
        prop_assert_eq!(&written["policy"]["shadow_bake_ms"], &value["policy"]["shadow_bake_ms"]);
    }

    /// The version before wrote fewer fields: all that has a default may be missing.
    #[test]
    fn a_record_with_fewer_fields_is_read(views in views(), take in 0..40_usize) {
        let rollout = after(&views);
        let mut value = serde_json::to_value(&rollout).unwrap();
        let fields = value.as_object_mut().unwrap();
        const REQUIRED: [&str; 11] = [
            "format", "target", "deployment_id", "canary", "job_create_index", "job_modify_index", "strategy",
            "policy", "phase", "started_at", "entered_at",
        ];
        let optional: Vec<String> = fields.keys().filter(|name| !REQUIRED.contains(&name.as_str())).cloned().collect();
        fields.remove(&optional[take % optional.len()]);
        prop_assert!(serde_json::from_value::<Rollout>(value).is_ok());
    }
}

#[test]
fn what_only_a_later_version_knows_is_kept_and_holds_the_rollout() {
    let edits: [fn(&mut Value); 4] = [
        |value| value["phase"] = json!({ "name": "shadowing", "percent": 5 }),
        |value| value["phase"] = json!({ "name": "ended", "outcome": { "name": "merged" } }),
        |value| {
            value["intents"] =
                json!([{ "id": 1, "at": "2026-01-01T00:00:00Z", "action": { "do": "mirror" } }])
        },
        |value| value["format"] = json!(FORMAT + 1),
    ];
    for edit in edits {
        let mut value = serde_json::to_value(start(Strategy::Canary, &policy())).unwrap();
        edit(&mut value);
        let read: Rollout = serde_json::from_value(value.clone()).unwrap();
        assert!(!read.is_understood(), "{value}");
        let now = Timestamp::UNIX_EPOCH + TICK * 1000;
        let step = advance(&read, &View::PLAIN.observe(&read, now), now);
        assert_eq!((step.actions.len(), step.hold.is_some()), (0, true), "{value}");
        let written = serde_json::to_value(&step.rollout).unwrap();
        for field in ["/phase", "/format", "/intents/0/action"] {
            assert_eq!(written.pointer(field), value.pointer(field), "{field}");
        }
    }
}

#[test]
fn everything_in_a_record_is_bounded() {
    let rollout = after(&vec![(D::Unknown, H::Short, Some(CommandKind::Pause)); 500]);
    assert!(rollout.transitions.len() <= MAX_TRANSITIONS);
    assert!(rollout.handled.len() <= MAX_HANDLED);
    assert!(rollout.intents.len() <= MAX_MESSAGES + 8, "{}", rollout.intents.len());
    let size = serde_json::to_vec(&rollout).unwrap().len();
    assert!(size < 64 * 1024, "{size} bytes do not go into a record with room for others");
}
