//! What led to what: phases, situations, people's words and failures in the order in which they came.

use jiff::Timestamp;

use super::super::super::output::visible_line;
use super::detail::promoted_by;
use super::words::{instant, said_by};
use crate::rollout::record::Rollout;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Moment {
    pub(in super::super) at: Timestamp,
    /// What kind it is, for programs.
    pub(in super::super) kind: &'static str,
    /// What happened, in one line.
    pub(in super::super) text: String,
}

impl Moment {
    /// The line of it.
    pub(in super::super) fn line(&self) -> String {
        format!("{}  {}", instant(self.at), self.text)
    }
}

/// Everything that the record tells, the earliest first.
pub(in super::super) fn of(rollout: &Rollout) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut add = |at, kind, text: String| moments.push(Moment { at, kind, text: visible_line(&text) });
    add(rollout.started_at, "adopted", format!("adopted: deployment {}", rollout.deployment_id));
    if let Some(failure) = &rollout.failure {
        add(failure.at, "failure", format!("failed: {}", failure.reason));
    }
    for transition in &rollout.transitions {
        let [from, to] = [transition.from, transition.to].map(|phase| phase.as_str().replace('_', " "));
        add(transition.at, "transition", format!("{from} -> {to}: {}", transition.why));
    }
    for finding in &rollout.findings {
        let name = finding.id.as_str().replace('_', " ");
        add(finding.since, "finding", format!("{name}: {}", finding.what));
    }
    for (gate, approval) in &rollout.approvals {
        add(approval.at, "approval", format!("{gate} approved {}", said_by(&approval.by, &approval.reason)));
    }
    if let Some(pause) = &rollout.paused {
        add(pause.at, "pause", format!("held {}", said_by(&pause.by, &pause.reason)));
    }
    if let Some((at, who)) = &rollout.promoted {
        add(*at, "promotion", format!("promoted {}", promoted_by(who)));
    }
    for handled in &rollout.handled {
        if let Some(why) = &handled.declined {
            add(handled.at, "declined", format!("a command was declined: {why}"));
        }
    }
    if let Some(refused) = &rollout.refused {
        add(
            refused.at,
            "refused",
            format!("{} was refused: {}", refused.action.replace('_', " "), refused.text),
        );
    }
    // What is of one instant stays in the order above, where reasons come before what follows from them.
    moments.sort_by_key(|moment| moment.at);
    moments
}
