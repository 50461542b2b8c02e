//! What instances have told, and what was added since the bake began.
//!
//! Owns differences of counters, over restarts of processes, and the pooling of instances. Reading them is in `observe`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// What the metrics listener of an instance told at one moment. Counters, since its process began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// When its process began, where it tells.
    pub started_at: Option<Timestamp>,
    /// Requests that have ended.
    pub requests: u64,
    /// Those that ended in a status of 500 or above, or a broken stream.
    pub failed: u64,
    /// What requests took, in seconds.
    pub latency: Histogram,
    /// What streams took until their first token, in seconds.
    pub first_token: Histogram,
    /// What can be compared with its like, by what it is alike in: the route and the model of requests, the model of answers.
    pub strata: BTreeMap<String, Counts>,
}

/// What an instance counts of one stratum. What the proxy does not count by a label of the stratum is zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Requests that have ended, or streams that have begun where broken ones are counted.
    pub requests: u64,
    /// Those that ended in a status of 500 or above, or broke.
    pub failed: u64,
    /// What requests took, in seconds.
    pub latency: Histogram,
    /// What streams took until their first token, in seconds.
    pub first_token: Histogram,
    /// Streams whose speed was measured.
    pub streams: u64,
    /// The sum of their speeds, in output tokens a second.
    pub speed: f64,
    /// Answers that were finished.
    pub answers: u64,
    /// Those that were cut short: by their length, or by a filter.
    pub cut_short: u64,
    /// Output tokens.
    pub output_tokens: u64,
}

impl Counts {
    /// Adds what came between two readings.
    pub(super) fn add_growth(&mut self, from: &Self, to: &Self) {
        let grown = |from: u64, to: u64| to.saturating_sub(from);
        self.requests = self.requests.saturating_add(grown(from.requests, to.requests));
        self.failed = self.failed.saturating_add(grown(from.failed, to.failed));
        self.latency.add_growth(&from.latency, &to.latency);
        self.first_token.add_growth(&from.first_token, &to.first_token);
        self.streams = self.streams.saturating_add(grown(from.streams, to.streams));
        self.speed += (to.speed - from.speed).max(0.0);
        self.answers = self.answers.saturating_add(grown(from.answers, to.answers));
        self.cut_short = self.cut_short.saturating_add(grown(from.cut_short, to.cut_short));
        self.output_tokens = self.output_tokens.saturating_add(grown(from.output_tokens, to.output_tokens));
    }
}

/// A histogram as Prometheus has it: for each upper bound how many values are not above it, the last bound being infinite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram {
    /// Upper bound and cumulative count, in the order of bounds. In JSON the infinite bound is null, since it has no number for it.
    #[serde(deserialize_with = "buckets")]
    pub buckets: Vec<(f64, u64)>,
}

/// What was measured since the bake began.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Since when.
    pub since: Timestamp,
    /// The new version.
    pub canary: Side,
    /// The old one.
    pub stable: Side,
    /// The old version's values by check, from before it was gone: what is compared with where it has no sample any more.
    pub reference: BTreeMap<String, f64>,
}

/// The instances of one version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// By the id of the catalog. One that is gone stays: what it has done counts.
    pub instances: BTreeMap<String, InstanceSamples>,
    /// How often tasks were started again since the bake began, as the allocations tell.
    pub restarts: u64,
}

/// What was measured at one instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InstanceSamples {
    /// The last snapshot; absent before the first.
    pub last: Option<Snapshot>,
    /// What was added since the bake began, over restarts of the process.
    pub grown: Snapshot,
    /// Why the last attempt to read it was in vain; absent where it was not.
    pub unreachable: Option<String>,
    /// Whether the catalog does not list it any more: that it cannot be read says nothing then.
    pub is_gone: bool,
}

impl InstanceSamples {
    /// Takes in what it has told. The first snapshot is where counting begins, but for a process that began after `since`: all of
    /// that counts. One of a process that has started anew counts whole too.
    pub fn add(&mut self, snapshot: Snapshot, since: Timestamp) {
        self.unreachable = None;
        let is_young = snapshot.started_at.is_some_and(|at| at >= since);
        let zero = Snapshot::default();
        let from = match &self.last {
            Some(last) if has_begun_anew(last, &snapshot) => Some(&zero),
            Some(last) => Some(last),
            None if is_young => Some(&zero),
            None => None,
        };
        if let Some(from) = from {
            self.grown.requests =
                self.grown.requests.saturating_add(snapshot.requests.saturating_sub(from.requests));
            self.grown.failed = self.grown.failed.saturating_add(snapshot.failed.saturating_sub(from.failed));
            self.grown.latency.add_growth(&from.latency, &snapshot.latency);
            self.grown.first_token.add_growth(&from.first_token, &snapshot.first_token);
            let nothing = Counts::default();
            for (stratum, counts) in &snapshot.strata {
                let from = from.strata.get(stratum).unwrap_or(&nothing);
                self.grown.strata.entry(stratum.clone()).or_default().add_growth(from, counts);
            }
        }
        self.last = Some(snapshot);
    }

    /// Takes in that it could not be read.
    pub fn miss(&mut self, why: String) {
        self.unreachable = Some(why);
    }
}

/// Whether the process is another than before: it says so, or a counter has gone back.
fn has_begun_anew(last: &Snapshot, now: &Snapshot) -> bool {
    let is_later = matches!((last.started_at, now.started_at), (Some(last), Some(now)) if now > last);
    is_later
        || now.requests < last.requests
        || now.failed < last.failed
        || now.latency.count() < last.latency.count()
        || now.first_token.count() < last.first_token.count()
}

impl Side {
    /// Failed requests, and all.
    pub(super) fn requests(&self) -> (u64, u64) {
        self.instances.values().fold((0, 0), |(failed, all), one| {
            (failed.saturating_add(one.grown.failed), u64::saturating_add(all, one.grown.requests))
        })
    }

    pub(super) fn latency(&self) -> Histogram {
        self.pooled(|grown| &grown.latency)
    }

    pub(super) fn first_token(&self) -> Histogram {
        self.pooled(|grown| &grown.first_token)
    }

    fn pooled(&self, of: impl Fn(&Snapshot) -> &Histogram) -> Histogram {
        let mut pool = Histogram::default();
        for one in self.instances.values() {
            pool.add_growth(&Histogram::default(), of(&one.grown));
        }
        pool
    }

    /// How many instances that are listed could not be read.
    pub(super) fn unreachable(&self) -> usize {
        self.instances.values().filter(|one| one.unreachable.is_some() && !one.is_gone).count()
    }

    pub(super) fn first_error(&self) -> Option<&str> {
        self.instances.values().filter(|one| !one.is_gone).find_map(|one| one.unreachable.as_deref())
    }

    /// Why nothing is known of the side at all: it has instances, and none was ever read.
    pub(super) fn without_any_reading(&self) -> Option<&str> {
        let is_unread = !self.instances.is_empty() && self.instances.values().all(|one| one.last.is_none());
        is_unread.then(|| self.first_error().unwrap_or("none was tried yet"))
    }
}

fn buckets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(f64, u64)>, D::Error> {
    let buckets = Vec::<(Option<f64>, u64)>::deserialize(deserializer)?;
    Ok(buckets.into_iter().map(|(bound, count)| (bound.unwrap_or(f64::INFINITY), count)).collect())
}

impl Histogram {
    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, count)| *count)
    }

    /// The value below which this part of all values is, with values spread evenly within a bucket, as Prometheus has it. Beyond the last
    /// finite bound it is that bound.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let rank = part * super::float(total);
        let (mut below, mut from) = (0_u64, 0.0);
        for &(bound, count) in &self.buckets {
            if super::float(count) >= rank {
                if !bound.is_finite() {
                    return Some(from);
                }
                let inside = super::float(count.saturating_sub(below));
                let wanted = rank - super::float(below);
                return Some(if inside > 0.0 { from + (bound - from) * wanted / inside } else { bound });
            }
            (below, from) = (count, bound);
        }
        Some(from)
    }

    /// Adds what came between two snapshots. Bounds that one of them has not, as between two versions, are filled with what lies
    /// below them.
    fn add_growth(&mut self, from: &Self, to: &Self) {
        let mut bounds: Vec<f64> = self.buckets.iter().chain(&to.buckets).map(|(bound, _)| *bound).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        self.buckets = bounds
            .into_iter()
            .map(|bound| {
                let growth = to.at(bound).saturating_sub(from.at(bound));
                (bound, self.at(bound).saturating_add(growth))
            })
            .collect();
    }

    /// How many values are known not to be above a bound.
    fn at(&self, bound: f64) -> u64 {
        self.buckets.iter().rev().find(|(own, _)| *own <= bound).map_or(0, |(_, count)| *count)
    }
}
