//! `nova-agent config`: what it shows, what it finds, and what it says when it cannot.

use anyhow::ensure;
use nova_test_support::server::ConsulLaunch;
use serde_json::{Value, json};

use crate::agent::{Desk, GOOD, OTHER, PREFIX, follows};
use crate::case::Cases;
use crate::scripted_instance::Script;

mod lost;
mod push;
mod reach;
mod undo;

/// This program's own schema, without one field.
async fn schema_without(block: &str, field: &str) -> anyhow::Result<Value> {
    let printed = crate::bed::proxy_command()?.arg("schema").finish().await?;
    let mut schema: Value = serde_json::from_str(&printed.stdout)?;
    let fields = &mut schema["properties"][block]["properties"];
    ensure!(fields[field].is_object(), "no {block}.{field} in {fields}");
    fields.as_object_mut().expect("it is an object").remove(field);
    Ok(schema)
}

#[tokio::test]
async fn status_tells_every_instance_and_why_it_is_not_in_sync() {
    let desk = Desk::start().await.unwrap();
    desk.put("config", GOOD).await.unwrap();
    let fault = json!({ "file": format!("{PREFIX}/config"), "line": 2, "column": 17, "path": "limits.concurrency",
        "problem": "is more than this machine bears", "fix": "write 10" });
    let _follower = desk.instance("a-follower", follows()).await.unwrap();
    let (code, alone) = desk.json(&["status"]).await.unwrap();
    assert_eq!((code, &alone["in_sync"]), (0, &json!(true)), "{alone}");
    assert_eq!(alone["instances"][0]["state"], "in_sync");

    let refuser = Script { faults: vec![fault], ..follows() };
    let _refuser = desk.instance("b-refuser", refuser).await.unwrap();
    let silent = desk.instance("c-gone", follows()).await.unwrap();
    drop(silent);
    let (code, all) = desk.json(&["status"]).await.unwrap();
    let states: Vec<_> =
        all["instances"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!((code, states), (1, vec![json!("in_sync"), json!("refused"), json!("no_receipt")]), "{all}");

    let shown = desk.run(&["status"]).await.unwrap();
    let refusal =
        format!("{PREFIX}/config:2:17: limits.concurrency: is more than this machine bears: write 10");
    assert!(shown.stdout.contains(&refusal), "{}", shown.stdout);
    assert!(shown.stdout.lines().any(|line| line.starts_with("c-gone no receipt:")), "{}", shown.stdout);
}

#[tokio::test]
async fn check_judges_by_the_schema_of_every_version_that_runs() {
    let desk = Desk::start().await.unwrap();
    let schema = schema_without("limits", "queue_timeout").await.unwrap();
    let old = Script { version: "0.0.9".to_owned(), schema: Some(schema), ..Script::default() };
    let _old = desk.instance("old", old).await.unwrap();
    let file = desk.file("new.hcl", "limits {\n  concurrency = 100\n  queue_timeout = \"5s\"\n}\n").unwrap();

    let finished = desk.run(&["check", &file]).await.unwrap();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let place = format!("{file}:3:");
    let told: Vec<_> = finished.stderr.lines().collect();
    let at = told.iter().position(|line| line.starts_with(&place) && line.contains("queue_timeout"));
    let at = at.unwrap_or_else(|| panic!("no {place} in {}", finished.stderr));
    assert!(told[at + 1].contains("found by version 0.0.9 (1 instance)"), "{}", finished.stderr);

    let push = desk.run(&["push", &file]).await.unwrap();
    assert_eq!(push.code, Some(1), "{push:?}");
    assert_eq!(desk.keys().await.unwrap(), Vec::<String>::new(), "a push with faults writes nothing");

    let good = desk.file("good.hcl", GOOD).unwrap();
    let (code, judged) = desk.json(&["check", &good]).await.unwrap();
    assert_eq!((code, &judged["valid"]), (0, &json!(true)), "{judged}");
    assert!(judged["judged_by"].to_string().contains("version 0.0.9"), "{judged}");
}

#[tokio::test]
async fn check_needs_nobody_when_it_is_offline() {
    let folder = tempfile::tempdir().unwrap();
    let program = nova_test_support::binary::Program::Agent.path().unwrap();
    let offline = async |text: &str| {
        let file = folder.path().join("prod.hcl");
        std::fs::write(&file, text).unwrap();
        let launch = nova_test_support::process::Launch::new(&program);
        // Nothing listens on port 1.
        let launch = launch.env("CONSUL_HTTP_ADDR", "127.0.0.1:1").args(["config", "check", "--offline"]);
        launch.arg(file.as_os_str()).finish().await.unwrap()
    };
    let mut cases = Cases::default();
    for (text, expected) in [
        (GOOD, None),
        ("limits {\n  concurrencyy = 100\n}\n", Some(":2:")),
        ("strict = true\nlisten = \"127.0.0.1:1\"\n", Some(":2:")),
        ("fragments = [\"limits\"]\n", Some("limits")),
        ("limits {\n", Some("prod.hcl:")),
    ] {
        let finished = offline(text).await;
        let result = match expected {
            None if finished.code == Some(0) => Ok(()),
            Some(words) if finished.code == Some(1) && finished.stderr.contains(words) => Ok(()),
            _ => Err(anyhow::anyhow!("expected {expected:?}, got {finished:?}")),
        };
        cases.note(text, result);
    }
    cases.all_hold();
}

#[tokio::test]
async fn diff_shows_what_a_push_would_change() {
    let desk = Desk::start().await.unwrap();
    desk.put("config", GOOD).await.unwrap();
    let (same, other) = (desk.file("same.hcl", GOOD).unwrap(), desk.file("other.hcl", OTHER).unwrap());
    let finished = desk.run(&["diff", "--exit-code", &same]).await.unwrap();
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""), "{finished:?}");

    let finished = desk.run(&["diff", &other]).await.unwrap();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for line in ["-  concurrency = 100", "+  concurrency = 200", &format!("+++ {other}")] {
        assert!(finished.stdout.lines().any(|found| found == line), "no {line:?} in {}", finished.stdout);
    }
    assert!(!finished.stdout.contains('\u{1b}'), "no colors where there is no terminal");
    let (code, found) = desk.json(&["diff", "--exit-code", &other]).await.unwrap();
    assert_eq!((code, &found["documents"][0]["change"]), (1, &json!("changed")), "{found}");
}

#[tokio::test]
async fn a_consul_that_is_not_there_is_told_with_its_address_and_the_variable() {
    let desk = Desk::start().await.unwrap();
    let command = desk.command(&["status"]).unwrap().env("CONSUL_HTTP_ADDR", "127.0.0.1:1");
    let finished = command.finish().await.unwrap();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    for word in ["127.0.0.1:1", "CONSUL_HTTP_ADDR", "--http-addr"] {
        assert!(finished.stderr.contains(word), "no {word} in {}", finished.stderr);
    }
}

#[tokio::test]
async fn a_token_that_may_not_is_told_which_policy_it_needs() {
    let desk = Desk::with(ConsulLaunch::new().with_acls()).await.unwrap();
    desk.put("config", GOOD).await.unwrap();
    desk.put("config.d/limits", OTHER).await.unwrap();
    let path = nova_test_support::binary::workspace_root().join("jobs/policies/consul/operator.hcl");
    let operator = std::fs::read_to_string(path).unwrap().replace("nova/default", PREFIX);
    let looks_on = operator.replace("policy = \"write\"", "policy = \"read\"");
    let partly = format!(
        "key \"{PREFIX}/config\" {{ policy = \"read\" }}\nservice \"nova-proxy\" {{ policy = \"read\" }}"
    );
    let mut tokens = vec![("", String::new())];
    for (name, rules) in
        [("nothing", String::new()), ("partly", partly), ("looks-on", looks_on), ("operator", operator)]
    {
        tokens.push((name, desk.consul.token_for(name, &rules).await.unwrap()));
    }
    let file = desk.file("other.hcl", OTHER).unwrap();
    let mut cases = Cases::default();
    for (name, token) in &tokens {
        for (arguments, is_write) in [(vec!["status"], false), (vec!["push", file.as_str()], true)] {
            let may = matches!((*name, is_write), ("operator", _) | ("looks-on", false));
            let finished =
                desk.command(&arguments).unwrap().env("CONSUL_HTTP_TOKEN", token).finish().await.unwrap();
            let told = finished.stderr.contains("jobs/policies/consul/operator.hcl")
                && finished.stderr.contains("CONSUL_HTTP_TOKEN");
            let result = match (may, finished.code) {
                (true, Some(0)) => Ok(()),
                (false, Some(1)) if told => Ok(()),
                _ => Err(anyhow::anyhow!("{finished:?}")),
            };
            cases.note(format!("{name:?} {arguments:?}"), result);
        }
    }
    cases.all_hold();
    assert_eq!(
        desk.get("config").await.unwrap().as_deref(),
        Some(OTHER),
        "the one push that may has written"
    );
}
