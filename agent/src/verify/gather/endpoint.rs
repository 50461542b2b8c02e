//! The way to a place, step by step: its name, a connection, the certificate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use nova_hashistack::TlsConfig;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::super::fact::{Asked, CertificateFact, EndpointFact, TlsTrouble, Trouble};
use super::CONCURRENCY;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A place that has to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it is, for people.
    pub name: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Certificates of the authorities that its own may come from; none where it speaks no TLS.
    pub tls: Option<TlsConfig>,
    /// Why it is not reached from here directly, if so: by an outbound proxy.
    pub detour: Option<String>,
}

/// Goes to each.
pub(super) async fn ask_all(places: &[Place]) -> Vec<EndpointFact> {
    stream::iter(places).map(ask).buffered(CONCURRENCY).collect().await
}

async fn ask(place: &Place) -> EndpointFact {
    let mut fact = EndpointFact::new(&place.name, format!("{}:{}", place.host, place.port));
    if let Some(detour) = &place.detour {
        fact.resolved = Err(Trouble::NotAsked(detour.clone()));
        fact.connected = Err(Trouble::NotAsked(detour.clone()));
        fact.certificate = Err(TlsTrouble::NotAsked(detour.clone()));
        return fact;
    }
    let addresses = match resolve(place).await {
        Ok(addresses) => addresses,
        Err(trouble) => {
            fact.resolved = Err(trouble);
            return fact;
        }
    };
    fact.resolved = Ok(addresses.iter().map(ToString::to_string).collect());
    let stream = match connect(&addresses).await {
        Ok(stream) => stream,
        Err(trouble) => {
            fact.connected = Err(trouble);
            return fact;
        }
    };
    fact.connected = Ok(());
    fact.certificate = match place.tls.as_ref().map(TlsConfig::read) {
        None => Err(TlsTrouble::NotAsked("it speaks no TLS".to_owned())),
        Some(Err(error)) => Err(TlsTrouble::Other(nova_telemetry::error_chain(&error))),
        Some(Ok(trusted)) => shown(place, stream, Arc::new(trusted)).await,
    };
    fact
}

async fn resolve(place: &Place) -> Asked<Vec<SocketAddr>> {
    let host = place.host.trim_start_matches('[').trim_end_matches(']');
    match timeout(PATIENCE, lookup_host((host, place.port))).await {
        Ok(Ok(found)) => {
            let found: Vec<SocketAddr> = found.collect();
            if found.is_empty() {
                Err(Trouble::Unreachable("the name has no address".to_owned()))
            } else {
                Ok(found)
            }
        }
        Ok(Err(error)) => Err(Trouble::Unreachable(format!("the name has no address: {error}"))),
        Err(_elapsed) => {
            Err(Trouble::Unreachable(format!("name service gave no answer within {} s", PATIENCE.as_secs())))
        }
    }
}

/// A connection to the first of the addresses that takes one.
async fn connect(addresses: &[SocketAddr]) -> Asked<TcpStream> {
    let mut last = Trouble::Unreachable("there is no address".to_owned());
    for address in addresses {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Trouble::Unreachable(format!("{address}: {error}")),
            Err(_elapsed) => {
                last = Trouble::Unreachable(format!(
                    "{address} took no connection within {} s",
                    PATIENCE.as_secs()
                ));
            }
        }
    }
    Err(last)
}

async fn shown(
    place: &Place,
    stream: TcpStream,
    trusted: Arc<ClientConfig>,
) -> Result<CertificateFact, TlsTrouble> {
    let host = place.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|error| {
        TlsTrouble::Other(format!("{} is no name for a certificate: {error}", place.host))
    })?;
    let shaken = timeout(PATIENCE, TlsConnector::from(trusted).connect(name, stream)).await;
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(trouble(&error)),
        Err(_elapsed) => {
            return Err(TlsTrouble::Other(format!("no handshake within {} s", PATIENCE.as_secs())));
        }
    };
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates().and_then(|chain| chain.first());
    let leaf = leaf.ok_or_else(|| TlsTrouble::Other("it has shown no certificate".to_owned()))?;
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf)
        .map_err(|error| TlsTrouble::Other(format!("its certificate cannot be read: {error}")))?;
    let ends_at = Timestamp::from_second(parsed.validity().not_after.timestamp())
        .map_err(|error| TlsTrouble::Other(format!("the end of its certificate cannot be read: {error}")))?;
    Ok(CertificateFact { ends_at })
}

/// Which kind of trouble a handshake that failed is.
fn trouble(error: &std::io::Error) -> TlsTrouble {
    let told = error.to_string();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(why)) = inner else { return TlsTrouble::Other(told) };
    match why {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsTrouble::OtherName(told)
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => TlsTrouble::OutOfTime(told),
        _ => TlsTrouble::Untrusted(told),
    }
}
