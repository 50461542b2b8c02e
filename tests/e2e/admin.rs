//! What operators see and change, and what tells them where a request's time went.

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::{Call, Reply};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::bed::{Bed, Settings, ask, ask_script, expect_error, with};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

fn settings(more: &str) -> Settings {
    Settings { rest: format!("admin = \"127.0.0.1:0\"\n{more}"), ..Settings::default() }
}

async fn operate(bed: &Bed, method: Method, path: &str, body: &str) -> anyhow::Result<Reply> {
    let admin = bed.admin.as_deref().context("no admin listener")?;
    let call =
        Call::new(method, &format!("http://{admin}{path}"))?.header("content-type", "application/json")?;
    call.body(body.to_owned()).send().await
}

async fn look(bed: &Bed, path: &str) -> anyhow::Result<Value> {
    let reply = operate(bed, Method::GET, path, "").await?;
    ensure!(reply.status == 200, "GET {path}: {} {}", reply.status, reply.text());
    reply.json()
}

#[tokio::test]
async fn the_configuration_in_force_is_shown_with_origins_and_hash_also_after_a_reload() {
    let mut bed = Bed::with(settings("")).await.unwrap();
    let before = look(&bed, "/admin/config").await.unwrap();
    assert_eq!(before["values"]["strict"], false);
    assert_eq!(before["origins"]["strict"], "default");
    assert!(before["origins"]["bedrock.region"].as_str().unwrap().contains("proxy.hcl:"), "{before}");

    // A field of each tier: what waits for a restart is not in force.
    bed.write_config(&settings("strict = true\nring = \"canary\"")).unwrap();
    bed.own_proxy().unwrap().signal(Signal::HUP).unwrap();
    wait_for("the new configuration", DEADLINE, async || {
        let now = look(&bed, "/admin/config").await?;
        Ok(if now["values"]["strict"] == true { Look::Ready(()) } else { Look::NotYet(now) })
    })
    .await
    .unwrap();
    let after = look(&bed, "/admin/config").await.unwrap();
    assert_eq!(after["values"]["ring"], "stable");
    assert_ne!(after["hash"], before["hash"]);
}

#[tokio::test]
async fn the_logs_level_follows_the_operator() {
    let mut bed = Bed::with(settings("")).await.unwrap();
    let reply = operate(&bed, Method::PUT, "/admin/log-level", "{\"level\": \"debug\"}").await.unwrap();
    assert_eq!(reply.json().unwrap(), json!({ "level": "debug", "configured": "info" }));
    bed.chat_ok(&ask("Hello")).await.unwrap();
    let proxy = bed.own_proxy().unwrap();
    proxy.line_where("a line of debug", DEADLINE, |line| line.contains("request started")).await.unwrap();
    for body in ["{\"level\": \"loud\"}", "{}", "", "[]"] {
        let reply = operate(&bed, Method::PUT, "/admin/log-level", body).await.unwrap();
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_request_is_seen_under_way_then_among_the_slowest_with_its_phases() {
    let bed = Bed::with(settings("")).await.unwrap();
    let deltas: Vec<String> = (0..600).map(|number| format!("{number} ")).collect();
    let mut stream =
        bed.stream(&ask_script(&json!({ "deltas": deltas, "delta_delay_ms": 100 }))).await.unwrap();
    let id = stream.header("x-request-id").unwrap().to_owned();
    stream.next().await.unwrap().unwrap();
    let open = look(&bed, "/admin/requests").await.unwrap();
    assert_eq!(open["count"], 1, "{open}");
    let request = &open["requests"][0];
    assert_eq!(request["id"], id.as_str());
    assert_eq!(request["model"], "gpt-4o-mini");
    assert!(request["age_ms"].as_f64().unwrap() > 0.0, "{request}");

    drop(stream);
    wait_for("the end of the request", DEADLINE, async || {
        let slowest = look(&bed, "/admin/requests/slowest").await?;
        Ok(if slowest["requests"][0]["id"] == id.as_str() { Look::Ready(()) } else { Look::NotYet(slowest) })
    })
    .await
    .unwrap();
    let slowest = look(&bed, "/admin/requests/slowest").await.unwrap();
    assert_eq!(slowest["requests"][0]["outcome"], "client_closed");
    for phase in ["read", "queue", "translate", "upstream_first_byte"] {
        assert!(slowest["requests"][0]["phases_ms"][phase].is_number(), "{phase}: {slowest}");
    }
    assert_eq!(look(&bed, "/admin/requests").await.unwrap()["count"], 0);
}

#[tokio::test]
async fn failures_and_refusals_are_shown_with_their_codes() {
    let bed = Bed::with(settings("")).await.unwrap();
    bed.chat(&ask_script(&json!({ "error": { "type": "InternalServerException" } }))).await.unwrap();
    bed.chat(&with(ask("Hello"), json!({ "model": "gpt-9" }))).await.unwrap();
    let ended = look(&bed, "/admin/requests/failed").await.unwrap();
    assert!(ended["failed"][0]["status"].as_u64().unwrap() >= 500, "{ended}");
    assert_eq!(ended["refused"][0]["code"], "model_not_found");
    assert!(!ended.to_string().contains("Follow the script"), "no prompt: {ended}");
}

#[tokio::test]
async fn the_listeners_keep_their_pages_apart_and_foreign_hosts_out() {
    let bed = Bed::with(settings("")).await.unwrap();
    let reply = bed.call(Method::GET, "/admin/config").unwrap().send().await.unwrap();
    expect_error(&reply, 404, Some("unknown_url")).unwrap();
    let reply = operate(&bed, Method::POST, "/v1/chat/completions", "{}").await.unwrap();
    expect_error(&reply, 404, Some("unknown_url")).unwrap();
    let reply = operate(&bed, Method::DELETE, "/admin/requests", "").await.unwrap();
    expect_error(&reply, 405, None).unwrap();

    // As a page in an operator's browser would ask, whose name has come to mean this machine.
    let mut stream = tokio::net::TcpStream::connect(bed.admin.as_deref().unwrap()).await.unwrap();
    let head = "GET /admin/config HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 421 ") && !answer.contains("values"), "{answer}");
}

#[tokio::test]
async fn operators_are_served_on_a_unix_socket_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let rest = format!("admin = \"{}\"", path.display());
    let bed = Bed::with(Settings { rest, ..Settings::default() }).await.unwrap();
    assert_eq!(bed.admin.as_deref(), path.to_str());
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    let head = "GET /admin/requests HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("{\"count\":0,\"requests\":[]}"), "{answer}");
}

#[tokio::test]
async fn operators_can_look_while_the_proxy_drains() {
    let mut bed = Bed::with(settings("")).await.unwrap();
    let deltas: Vec<String> = (0..20).map(|number| format!("{number} ")).collect();
    let mut stream =
        bed.stream(&ask_script(&json!({ "deltas": deltas, "delta_delay_ms": 100 }))).await.unwrap();
    stream.next().await.unwrap().unwrap();
    let proxy = bed.own_proxy().unwrap();
    proxy.signal(Signal::TERM).unwrap();
    proxy.line_where("the log of the drain", DEADLINE, |line| line.contains("drain")).await.unwrap();
    assert_eq!(look(&bed, "/admin/requests").await.unwrap()["count"], 1);
    stream.finish().await;
    let status = bed.own_proxy().unwrap().exited(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn the_client_the_trace_and_the_phases_are_told() {
    let mut bed = Bed::with(settings("server {\n  trusted_proxies = [\"127.0.0.0/8\"]\n}")).await.unwrap();
    let reply = bed
        .chat_call(&ask("Hello"))
        .unwrap()
        .header("x-forwarded-for", "198.51.100.1, 203.0.113.7")
        .unwrap()
        .header("traceparent", &format!("00-{TRACE_ID}-b7ad6b7169203331-01"))
        .unwrap()
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let timing = reply.header("server-timing").unwrap();
    for phase in ["read", "queue", "translate", "upstream_first_byte", "total"] {
        assert!(timing.contains(&format!("{phase};dur=")), "{timing}");
    }
    assert!(reply.headers.iter().all(|(_, value)| !value.to_str().unwrap_or("").contains(TRACE_ID)));
    let line = bed
        .own_proxy()
        .unwrap()
        .line_where("the request's line", DEADLINE, |line| line.contains("request completed"))
        .await
        .unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["peer"], &line["trace_id"]), (&json!("203.0.113.7"), &json!(TRACE_ID)));
    assert!(line["translate_ms"].is_number() && line["upstream_first_byte_ms"].is_number(), "{line}");
}
