//! Where records are: the keys of jobs, of their history and of commands.
//!
//! Pure. A name that has a slash or another sign of its own is encoded, so that a key leads back to its job.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::rollout::record::Target;

/// What stays as it is in a key: what has no meaning in paths.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~').remove(b'.');

/// How many ended rollouts of a job are kept: with one every day that is seven weeks.
pub const KEPT: usize = 50;

/// How many one transaction removes at most; the next ones remove the rest.
const MOST_REMOVED: usize = 10;

/// Digits of a number, so that keys sort as numbers do.
const DIGITS: usize = 10;

/// The folder of all records.
pub(crate) fn records(prefix: &str) -> String {
    format!("{prefix}/rollouts/")
}

/// The record of a job.
pub(crate) fn record(prefix: &str, target: &Target) -> String {
    format!("{}{}", records(prefix), path(target))
}

/// The folder of a job's ended rollouts.
pub(crate) fn history(prefix: &str, target: &Target) -> String {
    format!("{prefix}/rollout-history/{}/", path(target))
}

/// The folder of a job's open commands.
pub(super) fn commands(prefix: &str, target: &Target) -> String {
    format!("{prefix}/rollout-commands/{}/", path(target))
}

/// The policy of a job.
pub(in crate::rollout) fn policy(prefix: &str, target: &Target) -> String {
    format!("{prefix}/policies/{}", path(target))
}

/// The key of an ended rollout.
pub(super) fn ended(folder: &str, number: u64) -> String {
    format!("{folder}{number:0DIGITS$}")
}

/// The number of an ended rollout.
pub(super) fn number(folder: &str, key: &str) -> Option<u64> {
    let digits = key.strip_prefix(folder)?;
    let is_number = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// The numbers that go when one more comes.
pub(super) fn outdated(numbers: &[u64]) -> impl Iterator<Item = u64> {
    numbers.iter().copied().take((numbers.len() + 1).saturating_sub(KEPT).min(MOST_REMOVED))
}

/// The job of a record's key.
pub(super) fn target(prefix: &str, key: &str) -> Option<Target> {
    let (namespace, job) = key.strip_prefix(&records(prefix))?.split_once('/')?;
    if job.contains('/') {
        return None;
    }
    let decoded = |part: &str| percent_decode_str(part).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    Some(Target { namespace: decoded(namespace)?, job: decoded(job)? })
}

fn path(target: &Target) -> String {
    format!("{}/{}", segment(&target.namespace), segment(&target.job))
}

fn segment(name: &str) -> String {
    match name {
        // These are no names in a path.
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        name => utf8_percent_encode(name, ENCODED).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(namespace: &str, job: &str) -> Target {
        Target { namespace: namespace.to_owned(), job: job.to_owned() }
    }

    #[test]
    fn plain_names_are_their_own_keys() {
        assert_eq!(
            record("nova/default", &of("prod", "nova-proxy")),
            "nova/default/rollouts/prod/nova-proxy"
        );
        assert_eq!(record("p", &of("prod", "team/a")), "p/rollouts/prod/team%2Fa");
        let folder = history("p", &of("prod", "web"));
        assert_eq!(ended(&folder, 7), "p/rollout-history/prod/web/0000000007");
        assert_eq!(number(&folder, &ended(&folder, 7)), Some(7));
        assert_eq!(number(&folder, "p/rollout-history/prod/web/7"), None);
    }

    #[test]
    fn the_oldest_go_when_there_are_more_than_are_kept() {
        let numbers: Vec<u64> = (1..=50).collect();
        assert_eq!(outdated(&numbers).collect::<Vec<_>>(), [1]);
        assert_eq!(outdated(&numbers[..49]).count(), 0);
        let numbers: Vec<u64> = (1..=500).collect();
        assert_eq!(outdated(&numbers).count(), MOST_REMOVED);
    }

    proptest! {
        #[test]
        fn a_key_leads_back_to_its_job(namespace in ".{1,20}", job in ".{1,20}") {
            let wanted = of(&namespace, &job);
            prop_assert_eq!(target("nova/default", &record("nova/default", &wanted)), Some(wanted));
        }
    }
}
