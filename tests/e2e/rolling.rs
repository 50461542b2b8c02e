//! Three instances behind nginx, restarted one after the other under load: no request fails and no stream is cut.
//!
//! nginx runs the configuration that `docs/how-to/nginx.conf` shows; only addresses differ, which this machine must have.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::workspace_root;
use nova_test_support::client::Call;
use nova_test_support::port::free_port;
use nova_test_support::process::{Launch, Process};
use nova_test_support::wait::{DEADLINE, Look, wait_for, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use crate::bed::{Bed, STOP_DEADLINE, proxy_command};
use crate::load::{Connections, Load, tcp};
use crate::simulator::REGION;

/// The instances, as the documented configuration names them.
const INSTANCES: [&str; 3] = ["10.0.1.11:8080", "10.0.1.12:8080", "10.0.1.13:8080"];

/// nginx itself, there.
const NGINX: &str = "10.0.1.10:80";

/// Workers of the load.
const WORKERS: usize = 12;

/// nginx, as installed or as unpacked by `tests/debian`.
fn nginx_binary() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("NOVA_NGINX_BIN").filter(|named| !named.is_empty()) {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.find_map(|folder| Some(folder.join("nginx")).filter(|file| file.is_file()));
    found.context(
        "there is no nginx: install it, name it in NOVA_NGINX_BIN, or run ./tests/run, which unpacks one",
    )
}

/// One `nova-proxy` at an address that it comes back to.
struct Instance {
    address: String,
    config: PathBuf,
    process: Process,
}

impl Instance {
    async fn start(address: String, config: PathBuf) -> anyhow::Result<Self> {
        let mut process = proxy_command()?.args(["serve", "--json", "--config"]).arg(&config).start()?;
        process.ready_line().await?;
        Ok(Self { address, config, process })
    }

    /// A restart as an orchestrator makes it: SIGTERM, the end, a new process.
    async fn restarted(mut self) -> anyhow::Result<Self> {
        self.process.signal(Signal::TERM)?;
        let status = self.process.exited(DEADLINE).await?;
        ensure!(
            status.code() == Some(0),
            "{} cut something: {status}\n{}",
            self.address,
            self.process.report()
        );
        Self::start(self.address, self.config).await
    }
}

/// nginx. Its workers outlive a master that is killed, as one is when a test fails: they are ended with it.
struct Nginx(Process);

impl Nginx {
    /// The process ids of its workers, as the system knows them.
    fn workers(&self) -> anyhow::Result<Vec<i32>> {
        let Some(master) = self.0.id() else { return Ok(Vec::new()) };
        let children = std::process::Command::new("pgrep").args(["-P", &master.to_string()]).output();
        let children = children.context("start pgrep, which the package procps has")?;
        let ids = String::from_utf8_lossy(&children.stdout).lines().map(str::parse).collect::<Result<_, _>>();
        ids.context("pgrep printed something else than process ids")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Whatever cannot be found or signaled has ended already.
        for worker in self.workers().unwrap_or_default() {
            if let Some(worker) = Pid::from_raw(worker) {
                kill_process(worker, Signal::TERM).ok();
            }
        }
    }
}

/// nginx and what is behind it.
struct Fleet {
    bed: Bed,
    instances: Vec<Instance>,
    nginx: Nginx,
    address: String,
    folder: tempfile::TempDir,
}

impl Fleet {
    async fn start() -> anyhow::Result<Self> {
        let bed = Bed::start().await?;
        let folder = tempfile::tempdir()?;
        let mut instances = Vec::new();
        for number in 0..INSTANCES.len() {
            let address = format!("127.0.0.1:{}", free_port()?);
            let config = folder.path().join(format!("{number}.hcl"));
            std::fs::write(&config, instance_config(&address, &bed.simulator.endpoint))?;
            instances.push(Instance::start(address, config).await?);
        }
        let address = format!("127.0.0.1:{}", free_port()?);
        let conf = folder.path().join("nginx.conf");
        std::fs::write(&conf, nginx_config(&address, &instances, folder.path(), None)?)?;
        let nginx = Launch::new(nginx_binary()?)
            .args(["-p".as_ref(), folder.path().as_os_str(), "-c".as_ref(), conf.as_os_str()])
            .args(["-e", "stderr", "-g", "daemon off;"])
            .start()?;
        let nginx = Nginx(nginx);
        let fleet = Self { bed, instances, nginx, address, folder };
        wait_for("nginx to pass requests on", DEADLINE, async || {
            let reply =
                Call::new(Method::GET, &format!("http://{}/health/ready", fleet.address))?.send().await;
            Ok(match reply {
                Ok(reply) if reply.status == 200 => Look::Ready(()),
                other => Look::NotYet(format!("{other:?}\n{}", fleet.nginx.0.report())),
            })
        })
        .await?;
        Ok(fleet)
    }

    fn load(&self, connections: Connections) -> anyhow::Result<Load> {
        let call = Call::new(Method::POST, &format!("http://{}/v1/chat/completions", self.address))?
            .header("content-type", "application/json")?;
        Ok(Load::begin(WORKERS, &call, &tcp(&self.address), connections))
    }

    /// Takes one instance out of nginx's list, or none, and waits until the workers that knew the old list are gone.
    async fn reload_without(&self, out: Option<usize>) -> anyhow::Result<()> {
        let before = self.nginx.workers()?;
        let text = nginx_config(&self.address, &self.instances, self.folder.path(), out)?;
        std::fs::write(self.folder.path().join("nginx.conf"), text)?;
        // What `nginx -s reload` does.
        self.nginx.0.signal(Signal::HUP)?;
        wait_until("nginx's old workers to end", DEADLINE, || {
            let now = self.nginx.workers()?;
            let left: Vec<_> = before.iter().filter(|worker| now.contains(worker)).collect();
            Ok(if left.is_empty() && !now.is_empty() {
                Look::Ready(())
            } else {
                Look::NotYet(format!("{left:?}"))
            })
        })
        .await
    }

    /// Ends everything and checks the accounts: Bedrock was asked once for each answer.
    async fn end(mut self, load: Load) -> anyhow::Result<()> {
        let answered = load.end().await.with_context(|| self.nginx.0.report())?;
        let asked = self.bed.simulator.billed_calls().await?;
        ensure!(
            usize::try_from(asked)? == answered,
            "Bedrock was asked {asked} times for {answered} answers"
        );
        self.nginx.0.signal(Signal::TERM)?;
        self.nginx.0.exited(STOP_DEADLINE).await?;
        for instance in self.instances {
            instance.process.stop(STOP_DEADLINE).await?;
        }
        Ok(())
    }
}

fn instance_config(address: &str, endpoint: &str) -> String {
    format!(
        "listen = \"{address}\"\nbedrock {{\n  region   = \"{REGION}\"\n  endpoint = \"{endpoint}\"\n}}\n\
         server {{\n  drain_min_delay = \"3s\"\n  drain_timeout   = \"20s\"\n}}\nauth {{\n  none = true\n}}\n"
    )
}

/// The documented configuration with this machine's addresses, and with `out` taken out as it says.
fn nginx_config(
    address: &str,
    instances: &[Instance],
    folder: &Path,
    out: Option<usize>,
) -> anyhow::Result<String> {
    let mut text = std::fs::read_to_string(workspace_root().join("docs/how-to/nginx.conf"))?;
    ensure!(text.contains(NGINX), "the documented configuration listens elsewhere than {NGINX}");
    text = text.replace(NGINX, address);
    for (number, (documented, instance)) in INSTANCES.iter().zip(instances).enumerate() {
        let line = text.lines().find(|line| line.trim().starts_with(&format!("server {documented} ")));
        let line =
            line.with_context(|| format!("{documented} is not in the documented configuration"))?.to_owned();
        let mut own = line.replace(documented, &instance.address);
        if out == Some(number) {
            own = own.replace(';', " down;");
        }
        text = text.replace(&line, &own);
    }
    // Where a system's package has its own places, a test has its folder.
    let folder = folder.display();
    let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {folder}/{name};\n"))
        .concat();
    let own = format!("pid {folder}/nginx.pid;\nerror_log stderr warn;\n");
    Ok(format!("{own}{}", text.replace("http {\n", &format!("http {{\n    access_log off;\n{places}"))))
}

#[tokio::test]
async fn instances_that_are_taken_out_first_restart_under_load_and_nothing_fails() {
    let mut fleet = Fleet::start().await.unwrap();
    let load = fleet.load(Connections::OnePerRequest).unwrap();
    for number in 0..INSTANCES.len() {
        load.more(WORKERS * 2).await.unwrap();
        fleet.reload_without(Some(number)).await.unwrap();
        let instance = fleet.instances.remove(number).restarted().await.unwrap();
        fleet.instances.insert(number, instance);
        fleet.reload_without(None).await.unwrap();
    }
    load.more(WORKERS * 2).await.unwrap();
    fleet.end(load).await.unwrap();
}

/// The harder way: nobody tells nginx. It learns from responses that say `connection: close`, and then from refused connections.
#[tokio::test]
async fn instances_that_nobody_takes_out_restart_under_load_and_nothing_fails() {
    let mut fleet = Fleet::start().await.unwrap();
    let load = fleet.load(Connections::Kept).unwrap();
    for number in 0..INSTANCES.len() {
        load.more(WORKERS * 2).await.unwrap();
        let instance = fleet.instances.remove(number).restarted().await.unwrap();
        fleet.instances.insert(number, instance);
        // nginx asks an instance again when its fail_timeout is over: until then the others are two.
        wait_until("the instance to be asked again", DEADLINE, || {
            let log = fleet.instances[number].process.stderr()?;
            Ok(if log.contains("\"chat_completions\"") { Look::Ready(()) } else { Look::NotYet(log) })
        })
        .await
        .unwrap();
    }
    fleet.end(load).await.unwrap();
}
