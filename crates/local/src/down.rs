//! `nova-local down`: the end of the cluster of this machine, and of every trace of it.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::cluster::end;
use crate::cluster::folder::FolderArgs;
use crate::cluster::print;

/// The options of `nova-local down`.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  nova-local down
      Stops the jobs, ends every process of the cluster, and removes its folder.

It ends what a broken start or a crash has left as well. Exit codes: 0 nothing is left, 1 something remains, which is told.")]
pub struct DownArgs {
    #[command(flatten)]
    folder: FolderArgs,
}

/// Takes everything away.
///
/// # Errors
/// When something remains.
pub async fn run(args: DownArgs) -> anyhow::Result<ExitCode> {
    let folder = args.folder.chosen()?;
    if !folder.path().exists() {
        print(&format!("There is no cluster in {}.\n", folder.path().display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    folder.is_of_a_cluster()?;
    end::everything(&folder).await.context("something of the cluster remains")?;
    print("Nothing of the cluster is left.\n")?;
    Ok(ExitCode::SUCCESS)
}
