//! One instance, as the catalog lists it: what it is called and where it tells about itself.

use std::collections::BTreeMap;

/// Where an instance says on which port its metrics listener is, in the `Meta` of its registration.
const META_PORT: &str = "metrics_port";

/// Where it says whether that listener speaks TLS.
const META_SCHEME: &str = "metrics_scheme";

/// What names an instance: its node, since ids are unique on one node only, and its id there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceId {
    /// The node's name.
    pub node: String,
    /// The service id.
    pub id: String,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// What names it.
    pub name: InstanceId,
    /// `http://host:port` of its metrics listener, or why there is no knowing it.
    pub address: Result<String, String>,
    /// The version in its registration.
    pub version: Option<String>,
    /// The region in its registration.
    pub region: Option<String>,
    /// The ring in its registration.
    pub ring: Option<String>,
}

impl Instance {
    /// Reads a registration: `host` is the service's address, or the node's where the service has none.
    #[must_use]
    pub fn new(name: InstanceId, host: &str, meta: &BTreeMap<String, String>) -> Self {
        let told = |name: &str| meta.get(name).filter(|value| !value.is_empty()).cloned();
        Self {
            name,
            address: address(host, meta),
            version: told("version"),
            region: told("region"),
            ring: told("ring"),
        }
    }
}

fn address(host: &str, meta: &BTreeMap<String, String>) -> Result<String, String> {
    let Some(port) = meta.get(META_PORT) else {
        return Err(format!(
            "its registration has no Meta {META_PORT}: set metrics in its configuration and let it register itself, or add \
             the Meta to the service that registers it"
        ));
    };
    let port: u16 =
        port.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
            format!("the Meta {META_PORT} of its registration is {port:?}, which is no port")
        })?;
    let scheme = match meta.get(META_SCHEME).map_or("http", String::as_str) {
        "" => "http",
        known @ ("http" | "https") => known,
        other => {
            return Err(format!(
                "the Meta {META_SCHEME} of its registration is {other:?}: it must be http or https"
            ));
        }
    };
    if host.is_empty() {
        return Err("neither its registration nor its node has an address".to_owned());
    }
    // An IPv6 address is bracketed before its port.
    let host =
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    Ok(format!("{scheme}://{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn instance(host: &str, meta: &[(&str, &str)]) -> Instance {
        let name = InstanceId { node: "n".to_owned(), id: "a".to_owned() };
        let meta = meta
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>();
        Instance::new(name, host, &meta)
    }

    #[rstest]
    #[case("10.0.0.1", &[("metrics_port", "8082")], "http://10.0.0.1:8082")]
    #[case("fd00::1", &[("metrics_port", "8082"), ("metrics_scheme", "https")], "https://[fd00::1]:8082")]
    #[case("node.internal", &[("metrics_port", "80"), ("metrics_scheme", "")], "http://node.internal:80")]
    fn a_registration_says_where_to_ask(
        #[case] host: &str,
        #[case] meta: &[(&str, &str)],
        #[case] expected: &str,
    ) {
        assert_eq!(instance(host, meta).address.as_deref(), Ok(expected));
    }

    #[rstest]
    #[case("10.0.0.1", &[], "no Meta metrics_port")]
    #[case("10.0.0.1", &[("metrics_port", "0")], "which is no port")]
    #[case("10.0.0.1", &[("metrics_port", "eighty")], "which is no port")]
    #[case("10.0.0.1", &[("metrics_port", "1"), ("metrics_scheme", "ftp")], "http or https")]
    #[case("", &[("metrics_port", "1")], "has an address")]
    fn a_registration_that_does_not_say_it_is_a_reason(
        #[case] host: &str,
        #[case] meta: &[(&str, &str)],
        #[case] reason: &str,
    ) {
        let found = instance(host, meta).address.unwrap_err();
        assert!(found.contains(reason), "{found}");
    }
}
