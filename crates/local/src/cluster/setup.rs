//! Who may do what: `nova-agent setup` of the release, as an operator would run it.

use anyhow::Context as _;

use super::process::finish;
use super::record::Record;
use super::release::Release;

/// The auth method of Consul by which tasks show who they are, as the set-up calls it.
pub(super) const AUTH_METHOD: &str = "nova-workloads";

/// The role that the proxies have at the simulator's STS.
const ROLE: &str = "arn:aws:iam::123456789012:role/nova";

/// Sets all three servers up.
///
/// # Errors
/// When one refuses a part of it: which.
pub(super) fn all(release: &Release, record: &Record) -> anyhow::Result<()> {
    let keys = format!("http://{}/.well-known/jwks.json", record.ports.nomad());
    let program = release.programs.join("nova-agent");
    for arguments in [
        &["setup", "consul", "--apply", "--jwks-url", &keys][..],
        &["setup", "vault", "--apply", "--jwks-url", &keys, "--role-arn", ROLE],
        &["setup", "nomad", "--apply"],
    ] {
        finish(&program, arguments, record.environment()).with_context(|| {
            format!("nova-agent of the release {} does not set the servers up", release.version)
        })?;
    }
    Ok(())
}
