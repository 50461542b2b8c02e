//! Secrets of files and variables; those of Vault are read end to end, from a real one.

use rstest::rstest;
use secrecy::ExposeSecret as _;
use slog::{Discard, Logger, o};

use super::*;
use crate::upstream::clock::system_clock;
use crate::upstream::{CachedCredentials, CredentialCacheConfig, DefaultChain, UpstreamConfig};

/// A client that nothing is asked of here.
fn aws() -> SecretsManager {
    let log = Logger::root(Discard, o!());
    let chain = Arc::new(DefaultChain::new("us-east-1"));
    let cache = CachedCredentials::new(chain, CredentialCacheConfig::default(), system_clock(), log);
    SecretsManager::new(&UpstreamConfig::new("us-east-1"), None, Arc::new(cache), system_clock())
}

async fn read(location: SecretLocation) -> Result<Vec<u8>, SecretError> {
    let config = SecretConfig { name: "pepper".to_owned(), source: location };
    let secret = source(&config, None, &aws())?.read().await?;
    Ok(secret.expose_secret().to_vec())
}

#[rstest]
#[case::unix(b"secret\n", b"secret")]
#[case::windows(b"secret\r\n", b"secret")]
#[case::none(b"secret", b"secret")]
#[case::one_of_two(b"secret\n\n", b"secret\n")]
#[case::empty(b"", b"")]
#[tokio::test]
async fn a_file_is_read_without_one_line_end(#[case] content: &[u8], #[case] expected: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, content).unwrap();
    assert_eq!(read(SecretLocation::File(path)).await.unwrap(), expected);
}

#[tokio::test]
async fn what_is_no_secret_is_told_by_its_place_and_never_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let missing = read(SecretLocation::File(path.clone())).await.unwrap_err();
    assert!(missing.to_string().contains(path.to_str().unwrap()), "{missing}");
    std::fs::write(&path, "s3cret".repeat(SECRET_BYTES_MAX)).unwrap();
    let large = read(SecretLocation::File(path)).await.unwrap_err();
    assert!(matches!(large, SecretError::TooLarge { .. }) && !format!("{large:?}").contains("s3cret"));
    let variable = read(SecretLocation::Environment("NOVA_NO_SUCH_SECRET".to_owned())).await.unwrap_err();
    assert!(variable.to_string().contains("NOVA_NO_SUCH_SECRET"), "{variable}");
    let in_vault = SecretLocation::Vault { path: "kv/nova".to_owned(), field: "pepper".to_owned() };
    assert!(matches!(read(in_vault).await.unwrap_err(), SecretError::NoVault { .. }));
}

#[tokio::test]
async fn a_variable_is_read() {
    // Cargo sets it for every test.
    let value = read(SecretLocation::Environment("CARGO_PKG_NAME".to_owned())).await.unwrap();
    assert_eq!(value, b"nova-proxy");
}
