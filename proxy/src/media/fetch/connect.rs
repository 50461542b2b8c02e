//! The connection to addresses that were judged, and to no others.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

/// How many addresses of a name are tried.
const MAX_ADDRESSES: usize = 4;

/// How long one address may take, so that a dead one leaves time for the next.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(3);

/// Connects to one of the addresses it holds, whatever name it is asked for: a second look-up could give others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckedAddresses(Vec<SocketAddr>);

impl CheckedAddresses {
    pub(super) fn new(addresses: &[IpAddr], port: u16) -> Self {
        Self(addresses.iter().take(MAX_ADDRESSES).map(|address| SocketAddr::new(*address, port)).collect())
    }
}

impl Service<Uri> for CheckedAddresses {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let addresses = self.0.clone();
        Box::pin(async move {
            let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
            for address in addresses {
                match timeout(ADDRESS_TIMEOUT, TcpStream::connect(address)).await {
                    Ok(Ok(stream)) => return Ok(TokioIo::new(stream)),
                    Ok(Err(error)) => last = error,
                    Err(_) => last = io::ErrorKind::TimedOut.into(),
                }
            }
            Err(last)
        })
    }
}
