//! What calls are authorized with: an assumed role, a Bedrock API key; and the way through a proxy.

use std::io::Write as _;

use base64::Engine as _;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;
use crate::upstream::credentials::{AssumedRole, CredentialSource as _, RoleConfig};
use crate::upstream::https_proxy::HttpsProxy;

const STS_ANSWER: &str = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
    <AssumedRoleUser><AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/nova/s</Arn></AssumedRoleUser>
    <Credentials><AccessKeyId>AKIDROLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
    <SessionToken>role-token</SessionToken><Expiration>2033-01-01T00:00:00Z</Expiration></Credentials>
    </AssumeRoleResult></AssumeRoleResponse>"#;

fn role(sts: &ScriptedServer) -> RoleConfig {
    role_at(sts.url())
}

fn role_at(sts_endpoint: String) -> RoleConfig {
    RoleConfig {
        arn: "arn:aws:iam::123456789012:role/nova".to_owned(),
        external_id: Some("external-1".to_owned()),
        session_name: Some("proxy-7".to_owned()),
        session_tags: vec![("team".to_owned(), "search".to_owned())],
        region: "us-west-2".to_owned(),
        use_fips: false,
        use_dual_stack: false,
        sts_endpoint: Some(sts_endpoint),
    }
}

#[tokio::test]
async fn a_role_is_assumed_at_its_region_s_sts_and_signs_the_calls() {
    let answer = Step::Write(whole(200, &[("content-type", "text/xml")], STS_ANSWER.as_bytes()));
    let sts = ScriptedServer::start([vec![answer]]).await;
    let bedrock = ScriptedServer::start([answered()]).await;
    let source = AssumedRole::new(role(&sts), Arc::new(Numbered::default()));
    client_of(fast(&bedrock), Arc::new(source)).converse(&call(), &mut Attempts::new()).await.unwrap();

    let asked = &sts.received()[0];
    let form = String::from_utf8(asked.body.clone()).unwrap();
    for part in [
        "Action=AssumeRole",
        "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fnova",
        "ExternalId=external-1",
        "RoleSessionName=proxy-7",
        "Tags.member.1.Key=team",
        "Tags.member.1.Value=search",
    ] {
        assert!(form.split('&').any(|own| own == part), "{part} is not in {form}");
    }
    let signed = asked.header("authorization");
    assert!(
        signed.contains("Credential=AKID1/") && signed.contains("/us-west-2/sts/aws4_request"),
        "{signed}"
    );
    let call = &bedrock.received()[0];
    assert!(call.header("authorization").contains("Credential=AKIDROLE/"), "{call:?}");
    assert_eq!(call.header("x-amz-security-token"), "role-token");
}

#[tokio::test]
async fn a_role_that_is_refused_says_so() {
    let denied = r#"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"#;
    let answer = vec![Step::Write(whole(403, &[("content-type", "text/xml")], denied.as_bytes()))];
    let sts = ScriptedServer::start([answer]).await;
    let bedrock = ScriptedServer::start([]).await;
    let source = AssumedRole::new(role(&sts), Arc::new(Numbered::default()));
    let client = client_of(fast(&bedrock), Arc::new(source));
    let error = client.converse(&call(), &mut Attempts::new()).await.unwrap_err();
    assert_eq!(error.kind, UpstreamErrorKind::NoCredentials);
    assert!(
        error.message.contains("not you") && error.message.contains("sts in us-west-2"),
        "{}",
        error.message
    );
    assert_eq!(bedrock.connections(), 0);
}

#[tokio::test]
async fn a_bedrock_api_key_replaces_the_signature_and_needs_no_credentials() {
    let server = ScriptedServer::start([answered(), refused(403, "UnrecognizedClientException")]).await;
    let source = Arc::new(Numbered { fails: true, ..Numbered::default() });
    let client = client_with(fast(&server), source.clone(), Some(SecretString::from("bedrock-key")));
    client.converse(&call(), &mut Attempts::new()).await.unwrap();
    let sent = &server.received()[0];
    assert_eq!(sent.header("authorization"), "Bearer bedrock-key");
    assert_eq!((sent.header("x-amz-date"), sent.header("x-amz-security-token")), ("", ""));
    let error = client.converse(&call(), &mut Attempts::new()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retried),
        (UpstreamErrorKind::CredentialsRejected, 0),
        "there is no other key"
    );
    assert_eq!(source.loads.load(Ordering::SeqCst), 0);
}

#[test]
fn a_bedrock_api_key_that_no_header_can_carry_is_refused_at_the_start() {
    let source = Arc::new(Numbered::default());
    let key = Some(SecretString::from("bedrock\nkey"));
    let result = try_client_with(UpstreamConfig::new("us-east-1"), source, key);
    let error = result.unwrap_err();
    assert!(
        error.to_string().contains("AWS_BEARER_TOKEN_BEDROCK")
            && !format!("{error:?}").contains("bedrock\\nkey")
    );
}

/// A proxy that tunnels every `CONNECT` to `target`, and notes what it was asked.
async fn tunnelling(
    target: std::net::SocketAddr,
) -> (std::net::SocketAddr, tokio::sync::mpsc::Receiver<String>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, received) = tokio::sync::mpsc::channel(4);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert!(client.read_buf(&mut head).await.unwrap() > 0, "the client left");
        }
        heads.send(String::from_utf8(head).unwrap()).await.unwrap();
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        let mut server = TcpStream::connect(target).await.unwrap();
        // Either side may simply go away at the end.
        let _ended = copy_bidirectional(&mut client, &mut server).await;
    });
    (address, received, tasks)
}

/// A TLS server of `bedrock.test` that answers one call, and the file with its certificate.
async fn tls_bedrock() -> (std::net::SocketAddr, tempfile::NamedTempFile, JoinSet<()>) {
    tls_server("bedrock.test", BODY, whole(200, &[JSON, REQUEST_ID], ANSWER.as_bytes())).await
}

/// A TLS server of `host` that reads one request up to `end` and answers it, and the file with its certificate.
async fn tls_server(
    host: &str,
    end: &'static str,
    answer: Vec<u8>,
) -> (std::net::SocketAddr, tempfile::NamedTempFile, JoinSet<()>) {
    let certified = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(certified.cert.der());
    write!(file, "-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        // A client that does not trust the certificate ends the handshake; it tells on its side.
        let Ok(mut stream) = acceptor.accept(socket).await else { return };
        let mut request = Vec::new();
        while !request.ends_with(end.as_bytes()) {
            assert!(stream.read_buf(&mut request).await.unwrap() > 0, "the client left");
        }
        stream.write_all(&answer).await.unwrap();
        stream.flush().await.unwrap();
    });
    (address, file, tasks)
}

#[tokio::test]
async fn a_call_goes_through_the_proxy_and_trusts_the_bundle() {
    let (bedrock, bundle, _server) = tls_bedrock().await;
    let (proxy, mut heads, _proxy) = tunnelling(bedrock).await;
    let config = UpstreamConfig {
        endpoint: Some("https://bedrock.test".parse().unwrap()),
        ca_file: Some(bundle.path().to_owned()),
        proxy: Some(HttpsProxy::new(&format!("http://user:word@{proxy}"), "")),
        ..UpstreamConfig::new("us-east-1")
    };
    let reply = client(config).converse(&call(), &mut Attempts::new()).await.unwrap();
    assert_eq!(reply.body, ANSWER);
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("CONNECT bedrock.test:443 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjp3b3jk"), "{head}");
}

/// The way to STS is that to Bedrock: nothing here is told to AWS's library but the client that connects.
#[tokio::test]
async fn a_role_is_assumed_through_the_proxy_and_trusts_the_bundle() {
    let answer = whole(200, &[("content-type", "text/xml")], STS_ANSWER.as_bytes());
    // The last part of the form, so that the server knows the end of the request.
    let (sts, bundle, _server) = tls_server("sts.test", "ExternalId=external-1", answer).await;
    let (proxy, mut heads, _proxy) = tunnelling(sts).await;
    let way = UpstreamConfig {
        ca_file: Some(bundle.path().to_owned()),
        proxy: Some(HttpsProxy::new(&format!("http://user:word@{proxy}"), "")),
        ..UpstreamConfig::new("us-east-1")
    };
    let role = RoleConfig {
        sts_endpoint: Some("https://sts.test".to_owned()),
        session_tags: Vec::new(),
        ..role_at(String::new())
    };
    let source = AssumedRole::new(role, Arc::new(Numbered::default()));
    let source = source.with_http_client(aws_http_client(&way).unwrap());
    let credentials = source.load().await.unwrap();
    assert_eq!(credentials.access_key_id(), "AKIDROLE");
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("CONNECT sts.test:443 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjp3b3jk"), "{head}");
}

#[tokio::test]
async fn sts_outside_the_bundle_is_not_trusted() {
    let (sts, _bundle, _server) = tls_server("sts.test", "ExternalId=external-1", Vec::new()).await;
    let (_, other, _other) = tls_bedrock().await;
    let (proxy, mut heads, _proxy) = tunnelling(sts).await;
    let way = UpstreamConfig {
        ca_file: Some(other.path().to_owned()),
        proxy: Some(HttpsProxy::new(&format!("http://{proxy}"), "")),
        ..UpstreamConfig::new("us-east-1")
    };
    let source = AssumedRole::new(role_at("https://sts.test".to_owned()), Arc::new(Numbered::default()));
    let source = source.with_http_client(aws_http_client(&way).unwrap());
    source.load().await.unwrap_err();
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("CONNECT sts.test:443"), "it got as far as the handshake: {head}");
}

#[tokio::test]
async fn a_certificate_outside_the_bundle_is_not_trusted() {
    let (bedrock, _bundle, _server) = tls_bedrock().await;
    let (_, other, _other) = tls_bedrock().await;
    let (proxy, _heads, _proxy) = tunnelling(bedrock).await;
    let mut config = UpstreamConfig {
        endpoint: Some("https://bedrock.test".parse().unwrap()),
        ca_file: Some(other.path().to_owned()),
        proxy: Some(HttpsProxy::new(&format!("http://{proxy}"), "")),
        ..UpstreamConfig::new("us-east-1")
    };
    config.retry.max_attempts = 1;
    let error = client(config).converse(&call(), &mut Attempts::new()).await.unwrap_err();
    assert_eq!(error.kind, UpstreamErrorKind::ConnectFailed, "{error:?}");
}

#[test]
fn a_bundle_without_a_certificate_is_refused_at_the_start() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"no certificate").unwrap();
    for path in [file.path().to_owned(), "/nonexistent/ca.pem".into()] {
        let config = UpstreamConfig { ca_file: Some(path.clone()), ..UpstreamConfig::new("us-east-1") };
        let error = try_client_with(config, Arc::new(Numbered::default()), None).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused_at_the_start() {
    let proxy = Some(HttpsProxy::new("socks5://127.0.0.1:1080", ""));
    let config = UpstreamConfig { proxy, ..UpstreamConfig::new("us-east-1") };
    let error = try_client_with(config, Arc::new(Numbered::default()), None).unwrap_err();
    assert!(matches!(error, UpstreamSetupError::Proxy(_)), "{error:?}");
}
