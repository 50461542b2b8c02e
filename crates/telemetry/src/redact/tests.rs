//! What goes and what stays.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

#[rstest]
#[case::role(
    "User: arn:aws:sts::123456789012:assumed-role/nova/i-0abc is not authorized to perform: bedrock:InvokeModel",
    "User: [arn] is not authorized to perform: bedrock:InvokeModel"
)]
#[case::other_partitions("arn:aws-us-gov:iam::1:role/x, arn:aws-cn:s3:::bucket.", "[arn], [arn].")]
#[case::quoted(
    "resource \"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0\"!",
    "resource \"[arn]\"!"
)]
#[case::access_key(
    "key AKIAIOSFODNN7EXAMPLE or ASIAIOSFODNN7EXAMPLE.",
    "key [access key id] or [access key id]."
)]
#[case::bearer("Authorization: Bearer eyJhbGciOi.J9-_~+/= x", "Authorization: Bearer [token] x")]
#[case::api_key(
    "Incorrect API key provided: sk-nova-abcdef0123456789",
    "Incorrect API key provided: [api key]"
)]
#[case::account("AWS account 123456789012 has no access", "AWS account [account id] has no access")]
#[case::account_in_json("{\"accountId\":\"123456789012\"}", "{\"accountId\":\"[account id]\"}")]
#[case::one_after_the_other("AKIAIOSFODNN7EXAMPLEsk-abcdefghijkl", "[access key id][api key]")]
#[case::characters_of_any_width("é arn:aws:iam::1:role/é→ ü sk-abcdefghij…", "é [arn] ü [api key]…")]
fn secrets_are_replaced(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(redact(text), expected);
}

#[rstest]
#[case::request_id("request id 5f0a2c1e-8f7b-4c57-9a56-123456789012 failed")]
#[case::model_id("us.amazon.nova-pro-v1:0 is throttled")]
#[case::prose("the bearer is missing; risk-assessment-of-the-day; a task-oriented desk-lamp-holder")]
#[case::short("sk-x AKIA arn:aws arn:awsome bearer x")]
#[case::empty("")]
fn other_text_stays_and_is_not_copied(#[case] text: &str) {
    assert!(matches!(redact(text), Cow::Borrowed(same) if same == text));
}

/// Texts made of what the redaction looks for, so that secrets meet in every way.
fn text_of_pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("arn:aws".to_owned()),
        Just("arn:aws:sts::123456789012:assumed-role/x".to_owned()),
        Just("AKIAIOSFODNN7EXAMPLE".to_owned()),
        Just("Bearer ".to_owned()),
        Just("bearer abcdefghijklmno".to_owned()),
        Just("sk-abcdefghijklmno".to_owned()),
        Just("account ".to_owned()),
        Just("123456789012".to_owned()),
        "[ .,:\"é\\[\\]a-c-]{0,3}",
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn redacting_twice_is_redacting_once(text in text_of_pieces()) {
        let once = redact(&text).into_owned();
        prop_assert_eq!(redact(&once), once.as_str());
    }

    #[test]
    fn no_secret_survives_between_words(before in "[ -~é]{0,12}", after in "[ -~é]{0,12}") {
        let secrets = ["AKIAIOSFODNN7EXAMPLE", "sk-abcdefghijklmno", "arn:aws:iam::123456789012:role/x"];
        for secret in secrets {
            let text = format!("{before} {secret} {after}");
            prop_assert!(!redact(&text).contains(secret), "{}", text);
        }
    }
}
