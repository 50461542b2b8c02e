//! Consul as a workload logs in to it: who is admitted, and the tokens that come of it.

use http::Method;
use nova_test_support::identity::Signer;
use nova_test_support::server::Consul;
use serde_json::json;

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

/// Makes Consul give the proxy of the namespace `default` a token with these rules, in HCL, for an identity that `signer` signs.
pub(crate) async fn admit(consul: &Consul, signer: &Signer, rules: &str) -> anyhow::Result<()> {
    let method = json!({
        "Name": METHOD, "Type": "jwt", "TokenLocality": "local", "MaxTokenTTL": "1h",
        "Config": {
            "JWTValidationPubKeys": [signer.public_key()?],
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
