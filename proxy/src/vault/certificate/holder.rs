//! Who shows a certificate that Vault has signed: the listeners to clients, the connection to Consul to Consul.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use nova_hashistack::ClientIdentity;
use slog::Logger;

use crate::events;
use crate::server::{Identity, ServerTls, TlsError};

/// One that certificates are given to, each in place of the one before.
#[derive(Clone)]
pub(crate) enum CertificateHolder {
    /// The listeners that speak TLS.
    Listeners(Arc<ServerTls>),
    /// The connections to Consul.
    Consul(ConsulIdentity),
}

/// The client certificate that Consul is shown, and when it ends.
#[derive(Clone, Default)]
pub(crate) struct ConsulIdentity {
    identity: ClientIdentity,
    not_after: Arc<Mutex<Option<Timestamp>>>,
}

impl ConsulIdentity {
    /// What Consul's client is made with.
    pub(crate) fn client_identity(&self) -> ClientIdentity {
        self.identity.clone()
    }

    fn give(&self, identity: Identity) -> Result<Timestamp, TlsError> {
        let (chain, key, not_after, origin) = identity.still_good()?.into_parts();
        self.identity.give(chain, key).map_err(|source| TlsError::Pair { origin, source })?;
        *self.not_after.lock().unwrap_or_else(PoisonError::into_inner) = Some(not_after);
        Ok(not_after)
    }
}

impl CertificateHolder {
    /// What receipts, metrics and the cache of secrets call its certificate.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Listeners(_) => "tls_certificate",
            Self::Consul(_) => "consul_client_certificate",
        }
    }

    /// Puts a certificate into force for connections that begin from now on. Returns when it ends.
    ///
    /// # Errors
    /// When it has ended, or its key is not its own; what was in force stays so.
    pub(super) fn give(&self, identity: Identity) -> Result<Timestamp, TlsError> {
        match self {
            Self::Listeners(tls) => tls.give(identity),
            Self::Consul(consul) => consul.give(identity),
        }
    }

    /// When the certificate in force ends; nothing before there is one.
    pub(super) fn not_after(&self) -> Option<Timestamp> {
        match self {
            Self::Listeners(tls) => tls.not_after(),
            Self::Consul(consul) => *consul.not_after.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Tells that another one is in force.
    pub(super) fn in_force(&self, log: &Logger, not_after: Timestamp) {
        match self {
            Self::Listeners(_) => events::certificate_in_force(log, not_after, true),
            Self::Consul(_) => events::consul_certificate_in_force(log, not_after),
        }
    }

    /// Tells that there is no next one, and until when the one in force is good, if there is one.
    pub(super) fn not_signed(&self, log: &Logger, error: &(dyn Error + 'static), until: Option<Timestamp>) {
        match self {
            Self::Listeners(_) => events::certificate_not_signed(log, error, until),
            Self::Consul(_) => events::consul_certificate_not_signed(log, error, until),
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    use super::*;

    fn signed(until: i32, key_of_another: bool) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["nova.test".to_owned()]).expect("a name");
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.self_signed(&key).expect("a certificate");
        let other = KeyPair::generate().expect("a key");
        let shown = if key_of_another { &other } else { &key };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.serialize_der()));
        Identity::new(vec![certificate.der().clone()], key, "of a test").expect("a chain")
    }

    #[test]
    fn a_certificate_that_cannot_be_shown_leaves_the_one_in_force() {
        let consul = ConsulIdentity::default();
        let holder = CertificateHolder::Consul(consul.clone());
        assert_eq!(holder.not_after(), None);
        let good = holder.give(signed(2999, false)).expect("a good one");
        assert_eq!(holder.not_after(), Some(good));
        assert!(matches!(holder.give(signed(2020, false)), Err(TlsError::Expired { .. })));
        assert!(matches!(holder.give(signed(2998, true)), Err(TlsError::Pair { .. })));
        assert_eq!(holder.not_after(), Some(good));
        assert_eq!(format!("{:?}", consul.client_identity()), "ClientIdentity { is_given: true }");
    }
}
