//! `nova-agent config push --canary`, `promote` and `abort`: orders about a candidate, left in Consul for the agent that leads.

mod policy;
mod shown;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{bail, ensure};
use jiff::Timestamp;
use nova_config::LONGEST_MAX_AGE;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout_at};

use super::super::connection::Connection;
use super::super::output::{complain, print, visible_line};
use super::super::{CONFLICT, FAILED, UNCONFIRMED};
use super::check::check;
use super::write::user_at_host;
use super::{OrderArgs, PushArgs, readers};
use crate::config_canary::observation::{Order, OrderKind, Push};
use crate::config_canary::record::{ConfigCanary, Outcome, Phase};
use crate::config_canary::store::CanaryStore;
use crate::documents::CONFIG;

pub(super) use shown::{lines, summary};

/// How often the record is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The largest candidate. At its promotion it is written three times in one transaction, whose default limit is 512 KiB in base64.
const MAX_TEXT: usize = 96 << 10;

/// The share of instances where none is written.
const DEFAULT_SHARE: u8 = 10;

/// The maximum age where none is written.
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(30 * 60);

/// What becomes of an order, as far as it is known.
enum Fate {
    /// Nobody has taken it in.
    Open,
    /// It was declined, for this reason.
    Declined(String),
    /// This is the candidate as it stands.
    Record(Box<ConfigCanary>),
}

/// Has a candidate tried.
pub(super) async fn push(connection: &Connection, args: &PushArgs) -> anyhow::Result<ExitCode> {
    let (edit, files) = args.edit.read()?;
    let stored = connection.store.documents().await?;
    let checked = check(&stored, &edit, &files, readers::of(&connection.fleet).await?);
    if !args.write.json {
        checked.complain();
    }
    if !checked.objections.is_empty() && !args.write.force {
        if args.write.json {
            print(&json!({ "outcome": "invalid", "faults": checked.faults_json(), "warnings": checked.warnings }).to_string())?;
        } else {
            complain("nothing is tried: correct the document, or have it tried all the same with --force");
        }
        return Ok(ExitCode::from(FAILED));
    }
    let config = edit.put.get(CONFIG).cloned().unwrap_or_default();
    ensure!(
        config.len() <= MAX_TEXT,
        "the candidate has {} bytes, and at most {MAX_TEXT} are tried",
        config.len()
    );
    let Some(base) = stored.documents().get(CONFIG) else {
        bail!(
            "there is no {} yet that a candidate could be compared with: push it without --canary",
            stored.key(CONFIG)
        );
    };
    ensure!(base.value != config.as_bytes(), "{} holds this text already", stored.key(CONFIG));
    let max_age = args.max_age.unwrap_or(DEFAULT_MAX_AGE);
    ensure!(
        !max_age.is_zero() && max_age <= LONGEST_MAX_AGE,
        "--max-age is {} s: write at most {} h",
        max_age.as_secs(),
        LONGEST_MAX_AGE.as_secs() / 3600
    );
    let push = Push {
        service: connection.fleet.service().to_owned(),
        base_index: base.modify_index,
        share_percent: args.share.unwrap_or(DEFAULT_SHARE),
        max_age,
        policy: policy::read(args.policy.as_deref(), max_age)?,
        config,
    };
    let store = connection.canaries();
    if let Some(open) = store.load().await?.filter(|stored| !stored.record.has_ended()) {
        return conflict(&open.record, args.write.json);
    }
    let by = args.write.author.clone().unwrap_or_else(user_at_host);
    let order = order(by, args.write.message.clone(), OrderKind::Push(Box::new(push)));
    store.order(&order).await?;
    if args.write.no_wait {
        return told(&order.id, "ordered", None, args.write.json, 0);
    }
    let is_on_ring = |record: &ConfigCanary| {
        record.has_ended() || record.trial.as_ref().is_some_and(|trial| trial.applied_at.is_some())
    };
    let deadline = if args.follow { LONGEST_MAX_AGE * 2 } else { args.write.wait };
    let fate =
        wait(
            &store,
            &order,
            deadline,
            |record| {
                if args.follow { record.has_ended() } else { is_on_ring(record) }
            },
        )
        .await?;
    report(&order.id, fate, args.write.json, args.follow)
}

/// Orders a promotion, or the end.
pub(super) async fn order_about(
    connection: &Connection,
    args: &OrderArgs,
    kind: impl Fn(String) -> OrderKind,
) -> anyhow::Result<ExitCode> {
    let store = connection.canaries();
    let open = store.load().await?.map(|stored| stored.record).filter(|record| !record.has_ended());
    let Some(record) = open else { bail!("no candidate is on its way: see `nova-agent config status`") };
    if let Some(meant) = &args.candidate
        && !record.id.starts_with(meant.as_str())
    {
        return conflict(&record, args.json);
    }
    let by = args.author.clone().unwrap_or_else(user_at_host);
    let order = order(by, args.reason.clone(), kind(record.id.clone()));
    store.order(&order).await?;
    let fate = wait(&store, &order, args.wait, ConfigCanary::has_ended).await?;
    match fate {
        Fate::Record(ended) if args.json => {
            told(&ended.id, ended.phase.name().as_str(), Some(&ended), true, 0)
        }
        Fate::Record(ended) => {
            print(&visible_line(&summary(&ended)))?;
            Ok(ExitCode::SUCCESS)
        }
        other => report(&record.id, other, args.json, false),
    }
}

fn order(by: String, reason: Option<String>, kind: OrderKind) -> Order {
    Order { id: uuid::Uuid::now_v7().to_string(), by, reason, at: Timestamp::now(), kind }
}

/// Waits until the order has come to what is waited for, or the time is over.
async fn wait(
    store: &CanaryStore,
    order: &Order,
    patience: Duration,
    is_enough: impl Fn(&ConfigCanary) -> bool,
) -> anyhow::Result<Fate> {
    let deadline = Instant::now() + patience;
    let mut last = Fate::Open;
    loop {
        let looked = timeout_at(deadline, store.load()).await;
        let Ok(found) = looked else { return Ok(last) };
        if let Some(record) = found?.map(|stored| stored.record) {
            let handled = record.handled.iter().find(|handled| handled.id == order.id);
            if let Some(why) = handled.and_then(|handled| handled.declined.clone()) {
                return Ok(Fate::Declined(why));
            }
            if handled.is_some() {
                let is_over = is_enough(&record);
                last = Fate::Record(Box::new(record));
                if is_over {
                    return Ok(last);
                }
            }
        }
        if timeout_at(deadline, sleep(LOOK_EVERY)).await.is_err() {
            return Ok(last);
        }
    }
}

fn report(id: &str, fate: Fate, is_json: bool, is_followed: bool) -> anyhow::Result<ExitCode> {
    match fate {
        Fate::Declined(why) => {
            if is_json {
                return told_why(id, "declined", &why);
            }
            complain(&visible_line(&format!("nothing was done: {why}")));
            Ok(ExitCode::from(FAILED))
        }
        Fate::Open => {
            if !is_json {
                complain(
                    "no agent has taken it in yet: it is turned away if none does within ten minutes; see `nova-agent config status`",
                );
            }
            told(id, "ordered", None, is_json, UNCONFIRMED)
        }
        Fate::Record(record) => {
            let is_promoted = matches!(record.phase, Phase::Ended { outcome: Outcome::Promoted { .. } });
            let is_tried = record.trial.as_ref().is_some_and(|trial| trial.applied_at.is_some());
            let code = match (record.has_ended(), is_followed) {
                (true, _) => {
                    if is_promoted {
                        0
                    } else {
                        FAILED
                    }
                }
                (false, false) if is_tried => 0,
                (false, _) => UNCONFIRMED,
            };
            if !is_json {
                for line in lines(&record, Timestamp::now()) {
                    print(&visible_line(&line))?;
                }
            }
            told(&record.id, record.phase.name().as_str(), Some(&record), is_json, code)
        }
    }
}

fn told(
    id: &str,
    outcome: &str,
    record: Option<&ConfigCanary>,
    is_json: bool,
    code: u8,
) -> anyhow::Result<ExitCode> {
    if is_json {
        print(&json!({ "outcome": outcome, "candidate": id, "record": record }).to_string())?;
    } else if record.is_none() {
        print(&format!("candidate {id} is ordered: `nova-agent config status` tells what becomes of it"))?;
    }
    Ok(ExitCode::from(code))
}

fn told_why(id: &str, outcome: &str, why: &str) -> anyhow::Result<ExitCode> {
    print(&json!({ "outcome": outcome, "candidate": id, "why": why }).to_string())?;
    Ok(ExitCode::from(FAILED))
}

/// Another candidate is there.
fn conflict(record: &ConfigCanary, is_json: bool) -> anyhow::Result<ExitCode> {
    if is_json {
        print(&json!({ "outcome": "conflict", "candidate": record.id, "record": record }).to_string())?;
    } else {
        complain(&visible_line(&format!("nothing was done: {}", summary(record))));
        complain("see `nova-agent config status`, and promote or abort it first");
    }
    Ok(ExitCode::from(CONFLICT))
}
