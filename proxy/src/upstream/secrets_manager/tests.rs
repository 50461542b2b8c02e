//! Where calls go, and what answers mean. The calls themselves are made end to end, to the simulator, which checks their signatures.

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use futures_util::future::{BoxFuture, ready};
use rstest::rstest;
use secrecy::ExposeSecret as _;
use slog::{Discard, Logger, o};

use super::*;
use crate::upstream::clock::system_clock;
use crate::upstream::{CredentialCacheConfig, CredentialSource};

#[derive(Debug)]
struct Nowhere;

impl CredentialSource for Nowhere {
    fn load(&self) -> BoxFuture<'_, Result<Credentials, CredentialsError>> {
        Box::pin(ready(Err(CredentialsError::not_loaded("there are none"))))
    }

    fn describe(&self) -> String {
        "nowhere".to_owned()
    }
}

fn manager(config: &UpstreamConfig, endpoint: Option<&str>) -> SecretsManager {
    let log = Logger::root(Discard, o!());
    let cache =
        CachedCredentials::new(Arc::new(Nowhere), CredentialCacheConfig::default(), system_clock(), log);
    SecretsManager::new(config, endpoint.map(str::to_owned), Arc::new(cache), system_clock())
}

#[rstest]
#[case::commercial("us-east-1", false, false, "https://secretsmanager.us-east-1.amazonaws.com/")]
#[case::fips("us-east-1", true, false, "https://secretsmanager-fips.us-east-1.amazonaws.com/")]
#[case::dual_stack("us-east-1", false, true, "https://secretsmanager.us-east-1.api.aws/")]
#[case::china("cn-north-1", false, false, "https://secretsmanager.cn-north-1.amazonaws.com.cn/")]
fn the_address_is_that_of_the_region(
    #[case] region: &str,
    #[case] use_fips: bool,
    #[case] use_dual_stack: bool,
    #[case] url: &str,
) {
    let config = UpstreamConfig { use_fips, use_dual_stack, ..UpstreamConfig::new(region) };
    assert_eq!(manager(&config, None).shared.uri(region).unwrap().to_string(), url);
}

#[test]
fn an_arn_is_asked_in_its_own_region_and_what_is_no_region_nowhere() {
    let manager = manager(&UpstreamConfig::new("us-east-1"), None);
    let shared = &manager.shared;
    assert_eq!(
        shared.region("arn:aws:secretsmanager:eu-west-1:123456789012:secret:nova-AbCdEf"),
        "eu-west-1"
    );
    assert_eq!(shared.region("nova/pepper"), "us-east-1");
    for region in ["evil.example/", "", "us-east-1@evil"] {
        shared.uri(region).unwrap_err();
    }
}

#[test]
fn an_endpoint_of_the_environment_replaces_aws_s_own() {
    let manager = manager(&UpstreamConfig::new("us-east-1"), Some("http://127.0.0.1:9/"));
    assert_eq!(manager.shared.uri("us-east-1").unwrap().to_string(), "http://127.0.0.1:9/");
}

#[tokio::test]
async fn without_credentials_nothing_is_sent_and_the_reason_is_told() {
    let manager = manager(&UpstreamConfig::new("us-east-1"), Some("http://127.0.0.1:9"));
    let error = manager.read("nova/pepper").await.unwrap_err();
    assert!(matches!(error, SecretsManagerError::Credentials(_)), "{error}");
}

#[rstest]
#[case::text(br#"{"Name":"n","SecretString":"text"}"#, Some(b"text".as_slice()))]
#[case::bytes(br#"{"SecretBinary":"AAEC"}"#, Some([0, 1, 2].as_slice()))]
#[case::neither(br#"{"Name":"n"}"#, None)]
#[case::no_base64(br#"{"SecretBinary":"!"}"#, None)]
#[case::a_page(b"<html>", None)]
fn an_answer_has_a_text_or_bytes(#[case] body: &[u8], #[case] secret: Option<&[u8]>) {
    let given = read(StatusCode::OK, body).ok();
    assert_eq!(given.as_ref().map(|given| given.expose_secret()), secret);
}

#[rstest]
#[case("ResourceNotFoundException", "list-secrets")]
#[case("AccessDeniedException", "kms:Decrypt")]
#[case("InvalidRequestException", "restore-secret")]
#[case("ThrottlingException", "asked again")]
fn a_refusal_says_what_to_do(#[case] name: &str, #[case] does: &str) {
    let body = format!(r#"{{"__type":"{name}","Message":"m"}}"#);
    let Err(Refused::Exception(exception)) = read(StatusCode::BAD_REQUEST, body.as_bytes()) else {
        panic!("an exception")
    };
    let told = refused(StatusCode::BAD_REQUEST, exception).to_string();
    assert!(told.contains(name) && told.contains(does), "{told}");
}
