//! Identities of workloads, signed as Nomad signs them.

use std::time::SystemTime;

use anyhow::Context;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::pki::pem;

/// Nomad, as far as it signs identities.
#[derive(Debug)]
pub struct Signer {
    key: KeyPair,
}

impl Signer {
    /// With a key of its own.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { key: KeyPair::generate(KeySize::Rsa2048).context("make a key")? })
    }

    /// Its public key, in PEM.
    ///
    /// # Errors
    /// When the key cannot be written.
    pub fn public_key(&self) -> anyhow::Result<String> {
        let der = self.key.public_key().as_der().context("write the public key")?;
        Ok(pem("PUBLIC KEY", der.as_ref()))
    }

    /// The identity of a task, with the claims that Nomad gives it. It lasts for an hour.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn identity(&self, namespace: &str, job: &str) -> anyhow::Result<String> {
        self.identity_until(namespace, job, 3600)
    }

    /// As [`Self::identity`], with an end in so many seconds, which may be in the past.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn identity_until(&self, namespace: &str, job: &str, seconds: i64) -> anyhow::Result<String> {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let ends = now.saturating_add_signed(seconds);
        let began = now.min(ends.saturating_sub(3600));
        let claims = json!({
            "aud": "consul.io", "sub": format!("global:{namespace}:{job}:group:task:nova_consul"),
            "iat": began, "nbf": began, "exp": ends, "jti": format!("{namespace}-{job}"),
            "nomad_namespace": namespace, "nomad_job_id": job, "nomad_task": "proxy",
            "nomad_allocation_id": "5f4a2e0c-6f0e-4a43-8d07-6c1e0f6b8c11",
        });
        let signed = format!("{}.{}", part(json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .context("sign an identity")?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
