//! A push whose answer is lost on the way: the store knows what became of it.

use anyhow::Context;
use http::Method;
use nova_test_support::server::Api;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::agent::{Desk, GOOD};

/// Where a transaction gets lost.
#[derive(Clone, Copy, Debug)]
enum Lost {
    /// Consul carries it out, and nobody hears of it.
    Answer,
    /// It never reaches Consul.
    Request,
}

/// Stands before Consul, passes everything on but transactions, and closes their connections. Returns its address.
async fn before(consul: Api, lost: Lost, tasks: &mut JoinSet<()>) -> anyhow::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?.to_string();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let consul = consul.clone();
            connections.spawn(async move {
                // A connection that ends is what this is about.
                drop(relay(socket, &consul, lost).await);
            });
        }
    });
    Ok(address)
}

async fn relay(mut socket: TcpStream, consul: &Api, lost: Lost) -> anyhow::Result<()> {
    loop {
        let (method, path, body) = request(&mut socket).await?;
        let is_transaction = path.starts_with("/v1/txn");
        if is_transaction && matches!(lost, Lost::Request) {
            return Ok(());
        }
        let reply = consul.send(method, &path, &body).await?;
        if is_transaction {
            return Ok(());
        }
        let index = reply.header("x-consul-index").unwrap_or("1");
        let head = format!(
            "HTTP/1.1 {}\r\nx-consul-index: {index}\r\ncontent-length: {}\r\n\r\n",
            reply.status,
            reply.body.len()
        );
        socket.write_all(head.as_bytes()).await?;
        socket.write_all(&reply.body).await?;
    }
}

async fn request(socket: &mut TcpStream) -> anyhow::Result<(Method, String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head)?.to_lowercase();
    let mut words = head.split(' ');
    let method = words.next().context("a request has a method")?.to_uppercase().parse()?;
    let path = words.next().context("a request has a path")?.to_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap_or("0").trim().parse()?];
    socket.read_exact(&mut body).await?;
    Ok((method, path, String::from_utf8(body)?))
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_found_by_its_record() {
    let desk = Desk::start().await.unwrap();
    let mut tasks = JoinSet::new();
    let address = before(desk.consul.api(), Lost::Answer, &mut tasks).await.unwrap();
    let file = desk.file("prod.hcl", GOOD).unwrap();
    let push = desk.command(&["push", &file, "--json"]).unwrap().env("CONSUL_HTTP_ADDR", &address);
    let finished = push.finish().await.unwrap();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let told: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&told["outcome"], &told["record"]["n"]), (&json!("applied"), &json!(1)));
    assert_eq!(desk.keys().await.unwrap(), ["config", "history/0000000001"]);
}

#[tokio::test]
async fn a_change_that_may_be_lost_is_told_to_be_so_and_not_sent_twice() {
    let desk = Desk::start().await.unwrap();
    let mut tasks = JoinSet::new();
    let address = before(desk.consul.api(), Lost::Request, &mut tasks).await.unwrap();
    let file = desk.file("prod.hcl", GOOD).unwrap();
    let push = desk.command(&["push", &file]).unwrap().env("CONSUL_HTTP_ADDR", &address);
    let finished = push.finish().await.unwrap();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    for words in ["the answer to the change was lost", "nova-agent config history"] {
        assert!(finished.stderr.contains(words), "no {words} in {}", finished.stderr);
    }
    assert_eq!(desk.keys().await.unwrap(), Vec::<String>::new());
}
