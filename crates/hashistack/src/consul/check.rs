//! A check of a service, as it is registered with it.

use std::time::Duration;

use serde::Serialize;

use super::duration::go;
use super::health::CheckStatus;

/// How long an HTTP check may take. It asks a process on this machine or in this datacenter.
const HTTP_TIMEOUT: Duration = Duration::from_secs(5);

/// The least time that Consul accepts for [`Check::with_deregister_after`] without a word of complaint.
const LEAST_DEREGISTER_AFTER: Duration = Duration::from_secs(60);

/// A check of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Check {
    #[serde(rename = "CheckID", skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(flatten)]
    kind: CheckKind,
    /// How it stands until it was made for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<CheckStatus>,
    #[serde(rename = "DeregisterCriticalServiceAfter", skip_serializing_if = "Option::is_none")]
    deregister_after: Option<String>,
}

/// Who finds out, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum CheckKind {
    /// The agent asks.
    #[serde(rename_all = "PascalCase")]
    Http {
        #[serde(rename = "HTTP")]
        url: String,
        interval: String,
        timeout: String,
        #[serde(rename = "TLSSkipVerify")]
        tls_skip_verify: bool,
    },
    /// The service tells, at least this often.
    Ttl {
        #[serde(rename = "TTL")]
        ttl: String,
    },
}

impl Check {
    fn new(kind: CheckKind) -> Self {
        Self { id: None, name: None, kind, status: None, deregister_after: None }
    }

    /// The agent asks this URL this often; 2xx passes, 429 is a warning, everything else is critical.
    pub fn http(url: impl Into<String>, interval: Duration) -> Self {
        let timeout = HTTP_TIMEOUT.min(interval);
        Self::new(CheckKind::Http {
            url: url.into(),
            interval: go(interval),
            timeout: go(timeout),
            tls_skip_verify: false,
        })
    }

    /// The service says at least this often how it stands, and is critical when it does not.
    pub fn ttl(ttl: Duration) -> Self {
        Self::new(CheckKind::Ttl { ttl: go(ttl) })
    }

    /// Its id and its name; Consul makes them of those of the service otherwise.
    #[must_use]
    pub fn named(mut self, id: impl Into<String>, name: impl Into<String>) -> Self {
        (self.id, self.name) = (Some(id.into()), Some(name.into()));
        self
    }

    /// Does not verify the certificate of an `https://` URL.
    #[must_use]
    pub fn with_tls_skip_verify(mut self) -> Self {
        if let CheckKind::Http { tls_skip_verify, .. } = &mut self.kind {
            *tls_skip_verify = true;
        }
        self
    }

    /// How it stands until it was made for the first time; critical where nothing is said.
    #[must_use]
    pub fn with_status(mut self, status: CheckStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Takes the service out of the catalog when the check has been critical for so long, a minute at least.
    #[must_use]
    pub fn with_deregister_after(mut self, after: Duration) -> Self {
        self.deregister_after = Some(go(after.max(LEAST_DEREGISTER_AFTER)));
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_check_is_written_as_consul_reads_it() {
        let check = Check::http("http://127.0.0.1:8082/health/ready", Duration::from_secs(10))
            .with_tls_skip_verify()
            .with_status(CheckStatus::Passing)
            .with_deregister_after(Duration::from_secs(5));
        let written = serde_json::to_value(&check).unwrap();
        assert_eq!(
            written,
            json!({
                "HTTP": "http://127.0.0.1:8082/health/ready", "Interval": "10000ms", "Timeout": "5000ms", "TLSSkipVerify": true,
                "Status": "passing", "DeregisterCriticalServiceAfter": "60000ms",
            })
        );
        let ttl = Check::ttl(Duration::from_secs(15)).named("alive", "the process lives");
        let written = serde_json::to_value(&ttl).unwrap();
        assert_eq!(written, json!({ "CheckID": "alive", "Name": "the process lives", "TTL": "15000ms" }));
    }
}
