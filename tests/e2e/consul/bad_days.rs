//! What operators, policies and Consul itself do wrong while callers ask: none of them notices, the receipt tells it, and all is well
//! again when it is mended, without a restart.

mod operators;
mod sampler;
mod scene;

use anyhow::{Context, ensure};
use http::Method;
use serde_json::Value;

use crate::case::Cases;
use crate::fleet::{PREFIX, caught_up, model};
use sampler::Sampler;
use scene::{Scene, house};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
enum BadDay {
    TheTokenIsDeleted,
    ThePolicyIsTakenAway,
    EverythingIsLostTokensToo,
    AnOlderBackupIsRestored,
    AValueIsOneByteTooLong,
    HalfOfAChangeIsWritten,
    TwoOperatorsPushAtOnce,
}

impl BadDay {
    async fn comes(self, scene: &mut Scene) -> anyhow::Result<()> {
        match self {
            Self::TheTokenIsDeleted => the_token_is_deleted(scene).await,
            Self::ThePolicyIsTakenAway => the_policy_is_taken_away(scene).await,
            Self::EverythingIsLostTokensToo => everything_is_lost(scene).await,
            Self::AnOlderBackupIsRestored => an_older_backup_is_restored(scene).await,
            Self::AValueIsOneByteTooLong => a_value_is_one_byte_too_long(scene).await,
            Self::HalfOfAChangeIsWritten => half_of_a_change_is_written(scene).await,
            Self::TwoOperatorsPushAtOnce => operators::push_at_once(scene).await,
        }
    }
}

fn state(states: &'static [&'static str]) -> impl Fn(&Value) -> bool {
    move |receipt| states.iter().any(|state| receipt["consul"]["state"] == *state)
}

async fn the_token_is_deleted(scene: &mut Scene) -> anyhow::Result<()> {
    let api = scene.fleet.consul.api();
    let own = api.with_token(&scene.token).get("/v1/acl/token/self").await?;
    let accessor = own["AccessorID"].as_str().context("the token has no accessor")?;
    let gone = api.send(Method::DELETE, &format!("/v1/acl/token/{accessor}"), "").await?;
    ensure!(gone.status == 200, "{}", gone.text());
    // A query that waits is answered once more as before.
    scene.fleet.put("config", house("seen-or-not")).await?;
    let denied = scene.instance.receipt_where("the refusal of the token", state(&["denied"])).await?;
    ensure!(!denied.to_string().contains(&scene.token), "the receipt holds the token");
    scene.fleet.put("config", house("after")).await?;
    ensure!(!scene.instance.serves("after").await?, "nobody may see it yet");
    scene.callers.goes_on().await?;
    scene.new_token("successor").await?;
    scene.serves_soon("after").await
}

async fn the_policy_is_taken_away(scene: &mut Scene) -> anyhow::Result<()> {
    let whole = scene.rules()?;
    let at = whole.find("key_prefix").context("the policy has no rule of keys")?;
    let rest = whole.get(at..).and_then(|rest| rest.split_once("\n}\n")).context("a rule without an end")?.1;
    scene.set_rules(&format!("{}{rest}", whole.get(..at).unwrap_or_default())).await?;
    // A query that waits is answered once more as before, and the next one when something changes again.
    scene.fleet.put("config", house("seen-or-not")).await?;
    scene.fleet.put("config", house("after")).await?;
    let receipt = scene.instance.receipt_where("nothing to be seen", state(&["empty", "filtered"])).await?;
    let error = receipt["consul"]["error"].as_str().unwrap_or_default();
    ensure!(
        error.contains("key_prefix") || error.contains("policy"),
        "it does not tell what to grant: {receipt}"
    );
    ensure!(!scene.instance.serves("after").await?, "nobody may see it yet");
    scene.callers.goes_on().await?;
    scene.set_rules(&whole).await?;
    scene.serves_soon("after").await
}

async fn everything_is_lost(scene: &mut Scene) -> anyhow::Result<()> {
    let before = scene.instance.receipt().await?["config"]["hash"].clone();
    scene.fleet.consul.restart_without_data().await?;
    let denied = scene.instance.receipt_where("an unknown token", state(&["denied"])).await?;
    ensure!(denied["config"]["hash"] == before, "something has changed: {denied}");
    scene.callers.goes_on().await?;
    scene.new_token("first-again").await?;
    let empty = scene.instance.receipt_where("an empty Consul", state(&["empty"])).await?;
    ensure!(empty["config"]["hash"] == before, "something has changed: {empty}");
    scene.callers.goes_on().await?;
    scene.fleet.put("config", house("after")).await?;
    scene.serves_soon("after").await
}

async fn an_older_backup_is_restored(scene: &mut Scene) -> anyhow::Result<()> {
    scene.fleet.put("config", house("of-the-backup")).await?;
    scene.serves_soon("of-the-backup").await?;
    let backup = scene.folder.path().join("backup.snap");
    let command = async |command: &str| {
        let finished = scene.fleet.consul.script(command)?.env("FILE", &backup).finish().await?;
        ensure!(finished.code == Some(0), "{command}: {finished:?}");
        Ok(())
    };
    command(r#"consul snapshot save "$FILE""#).await?;
    for round in 0..20 {
        scene.fleet.put("config.d/later", format!("# {round}\n")).await?;
    }
    scene.fleet.put("config", house("of-later")).await?;
    scene.serves_soon("of-later").await?;
    let later = scene.instance.receipt_where("the later documents", caught_up).await?;
    command(r#"consul snapshot restore "$FILE""#).await?;
    let back = scene
        .instance
        .receipt_where("the documents of the backup", |receipt| {
            caught_up(receipt) && receipt["config"]["documents"].as_array().is_some_and(|all| all.len() == 1)
        })
        .await?;
    let index = |receipt: &Value| receipt["config"]["applied_index"].as_u64();
    ensure!(index(&back) < index(&later), "the index has not gone backwards: {later} {back}");
    ensure!(scene.instance.serves("of-the-backup").await? && !scene.instance.serves("of-later").await?);
    scene.fleet.put("config", house("after")).await?;
    scene.serves_soon("after").await
}

async fn a_value_is_one_byte_too_long(scene: &mut Scene) -> anyhow::Result<()> {
    let text = |length: usize| {
        let mut text = house("large");
        text.push_str(&"#".repeat(length - text.len()));
        text
    };
    scene.fleet.put("config", text(512 * 1024)).await?;
    scene.serves_soon("large").await?;
    let before = scene.instance.receipt_where("the large document", caught_up).await?;
    let path = format!("/v1/kv/{PREFIX}/config");
    let refused = scene.fleet.consul.api().send(Method::PUT, &path, &text(512 * 1024 + 1)).await?;
    ensure!(refused.status == 413, "{} {}", refused.status, refused.text());
    // What comes next is seen, and what was refused is in between.
    scene.fleet.put("config.d/next", model("next")).await?;
    scene.serves_soon("next").await?;
    let after = scene.instance.receipt().await?;
    ensure!(before["config"]["documents"][0] == after["config"]["documents"][0], "{before} {after}");
    Ok(())
}

async fn half_of_a_change_is_written(scene: &mut Scene) -> anyhow::Result<()> {
    scene.fleet.put("config.d/one", model("old-one")).await?;
    scene.fleet.put("config", format!("fragments = [\"one\"]\n{}", house("old"))).await?;
    scene.serves_soon("old").await?;
    let old = scene.instance.receipt_where("the old state", caught_up).await?;
    let sampler = Sampler::begin(&scene.instance)?;

    // One after the other, with all the time in the world in between.
    scene.fleet.put("config", format!("fragments = [\"one\", \"two\"]\n{}", house("new"))).await?;
    let half = scene.instance.receipt_where("a refusal", |receipt| !receipt["refusal"].is_null()).await?;
    ensure!(half["config"]["hash"] == old["config"]["hash"], "{half}");
    ensure!(half["refusal"]["faults"].to_string().contains("two"), "{half}");
    scene.callers.goes_on().await?;
    scene.fleet.put("config.d/two", model("new-two")).await?;
    scene.serves_soon("new-two").await?;
    let new = scene.instance.receipt_where("the new state", caught_up).await?;
    let seen = sampler.end().await?;
    let allowed = [&old, &new].map(|receipt| receipt["config"]["hash"].clone());
    ensure!(seen.hashes.iter().all(|hash| allowed.contains(hash)), "{seen:?} beside {allowed:?}");

    // Both at once, in one transaction: no instance sees a half, not even to refuse it.
    let sampler = Sampler::begin(&scene.instance)?;
    scene
        .transaction(&[
            ("config", &format!("fragments = [\"one\", \"three\"]\n{}", house("newest"))),
            ("config.d/three", &model("newest-three")),
        ])
        .await?;
    scene.serves_soon("newest-three").await?;
    let newest = scene.instance.receipt_where("the newest state", caught_up).await?;
    let seen = sampler.end().await?;
    let allowed = [&new, &newest].map(|receipt| receipt["config"]["hash"].clone());
    ensure!(seen.hashes.iter().all(|hash| allowed.contains(hash)), "{seen:?} beside {allowed:?}");
    ensure!(seen.refusals == 0, "half of a transaction was refused: {seen:?}");
    Ok(())
}

#[tokio::test]
async fn bad_days_touch_no_request_and_end_without_a_restart() {
    let mut cases = Cases::default();
    for day in [
        BadDay::TheTokenIsDeleted,
        BadDay::ThePolicyIsTakenAway,
        BadDay::EverythingIsLostTokensToo,
        BadDay::AnOlderBackupIsRestored,
        BadDay::AValueIsOneByteTooLong,
        BadDay::HalfOfAChangeIsWritten,
        BadDay::TwoOperatorsPushAtOnce,
    ] {
        let lived = async {
            let mut scene = Scene::start().await?;
            day.comes(&mut scene).await?;
            let (is_ready, health) = scene.instance.readiness().await?;
            ensure!(is_ready && health["consul"]["state"] == "in_sync", "{health}");
            scene.end().await
        };
        cases.note(format!("{day:?}"), lived.await);
    }
    cases.all_hold();
}
