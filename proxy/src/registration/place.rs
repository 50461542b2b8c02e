//! Where this instance is, in the terms of Consul's catalog. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The addresses that the listeners are bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The OpenAI API.
    pub(crate) api: SocketAddr,
    /// Metrics and health, if they have a listener of their own.
    pub(crate) metrics: Option<SocketAddr>,
    /// Whether the API speaks TLS.
    pub(crate) api_tls: bool,
    /// Whether the metrics listener does.
    pub(crate) metrics_tls: bool,
}

impl Place {
    /// The address to be registered: the configured one, or the listener's. Empty stands for that of the agent's node, which is right
    /// for a listener that is bound to all addresses.
    pub(super) fn service_address(&self, configured: Option<&str>) -> String {
        match configured {
            Some(configured) => configured.to_owned(),
            None if self.api.ip().is_unspecified() => String::new(),
            None => self.api.ip().to_string(),
        }
    }

    /// What the agent asks to know whether the instance is ready: the metrics listener, which is served to the end of a drain, or the API.
    pub(super) fn check_url(&self, configured: Option<&str>) -> String {
        let (address, tls) = match self.metrics {
            Some(metrics) => (metrics, self.metrics_tls),
            None => (self.api, self.api_tls),
        };
        let host = match (address.ip(), configured) {
            (ip, Some(configured)) if ip.is_unspecified() => host(configured),
            (IpAddr::V4(ip), None) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            (IpAddr::V6(ip), None) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
            (ip, _) => host(&ip.to_string()),
        };
        format!("{}://{host}:{}/health/ready", scheme(tls), address.port())
    }

    /// The port of the metrics listener and how it is spoken to, for scrapers and for who reads receipts.
    pub(super) fn metrics(&self) -> Option<(u16, &'static str)> {
        self.metrics.map(|metrics| (metrics.port(), scheme(self.metrics_tls)))
    }
}

fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

/// A host as a URL has it: addresses of IPv6 stand in brackets.
fn host(address: &str) -> String {
    if address.parse::<Ipv6Addr>().is_ok() { format!("[{address}]") } else { address.to_owned() }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn place(api: &str, metrics: Option<&str>) -> Place {
        let address = |text: &str| text.parse().expect("an address");
        Place { api: address(api), metrics: metrics.map(address), api_tls: true, metrics_tls: false }
    }

    #[rstest]
    #[case::of_the_listener("10.0.0.5:8080", None, "10.0.0.5")]
    #[case::of_the_node("0.0.0.0:8080", None, "")]
    #[case::of_the_node_by_ipv6("[::]:8080", None, "")]
    #[case::configured("0.0.0.0:8080", Some("nova.internal"), "nova.internal")]
    fn the_address_is_the_configured_one_or_the_listeners(
        #[case] api: &str,
        #[case] configured: Option<&str>,
        #[case] expected: &str,
    ) {
        assert_eq!(place(api, None).service_address(configured), expected);
    }

    #[rstest]
    #[case::the_metrics_listener(
        "0.0.0.0:8080",
        Some("10.0.0.5:8082"),
        None,
        "http://10.0.0.5:8082/health/ready"
    )]
    #[case::on_all_addresses(
        "0.0.0.0:8080",
        Some("0.0.0.0:8082"),
        None,
        "http://127.0.0.1:8082/health/ready"
    )]
    #[case::on_all_of_ipv6("[::]:8080", Some("[::]:8082"), None, "http://[::1]:8082/health/ready")]
    #[case::where_callers_reach_it(
        "0.0.0.0:8080",
        Some("0.0.0.0:8082"),
        Some("10.9.9.9"),
        "http://10.9.9.9:8082/health/ready"
    )]
    #[case::a_configured_name_of_ipv6(
        "[::]:8080",
        Some("[::]:8082"),
        Some("fd00::5"),
        "http://[fd00::5]:8082/health/ready"
    )]
    #[case::the_api("[fd00::5]:8080", None, None, "https://[fd00::5]:8080/health/ready")]
    fn the_agent_asks_where_it_can_reach_the_instance(
        #[case] api: &str,
        #[case] metrics: Option<&str>,
        #[case] configured: Option<&str>,
        #[case] expected: &str,
    ) {
        assert_eq!(place(api, metrics).check_url(configured), expected);
    }
}
