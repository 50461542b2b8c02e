//! Free ports of the loopback interface.
//!
//! A program that can bind port 0 and tell where it listens should do that; this is for those that cannot.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// The lowest port that is looked at for servers: those below are the customary ones of somebody else.
const FIRST: u16 = 11_000;

/// Where the system begins with ports for whoever asks for any, unless it says otherwise. Linux's default.
const USUAL_START: u16 = 32_768;

/// A TCP port of 127.0.0.1 on which nothing listened a moment ago.
///
/// # Errors
/// When the system has no port to give.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Ports of 127.0.0.1 that were free a moment ago for TCP and UDP, all different.
///
/// The system never gives them to connections or to listeners that ask for any port, and this process asks for each only
/// once: what listens there can be stopped and started again without finding its port taken.
///
/// # Errors
/// When none of the ports that may be asked for is free.
pub fn lasting_ports<const COUNT: usize>() -> io::Result<[u16; COUNT]> {
    let mut ports = [0; COUNT];
    for port in &mut ports {
        *port = *lasting_range(1)?.start();
    }
    Ok(ports)
}

/// As [`lasting_ports`], but `count` ports that follow one another: for a program that chooses among them itself.
///
/// # Errors
/// As [`lasting_ports`].
pub fn lasting_range(count: u16) -> io::Result<RangeInclusive<u16>> {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    let span = ephemeral_start().saturating_sub(FIRST).max(1);
    // Two test processes begin at different places.
    let next = NEXT.get_or_init(|| AtomicU16::new((RandomState::new().hash_one(0) & 0xffff) as u16));
    (0..span)
        .map(|_| next.fetch_add(count, Ordering::Relaxed) % span)
        .filter(|offset| offset.saturating_add(count) <= span)
        .map(|offset| FIRST + offset..=FIRST + offset + (count - 1))
        .find(|ports| ports.clone().all(is_free))
        .ok_or_else(|| {
            io::Error::new(io::ErrorKind::AddrInUse, "every port below those of connections is taken")
        })
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The first port that the system gives to whoever asks for any.
fn ephemeral_start() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_whitespace().next().and_then(|start| start.parse().ok()).unwrap_or(USUAL_START)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free_port().unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn lasting_ports_differ_and_lie_below_those_of_connections() {
        let ports: [u16; 16] = lasting_ports().unwrap();
        let mut sorted = ports.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), ports.len(), "{ports:?}");
        assert!(ports.iter().all(|port| *port >= FIRST && *port < ephemeral_start()), "{ports:?}");
    }

    #[test]
    fn a_lasting_range_is_asked_for_once() {
        let (one, other) = (lasting_range(32).unwrap(), lasting_range(32).unwrap());
        for ports in [&one, &other] {
            assert_eq!(ports.len(), 32);
            assert!(*ports.start() >= FIRST && *ports.end() < ephemeral_start(), "{ports:?}");
        }
        assert!(one.end() < other.start() || other.end() < one.start(), "{one:?} and {other:?}");
    }
}
