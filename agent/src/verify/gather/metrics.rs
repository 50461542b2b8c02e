//! One figure of a page of metrics: how many requests were answered. Pure.

use nova_telemetry::metrics::REQUESTS_TOTAL;

use super::super::fact::{Asked, Trouble};
use crate::seams::exposition::samples;

/// What every page of the proxy's has in it.
const FAMILY: &str = "nova_proxy_";

/// The requests of all series together. A page without a request has no such series yet.
pub(super) fn requests(page: &str) -> Asked<f64> {
    let mut total = 0.0;
    let mut is_ours = false;
    for sample in samples(page) {
        let sample =
            sample.map_err(|error| Trouble::Odd(format!("its page of metrics cannot be read: {error}")))?;
        is_ours |= sample.name.starts_with(FAMILY);
        if sample.name == REQUESTS_TOTAL {
            total += sample.value;
        }
    }
    if is_ours { Ok(total) } else { Err(Trouble::Odd("its page has no metrics of a proxy".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_all_series_are_counted() {
        let page =
            "nova_proxy_requests_total{status=\"200\"} 3\nnova_proxy_requests_total{status=\"429\"} 1\n";
        assert_eq!(requests(page), Ok(4.0));
        assert_eq!(requests("nova_proxy_connections_open 0\n"), Ok(0.0));
        assert!(requests("go_goroutines 7\n").is_err());
        assert!(requests("<html>").is_err());
    }
}
