//! `nova-proxy`: the program. What it does is in the library.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use nova_proxy::cli::{Cli, crypto_provider, run};

/// Half the cost of a request's allocations, against the C library's (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    crypto_provider()?;
    run(cli)
}
