//! One rollout in full: where it stands, the numbers of both versions, what it waits for, what was recognized, what comes next.

use jiff::Timestamp;

use super::super::super::output::visible_line;
use super::outlook::Outlook;
use super::summary::{Mood, mood};
use super::words::{ago, at, instant, said_by, span, version};
use super::{checks, gates, paint, words};
use crate::rollout::policy::TrafficMode;
use crate::rollout::record::{Outcome, Phase, PromotedBy, Rollout};

/// The whole of it; with each line how it is to be read.
pub(in super::super) fn lines(rollout: &Rollout, now: Timestamp) -> Vec<(String, Mood)> {
    let mut lines = head(rollout, now);
    let mut part = |of_part: Vec<(String, Mood)>| {
        if !of_part.is_empty() {
            lines.push((String::new(), Mood::Plain));
            lines.extend(of_part);
        }
    };
    let painted = |(text, verdict)| (text, paint::of_verdict(verdict));
    part(checks::lines(rollout).into_iter().map(painted).collect());
    part(plain(gates::lines(rollout, now)));
    part(findings(rollout, now));
    part(open_actions(rollout, now));
    lines
}

fn plain(lines: Vec<String>) -> Vec<(String, Mood)> {
    lines.into_iter().map(|line| (line, Mood::Plain)).collect()
}

fn head(rollout: &Rollout, now: Timestamp) -> Vec<(String, Mood)> {
    let target = visible_line(&format!("{}/{}", rollout.target.namespace, rollout.target.job));
    let replaced = match &rollout.stable {
        Some(stable) => format!(" in place of version {}", version(stable)),
        None => ", before which none is known".to_owned(),
    };
    let title =
        format!("{target}: version {}{replaced}, {}", version(&rollout.canary), rollout.strategy.as_str());
    let mut lines = vec![(title, Mood::Plain), (String::new(), Mood::Plain)];
    let mut line =
        |name: &str, text: String, mood| lines.push((format!("{name:<12}{}", visible_line(&text)), mood));
    let since = format!("for {} (since {})", span(ago(rollout.entered_at, now)), instant(rollout.entered_at));
    line("phase", format!("{}, {since}", words::phase(rollout)), mood(rollout));
    if let Some(share) = share(rollout) {
        line("share", share, Mood::Plain);
    }
    for (name, text, mood) in outcome(rollout) {
        line(name, text, mood);
    }
    let outlook = Outlook::of(rollout, now);
    line("next", outlook.line(now), Mood::Plain);
    if let Some((latest, what)) = outlook.latest {
        line("at latest", format!("{}: {what}", at(latest, now)), Mood::Plain);
    }
    line("deployment", rollout.deployment_id.clone(), Mood::Plain);
    line(
        "adopted",
        format!("{} ago ({})", span(ago(rollout.started_at, now)), instant(rollout.started_at)),
        Mood::Plain,
    );
    if let Some((when, who)) = &rollout.promoted {
        line("promoted", format!("{} ago, {}", span(ago(*when, now)), promoted_by(who)), Mood::Plain);
    }
    if !rollout.policy_origin.is_empty() {
        line("policy", rollout.policy_origin.join(", then "), Mood::Plain);
    }
    lines
}

/// The rollout before this one, in short: how it ended, and what was recognized at its end.
pub(in super::super) fn before(rollout: &Rollout, now: Timestamp) -> Vec<String> {
    let when = span(ago(rollout.entered_at, now));
    let outcome = words::phase(rollout);
    let mut lines = vec![format!("before      version {}: {outcome}, {when} ago", version(&rollout.canary))];
    if let Some(reason) = reason(rollout) {
        lines.push(visible_line(&format!("            {reason}")));
    }
    for finding in rollout.findings.iter().filter(|finding| finding.is_current) {
        let name = finding.id.as_str().replace('_', " ");
        lines.push(visible_line(&format!("            {name}: {}", finding.what)));
    }
    lines
}

/// What part of the requests the new version is meant to have.
fn share(rollout: &Rollout) -> Option<String> {
    let (Phase::Stepping { step } | Phase::Baking { step }) = &rollout.phase else { return None };
    let percent = rollout.policy.steps.get(*step)?.percent;
    Some(match rollout.policy.traffic {
        TrafficMode::Instances => "what its part of the instances gets".to_owned(),
        TrafficMode::ServiceSplitter => format!("{percent} % of the requests, by Consul's service-splitter"),
    })
}

/// Why it ended or is being undone, and what is left to do.
fn outcome(rollout: &Rollout) -> Vec<(&'static str, String, Mood)> {
    let mut lines = Vec::new();
    if let Some(reason) = reason(rollout) {
        lines.push(("why", reason.to_owned(), Mood::Bad));
    }
    if let Some(refused) = &rollout.refused {
        let text = format!("{} was refused at {}: {}", refused.action, instant(refused.at), refused.text);
        lines.push(("refused", text, Mood::Wary));
    }
    lines
}

/// Why it was given up or is being undone.
pub(in super::super) fn reason(rollout: &Rollout) -> Option<&str> {
    match &rollout.phase {
        Phase::Ended {
            outcome:
                Outcome::RolledBack { reason, .. }
                | Outcome::HandedOver { reason, .. }
                | Outcome::RollbackIncomplete { reason, .. }
                | Outcome::Abandoned { reason, .. },
        } => Some(reason),
        _ => rollout.failure.as_ref().map(|failure| failure.reason.as_str()),
    }
}

pub(super) fn promoted_by(who: &PromotedBy) -> String {
    match who {
        PromotedBy::Agent => "by its checks and gates".to_owned(),
        PromotedBy::Command { by } => said_by(by, ""),
        PromotedBy::Hand => "by hand, in Nomad".to_owned(),
        PromotedBy::Nomad => "by Nomad's auto_promote".to_owned(),
        PromotedBy::Other => "by somebody that this version does not know".to_owned(),
    }
}

fn findings(rollout: &Rollout, now: Timestamp) -> Vec<(String, Mood)> {
    let mut lines = Vec::new();
    for finding in &rollout.findings {
        let (mood, gone) =
            if finding.is_current { (Mood::Wary, "") } else { (Mood::Plain, ", not any more") };
        let name = finding.id.as_str().replace('_', " ");
        let when = span(ago(finding.since, now));
        lines.push((visible_line(&format!("{name} (seen {when} ago{gone}): {}", finding.what)), mood));
        if !finding.advice.is_empty() {
            lines.push((visible_line(&format!("  what to do: {}", finding.advice)), Mood::Plain));
        }
    }
    lines
}

/// What the agent has begun and not finished; what was tried in vain is what somebody has to know of.
fn open_actions(rollout: &Rollout, now: Timestamp) -> Vec<(String, Mood)> {
    let line = |intent: &crate::rollout::action::Intent| {
        let name = intent.action.name().replace('_', " ");
        let since = span(ago(intent.at, now));
        match &intent.last_error {
            Some(error) => {
                let text =
                    format!("to do since {since}: {name}; tried {} times in vain: {error}", intent.tries);
                (visible_line(&text), Mood::Wary)
            }
            None => (visible_line(&format!("to do since {since}: {name}")), Mood::Plain),
        }
    };
    rollout.intents.iter().map(line).collect()
}
