//! A steady load by the official clients with their retries off, beside what a test does to the proxies.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use nova_test_support::binary::workspace_root;
use nova_test_support::process::{Launch, Process};
use nova_test_support::wait::{DEADLINE, Look, wait_until};
use serde_json::Value;
use tempfile::TempDir;

use rustix::process::Signal;

/// What clients need to get in where not everybody may.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    /// The key that they send.
    pub(crate) api_key: &'a str,
    /// The file of the authorities whose certificates they take.
    pub(crate) authorities: &'a Path,
}

/// One official client, under way. Every answer is checked by the client's program.
#[derive(Debug)]
pub(crate) struct OfficialLoad {
    /// The client's language.
    pub(crate) name: &'static str,
    process: Process,
    /// The program and its modules, where they are not in the tree.
    _folder: Option<TempDir>,
}

/// Where the installed clients are, as `tests/run` says it.
fn named(variable: &str, what: &str) -> anyhow::Result<PathBuf> {
    let named = std::env::var_os(variable).filter(|named| !named.is_empty()).map(PathBuf::from);
    named.with_context(|| format!("name {what} in {variable}, or run ./tests/run, which installs it"))
}

impl OfficialLoad {
    /// OpenAI's client for Python asks for this model at each of these proxies, `http://HOST:PORT`, or `https://` with what it
    /// takes to get in there.
    fn python(model: &str, roots: &[&str], access: Option<Access<'_>>) -> anyhow::Result<Self> {
        let python = named("NOVA_PYTHON_BIN", "a Python with tests/clients/python/requirements.txt")?;
        let program = Launch::new(python).arg(workspace_root().join("tests/clients/python/load.py"));
        // Nothing is written into the tree.
        let mut program = program.env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(access) = access {
            program = program.env("SSL_CERT_FILE", access.authorities).env("OPENAI_API_KEY", access.api_key);
        }
        Self::begin("Python", program, model, roots, None)
    }

    /// OpenAI's client for Node does the same.
    fn node(model: &str, roots: &[&str], access: Option<Access<'_>>) -> anyhow::Result<Self> {
        let modules = named("NOVA_NODE_MODULES", "the folder node_modules of tests/clients/node")?;
        // Node looks for modules beside the file that imports them.
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("load.mjs");
        std::fs::copy(workspace_root().join("tests/clients/node/load.mjs"), &program)?;
        std::os::unix::fs::symlink(modules, folder.path().join("node_modules"))?;
        let mut program = Launch::new("node").arg(program);
        if let Some(access) = access {
            program =
                program.env("NODE_EXTRA_CA_CERTS", access.authorities).env("OPENAI_API_KEY", access.api_key);
        }
        Self::begin("Node", program, model, roots, Some(folder))
    }

    fn begin(
        name: &'static str,
        program: Launch,
        model: &str,
        roots: &[&str],
        folder: Option<TempDir>,
    ) -> anyhow::Result<Self> {
        let addresses = roots.iter().map(|root| format!("{root}/v1"));
        let process = program.arg(model).args(addresses).start()?;
        Ok(Self { name, process, _folder: folder })
    }

    /// What the client has told last.
    fn told(&self) -> anyhow::Result<Value> {
        let stdout = self.process.stdout()?;
        let complete = stdout.rfind('\n').and_then(|end| stdout.get(..end)).unwrap_or_default();
        let Some(line) = complete.lines().next_back() else { return Ok(Value::Null) };
        serde_json::from_str(line).with_context(|| format!("{} printed {line}", self.name))
    }

    /// Waits until so many more requests were answered. Fails as soon as one was not.
    pub(crate) async fn more(&self, count: u64) -> anyhow::Result<()> {
        let answered = |told: &Value| told["answered"].as_u64().unwrap_or_default();
        let goal = answered(&self.told()?) + count;
        wait_until(&format!("{count} more answers of the client for {}", self.name), DEADLINE, || {
            let told = self.told()?;
            ensure!(told["failed"].as_u64().unwrap_or_default() == 0, "{}: {told}", self.name);
            let is_there = answered(&told) >= goal;
            Ok(if is_there { Look::Ready(()) } else { Look::NotYet((told, self.process.report())) })
        })
        .await
    }

    /// Ends it, and returns how many requests were answered. Fails when any was not, and says why.
    pub(crate) async fn end(mut self) -> anyhow::Result<u64> {
        self.process.signal(Signal::TERM)?;
        let status = self.process.exited(DEADLINE).await?;
        ensure!(status.success(), "{} ended with {status}\n{}", self.name, self.process.report());
        let told = self.told()?;
        ensure!(told["failed"] == 0 && told["failures"].is_array(), "{}: {told:#}", self.name);
        told["answered"].as_u64().context("the load says nothing of its answers")
    }
}

/// Both official clients at once.
#[derive(Debug)]
pub(crate) struct OfficialLoads([OfficialLoad; 2]);

impl OfficialLoads {
    /// They ask for this model at each of these proxies, and have begun when this returns.
    pub(crate) async fn begin(model: &str, roots: &[&str]) -> anyhow::Result<Self> {
        Self::begin_with(model, roots, None).await
    }

    /// As [`Self::begin`], with what it takes to get in at `https://`.
    pub(crate) async fn begin_with(
        model: &str,
        roots: &[&str],
        access: Option<Access<'_>>,
    ) -> anyhow::Result<Self> {
        let python = OfficialLoad::python(model, roots, access)?;
        let loads = Self([python, OfficialLoad::node(model, roots, access)?]);
        loads.go_on().await?;
        Ok(loads)
    }

    /// Waits until each has had some more answers.
    pub(crate) async fn go_on(&self) -> anyhow::Result<()> {
        for load in &self.0 {
            load.more(20).await?;
        }
        Ok(())
    }

    /// Ends both, and returns how many requests were answered in all. Fails when any was not.
    pub(crate) async fn end(self) -> anyhow::Result<u64> {
        let mut answered = 0;
        for load in self.0 {
            answered += load.end().await?;
        }
        Ok(answered)
    }
}
