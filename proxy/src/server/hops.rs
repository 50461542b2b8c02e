//! Whose word on a client's address is believed, and what it comes to.
//!
//! A hop that is not trusted can write any header; so headers are read from the last hop backwards, as long as each hop is trusted.

mod forwarded;

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;
use nova_config::ForwardedHeader;

/// The load balancers before this instance. The default trusts nobody.
#[derive(Clone, Debug, Default)]
pub struct TrustedHops {
    /// Their addresses.
    pub networks: Vec<IpNet>,
    /// The header in which they tell the client's address.
    pub header: ForwardedHeader,
    /// Whether their connections begin with a PROXY protocol header.
    pub proxy_protocol: bool,
}

/// How many hops are read at most: more than any chain of load balancers has.
const HOPS_MAX: usize = 32;

impl TrustedHops {
    /// Whether `address` is one of them. An IPv4 address within IPv6 is taken as what it is.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The client's address: the last one that no trusted hop vouches for as another hop.
    ///
    /// `peer` is the other end of the connection. Where a hop names no address, it is itself as far as we see.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        for hop in forwarded::hops(self.header, headers).into_iter().rev().take(HOPS_MAX) {
            let Some(address) = hop else { break };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn hops(header: ForwardedHeader) -> TrustedHops {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap()).to_vec();
        TrustedHops { networks, header, proxy_protocol: false }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[rstest]
    #[case::nothing_said("10.0.0.1", &[], "10.0.0.1")]
    #[case::one_hop("10.0.0.1", &["203.0.113.7"], "203.0.113.7")]
    #[case::two_hops("10.0.0.1", &["203.0.113.7, 10.0.0.2"], "203.0.113.7")]
    #[case::spoofed_before_the_first_hop("10.0.0.1", &["198.51.100.1, 203.0.113.7, 10.0.0.2"], "203.0.113.7")]
    #[case::spoofed_as_one_of_ours("10.0.0.1", &["10.9.9.9, 203.0.113.7"], "203.0.113.7")]
    #[case::spoofed_by_a_stranger("203.0.113.7", &["198.51.100.1"], "203.0.113.7")]
    #[case::spoofed_by_a_stranger_as_one_of_ours("203.0.113.7", &["10.0.0.1"], "203.0.113.7")]
    #[case::two_lines("10.0.0.1", &["198.51.100.1", "203.0.113.7"], "203.0.113.7")]
    #[case::a_client_of_ours("10.0.0.1", &["10.0.0.3"], "10.0.0.3")]
    #[case::rubbish_ends_it("10.0.0.1", &["203.0.113.7, rubbish, 10.0.0.2"], "10.0.0.2")]
    #[case::empty("10.0.0.1", &[""], "10.0.0.1")]
    #[case::with_a_port("10.0.0.1", &["203.0.113.7:4711"], "203.0.113.7")]
    #[case::ipv6("fd00::1", &["2001:db8::7"], "2001:db8::7")]
    #[case::ipv6_with_a_port("fd00::1", &["[2001:db8::7]:4711"], "2001:db8::7")]
    #[case::ipv4_within_ipv6("::ffff:10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7")]
    fn x_forwarded_for_is_read_backwards_through_trusted_hops(
        #[case] peer: &str,
        #[case] lines: &[&str],
        #[case] client: &str,
    ) {
        let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        let found = hops(ForwardedHeader::XForwardedFor).client(peer.parse().unwrap(), &headers(&lines));
        assert_eq!(found, client.parse::<IpAddr>().unwrap());
    }

    #[rstest]
    #[case::one_hop("for=203.0.113.7", "203.0.113.7")]
    #[case::with_more("by=10.0.0.1;For=203.0.113.7;proto=https", "203.0.113.7")]
    #[case::quoted_with_a_port("for=\"[2001:db8::7]:4711\"", "2001:db8::7")]
    #[case::a_comma_in_quotes("for=198.51.100.1, for=203.0.113.7;host=\"a,for=1.2.3.4\"", "203.0.113.7")]
    #[case::unknown("for=203.0.113.7, for=unknown", "10.0.0.1")]
    #[case::hidden("for=_hidden", "10.0.0.1")]
    #[case::not_said("for=203.0.113.7, proto=https", "10.0.0.1")]
    #[case::an_open_quote_that_swallows("for=198.51.100.1;x=\", for=203.0.113.7", "10.0.0.1")]
    #[case::an_open_quote("for=203.0.113.7, for=\"198.51.100.1", "10.0.0.1")]
    fn forwarded_is_read_as_rfc_7239_writes_it(#[case] line: &str, #[case] client: &str) {
        let found = hops(ForwardedHeader::Forwarded)
            .client("10.0.0.1".parse().unwrap(), &headers(&[("forwarded", line)]));
        assert_eq!(found, client.parse::<IpAddr>().unwrap());
    }

    #[rstest]
    #[case(ForwardedHeader::XForwardedFor, "203.0.113.7")]
    #[case(ForwardedHeader::Forwarded, "203.0.113.8")]
    fn the_header_that_the_hops_do_not_set_is_not_read(
        #[case] header: ForwardedHeader,
        #[case] client: &str,
    ) {
        let both = headers(&[("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.8")]);
        assert_eq!(
            hops(header).client("10.0.0.1".parse().unwrap(), &both),
            client.parse::<IpAddr>().unwrap()
        );
    }

    proptest! {
        #[test]
        fn what_a_client_writes_never_changes_what_the_last_hop_adds(written in "[ -~]{0,80}") {
            // A quote that is left open may swallow what follows, which hides an address and never invents one.
            let line = format!("{written}, 203.0.113.7");
            let headers = headers(&[("x-forwarded-for", line.as_str())]);
            let found = hops(ForwardedHeader::XForwardedFor).client("10.0.0.1".parse().unwrap(), &headers);
            prop_assert_eq!(found.to_string(), "203.0.113.7");
        }

        #[test]
        fn no_forwarded_line_names_another_client_than_the_last_hop_does(written in "[ -~]{0,80}") {
            let line = format!("{written}, for=203.0.113.7");
            let headers = headers(&[("forwarded", line.as_str())]);
            let found = hops(ForwardedHeader::Forwarded).client("10.0.0.1".parse().unwrap(), &headers).to_string();
            prop_assert!(["203.0.113.7", "10.0.0.1"].contains(&found.as_str()), "{}", found);
        }
    }
}
