//! A candidate for `config`, which some instances try before all others do: its form in the store, and when it may be applied.
//!
//! Pure. The agent writes it and takes it away; an instance decides by this file alone whether it is one of those, so that a candidate
//! ends at its maximum age although nobody is left who could take it away. What becomes of it in an instance is for the program.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The name of the candidate below the prefix.
pub const CANDIDATE: &str = "config.canary";

/// The form that this version writes and reads. It rises when an older instance must not apply one; added members do not need it.
pub const CANDIDATE_FORMAT: u32 = 1;

/// The longest maximum age: what nobody has judged for a day is not being tried any more.
pub const LONGEST_MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// The largest value that is read: the text, and the names of a ring of some thousands.
const MAX_BYTES: usize = 512 << 10;

/// A candidate, as `config.canary` holds it.
///
/// Members that this version does not know are passed over, so that older and newer versions read each other's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The form, [`CANDIDATE_FORMAT`].
    pub format: u32,
    /// Tells it from every other.
    pub id: String,
    /// The modify index of the `config` that it was made for: beside another one it is not applied.
    pub base_index: u64,
    /// The share of the instances that was asked for, in percent.
    pub share_percent: u8,
    /// The instances that apply it, by the names that they have in their receipts.
    pub ring: BTreeSet<String>,
    /// When it was put there, in milliseconds since 1970.
    pub begun_at_ms: u64,
    /// How long it may be applied after that, in milliseconds.
    pub max_age_ms: u64,
    /// What stands in for the text of `config`.
    pub config: String,
}

/// Why a value is no candidate.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    /// It is not of this form.
    #[error("it is not a candidate as nova-agent writes it; remove the key")]
    Malformed(#[source] serde_json::Error),
    /// A later version wrote it.
    #[error("it has the form {0}, and this version reads {CANDIDATE_FORMAT}")]
    Newer(u32),
    /// It is larger than any that was written by an agent.
    #[error("it has {0} bytes, and at most {MAX_BYTES} are read")]
    TooLarge(usize),
    /// Its maximum age is none that an agent gives.
    #[error("its maximum age is {0} ms: an agent gives 1 to {max}", max = LONGEST_MAX_AGE.as_millis())]
    Age(u64),
    /// Its text is blank, which would take back all that `config` says.
    #[error("its text is empty, which would take back all that config says")]
    Empty,
}

impl Candidate {
    /// Reads the value of `config.canary`.
    ///
    /// # Errors
    /// When an instance must not apply it.
    pub fn parse(value: &[u8]) -> Result<Self, CandidateError> {
        /// The form alone, which every version can read.
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        if value.len() > MAX_BYTES {
            return Err(CandidateError::TooLarge(value.len()));
        }
        let form: Form = serde_json::from_slice(value).map_err(CandidateError::Malformed)?;
        if form.format > CANDIDATE_FORMAT {
            return Err(CandidateError::Newer(form.format));
        }
        let candidate: Self = serde_json::from_slice(value).map_err(CandidateError::Malformed)?;
        if candidate.max_age().is_zero() || candidate.max_age() > LONGEST_MAX_AGE {
            return Err(CandidateError::Age(candidate.max_age_ms));
        }
        if candidate.config.trim().is_empty() {
            return Err(CandidateError::Empty);
        }
        Ok(candidate)
    }

    /// The value to store.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which only a defect can bring about.
    pub fn to_value(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(self).map(Bytes::from)
    }

    /// How long it may be applied.
    #[must_use]
    pub fn max_age(&self) -> Duration {
        Duration::from_millis(self.max_age_ms)
    }

    /// When it ends, in milliseconds since 1970.
    #[must_use]
    pub fn expires_at_ms(&self) -> u64 {
        self.begun_at_ms.saturating_add(self.max_age_ms)
    }

    /// What an instance does about it. `instance` is its name, `config_index` the modify index of the `config` that it runs, `now_ms` its
    /// clock, and `known_for` how long it has known the candidate by a clock that nobody sets: a wall clock that is set back, or that
    /// is behind the agent's, must not prolong a candidate's life.
    #[must_use]
    pub fn place(
        &self,
        instance: &str,
        config_index: Option<u64>,
        now_ms: u64,
        known_for: Duration,
    ) -> CandidatePlace {
        if !self.ring.contains(instance) {
            CandidatePlace::Outside
        } else if now_ms >= self.expires_at_ms() || known_for >= self.max_age() {
            CandidatePlace::Expired
        } else if config_index != Some(self.base_index) {
            CandidatePlace::OtherBase
        } else {
            CandidatePlace::Applies
        }
    }
}

/// What an instance does about a candidate that it can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidatePlace {
    /// Others try it: this one runs `config`.
    Outside,
    /// It is this one's to try.
    Applies,
    /// It was made for another `config` than the one that this instance runs.
    OtherBase,
    /// It is past its maximum age.
    Expired,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn candidate() -> Candidate {
        Candidate {
            format: CANDIDATE_FORMAT,
            id: "c1".to_owned(),
            base_index: 120,
            share_percent: 10,
            ring: BTreeSet::from(["a".to_owned(), "b".to_owned()]),
            begun_at_ms: 1_000_000,
            max_age_ms: 60_000,
            config: "strict = true\n".to_owned(),
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[rstest]
    #[case::of_the_ring("a", Some(120), 1_000_000, 0, CandidatePlace::Applies)]
    #[case::to_its_last_moment("b", Some(120), 1_059_999, 59, CandidatePlace::Applies)]
    #[case::another("c", Some(120), 1_000_000, 0, CandidatePlace::Outside)]
    #[case::another_that_is_late("c", Some(9), 9_000_000, 99, CandidatePlace::Outside)]
    #[case::beside_another_config("a", Some(121), 1_000_000, 0, CandidatePlace::OtherBase)]
    #[case::without_a_config("a", None, 1_000_000, 0, CandidatePlace::OtherBase)]
    #[case::too_late("a", Some(120), 1_060_000, 0, CandidatePlace::Expired)]
    #[case::too_late_although_the_clock_was_set_back("a", Some(120), 5, 60, CandidatePlace::Expired)]
    fn an_instance_knows_its_place(
        #[case] instance: &str,
        #[case] config_index: Option<u64>,
        #[case] now_ms: u64,
        #[case] known_for_s: u64,
        #[case] expected: CandidatePlace,
    ) {
        let known_for = Duration::from_secs(known_for_s);
        assert_eq!(candidate().place(instance, config_index, now_ms, known_for), expected);
    }

    #[test]
    fn what_an_agent_would_not_write_is_refused() {
        let text = |change: &dyn Fn(&mut Candidate)| {
            let mut candidate = candidate();
            change(&mut candidate);
            Candidate::parse(&candidate.to_value().unwrap())
        };
        assert!(matches!(text(&|it| it.format = 2), Err(CandidateError::Newer(2))));
        assert!(matches!(text(&|it| it.max_age_ms = 0), Err(CandidateError::Age(0))));
        assert!(matches!(text(&|it| it.max_age_ms = 86_400_001), Err(CandidateError::Age(_))));
        assert!(matches!(text(&|it| it.config = " \n".to_owned()), Err(CandidateError::Empty)));
        assert!(matches!(text(&|it| it.config = "#".repeat(600 << 10)), Err(CandidateError::TooLarge(_))));
        for wrong in ["", "==", "{}", "strict = true", r#"{"format":1}"#] {
            let error = Candidate::parse(wrong.as_bytes()).unwrap_err();
            assert!(matches!(error, CandidateError::Malformed(_)), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_later_form_is_told_although_nothing_else_of_it_can_be_read() {
        let error = Candidate::parse(br#"{"format":7,"text":["x"]}"#).unwrap_err();
        assert!(matches!(error, CandidateError::Newer(7)), "{error}");
    }

    #[test]
    fn members_of_a_later_version_are_passed_over() {
        let mut value: serde_json::Value = serde_json::from_slice(&candidate().to_value().unwrap()).unwrap();
        value["approved_by"] = serde_json::json!(["bob"]);
        assert_eq!(Candidate::parse(value.to_string().as_bytes()).unwrap(), candidate());
    }

    proptest! {
        /// Whatever the clocks say, a candidate ends, and only in the ring and beside its base it is applied at all.
        #[test]
        fn nothing_is_applied_that_must_not_be(
            instance in "[a-d]",
            config_index in proptest::option::of(118_u64..123),
            now_ms in 0_u64..2_000_000,
            known_for_ms in 0_u64..120_000,
        ) {
            let candidate = candidate();
            let known_for = Duration::from_millis(known_for_ms);
            let place = candidate.place(&instance, config_index, now_ms, known_for);
            let may = candidate.ring.contains(&instance)
                && config_index == Some(120)
                && now_ms < 1_060_000
                && known_for < MINUTE;
            prop_assert_eq!(place == CandidatePlace::Applies, may);
        }

        #[test]
        fn what_is_written_is_read(
            id in ".{1,20}", base_index in any::<u64>(), share_percent in 0_u8..=100,
            ring in prop::collection::btree_set(".{1,12}", 0..5), begun_at_ms in any::<u64>(),
            max_age_ms in 1_u64..=86_400_000, config in "[a-z]{1,30}",
        ) {
            let written = Candidate {
                format: CANDIDATE_FORMAT, id, base_index, share_percent, ring, begun_at_ms, max_age_ms, config,
            };
            prop_assert_eq!(Candidate::parse(&written.to_value().unwrap()).unwrap(), written);
        }
    }
}
