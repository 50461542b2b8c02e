//! `nova-local status`: how the cluster of this machine stands.

use std::process::ExitCode;

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};

use crate::cluster::folder::FolderArgs;
use crate::cluster::print;
use crate::cluster::standing::{Standing, look};

/// There is a cluster, and not all of it is well.
const NOT_WELL: u8 = 1;
/// There is no cluster, as `systemctl status` tells it.
const NOT_THERE: u8 = 3;

/// The options of `nova-local status`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  nova-local status
      Servers and instances of the cluster, and where they are.

  nova-local status --json | jq -r '.parts[] | select(.name == \"nova-proxy\").address'
      The addresses of the instances.

Exit codes: 0 all of it is well, 1 not all of it, 3 there is no cluster.")]
pub struct StatusArgs {
    #[command(flatten)]
    folder: FolderArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Looks, and prints.
///
/// # Errors
/// When the cluster's record cannot be read.
pub async fn run(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let folder = args.folder.chosen()?;
    let Some(standing) = look(&folder).await? else {
        let text = if args.json {
            "null\n".to_owned()
        } else {
            format!(
                "There is no cluster in {}: `nova-local up --cluster` makes one.\n",
                folder.path().display()
            )
        };
        print(&text)?;
        return Ok(ExitCode::from(NOT_THERE));
    };
    print(&if args.json { format!("{}\n", serde_json::to_string(&standing)?) } else { text(&standing) })?;
    Ok(if standing.is_well() { ExitCode::SUCCESS } else { ExitCode::from(NOT_WELL) })
}

fn text(standing: &Standing) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(["PART", "ADDRESS", "STATE"]);
    for part in &standing.parts {
        table.add_row([&part.name, &part.address, &part.state]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    format!(
        "{}\n\nrelease {}, {} processes, {}\n",
        table.trim_fmt(),
        standing.version,
        standing.processes,
        standing.folder
    )
}
