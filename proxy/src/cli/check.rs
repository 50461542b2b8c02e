//! `nova-proxy check`: every fault that `serve` would find in the files, without serving.
//!
//! Whether the keys file, certificates and addresses are there is not judged: a configuration is checked on other machines than it runs on.

use std::process::ExitCode;

use nova_config::{Fault, ProcessEnvironment, load};
use serde_json::json;

use super::{CheckArgs, complain, print};
use crate::app;
use crate::snapshot::SnapshotError;

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let (faults, models) = match load(&args.files, &ProcessEnvironment) {
        Err(faults) => (faults.as_slice().to_vec(), 0),
        Ok(loaded) => match app::check(loaded) {
            Ok(checked) => {
                for warning in &checked.warnings {
                    complain(&format!("warning: {warning}"));
                }
                (Vec::new(), checked.models)
            }
            Err(SnapshotError::Faults(faults)) => (faults, 0),
            Err(other) => return Err(other.into()),
        },
    };
    if args.json {
        print(
            &json!({"valid": faults.is_empty(), "faults": faults.iter().map(fault_json).collect::<Vec<_>>()})
                .to_string(),
        )?;
    } else {
        for fault in &faults {
            complain(&fault.to_string());
        }
        if faults.is_empty() {
            print(&format!("the configuration is valid; {models} model names are served"))?;
        }
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fault_json(fault: &Fault) -> serde_json::Value {
    json!({
        "file": fault.file, "line": fault.line, "column": fault.column,
        "path": fault.path, "problem": fault.problem, "fix": fault.fix,
    })
}
