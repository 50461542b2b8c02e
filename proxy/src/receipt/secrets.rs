//! How an instance stands with Vault, and how old its secrets are: by their names, never by what they are.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{Receipt, rfc3339};

/// What is known of the login at Vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VaultState {
    /// There is no `vault` block.
    Off,
    /// Something else keeps the token, so that nothing is known of it here.
    TokenGiven,
    /// Vault has given no token yet.
    Pending,
    /// There is a token, and the next one comes in time.
    LoggedIn,
    /// There is no next token: what was read of Vault serves on until it ends.
    Failing,
}

impl VaultState {
    /// The word in receipts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::TokenGiven => "token_given",
            Self::Pending => "pending",
            Self::LoggedIn => "logged_in",
            Self::Failing => "failing",
        }
    }
}

/// How an instance stands with Vault, with reasons for operators.
#[derive(Clone, Debug, Serialize)]
pub struct VaultStanding {
    /// In one word.
    pub state: VaultState,
    /// As whom it logs in: the method, where that is mounted, and the role.
    pub login: Option<String>,
    /// Since when the state is what it is.
    #[serde(serialize_with = "rfc3339")]
    pub since: Timestamp,
    /// When the token in force was given, or made to last longer.
    #[serde(serialize_with = "rfc3339_if_any")]
    pub token_at: Option<Timestamp>,
    /// What is wrong and what to do about it. Beside `logged_in` it is the reason why a token is renewed in place of a login.
    pub error: Option<String>,
}

impl VaultStanding {
    /// In this state, before anything was asked.
    #[must_use]
    pub fn new(state: VaultState, login: Option<String>, since: Timestamp) -> Self {
        Self { state, login, since, token_at: None, error: None }
    }

    /// There is a token, of now.
    pub(crate) fn logged_in(&mut self, now: Timestamp, covered: Option<String>) {
        self.enter(VaultState::LoggedIn, now);
        (self.token_at, self.error) = (Some(now), covered);
    }

    /// There is no next token.
    pub(crate) fn failed(&mut self, now: Timestamp, error: String) {
        let state = if self.token_at.is_some() { VaultState::Failing } else { VaultState::Pending };
        self.enter(state, now);
        self.error = Some(error);
    }

    fn enter(&mut self, state: VaultState, now: Timestamp) {
        if self.state != state {
            (self.state, self.since) = (state, now);
        }
    }
}

/// Where a secret was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretPlace {
    /// Vault.
    Vault,
    /// A file.
    File,
    /// An environment variable.
    Environment,
    /// AWS Secrets Manager.
    AwsSecretsManager,
    /// AWS's own sources of credentials.
    Aws,
}

/// How it stands with one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecretStanding {
    /// The name that it was declared under; `aws_credentials`, `tls_certificate` and `consul_client_certificate` for what is not declared by a name.
    pub name: String,
    /// Where it comes from.
    pub place: SecretPlace,
    /// When it was read; none before it was.
    #[serde(serialize_with = "rfc3339_if_any")]
    pub read_at: Option<Timestamp>,
    /// When it ends, where it has an end.
    #[serde(serialize_with = "rfc3339_if_any")]
    pub ends_at: Option<Timestamp>,
    /// Why the last attempt to read it failed, and what to do about it.
    pub error: Option<String>,
}

impl Receipt {
    /// Changes what is told of a secret, which is new where nothing was told of it yet.
    pub(crate) fn secret(
        &mut self,
        name: &str,
        place: SecretPlace,
        change: impl FnOnce(&mut SecretStanding),
    ) {
        let at = match self.secrets.binary_search_by(|secret| secret.name.as_str().cmp(name)) {
            Ok(at) => at,
            Err(at) => {
                let new = SecretStanding {
                    name: name.to_owned(),
                    place,
                    read_at: None,
                    ends_at: None,
                    error: None,
                };
                self.secrets.insert(at, new);
                at
            }
        };
        if let Some(secret) = self.secrets.get_mut(at) {
            change(secret);
        }
    }
}

fn rfc3339_if_any<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}
