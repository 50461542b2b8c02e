//! The signature against the specification written out by hand, and against AWS's own library.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as sigv4_sign};
use aws_sigv4::sign::v4;
use http::Request;
use http::header::HeaderMap;
use proptest::prelude::*;

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

#[test]
fn the_signature_is_what_the_specification_gives() {
    let body = br#"{"messages":[]}"#;
    let uri = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-lite-v1%3A0/converse";
    let (mut parts, ()) = Request::post(uri)
        .header("host", "bedrock-runtime.us-east-1.amazonaws.com")
        .header("content-type", "application/json")
        .header("user-agent", "nova-proxy")
        .body(())
        .unwrap()
        .into_parts();
    let signer =
        Signer::new(&Credentials::new("AKIDEXAMPLE", "secret", Some("token".to_owned()), None, "test"));
    let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    sign(&mut parts, &body_sha256(body), "us-east-1", &signer, time).unwrap();

    let payload = hex(digest::digest(&digest::SHA256, body).as_ref());
    let canonical = format!(
        "POST\n/model/us.amazon.nova-lite-v1%253A0/converse\n\ncontent-type:application/json\n\
         host:bedrock-runtime.us-east-1.amazonaws.com\nx-amz-date:20231114T221320Z\nx-amz-security-token:token\n\n\
         content-type;host;x-amz-date;x-amz-security-token\n{payload}"
    );
    let digest_of_canonical = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let scope = "20231114/us-east-1/bedrock/aws4_request";
    let to_sign = format!("AWS4-HMAC-SHA256\n20231114T221320Z\n{scope}\n{digest_of_canonical}");
    let key = ["20231114", "us-east-1", "bedrock", "aws4_request"]
        .iter()
        .fold(b"AWS4secret".to_vec(), |key, part| keyed(&key, part));
    let expected = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature={}",
        hex(&keyed(&key, &to_sign))
    );
    assert_eq!(parts.headers[AUTHORIZATION], expected.as_str());
    assert_eq!(parts.headers["x-amz-date"], "20231114T221320Z");
    assert_eq!(parts.headers["x-amz-security-token"], "token");
    assert!(!parts.headers.contains_key("x-amz-content-sha256"));
    assert!(
        parts.headers[AUTHORIZATION].is_sensitive() && parts.headers["x-amz-security-token"].is_sensitive()
    );
}

#[test]
fn credentials_that_no_header_can_carry_are_refused() {
    for (id, token) in [("AKID\nEXAMPLE", None), ("AKIDEXAMPLE", Some("to\nken".to_owned()))] {
        let (mut parts, ()) = Request::post("https://host/").body(()).unwrap().into_parts();
        let signer = Signer::new(&Credentials::new(id, "secret", token, None, "test"));
        let result = sign(&mut parts, &body_sha256(b""), "us-east-1", &signer, UNIX_EPOCH);
        assert!(matches!(result, Err(SignError::HeaderValue(_))), "{result:?}");
    }
}

#[test]
fn a_query_is_refused_rather_than_left_unsigned() {
    let (mut parts, ()) = Request::post("https://host/?a=b").body(()).unwrap().into_parts();
    let signer = Signer::new(&Credentials::new("AKID", "secret", None, None, "test"));
    let result = sign(&mut parts, &body_sha256(b""), "us-east-1", &signer, UNIX_EPOCH);
    assert!(matches!(result, Err(SignError::Query)), "{result:?}");
}

#[test]
fn kept_keys_are_bounded_and_never_mixed_up() {
    let signer = Signer::new(&Credentials::new("AKID", "secret", None, None, "test"));
    for round in 0..2 {
        for day in 0..40 {
            let date = format!("202611{day:02}");
            let own = hmac::sign(&signer.key(&date, "us-east-1", SERVICE), b"x");
            let fresh = Signer::new(&Credentials::new("AKID", "secret", None, None, "test"));
            let expected = hmac::sign(&fresh.key(&date, "us-east-1", SERVICE), b"x");
            assert_eq!(own.as_ref(), expected.as_ref(), "round {round}, {date}");
        }
    }
}

/// The same by AWS's library.
fn by_library(
    parts: &Parts,
    digest: &str,
    region: &str,
    credentials: Credentials,
    time: SystemTime,
) -> HeaderMap {
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let body = SignableBody::Precomputed(digest.to_owned());
    let request = SignableRequest::new("POST", parts.uri.to_string(), headers, body).unwrap();
    let (instructions, _signature) = sigv4_sign(request, &params).unwrap().into_parts();
    let (signed, _query) = instructions.into_parts();
    let pairs = signed.into_iter().map(|header| {
        (HeaderName::from_static(header.name()), HeaderValue::from_str(header.value()).unwrap())
    });
    pairs.collect()
}

proptest! {
    #[test]
    fn the_signature_is_that_of_the_aws_library(
        model in "[A-Za-z0-9 .:/_~%@+é-]{1,60}",
        base in "(/[a-z0-9-]{1,8}){0,3}",
        host in "[a-z][a-z0-9-]{0,12}(:[1-9][0-9]{1,3})?",
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
        secret in "[A-Za-z0-9/+]{1,40}",
        token in proptest::option::of("[A-Za-z0-9/+=]{1,200}"),
        extra in proptest::option::of("[ a-zA-Z0-9,;=]{0,30}"),
        seconds in 0_u64..4_000_000_000,
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        const LABEL: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
            .remove(b'-').remove(b'.').remove(b'_').remove(b'~');
        let model = percent_encoding::utf8_percent_encode(&model, LABEL).to_string();
        prop_assume!(model != "." && model != "..");
        let mut request = Request::post(format!("https://{host}{base}/model/{model}/converse-stream"))
            .header("host", &host)
            .header("content-type", "application/json")
            .header("content-length", body.len())
            .header("user-agent", "nova-proxy/1");
        if let Some(extra) = extra {
            request = request.header("x-amzn-extra", extra);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let credentials = Credentials::new("AKIDEXAMPLE", secret, token, None, "test");
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        let digest = body_sha256(&body);
        let theirs = by_library(&parts, &digest, &region, credentials.clone(), time);
        sign(&mut parts, &digest, &region, &Signer::new(&credentials), time).unwrap();
        for (name, value) in &theirs {
            prop_assert_eq!(&parts.headers[name], value);
        }
    }
}
