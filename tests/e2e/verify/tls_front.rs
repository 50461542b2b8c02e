//! TLS in front of something that speaks none, with a certificate as good or as bad as it is wanted.

use std::net::SocketAddr;
use std::sync::Arc;

use nova_test_support::pki::Pair;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The front. Dropping it closes everything.
#[derive(Debug)]
pub(super) struct TlsFront {
    pub(super) address: SocketAddr,
    _server: JoinSet<()>,
}

impl TlsFront {
    /// Shows this certificate, and passes on what comes to `target`.
    pub(super) async fn start(target: SocketAddr, pair: &Pair) -> anyhow::Result<Self> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.key.clone()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![pair.der.clone()], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    // Who does not like the certificate goes; that is what is tested.
                    let Ok(mut client) = acceptor.accept(socket).await else { return };
                    let Ok(mut target) = TcpStream::connect(target).await else { return };
                    drop(copy_bidirectional(&mut client, &mut target).await);
                });
            }
        });
        Ok(Self { address, _server: server })
    }
}
