//! Pushes: written in one step, waited for, refused, overtaken.

use std::time::Duration;

use nova_test_support::process::Process;
use serde_json::json;
use tokio::task::JoinSet;

use crate::agent::{Desk, GOOD, OTHER, PREFIX, follows};
use crate::case::Cases;
use crate::scripted_instance::Script;

/// How long a push may take in all when nothing holds it up on purpose.
const PUSH_DEADLINE: Duration = Duration::from_secs(60);

async fn code(process: &mut Process) -> Option<i32> {
    process.exited(PUSH_DEADLINE).await.unwrap().code()
}

#[tokio::test]
async fn a_push_is_written_recorded_and_confirmed_by_every_instance() {
    let desk = Desk::start().await.unwrap();
    let _instances =
        [desk.instance("a", follows()).await.unwrap(), desk.instance("b", follows()).await.unwrap()];
    let (config, limits) = (desk.file("prod.hcl", GOOD).unwrap(), desk.file("limits.hcl", OTHER).unwrap());
    let fragment = format!("limits={limits}");
    let arguments = ["push", &config, "--fragment", &fragment, "-m", "the first"];
    let (exit, pushed) = desk.json(&arguments).await.unwrap();
    assert_eq!((exit, &pushed["outcome"]), (0, &json!("applied")), "{pushed}");
    assert_eq!(pushed["instances"].as_array().unwrap().len(), 2, "{pushed}");
    assert_eq!(pushed["overtaken"], false, "{pushed}");
    assert_eq!(desk.get("config").await.unwrap().as_deref(), Some(GOOD));
    assert_eq!(desk.get("config.d/limits").await.unwrap().as_deref(), Some(OTHER));
    let record = desk.record(1).await.unwrap();
    assert_eq!(record["documents"], json!({ "config": GOOD, "config.d/limits": OTHER }));
    assert_eq!((&record["n"], &record["message"]), (&json!(1), &json!("the first")));
    assert!(record["author"].as_str().unwrap().starts_with("ada@"), "{record}");

    let again = desk.run(&arguments).await.unwrap();
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(
        again.stdout.contains("nothing was written") && again.stdout.contains("all 2 instances"),
        "{again:?}"
    );
    assert_eq!(desk.keys().await.unwrap().len(), 3, "two documents, one record");
}

#[tokio::test]
async fn a_refusal_ends_the_wait_and_is_told_with_key_line_and_fix() {
    let desk = Desk::start().await.unwrap();
    let fault = json!({ "file": format!("{PREFIX}/config"), "line": 2, "column": 17, "path": "limits.concurrency",
        "problem": "is more than this machine bears", "fix": "write 10" });
    let _instances = [
        desk.instance("a", follows()).await.unwrap(),
        desk.instance("b", Script { faults: vec![fault], ..follows() }).await.unwrap(),
    ];
    let file = desk.file("prod.hcl", GOOD).unwrap();
    // The wait is longer than a test may take: the refusal has to end it.
    let push = desk.run(&["push", &file, "--wait", "10m"]).await.unwrap();
    assert_eq!(push.code, Some(1), "{push:?}");
    let told = format!("{file}:2:17: limits.concurrency: is more than this machine bears: write 10");
    assert!(push.stdout.contains(&told), "no {told} in {}", push.stdout);
    assert!(push.stdout.contains("1 of 2 instances refused it"), "{}", push.stdout);
    let (exit, pushed) =
        desk.json(&["push", &desk.file("other.hcl", OTHER).unwrap(), "--wait", "10m"]).await.unwrap();
    assert_eq!((exit, &pushed["outcome"]), (1, &json!("refused")), "{pushed}");
    assert_eq!(pushed["instances"][1]["refusal"]["faults"][0]["line"], 2, "{pushed}");
}

#[tokio::test]
async fn an_instance_that_never_answers_leaves_the_push_unconfirmed() {
    let desk = Desk::start().await.unwrap();
    let _follower = desk.instance("a", follows()).await.unwrap();
    let _silent = desk.instance("b", Script { is_silent: true, ..follows() }).await.unwrap();
    let file = desk.file("prod.hcl", GOOD).unwrap();
    let (exit, pushed) = desk.json(&["push", &file, "--wait", "4s"]).await.unwrap();
    assert_eq!((exit, &pushed["outcome"]), (4, &json!("unconfirmed")), "{pushed}");
    let states: Vec<_> = pushed["instances"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["applied", "waiting"], "{pushed}");
    assert!(pushed["instances"][1]["explanation"].is_string(), "{pushed}");
    assert_eq!(desk.get("config").await.unwrap().as_deref(), Some(GOOD), "it is written all the same");
    let (exit, pushed) = desk.json(&["push", &file, "--no-wait"]).await.unwrap();
    assert_eq!((exit, &pushed["outcome"]), (0, &json!("written")), "{pushed}");
}

#[tokio::test]
async fn an_instance_that_leaves_is_no_longer_waited_for() {
    let desk = Desk::start().await.unwrap();
    let _follower = desk.instance("a", follows()).await.unwrap();
    let silent = desk.instance("b", Script { is_silent: true, ..follows() }).await.unwrap();
    let file = desk.file("prod.hcl", GOOD).unwrap();
    let mut push = desk.begin(&["push", &file, "--wait", "10m"]).unwrap();
    silent.was_asked_for("/config/receipt").await.unwrap();
    silent.deregister().await.unwrap();
    assert_eq!(code(&mut push).await, Some(0), "{}", push.stdout().unwrap());
    assert!(push.stdout().unwrap().contains("the one instance runs it"), "{}", push.stdout().unwrap());
}

/// What somebody else does between the read and the write of a push.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    WritesTheDocument,
    WritesAnotherDocument,
    DeletesAnotherDocument,
    PushesAnotherFragment,
}

async fn is_a_conflict(meanwhile: Meanwhile) -> anyhow::Result<()> {
    let desk = Desk::start().await?;
    desk.put("config", GOOD).await?;
    desk.put("config.d/limits", GOOD).await?;
    // The check of the push waits for this instance, after the read and before the write.
    let silent = desk.instance("a", Script { is_silent: true, ..follows() }).await?;
    let file = desk.file("prod.hcl", OTHER)?;
    let mut push = desk.begin(&["push", &file])?;
    silent.was_asked_for("/config/receipt").await?;
    let records = match meanwhile {
        Meanwhile::WritesTheDocument => desk.put("config", "strict = true\n").await.map(|()| 0)?,
        Meanwhile::WritesAnotherDocument => desk.put("config.d/limits", OTHER).await.map(|()| 0)?,
        Meanwhile::DeletesAnotherDocument => desk.delete("config.d/limits").await.map(|()| 0)?,
        Meanwhile::PushesAnotherFragment => {
            let fragment = format!("more={}", desk.file("more.hcl", OTHER)?);
            // A service without instances: this one is not held up.
            let arguments = ["--service", "none", "push", "--fragment", &fragment, "-m", "quicker"];
            let quicker = desk.run(&arguments).await?;
            anyhow::ensure!(quicker.code == Some(0), "{quicker:?}");
            2
        }
    };
    let config = desk.get("config").await?;
    let code = code(&mut push).await;
    let told = push.stderr()?;
    anyhow::ensure!(code == Some(3), "{code:?}: {told}");
    anyhow::ensure!(told.contains("nothing was written"), "{told}");
    anyhow::ensure!(desk.get("config").await? == config, "the push that lost has written");
    let history: Vec<_> = desk.keys().await?.into_iter().filter(|key| key.starts_with("history/")).collect();
    anyhow::ensure!(history.len() == records, "{history:?}");
    let expected = match meanwhile {
        Meanwhile::WritesTheDocument => format!("~ {PREFIX}/config"),
        Meanwhile::WritesAnotherDocument => format!("~ {PREFIX}/config.d/limits"),
        Meanwhile::DeletesAnotherDocument => format!("- {PREFIX}/config.d/limits"),
        Meanwhile::PushesAnotherFragment => format!("+ {PREFIX}/config.d/more"),
    };
    anyhow::ensure!(told.contains(&expected), "no {expected} in {told}");
    if matches!(meanwhile, Meanwhile::PushesAnotherFragment) {
        anyhow::ensure!(told.contains("by ada@") && told.contains("quicker"), "{told}");
    }
    Ok(())
}

#[tokio::test]
async fn whoever_writes_between_read_and_write_wins_and_the_push_exits_with_three() {
    let mut cases = Cases::default();
    for meanwhile in [
        Meanwhile::WritesTheDocument,
        Meanwhile::WritesAnotherDocument,
        Meanwhile::DeletesAnotherDocument,
        Meanwhile::PushesAnotherFragment,
    ] {
        cases.note(format!("{meanwhile:?}"), is_a_conflict(meanwhile).await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn of_pushes_that_race_each_is_recorded_or_lost_whole() {
    let desk = Desk::start().await.unwrap();
    let mut pushes = JoinSet::new();
    for number in 0..6 {
        let file =
            desk.file(&format!("{number}.hcl"), &format!("limits {{\n  concurrency = {}\n}}\n", number + 1));
        let launch = desk.command(&["push", &file.unwrap()]).unwrap();
        pushes.spawn(async move { launch.finish().await.unwrap() });
    }
    let finished = pushes.join_all().await;
    let won = finished.iter().filter(|push| push.code == Some(0)).count();
    let lost = finished.iter().filter(|push| push.code == Some(3)).count();
    assert!(won >= 1 && won + lost == 6, "{finished:?}");
    let history = desk.keys().await.unwrap().into_iter().filter(|key| key.starts_with("history/")).count();
    assert_eq!(history, won, "a record for each that won, and none for those that lost");
    let last = desk.record(won as u64).await.unwrap();
    assert_eq!(last["documents"]["config"].as_str(), desk.get("config").await.unwrap().as_deref());
}

#[tokio::test]
async fn a_change_that_no_transaction_holds_is_refused_whole_with_the_limit_to_raise() {
    let desk = Desk::start().await.unwrap();
    let line = "# A comment makes a document long without making it wrong.\n";
    let large = format!("{GOOD}{}", line.repeat(400_000 / line.len()));
    let push = desk.run(&["push", &desk.file("large.hcl", &large).unwrap()]).await.unwrap();
    assert_eq!(push.code, Some(1), "{push:?}");
    for words in ["does not fit into one transaction", "txn_max_req_len", "nothing was written"] {
        assert!(push.stderr.contains(words), "no {words} in {}", push.stderr);
    }
    assert_eq!(desk.keys().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn wrong_usage_exits_with_two() {
    let desk = Desk::start().await.unwrap();
    let file = desk.file("a.hcl", GOOD).unwrap();
    let mut cases = Cases::default();
    for arguments in [
        &["push"][..],
        &["push", &file, "--fragment", "limits"],
        &["push", &file, "--remove-fragment", "../config"],
        &["push", &file, "--wait", "soon"],
        &["push", &file, "--wait", "1s", "--no-wait"],
        &["--kv-prefix", "/nova", "status"],
        &["rollback"],
        &["rollback", "first"],
    ] {
        let finished = desk.run(arguments).await.unwrap();
        let is_right = finished.code == Some(2) && !finished.stderr.is_empty();
        let result = if is_right { Ok(()) } else { Err(anyhow::anyhow!("{finished:?}")) };
        cases.note(format!("{arguments:?}"), result);
    }
    cases.all_hold();
}
