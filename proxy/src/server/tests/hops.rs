//! Who a client is taken for, over real sockets. Every socket here is of 127.0.0.1, which a test trusts or does not.

use ipnet::IpNet;
use nova_config::ForwardedHeader;

use super::*;
use crate::server::TrustedHops;

const OURS: &str = "127.0.0.0/8";
const OTHERS: &str = "10.0.0.0/8";
const VERSION_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x0a\0\0\x01\x12\x34\0\x50";

async fn serve(trusted: &str, proxy_protocol: bool) -> Running {
    let hops = TrustedHops {
        networks: vec![trusted.parse::<IpNet>().unwrap()],
        header: ForwardedHeader::XForwardedFor,
        proxy_protocol,
    };
    let settings =
        ServerSettings { handshake_timeout: Duration::from_millis(100), ..ServerSettings::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Running::start_as(|server| server.with_hops(hops), settings, listener, address)
}

/// Sends the bytes and a request that asks who the client is.
async fn ask_after(server: &Running, before: &[u8], headers: &str) -> String {
    let mut client = server.connect().await;
    client.0.write_all(before).await.unwrap();
    let head = format!("GET /client HTTP/1.1\r\nhost: nova\r\nconnection: close\r\n{headers}\r\n");
    client.0.write_all(head.as_bytes()).await.unwrap();
    client.read_to_end().await
}

#[rstest]
#[case::a_header_of_a_trusted_hop(OURS, "x-forwarded-for: 203.0.113.7\r\n", "203.0.113.7")]
#[case::a_header_of_a_stranger(OTHERS, "x-forwarded-for: 203.0.113.7\r\n", "127.0.0.1")]
#[case::the_other_header(OURS, "forwarded: for=203.0.113.7\r\n", "127.0.0.1")]
#[case::no_header(OURS, "", "127.0.0.1")]
#[tokio::test]
async fn headers_are_believed_of_trusted_hops_alone(
    #[case] trusted: &str,
    #[case] headers: &str,
    #[case] client: &str,
) {
    let answer = ask_after(&serve(trusted, false).await, b"", headers).await;
    assert!(answer.ends_with(&format!("\r\n\r\n{client}")), "{answer}");
}

#[rstest]
#[case::version_1(b"PROXY TCP4 203.0.113.7 10.0.0.1 4660 80\r\n", "", "203.0.113.7")]
#[case::version_2(VERSION_2, "", "203.0.113.7")]
#[case::a_health_check(b"PROXY UNKNOWN\r\n", "", "127.0.0.1")]
#[case::a_strangers_header_behind_it(VERSION_2, "x-forwarded-for: 198.51.100.1\r\n", "203.0.113.7")]
#[case::two_hops(
    b"PROXY TCP4 127.0.0.9 10.0.0.1 1 80\r\n",
    "x-forwarded-for: 203.0.113.7\r\n",
    "203.0.113.7"
)]
#[tokio::test]
async fn a_proxy_header_of_a_trusted_hop_names_the_client(
    #[case] before: &[u8],
    #[case] headers: &str,
    #[case] client: &str,
) {
    let answer = ask_after(&serve(OURS, true).await, before, headers).await;
    assert!(answer.ends_with(&format!("\r\n\r\n{client}")), "{answer}");
}

#[tokio::test]
async fn a_proxy_header_of_a_stranger_is_no_header() {
    let server = serve(OTHERS, true).await;
    for before in [VERSION_2, b"PROXY TCP4 203.0.113.7 10.0.0.1 4660 80\r\n"] {
        let answer = ask_after(&server, before, "").await;
        assert!(!answer.contains("203.0.113.7") && !answer.contains(" 200 "), "{answer}");
    }
    let answer = ask_after(&server, b"", "").await;
    assert!(answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn a_trusted_hop_without_a_proxy_header_is_closed() {
    let server = serve(OURS, true).await;
    assert_eq!(ask_after(&server, b"", "").await, "");
    assert_eq!(server.connect().await.read_to_end().await, "", "a silent one after the timeout");
    assert_eq!(server.stats.opening_failures_total(), 2);
}
