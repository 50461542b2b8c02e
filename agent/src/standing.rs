//! How one instance stands: what it runs, held against what the store holds.
//!
//! Pure. Instances are compared by the documents that they applied, not by the hash of all their settings: that one differs between
//! regions, ports and versions that run side by side as they should.

use jiff::Timestamp;

use crate::documents::Indexes;
use crate::receipt::{Receipt, Refusal};

/// What an instance's receipt says, in one word for the table and a sentence for below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It runs what the store holds, and hears of changes.
    InSync,
    /// It refused the last documents that it saw.
    Refused,
    /// It runs other documents than the store holds, and has refused none.
    Behind,
    /// It does not hear of changes now: its own word for how it stands with Consul.
    NoConsul(String),
    /// It told nothing, for this reason.
    NoReceipt(String),
}

impl Standing {
    /// Judges what was fetched against the documents in the store.
    #[must_use]
    pub fn of(fetched: &Result<Receipt, String>, stored: &Indexes) -> Self {
        let receipt = match fetched {
            Ok(receipt) => receipt,
            Err(reason) => return Self::NoReceipt(reason.clone()),
        };
        if receipt.refusal.is_some() {
            return Self::Refused;
        }
        match receipt.consul.state.as_deref() {
            // A prefix without documents is what `empty` means, and then it is no fault of the instance.
            Some("empty") if stored.is_empty() => {}
            Some("in_sync") | None => {}
            Some(state) => return Self::NoConsul(state.to_owned()),
        }
        if receipt.applied() == *stored { Self::InSync } else { Self::Behind }
    }

    /// The word for JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::Refused => "refused",
            Self::Behind => "behind",
            Self::NoConsul(_) => "no_consul",
            Self::NoReceipt(_) => "no_receipt",
        }
    }

    /// The word for the table.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::NoConsul(state) => state.replace('_', " "),
            other => other.as_str().replace('_', " "),
        }
    }

    /// What is behind the word, where the word alone does not say it.
    #[must_use]
    pub fn explanation(&self, receipt: Option<&Receipt>) -> Option<String> {
        match self {
            Self::InSync | Self::Refused => None,
            Self::Behind => {
                Some("runs other documents than the store holds, and has not refused these".to_owned())
            }
            Self::NoReceipt(reason) => Some(reason.clone()),
            Self::NoConsul(state) => {
                let meaning = match state.as_str() {
                    "stale" => "hears of changes late: its Consul has not heard from the leader for too long",
                    "unreachable" => "does not reach its Consul, and keeps what it has",
                    "denied" => {
                        "its token may not read the documents: grant it key_prefix read on the prefix"
                    }
                    "empty" => "sees no documents where there are some: its token or its prefix may be wrong",
                    "filtered" => {
                        "its token may read some of the documents only: grant it key_prefix read on the prefix"
                    }
                    "off" => "its configuration names no Consul: it runs its files alone",
                    _ => "stands with Consul in a way that this version does not know",
                };
                let error = receipt.and_then(|receipt| receipt.consul.error.as_deref());
                Some(error.map_or_else(|| meaning.to_owned(), |error| format!("{meaning} ({error})")))
            }
        }
    }
}

/// What a receipt says of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet, for this reason.
    Waiting(String),
    /// It runs the change.
    Applied,
    /// It runs what somebody wrote after the change.
    Overtaken,
    /// It refused the change, or what somebody wrote after it.
    Refused(Refusal),
}

impl Verdict {
    /// Judges a receipt for the change after which the documents were `ours`. `now` is what the store holds at present, which is
    /// something else when somebody has written since.
    ///
    /// Indexes are compared by document. The index of a whole read would say less: a restored Consul counts anew.
    #[must_use]
    pub fn of(receipt: &Receipt, ours: &Indexes, now: &Indexes) -> Self {
        if let Some(refusal) = &receipt.refusal {
            let refused = refusal.refused();
            if refused == *ours || refused == *now {
                return Self::Refused(refusal.clone());
            }
        }
        let applied = receipt.applied();
        if applied == *ours {
            return Self::Applied;
        }
        if applied == *now {
            return Self::Overtaken;
        }
        Self::Waiting(match receipt.consul.state.as_deref() {
            None | Some("in_sync") => "has not applied it yet".to_owned(),
            Some(_) => Standing::of(&Ok(receipt.clone()), ours)
                .explanation(Some(receipt))
                .unwrap_or_else(|| "has not applied it yet".to_owned()),
        })
    }

    /// Whether nothing more can come of waiting.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Waiting(_))
    }
}

/// How long ago `at` (RFC 3339) was, in one unit: `12s`, `3m`, `5h`, `9d`. None where it is no time.
#[must_use]
pub fn age(at: Option<&str>, now: Timestamp) -> Option<String> {
    Some(short(age_seconds(at, now)?))
}

/// How many seconds ago `at` (RFC 3339) was; clocks that differ do not make it negative.
#[must_use]
pub fn age_seconds(at: Option<&str>, now: Timestamp) -> Option<u64> {
    let at: Timestamp = at?.parse().ok()?;
    Some(u64::try_from(now.as_second().saturating_sub(at.as_second())).unwrap_or(0))
}

fn short(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::receipt::DocumentIndex;

    fn documents(index: u64) -> Indexes {
        if index == 0 { Indexes::new() } else { Indexes::from([("p/config".to_owned(), index)]) }
    }

    fn seen(index: u64) -> Vec<DocumentIndex> {
        documents(index).into_iter().map(|(key, modify_index)| DocumentIndex { key, modify_index }).collect()
    }

    fn receipt(applied: u64, refused: Option<u64>, state: &str) -> Receipt {
        let mut receipt = Receipt::default();
        receipt.config.documents = seen(applied);
        receipt.refusal = refused.map(|index| Refusal { documents: seen(index), ..Refusal::default() });
        receipt.consul.state = Some(state.to_owned());
        receipt
    }

    #[rstest]
    #[case::in_sync(receipt(7, None, "in_sync"), 7, "in sync")]
    #[case::nothing_to_run(receipt(0, None, "empty"), 0, "in sync")]
    #[case::behind(receipt(5, None, "in_sync"), 7, "behind")]
    #[case::refused(receipt(5, Some(7), "in_sync"), 7, "refused")]
    // A refusal is what an operator must see first, whatever else is the matter.
    #[case::refused_and_cut_off(receipt(5, Some(7), "unreachable"), 7, "refused")]
    #[case::cut_off(receipt(7, None, "unreachable"), 7, "unreachable")]
    #[case::blind(receipt(5, None, "empty"), 7, "empty")]
    #[case::files_alone(receipt(0, None, "off"), 7, "off")]
    #[case::from_the_future(receipt(7, None, "half_hearted"), 7, "half hearted")]
    fn a_receipt_is_one_word(#[case] receipt: Receipt, #[case] stored: u64, #[case] label: &str) {
        assert_eq!(Standing::of(&Ok(receipt), &documents(stored)).label(), label);
    }

    #[test]
    fn an_instance_that_tells_nothing_has_a_reason() {
        let standing = Standing::of(&Err("connection refused".to_owned()), &documents(7));
        assert_eq!((standing.label().as_str(), standing.as_str()), ("no receipt", "no_receipt"));
        assert_eq!(standing.explanation(None).unwrap(), "connection refused");
    }

    #[rstest]
    #[case::applied(receipt(7, None, "in_sync"), "applied")]
    #[case::not_yet(receipt(5, None, "in_sync"), "waiting")]
    #[case::refused(receipt(5, Some(7), "in_sync"), "refused")]
    #[case::an_older_refusal(receipt(5, Some(6), "in_sync"), "waiting")]
    #[case::overtaken(receipt(9, None, "in_sync"), "overtaken")]
    #[case::refused_what_came_after(receipt(5, Some(9), "in_sync"), "refused")]
    // It runs the change already; that it is cut off now does not undo it.
    #[case::applied_then_cut_off(receipt(7, None, "unreachable"), "applied")]
    // A store that was restored counts from a lower index: a higher one proves nothing.
    #[case::a_higher_index_of_another_time(receipt(900, None, "in_sync"), "waiting")]
    fn a_receipt_says_what_became_of_a_change(#[case] receipt: Receipt, #[case] expected: &str) {
        let verdict = match Verdict::of(&receipt, &documents(7), &documents(9)) {
            Verdict::Waiting(_) => "waiting",
            Verdict::Applied => "applied",
            Verdict::Overtaken => "overtaken",
            Verdict::Refused(_) => "refused",
        };
        assert_eq!(verdict, expected);
    }

    #[test]
    fn ages_have_one_unit() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (at, expected) in [
            ("2026-11-24T11:59:48Z", "12s"),
            ("2026-11-24T11:57:00Z", "3m"),
            ("2026-11-24T07:00:00Z", "5h"),
            ("2026-11-15T12:00:00Z", "9d"),
            // Clocks differ.
            ("2026-11-24T12:00:05Z", "0s"),
        ] {
            assert_eq!(age(Some(at), now).as_deref(), Some(expected), "{at}");
        }
        assert_eq!((age(None, now), age(Some("yesterday"), now)), (None, None));
    }
}
