//! Whether a host is reached through an outbound proxy, by the variables that say so. Pure.

/// The proxy that calls to `host` go through, as `HTTPS_PROXY` and `NO_PROXY` say it; none where they go there directly.
pub(super) fn detour(host: &str, https_proxy: Option<&str>, no_proxy: Option<&str>) -> Option<String> {
    let proxy = https_proxy?;
    let is_exempt = no_proxy.unwrap_or_default().split(',').map(str::trim).any(|entry| {
        let suffix = entry.trim_start_matches('.');
        let is_below = || host.strip_suffix(suffix).is_some_and(|before| before.ends_with('.'));
        entry == "*" || (!suffix.is_empty() && (host == suffix || is_below()))
    });
    let shown = proxy.rsplit('@').next().unwrap_or(proxy);
    (!is_exempt).then(|| format!("it is reached through {shown} (HTTPS_PROXY), which is not followed here"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, None, false)]
    #[case(Some("http://user:secret@proxy:3128"), None, true)]
    #[case(Some("http://proxy:3128"), Some("*"), false)]
    #[case(Some("http://proxy:3128"), Some("localhost, .amazonaws.com"), false)]
    #[case(Some("http://proxy:3128"), Some("bedrock-runtime.us-east-1.amazonaws.com"), false)]
    #[case(Some("http://proxy:3128"), Some("aws.com"), true)]
    fn a_host_goes_through_the_proxy_unless_it_is_exempt(
        #[case] https_proxy: Option<&str>,
        #[case] no_proxy: Option<&str>,
        #[case] expected: bool,
    ) {
        let found = detour("bedrock-runtime.us-east-1.amazonaws.com", https_proxy, no_proxy);
        assert_eq!(found.is_some(), expected, "{found:?}");
        assert!(!found.unwrap_or_default().contains("secret"));
    }
}
