//! What becomes of connections between calls.

use super::*;

/// An answer, after which the server notes when the client goes.
fn answered_and_kept() -> Vec<Step> {
    answered().into_iter().chain([Step::AwaitGone]).collect()
}

#[tokio::test]
async fn calls_one_after_the_other_share_a_connection() {
    let server = ScriptedServer::start([answered(), answered(), answered()]).await;
    let client = client(fast(&server));
    for _ in 0..3 {
        client.converse(&call(), &mut Attempts::new()).await.unwrap();
    }
    assert_eq!((server.received().len(), server.connections()), (3, 1));
}

#[tokio::test]
async fn a_connection_at_rest_for_too_long_is_closed_and_not_used_again() {
    let server = ScriptedServer::start([answered_and_kept(), answered()]).await;
    let mut config = fast(&server);
    config.pool_idle_timeout = Duration::ZERO;
    let client = client(config);
    client.converse(&call(), &mut Attempts::new()).await.unwrap();
    client.close_unused_connections();
    server.clients_gone(1).await;
    client.converse(&call(), &mut Attempts::new()).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_bedrock_closed_at_rest_is_replaced_in_silence() {
    let server = ScriptedServer::start(vec![[answered(), vec![Step::Close]].concat(); 2]).await;
    let mut config = fast(&server);
    config.retry.max_attempts = 1;
    let client = client(config);
    client.converse(&call(), &mut Attempts::new()).await.unwrap();
    // Until the end has come over the wire; a look takes the connection out then.
    let replaced = async {
        while client.resting_connections() > 0 {
            client.close_unused_connections();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), replaced).await.expect("the end was not found");
    let mut attempts = Attempts::new();
    client.converse(&call(), &mut attempts).await.unwrap();
    assert_eq!((attempts.as_slice().len(), server.connections()), (1, 2));
}

#[tokio::test]
async fn no_more_connections_rest_than_are_wanted() {
    let calls = 4;
    let server = ScriptedServer::start(vec![answered(); calls]).await;
    let mut config = fast(&server);
    config.pool_max_idle_per_host = 2;
    let client = client(config);
    let (first, mut attempts) = (call(), vec![Attempts::new(); calls]);
    let together = attempts.iter_mut().map(|attempts| client.converse(&first, attempts));
    for reply in futures_util::future::join_all(together).await {
        reply.unwrap();
    }
    assert!(client.resting_connections() <= 2);
}

#[tokio::test]
async fn a_call_that_is_dropped_before_its_answer_closes_its_connection() {
    let server = ScriptedServer::start([vec![Step::AwaitGone]]).await;
    let client = client(fast(&server));
    let (call, mut attempts) = (call(), Attempts::new());
    let calling = client.converse(&call, &mut attempts);
    assert!(tokio::time::timeout(Duration::from_millis(100), calling).await.is_err());
    server.clients_gone(1).await;
    assert_eq!(client.resting_connections(), 0);
}
