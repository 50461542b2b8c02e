//! A check: what it is called, what has to hold first, how facts are judged, and what is told to whom it fails. Pure.

use super::fact::Facts;
use super::outcome::Outcome;

/// What belongs together in what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Consul.
    Consul,
    /// Nomad.
    Nomad,
    /// Vault.
    Vault,
    /// Whether the proxies are there.
    Instances,
    /// What they run.
    Configuration,
    /// What they know that others must not.
    Secrets,
    /// Whether clocks agree.
    Clocks,
    /// Whether requests are answered.
    Requests,
    /// Whether that is seen.
    Metrics,
    /// Which versions run.
    Versions,
    /// The control plane.
    Agent,
    /// This machine.
    Machine,
    /// The way to others.
    Network,
    /// Amazon Bedrock.
    Bedrock,
}

impl Group {
    /// Its heading.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consul => "consul",
            Self::Nomad => "nomad",
            Self::Vault => "vault",
            Self::Instances => "instances",
            Self::Configuration => "configuration",
            Self::Secrets => "secrets",
            Self::Clocks => "clocks",
            Self::Requests => "requests",
            Self::Metrics => "metrics",
            Self::Versions => "versions",
            Self::Agent => "agent",
            Self::Machine => "machine",
            Self::Network => "network",
            Self::Bedrock => "bedrock",
        }
    }
}

/// Which command has a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `nova-agent verify`: of what is deployed.
    Verify,
    /// `nova-agent preflight`: before an installation.
    Preflight,
}

impl Command {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Preflight => "preflight",
        }
    }
}

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What it is called, everywhere: in reports, on the command line, and as the heading on its page.
    pub id: &'static str,
    /// Where it is shown.
    pub group: Group,
    /// What holds, as a sentence.
    pub title: &'static str,
    /// What to do when it does not.
    pub hint: &'static str,
    /// Checks that stand before it in the table and have to hold, or there is nothing to go by.
    pub needs: &'static [&'static str],
    /// Which commands have it.
    pub of: &'static [Command],
    /// What facts mean.
    pub judge: fn(&Facts) -> Outcome,
}

impl Check {
    /// Where it is written about.
    #[must_use]
    pub fn docs(&self) -> String {
        format!("docs/reference/checks.md#{}", self.id)
    }
}
