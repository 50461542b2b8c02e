//! Webhooks of a rollout's policy: gates that are asked, and people who are told.
//!
//! Owns what is sent, and which files tokens may come from. A policy is written by whoever may write a job: it names neither a file of
//! this machine's that is none of its business, nor an address that the agent's configuration does not allow.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use tokio::io::AsyncReadExt as _;

use super::action::{Event, Settled};
use super::engine::Hooks;
use super::observation::GateState;
use super::policy::{GateKind, GatePolicy, NotifyPolicy};
use super::record::Rollout;
use crate::notify::{Message, Notifier, Subject};
use crate::seams::webhook::{Destinations, Endpoint, Reply, Webhooks};

/// The largest file that a token is read from.
const MAX_TOKEN: u64 = 16 << 10;

/// What the agent's configuration says of webhooks.
#[derive(Clone, Debug, Default)]
pub struct HookRules {
    /// Which addresses may be called.
    pub destinations: Destinations,
    /// The folder that a policy's tokens are in; a policy names files in it. Without it no policy can send a token.
    pub token_folder: Option<PathBuf>,
    /// The file with what every call is signed with. Without it calls are not signed.
    pub secret_file: Option<PathBuf>,
}

/// Asks and tells by webhooks.
#[derive(Clone, Debug)]
pub struct PolicyHooks {
    webhooks: Webhooks,
    notifier: Notifier,
    rules: HookRules,
}

/// What a gate is asked with.
#[derive(Debug, Serialize)]
struct Question<'r> {
    gate: &'r str,
    namespace: &'r str,
    job: &'r str,
    deployment_id: &'r str,
    job_version: u64,
    version: Option<&'r str>,
    phase: &'static str,
}

impl PolicyHooks {
    /// Calls by `webhooks`, and tells by `notifier`.
    #[must_use]
    pub fn new(webhooks: Webhooks, notifier: Notifier, rules: HookRules) -> Self {
        Self { webhooks, notifier, rules }
    }

    async fn endpoint(
        &self,
        url: &str,
        token_file: Option<&str>,
        timeout: Duration,
    ) -> Result<Endpoint, String> {
        let endpoint = Endpoint::new(url, timeout, &self.rules.destinations);
        let endpoint = endpoint.map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
        let token = match token_file {
            Some(file) => Some(self.token(file).await?),
            None => None,
        };
        let secret = match &self.rules.secret_file {
            Some(path) => Some(read(path, "the secret of webhooks").await?),
            None => None,
        };
        Ok(endpoint.with_token(token).signed(secret))
    }

    /// Hands a message over for each of these receivers. One whose address cannot be used is told in the log.
    pub async fn tell_all(&self, receivers: &[NotifyPolicy], message: Message) {
        let mut endpoints = Vec::new();
        for whom in receivers {
            match self.endpoint(&whom.url, whom.token_file.as_deref(), whom.timeout).await {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(why) => self.notifier.give_up(&whom.name, &message, &why),
            }
        }
        self.notifier.tell(message, endpoints);
    }

    /// A token of a policy, read anew for each call, so that one that is replaced is followed.
    async fn token(&self, file: &str) -> Result<SecretString, String> {
        let folder = self.rules.token_folder.as_deref().ok_or_else(|| {
            format!("the token file {file} is not read: the agent's configuration names no folder for tokens of policies")
        })?;
        let path = within(folder, file)
            .ok_or_else(|| format!("the token file {file} is not read: it is not in {}", folder.display()))?;
        read(&path, "the token file").await
    }
}

/// The secret in a file, without the blanks around it.
async fn read(path: &Path, what: &str) -> Result<SecretString, String> {
    let unreadable = |error: std::io::Error| format!("{what} {} cannot be read: {error}", path.display());
    let opened = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let mut text = String::new();
    opened.take(MAX_TOKEN).read_to_string(&mut text).await.map_err(unreadable)?;
    match text.trim() {
        "" => Err(unreadable(std::io::Error::new(ErrorKind::InvalidData, "it is empty"))),
        secret => Ok(SecretString::from(secret)),
    }
}

/// The path of a file of this folder: a plain relative name, or an absolute one that begins with the folder. Neither leads out of it.
fn within(folder: &Path, file: &str) -> Option<PathBuf> {
    let path = folder.join(file);
    let leads_out = path.components().any(|part| matches!(part, Component::ParentDir));
    (path.starts_with(folder) && path != folder && !leads_out).then_some(path)
}

impl Hooks for PolicyHooks {
    async fn ask(&self, gate: &GatePolicy, rollout: &Rollout) -> GateState {
        let GateKind::Webhook { url, token_file, timeout } = &gate.kind else {
            return GateState::Unknown("it is no webhook".to_owned());
        };
        let endpoint = match self.endpoint(url, token_file.as_deref(), *timeout).await {
            Ok(endpoint) => endpoint,
            Err(why) => return GateState::Unknown(why),
        };
        let question = Question {
            gate: &gate.name,
            namespace: &rollout.target.namespace,
            job: &rollout.target.job,
            deployment_id: &rollout.deployment_id,
            job_version: rollout.canary.job_version,
            version: rollout.canary.name.as_deref(),
            phase: rollout.phase.name().as_str(),
        };
        match self.webhooks.post(&endpoint, &question, Timestamp::now()).await {
            Ok(Reply::Open) => GateState::Open,
            Ok(Reply::Refused(said)) => GateState::Closed(said),
            Err(error) => GateState::Unknown(format!("{:#}", anyhow::Error::from(error))),
        }
    }

    /// Hands the message over. An address that cannot be used is told, and does not hold up the rollout.
    async fn tell(&self, event: &Event, rollout: &Rollout) -> Settled {
        let kind = serde_json::to_value(event.kind).unwrap_or_default();
        let message = Message {
            kind: kind.as_str().unwrap_or("other").to_owned(),
            message: event.message.clone(),
            advice: event.advice.clone(),
            about: Subject::Rollout {
                namespace: rollout.target.namespace.clone(),
                job: rollout.target.job.clone(),
                deployment_id: rollout.deployment_id.clone(),
                job_version: rollout.canary.job_version,
            },
            at: Timestamp::now(),
        };
        self.tell_all(&rollout.policy.notify, message).await;
        Settled::Done
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ci", true)]
    #[case("team/ci", true)]
    #[case("/etc/nova/tokens/ci", true)]
    #[case("../agent-token", false)]
    #[case("team/../../agent-token", false)]
    #[case("/etc/nova/agent-token", false)]
    #[case("/etc/nova/tokens/../agent-token", false)]
    #[case("/etc/nova/tokens-of-others/ci", false)]
    #[case("", false)]
    fn a_policy_names_files_of_its_folder_alone(#[case] file: &str, #[case] is_read: bool) {
        assert_eq!(within(Path::new("/etc/nova/tokens"), file).is_some(), is_read);
    }
}
