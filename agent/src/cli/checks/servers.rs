//! Nomad and Vault as their own variables have them. Where the address is not set, they are not looked at.

use clap::Parser;
use nova_hashistack::{NomadConfig, VaultClient};

use super::super::connection::Variables;
use super::super::setup::connection::{NomadArgs, VaultArgs};

#[derive(Parser)]
struct NomadEnvironment {
    #[command(flatten)]
    nomad: NomadArgs,
}

#[derive(Parser)]
struct VaultEnvironment {
    #[command(flatten)]
    vault: VaultArgs,
}

/// How Nomad is reached; or why it is not looked at.
///
/// # Errors
/// When a variable has a value that cannot be used.
pub(in crate::cli) fn nomad(variables: &dyn Variables) -> anyhow::Result<Result<NomadConfig, String>> {
    if variables.get("NOMAD_ADDR").is_none() {
        return Ok(Err("NOMAD_ADDR is not set, so that Nomad is not looked at".to_owned()));
    }
    let environment = NomadEnvironment::try_parse_from(["nova-agent"])?;
    environment.nomad.config(variables).map(Ok)
}

/// Vault, its address, and whether there is a token; or why it is not looked at.
///
/// # Errors
/// When a variable has a value that cannot be used.
pub(in crate::cli) fn vault(
    variables: &dyn Variables,
) -> anyhow::Result<Result<(VaultClient, String, bool), String>> {
    if variables.get("VAULT_ADDR").is_none() {
        return Ok(Err("VAULT_ADDR is not set, so that Vault is not looked at".to_owned()));
    }
    let environment = VaultEnvironment::try_parse_from(["nova-agent"])?;
    let client = environment.vault.client(variables)?;
    let has_token = variables.get("VAULT_TOKEN").is_some();
    Ok(Ok((client, environment.vault.address().to_owned(), has_token)))
}
