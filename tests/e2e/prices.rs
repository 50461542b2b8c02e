//! `nova-agent prices` and `cost`, as an operator runs them: books and lists in files, traffic in a profile, and the log of a real proxy.

use std::time::Duration;

use anyhow::{Context, ensure};
use nova_test_support::binary::{Program, workspace_root};
use nova_test_support::process::{Finished, Launch};
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::{Bed, Settings, ask_script};

/// A folder for files, and the program in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for a test"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("the path of a test is text").to_owned()
    }

    fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("a file for a test");
        self.path(name)
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Finished> {
        Launch::new(Program::Agent.path()?).args(arguments).finish().await
    }

    async fn json(&self, arguments: &[&str]) -> anyhow::Result<(i32, Value)> {
        let finished = self.run(&[arguments, &["--json"]].concat()).await?;
        let value = serde_json::from_str(&finished.stdout).with_context(|| format!("{finished:?}"))?;
        Ok((finished.code.context("a signal ended it")?, value))
    }
}

fn price_list() -> String {
    let path = workspace_root().join("crates/pricing/fixtures/price-list-us-east-1.json");
    std::fs::read_to_string(path).expect("the fixture of the price list")
}

#[tokio::test]
async fn an_update_is_shown_before_it_is_written_and_done_once() {
    let desk = Desk::new();
    // Lite's input is cheaper than in the built-in book.
    let list = desk.file("index.json", &price_list().replacen("0.0000600000", "0.0000450000", 1));
    let book = desk.path("prices.toml");
    let update = ["prices", "update", "--from", &list, "--book", &book];

    let planned = desk.run(&update).await.unwrap();
    assert_eq!(planned.code, Some(5), "{planned:?}");
    let line = "+ amazon.nova-lite-v1:0 regional us-east-1 input from 2026-09-01: 0.06 -> 0.045 (-25.0 %)";
    assert!(planned.stdout.contains(line), "{planned:?}");
    assert!(planned.stdout.contains("is not written: add --apply"), "{planned:?}");
    assert!(planned.stderr.contains("2 products are left out: of other models"), "{planned:?}");
    assert!(!std::fs::exists(&book).unwrap());

    let applied = desk.run(&[&update[..], &["--apply"]].concat()).await.unwrap();
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let again = desk.run(&update).await.unwrap();
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.stdout.starts_with("no price is different"), "{again:?}");

    // What was before the new price is still there, for calls of then.
    for (at, dollars) in [("2026-08-31", "0.06"), ("2026-09-01", "0.045")] {
        let show = ["prices", "show", "nova-lite", "--region", "us-east-1", "--book", &book, "--at", at];
        let (_, shown) = desk.json(&show).await.unwrap();
        let is_meant = |price: &&Value| {
            price["kind"] == "input"
                && price["tier"] == "standard"
                && matches!(price["scope"].as_str(), Some("us" | "regional" | "in-region"))
        };
        let prices: Vec<&Value> = shown["prices"]
            .as_array()
            .unwrap()
            .iter()
            .filter(is_meant)
            .map(|price| &price["dollars"])
            .collect();
        assert!(
            prices.iter().all(|price| **price == dollars) && !prices.is_empty(),
            "{at}: {prices:?} in {shown}"
        );
    }
    let (code, diff) = desk.json(&["prices", "diff", "--exit-code", "built-in", &book]).await.unwrap();
    assert_eq!((code, diff["changes"].as_array().unwrap().len()), (5, 7), "{diff}");
}

#[tokio::test]
async fn faults_of_books_and_contracts_have_file_and_line() {
    let desk = Desk::new();
    let contract = desk.file(
        "contract.hcl",
        "overlay \"edp\" {\n  discount_percent = \"9\"\n  untill = \"2027-01-01\"\n}\n",
    );
    let book =
        desk.file("prices.toml", "format = 1\nname = \"x\"\npublished = \"soon\"\ncurrency = \"USD\"\n");
    let checked = desk.run(&["prices", "check", "--book", &book, "--overlay", &contract]).await.unwrap();
    assert_eq!(checked.code, Some(1), "{checked:?}");
    for place in [format!("{contract}:3:3: "), format!("{book}:3: ")] {
        assert!(checked.stderr.contains(&place), "{place} in {checked:?}");
    }
    let old =
        desk.file("old.toml", "format = 1\nname = \"old\"\npublished = \"2020-01-01\"\ncurrency = \"USD\"\n");
    let stale = desk.run(&["prices", "check", "--book", &old]).await.unwrap();
    assert_eq!(stale.code, Some(0), "{stale:?}");
    assert!(stale.stderr.contains("warning: the prices were published "), "{stale:?}");
    let unreadable = desk.run(&["prices", "update", "--from", &contract, "--book", &old]).await.unwrap();
    assert_eq!(unreadable.code, Some(1), "{unreadable:?}");
    let other = desk.file("ec2.json", &price_list().replace("\"AmazonBedrock\"", "\"AmazonEC2\""));
    let refused = desk.run(&["prices", "update", "--from", &other, "--book", &old, "--apply"]).await.unwrap();
    assert!(refused.stderr.contains("is the price list of AmazonEC2"), "{refused:?}");
}

#[tokio::test]
async fn an_estimate_of_traffic_is_exact_and_compares_tiers() {
    let desk = Desk::new();
    let traffic = desk.file(
        "traffic.hcl",
        "traffic \"chat\" {\n  model = \"amazon.nova-pro-v1:0\"\n  requests_per_day = [100, 1000, 4000]\n  input_tokens = [1000]\n  output_tokens = [200]\n}\n",
    );
    let contract = desk.file("contract.hcl", "overlay \"edp\" {\n  discount_percent = \"7.5\"\n}\n");
    let estimate = ["cost", "estimate", "--traffic", &traffic, "--region", "us-east-1", "--at", "2026-08-01"];
    let (code, told) = desk.json(&estimate).await.unwrap();
    assert_eq!(code, 0);
    let dollars = |told: &Value, routing: &str, tier: &str| -> Value {
        let offers = told["estimates"][0]["offers"].as_array().expect("offers").clone();
        let offer = offers.into_iter().find(|offer| offer["routing"] == routing && offer["tier"] == tier);
        offer.unwrap_or_else(|| panic!("no {routing} {tier} in {told}"))["dollars"].clone()
    };
    // 30 days of 1,000 requests: 30 million tokens in at 0.80 and 6 million out at 3.20 dollars a million.
    assert_eq!(dollars(&told, "us", "standard"), json!({ "low": "4.32", "likely": "43.2", "high": "172.8" }));
    assert_eq!(dollars(&told, "us", "flex")["likely"], "21.6");
    assert_eq!(dollars(&told, "us", "priority")["likely"], "75.6");
    assert_eq!(dollars(&told, "eu", "standard")["likely"], "56.7");
    let (_, negotiated) = desk.json(&[&estimate[..], &["--overlay", &contract]].concat()).await.unwrap();
    assert_eq!(dollars(&negotiated, "us", "standard")["likely"], "39.96");

    let table = desk.run(&estimate).await.unwrap();
    assert!(table.stdout.contains("us        standard 4.32 43.20  172.80"), "{table:?}");
    assert!(table.stdout.lines().all(|line| line.chars().count() <= 80), "{table:?}");
}

#[tokio::test]
async fn the_log_of_a_proxy_is_priced() {
    let mut bed = Bed::with(Settings::default()).await.unwrap();
    let usage = json!({ "inputTokens": 1000, "outputTokens": 500, "cacheReadInputTokens": 4000, "cacheWriteInputTokens": 100 });
    let request = ask_script(&json!({ "text": "ok", "usage": usage }));
    for _ in 0..3 {
        bed.chat_ok(&request).await.unwrap();
    }
    let log = wait_for("three requests in the log", Duration::from_secs(10), async || {
        let log = bed.own_proxy()?.stderr()?;
        let count = log.lines().filter(|line| line.contains("request completed")).count();
        Ok(if count == 3 { Look::Ready(log) } else { Look::NotYet(count) })
    })
    .await
    .unwrap();
    // A log of milliseconds has no rate: the last request is moved to an hour after the first.
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("request completed")).collect();
    let at = |line: &str, ts: &str| -> anyhow::Result<String> {
        let mut line: Value = serde_json::from_str(line)?;
        ensure!(line["ts"].is_string(), "{line}");
        line["ts"] = json!(ts);
        Ok(line.to_string())
    };
    let moved = [
        "something that is no JSON".to_owned(),
        at(lines[0], "2026-08-01T10:00:00Z").unwrap(),
        at(lines[1], "2026-08-01T10:20:00Z").unwrap(),
        at(lines[2], "2026-08-01T11:00:00Z").unwrap(),
    ];
    let desk = Desk::new();
    let file = desk.file("proxy.log", &(moved.join("\n") + "\n"));
    let estimate = ["cost", "estimate", "--access-log", &file, "--days", "1", "--at", "2026-08-01"];
    let (code, told) = desk.json(&estimate).await.unwrap();
    assert_eq!(code, 0, "{told}");
    let estimates = told["estimates"].as_array().unwrap();
    assert_eq!(estimates.len(), 1, "{told}");
    assert_eq!(estimates[0]["model"], "amazon.nova-lite-v1:0", "{told}");
    let offers = estimates[0]["offers"].as_array().unwrap();
    let served = offers.iter().find(|offer| offer["as_called"] == true).unwrap_or_else(|| panic!("{told}"));
    // An hour has 3,000 tokens at 0.06, 12,000 of the cache at 0.015 and 1,500 out at 0.24 dollars a million: 0.00072; a day 24 times that.
    assert_eq!(served["dollars"]["likely"], "0.01728", "{told}");
    let notes = told["notes"].to_string();
    assert!(
        notes.contains("3 requests within 3600 seconds") && notes.contains("1 lines are no requests"),
        "{notes}"
    );
}
