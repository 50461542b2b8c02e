//! Who may ask, and for what.

use std::path::PathBuf;

use anyhow::ensure;
use aws_lc_rs::hmac;
use http::Method;
use nova_test_support::client::Call;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::{Bed, MODEL, Settings, ask, expect_error, with};
use crate::case::Cases;

const PEPPER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A keys file with its pepper.
struct Keys {
    folder: TempDir,
}

impl Keys {
    fn new(keys: &[(&str, Value)]) -> anyhow::Result<Self> {
        let this = Self { folder: tempfile::tempdir()? };
        std::fs::write(this.pepper(), PEPPER)?;
        let pepper = hmac::Key::new(hmac::HMAC_SHA256, PEPPER.as_bytes());
        let records: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(number, (key, members))| {
                let digest = hmac::sign(&pepper, key.as_bytes());
                let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
                let record = json!({ "id": format!("key_{number}"), "name": format!("key {number}"), "hmac_sha256": hex,
                    "models": ["*"], "disabled": false, "created_at": "2026-01-01T00:00:00Z" });
                with(record, members.clone())
            })
            .collect();
        std::fs::write(this.file(), json!({ "version": 1, "keys": records }).to_string())?;
        Ok(this)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("keys.json")
    }

    fn pepper(&self) -> PathBuf {
        self.folder.path().join("pepper")
    }

    fn settings(&self) -> Settings {
        let auth = format!("keys_file = {:?}\n  pepper_file = {:?}", self.file(), self.pepper());
        Settings { auth, ..Settings::default() }
    }
}

/// Who pays, as AWS's invocation log has it: by the configuration and the key, whatever the caller says.
#[tokio::test]
async fn the_invocation_log_names_the_team_of_the_key() {
    let keys = Keys::new(&[("sk-team", json!({ "team": "search" })), ("sk-alone", json!({}))]).unwrap();
    let rest = format!(
        "request_metadata = {{ team = \"{{team}}\", key = \"{{key_id}}\", center = \"4711\" }}\n\
         model \"{MODEL}\" {{\n  target = \"nova-lite\"\n  request_metadata = {{ center = \"{{model}}\" }}\n}}"
    );
    let bed = Bed::with(Settings { rest, ..keys.settings() }).await.unwrap();
    let asked = with(ask("Hello"), json!({ "metadata": { "team": "somebody else", "run": "7" } }));
    for (key, expected) in [
        ("sk-team", json!({ "team": "search", "key": "key_0", "center": MODEL, "run": "7" })),
        ("sk-alone", json!({ "team": "somebody else", "key": "key_1", "center": MODEL, "run": "7" })),
    ] {
        for path in ["/v1/chat/completions", "/v1/explain"] {
            let call = bed.call(Method::POST, path).unwrap();
            let call = call.header("authorization", &format!("Bearer {key}")).unwrap();
            let call = call.header("content-type", "application/json").unwrap();
            let reply = call.body(asked.to_string()).send().await.unwrap();
            assert_eq!(reply.status, 200, "{}", reply.text());
            let sent = if path == "/v1/explain" {
                reply.json().unwrap()["converse"]["requestMetadata"].clone()
            } else {
                bed.simulator.invocations().await.unwrap().pop().unwrap()["request_metadata"].clone()
            };
            assert_eq!(sent, expected, "{path} with {key}");
        }
    }
}

#[tokio::test]
async fn a_request_without_a_known_key_is_refused() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for authorization in [
        None,
        Some("Bearer sk-wrong"),
        Some("Bearer "),
        Some("Basic c2stbm92YS1sb2NhbDo="),
        Some("sk-nova-local"),
    ] {
        for (method, path) in [(Method::POST, "/v1/chat/completions"), (Method::GET, "/v1/models")] {
            let result = async {
                let mut call = Call::new(method.clone(), &format!("{}{path}", bed.root))?;
                if let Some(value) = authorization {
                    call = call.header("authorization", value)?;
                }
                if method == Method::POST {
                    call = call.header("content-type", "application/json")?.body(ask("Hello").to_string());
                }
                let error = expect_error(&call.send().await?, 401, Some("invalid_api_key"))?;
                ensure!(!error.to_string().contains("sk-nova-local"), "the key is disclosed: {error}");
                Ok(())
            };
            cases.note(format!("{authorization:?} {path}"), result.await);
        }
    }
    cases.all_hold();
    assert_eq!(bed.simulator.invocations().await.unwrap(), Vec::<Value>::new());
}

#[tokio::test]
async fn each_key_gets_what_its_record_says() {
    let keys = Keys::new(&[
        ("sk-all", json!({})),
        ("sk-mini", json!({ "models": ["gpt-4o-mini"] })),
        ("sk-off", json!({ "disabled": true })),
        ("sk-old", json!({ "expires_at": "2026-01-02T00:00:00Z" })),
    ])
    .unwrap();
    let mut bed = Bed::with(keys.settings()).await.unwrap();
    let mut cases = Cases::default();
    for (key, model, status) in [
        ("sk-all", "gpt-4o", 200),
        ("sk-mini", MODEL, 200),
        ("sk-mini", "gpt-4o", 403),
        ("sk-off", MODEL, 401),
        ("sk-old", MODEL, 401),
        ("sk-nova-local", MODEL, 401),
    ] {
        key.clone_into(&mut bed.key);
        let result = async {
            let reply = bed.chat(&with(ask("Hello"), json!({ "model": model }))).await?;
            ensure!(reply.status == status, "{} {}", reply.status, reply.text());
            if status != 200 {
                expect_error(&reply, status, None)?;
            }
            Ok(())
        };
        cases.note(format!("{key} {model}"), result.await);
    }
    "sk-mini".clone_into(&mut bed.key);
    let listed = async {
        let list = bed.call(Method::GET, "/v1/models")?.send().await?.json()?;
        let ids: Vec<_> =
            list["data"].as_array().into_iter().flatten().filter_map(|model| model["id"].as_str()).collect();
        ensure!(ids == [MODEL], "a key sees other models than its own: {ids:?}");
        Ok(())
    };
    cases.note("the list of sk-mini", listed.await);
    cases.all_hold();
}

#[tokio::test]
async fn an_azure_style_header_is_a_key_too() {
    let bed = Bed::start().await.unwrap();
    let call = Call::new(Method::POST, &format!("{}/v1/chat/completions", bed.root)).unwrap();
    let call = call.header("api-key", &bed.key).unwrap().header("content-type", "application/json").unwrap();
    let reply = call.body(ask("Hello").to_string()).send().await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}
