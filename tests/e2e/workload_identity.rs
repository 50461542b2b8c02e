//! Identities of workloads, signed as Nomad signs them.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use nova_test_support::server::Consul;
use serde_json::{Value, json};

use crate::pki::pem;

/// Nomad, as far as it signs identities.
pub(crate) struct Signer {
    key: KeyPair,
}

/// The auth method that trusts a [`Signer`].
pub(crate) const METHOD: &str = "nova-workloads";

/// The tokens that came from logins, by their public names.
pub(crate) async fn tokens_of_logins(consul: &Consul) -> anyhow::Result<Vec<String>> {
    let tokens = consul.api().get(&format!("/v1/acl/tokens?authmethod={METHOD}")).await?;
    let accessors = tokens.as_array().into_iter().flatten().filter_map(|token| token["AccessorID"].as_str());
    Ok(accessors.map(str::to_owned).collect())
}

/// Deletes a token behind the back of whoever uses it.
pub(crate) async fn delete_token(consul: &Consul, accessor: &str) -> anyhow::Result<()> {
    let reply = consul.api().send(Method::DELETE, &format!("/v1/acl/token/{accessor}"), "").await?;
    anyhow::ensure!(reply.status == 200, "{accessor}: {} {}", reply.status, reply.text());
    Ok(())
}

impl Signer {
    /// With a key of its own.
    pub(crate) fn new() -> Self {
        Self { key: KeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    /// Its public key, in PEM.
    pub(crate) fn public_key(&self) -> String {
        pem("PUBLIC KEY", self.key.public_key().as_der().unwrap().as_ref())
    }

    /// Makes Consul give the proxy of the namespace `default` a token with these rules, in HCL, for an identity that this one signs.
    pub(crate) async fn admitted_by(&self, consul: &Consul, rules: &str) -> anyhow::Result<()> {
        let method = json!({
            "Name": METHOD, "Type": "jwt", "TokenLocality": "local", "MaxTokenTTL": "1h",
            "Config": {
                "JWTValidationPubKeys": [self.public_key()],
                "BoundAudiences": ["consul.io"],
                "ClaimMappings": { "nomad_job_id": "nomad_job_id" },
            },
        });
        let role = json!({ "Name": "nova-proxy", "Policies": [{ "Name": "nova-proxy" }] });
        let rule = json!({
            "AuthMethod": METHOD, "BindType": "role", "BindName": "nova-proxy",
            "Selector": "value.nomad_job_id == \"nova-proxy\"",
        });
        let api = consul.api();
        api.put("/v1/acl/policy", &json!({ "Name": "nova-proxy", "Rules": rules })).await?;
        api.put("/v1/acl/role", &role).await?;
        api.put("/v1/acl/auth-method", &method).await?;
        api.put("/v1/acl/binding-rule", &rule).await?;
        Ok(())
    }

    /// The identity of a task, with the claims that Nomad gives it.
    pub(crate) fn identity(&self, namespace: &str, job: &str) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({
            "aud": "consul.io", "sub": format!("global:{namespace}:{job}:group:task:nova_consul"),
            "iat": now, "nbf": now, "exp": now + 3600, "jti": format!("{namespace}-{job}"),
            "nomad_namespace": namespace, "nomad_job_id": job, "nomad_task": "proxy",
            "nomad_allocation_id": "5f4a2e0c-6f0e-4a43-8d07-6c1e0f6b8c11",
        });
        let signed = format!("{}.{}", part(json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
