//! `nova-proxy keys`: the keys file of small installations.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{complain, print};
use crate::auth::Pepper;
use crate::auth::key::{KeyListing, KeyRequest, add_key, disable_key, list_keys};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key and print it. It is shown this once: the file keeps a hash.
    #[command(
        after_help = "Example:\n  nova-proxy keys add --keys-file keys.json --name search --team search --model 'gpt-4o*' --expires-at 2027-01-01T00:00:00Z"
    )]
    Add(AddArgs),
    /// List keys, without the keys themselves.
    List(ListArgs),
    /// Turn a key off by its id. A running proxy follows within a second.
    Disable(DisableArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Whose key it is, for people.
    #[arg(long)]
    name: String,
    /// The team that pays.
    #[arg(long)]
    team: Option<String>,
    /// A model that it may use, `*` for any characters; may be repeated. Without it: all models.
    #[arg(long = "model", value_name = "PATTERN")]
    models: Vec<String>,
    /// When it stops working, RFC 3339.
    #[arg(long)]
    expires_at: Option<Timestamp>,
    /// The file with the secret of the hashes; by default the keys file with .pepper behind it. Made if it does not exist.
    #[arg(long, value_name = "FILE")]
    pepper_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, Args)]
pub(super) struct DisableArgs {
    #[command(flatten)]
    file: FileArgs,
    /// The key's id, as `list` shows it.
    id: String,
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The keys file.
    #[arg(long, value_name = "FILE", env = "NOVA_KEYS_FILE")]
    keys_file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: KeysCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::Add(args) => add(args)?,
        KeysCommand::List(ListArgs { file }) => {
            let keys = list_keys(&file.keys_file)?;
            if file.json {
                print(&json!({"keys": keys.iter().map(to_json).collect::<Vec<_>>()}).to_string())?;
            } else {
                print(&table(&keys))?;
            }
        }
        KeysCommand::Disable(DisableArgs { file, id }) => {
            let key = disable_key(&file.keys_file, &id)?;
            print(&if file.json {
                to_json(&key).to_string()
            } else {
                format!("{} ({}) is disabled", key.id, key.name)
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn add(args: AddArgs) -> anyhow::Result<()> {
    let mut beside = args.file.keys_file.clone().into_os_string();
    beside.push(".pepper");
    let pepper_file = args.pepper_file.unwrap_or_else(|| PathBuf::from(beside));
    let has_keys = args.file.keys_file.exists() && !list_keys(&args.file.keys_file)?.is_empty();
    let pepper = load_or_make_pepper(&pepper_file, has_keys)?;
    let request = KeyRequest {
        name: args.name,
        team: args.team,
        models: (!args.models.is_empty()).then_some(args.models),
        expires_at: args.expires_at,
    };
    let new = add_key(&args.file.keys_file, &pepper, request, Timestamp::now())?;
    if args.file.json {
        let mut shown = to_json(&new.listing);
        shown["key"] = json!(new.key.expose_secret());
        return print(&shown.to_string());
    }
    complain(&format!(
        "{} was added to {}; this is the only time that the key is shown:",
        new.listing.id,
        args.file.keys_file.display()
    ));
    print(new.key.expose_secret())
}

fn load_or_make_pepper(path: &Path, has_keys: bool) -> anyhow::Result<Pepper> {
    if !path.exists() {
        // Existing keys were hashed with another pepper, which is somewhere else: a new one would make a key that no proxy knows.
        anyhow::ensure!(
            !has_keys,
            "the keys file has keys already, and there is no pepper at {}: name the pepper that they were made with by --pepper-file",
            path.display()
        );
        Pepper::create(path)
            .with_context(|| format!("the pepper cannot be written to {}", path.display()))?;
        complain(&format!(
            "a new pepper was made at {}: without it no key can be checked, keep it safe",
            path.display()
        ));
    }
    Ok(Pepper::load(path)?.0)
}

fn to_json(key: &KeyListing) -> serde_json::Value {
    json!({
        "id": key.id, "name": key.name, "team": key.team, "models": key.models,
        "expires_at": key.expires_at, "disabled": key.disabled, "created_at": key.created_at,
    })
}

fn table(keys: &[KeyListing]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["ID", "NAME", "TEAM", "MODELS", "EXPIRES", "STATE"]);
    for key in keys {
        let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let models = key.models.as_ref().map_or_else(|| "*".to_owned(), |models| models.join(" "));
        let state = if key.disabled { "disabled" } else { "active" };
        table.add_row([
            key.id.clone(),
            key.name.clone(),
            dash(&key.team),
            models,
            dash(&key.expires_at),
            state.to_owned(),
        ]);
    }
    table.to_string()
}
