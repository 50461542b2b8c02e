//! A secret of AWS Secrets Manager, or one text in its JSON.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::Deserialize;

use super::{SecretError, SecretSource, sized};
use crate::upstream::SecretsManager;

/// A secret of AWS Secrets Manager.
#[derive(Debug)]
pub(super) struct AwsSecret {
    client: SecretsManager,
    id: String,
    key: Option<String>,
}

/// What consoles and rotations write: texts by name, and others that are no secrets.
#[derive(Deserialize)]
#[serde(untagged)]
enum Member {
    Text(SecretString),
    Other(serde::de::IgnoredAny),
}

impl AwsSecret {
    pub(super) fn new(client: SecretsManager, id: String, key: Option<String>) -> Self {
        Self { client, id, key }
    }

    async fn now(&self) -> Result<SecretSlice<u8>, SecretError> {
        let told = |source| SecretError::AwsSecretsManager { id: self.id.clone(), source: Box::new(source) };
        let whole = self.client.read(&self.id).await.map_err(told)?;
        let Some(key) = &self.key else {
            return sized(whole.expose_secret().to_vec(), || self.describe());
        };
        let text = member(&whole, key)
            .ok_or_else(|| SecretError::NoKey { id: self.id.clone(), key: key.clone() })?;
        sized(text.expose_secret().as_bytes().to_vec(), || self.describe())
    }
}

/// The text under this key, where the whole is an object and has one.
fn member(whole: &SecretSlice<u8>, key: &str) -> Option<SecretString> {
    let members: BTreeMap<String, Member> = serde_json::from_slice(whole.expose_secret()).ok()?;
    members.into_iter().find_map(|(name, member)| match member {
        Member::Text(text) if name == key => Some(text),
        Member::Text(_) | Member::Other(_) => None,
    })
}

impl SecretSource for AwsSecret {
    fn read(&self) -> BoxFuture<'_, Result<SecretSlice<u8>, SecretError>> {
        Box::pin(self.now())
    }

    fn describe(&self) -> String {
        let key = self.key.as_ref().map(|key| format!("#{key}")).unwrap_or_default();
        format!("{}{key} in AWS Secrets Manager", self.id)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"{"pepper":"p","port":5432}"#, Some("p"))]
    #[case(r#"{"port":5432,"pepper":7}"#, None)]
    #[case(r#"{"other":"p"}"#, None)]
    #[case(r#"["pepper"]"#, None)]
    #[case("pepper", None)]
    fn a_key_names_a_text_of_the_object(#[case] whole: &str, #[case] text: Option<&str>) {
        let found = member(&SecretSlice::from(whole.as_bytes().to_vec()), "pepper");
        assert_eq!(found.as_ref().map(|text| text.expose_secret()), text);
    }
}
