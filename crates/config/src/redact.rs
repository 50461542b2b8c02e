//! The effective configuration as it may be shown: no secrets, and where each value comes from.
//!
//! A secret never belongs in a configuration, and one that is recognized is refused. This is the second line.

use std::fmt;

use serde_json::{Value, json};

use crate::environment::ENVIRONMENT;
use crate::source::{Position, SourceKind};
use crate::{Loaded, running_version};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody wrote it.
    Default,
    /// A file named on the command line.
    File(Position),
    /// A document of the runtime tier.
    Runtime(Position),
    /// An environment variable, by its name.
    Environment(String),
}

impl Origin {
    pub(crate) fn new(kind: SourceKind, position: Position) -> Self {
        match kind {
            SourceKind::File => Self::File(position),
            SourceKind::Runtime => Self::Runtime(position),
            SourceKind::Environment => {
                let name = position.file.strip_prefix(ENVIRONMENT).unwrap_or(&position.file);
                Self::Environment(name.to_owned())
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(position) | Self::Runtime(position) => position.fmt(f),
            Self::Environment(name) => write!(f, "{ENVIRONMENT}{name}"),
        }
    }
}

/// `{"version", "hash", "values": {…}, "origins": {"listen": "default", …}}`.
pub(crate) fn effective(loaded: &Loaded) -> Value {
    let mut values = loaded.effective().clone();
    redact(&mut values);
    let origins: serde_json::Map<String, Value> =
        loaded.origins().iter().map(|(path, origin)| (path.clone(), json!(origin.to_string()))).collect();
    json!({"version": running_version(), "hash": loaded.hash(), "values": values, "origins": origins})
}

fn redact(value: &mut Value) {
    match value {
        Value::String(text) if looks_secret(text) => "[redacted]".clone_into(text),
        Value::Array(list) => list.iter_mut().for_each(redact),
        Value::Object(object) => object.values_mut().for_each(redact),
        _ => {}
    }
}

/// Whether `text` has the form of a credential: an AWS access key id, an `sk-` key, a PEM private key, or a password
/// in a URL.
pub(crate) fn looks_secret(text: &str) -> bool {
    text.contains("-----BEGIN") || has_url_password(text) || has_access_key_id(text) || has_secret_key(text)
}

fn has_url_password(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

fn has_access_key_id(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        word.len() >= 20
            && (word.starts_with("AKIA") || word.starts_with("ASIA"))
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

fn has_secret_key(text: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        .any(|word| word.len() >= 20 && word.starts_with("sk-"))
}

/// A value as a fault may quote it: short, and never a secret.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_CHARS: usize = 60;
    if looks_secret(text) {
        return "the value".to_owned();
    }
    if text.chars().count() > SHOWN_CHARS {
        let head: String = text.chars().take(SHOWN_CHARS).collect();
        return format!("{head:?}…");
    }
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_recognized_and_names_are_not() {
        let secrets = [
            "AKIAIOSFODNN7EXAMPLE",
            "x ASIAIOSFODNN7EXAMPLE",
            "sk-abcdefghijklmnopqrstuvwx",
            "-----BEGIN PRIVATE KEY-----",
            "https://user:password@example.com/",
        ];
        let names = [
            "us.amazon.nova-pro-v1:0",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0",
            "https://example.com/a@b:c",
            "/etc/nova/keys.json",
            "desk-lamp-of-the-second-floor",
            "AKIA",
        ];
        assert!(secrets.iter().all(|text| looks_secret(text)));
        assert!(!names.iter().any(|text| looks_secret(text)));
        assert_eq!(quoted(secrets[0]), "the value");
    }
}
