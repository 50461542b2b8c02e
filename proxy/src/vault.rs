//! Vault as this process uses it: one client and one login, which is kept alive beside the requests.
//!
//! What is read of Vault is for those who use it; a request never waits for it.

mod certificate;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nova_config::{VaultAppRoleConfig, VaultConfig, VaultToken};
use nova_hashistack::transport::{AddressError, TokenSource};
use nova_hashistack::vault::{AppRole, LoginMethod, SecretId, VaultLogin};
use nova_hashistack::{Address, HashistackError, TlsConfig, VaultClient, VaultConfig as ClientConfig};
use nova_lifecycle::Shutdown;
use nova_telemetry::error_chain;
use slog::Logger;
use tokio::time::{Instant, sleep_until, timeout};

use crate::events;
use crate::receipt::ReceiptStore;

pub(crate) use certificate::{CertificateHolder, CertificateRenewal, CertificateTold, ConsulIdentity};
pub(crate) use standing::standing;

/// How long a call may take: less than credentials may take to be loaded, so that the reason is told.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the logout may take, of the two seconds that background tasks have at the end.
const LOGOUT: Duration = Duration::from_millis(400);
/// The pauses between failed logins: the first, and the longest. Vault's own clients wait ten seconds at first and five minutes at most;
/// a login that Vault lets in again is wanted sooner here.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Why the settings of the `vault` block cannot be used. Whether Vault answers is no part of it.
#[derive(Debug, thiserror::Error)]
pub enum VaultSetupError {
    /// The address is none that calls can be sent to.
    #[error("the address of the vault block cannot be used")]
    Address(#[source] AddressError),
    /// A certificate, a key or another setting cannot be used.
    #[error("the settings of the vault block cannot be used")]
    Client(#[source] HashistackError),
}

/// Vault, as whom the configuration says.
#[derive(Debug, Clone)]
pub struct Vault {
    /// Address and namespace.
    server: String,
    client: VaultClient,
    login: Option<Arc<VaultLogin>>,
}

impl Vault {
    /// Prepares the client; nothing is sent, and a token, a JWT or a secret id is read with the first call.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(config: &VaultConfig) -> Result<Self, VaultSetupError> {
        let address: Address = config.address.to_string().parse().map_err(VaultSetupError::Address)?;
        let mut settings = ClientConfig::new(address);
        settings.namespace.clone_from(&config.namespace);
        settings.call_timeout = CALL_TIMEOUT;
        settings.tls = TlsConfig {
            ca_file: config.tls.ca_file.clone(),
            cert_file: config.tls.cert_file.clone(),
            key_file: config.tls.key_file.clone(),
            server_name: config.tls.server_name.clone(),
            ..TlsConfig::default()
        };
        let mut login = None;
        settings.token = match method(&config.token) {
            Ok(method) => {
                let prepared = VaultLogin::new(&settings, method).map_err(VaultSetupError::Client)?;
                TokenSource::Login(Arc::<VaultLogin>::clone(login.insert(Arc::new(prepared))))
            }
            Err(source) => source,
        };
        let client = VaultClient::new(settings).map_err(VaultSetupError::Client)?;
        let server = format!("{} {}", config.address, config.namespace.as_deref().unwrap_or_default());
        Ok(Self { server, client, login })
    }

    /// Address and namespace, which tell one Vault from another.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// The client.
    pub fn client(&self) -> &VaultClient {
        &self.client
    }

    /// Keeps the login alive until the process stops, and logs out then. A token that something else keeps needs nothing of this.
    pub(crate) async fn keep(self, receipts: ReceiptStore, shutdown: Shutdown, log: Logger) {
        let Some(login) = self.login else { return shutdown.stopped().await };
        tokio::select! {
            () = renew(&login, &receipts, &log) => {}
            () = shutdown.stopped() => {}
        }
        match timeout(LOGOUT, login.logout()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => events::vault_token_left(&log, &error_chain(&error)),
            Err(_elapsed) => events::vault_token_left(&log, "Vault gave no answer in time"),
        }
    }
}

/// A login where there is one, else the token that something else keeps.
fn method(token: &VaultToken) -> Result<LoginMethod, TokenSource> {
    match token {
        VaultToken::Fixed(token) => Err(TokenSource::Fixed(token.clone())),
        VaultToken::File(path) => Err(TokenSource::file(path)),
        VaultToken::Jwt(with) => Ok(LoginMethod::Jwt {
            mount: with.mount.clone(),
            role: with.role.clone(),
            file: with.jwt_file.clone(),
        }),
        VaultToken::AppRole(with) => Ok(LoginMethod::AppRole(app_role(with))),
    }
}

fn app_role(with: &VaultAppRoleConfig) -> AppRole {
    let file = with.secret_id_file.clone();
    let secret_id = match &with.wrapped_for_role {
        Some(role) => SecretId::Wrapped { file, role: role.clone() },
        None => SecretId::File(file),
    };
    AppRole { mount: with.mount.clone(), role_id: with.role_id.clone(), secret_id }
}

/// Gets each token before the last one ends. What fails is told when it begins to and when it is over.
async fn renew(login: &VaultLogin, receipts: &ReceiptStore, log: &Logger) {
    let mut pause = PAUSE;
    let (mut is_failing, mut is_covered) = (false, false);
    // Calls get tokens too: what is in force here may be another one than at the last look.
    let mut known = None;
    loop {
        match login.keep().await {
            Ok(()) => {
                let due = login.due();
                if known != Some(due) || is_failing {
                    let due_in = due.map(|due| due.saturating_duration_since(Instant::now()));
                    events::vault_token_in_force(log, due_in);
                    let fault = login.fault().map(|fault| error_chain(&*fault));
                    if let Some(fault) = fault.as_ref().filter(|_| !is_covered) {
                        events::vault_login_covered(log, fault);
                    }
                    is_covered = fault.is_some();
                    receipts.change(|receipt| receipt.vault.logged_in(Timestamp::now(), fault));
                }
                (pause, is_failing, known) = (PAUSE, false, Some(due));
                // A token without an end is looked at now and then: a call may have replaced it by one that ends.
                // One whose time has come is being replaced by a call of somebody else at this moment.
                let now = Instant::now();
                sleep_until(login.due().unwrap_or(now + PAUSE_MAX).max(now + PAUSE / 2)).await;
            }
            Err(error) => {
                let error = error_chain(&error);
                if !is_failing {
                    events::vault_token_not_renewed(log, &error);
                }
                receipts.change(|receipt| receipt.vault.failed(Timestamp::now(), error));
                is_failing = true;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}
