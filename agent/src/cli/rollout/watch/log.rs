//! A line for each thing that happens, in the order in which it happens: for logs, pipes and programs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::super::shown::outlook::Outlook;
use super::super::shown::timeline::{self, Moment};
use super::super::shown::words::{instant, phase, version};
use super::super::source::Entry;
use super::{View, complain, print, visible_line};
use crate::rollout::record::Rollout;
use crate::rollout::verdict::Verdict;

/// What was told of one rollout.
#[derive(Debug, Default)]
struct Told {
    moments: BTreeSet<(Timestamp, String)>,
    verdicts: BTreeMap<String, Verdict>,
    waiting_for: String,
}

/// Lines on standard output.
#[derive(Debug)]
pub(super) struct Log {
    is_json: bool,
    /// By deployment. One that is no longer listed is forgotten.
    told: BTreeMap<String, Told>,
    is_first: bool,
    silence: Option<String>,
}

impl Log {
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json, told: BTreeMap::new(), is_first: true, silence: None }
    }

    /// The lines that are new since the last call.
    fn news(&mut self, entries: &[Entry], now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        let mut told = std::mem::take(&mut self.told);
        for rollout in entries.iter().filter_map(Entry::rollout) {
            let mut before = told.remove(&rollout.deployment_id);
            // What was there before the watch began is summed up in one line.
            if before.is_none() && self.is_first {
                lines.push(self.line(rollout, &standing(rollout, now)));
                before = Some(Told { moments: marks(rollout), ..Told::default() });
            }
            let mut before = before.unwrap_or_default();
            for moment in fresh(rollout, &mut before, now) {
                lines.push(self.line(rollout, &moment));
            }
            self.told.insert(rollout.deployment_id.clone(), before);
        }
        self.is_first = false;
        lines
    }

    fn line(&self, rollout: &Rollout, moment: &Moment) -> String {
        let target = format!("{}/{}", rollout.target.namespace, rollout.target.job);
        if self.is_json {
            return json!({
                "at": moment.at, "target": target, "job_version": rollout.canary.job_version,
                "deployment_id": rollout.deployment_id, "kind": moment.kind, "text": moment.text,
            })
            .to_string();
        }
        visible_line(&format!(
            "{}  {target} {}: {}",
            instant(moment.at),
            version(&rollout.canary),
            moment.text
        ))
    }
}

/// What is new, and is told now.
fn fresh(rollout: &Rollout, before: &mut Told, now: Timestamp) -> Vec<Moment> {
    let mut moments = timeline::of(rollout);
    moments.retain(|moment| before.moments.insert((moment.at, moment.text.clone())));
    for (name, standing) in &rollout.checks {
        let result = &standing.result;
        if before.verdicts.insert(name.clone(), result.verdict) != Some(result.verdict) {
            let at = standing.counted_at.unwrap_or(now);
            let text = format!("check {name}: {}: {}", result.verdict.as_str(), result.why);
            moments.push(Moment { at, kind: "check", text });
        }
    }
    if rollout.waiting_for != before.waiting_for {
        before.waiting_for.clone_from(&rollout.waiting_for);
        if !rollout.waiting_for.is_empty() {
            let text = format!("waits for {}", rollout.waiting_for);
            moments.push(Moment { at: now, kind: "waiting", text });
        }
    }
    moments
}

fn marks(rollout: &Rollout) -> BTreeSet<(Timestamp, String)> {
    timeline::of(rollout).into_iter().map(|moment| (moment.at, moment.text)).collect()
}

/// Where it stands as the watch begins.
fn standing(rollout: &Rollout, now: Timestamp) -> Moment {
    let text = format!("{}; next: {}", phase(rollout), Outlook::of(rollout, now).line(now));
    Moment { at: now, kind: "standing", text }
}

impl View for Log {
    fn show(&mut self, entries: &[Entry], silence: Option<&str>, now: Timestamp) -> anyhow::Result<()> {
        for line in self.news(entries, now) {
            print(&line)?;
        }
        if self.silence.as_deref() != silence {
            self.silence = silence.map(str::to_owned);
            complain(&match silence {
                Some(why) => visible_line(&format!("the agent does not answer, and is asked again: {why}")),
                None => "the agent answers again".to_owned(),
            });
        }
        Ok(())
    }

    fn frame(&self) -> Duration {
        super::LOOK
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::shown::tests::{baking, entry, noon};
    use super::*;

    #[test]
    fn each_thing_is_told_once_and_what_was_before_is_summed_up() {
        let mut log = Log::new(false);
        let mut rollout = baking();
        let first = log.news(&[entry(&rollout)], noon());
        assert!(first[0].contains("default/nova-proxy 12 (0.2.0): baking; next: the promotion"), "{first:?}");
        assert!(first.iter().any(|line| line.contains("check errors: pass")), "{first:?}");
        assert!(log.news(&[entry(&rollout)], noon()).is_empty());

        rollout.waiting_for = "gate sign-off".to_owned();
        if let Some(standing) = rollout.checks.get_mut("errors") {
            standing.result.verdict = Verdict::Fail;
        }
        let then = log.news(&[entry(&rollout)], noon());
        assert_eq!(then.len(), 2, "{then:?}");
        assert!(
            then[0].contains("check errors: fail") && then[1].contains("waits for gate sign-off"),
            "{then:?}"
        );
    }
}
