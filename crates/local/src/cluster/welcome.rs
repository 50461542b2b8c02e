//! What is printed when a cluster is there, and the file with its environment: where it is, and what to try.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::folder::Folder;
use super::programs::Programs;
use super::record::Record;
use super::release::Release;
use super::request;

/// Everything that the texts speak of.
pub(super) struct Welcome<'w> {
    pub folder: &'w Folder,
    pub record: &'w Record,
    pub release: &'w Release,
    /// Where the instances are now.
    pub instances: Vec<SocketAddr>,
    /// Where the agent is now.
    pub agent: SocketAddr,
    /// How long it took.
    pub took: Duration,
}

/// The file for a shell: addresses, tokens, and a PATH with the servers' command lines and `nova-agent`.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_environment(
    folder: &Folder,
    record: &Record,
    release: &Release,
    programs: &Programs,
    agent: SocketAddr,
) -> anyhow::Result<()> {
    let mut text = String::from("# For a shell: `. env`. These tokens may do everything in this cluster.\n");
    let mut variables = record.environment();
    variables.push(("NOVA_API_KEY", record.api_key.expose_secret().to_owned()));
    // Nomad gives it another port when it starts again; `nova-local status` tells which.
    variables.push(("NOVA_AGENT_ADDR", format!("http://{agent}")));
    variables.push(("NOVA_LOCAL_FOLDER", folder.path().display().to_string()));
    for (name, value) in variables {
        let _written = writeln!(text, "export {name}={}", quoted(&value));
    }
    let mut folders = vec![release.programs.as_path()];
    folders.extend(programs.folders());
    let folders: Vec<String> = folders.iter().map(|folder| quoted(&folder.display().to_string())).collect();
    let _written = writeln!(text, "export PATH={}:\"$PATH\"", folders.join(":"));
    folder.write("env", &text).map(drop)
}

/// As one word of a shell, which most paths are already.
fn word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '/' | '.' | '-' | '_');
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { quoted(text) }
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

impl Welcome<'_> {
    fn base_url(&self) -> String {
        self.instances.first().map(|address| format!("http://{address}/v1")).unwrap_or_default()
    }

    /// For scripts. Tokens are in the files that it names, but for the key of the trial.
    pub(super) fn json(&self) -> Value {
        let ports = self.record.ports;
        let all: Vec<String> = self.instances.iter().map(|address| format!("http://{address}/v1")).collect();
        json!({
            "base_url": self.base_url(),
            "base_urls": all,
            "api_key": self.record.api_key.expose_secret(),
            "version": self.record.version,
            "consul": format!("http://{}", ports.consul()),
            "vault": format!("http://{}", ports.vault()),
            "nomad": format!("http://{}", ports.nomad()),
            "agent": format!("http://{}", self.agent),
            "folder": self.folder.path(),
            "environment": self.folder.join("env"),
            "took_seconds": self.took.as_secs(),
        })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let ports = self.record.ports;
        let environment = word(&self.folder.join("env").display().to_string());
        let jobs = word(&self.folder.join("jobs").display().to_string());
        let (url, key) = (self.base_url(), self.record.api_key.expose_secret());
        let (version, minutes) = (&self.release.version, self.took.as_secs_f64() / 60.0);
        let next = format!("{version}-next");
        format!(
            "
Bedrock Nova Proxy {version} runs on Nomad, after {minutes:.1} minutes. Answers come from a simulator: nothing leaves this machine.

  OpenAI API   {url}  ({} instances; `nova-local status` tells where they are)
  API key      {key}
  Consul       http://{}/ui
  Vault        http://{}/ui
  Nomad        http://{}/ui
  nova-agent   http://{}
  tokens       {environment}

Have addresses, tokens and programs in this shell:

  . {environment}

A first request:

  curl {url}/chat/completions -H 'authorization: Bearer {key}' -H 'content-type: application/json' \\
    -d '{}'

Change the configuration of all instances, and see a second later that each has it:

  consul kv put nova/default/config 'model \"quick\" {{ target = \"nova-lite\" }}'
  nova-agent config status

Bring out another version as a canary beside the old one, see how the agent judges it, and promote it without waiting for traffic:

  cd {jobs}
  nomad job run -detach -var-file=nova-proxy.vars.hcl -var version={next} nova-proxy.nomad.hcl
  nova-agent rollout wait nova-proxy --for canary-ready --job-version 1 --timeout 3m
  nova-agent rollout status nova-proxy
  nova-agent rollout promote nova-proxy -r 'it has been looked at'

End all of it, and leave nothing behind:

  nova-local down
",
            self.instances.len(),
            ports.consul(),
            ports.vault(),
            ports.nomad(),
            self.agent,
            request::body(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_of_a_shell() {
        assert_eq!(word("/srv/o'hara/x y"), r"'/srv/o'\''hara/x y'");
        assert_eq!(
            word("/srv/ada/.local/state/nova-local/cluster"),
            "/srv/ada/.local/state/nova-local/cluster"
        );
    }
}
