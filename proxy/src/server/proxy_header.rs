//! The PROXY protocol: the first bytes of a connection, in which a load balancer tells for whom it connects.
//!
//! Source: "The PROXY protocol, versions 1 & 2", HAProxy, sections 2.1 and 2.2. Strict, as the text demands: a connection that should begin with a
//! header and does not is refused, never guessed at. Whose connections these are is for [`super::hops`].

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The longest line of version 1, its end included.
const LINE_BYTES_MAX: usize = 107;

/// The longest rest of version 2: addresses and some extensions, of which TLS certificates are the largest.
const BLOCK_BYTES_MAX: u16 = 4096;

/// Why a header is refused.
#[derive(Debug, thiserror::Error)]
pub enum ProxyHeaderError {
    /// It does not come, or not whole.
    #[error("the connection ended within its PROXY header")]
    Io(#[from] io::Error),
    /// Something else comes.
    #[error("the connection does not begin with a PROXY header; is proxy_protocol set at the load balancer?")]
    Missing,
    /// It comes, and breaks a rule; which one.
    #[error("the PROXY header has the wrong form: {0}")]
    Malformed(&'static str),
}

use ProxyHeaderError::Malformed;

/// Reads the header and not a byte more. `None` where the load balancer speaks for itself, such as in its health checks.
///
/// # Errors
/// When the bytes are no header, or end before it does.
pub async fn read<I: AsyncRead + Unpin>(io: &mut I) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    let mut head = [0; SIGNATURE.len()];
    io.read_exact(&mut head).await?;
    if head == SIGNATURE {
        let mut fixed = [0; 4];
        io.read_exact(&mut fixed).await?;
        let [version_and_command, family, length @ ..] = fixed;
        let length = u16::from_be_bytes(length);
        if length > BLOCK_BYTES_MAX {
            return Err(Malformed("it is too long"));
        }
        let mut block = vec![0; usize::from(length)];
        io.read_exact(&mut block).await?;
        return block_source(version_and_command, family, &block);
    }
    if !head.starts_with(b"PROXY ") {
        return Err(ProxyHeaderError::Missing);
    }
    // The line's length is not known before its end, and what follows is not ours: one byte at a time.
    let mut line = head.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LINE_BYTES_MAX {
            return Err(Malformed("its line is too long"));
        }
        line.push(io.read_u8().await?);
    }
    line_source(&line)
}

/// Version 1: `PROXY TCP4 <source> <destination> <source port> <destination port>`.
fn line_source(line: &[u8]) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    let text = str::from_utf8(line).map_err(|_| Malformed("it is not ASCII"))?;
    let text = text.strip_suffix("\r\n").ok_or(Malformed("its line does not end"))?;
    let mut words = text.split(' ');
    let (_, family) = (words.next(), words.next());
    if family == Some("UNKNOWN") {
        return Ok(None);
    }
    let (Some(source), Some(destination), Some(port), Some(to_port), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Malformed("it has not six words"));
    };
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            Some("TCP4") => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            Some("TCP6") => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (Some(source), Some(_)) = (address(source), address(destination)) else {
        return Err(Malformed("its addresses are not of its family"));
    };
    let (Some(port), Some(_)) = (decimal(port), decimal(to_port)) else {
        return Err(Malformed("its ports are not numbers"));
    };
    Ok(Some(SocketAddr::new(source, port)))
}

/// A port without sign or leading zeros.
fn decimal(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// Version 2: binary. Extensions after the addresses are passed over.
fn block_source(
    version_and_command: u8,
    family: u8,
    block: &[u8],
) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    match version_and_command {
        0x20 => return Ok(None),
        0x21 => {}
        _ => return Err(Malformed("its version or command is unknown")),
    }
    let source = match family {
        // Unspecified: the connection's own address is all there is.
        0x00 => return Ok(None),
        0x11 => source_of(block).map(|(octets, port)| (Ipv4Addr::from_octets(octets).into(), port)),
        0x21 => source_of(block).map(|(octets, port)| (Ipv6Addr::from_octets(octets).into(), port)),
        _ => return Err(Malformed("its family is not one of TCP")),
    };
    source
        .map(|source: (IpAddr, u16)| Some(source.into()))
        .ok_or(Malformed("it is too short for its addresses"))
}

/// The source of a block that begins with two addresses of `N` bytes and two ports.
fn source_of<const N: usize>(block: &[u8]) -> Option<([u8; N], u16)> {
    let (source, rest) = block.split_first_chunk::<N>()?;
    let (_, rest) = rest.split_first_chunk::<N>()?;
    let ([high, low, _, _], _) = rest.split_first_chunk::<4>()?;
    Some((*source, u16::from_be_bytes([*high, *low])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    async fn read_all(bytes: &[u8]) -> (Result<Option<SocketAddr>, ProxyHeaderError>, Vec<u8>) {
        let mut rest = bytes;
        let result = read(&mut rest).await;
        (result, rest.to_vec())
    }

    fn block(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version_and_command, family], &length, rest].concat()
    }

    fn block_of(source: SocketAddr) -> Vec<u8> {
        let port = source.port().to_be_bytes();
        match source.ip() {
            IpAddr::V4(ip) => {
                block(0x21, 0x11, &[&ip.octets()[..], &[127, 0, 0, 1], &port, &[1, 187]].concat())
            }
            IpAddr::V6(ip) => block(0x21, 0x21, &[&ip.octets()[..], &[0; 16], &port, &[1, 187]].concat()),
        }
    }

    fn line_of(source: SocketAddr) -> Vec<u8> {
        let (family, to) = if source.is_ipv4() { ("TCP4", "127.0.0.1") } else { ("TCP6", "::1") };
        format!("PROXY {family} {} {to} {} 443\r\n", source.ip(), source.port()).into_bytes()
    }

    #[rstest]
    #[case::unknown(b"PROXY UNKNOWN\r\n".to_vec(), None)]
    #[case::unknown_with_more(b"PROXY UNKNOWN ffff::1 ::1 1 2\r\n".to_vec(), None)]
    #[case::local(block(0x20, 0x00, &[]), None)]
    #[case::local_with_addresses(block(0x20, 0x11, &[9; 12]), None)]
    #[case::unspecified(block(0x21, 0x00, &[]), None)]
    #[case::with_extensions(block(0x21, 0x11, &[203, 0, 113, 7, 10, 0, 0, 1, 0, 80, 1, 187, 4, 0, 0]), Some("203.0.113.7:80"))]
    #[tokio::test]
    async fn headers_are_read_and_nothing_behind_them(
        #[case] header: Vec<u8>,
        #[case] expected: Option<&str>,
    ) {
        let (result, rest) = read_all(&[&header[..], b"GET / HTTP/1.1"].concat()).await;
        assert_eq!(result.unwrap(), expected.map(|text| text.parse().unwrap()));
        assert_eq!(rest, b"GET / HTTP/1.1");
    }

    #[rstest]
    #[case::http(b"GET / HTTP/1.1\r\n\r\n".to_vec())]
    #[case::other_family(b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n".to_vec())]
    #[case::address_of_another_family(b"PROXY TCP4 ::1 ::1 1 2\r\n".to_vec())]
    #[case::two_spaces(b"PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n".to_vec())]
    #[case::too_few_words(b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n".to_vec())]
    #[case::too_many_words(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n".to_vec())]
    #[case::port_over_16_bits(b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n".to_vec())]
    #[case::signed_port(b"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n".to_vec())]
    #[case::endless_line([b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat())]
    #[case::lone_newline(b"PROXY UNKNOWN\n".to_vec())]
    #[case::version_3(block(0x31, 0x11, &[0; 12]))]
    #[case::unknown_command(block(0x22, 0x11, &[0; 12]))]
    #[case::udp(block(0x21, 0x12, &[0; 12]))]
    #[case::short_ipv4(block(0x21, 0x11, &[0; 11]))]
    #[case::short_ipv6(block(0x21, 0x21, &[0; 35]))]
    #[case::too_long(block(0x21, 0x11, &[0; 4097]))]
    #[case::cut(block(0x21, 0x11, &[0; 12])[..20].to_vec())]
    #[tokio::test]
    async fn anything_else_is_refused(#[case] bytes: Vec<u8>) {
        let (result, _) = read_all(&bytes).await;
        assert!(result.is_err(), "{result:?}");
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    proptest! {
        #[test]
        fn both_versions_tell_what_was_written(ip in any::<IpAddr>(), port in any::<u16>(), rest in any::<Vec<u8>>()) {
            let source = SocketAddr::new(ip, port);
            for header in [line_of(source), block_of(source)] {
                let (result, left) = run(read_all(&[&header[..], &rest].concat()));
                prop_assert_eq!(result.unwrap(), Some(source));
                prop_assert_eq!(&left, &rest);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(start in 0..3_usize, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let start = [&b""[..], b"PROXY TCP4 ", &SIGNATURE][start];
            let (result, _) = run(read_all(&[start, &bytes].concat()));
            prop_assert!(result.is_ok() || result.is_err_and(|error| !error.to_string().is_empty()));
        }
    }
}
