//! The Transit engine: keys that never leave Vault, and what is done with them there.
//!
//! What is large is not sent to Vault: a data key encrypts it here, and Vault keeps that key wrapped (envelope encryption).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{below, envelope};
use crate::transport::{Answer, Call, HashistackError, Transport};

/// A mount of the engine.
#[derive(Debug, Clone, Copy)]
pub struct TransitEngine<'c> {
    transport: &'c Transport,
    mount: &'c str,
}

/// A key of 256 bits for use here.
#[derive(Debug, Clone)]
pub struct DataKey {
    /// The key itself.
    pub plaintext: SecretSlice<u8>,
    /// The key as Vault alone can open it, to be kept beside what it encrypts.
    pub wrapped: String,
}

/// The parts of a signature as Vault writes it: `vault:v1:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitSignature {
    /// The version of the key that signed, from 1.
    pub key_version: u32,
    /// The signature itself.
    pub bytes: Vec<u8>,
}

impl TransitSignature {
    /// Takes it apart, for a check without Vault; nothing where it is no signature of Vault's.
    pub fn parse(text: &str) -> Option<Self> {
        let (version, signature) = text.strip_prefix("vault:v")?.split_once(':')?;
        Some(Self { key_version: version.parse().ok()?, bytes: STANDARD.decode(signature).ok()? })
    }
}

#[derive(Deserialize)]
struct DataKeyRead {
    plaintext: SecretString,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Ciphertext {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Plaintext {
    plaintext: SecretString,
}

#[derive(Deserialize)]
struct Signature {
    signature: String,
}

#[derive(Deserialize)]
struct Validity {
    valid: bool,
}

#[derive(Deserialize)]
struct Key {
    keys: BTreeMap<u32, KeyVersion>,
}

#[derive(Deserialize)]
struct KeyVersion {
    public_key: String,
}

impl<'c> TransitEngine<'c> {
    pub(super) fn new(transport: &'c Transport, mount: &'c str) -> Self {
        Self { transport, mount }
    }

    /// A new data key, both open and wrapped. Whoever may do this need not be allowed to [`Self::decrypt`].
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where there is no such key.
    pub async fn data_key(&self, key: &str) -> Result<DataKey, HashistackError> {
        let call = below(Call::post, self.mount, "datakey")?.path("plaintext")?.segment(key)?;
        let answer = self.transport.send(&call.json(&json!({ "bits": 256 }))?).await?;
        let read: envelope::Envelope<DataKeyRead> = envelope::read(&answer)?;
        Ok(DataKey { plaintext: opened(&answer, &read.data.plaintext)?, wrapped: read.data.ciphertext })
    }

    /// Encrypts something small with the newest version of a key.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 403 where the key is not there and may not be made.
    pub async fn encrypt(&self, key: &str, plaintext: &[u8]) -> Result<String, HashistackError> {
        let plaintext = Zeroizing::new(STANDARD.encode(plaintext));
        let read: Ciphertext = self.ask("encrypt", key, &json!({ "plaintext": plaintext.as_str() })).await?;
        Ok(read.ciphertext)
    }

    /// Decrypts what [`Self::encrypt`] made, or opens a wrapped data key.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where it was made by another key, changed, or is of a version that was archived.
    pub async fn decrypt(&self, key: &str, ciphertext: &str) -> Result<SecretSlice<u8>, HashistackError> {
        let call = below(Call::post, self.mount, "decrypt")?.segment(key)?;
        let answer =
            self.transport.send(&call.json(&json!({ "ciphertext": ciphertext }))?.idempotent()).await?;
        let read: envelope::Envelope<Plaintext> = envelope::read(&answer)?;
        opened(&answer, &read.data.plaintext)
    }

    /// Encrypts anew with the newest version of the key, without showing what it is: after a rotation.
    ///
    /// # Errors
    /// As [`Self::decrypt`].
    pub async fn rewrap(&self, key: &str, ciphertext: &str) -> Result<String, HashistackError> {
        let read: Ciphertext = self.ask("rewrap", key, &json!({ "ciphertext": ciphertext })).await?;
        Ok(read.ciphertext)
    }

    /// Signs with the newest version of a key. Of a key of the kind `ed25519` anybody can check it who has [`Self::public_keys`].
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where the key is of a kind that signs nothing.
    pub async fn sign(&self, key: &str, input: &[u8]) -> Result<String, HashistackError> {
        let read: Signature = self.ask("sign", key, &json!({ "input": STANDARD.encode(input) })).await?;
        Ok(read.signature)
    }

    /// Whether Vault finds that a key of this name signed it.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where it is no signature at all.
    pub async fn verify(&self, key: &str, input: &[u8], signature: &str) -> Result<bool, HashistackError> {
        let body = json!({ "input": STANDARD.encode(input), "signature": signature });
        let read: Validity = self.ask("verify", key, &body).await?;
        Ok(read.valid)
    }

    /// The public keys of all versions of a key that signs, as Vault writes them: base64 for `ed25519`, PEM for the others.
    ///
    /// # Errors
    /// When there is no answer, or a refusal; and where the key has no public half.
    pub async fn public_keys(&self, key: &str) -> Result<BTreeMap<u32, String>, HashistackError> {
        let call = below(Call::get, self.mount, "keys")?.segment(key)?;
        let read: envelope::Envelope<Key> = envelope::read(&self.transport.send(&call).await?)?;
        Ok(read.data.keys.into_iter().map(|(version, key)| (version, key.public_key)).collect())
    }

    /// Asks for what may be asked for again: nothing is kept of it.
    async fn ask<T: DeserializeOwned>(
        &self,
        verb: &str,
        key: &str,
        body: &serde_json::Value,
    ) -> Result<T, HashistackError> {
        let call = below(Call::post, self.mount, verb)?.segment(key)?.json(body)?.idempotent();
        let read: envelope::Envelope<T> = envelope::read(&self.transport.send(&call).await?)?;
        Ok(read.data)
    }
}

fn opened(answer: &Answer, base64: &SecretString) -> Result<SecretSlice<u8>, HashistackError> {
    let bytes = STANDARD.decode(base64.expose_secret()).map_err(|_content| answer.unexpected(NotBase64))?;
    Ok(SecretSlice::from(bytes))
}

/// What stands there instead is not told: it may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("data.plaintext of the answer is not base64")]
struct NotBase64;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("vault:v3:aGVhZA==", Some((3, b"head".to_vec())))]
    #[case("vault:v3:", Some((3, Vec::new())))]
    #[case("vault:vx:aGVhZA==", None)]
    #[case("vault:v3:no base64", None)]
    #[case("aGVhZA==", None)]
    fn a_signature_is_taken_apart(#[case] text: &str, #[case] expected: Option<(u32, Vec<u8>)>) {
        let parsed = TransitSignature::parse(text);
        assert_eq!(parsed.map(|parsed| (parsed.key_version, parsed.bytes)), expected);
    }
}
