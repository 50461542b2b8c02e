//! The first bytes of a connection from a load balancer.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use nova_proxy::server::proxy_header;

/// A header of version 1 or 2 with whatever follows: of what follows, nothing is taken.
pub fn proxy_header(input: &[u8]) {
    let mut rest = input;
    let poll = pin!(proxy_header::read(&mut rest)).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(told) = poll else { unreachable!("bytes in memory never wait") };
    let taken = input.len() - rest.len();
    match told {
        Ok(source) => {
            assert!((12..=16 + 4096).contains(&taken), "a header of {taken} bytes");
            assert!(source.is_none() || taken > 16, "an address out of nothing");
        }
        Err(error) => assert!(!error.to_string().is_empty(), "a refusal without a reason"),
    }
}
