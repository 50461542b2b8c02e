//! Which rollout a command is about: a job in a namespace.

use std::fmt;

use nova_hashistack::transport::{Call, HashistackError};

/// The namespace of jobs that name none.
pub(super) const DEFAULT_NAMESPACE: &str = "default";

/// A target as somebody wrote it: `JOB` or `NAMESPACE/JOB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TargetText {
    namespace: Option<String>,
    job: String,
}

/// A job in a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) namespace: String,
    pub(super) job: String,
}

/// Reads a target. Jobs may have slashes in their names, namespaces have none: the first one parts the two.
pub(super) fn parse(text: &str) -> Result<TargetText, String> {
    let (namespace, job) =
        text.split_once('/').map_or((None, text), |(namespace, job)| (Some(namespace), job));
    let is_name = |name: &str| {
        !name.is_empty() && !name.chars().any(|letter| letter.is_control() || letter.is_whitespace())
    };
    if !is_name(job) || namespace.is_some_and(|namespace| !is_name(namespace)) {
        return Err("is no target: write JOB or NAMESPACE/JOB".to_owned());
    }
    Ok(TargetText { namespace: namespace.map(str::to_owned), job: job.to_owned() })
}

impl TargetText {
    /// The target, in this namespace where it names none itself.
    pub(super) fn within(&self, namespace: &str) -> Target {
        let namespace = self.namespace.as_deref().unwrap_or(namespace).to_owned();
        Target { namespace, job: self.job.clone() }
    }
}

impl Target {
    /// The call of this target's part of the API.
    pub(super) fn of(&self, call: Call) -> Result<Call, HashistackError> {
        call.segment(&self.namespace)?.segment(&self.job)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.job)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("nova-proxy", "prod/nova-proxy")]
    #[case("staging/nova-proxy", "staging/nova-proxy")]
    #[case("default/batch/nightly", "default/batch/nightly")]
    fn a_target_is_a_job_or_a_namespace_and_a_job(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(parse(text).unwrap().within("prod").to_string(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("/web")]
    #[case("prod/")]
    #[case("two words")]
    fn what_names_no_job_is_refused_with_the_form(#[case] text: &str) {
        assert!(parse(text).unwrap_err().contains("NAMESPACE/JOB"));
    }

    #[test]
    fn a_slash_in_a_job_stays_part_of_its_name_on_the_wire() {
        let target = parse("default/batch/nightly").unwrap().within("x");
        assert!(
            format!("{:?}", target.of(Call::get("/v1/rollouts")).unwrap())
                .ends_with("/default/batch%2Fnightly")
        );
    }
}
