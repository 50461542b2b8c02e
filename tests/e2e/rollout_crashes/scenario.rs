//! What is rolled out in a run, how it does, and what has to be in the end.

use nova_test_support::scripted::{Behavior, Conduct};

/// One story.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// How many canaries there are, of two instances: as many are blue-green.
    pub(super) canaries: u64,
    /// How the new version does.
    pub(super) how: How,
    /// Requests are shared by Consul's splitter, in two steps, and not by the number of instances.
    pub(super) is_in_mesh: bool,
    /// A still newer version comes while the canary is judged.
    pub(super) is_superseded: bool,
    /// What runs in the end.
    pub(super) runs: &'static str,
    /// How the last rollout has to end, as its record says it.
    pub(super) outcome: &'static str,
}

/// How the new version does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Well.
    Good,
    /// One of ten requests fails.
    Errs,
    /// Its program ends again and again, from its promotion on.
    CrashesOncePromoted,
}

impl Scenario {
    /// The highest number that a version of the job may have: each registration and each way back makes one.
    pub(super) fn most_versions(&self) -> u64 {
        if self.is_superseded || self.runs != NEW { 2 } else { 1 }
    }
}

impl How {
    pub(super) fn behavior(self) -> Behavior {
        match self {
            Self::Good => Behavior::default(),
            Self::Errs => Behavior::always(Conduct { errors_per_thousand: 100, ..Conduct::default() }),
            Self::CrashesOncePromoted => {
                let crashes = Conduct { crashes: true, ..Conduct::default() };
                Behavior { once_promoted: Some(crashes), ..Behavior::default() }
            }
        }
    }
}

/// The version that runs at the beginning, the one that is rolled out, and the one that supersedes it.
pub(super) const OLD: &str = "1.0.0";
pub(super) const NEW: &str = "2.0.0";
pub(super) const NEWER: &str = "3.0.0";

const PLAIN: Scenario = Scenario {
    name: "good canary",
    canaries: 1,
    how: How::Good,
    is_in_mesh: false,
    is_superseded: false,
    runs: NEW,
    outcome: "promoted",
};

const BAD: Scenario = Scenario { how: How::Errs, runs: OLD, outcome: "rolled_back", ..PLAIN };

/// All of them. Each has its instances twice, and canaries beside them.
pub(super) const SCENARIOS: [Scenario; 8] = [
    PLAIN,
    Scenario { name: "bad canary", ..BAD },
    Scenario { name: "crash after promotion", how: How::CrashesOncePromoted, ..BAD },
    Scenario { name: "good blue-green", canaries: 2, ..PLAIN },
    Scenario { name: "bad blue-green", canaries: 2, ..BAD },
    Scenario { name: "superseded", is_superseded: true, runs: NEWER, ..PLAIN },
    Scenario { name: "good canary in the mesh", is_in_mesh: true, ..PLAIN },
    Scenario { name: "bad canary in the mesh", is_in_mesh: true, ..BAD },
];
