//! The state diagram of a rollout, in Mermaid.
//!
//! Owns the table of transitions. The explorer of the phases holds it to what they do: each transition that is reached is in it, and each
//! in it is reached.

use super::record::PhaseName;
use PhaseName::{
    Abandoned, AwaitingApproval, AwaitingCanaries, AwaitingStart, AwaitingSuccess, Baking, Failing,
    HandedOver, PostPromotionBake, Promoted, Promoting, PromotingRevert, Replacing, Reverting,
    RollbackIncomplete, RolledBack, Stepping, Superseded, TrafficAway, Verifying,
};

const FAILS: &str = "a check or the deployment fails, it is aborted, or it is overdue";
const NEWER: &str = "a newer version is registered";
const GONE: &str = "the job is stopped or gone, or its deployment is";
const BY_HAND: &str = "somebody promotes in Nomad";
const ORDERED: &str = "somebody commands to promote";
const SUCCEEDED: &str = "the deployment has succeeded";
const TOO_LONG: &str = "the rollback takes too long";
const PURGED: &str = "the job is purged";

/// From where, to where, and what for.
pub const TRANSITIONS: &[(PhaseName, PhaseName, &str)] = &[
    (AwaitingCanaries, AwaitingStart, "all canaries are ready"),
    (AwaitingStart, Stepping, "the gates before the start are open"),
    (Stepping, Baking, "the share of the step is in force"),
    (Baking, Stepping, "a pass, and a further step"),
    (Baking, AwaitingApproval, "a pass after the last step"),
    (AwaitingApproval, Promoting, "a pass, and all gates are open"),
    (AwaitingCanaries, Promoting, ORDERED),
    (AwaitingStart, Promoting, ORDERED),
    (Stepping, Promoting, ORDERED),
    (Baking, Promoting, ORDERED),
    (Promoting, AwaitingSuccess, "the promotion is seen"),
    (AwaitingCanaries, AwaitingSuccess, BY_HAND),
    (AwaitingStart, AwaitingSuccess, BY_HAND),
    (Stepping, AwaitingSuccess, BY_HAND),
    (Baking, AwaitingSuccess, BY_HAND),
    (AwaitingApproval, AwaitingSuccess, BY_HAND),
    (AwaitingCanaries, PostPromotionBake, SUCCEEDED),
    (AwaitingStart, PostPromotionBake, SUCCEEDED),
    (Stepping, PostPromotionBake, SUCCEEDED),
    (Baking, PostPromotionBake, SUCCEEDED),
    (AwaitingApproval, PostPromotionBake, SUCCEEDED),
    (Promoting, PostPromotionBake, SUCCEEDED),
    (AwaitingCanaries, TrafficAway, FAILS),
    (AwaitingStart, TrafficAway, FAILS),
    (Stepping, TrafficAway, FAILS),
    (Baking, TrafficAway, FAILS),
    (AwaitingApproval, TrafficAway, FAILS),
    (Promoting, TrafficAway, FAILS),
    (AwaitingCanaries, Superseded, NEWER),
    (AwaitingStart, Superseded, NEWER),
    (Stepping, Superseded, NEWER),
    (Baking, Superseded, NEWER),
    (AwaitingApproval, Superseded, NEWER),
    (Promoting, Superseded, NEWER),
    (AwaitingCanaries, Abandoned, GONE),
    (AwaitingStart, Abandoned, GONE),
    (Stepping, Abandoned, GONE),
    (Baking, Abandoned, GONE),
    (AwaitingApproval, Abandoned, GONE),
    (Promoting, Abandoned, GONE),
    (Replacing, PostPromotionBake, SUCCEEDED),
    (Replacing, TrafficAway, FAILS),
    (Replacing, Superseded, NEWER),
    (Replacing, Abandoned, GONE),
    (AwaitingSuccess, PostPromotionBake, SUCCEEDED),
    (AwaitingSuccess, TrafficAway, FAILS),
    (AwaitingSuccess, Superseded, NEWER),
    (AwaitingSuccess, Abandoned, GONE),
    (PostPromotionBake, Promoted, "a pass after the bake"),
    (PostPromotionBake, TrafficAway, FAILS),
    (PostPromotionBake, Superseded, NEWER),
    (PostPromotionBake, Abandoned, GONE),
    (TrafficAway, Failing, "requests have left, or do not in time"),
    (TrafficAway, AwaitingSuccess, BY_HAND),
    (TrafficAway, Abandoned, PURGED),
    (Failing, Verifying, "the deployment has ended"),
    (Failing, AwaitingSuccess, BY_HAND),
    (Failing, RollbackIncomplete, TOO_LONG),
    (Failing, Abandoned, PURGED),
    (Verifying, Reverting, "the policy lets the agent revert"),
    (Verifying, PromotingRevert, "Nomad has reverted by itself"),
    (Verifying, RolledBack, "the old version alone runs"),
    (Verifying, HandedOver, "the new version runs, and the policy leaves the job to others"),
    (Verifying, Superseded, NEWER),
    (Verifying, RollbackIncomplete, TOO_LONG),
    (Verifying, Abandoned, PURGED),
    (Reverting, PromotingRevert, "the job is at the old version again"),
    (Reverting, RolledBack, "the version to go back to was collected, and the old one runs"),
    (Reverting, HandedOver, "the version to go back to was collected, and the new one runs"),
    (Reverting, Superseded, NEWER),
    (Reverting, RollbackIncomplete, TOO_LONG),
    (Reverting, Abandoned, PURGED),
    (PromotingRevert, RolledBack, "the old version is in force again"),
    (PromotingRevert, Superseded, NEWER),
    (PromotingRevert, RollbackIncomplete, "the revert fails, or takes too long"),
    (PromotingRevert, Abandoned, PURGED),
];

/// Phases that are drawn as one, with the name of the box.
const GROUPS: &[(&str, &str, &[PhaseName])] = &[
    (
        "before",
        "before the promotion",
        &[AwaitingCanaries, AwaitingStart, Stepping, Baking, AwaitingApproval, Promoting],
    ),
    ("after", "after the promotion", &[AwaitingSuccess, PostPromotionBake]),
    ("rollback", "rollback", &[TrafficAway, Failing, Verifying, Reverting, PromotingRevert]),
];

/// The group of a phase.
fn group(phase: PhaseName) -> Option<&'static str> {
    GROUPS.iter().find(|(_, _, phases)| phases.contains(&phase)).map(|(name, ..)| *name)
}

/// The diagram. What leads out of a group for one and the same reason is drawn once, from the group.
#[must_use]
pub fn mermaid() -> String {
    let mut lines = vec!["stateDiagram-v2".to_owned()];
    for (name, title, phases) in GROUPS {
        lines.push(format!("    state \"{title}\" as {name} {{"));
        for (from, to, why) in TRANSITIONS {
            if group(*from) == Some(name) && group(*to) == Some(name) && *why != ORDERED {
                lines.push(format!("        {} --> {}: {why}", from.as_str(), to.as_str()));
            }
        }
        if phases.contains(&Promoting) {
            lines
                .push(format!("        note right of {}: {ORDERED}, from anywhere here", Promoting.as_str()));
        }
        lines.push("    }".to_owned());
    }
    for (start, why) in [(AwaitingCanaries, "canaries"), (Replacing, "no canaries")] {
        lines.push(format!("    [*] --> {}: {why}", start.as_str()));
    }
    for (from, to, why) in TRANSITIONS {
        if group(*from).is_some() && group(*from) == group(*to) {
            continue;
        }
        let is_shared = [FAILS, NEWER, GONE, BY_HAND, SUCCEEDED, TOO_LONG, PURGED].contains(why);
        let source = group(*from).filter(|_| is_shared).unwrap_or(from.as_str());
        let line = format!("    {source} --> {}: {why}", to.as_str());
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    for end in [Promoted, RolledBack, HandedOver, RollbackIncomplete, Superseded, Abandoned] {
        lines.push(format!("    {} --> [*]", end.as_str()));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    const BEGIN: &str = "<!-- diagram: begin -->\n";
    const END: &str = "<!-- diagram: end -->\n";

    #[test]
    fn the_page_has_this_diagram() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/explanation/rollouts.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let (head, rest) = page.split_once(BEGIN).unwrap();
        let (_, tail) = rest.split_once(END).unwrap();
        let expected = format!("{head}{BEGIN}```mermaid\n{}```\n{END}{tail}", super::mermaid());
        if std::env::var_os("UPDATE_DIAGRAM").is_some() {
            std::fs::write(&path, &expected).unwrap();
        }
        assert!(
            std::fs::read_to_string(&path).unwrap() == expected,
            "the diagram of docs/explanation/rollouts.md is out of date: run UPDATE_DIAGRAM=1 cargo test -p nova-agent --lib diagram"
        );
    }
}
