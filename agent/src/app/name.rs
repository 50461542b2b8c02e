//! The name of this instance: configured, or the allocation's, or that of host and process.

/// The variable in which Nomad names the allocation.
const ALLOCATION: &str = "NOMAD_ALLOC_ID";

/// The name of this instance, which no other has.
#[must_use]
pub fn instance(configured: Option<&str>) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    named(configured, std::env::var(ALLOCATION).ok(), &host, std::process::id())
}

fn named(configured: Option<&str>, allocation: Option<String>, host: &str, process: u32) -> String {
    let named = configured.map(str::to_owned).or(allocation);
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("{host}-{process}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::configured(Some("blue"), Some("5a4d"), "blue")]
    #[case::of_an_allocation(None, Some("5a4d"), "5a4d")]
    #[case::elsewhere(None, None, "web-1-17")]
    #[case::of_an_empty_variable(None, Some(""), "web-1-17")]
    fn the_name_is_the_most_telling_one(
        #[case] configured: Option<&str>,
        #[case] allocation: Option<&str>,
        #[case] expected: &str,
    ) {
        assert_eq!(named(configured, allocation.map(str::to_owned), "web-1", 17), expected);
    }
}
