//! The first configuration: files, and documents of Consul where there are some that hold.
//!
//! Consul's documents come first, then those that were kept, then the files alone. Documents that do not hold keep nobody from serving: the
//! receipt says why they were refused.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nova_config::{Documents, Faults, Layer, Loaded, ProcessEnvironment, load_layers, read_layers};
use nova_telemetry::{error_chain, keys};
use slog::{Logger, error, o};

use super::{BuildError, build};
use crate::documents::FirstDocuments;
use crate::receipt::{AppliedConfig, ConfigSource, Identity, Receipt, ReceiptStore, Refusal};
use crate::reload::{Files, Keep, ReloadError, Sourced, judge, says_the_same};
use crate::secrets::sealed::SealedSecrets;
use crate::snapshot::Snapshot;
use crate::upstream::CachedCredentials;
use crate::vault::{self, CertificateHolder, CertificateRenewal, ConsulIdentity, Vault};

/// The texts that a process begins with, read and not yet judged together.
pub struct FirstConfig {
    /// The files alone: what decides the bootstrap tier, which documents cannot touch.
    pub files: Loaded,
    layers: Vec<Layer>,
    documents: FirstDocuments,
    pub(super) vault: FirstVault,
}

/// How long a start waits for the certificate that Consul is shown. Vault signs in milliseconds.
const FIRST_SIGNATURE: Duration = Duration::from_secs(2);

/// Vault, as far as it was needed before Consul was asked.
#[derive(Default)]
pub(super) struct FirstVault {
    /// Vault itself and the last known secrets, where they were opened already.
    pub(super) opened: Option<(Vault, Option<SealedSecrets>)>,
    /// What keeps Consul's connection in certificates.
    pub(super) consul_certificate: Option<CertificateRenewal>,
}

impl FirstConfig {
    /// Reads the files. Without [`Self::with_documents`] they are all that there is.
    ///
    /// # Errors
    /// Every fault of every file: they have to be a whole configuration, which serves where Consul was never reached.
    pub fn read(files: &[PathBuf]) -> Result<Self, Faults> {
        let layers = read_layers(files)?;
        let files = load_layers(layers.clone(), &ProcessEnvironment)?;
        Ok(Self { files, layers, documents: FirstDocuments::none(), vault: FirstVault::default() })
    }

    /// Asks Consul, if the files name it, for two seconds at most, and looks for what an earlier process kept.
    ///
    /// # Errors
    /// When the `consul` block, or the `vault` block that its certificate needs, cannot be used. That Consul or Vault is gone is no error.
    pub async fn with_documents(self, log: &Logger) -> Result<Self, BuildError> {
        let bootstrap = &self.files.config.bootstrap;
        let identity = ConsulIdentity::default();
        let asked = bootstrap.consul.as_ref().and_then(|consul| consul.client_certificate.clone());
        let mut first = FirstVault::default();
        if let (Some(asked), Some(vault)) = (asked, build::vault(&self.files)?) {
            let sealed = build::sealed(&self.files)?;
            let holder = CertificateHolder::Consul(identity.clone());
            let log = log.new(o!(keys::COMPONENT => "vault"));
            let renewal = CertificateRenewal::new(&vault, asked, holder, sealed.clone(), log);
            first.consul_certificate = Some(renewal.first(FIRST_SIGNATURE).await);
            first.opened = Some((vault, sealed));
        }
        let identity = first.consul_certificate.is_some().then(|| identity.client_identity());
        let documents = FirstDocuments::find(bootstrap, identity, log).await?;
        Ok(Self { documents, vault: first, ..self })
    }

    /// Judges what there is, best first, and takes what holds.
    pub(super) fn judge(
        self,
        instance: String,
        credentials: &Arc<CachedCredentials>,
        log: &Logger,
    ) -> Result<Beginning, BuildError> {
        let Self { files, layers, mut documents, .. } = self;
        let now = Timestamp::now();
        let layers = Files(layers);
        let identity = Identity::new(instance, &files);
        let mut refused: Option<(ReloadError, ConfigSource, Documents)> = None;
        let (from_consul, kept) = (documents.from_consul.take(), documents.kept.take());
        let candidates = [(ConfigSource::Consul, from_consul), (ConfigSource::LastKnownGood, kept.clone())];
        for (source, candidate) in candidates {
            let Some(candidate) = candidate else { continue };
            let sourced = Sourced(Some((source, candidate.clone())));
            match judge(&layers, &sourced, None, credentials, log) {
                Ok(snapshot) => {
                    let must_keep = source == ConfigSource::Consul
                        && kept.as_ref().is_none_or(|kept| !says_the_same(kept, &candidate));
                    let parts = Parts { layers, documents, identity, sourced, must_keep };
                    return Ok(parts.begin(snapshot, refused, now));
                }
                Err(error) => {
                    error!(log, "documents refused at the start"; keys::SOURCE => source.as_str(), keys::ERROR => error_chain(&error));
                    refused.get_or_insert((error, source, candidate));
                }
            }
        }
        let sourced = Sourced(None);
        let snapshot = judge(&layers, &sourced, None, credentials, log)?;
        let parts = Parts { layers, documents, identity, sourced, must_keep: false };
        Ok(parts.begin(snapshot, refused, now))
    }
}

/// What came of the judgment, beside the snapshot.
struct Parts {
    layers: Files,
    documents: FirstDocuments,
    identity: Identity,
    sourced: Sourced,
    must_keep: bool,
}

impl Parts {
    fn begin(
        self,
        snapshot: Snapshot,
        refused: Option<(ReloadError, ConfigSource, Documents)>,
        now: Timestamp,
    ) -> Beginning {
        let Self { layers, documents, identity, sourced, must_keep } = self;
        let mut config = AppliedConfig::new(Arc::clone(&snapshot.config_hash), now);
        sourced.tell(&mut config);
        let refusal: Option<Refusal> =
            refused.as_ref().map(|(error, _, documents)| error.of_documents(documents, now));
        let receipt = Receipt {
            identity: Arc::new(identity),
            config,
            refusal,
            candidate: None,
            consul: documents.standing(now),
            vault: vault::standing(snapshot.loaded.config.bootstrap.vault.as_ref(), now),
            secrets: Vec::new(),
        };
        let mut keep = Keep::new(documents.last_known_good.clone());
        if must_keep {
            keep.want();
        }
        // What an earlier process kept and this one refuses is not tried again: Consul's own documents are the later ones.
        let refused = refused.filter(|(_, source, _)| *source == ConfigSource::Consul);
        Beginning {
            snapshot,
            receipts: ReceiptStore::new(receipt),
            in_force: (layers, sourced),
            refused: refused.map(|(_, _, documents)| documents),
            keep,
            documents,
        }
    }
}

/// A first configuration that holds, and what is known beside it.
pub(super) struct Beginning {
    pub(super) snapshot: Snapshot,
    pub(super) receipts: ReceiptStore,
    pub(super) in_force: (Files, Sourced),
    /// Documents of Consul that wait for files or documents that mend them.
    pub(super) refused: Option<Documents>,
    pub(super) keep: Keep,
    pub(super) documents: FirstDocuments,
}
