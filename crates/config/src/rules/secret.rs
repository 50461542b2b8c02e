//! The rules of `secret "<name>" { … }`, and of the fields that name one.
//!
//! Whether a secret is there, and any good, is the program's to find.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Broken, rule};
use crate::config::{SecretCacheConfig, SecretConfig, SecretLocation};
use crate::redact::quoted;
use crate::schema::{RawSecret, RawSecretCache};

/// All declared secrets, under their names.
pub(super) struct Secrets<'a> {
    raw: &'a BTreeMap<String, RawSecret>,
}

impl<'a> Secrets<'a> {
    /// Judges every declaration, used or not.
    pub(super) fn check(
        raw: &'a BTreeMap<String, RawSecret>,
        has_vault: bool,
        broken: &mut Vec<Broken>,
    ) -> Self {
        for (name, secret) in raw {
            let at = format!("secret.{name}");
            let places = [&secret.vault, &secret.aws_secrets_manager, &secret.file, &secret.env];
            match places.into_iter().flatten().count() {
                1 => {}
                0 => {
                    let fix = "write one of vault, aws_secrets_manager, file and env in it";
                    broken.push(rule(at.clone(), "is declared without a place", fix));
                }
                _ => {
                    let fix = "keep one of vault, aws_secrets_manager, file and env in it";
                    broken.push(rule(at.clone(), "is declared with more than one place", fix));
                }
            }
            if secret.vault.is_some() && !has_vault {
                let fix = "write a vault block (where Vault is, and how to log in)";
                broken.push(rule(format!("{at}.vault"), "is in Vault, and there is no vault block", fix));
            }
        }
        Self { raw }
    }

    /// The secret that a field names.
    pub(super) fn named(
        &self,
        path: &'static str,
        name: &str,
        broken: &mut Vec<Broken>,
    ) -> Option<SecretConfig> {
        let Some(raw) = self.raw.get(name) else {
            let known: Vec<String> = self.raw.keys().map(|name| quoted(name)).collect();
            let fix = if known.is_empty() {
                format!("declare it: secret {} {{ vault = … }}", quoted(name))
            } else {
                format!("declare it, or write one of {}", known.join(", "))
            };
            broken.push(rule(path, format!("{} is no declared secret", quoted(name)), fix));
            return None;
        };
        // A declaration without a place was told above.
        Some(SecretConfig { name: name.to_owned(), source: location(raw)? })
    }
}

/// The cache of secrets, below `data_dir`. Its key does not lie beside what it seals.
pub(super) fn cache(
    raw: &RawSecretCache,
    data_dir: Option<&str>,
    broken: &mut Vec<Broken>,
) -> Option<SecretCacheConfig> {
    let Some(data_dir) = data_dir.map(Path::new) else {
        let fix = "write data_dir (a directory of this instance alone)";
        broken.push(rule("secret_cache", "has no place, because there is no data_dir", fix));
        return None;
    };
    let key_file = PathBuf::from(&raw.key_file);
    if key_file.starts_with(data_dir) {
        let problem = "lies in data_dir, so that whoever has the secrets has their key too";
        broken.push(rule("secret_cache.key_file", problem, "keep it on another volume"));
    }
    Some(SecretCacheConfig { folder: data_dir.join("sealed-secrets"), key_file, max_age: raw.max_age.get() })
}

fn location(raw: &RawSecret) -> Option<SecretLocation> {
    if let Some((path, field)) = raw.vault.as_ref().and_then(|vault| vault.split_once('#')) {
        return Some(SecretLocation::Vault { path: path.to_owned(), field: field.to_owned() });
    }
    if let Some(written) = &raw.aws_secrets_manager {
        let (id, key) = written.split_once('#').map_or((written.as_str(), None), |(id, key)| (id, Some(key)));
        return Some(SecretLocation::AwsSecretsManager { id: id.to_owned(), key: key.map(str::to_owned) });
    }
    if let Some(file) = &raw.file {
        return Some(SecretLocation::File(PathBuf::from(file)));
    }
    raw.env.clone().map(SecretLocation::Environment)
}
