//! `nova-agent config push`: files into the store.

use std::process::ExitCode;

use super::super::connection::Connection;
use super::PushArgs;
use super::write::{Wanted, write};

pub(super) async fn run(connection: &Connection, args: &PushArgs) -> anyhow::Result<ExitCode> {
    let (edit, files) = args.edit.read()?;
    let (past, stored) = connection.store.basis().await?;
    let message = args.write.message.clone();
    write(connection, Wanted { edit, files, past, stored, message }, &args.write).await
}
