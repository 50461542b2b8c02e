//! The rules that a candidate is judged by: the body of a rollout's policy, as far as it means something for a configuration.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::rollout::policy::{GateKind, GatePoint, Metric, Policy, PolicyText, of_job};
use crate::rollout::record::Target;

/// Reads a policy; the defaults where no file is named.
pub(super) fn read(file: Option<&Path>, max_age: Duration) -> anyhow::Result<Policy> {
    let body = match file {
        None => PolicyText { name: "built-in defaults".to_owned(), text: String::new() },
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
            PolicyText { name, text }
        }
    };
    let target = Target { namespace: "default".to_owned(), job: "config".to_owned() };
    let found =
        of_job(&target, &[], std::slice::from_ref(&body)).map_err(|faults| anyhow::anyhow!("{faults}"))?;
    let Some(found) = found else { bail!("{} names another job: leave job and namespace out", body.name) };
    fitting(found.policy, max_age).with_context(|| format!("the policy of {} cannot be used", body.name))
}

/// The policy without what only Nomad can tell; what nobody would act upon is refused.
fn fitting(mut policy: Policy, max_age: Duration) -> anyhow::Result<Policy> {
    // How often tasks were started again is Nomad's count, and nobody asks it here.
    policy.checks.retain(|check| check.metric != Metric::Restarts);
    let bake = policy.steps.first().map(|step| step.bake).unwrap_or_default();
    ensure!(
        bake < max_age,
        "it is judged for {} s at least and tried for {} s at most, so that it would never be promoted: lower bake_time, or raise \
         --max-age",
        bake.as_secs(),
        max_age.as_secs()
    );
    for gate in &policy.gates {
        let name = &gate.name;
        match &gate.kind {
            GateKind::Webhook { .. } => {
                bail!("webhook {name:?}: webhooks are not asked about candidates; take it out")
            }
            GateKind::Approval if gate.before == GatePoint::Start => {
                bail!(
                    "approval {name:?}: who pushes a candidate has approved its trial; write before = \"promotion\""
                )
            }
            GateKind::Approval | GateKind::Window { .. } | GateKind::Blackout { .. } => {}
        }
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_AN_HOUR: Duration = Duration::from_secs(1800);

    fn of(text: &str) -> anyhow::Result<Policy> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(Some(file.path()), HALF_AN_HOUR)
    }

    #[test]
    fn the_defaults_are_those_of_rollouts_without_restarts() {
        let policy = read(None, HALF_AN_HOUR).unwrap();
        let names: Vec<_> = policy.checks.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(
            names,
            ["cut_short", "errors", "first_token", "latency", "output_speed", "output_tokens", "unreachable"]
        );
        assert_eq!(policy.steps[0].bake, Duration::from_secs(600));
    }

    #[test]
    fn a_file_changes_them_and_its_faults_have_a_place() {
        let policy = of("bake_time = \"20s\"\ncheck \"errors\" { min_sample = 7 }\n").unwrap();
        assert_eq!(policy.steps[0].bake, Duration::from_secs(20));
        let errors = policy.checks.iter().find(|check| check.name == "errors").unwrap();
        assert_eq!((errors.min_sample, errors.maximum), (7, Some(0.05)));
        let fault = format!("{:#}", of("bake_time = \"20s\"\nbake = 3\n").unwrap_err());
        assert!(fault.contains(":2:"), "{fault}");
    }

    #[test]
    fn what_nobody_would_act_upon_is_refused() {
        for (text, expected) in [
            ("bake_time = \"30m\"", "never be promoted"),
            ("webhook \"ci\" { url = \"https://ci.example/\" }", "not asked"),
            ("approval \"boss\" { before = \"start\" }", "promotion"),
        ] {
            let error = format!("{:#}", of(text).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(of("approval \"boss\" {}").unwrap().gates.len(), 1);
    }
}
