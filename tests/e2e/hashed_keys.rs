//! A file with the hash of one key, for proxies whose pepper is a declared secret.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use serde_json::json;

/// The one key that may call, and the secret that it is hashed with.
pub(crate) const API_KEY: &str = "sk-nova-key-of-a-team";
pub(crate) const PEPPER: &str = "pepper-0123456789abcdef0123456789abcdef";

/// The file's content.
pub(crate) fn keys_file() -> String {
    let pepper = hmac::Key::new(hmac::HMAC_SHA256, PEPPER.as_bytes());
    let mut hex = String::new();
    for byte in hmac::sign(&pepper, API_KEY.as_bytes()).as_ref() {
        write!(hex, "{byte:02x}").expect("a string takes any text");
    }
    let key = json!({
        "id": "key_0", "name": "a team", "hmac_sha256": hex, "models": ["*"], "disabled": false,
        "created_at": "2026-01-01T00:00:00Z",
    });
    json!({ "version": 1, "keys": [key] }).to_string()
}
