//! The configuration as it is written: one file a block, every field with its meaning, default, range and tier.
//!
//! Owns the raw types and the JSON Schema made from them. What a schema cannot say is in `rules`.

mod assume_role;
mod auth;
mod bedrock;
mod breaker;
mod consul;
mod image_fetch;
mod limits;
mod log;
pub(crate) mod lookup;
mod model;
mod root;
mod secret;
mod secret_cache;
mod server;
mod tls;
mod vault;

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

pub(crate) use assume_role::RawAssumeRole;
pub(crate) use auth::RawAuth;
pub(crate) use bedrock::RawBedrock;
pub use bedrock::Residency;
pub(crate) use breaker::RawBreaker;
pub(crate) use consul::{RawConsul, RawConsulService};
pub(crate) use image_fetch::RawImageFetch;
pub(crate) use limits::RawLimits;
pub(crate) use log::RawLog;
pub use log::{LogFormat, LogLevel};
pub use model::{GuardrailTrace, PromptCachePoint, ReasoningEffort, ServiceTier};
pub(crate) use model::{RawGuardrail, RawModel};
pub(crate) use root::RawConfig;
pub(crate) use secret::RawSecret;
pub(crate) use secret_cache::RawSecretCache;
pub use server::ForwardedHeader;
pub(crate) use server::RawServer;
pub(crate) use tls::RawTls;
pub use tls::TlsVersion;
pub(crate) use vault::{RawVault, RawVaultAppRole, RawVaultCertificate, RawVaultCredentials, RawVaultJwt};

/// The JSON Schema (draft 2020-12) of a whole, merged configuration, with `x-tier` on every field and the version that it is of
/// as `x-version`.
///
/// A document that relies on the environment, for instance for the region, is judged after the environment's values
/// have been filled in.
#[must_use]
pub fn json_schema() -> Value {
    cached().clone()
}

/// The same schema, made once.
pub(crate) fn cached() -> &'static Value {
    static SCHEMA: LazyLock<Value> =
        LazyLock::new(|| generate::<RawConfig>("Bedrock Nova Proxy configuration"));
    &SCHEMA
}

/// The schema of what `T` is read from.
pub(crate) fn generate<T: JsonSchema>(title: &str) -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        // Inlined, so that a path in the document is a path in the schema.
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<T>();
    RecursiveTransform(simplify).transform(&mut schema);
    let mut value = Value::from(schema);
    if let Some(root) = value.as_object_mut() {
        root.insert("title".to_owned(), json!(title));
        root.insert("x-version".to_owned(), json!(crate::running_version()));
    }
    value
}

/// Takes out what Rust's types add and HCL has not: nulls, defaults of whole blocks, widths of integers, directions.
fn simplify(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if object.get("default").is_some_and(|value| value.is_null() || value.is_object()) {
        object.remove("default");
    }
    if object.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        object.remove("format");
    }
    object.remove("writeOnly");
    unwrap_optional(object);
    join_constants(object);
}

/// `anyOf: [X, null]` is how an optional value of a named type is generated: X alone is meant.
fn unwrap_optional(object: &mut serde_json::Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("anyOf") else { return };
    let kept: Vec<_> = choices.iter().filter(|choice| choice["type"] != "null").cloned().collect();
    if let [Value::Object(only)] = kept.as_slice() {
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// `oneOf` over documented constants becomes a plain `enum`, which can be named in a fault.
fn join_constants(object: &mut serde_json::Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("oneOf") else { return };
    let constants: Option<Vec<Value>> = choices.iter().map(|choice| choice.get("const").cloned()).collect();
    if let Some(constants) = constants {
        object.remove("oneOf");
        object.insert("type".to_owned(), json!("string"));
        object.insert("enum".to_owned(), Value::Array(constants));
    }
}
