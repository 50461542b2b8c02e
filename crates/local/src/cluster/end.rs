//! The end of a cluster: jobs first, as an operator would stop them, then processes, then what is left in the kernel and on disk.

use std::time::Duration;

use anyhow::bail;
use nova_hashistack::nomad::NomadClient;
use tokio::time::timeout;

use super::folder::Folder;
use super::record::Record;
use super::{marked, process};

/// How long jobs may take to end. A proxy drains for half a minute at most.
const JOBS: Duration = Duration::from_secs(45);

/// Takes everything away. What cannot be stopped in good order is killed.
///
/// # Errors
/// When something remains: all of it. When the folder is no cluster's: nothing is touched then.
pub(crate) async fn everything(folder: &Folder) -> anyhow::Result<()> {
    folder.is_of_a_cluster()?;
    // Without a record there are no jobs, and without Nomad nobody who could stop them.
    if let Ok(Some(record)) = Record::read(folder)
        && let Ok(client) = record.nomad()
        && !marked::processes(folder)?.is_empty()
    {
        drop(timeout(JOBS, stop_jobs(&client)).await);
    }
    let mut remains = Vec::new();
    let mut note = |outcome: anyhow::Result<()>| {
        if let Err(error) = outcome {
            remains.push(format!("{error:#}"));
        }
    };
    note(marked::end(folder).await);
    note(marked::remove_groups(folder));
    let unmounted = marked::unmount(folder);
    let is_unmounted = unmounted.is_ok();
    note(unmounted);
    if is_unmounted && folder.path().exists() {
        note(folder.remove());
    }
    if !remains.is_empty() {
        bail!("{}", remains.join("; "));
    }
    Ok(())
}

/// The jobs, in the order in which they are stopped: nobody judges the end of the others.
const STOPPED: [&str; 3] = ["nova-agent", "nova-proxy", "bedrock-sim"];

/// Stops all jobs, and waits until their tasks have ended.
async fn stop_jobs(client: &NomadClient) -> anyhow::Result<()> {
    for id in STOPPED {
        if client.jobs().read(id).await?.is_some() {
            client.jobs().stop(id, false).await?;
        }
    }
    for id in STOPPED {
        process::until(&format!("the end of {id}"), async || {
            let allocations = client.allocations().of_job(id).await?;
            let runs = |status: &str| matches!(status, "running" | "pending");
            Ok((!allocations.iter().any(|allocation| runs(&allocation.client_status))).then_some(()))
        })
        .await?;
    }
    Ok(())
}
