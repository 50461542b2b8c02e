//! `nova-local up --cluster`: Consul, Vault and Nomad on this machine, with ACLs and workload identity, and in them the simulator and
//! the proxy, which Nomad runs from a release.
//!
//! Everything is in one folder, and every process carries the folder's name in its environment: by both, [`down`](crate::down) ends
//! what is there, whatever has happened meanwhile. What runs does not need `nova-local` any more.

mod consul;
pub mod folder;
mod jobs;
mod marked;
mod nomad;
mod ports;
mod process;
mod programs;
mod record;
mod release;
mod request;
mod setup;
mod steps;
mod vault;
mod welcome;

pub(crate) mod end;
pub(crate) mod standing;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use nova_hashistack::consul::ConsulClient;
use nova_hashistack::nomad::NomadClient;
use tokio::signal::unix::{SignalKind, signal};

use folder::{Folder, FolderArgs};
use jobs::REGION;
use ports::Ports;
use programs::Programs;
use record::Record;
use release::Release;
use steps::Steps;
use welcome::Welcome;

/// The options of `nova-local up --cluster`.
#[derive(Debug, Clone, Args)]
pub struct ClusterArgs {
    /// The archive of a release, nova-<version>-linux-amd64.tar.gz [default: the programs beside this one]
    #[arg(long, value_name = "FILE", requires = "cluster")]
    release: Option<PathBuf>,

    /// The folder with the programs consul, vault and nomad [default: those on PATH, then those built by tests/servers/build]
    #[arg(long, value_name = "FOLDER", requires = "cluster")]
    servers: Option<PathBuf>,

    /// Choose free ports, in place of 8500, 8200, 4646 and the others that manuals name
    #[arg(long, requires = "cluster")]
    free_ports: bool,

    /// How many instances of the proxy run
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=8), requires = "cluster")]
    instances: u32,

    /// Leave what was started when something fails, to look at it; `nova-local down` ends it
    #[arg(long, requires = "cluster")]
    keep: bool,

    #[command(flatten)]
    folder: FolderArgs,
}

/// Brings a cluster up, and leaves it running.
///
/// # Errors
/// When a part does not come up. Everything is taken down again then, unless it is to be kept.
pub async fn up(args: ClusterArgs, as_json: bool) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let folder = args.folder.chosen()?;
    let programs = Programs::find(args.servers.as_deref())?;
    let ports = if args.free_ports { Ports::free()? } else { Ports::usual() };
    ports.check()?;
    folder.create()?;
    let brought = tokio::select! {
        brought = bring(&args, &folder, &programs, ports, as_json) => brought,
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("terminated")),
    };
    let Err(error) = brought else { return Ok(()) };
    if args.keep {
        return Err(error
            .context(format!("not all of the cluster came up; {} has what did", folder.path().display())));
    }
    match end::everything(&folder).await {
        Ok(()) => Err(error.context("the cluster did not come up, and nothing of it was left")),
        Err(remains) => {
            Err(error.context(format!("the cluster did not come up, and not all of it is gone: {remains:#}")))
        }
    }
}

/// The straight line: servers, then who may do what, then jobs, then a request.
async fn bring(
    args: &ClusterArgs,
    folder: &Folder,
    programs: &Programs,
    ports: Ports,
    as_json: bool,
) -> anyhow::Result<()> {
    let steps = Steps::begin(as_json);
    steps.now("taking the release");
    let release = Release::prepare(folder, args.release.as_deref())?;
    let mut record = Record::new(&release.version, args.instances, ports);
    record.write(folder)?;
    steps.done(&format!("release {}", release.version));
    serve_archives(folder, &release, &record).await?;
    start_servers(folder, programs, &mut record, &steps).await?;
    let (consul, nomad) = (record.consul()?, record.nomad()?);
    set_up(&release, &record, &consul, &steps).await?;
    start_jobs(folder, &release, &mut record, (&consul, &nomad), &steps).await?;

    steps.now("asking the first question");
    let found = jobs::instances(&consul, "nova-proxy").await?;
    let instances = found.iter().map(jobs::address).collect::<anyhow::Result<Vec<_>>>()?;
    let agents = jobs::passing(folder, &consul, "nova-agent", 1).await?;
    let agent = jobs::address(agents.first().context("there is no agent any more")?)?;
    let first = *instances.first().context("there is no instance of the proxy any more")?;
    request::ask(first, &record.api_key).await?;
    steps.done("the first request was answered");
    welcome::write_environment(folder, &record, &release, programs, agent)?;
    let took = steps.elapsed();
    drop(steps);
    let welcome = Welcome { folder, record: &record, release: &release, instances, agent, took };
    print(&if as_json { format!("{}\n", welcome.json()) } else { welcome.text() })
}

async fn serve_archives(folder: &Folder, release: &Release, record: &Record) -> anyhow::Result<()> {
    let listen = record.ports.releases();
    let arguments = ["serve-archives", "--listen", &listen.to_string()].map(Into::into);
    let arguments = arguments.into_iter().chain([folder.join("releases").into()]);
    let mut started = process::start(folder, "releases", &release.programs.join("nova-local"), arguments)?;
    started
        .until("the folder of releases", async || {
            Ok(tokio::net::TcpStream::connect(listen).await.map(|_| Some(()))?)
        })
        .await
}

async fn start_servers(
    folder: &Folder,
    programs: &Programs,
    record: &mut Record,
    steps: &Steps,
) -> anyhow::Result<()> {
    steps.now("starting Consul and Vault");
    let mut consul = consul::launch(folder, programs, record)?;
    let mut vault = vault::launch(folder, programs, record)?;
    let client = record.consul()?;
    consul::ready(&mut consul, &client).await?;
    steps.done(&format!("Consul  http://{}", record.ports.consul()));
    let token = consul::token_for_nomad(&client).await?;
    steps.now("starting Nomad");
    let mut nomad = nomad::launch(folder, programs, record, &token)?;
    let client = record.vault()?;
    let keep = |keys: &nova_hashistack::vault::VaultKeys| {
        record.vault_token = keys.root_token.clone();
        record.vault_unseal_key = keys.unseal_key.clone();
        record.write(folder)
    };
    vault::open(&mut vault, &client, keep).await?;
    steps.done(&format!("Vault   http://{}", record.ports.vault()));
    nomad::ready(&mut nomad, &record.nomad()?, record).await?;
    steps.done(&format!("Nomad   http://{}", record.ports.nomad()));
    Ok(())
}

async fn set_up(
    release: &Release,
    record: &Record,
    consul: &ConsulClient,
    steps: &Steps,
) -> anyhow::Result<()> {
    steps.now("writing policies and roles");
    setup::all(release, record)?;
    consul.kv().put("nova/default/config", jobs::DOCUMENT).await?;
    vault::use_simulator(&record.vault()?, record, REGION).await?;
    steps.done("policies, roles, engines and identities");
    Ok(())
}

async fn start_jobs(
    folder: &Folder,
    release: &Release,
    record: &mut Record,
    (consul, nomad): (&ConsulClient, &NomadClient),
    steps: &Steps,
) -> anyhow::Result<()> {
    // Nomad would run tasks without a user as its own, and has no rights to run them as another one.
    let user = process::finish(std::path::Path::new("id"), &["-un"], Vec::new())?.trim().to_owned();
    steps.now("waiting for the simulator");
    jobs::simulator(record, release, &user).run(folder, nomad).await?;
    jobs::passing(folder, consul, "bedrock-sim", 1).await?;
    steps.done("simulator of Bedrock");
    steps.now("waiting for the proxies");
    record.api_key = jobs::keep_key(folder, release, nomad).await?;
    record.write(folder)?;
    jobs::proxy(record, release, &user).run(folder, nomad).await?;
    jobs::passing(folder, consul, "nova-proxy", record.instances as usize).await?;
    steps.done(&format!("{} instances of nova-proxy", record.instances));
    steps.now("waiting for the agent");
    jobs::agent(record, release, &user).run(folder, nomad).await?;
    jobs::passing(folder, consul, "nova-agent", 1).await?;
    steps.done("nova-agent");
    Ok(())
}

/// Prints, and tells when nobody reads.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("cannot print")
}
