//! The transport against servers that follow a script: what goes out, and what is made of what comes back.

mod tls;

use std::net::SocketAddr;

use rstest::rstest;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

use super::*;
use crate::consul::{Consistency, ConsulClient, ConsulConfig};
use crate::scripted::{CUT, Line, Played, Script, line};

fn transport(address: &str, change: impl FnOnce(&mut TransportConfig)) -> Transport {
    let mut config = TransportConfig::new(address.parse().unwrap(), &Dialect::CONSUL);
    change(&mut config);
    Transport::new(config).unwrap()
}

fn get() -> Call {
    Call::get("/v1/status/leader")
}

/// A server that answers every connection with these bytes, and then says nothing more without hanging up.
async fn raw(bytes: &'static str) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _length = stream.read(&mut request).await.unwrap();
            stream.write_all(bytes.as_bytes()).await.unwrap();
            open.push(stream);
        }
    });
    (address, tasks)
}

#[tokio::test]
async fn a_token_file_that_was_replaced_is_sent_with_the_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "first\n").unwrap();
    let script = Script::start([line(200, ""), line(200, "")]).await;
    let transport = transport(&script.address, |config| config.token = TokenSource::file(&path));
    transport.send(&get()).await.unwrap();
    std::fs::write(folder.path().join("next"), "second\n").unwrap();
    std::fs::rename(folder.path().join("next"), &path).unwrap();
    transport.send(&get()).await.unwrap();
    assert_eq!(script.tokens(), ["first", "second"]);
}

/// A source that has one token more.
#[derive(Debug)]
struct Spare;

impl Login for Spare {
    fn token(&self) -> Pending<'_, Result<SecretString, TokenError>> {
        Box::pin(async { Ok(SecretString::from("first")) })
    }

    fn replace<'a>(
        &'a self,
        refused: &'a SecretString,
        refusal: &'a Refusal,
    ) -> Pending<'a, Result<Option<SecretString>, TokenError>> {
        assert_eq!((refused.expose_secret(), refusal.status), ("first", 403));
        Box::pin(async { Ok(Some(SecretString::from("second"))) })
    }
}

#[tokio::test]
async fn a_call_that_was_refused_is_sent_once_more_with_another_token_and_not_again() {
    let refused = || line(403, "ACL not found");
    let script = Script::start([refused(), line(200, "[]"), refused(), refused()]).await;
    let transport = transport(&script.address, |config| config.token = TokenSource::Login(Arc::new(Spare)));
    // A write too: what was refused was not done.
    transport.send(&Call::put("/v1/kv/a").body("x")).await.unwrap();
    assert_eq!(script.tokens(), ["first", "second"]);
    assert_eq!(script.asked()[1].body, "x");
    assert!(transport.send(&get()).await.unwrap_err().is_acl_not_found());
    assert_eq!(script.tokens(), ["first", "second", "first", "second"]);
}

#[tokio::test]
async fn a_token_file_that_is_replaced_while_its_token_is_refused_is_tried_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "first").unwrap();
    let script = Script::start([line(403, "ACL not found").held(), line(200, "")]).await;
    let transport = transport(&script.address, |config| config.token = TokenSource::file(&path));
    let replaced = async {
        script.until_asked(1).await;
        std::fs::write(&path, "second").unwrap();
        script.release();
    };
    let call = get();
    let (answer, ()) = tokio::join!(transport.send(&call), replaced);
    answer.unwrap();
    assert_eq!(script.tokens(), ["first", "second"]);
}

#[tokio::test]
async fn a_call_with_a_token_of_its_own_leaves_that_of_the_transport_at_home() {
    let script = Script::start([line(200, "[]"), line(403, "ACL not found"), line(200, "[]")]).await;
    let transport =
        transport(&script.address, |config| config.token = TokenSource::Fixed(SecretString::from("secret")));
    transport.send(&get().without_token()).await.unwrap();
    transport.send(&get().with_token(SecretString::from("own"))).await.unwrap_err();
    transport.send(&get()).await.unwrap();
    assert_eq!(script.tokens(), ["", "own", "secret"]);
}

#[tokio::test]
async fn a_refusal_is_told_at_once_where_there_is_no_other_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "only").unwrap();
    for token in [TokenSource::None, TokenSource::Fixed(SecretString::from("only")), TokenSource::file(&path)]
    {
        let script = Script::start([line(403, "Permission denied")]).await;
        let transport = transport(&script.address, |config| config.token = token);
        assert!(transport.send(&get()).await.unwrap_err().is_permission_denied());
        assert_eq!(script.calls().len(), 1);
    }
}

#[rstest]
#[case(301)]
#[case(302)]
#[case(307)]
#[case(308)]
#[tokio::test]
async fn a_redirect_is_a_refusal_and_takes_the_token_nowhere(#[case] status: u16) {
    let elsewhere = Script::start([line(200, "")]).await;
    let location: &'static str = Box::leak(format!("http://{}/", elsewhere.address).into_boxed_str());
    let script = Script::start([line(status, "").with("location", location)]).await;
    let transport =
        transport(&script.address, |config| config.token = TokenSource::Fixed(SecretString::from("secret")));
    let error = transport.send(&get()).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().status, status);
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_answer_over_its_limit_is_not_read_to_its_end() {
    let script = Script::start([line(200, "12345"), line(200, "1234")]).await;
    let transport = transport(&script.address, |_| {});
    let error = transport.send(&get().max_answer(4)).await.unwrap_err();
    assert!(error.is_too_large(), "{error}");
    assert_eq!(transport.send(&get().max_answer(4)).await.unwrap().body, "1234");
}

#[tokio::test]
async fn an_answer_that_does_not_announce_its_length_is_cut_at_its_limit() {
    let (address, _server) =
        raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n5\r\n12345\r\n").await;
    let error = transport(&address.to_string(), |_| {}).send(&get().max_answer(9)).await.unwrap_err();
    assert!(error.is_too_large(), "{error}");
}

#[rstest]
#[case::no_head("")]
#[case::half_a_body("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345")]
#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_after_the_limit_of_the_call(#[case] answer: &'static str) {
    let (address, _server) = raw(answer).await;
    let transport = transport(&address.to_string(), |config| config.call_timeout = Duration::from_secs(3600));
    let error = transport.send(&get().timeout(Duration::from_millis(50))).await.unwrap_err();
    assert!(matches!(error, HashistackError::TimedOut { .. }), "{error:?}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_refusal_is_told_with_what_has_come_of_its_text() {
    let (address, _server) =
        raw("HTTP/1.1 403 Forbidden\r\ncontent-length: 90\r\n\r\nPermission denied").await;
    let error = transport(&address.to_string(), |_| {}).send(&get()).await.unwrap_err();
    assert!(error.is_permission_denied() && error.to_string().contains("Permission denied"), "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_without_the_query() {
    let script = Script::start([CUT]).await;
    let transport = transport(&script.address, |_| {});
    let error = transport.send(&get().query("reason", "nobody's business")).await.unwrap_err();
    assert!(matches!(error, HashistackError::Unreachable { .. }), "{error:?}");
    let mut told = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        told.push_str(&cause.to_string());
        source = cause.source();
    }
    assert!(told.contains("GET /v1/status/leader") && !told.contains("business"), "{told}");
}

#[tokio::test]
async fn every_call_names_the_namespace_the_partition_and_the_datacenter() {
    let script = Script::start([line(200, "true"), line(404, "")]).await;
    let config = ConsulConfig {
        namespace: Some("team a".to_owned()),
        partition: Some("p".to_owned()),
        datacenter: Some("dc2".to_owned()),
        ..ConsulConfig::new(script.address.parse().unwrap())
    };
    let client = ConsulClient::new(config).unwrap();
    client.kv().put("nova/config", "x").await.unwrap();
    client.kv().get("nova/config", Consistency::Stale).await.unwrap();
    let wanted = [
        "PUT /v1/kv/nova/config?ns=team%20a&partition=p&dc=dc2",
        "GET /v1/kv/nova/config?stale&ns=team%20a&partition=p&dc=dc2",
    ];
    assert_eq!(script.calls(), wanted);
}

#[tokio::test]
async fn what_may_be_repeated_is_and_nothing_else() {
    let retries = Retries { most: 2, first: Duration::from_millis(1), longest: Duration::from_millis(1) };
    let failing = || [CUT, line(500, "No cluster leader"), line(200, "true")];
    let told = async |call: Call| {
        let script = Script::start(failing()).await;
        let transport = transport(&script.address, |_| {}).retrying(retries);
        (transport.send(&call).await.is_ok(), script.calls().len())
    };
    assert_eq!(told(get()).await, (true, 3));
    assert_eq!(told(Call::put("/v1/kv/a").idempotent()).await, (true, 3));
    assert_eq!(told(Call::put("/v1/kv/a")).await, (false, 1));
    let script = Script::start([line(400, "bad"), line(200, "")]).await;
    transport(&script.address, |_| {}).retrying(retries).send(&get()).await.unwrap_err();
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test]
async fn a_unix_socket_is_as_good_as_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consul.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let played = Played::new([line(200, "[]"), line(200, "[]")]);
    let serving = Arc::clone(&played);
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut connections = JoinSet::new();
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            connections.spawn(Arc::clone(&serving).serve(stream, number));
        }
    });
    let transport = transport(&format!("unix://{}", path.display()), |_| {});
    transport.send(&get()).await.unwrap();
    transport.send(&get()).await.unwrap();
    assert_eq!(played.asked().iter().map(|asked| asked.connection).collect::<Vec<_>>(), [0, 0]);
}

#[tokio::test]
async fn what_the_headers_of_an_answer_say_is_read() {
    let answer: Line = line(200, "")
        .with("x-consul-index", "7")
        .with("x-consul-knownleader", "false")
        .with("x-consul-lastcontact", "1500")
        .with("x-consul-results-filtered-by-acls", "true");
    let script = Script::start([answer, line(200, "").with("x-consul-index", "none")]).await;
    let transport = transport(&script.address, |_| {});
    let wanted = Head {
        status: 200,
        index: Some(7),
        known_leader: Some(false),
        last_contact: Some(Duration::from_millis(1500)),
        filtered_by_acls: true,
    };
    assert_eq!(transport.send(&get()).await.unwrap().head, wanted);
    assert_eq!(transport.send(&get()).await.unwrap().head, Head { status: 200, ..Head::default() });
}
