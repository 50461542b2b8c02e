//! The signature of a call: whoever shares the secret can tell that the agent sent it, and when.

use aws_lc_rs::hmac;
use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};

/// Where the signature is: `t=<Unix seconds>,v1=<hex>`. The second part is the HMAC-SHA256 of `<Unix seconds>.<body>`, so that a
/// call cannot be sent again later.
pub const SIGNATURE_HEADER: &str = "x-nova-signature";

pub(super) fn of(secret: &SecretString, at: jiff::Timestamp, body: &Bytes) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let time = at.as_second();
    let mut context = hmac::Context::with_key(&key);
    context.update(time.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    let hex: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value is what `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret` prints.
    #[test]
    fn a_signature_is_what_others_compute() {
        let at = jiff::Timestamp::from_second(1_700_000_000).unwrap();
        let found = of(&SecretString::from("secret"), at, &Bytes::from_static(br#"{"a":1}"#));
        assert_eq!(found, format!("t=1700000000,v1={EXPECTED}"));
    }

    const EXPECTED: &str = "49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686";
}
