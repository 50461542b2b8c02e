//! Which addresses are public: the judgment before any connection. Pure.
//!
//! From IANA's registries of special-purpose addresses (RFC 6890 and its updates) and the metadata services of
//! the clouds. What is not known to be public is judged private.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What kind of address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// On the internet.
    Public,
    /// In this machine, this network, or reserved.
    Private,
    /// A service that hands out a machine's identity and secrets.
    Metadata,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, g: u16, h: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, g, h), prefix)
}

const METADATA_V4: &[Ipv4Net] = &[
    // AWS, Azure, Google, OpenStack and others; AWS's resolver and clock are its neighbors.
    v4(169, 254, 169, 0, 24),
    // AWS: credentials of ECS tasks (.2) and EKS pods (.23).
    v4(169, 254, 170, 0, 24),
    // Azure: the WireServer.
    v4(168, 63, 129, 16, 32),
    // Alibaba.
    v4(100, 100, 100, 200, 32),
    // Oracle.
    v4(192, 0, 0, 192, 32),
];

const PRIVATE_V4: &[Ipv4Net] = &[
    // "This network" (RFC 791); Linux connects 0.0.0.0 to itself.
    v4(0, 0, 0, 0, 8),
    // Private use (RFC 1918).
    v4(10, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    // Carrier-grade NAT (RFC 6598).
    v4(100, 64, 0, 0, 10),
    // Loopback (RFC 1122).
    v4(127, 0, 0, 0, 8),
    // Link-local (RFC 3927).
    v4(169, 254, 0, 0, 16),
    // Protocol assignments (RFC 6890).
    v4(192, 0, 0, 0, 24),
    // Documentation (RFC 5737).
    v4(192, 0, 2, 0, 24),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    // Relays of 6to4 (RFC 7526).
    v4(192, 88, 99, 0, 24),
    // Benchmarks (RFC 2544).
    v4(198, 18, 0, 0, 15),
    // Multicast (RFC 5771), reserved (RFC 1112) and broadcast (RFC 919).
    v4(224, 0, 0, 0, 3),
];

const METADATA_V6: &[Ipv6Net] = &[
    // AWS: instances (::254), EKS pods (::23), resolver (::253), clock (::123).
    v6(0xfd00, 0x0ec2, 0, 0, 0, 32),
    // Google.
    v6(0xfd20, 0x00ce, 0, 0, 0x254, 128),
];

/// The part of IPv6 that is given out for the internet (RFC 4291): all else is special or unassigned.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 0, 0, 3);

const PRIVATE_V6: &[Ipv6Net] = &[
    // Protocol assignments (RFC 2928), with Teredo (RFC 4380) and ORCHID.
    v6(0x2001, 0, 0, 0, 0, 23),
    // Documentation (RFC 3849, RFC 9637).
    v6(0x2001, 0x0db8, 0, 0, 0, 32),
    v6(0x3fff, 0, 0, 0, 0, 20),
    // 6to4 (RFC 3056), a tunnel into IPv4.
    v6(0x2002, 0, 0, 0, 0, 16),
];

/// Judges one address. Forms of IPv6 that lead into IPv4 are private, whatever they lead to, except that one
/// that leads to a metadata service is that service.
pub fn classify(address: IpAddr) -> AddressKind {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressKind {
    let within = |nets: &[Ipv4Net]| nets.iter().any(|net| net.contains(&address));
    if within(METADATA_V4) {
        AddressKind::Metadata
    } else if within(PRIVATE_V4) {
        AddressKind::Private
    } else {
        AddressKind::Public
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressKind {
    let within = |nets: &[Ipv6Net]| nets.iter().any(|net| net.contains(&address));
    let leads_to_metadata = || {
        embedded_v4(address).into_iter().flatten().any(|inner| classify_v4(inner) == AddressKind::Metadata)
    };
    if within(METADATA_V6) || leads_to_metadata() {
        AddressKind::Metadata
    } else if !GLOBAL_V6.contains(&address) || within(PRIVATE_V6) {
        AddressKind::Private
    } else {
        AddressKind::Public
    }
}

/// The IPv4 addresses that an IPv6 address may lead to.
fn embedded_v4(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let pair = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // IPv4-compatible (RFC 4291, 2.5.5.1), IPv4-mapped (2.5.5.2), IPv4-translated (RFC 2765) and NAT64
        // (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        // NAT64 for local use (RFC 8215), with the longest of its prefixes.
        | [0x64, 0xff9b, 1, _, _, _, high, low] => [Some(pair(high, low)), None],
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => [Some(pair(high, low)), None],
        // Teredo (RFC 4380): the server, and the client with its bits turned.
        [0x2001, 0, high, low, _, _, client_high, client_low] => {
            [Some(pair(high, low)), Some(pair(!client_high, !client_low))]
        }
        // ISATAP (RFC 5214) in any prefix.
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => [Some(pair(high, low)), None],
        _ => [None; 2],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn public_addresses_are_public(
        #[values(
            "8.8.8.8",
            "172.15.255.255",
            "172.32.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "169.253.255.255",
            "192.167.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2600:1f18::1"
        )]
        address: &str,
    ) {
        assert_eq!(classify(address.parse().unwrap()), AddressKind::Public);
    }

    #[rstest]
    fn addresses_of_machines_and_networks_are_private(
        #[values(
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::10.0.0.1",
            "64:ff9b::808:808",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1"
        )]
        address: &str,
    ) {
        assert_eq!(classify(address.parse().unwrap()), AddressKind::Private);
    }

    #[rstest]
    fn metadata_services_are_known_in_every_disguise(
        #[values(
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:a9fe:a9fe",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::1",
            "2001:0:808:808::5601:5601",
            "fe80::5efe:169.254.169.254",
            "2600:1f18::200:5efe:169.254.169.254"
        )]
        address: &str,
    ) {
        assert_eq!(classify(address.parse().unwrap()), AddressKind::Metadata);
    }

    proptest! {
        /// The standard library's own judgments never contradict ours.
        #[test]
        fn what_the_standard_library_calls_special_is_not_public(bits in any::<u32>(), shift in 0_u32..32) {
            // Shifts bring the addresses near the edges of networks.
            let address = Ipv4Addr::from(bits >> shift << shift);
            let special = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_multicast() || address.is_broadcast() || address.is_documentation()
                || address.is_unspecified();
            prop_assert!(!special || classify_v4(address) != AddressKind::Public, "{}", address);
        }

        /// However an IPv4 address is wrapped, the wrapping never makes it public.
        #[test]
        fn no_wrapped_ipv4_address_is_public(bits in any::<u32>()) {
            let (high, low) = ((bits >> 16) as u16, (bits & 0xffff) as u16);
            for wrapped in [
                Ipv4Addr::from(bits).to_ipv6_mapped(),
                Ipv4Addr::from(bits).to_ipv6_compatible(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            ] {
                prop_assert_ne!(classify_v6(wrapped), AddressKind::Public, "{}", wrapped);
            }
        }
    }
}
