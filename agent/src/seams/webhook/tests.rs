//! Webhooks by a scripted server: signatures, limits, and where they may go.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::scripted::{Answer, Scripted, answer};

fn client() -> Webhooks {
    Webhooks::new(&TlsConfig::default()).unwrap()
}

fn at() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_700_000_000).unwrap()
}

fn endpoint(server: &Scripted) -> Endpoint {
    let text = format!("http://{}/hook?token=hidden", server.address);
    let endpoint = Endpoint::new(&text, Duration::from_secs(20), &Destinations::default()).unwrap();
    endpoint.signed(Some(SecretString::from("shared"))).with_token(Some(SecretString::from("bearer")))
}

#[rstest]
#[case::open(200, "", Ok(Reply::Open))]
#[case::no_content(204, "", Ok(Reply::Open))]
#[case::refused(409, " not\nnow ", Ok(Reply::Refused("not now".to_owned())))]
#[case::without_a_word(404, "", Ok(Reply::Refused("status 404".to_owned())))]
#[case::failed(500, "boom", Err("answered with 500"))]
#[case::moved(302, "", Err("redirects are not followed"))]
#[tokio::test]
async fn a_status_is_a_yes_a_no_or_neither(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] expected: Result<Reply, &str>,
) {
    let server = Scripted::start(move |_| {
        Answer::Whole(status, "location: /elsewhere\r\n".to_owned(), body.as_bytes().to_vec())
    })
    .await;
    let found = client().post(&endpoint(&server), &json!({ "a": 1 }), at()).await;
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(error), Err(expected)) => {
            let text = error.to_string();
            assert!(text.contains(expected) && !text.contains("hidden"), "{text}");
        }
        (found, expected) => panic!("{found:?} in place of {expected:?}"),
    }
    assert_eq!(server.calls(), ["POST /hook?token=hidden"]);
}

#[tokio::test]
async fn a_call_carries_its_signature_and_its_token() {
    let server = Scripted::start(|_| answer(200, "")).await;
    client().post(&endpoint(&server), &json!({ "a": 1 }), at()).await.unwrap();
    let asked = server.asked().remove(0);
    assert_eq!(asked.body, br#"{"a":1}"#);
    let expected = signature::of(&SecretString::from("shared"), at(), &asked.body.clone().into());
    assert_eq!(asked.header(SIGNATURE_HEADER), Some(expected.as_str()));
    assert_eq!(asked.header("authorization"), Some("Bearer bearer"));
}

#[tokio::test]
async fn a_connection_that_breaks_is_no_answer_and_its_url_is_not_told() {
    let server = Scripted::start(|_| Answer::Cut).await;
    let error = client().post(&endpoint(&server), &json!({}), at()).await.unwrap_err();
    let text = format!("{:#}", anyhow::Error::from(error));
    assert!(text.contains("gave no answer") && !text.contains("hidden"), "{text}");
}

#[tokio::test]
async fn who_does_not_answer_in_time_has_not_answered() {
    let server = Scripted::start(|_| Answer::Silence).await;
    let endpoint = Endpoint { timeout: Duration::from_millis(50), ..endpoint(&server) };
    let error = client().post(&endpoint, &json!({}), at()).await.unwrap_err();
    assert!(matches!(&error, WebhookError::Unreachable { source, .. } if source.is_timeout()), "{error:?}");
}

#[tokio::test]
async fn a_long_reason_is_cut() {
    let server = Scripted::start(|_| answer(403, "x".repeat(100_000))).await;
    let reply = client().post(&endpoint(&server), &json!({}), at()).await.unwrap();
    assert_eq!(reply, Reply::Refused("x".repeat(REASON)));
}

#[rstest]
#[case::encrypted("https://ci.example.com/x", &[], false, None)]
#[case::here("http://127.0.0.1:9/x", &[], false, None)]
#[case::here_too("http://[::1]:9/x", &[], false, None)]
#[case::by_name("http://localhost/x", &[], false, None)]
#[case::plain("http://ci.example.com/x", &[], false, Some("nor on this machine"))]
#[case::plain_and_allowed("http://ci.example.com/x", &[], true, None)]
#[case::looks_like_here("http://localhost.example.com/x", &[], false, Some("nor on this machine"))]
#[case::listed("https://CI.example.com/x", &["ci.example.com"], false, None)]
#[case::not_listed("https://169.254.169.254/x", &["ci.example.com"], false, Some("does not list its host"))]
#[case::file("file:///etc/passwd", &[], true, Some("neither https nor http"))]
#[case::password("https://me:pw@ci.example.com/", &[], false, Some("name or a password"))]
#[case::none("ci.example.com/?token=hidden", &[], false, Some("is no url"))]
fn only_what_may_be_called_is_an_endpoint(
    #[case] text: &str,
    #[case] hosts: &[&str],
    #[case] allow_plain_http: bool,
    #[case] refused: Option<&str>,
) {
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    let found = Endpoint::new(text, LONGEST, &Destinations { allow_plain_http, hosts });
    match refused {
        None => assert!(found.is_ok(), "{found:?}"),
        Some(why) => {
            let error = found.unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("hidden") && !error.contains("pw"), "{error}");
        }
    }
}
