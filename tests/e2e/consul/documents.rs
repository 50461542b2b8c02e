//! What operators write, and what each instance answers.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::fleet::{Fleet, InstanceSettings, PREFIX, in_sync, model};

fn applied(name: &str) -> impl Fn(&Value) -> bool {
    let key = format!("{PREFIX}/{name}");
    move |receipt| {
        let documents = receipt["config"]["documents"].as_array();
        in_sync(receipt)
            && documents.is_some_and(|documents| documents.iter().any(|each| each["key"] == key.as_str()))
    }
}

#[tokio::test]
async fn a_document_is_applied_by_every_instance_and_told_by_its_receipt() {
    let fleet = Fleet::start().await.unwrap();
    let before = InstanceSettings::named("one").with_rest(&model("of-the-file"));
    let (one, two) =
        tokio::try_join!(fleet.instance(before), fleet.instance(InstanceSettings::named("two"))).unwrap();
    let first =
        one.receipt_where("an empty prefix", |receipt| receipt["consul"]["state"] == "empty").await.unwrap();
    assert_eq!((&first["config"]["source"], &first["config"]["documents"]), (&json!("files"), &json!([])));
    assert_eq!((&first["instance"], &first["service"]), (&json!("one"), &json!("nova-proxy")));
    fleet.put("config", model("of-consul")).await.unwrap();
    for instance in [&one, &two] {
        let receipt = instance.receipt_where("the document", applied("config")).await.unwrap();
        let modified = receipt["config"]["documents"][0]["modify_index"].as_u64().unwrap();
        assert!(receipt["config"]["applied_index"].as_u64().unwrap() >= modified, "{receipt}");
        assert!(instance.serves("of-consul").await.unwrap());
        let (is_ready, health) = instance.readiness().await.unwrap();
        assert!(is_ready, "{health}");
        assert_eq!(
            (&health["config_source"], &health["consul"]["state"]),
            (&json!("consul"), &json!("in_sync"))
        );
    }
    assert!(one.serves("of-the-file").await.unwrap(), "documents are laid over the files");
    assert!(!two.serves("of-the-file").await.unwrap());
    let schema: Value = one.ask("/config/schema").await.unwrap().json().unwrap();
    assert!(schema["properties"]["model"].is_object());
    assert!(one.metric("nova_proxy_consul_up").await.unwrap() > 0.5);
    assert!(one.metric("nova_proxy_config_applied_index").await.unwrap() > 0.5);
}

#[tokio::test]
async fn a_document_that_is_there_before_the_start_is_in_force_from_the_first_request_on() {
    let fleet = Fleet::start().await.unwrap();
    fleet.put("config", model("of-consul")).await.unwrap();
    let instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    assert!(instance.serves("of-consul").await.unwrap());
    assert_eq!(instance.receipt().await.unwrap()["config"]["source"], "consul");
}

#[tokio::test]
async fn later_names_win_and_files_lie_below_all() {
    let fleet = Fleet::start().await.unwrap();
    let limits = |concurrency: u32| format!("limits {{\n  concurrency = {concurrency}\n}}\n");
    let instance = fleet
        .instance(
            InstanceSettings::named("one").with_rest(&format!("{}admin = \"127.0.0.1:0\"\n", limits(1))),
        )
        .await
        .unwrap();
    fleet.put("config.d/20-late", limits(20)).await.unwrap();
    fleet.put("config.d/10-early", limits(10)).await.unwrap();
    fleet.put("config", limits(5)).await.unwrap();
    let receipt = instance.receipt_where("all three", applied("config.d/20-late")).await.unwrap();
    let keys: Vec<&str> = receipt["config"]["documents"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|document| document["key"].as_str())
        .collect();
    assert_eq!(keys, ["nova/test/config", "nova/test/config.d/10-early", "nova/test/config.d/20-late"]);
    let hash = receipt["config"]["hash"].clone();
    // Without the last one the one before decides, and the settings are others.
    fleet.delete("config.d/20-late").await.unwrap();
    let without =
        instance.receipt_where("another hash", |receipt| receipt["config"]["hash"] != hash).await.unwrap();
    fleet.put("config.d/10-early", limits(20)).await.unwrap();
    instance.receipt_where("the first hash", |receipt| receipt["config"]["hash"] == hash).await.unwrap();
    assert_ne!(without["config"]["hash"], hash);
}

#[tokio::test]
async fn a_bad_document_is_refused_with_key_line_and_fix_until_it_is_mended() {
    let fleet = Fleet::start().await.unwrap();
    let good = model("of-consul");
    fleet.put("config", good.clone()).await.unwrap();
    let instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    let bad: [(&str, &str, u64, &str); 4] = [
        ("an unknown field", "strict = true\n\nmodel \"x\" {\n  targt = \"nova-lite\"\n}\n", 4, "targt"),
        ("an unknown model", "model \"x\" {\n  target = \"us.amazon.nova-ultra-v9:0\"\n}\n", 2, "nova-ultra"),
        ("no HCL", "strict = \n", 1, ""),
        ("a field that is fixed at the start", "listen = \"0.0.0.0:80\"\n", 1, "listen"),
    ];
    for (what, text, line, word) in bad {
        fleet.put("config", text).await.unwrap();
        let refused = |receipt: &Value| {
            let faults = receipt["refusal"]["faults"].as_array();
            faults.is_some_and(|faults| {
                faults.iter().any(|fault| fault["line"] == line && fault.to_string().contains(word))
            })
        };
        let receipt = instance.receipt_where(what, refused).await.unwrap();
        let fault = &receipt["refusal"]["faults"][0];
        assert_eq!(fault["file"], "nova/test/config", "{what}: {fault}");
        assert!(!fault["fix"].as_str().unwrap().is_empty(), "{what}: {fault}");
        assert_eq!(receipt["config"]["source"], "consul", "the old one is in force");
        assert!(
            receipt["refusal"]["index"].as_u64() > receipt["config"]["applied_index"].as_u64(),
            "{receipt}"
        );
        assert!(instance.serves("of-consul").await.unwrap(), "{what}");
        assert!(instance.metric("nova_proxy_config_refused").await.unwrap() > 0.5);
    }
    let (is_ready, health) = instance.readiness().await.unwrap();
    assert!(is_ready && health["config_refused"] == true, "{health}");
    // What is in force already is no other configuration, and nothing is refused any more.
    fleet.put("config", good).await.unwrap();
    let receipt = instance.receipt_where("no refusal", in_sync).await.unwrap();
    assert_eq!(receipt["config"]["applied_index"], receipt["consul"]["seen_index"]);
    assert!(instance.metric("nova_proxy_config_refused").await.unwrap() < 0.5);
}

#[tokio::test]
async fn a_fragment_that_is_listed_and_missing_keeps_the_limits_in_force() {
    let fleet = Fleet::start().await.unwrap();
    fleet.put("config.d/models", model("of-the-fragment")).await.unwrap();
    fleet.put("config", "fragments = [\"models\"]\n").await.unwrap();
    let instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    assert!(instance.serves("of-the-fragment").await.unwrap());
    fleet.delete("config.d/models").await.unwrap();
    let receipt = instance.receipt_where("a refusal", |receipt| !receipt["refusal"].is_null()).await.unwrap();
    assert_eq!(receipt["refusal"]["faults"][0]["file"], "nova/test/config", "{receipt}");
    assert!(instance.serves("of-the-fragment").await.unwrap());
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused_with_their_key() {
    let fleet = Fleet::start().await.unwrap();
    fleet.put("config", "# nothing").await.unwrap();
    let instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    fleet.put("config.d/broken", vec![0xff, 0xfe, b'\n']).await.unwrap();
    let receipt = instance.receipt_where("a refusal", |receipt| !receipt["refusal"].is_null()).await.unwrap();
    assert_eq!(receipt["refusal"]["faults"][0]["file"], "nova/test/config.d/broken", "{receipt}");
}

#[tokio::test]
async fn the_largest_value_of_consul_is_applied_and_kept() {
    let fleet = Fleet::start().await.unwrap();
    let mut text = model("of-consul");
    text.push_str(&"# nothing\n".repeat((512 * 1024 - text.len()) / 10));
    text.push_str(&"\n".repeat(512 * 1024 - text.len()));
    assert_eq!(text.len(), 512 * 1024);
    fleet.put("config", text).await.unwrap();
    let mut instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    instance.receipt_where("the document", in_sync).await.unwrap();
    crate::fleet::kept(&instance).await.unwrap();
    instance.kill().await.unwrap();
    instance.start().await.unwrap();
    assert!(instance.serves("of-consul").await.unwrap());
}

#[tokio::test]
async fn files_and_documents_are_judged_together_whichever_changes() {
    let fleet = Fleet::start().await.unwrap();
    fleet.put("config", model("of-consul")).await.unwrap();
    let instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    // Wrong files keep right documents in force, and right documents come in beside them.
    instance.write_rest("model \"of-the-file\" {\n  targt = \"nova-lite\"\n}\n").unwrap();
    let refused = |receipt: &Value| !receipt["config"]["files_refused"].is_null();
    let receipt = instance.receipt_where("refused files", refused).await.unwrap();
    assert!(receipt["refusal"].is_null(), "{receipt}");
    let before = receipt["config"]["applied_index"].clone();
    fleet.put("config", model("of-consul-later")).await.unwrap();
    let receipt = instance
        .receipt_where("the document", |receipt| {
            in_sync(receipt) && receipt["config"]["applied_index"] != before
        })
        .await
        .unwrap();
    assert!(refused(&receipt), "{receipt}");
    assert!(
        instance.serves("of-consul-later").await.unwrap() && !instance.serves("of-consul").await.unwrap()
    );
    // A document that mends the files brings both into force.
    instance.write_rest("model \"half\" {\n  max_tokens = 100\n}\n").unwrap();
    instance
        .receipt_where("the fault of the half", |receipt| {
            receipt["config"]["files_refused"].to_string().contains("half")
        })
        .await
        .unwrap();
    fleet.put("config", "model \"half\" {\n  target = \"nova-lite\"\n}\n").await.unwrap();
    let mended = |receipt: &Value| in_sync(receipt) && receipt["config"]["files_refused"].is_null();
    instance.receipt_where("both in force", mended).await.unwrap();
    assert!(instance.serves("half").await.unwrap());
}

#[tokio::test]
async fn a_receipt_holds_no_secret_and_is_not_on_the_listener_of_the_api() {
    let fleet = Fleet::start().await.unwrap();
    let secret = "sk-abcdefghijklmnopqrstuvwxyz0123456789";
    fleet.put("config", "").await.unwrap();
    let mut instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    fleet.put("config", format!("model \"x\" {{\n  target = \"{secret}\"\n}}\n")).await.unwrap();
    let receipt = instance.receipt_where("a refusal", |receipt| !receipt["refusal"].is_null()).await.unwrap();
    assert!(!receipt.to_string().contains(secret), "{receipt}");
    assert!(!instance.process().unwrap().stderr().unwrap().contains(secret));
    let check = async || {
        let url = format!("{}/config/receipt", instance.root);
        let reply = nova_test_support::client::Call::new(http::Method::GET, &url)?.send().await?;
        ensure!(reply.status == 404, "{} {}", reply.status, reply.text());
        Ok(())
    };
    check().await.unwrap();
}
