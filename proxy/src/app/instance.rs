//! The name of this instance: configured, or the allocation's, or host and port.

use nova_config::BootstrapConfig;

/// The variable in which Nomad names the allocation.
const ALLOCATION: &str = "NOMAD_ALLOC_ID";

/// What the surroundings say of a name.
#[derive(Debug, Default)]
struct Found {
    configured: Option<String>,
    allocation: Option<String>,
    host: String,
    port: u16,
}

impl Found {
    /// A name that stays the same over restarts, so that a registration is taken over and not left behind.
    fn name(self) -> String {
        self.configured
            .or(self.allocation)
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| format!("{}-{}", self.host, self.port))
    }
}

/// The name of the instance that serves on `port`.
#[must_use]
pub fn instance(bootstrap: &BootstrapConfig, port: u16) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let allocation = std::env::var(ALLOCATION).ok();
    Found { configured: bootstrap.instance.clone(), allocation, host, port }.name()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::configured(Some("blue"), Some("5a4d"), "blue")]
    #[case::of_an_allocation(None, Some("5a4d"), "5a4d")]
    #[case::elsewhere(None, None, "web-1-8080")]
    #[case::of_an_empty_variable(None, Some(""), "web-1-8080")]
    fn the_name_is_the_most_telling_one(
        #[case] configured: Option<&str>,
        #[case] allocation: Option<&str>,
        #[case] expected: &str,
    ) {
        let found = Found {
            configured: configured.map(str::to_owned),
            allocation: allocation.map(str::to_owned),
            host: "web-1".to_owned(),
            port: 8080,
        };
        assert_eq!(found.name(), expected);
    }
}
