//! What people order. Each order is handled once, and what is declined says why.

use std::time::Duration;

use jiff::Timestamp;

use super::Look;
use crate::config_canary::observation::{Order, OrderKind};
use crate::config_canary::record::{ConfigCanary, Outcome, Phase, PromoteOrder};

/// How old an order may be when it is carried out. Nobody expects any more that something comes of one that found no agent for so long.
const LONGEST_WAY: Duration = Duration::from_secs(600);

/// Whether an order comes too late. A clock that is behind the orderer's makes none late.
#[must_use]
pub fn is_stale(order: &Order, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(order.at)).is_ok_and(|age| age > LONGEST_WAY)
}

/// The record of the first candidate that somebody wants, where none is under way.
#[must_use]
pub fn adopt(orders: &[Order], epoch: u64, now: Timestamp) -> Option<ConfigCanary> {
    orders.iter().filter(|order| !is_stale(order, now)).find_map(|order| match &order.kind {
        OrderKind::Push(push) => Some(ConfigCanary::new(order, push, epoch, now)),
        OrderKind::Promote { .. } | OrderKind::Abort { .. } => None,
    })
}

/// Handles the orders of this look, in their order.
pub(super) fn handle(record: &mut ConfigCanary, look: &Look<'_>) {
    for order in &look.seen.orders {
        if record.has_handled(&order.id) {
            continue;
        }
        let declined = carry_out(record, order, look.now).err();
        record.handle(&order.id, declined, look.now);
    }
}

fn carry_out(record: &mut ConfigCanary, order: &Order, now: Timestamp) -> Result<(), String> {
    if is_stale(order, now) {
        return Err("it waited too long for an agent; give it again if it still stands".to_owned());
    }
    let meant = match &order.kind {
        OrderKind::Push(_) if record.has_ended() => return Ok(()),
        OrderKind::Push(_) => {
            let id = &record.id;
            return Err(format!("the candidate {id} is on its way: promote or abort it first"));
        }
        OrderKind::Promote { candidate } | OrderKind::Abort { candidate } => candidate,
    };
    if *meant != record.id {
        return Err(format!("it is about another candidate than {}", record.id));
    }
    if record.has_ended() {
        return Err(format!("the candidate has ended as {}", record.phase.name().as_str()));
    }
    let because = order.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match order.kind {
        OrderKind::Promote { .. } if record.phase == Phase::Waiting => {
            Err("no instance tries it yet: push it without --canary, if it is not to be tried".to_owned())
        }
        OrderKind::Promote { .. } => {
            record.promote_ordered =
                Some(PromoteOrder { by: order.by.clone(), reason: order.reason.clone() });
            Ok(())
        }
        _ => {
            let why = format!("{} aborted it{because}", order.by);
            record.enter(Phase::Ended { outcome: Outcome::Aborted { why: why.clone() } }, why.clone(), now);
            record.tell("removed", format!("the candidate {} is taken away: {why}", record.id), "", now);
            Ok(())
        }
    }
}
