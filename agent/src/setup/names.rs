//! What things are called, in the servers and in the job; the defaults are those of the guides and of `jobs/`.

/// What the names of policies and roles begin with.
pub const NAMES: &str = "nova";
/// The prefix of the configuration's keys in Consul.
pub const PREFIX: &str = "nova/default";
/// The service of the instances in Consul's catalog.
pub const SERVICE: &str = "nova-proxy";
/// The auth method of Consul by which tasks log in.
pub const AUTH_METHOD: &str = "nova-workloads";
/// Where Vault's auth method for the tasks of Nomad is mounted.
pub const JWT_MOUNT: &str = "jwt-nomad";
/// The role of Vault's AWS engine that the proxy's credentials are of.
pub const AWS_ROLE: &str = "nova-bedrock";
/// Where Nomad's public keys are.
pub const JWKS_URL: &str = "http://127.0.0.1:4646/.well-known/jwks.json";
/// The namespace of the jobs.
pub const NAMESPACE: &str = "default";
/// The job of the proxy, and its task.
pub const JOB: &str = "nova-proxy";
/// The job of the agent, and its task.
pub const AGENT: &str = "nova-agent";

/// The longest name: Consul takes 128 bytes for a policy's.
const LONGEST: usize = 100;

/// A task, by which an identity is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The namespace of the job.
    pub namespace: String,
    /// The job.
    pub job: String,
    /// The task.
    pub task: String,
}

/// Where the keys are by which the identities of Nomad's tasks are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityKeys {
    /// The address.
    pub url: String,
    /// Certificates of the authorities that its certificate may come from, PEM; whom the server's machine trusts where absent.
    pub authorities: Option<String>,
}

/// Reads a name: it becomes a part of policies, where quotes and wildcards would say something else.
///
/// # Errors
/// When it has other characters than letters, digits, dots, hyphens and underscores, or none, or too many.
pub fn name(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    if text.is_empty() || text.len() > LONGEST || text.starts_with('.') || !text.chars().all(is_plain) {
        return Err(format!(
            "write 1 to {LONGEST} letters, digits, dots, hyphens and underscores, and no dot at the beginning"
        ));
    }
    Ok(text.to_owned())
}

/// Reads a path: names, parted by slashes.
///
/// # Errors
/// As [`name`], for each part of it.
pub fn path(text: &str) -> Result<String, String> {
    let parts = text.split('/').map(name).collect::<Result<Vec<_>, _>>();
    parts.map(|parts| parts.join("/")).map_err(|why| format!("each part between slashes is a name: {why}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("nova", true)]
    #[case("nova-prod_2.x", true)]
    #[case("", false)]
    #[case("..", false)]
    #[case("nova*", false)]
    #[case("nova\"", false)]
    #[case("nova/prod", false)]
    fn a_name_cannot_say_more_than_a_name(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(name(text).is_ok(), is_one);
        assert_eq!(path(&format!("a/{text}")).is_ok(), is_one || text == "nova/prod");
        assert!(path(&format!("/{text}")).is_err());
    }
}
