//! Gates: what stands before the next step, whether it is open, and when it opens.

use jiff::Timestamp;

use super::super::super::output::visible_line;
use super::super::super::table::table;
use super::words::{ago, at, said_by, span};
use crate::rollout::gate::{self, Opening};
use crate::rollout::policy::{GateKind, GatePoint, GatePolicy};
use crate::rollout::record::Rollout;

/// The table of the gates; nothing where the policy has none.
pub(in super::super) fn lines(rollout: &Rollout, now: Timestamp) -> Vec<String> {
    if rollout.policy.gates.is_empty() {
        return Vec::new();
    }
    let rows = rollout.policy.gates.iter();
    let rows =
        rows.map(|gate| [visible_line(&gate.name), point(gate.before).to_owned(), state(gate, rollout, now)]);
    table(["GATE", "BEFORE", "STATE"], rows.collect()).lines().map(str::to_owned).collect()
}

fn point(before: GatePoint) -> &'static str {
    match before {
        GatePoint::Start => "start",
        GatePoint::Promotion => "promotion",
    }
}

fn state(gate: &GatePolicy, rollout: &Rollout, now: Timestamp) -> String {
    match &gate.kind {
        GateKind::Approval => match rollout.approvals.get(point(gate.before)) {
            Some(approval) => {
                format!(
                    "approved {}, {} ago",
                    said_by(&approval.by, &approval.reason),
                    span(ago(approval.at, now))
                )
            }
            None if rollout.is_promoted() || rollout.has_ended() => "not needed any more".to_owned(),
            None => "not approved: `nova-agent rollout approve` opens it".to_owned(),
        },
        GateKind::Webhook { url, .. } => visible_line(&format!("asks {url} when its turn comes")),
        kind @ (GateKind::Window { .. } | GateKind::Blackout { .. }) => by_time(&gate::at(kind, now), now),
    }
}

fn by_time(opening: &Opening, now: Timestamp) -> String {
    match opening {
        Opening::Open(None) => "open".to_owned(),
        Opening::Open(Some(until)) => format!("open, closes {}", at(*until, now)),
        Opening::Closed(None) => "closed, and does not open again".to_owned(),
        Opening::Closed(Some(until)) => format!("closed, opens {}", at(*until, now)),
    }
}
