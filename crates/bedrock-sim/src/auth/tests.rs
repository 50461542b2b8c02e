//! Signatures made by AWS's signing crate, and what becomes of them when something is changed.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderValue, Request};
use rstest::rstest;

use super::*;
use crate::config::{Credential, DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY};

const URI: &str = "http://127.0.0.1:9999/model/us.amazon.nova-lite-v1%3A0/converse";
const BODY: &[u8] = br#"{"messages":[]}"#;

/// What goes into a signature.
struct Signer {
    uri: &'static str,
    access_key: &'static str,
    secret: &'static str,
    token: Option<String>,
    region: &'static str,
    service: &'static str,
    at: SystemTime,
}

impl Default for Signer {
    fn default() -> Self {
        Self {
            uri: URI,
            access_key: DEFAULT_ACCESS_KEY_ID,
            secret: DEFAULT_SECRET_ACCESS_KEY,
            token: None,
            region: "us-east-1",
            service: "bedrock",
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        }
    }
}

impl Signer {
    fn sign(&self) -> Parts {
        let identity =
            Credentials::new(self.access_key, self.secret, self.token.clone(), None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.at)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = [("content-type", "application/json"), ("x-custom", "a  b")];
        let signable =
            SignableRequest::new("POST", self.uri, headers.into_iter(), SignableBody::Bytes(BODY)).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let mut request = Request::post(self.uri).header("host", "127.0.0.1:9999").body(()).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        instructions.apply_to_request_http1x(&mut request);
        request.into_parts().0
    }
}

fn verdict(parts: &Parts, body: &[u8], token: Option<&str>) -> Result<(), String> {
    let config = SimulatorConfig {
        credentials: vec![Credential {
            access_key_id: DEFAULT_ACCESS_KEY_ID.to_owned(),
            secret_access_key: DEFAULT_SECRET_ACCESS_KEY.to_owned(),
            session_token: token.map(ToOwned::to_owned),
        }],
        bearer_tokens: vec!["good-key".to_owned()],
        ..SimulatorConfig::default()
    };
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    check(&config, &Mutex::default(), "us-east-1", parts, body, now).map_err(|exception| {
        assert_eq!(exception.status, StatusCode::FORBIDDEN);
        format!("{}: {}", exception.name, exception.message)
    })
}

#[rstest]
#[case::an_id(URI)]
#[case::a_raw_colon("http://127.0.0.1:9999/model/us.amazon.nova-lite-v1:0/converse")]
#[case::an_arn(
    "http://127.0.0.1:9999/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse"
)]
#[case::a_query("http://127.0.0.1:9999/model/x/converse?b=2&a=1%20x&a=0")]
fn what_the_sdk_signs_is_accepted(#[case] uri: &'static str) {
    assert_eq!(verdict(&Signer { uri, ..Signer::default() }.sign(), BODY, None), Ok(()));
}

#[test]
fn what_sts_gave_is_taken_until_it_expires_and_sts_takes_none_of_it() {
    let (issued, now) = (Mutex::new(Issued::default()), Timestamp::from_second(1_800_000_000).unwrap());
    let given = |at: i64| {
        let at = Timestamp::from_second(at).unwrap();
        let (credential, _) = lock(&issued).give(at, Duration::from_secs(900));
        credential
    };
    let sign = |credential: &Credential, token: Option<String>, service: &'static str| {
        let access_key = credential.access_key_id.clone().leak();
        let secret = credential.secret_access_key.clone().leak();
        Signer { access_key, secret, token, service, ..Signer::default() }.sign()
    };
    let config = SimulatorConfig::default();
    let name = |parts: &Parts| {
        let checked = check(&config, &issued, "us-east-1", parts, BODY, now);
        checked.map_err(|exception| exception.name)
    };
    let (fresh, old) = (given(1_799_999_101), given(1_799_999_100));
    let of = |credential: &Credential| sign(credential, credential.session_token.clone(), "bedrock");
    assert_eq!(name(&of(&fresh)), Ok(()));
    assert_eq!(name(&of(&old)), Err("ExpiredTokenException".to_owned()));
    for token in [None, old.session_token.clone()] {
        assert_eq!(name(&sign(&fresh, token, "bedrock")), Err("UnrecognizedClientException".to_owned()));
    }
    let scope = Scope { region: "us-east-1", service: "sts" };
    let for_sts = sign(&fresh, fresh.session_token.clone(), "sts");
    let refused = check_with(&config, None, &scope, &for_sts, BODY, now).unwrap_err();
    assert_eq!(refused.name, "UnrecognizedClientException");
}

#[test]
fn a_session_token_must_be_the_right_one() {
    let signed = Signer { token: Some("token".to_owned()), ..Signer::default() }.sign();
    assert_eq!(verdict(&signed, BODY, Some("token")), Ok(()));
    for wanted in [Some("other"), None] {
        assert!(verdict(&signed, BODY, wanted).unwrap_err().starts_with("UnrecognizedClientException"));
    }
    assert!(verdict(&Signer::default().sign(), BODY, Some("token")).is_err(), "a token is missing");
}

#[rstest]
#[case::secret(Signer { secret: "wrong", ..Signer::default() }, "InvalidSignatureException: The request signature we calculated does not match")]
#[case::region(Signer { region: "us-west-2", ..Signer::default() }, "InvalidSignatureException: Credential should be scoped to a valid region")]
#[case::service(Signer { service: "s3", ..Signer::default() }, "correct service: 'bedrock'")]
#[case::old(Signer { at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_799_999_699), ..Signer::default() }, "InvalidSignatureException: Signature expired: 20270115T075459Z is now earlier than 20270115T075500Z (20270115T080000Z - 5 min.)")]
#[case::early(Signer { at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_301), ..Signer::default() }, "Signature not yet current")]
fn a_wrong_signature_is_refused(#[case] signer: Signer, #[case] words: &str) {
    let message = verdict(&signer.sign(), BODY, None).unwrap_err();
    assert!(message.contains(words), "{message}");
}

#[test]
fn the_window_of_the_clock_is_five_minutes_inclusive() {
    for second in [1_799_999_700, 1_800_000_300] {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        assert_eq!(verdict(&Signer { at, ..Signer::default() }.sign(), BODY, None), Ok(()), "{second}");
    }
}

#[test]
fn anything_changed_after_signing_is_noticed() {
    let signed = Signer::default().sign();
    assert!(verdict(&signed, b"{}", None).unwrap_err().contains("does not match"), "the body");
    for (header, value, words) in [
        ("x-custom", "c", "does not match"),
        ("host", "elsewhere", "does not match"),
        ("x-amz-extra", "1", "'x-amz-extra' must be a 'SignedHeader'"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=a/b", "IncompleteSignatureException"),
        ("authorization", "Basic abc", "IncompleteSignatureException: Unsupported AWS 'algorithm'"),
        ("authorization", "Bearer bad-key", "AccessDeniedException: Authentication failed"),
    ] {
        let mut changed = Signer::default().sign();
        changed.headers.insert(header, HeaderValue::from_static(value));
        let message = verdict(&changed, BODY, None).unwrap_err();
        assert!(message.contains(words), "{header}: {message}");
    }
    let mut unsigned = Signer::default().sign();
    unsigned.headers.remove("authorization");
    assert!(verdict(&unsigned, BODY, None).unwrap_err().starts_with("MissingAuthenticationTokenException"));
    unsigned.headers.insert("authorization", HeaderValue::from_static("Bearer good-key"));
    assert_eq!(verdict(&unsigned, b"anything", None), Ok(()));
}

#[test]
fn an_unknown_key_is_not_recognized() {
    let mut signed = Signer::default().sign();
    let header =
        signed.headers["authorization"].to_str().unwrap().replace(DEFAULT_ACCESS_KEY_ID, "AKIDOTHER");
    signed.headers.insert("authorization", HeaderValue::from_str(&header).unwrap());
    let message = verdict(&signed, BODY, None).unwrap_err();
    assert_eq!(
        message,
        "UnrecognizedClientException: The security token included in the request is invalid."
    );
}
