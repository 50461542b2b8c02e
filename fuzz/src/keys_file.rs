//! Files of API keys.

use nova_proxy::auth::KeysFile;

/// The content of a keys file: it is taken or refused with a reason, and never shown.
pub fn keys_file(input: &[u8]) {
    match KeysFile::check(input) {
        Ok(count) => assert!(count <= input.len() / 64, "{count} keys in {} bytes", input.len()),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && text.len() < 64 * 1024, "a refusal of {} bytes", text.len());
        }
    }
}
