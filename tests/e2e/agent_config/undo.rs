//! History and rollback: every state is kept, also those that nobody pushed, and comes back exactly.

use serde_json::{Value, json};

use crate::agent::{Desk, GOOD, OTHER};

#[tokio::test]
async fn a_change_by_hand_is_recorded_at_the_next_push_as_of_unknown_author() {
    let desk = Desk::start().await.unwrap();
    let (good, other) = (desk.file("good.hcl", GOOD).unwrap(), desk.file("other.hcl", OTHER).unwrap());
    assert_eq!(desk.json(&["push", &good]).await.unwrap().0, 0);
    let by_hand = "# by hand\nstrict = true\n";
    desk.put("config", by_hand).await.unwrap();
    let (_, history) = desk.json(&["history"]).await.unwrap();
    assert_eq!(history["records"][0]["is_current"], false, "{history}");

    let (code, pushed) = desk.json(&["push", &other]).await.unwrap();
    assert_eq!(
        (code, &pushed["recorded_before"], &pushed["record"]["n"]),
        (0, &json!(2), &json!(3)),
        "{pushed}"
    );
    let found = desk.record(2).await.unwrap();
    assert_eq!((&found["author"], &found["documents"]), (&Value::Null, &json!({ "config": by_hand })));
    let (_, history) = desk.json(&["history"]).await.unwrap();
    let newest_first: Vec<_> =
        history["records"].as_array().unwrap().iter().map(|one| one["n"].clone()).collect();
    assert_eq!(newest_first, [3, 2, 1]);
    assert_eq!(history["records"][0]["is_current"], true, "{history}");
    let table = desk.run(&["history"]).await.unwrap().stdout;
    assert!(table.lines().any(|line| line.starts_with("2 ") && line.contains("unknown")), "{table}");
    let shown = desk.run(&["history", "2"]).await.unwrap().stdout;
    assert!(shown.contains("==> config <==\n# by hand\nstrict = true"), "{shown}");
}

#[tokio::test]
async fn a_rollback_restores_the_documents_of_a_record_exactly() {
    let desk = Desk::start().await.unwrap();
    // Blanks and a missing end of line are part of a document too.
    let exact = "limits {\n  concurrency = 100\n}\n\n# the end  ";
    let (first, limits) = (desk.file("first.hcl", exact).unwrap(), desk.file("limits.hcl", GOOD).unwrap());
    let (old, new) = (format!("old={limits}"), format!("new={limits}"));
    let second = desk.file("second.hcl", OTHER).unwrap();
    assert_eq!(desk.json(&["push", &first, "--fragment", &old]).await.unwrap().0, 0);
    let push = ["push", &second, "--fragment", &new, "--remove-fragment", "old"];
    assert_eq!(desk.json(&push).await.unwrap().0, 0);
    assert_eq!(desk.get("config.d/old").await.unwrap(), None);

    let (code, back) = desk.json(&["rollback", "1"]).await.unwrap();
    assert_eq!((code, &back["record"]["message"]), (0, &json!("rollback to 1")), "{back}");
    let documents: Vec<_> =
        desk.keys().await.unwrap().into_iter().filter(|key| key.starts_with("config")).collect();
    assert_eq!(documents, ["config", "config.d/old"]);
    assert_eq!(desk.get("config").await.unwrap().as_deref(), Some(exact));
    assert_eq!(desk.get("config.d/old").await.unwrap().as_deref(), Some(GOOD));
    assert_eq!(desk.record(3).await.unwrap()["documents"], desk.record(1).await.unwrap()["documents"]);

    let finished = desk.run(&["rollback", "99"]).await.unwrap();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("no record 99"), "{finished:?}");
}

#[tokio::test]
async fn the_oldest_record_goes_when_there_are_fifty() {
    let desk = Desk::start().await.unwrap();
    desk.put("config", GOOD).await.unwrap();
    for n in 1..=50 {
        let record = json!({ "n": n, "at": "2026-11-24T00:00:00Z", "documents": { "config": GOOD } });
        desk.put(&format!("history/{n:010}"), &record.to_string()).await.unwrap();
    }
    let (code, pushed) = desk.json(&["push", &desk.file("other.hcl", OTHER).unwrap()]).await.unwrap();
    assert_eq!((code, &pushed["record"]["n"]), (0, &json!(51)), "{pushed}");
    let history: Vec<_> =
        desk.keys().await.unwrap().into_iter().filter(|key| key.starts_with("history/")).collect();
    assert_eq!((history.len(), history[0].as_str()), (50, "history/0000000002"));
}
