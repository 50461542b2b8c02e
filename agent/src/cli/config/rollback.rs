//! `nova-agent config rollback`: the documents of an earlier record, as a new change.

use std::process::ExitCode;

use anyhow::ensure;

use super::super::connection::Connection;
use super::RollbackArgs;
use super::edit::Files;
use super::write::{Wanted, write};
use crate::change::Edit;

pub(super) async fn run(connection: &Connection, args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let record = connection.store.record(args.number).await?;
    ensure!(
        record.omitted.is_empty(),
        "record {} is not whole: {} was no text when it was made, so that it cannot be restored exactly",
        record.n,
        record.omitted.join(", ")
    );
    let (past, stored) = connection.store.basis().await?;
    let edit = Edit::restore(&stored, &record);
    let message = args.write.message.clone().or_else(|| Some(format!("rollback to {}", record.n)));
    write(connection, Wanted { edit, files: Files::default(), past, stored, message }, &args.write).await
}
