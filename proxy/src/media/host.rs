//! The allow-list of hosts: patterns and what they match.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The ports of a pattern that names none.
const DEFAULT_PORTS: [u16; 2] = [80, 443];

/// A host that may be fetched from: `images.example.com`, `*.example.com` (any depth below, not the name
/// itself), `10.0.0.7`, `[2001:db8::1]`, or `*` (any name, but no bare address), each with `:port` or else for
/// ports 80 and 443.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    host: HostRule,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostRule {
    AnyName,
    /// The suffix, with its leading dot.
    Below(String),
    Exact(Host<String>),
}

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{pattern}` is no host pattern; write `images.example.com`, `*.example.com`, an address or `*`, with `:port` if it is not 80 or 443"
)]
pub struct HostPatternError {
    /// What was written.
    pub pattern: String,
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(pattern: &str) -> Result<Self, Self::Err> {
        parse(pattern).ok_or_else(|| HostPatternError { pattern: pattern.to_owned() })
    }
}

fn parse(pattern: &str) -> Option<HostPattern> {
    // A colon within brackets belongs to an IPv6 address.
    let (host, port) = match pattern.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            (host, Some(port.parse::<u16>().ok().filter(|port| *port != 0)?))
        }
        _ => (pattern, None),
    };
    let host = if host == "*" {
        HostRule::AnyName
    } else if let Some(parent) = host.strip_prefix("*.") {
        match exact(parent)? {
            Host::Domain(name) => HostRule::Below(format!(".{name}")),
            Host::Ipv4(_) | Host::Ipv6(_) => return None,
        }
    } else {
        HostRule::Exact(exact(host)?)
    };
    Some(HostPattern { host, port })
}

/// Reads a host as URLs do, so that case and international names compare equal.
fn exact(text: &str) -> Option<Host<String>> {
    match Host::parse(text).ok()? {
        Host::Domain(name) if name.contains('*') || name.ends_with('.') => None,
        host => Some(host),
    }
}

impl HostPattern {
    /// Whether a URL's host and port are within the pattern. A name with a final dot never is.
    pub fn allows(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { return false };
        let port_fits = self.port.map_or_else(|| DEFAULT_PORTS.contains(&port), |ours| ours == port);
        let host_fits = match (&self.host, host) {
            (HostRule::AnyName, Host::Domain(name)) => !name.ends_with('.'),
            (HostRule::Below(suffix), Host::Domain(name)) => {
                name.len() > suffix.len() && name.ends_with(suffix.as_str())
            }
            (HostRule::Exact(ours), theirs) => *ours == theirs.to_owned(),
            (HostRule::AnyName | HostRule::Below(_), Host::Ipv4(_) | Host::Ipv6(_)) => false,
        };
        port_fits && host_fits
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostRule::AnyName => f.write_str("*")?,
            HostRule::Below(suffix) => write!(f, "*{suffix}")?,
            HostRule::Exact(host) => write!(f, "{host}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("images.example.com", "https://images.example.com/a.png", true)]
    #[case("images.example.com", "http://IMAGES.example.com:80/", true)]
    #[case("images.example.com", "https://images.example.com:80/", true)]
    #[case("images.example.com", "https://images.example.com:8443/", false)]
    #[case("images.example.com:8443", "https://images.example.com:8443/", true)]
    #[case("images.example.com:8443", "https://images.example.com/", false)]
    #[case("images.example.com", "https://images.example.com./", false)]
    #[case("images.example.com", "https://images.example.com.evil.test/", false)]
    #[case("*.example.com", "https://a.b.example.com/", true)]
    #[case("*.example.com", "https://example.com/", false)]
    #[case("*.example.com", "https://evilexample.com/", false)]
    #[case("*.example.com", "https://example.com.evil.test/", false)]
    #[case("bücher.example", "https://xn--bcher-kva.example/", true)]
    #[case("*", "https://anything.test/", true)]
    #[case("*", "http://192.0.2.1/", false)]
    #[case("*", "http://[2001:db8::1]/", false)]
    #[case("192.0.2.1", "http://192.0.2.1/", true)]
    #[case("192.0.2.1", "http://0xc0000201/", true)]
    #[case("[2001:db8::1]:81", "http://[2001:DB8:0::1]:81/", true)]
    fn a_pattern_matches_hosts_and_ports(#[case] pattern: &str, #[case] url: &str, #[case] expected: bool) {
        let parsed: HostPattern = pattern.parse().unwrap();
        assert_eq!(parsed.allows(&Url::parse(url).unwrap()), expected);
        assert_eq!(parsed.to_string().parse::<HostPattern>().unwrap(), parsed, "it reads what it writes");
    }

    #[rstest]
    #[case("")]
    #[case("https://example.com")]
    #[case("example.com/path")]
    #[case("exa*mple.com")]
    #[case("*.*.com")]
    #[case("*.192.0.2.1")]
    #[case("example.com:0")]
    #[case("example.com:http")]
    #[case("example.com.")]
    #[case("2001:db8::1")]
    fn what_is_no_host_is_refused(#[case] pattern: &str) {
        assert!(pattern.parse::<HostPattern>().unwrap_err().to_string().contains(pattern));
    }
}
