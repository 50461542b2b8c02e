//! The rules of `auth { … }`: who may call, and what their keys are hashed with.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::secret::Secrets;
use super::{Broken, rule};
use crate::config::{AuthConfig, PepperConfig};
use crate::schema::RawAuth;

/// Who may call.
pub(super) fn auth(
    raw: Option<&RawAuth>,
    listen: Option<SocketAddr>,
    secrets: &Secrets<'_>,
    broken: &mut Vec<Broken>,
) -> Option<AuthConfig> {
    let none = RawAuth::default();
    let raw = raw.unwrap_or(&none);
    let pepper_field = match (&raw.pepper_file, &raw.pepper_secret) {
        (Some(_), _) => Some("auth.pepper_file"),
        (None, Some(_)) => Some("auth.pepper_secret"),
        (None, None) => None,
    };
    match (&raw.keys_file, pepper_field, raw.none) {
        (Some(keys_file), _, false) => {
            let pepper = pepper(raw, keys_file, secrets, broken)?;
            Some(AuthConfig::Keys { keys_file: PathBuf::from(keys_file), pepper })
        }
        (None, None, true) => {
            let loopback = listen.is_none_or(|address| address.ip().is_loopback());
            if !loopback {
                let fix = "write keys_file instead, or listen on 127.0.0.1";
                broken.push(rule(
                    "auth.none",
                    "would let everybody call an address that is not loopback",
                    fix,
                ));
            }
            loopback.then_some(AuthConfig::None)
        }
        (Some(_), _, true) => {
            let fix = "keep keys_file, or keep none = true";
            broken.push(rule("auth.none", "stands beside keys_file", fix));
            None
        }
        (None, Some(field), _) => {
            let fix = "write keys_file (the path of the file with the hashes of API keys)";
            broken.push(rule(field, "stands without keys_file", fix));
            None
        }
        (None, None, false) => {
            let fix = "write keys_file, or, on a loopback address, none = true";
            broken.push(rule("auth", "says of nobody that they may call", fix));
            None
        }
    }
}

fn pepper(
    raw: &RawAuth,
    keys_file: &str,
    secrets: &Secrets<'_>,
    broken: &mut Vec<Broken>,
) -> Option<PepperConfig> {
    match (&raw.pepper_file, &raw.pepper_secret) {
        (Some(_), Some(_)) => {
            let problem = "stands beside pepper_file, and keys are hashed with one secret";
            broken.push(rule("auth.pepper_secret", problem, "keep one of them"));
            None
        }
        (None, Some(name)) => secrets.named("auth.pepper_secret", name, broken).map(PepperConfig::Secret),
        (Some(file), None) => Some(PepperConfig::File(PathBuf::from(file))),
        // Beside the keys by default, so that a first set-up works; another place keeps hash and secret apart.
        (None, None) => Some(PepperConfig::File(PathBuf::from(format!("{keys_file}.pepper")))),
    }
}
