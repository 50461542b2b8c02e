//! The login, against a server that follows a script.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::*;
use crate::consul::ConsulClient;
use crate::scripted::{CUT, Line, Script, line};
use crate::transport::LEAST_PAUSE;

/// The answer to a login that lasts so many seconds, or has no end.
fn token(secret: &str, lasts: Option<u32>) -> Line {
    let create = "2026-03-01T10:00:00Z";
    let ends = lasts.map(|lasts| {
        let create: jiff::Timestamp = create.parse().unwrap();
        (create + jiff::SignedDuration::from_secs(i64::from(lasts))).to_string()
    });
    line(
        200,
        json!({ "AccessorID": "a", "SecretID": secret, "CreateTime": create, "ExpirationTime": ends })
            .to_string(),
    )
}

/// The server of the agent knows the token.
fn known() -> Line {
    line(200, json!({ "AccessorID": "a" }).to_string())
}

fn unknown() -> Line {
    line(403, "ACL not found")
}

/// The answer to a read of the key-value store.
fn read() -> Line {
    line(200, "[]")
}

struct Bed {
    script: Script,
    folder: tempfile::TempDir,
    login: Arc<ConsulLogin>,
    client: ConsulClient,
}

impl Bed {
    async fn start(lines: impl IntoIterator<Item = Line>) -> Self {
        let script = Script::start(lines).await;
        let folder = tempfile::tempdir().unwrap();
        let mut config = ConsulConfig::new(script.address.parse().unwrap());
        let file = folder.path().join("jwt");
        let login = Arc::new(ConsulLogin::new(&config, "nova-workloads", file).unwrap());
        config.token = TokenSource::Login(Arc::<ConsulLogin>::clone(&login));
        let bed = Self { script, folder, login, client: ConsulClient::new(config).unwrap() };
        bed.write_jwt("identity");
        bed
    }

    fn write_jwt(&self, jwt: &str) {
        std::fs::write(self.folder.path().join("jwt"), format!("{jwt}\n")).unwrap();
    }

    async fn read(&self) -> Result<(), HashistackError> {
        self.client.kv().get("nova/config", Consistency::Default).await.map(drop)
    }

    /// What was asked: the last part of each path, with its token.
    fn asked(&self) -> Vec<String> {
        let told = |asked: crate::scripted::Asked| {
            let path = asked.target.split('?').next().unwrap_or_default().to_owned();
            format!("{} {}", path.rsplit('/').next().unwrap(), asked.token()).trim_end().to_owned()
        };
        self.script.asked().into_iter().map(told).collect()
    }

    /// The JWT of each login.
    fn identities(&self) -> Vec<Value> {
        let logins = self.script.asked().into_iter().filter(|asked| asked.target == "/v1/acl/login");
        logins
            .map(|login| {
                let body: Value = serde_json::from_slice(&login.body).unwrap();
                assert_eq!(body["AuthMethod"], "nova-workloads");
                body["BearerToken"].clone()
            })
            .collect()
    }
}

/// Lets so much time pass at once. The clock runs on afterwards.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn callers_who_come_at_once_share_one_login() {
    let bed = Bed::start([token("one", None).held(), known(), read(), read(), read()]).await;
    let reads = join_all((0..3).map(|_| bed.read()));
    let release = async {
        bed.script.until_asked(1).await;
        bed.script.release();
    };
    let (reads, ()) = tokio::join!(reads, release);
    assert!(reads.iter().all(Result::is_ok), "{reads:?}");
    assert_eq!(bed.asked(), ["login", "self one", "config one", "config one", "config one"]);
    assert_eq!(bed.identities(), ["identity"]);
}

#[tokio::test]
async fn a_token_that_consul_no_longer_knows_is_replaced_with_the_jwt_as_it_is_then() {
    let lines = [token("one", None), known(), read(), unknown(), token("two", None), known(), read(), read()];
    let bed = Bed::start(lines).await;
    bed.read().await.unwrap();
    bed.write_jwt("renewed");
    pass(LEAST_PAUSE).await;
    bed.read().await.unwrap();
    bed.read().await.unwrap();
    let asked = bed.asked();
    let expected =
        ["login", "self one", "config one", "config one", "login", "self two", "config two", "config two"];
    assert_eq!(asked, expected);
    assert_eq!(bed.identities(), ["identity", "renewed"]);
}

#[tokio::test]
async fn callers_who_are_refused_at_once_share_the_next_login() {
    let lines = [token("one", None), known(), read(), unknown(), unknown(), token("two", None), known()];
    let bed = Bed::start(lines.into_iter().chain([read(), read()])).await;
    bed.read().await.unwrap();
    pass(LEAST_PAUSE).await;
    let (first, second) = tokio::join!(bed.read(), bed.read());
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(bed.identities().len(), 2);
}

#[tokio::test]
async fn a_token_that_ends_is_replaced_while_it_is_good_and_then_deleted() {
    let lines = [token("one", Some(600)), known(), read(), read(), token("two", Some(600)), known()];
    let bed = Bed::start(lines.into_iter().chain([line(200, ""), read()])).await;
    bed.read().await.unwrap();
    pass(Duration::from_secs(390)).await;
    bed.read().await.unwrap();
    pass(Duration::from_secs(20)).await;
    bed.read().await.unwrap();
    let asked = bed.asked();
    assert_eq!(asked[3..], ["config one", "login", "self two", "logout one", "config two"]);
}

#[tokio::test]
async fn a_token_whose_successor_cannot_be_had_serves_on() {
    let lines = [
        token("one", Some(600)),
        known(),
        read(),
        CUT,
        read(),
        read(),
        line(500, "No cluster leader"),
        read(),
    ];
    let bed = Bed::start(lines).await;
    bed.read().await.unwrap();
    pass(Duration::from_secs(410)).await;
    bed.read().await.unwrap();
    // Not each call tries anew.
    bed.read().await.unwrap();
    pass(LEAST_PAUSE).await;
    bed.read().await.unwrap();
    let asked = bed.asked();
    assert_eq!(asked[3..], ["login", "config one", "config one", "login", "config one"]);
}

#[tokio::test]
async fn a_new_token_is_used_when_the_server_that_answers_knows_it() {
    let bed = Bed::start([token("one", None), unknown(), known(), read()]).await;
    bed.read().await.unwrap();
    assert_eq!(bed.asked(), ["login", "self one", "self one", "config one"]);
    assert_eq!(bed.script.queries()[1], "stale");
}

#[tokio::test]
async fn a_new_token_that_is_refused_is_told_and_another_is_got_later() {
    let bed =
        Bed::start([token("one", None), known(), unknown(), unknown(), token("two", None), known(), read()])
            .await;
    assert!(bed.read().await.unwrap_err().is_acl_not_found());
    assert_eq!(bed.identities().len(), 1);
    pass(LEAST_PAUSE).await;
    bed.read().await.unwrap();
    assert_eq!(bed.identities().len(), 2);
}

#[tokio::test]
async fn a_missing_policy_is_no_reason_for_another_login() {
    let bed =
        Bed::start([token("one", None), known(), line(403, "Permission denied: lacks 'key:read'")]).await;
    assert!(bed.read().await.unwrap_err().is_permission_denied());
    assert_eq!(bed.identities().len(), 1);
}

#[tokio::test]
async fn a_login_that_fails_is_shared_and_tried_again_after_a_pause() {
    let bed = Bed::start([line(403, "Permission denied"), token("one", None), known(), read()]).await;
    let (first, second) = tokio::join!(bed.read(), bed.read());
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert!(matches!(error, HashistackError::Token(TokenError::Login(_))), "{error:?}");
        assert!(error.is_permission_denied() && !error.is_transient(), "{error:?}");
    }
    assert_eq!(bed.asked(), ["login"]);
    pass(LEAST_PAUSE).await;
    bed.read().await.unwrap();
}

#[tokio::test]
async fn a_jwt_that_is_absent_is_told_by_its_path_and_taken_when_it_comes() {
    let bed = Bed::start([token("one", None), known(), read()]).await;
    let path = bed.folder.path().join("jwt");
    std::fs::remove_file(&path).unwrap();
    let HashistackError::Token(TokenError::Login(reason)) = bed.read().await.unwrap_err() else {
        panic!("a login that failed")
    };
    assert!(reason.to_string().contains(path.to_str().unwrap()), "{reason}");
    bed.write_jwt("identity");
    pass(LEAST_PAUSE).await;
    bed.read().await.unwrap();
}

#[tokio::test]
async fn a_logout_deletes_the_token_and_nothing_is_sent_afterwards() {
    let bed = Bed::start([token("one", None), known(), read(), line(200, "")]).await;
    bed.read().await.unwrap();
    bed.login.logout().await.unwrap();
    assert_eq!(bed.asked()[3..], ["logout one"]);
    let error = bed.read().await.unwrap_err();
    assert!(matches!(error, HashistackError::Token(TokenError::LoggedOut)), "{error:?}");
    bed.login.logout().await.unwrap();
    assert_eq!(bed.asked().len(), 4);
}

#[tokio::test]
async fn a_logout_of_a_token_that_is_gone_has_succeeded() {
    let bed = Bed::start([token("one", None), known(), read(), unknown()]).await;
    bed.read().await.unwrap();
    bed.login.logout().await.unwrap();
}

#[tokio::test]
async fn neither_the_jwt_nor_the_token_shows() {
    let bed = Bed::start([token("very-secret", None), known(), read()]).await;
    bed.write_jwt("very-secret-too");
    bed.read().await.unwrap();
    let shown = format!("{:?} {:?}", bed.login, bed.client);
    assert!(!shown.contains("very-secret"), "{shown}");
}
