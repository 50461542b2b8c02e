//! The job files of `jobs/`, given to a real Nomad as an operator gives them: with variables, by Nomad's own command line.

mod adoption;
mod agent;
mod bad_days;
mod chain;
mod files;
mod isolated;
mod nomad_policies;
pub(crate) mod rollout;
pub(crate) mod vault_policies;

use anyhow::ensure;
use nova_test_support::binary::{Program, workspace_root};
use nova_test_support::process::Finished;
use nova_test_support::server::Nomad;
use serde_json::{Value, json};

use crate::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

/// The configuration of trials: everybody is let in, and Bedrock is the simulator that the catalog knows.
const TRIAL_CONFIG: &str = r#"
bedrock {
  {{ range service "bedrock-sim" }}endpoint = "http://{{ .Address }}:{{ .Port }}"{{ end }}
}
auth {
  none = true
}
"#;

/// A file of `jobs/` with values of its variables.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    file: &'static str,
    variables: Value,
}

impl Job {
    /// The proxy as an operator tries it out: by `raw_exec`, with the program as it was built.
    pub(crate) fn proxy() -> anyhow::Result<Self> {
        let variables = json!({
            "version": "0.1.0",
            "artifact": Program::Proxy.path()?,
            "driver": "raw_exec",
            // What tests have is in folders of theirs, which nobody else may enter.
            "user": "root",
            "config": TRIAL_CONFIG,
            "keys": "config",
            "env": { "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY },
        });
        Ok(Self { file: "nova-proxy", variables })
    }

    /// The agent by `raw_exec`, with the program as it was built.
    pub(crate) fn agent() -> anyhow::Result<Self> {
        let variables = json!({
            "version": "0.1.0",
            "artifact": Program::Agent.path()?,
            "driver": "raw_exec",
            // What tests have is in folders of theirs, which nobody else may enter.
            "user": "root",
        });
        Ok(Self { file: "nova-agent", variables })
    }

    fn simulator() -> anyhow::Result<Self> {
        let variables = json!({ "artifact": Program::Local.path()?, "driver": "raw_exec", "user": "root" });
        Ok(Self { file: "bedrock-sim", variables })
    }

    /// The same with other values of some variables.
    pub(crate) fn with(&self, variables: Value) -> Self {
        let mut all = self.clone();
        if let (Some(all), Value::Object(variables)) = (all.variables.as_object_mut(), variables) {
            all.extend(variables);
        }
        all
    }

    /// Calls `nomad job <command>` for it, whatever comes of it.
    pub(crate) async fn tried(&self, nomad: &Nomad, command: &str) -> anyhow::Result<Finished> {
        let folder = tempfile::tempdir()?;
        let variables = folder.path().join("variables.json");
        std::fs::write(&variables, self.variables.to_string())?;
        let file = workspace_root().join("jobs").join(format!("{}.nomad.hcl", self.file));
        let script = format!("nomad job {command} -var-file='{}' '{}'", variables.display(), file.display());
        nomad.script(&script)?.finish().await
    }

    /// Runs it; whether it is placed is for later.
    pub(crate) async fn run(&self, nomad: &Nomad) -> anyhow::Result<()> {
        let finished = self.tried(nomad, "run -detach").await?;
        ensure!(finished.code == Some(0), "{self:?}\n{}\n{}", finished.stdout, finished.stderr);
        Ok(())
    }
}

/// What an operator would look at: the proxy's job, its configuration, and what its newest instances have written.
pub(crate) async fn report(nomad: &Nomad) -> anyhow::Result<String> {
    let script = "nomad job status nova-proxy || true
        for id in $(nomad job allocs -t '{{range .}}{{.ID}} {{end}}' nova-proxy | cut -d ' ' -f 1-2); do
            nomad alloc status $id || true
            for name in defaults proxy place; do
                nomad alloc fs $id nova-proxy/local/$name.hcl || true
            done
            nomad alloc logs -stderr -tail -n 20 $id || true
        done";
    Ok(nomad.script(script)?.finish().await?.stdout)
}
