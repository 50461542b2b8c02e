//! Records in a real Consul: behind the fence, and read by everybody.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nova_hashistack::ConsulConfig;
use nova_hashistack::consul::{HeldLock, SessionBehavior, SessionConfig};
use nova_test_support::server::{Consul, ConsulLaunch};

use super::*;
use crate::rollout::engine::adopted_for_tests as rollout;
use crate::rollout::observation::CommandKind;

struct Leader {
    lock: HeldLock,
    doubts: AtomicU32,
}

impl Lead for Leader {
    fn epoch(&self) -> u64 {
        self.lock.epoch()
    }

    fn fence(&self) -> TxnOperation {
        self.lock.fence()
    }

    fn may_act(&self) -> bool {
        true
    }

    fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::SeqCst);
    }
}

fn client(consul: &Consul) -> ConsulClient {
    ConsulClient::new(ConsulConfig::new(consul.address().to_string().parse().unwrap())).unwrap()
}

async fn leads(consul: &Consul) -> Leader {
    let session = SessionConfig {
        name: "leader".to_owned(),
        ttl: Duration::from_secs(600),
        lock_delay: Duration::from_secs(1),
        behavior: SessionBehavior::Release,
    };
    let lock =
        client(consul).locks().acquire("nova/default/leader", "me", &session, Duration::from_secs(5)).await;
    Leader { lock: lock.unwrap().expect("somebody else leads"), doubts: AtomicU32::new(0) }
}

async fn written(store: &RolloutStore, lead: &Leader, rollout: &Rollout, index: u64) -> u64 {
    match store.write(lead, rollout, index).await.unwrap() {
        Write::Written(index) => index,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_record_is_written_read_and_not_written_over() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let (store, lead, rollout) =
        (RolloutStore::new(client(&consul), "nova/default"), leads(&consul).await, rollout());
    assert_eq!(store.load(&rollout.target).await.unwrap(), None);
    let index = written(&store, &lead, &rollout, 0).await;
    let stored = store.load(&rollout.target).await.unwrap().unwrap();
    assert_eq!(stored, Stored { rollout: rollout.clone(), index });
    assert_eq!(store.write(&lead, &rollout, 0).await.unwrap(), Write::Conflict, "there is one already");
    let changed = Rollout { epoch: 7, ..rollout.clone() };
    let later = written(&store, &lead, &changed, index).await;
    assert_eq!(store.write(&lead, &rollout, index).await.unwrap(), Write::Conflict, "somebody was quicker");
    assert!(later > index && lead.doubts.load(Ordering::SeqCst) == 0);
    assert_eq!(store.targets().await.unwrap(), std::slice::from_ref(&rollout.target));
    assert_eq!(store.all().await.unwrap().len(), 1);
}

#[tokio::test]
async fn whoever_has_lost_the_lock_writes_nothing() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let (store, old, mut rollout) =
        (RolloutStore::new(client(&consul), "nova/default"), leads(&consul).await, rollout());
    let index = written(&store, &old, &rollout, 0).await;
    client(&consul).locks().release(old.lock.clone(), "").await.unwrap();
    rollout.epoch = 99;
    assert_eq!(store.write(&old, &rollout, index).await.unwrap(), Write::Deposed);
    assert_eq!(old.doubts.load(Ordering::SeqCst), 1);
    let new = leads(&consul).await;
    assert_eq!(
        store.write(&old, &rollout, index).await.unwrap(),
        Write::Deposed,
        "also while somebody else leads"
    );
    assert_eq!(store.load(&rollout.target).await.unwrap().unwrap().rollout.epoch, 1);
    written(&store, &new, &rollout, index).await;
}

#[tokio::test]
async fn an_ended_rollout_makes_way_and_the_oldest_are_forgotten() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let (store, lead, mut rollout) =
        (RolloutStore::new(client(&consul), "nova/default"), leads(&consul).await, rollout());
    let mut stored = Stored { index: written(&store, &lead, &rollout, 0).await, rollout: rollout.clone() };
    for number in 2..KEPT + 4 {
        rollout.deployment_id = format!("d{number}");
        let Write::Written(index) = store.follow(&lead, &stored, &rollout).await.unwrap() else {
            panic!("not written")
        };
        stored = Stored { rollout: rollout.clone(), index };
    }
    assert_eq!(store.load(&rollout.target).await.unwrap(), Some(stored.clone()));
    let history = store.history(&rollout.target).await.unwrap();
    assert_eq!(history.len(), KEPT);
    let latest = history[0].1.as_ref().unwrap();
    assert_eq!(latest.deployment_id, format!("d{}", KEPT + 2), "the latest comes first");
    // What was followed once is not followed again.
    stored.index -= 1;
    assert_eq!(store.follow(&lead, &stored, &rollout).await.unwrap(), Write::Conflict);
    assert_eq!(store.history(&rollout.target).await.unwrap().len(), KEPT);
}

#[tokio::test]
async fn a_command_is_taken_in_once_and_only_for_what_is_under_way() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let (store, lead, rollout) =
        (RolloutStore::new(client(&consul), "nova/default"), leads(&consul).await, rollout());
    let target = rollout.target.clone();
    let command = |id: &str| {
        Command::new(CommandKind::Pause, id, "ada", &"ü".repeat(2_000), jiff::Timestamp::UNIX_EPOCH)
    };
    let none = store.submit(&lead, &target, None, command("d1")).await.unwrap_err();
    assert!(matches!(none, CommandError::NoRollout { .. }), "{none}");
    let stored = Stored { index: written(&store, &lead, &rollout, 0).await, rollout: rollout.clone() };
    let other = store.submit(&lead, &target, Some(&stored), command("d9")).await.unwrap_err();
    assert!(other.to_string().contains("and not of d9"), "{other}");
    let taken = store.submit(&lead, &target, Some(&stored), command("d1")).await.unwrap();
    let second = store.submit(&lead, &target, Some(&stored), command("d1")).await.unwrap();
    assert_eq!(store.commands(&target).await.unwrap(), [taken.clone(), second.clone()], "in their order");
    store.forget(&target, std::slice::from_ref(&taken.id)).await.unwrap();
    assert_eq!(store.commands(&target).await.unwrap(), [second]);
    let mut refused = None;
    for _ in 0..20 {
        refused = refused.or(store.submit(&lead, &target, Some(&stored), command("d1")).await.err());
    }
    assert!(matches!(refused, Some(CommandError::TooMany { .. })), "{refused:?}");
    assert_eq!(store.commands(&target).await.unwrap().len(), 16);
}

#[tokio::test]
async fn what_is_no_record_is_told_and_spoils_no_other() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let (store, lead, rollout) =
        (RolloutStore::new(client(&consul), "nova/default"), leads(&consul).await, rollout());
    written(&store, &lead, &rollout, 0).await;
    client(&consul).kv().put("nova/default/rollouts/default/other", "{").await.unwrap();
    let all = store.all().await.unwrap();
    assert_eq!(all.iter().filter(|(_, read)| read.is_ok()).count(), 1);
    let other = Target { namespace: "default".to_owned(), job: "other".to_owned() };
    let error = store.load(&other).await.unwrap_err();
    assert!(error.to_string().contains("left alone"), "{error}");
}

#[tokio::test]
async fn a_token_that_may_not_see_all_is_told_so() {
    let consul = ConsulLaunch::new().with_acls().start().await.unwrap();
    let policy = r#"key_prefix "nova/default/rollouts/default/seen" { policy = "read" }"#;
    let token = consul.token_for("narrow", policy).await.unwrap();
    for job in ["seen", "hidden"] {
        let path = format!("/v1/kv/nova/default/rollouts/default/{job}");
        consul.api().send(http::Method::PUT, &path, "{}").await.unwrap();
    }
    let mut config = ConsulConfig::new(consul.address().to_string().parse().unwrap());
    config.token = nova_hashistack::TokenSource::Fixed(secrecy::SecretString::from(token));
    let store = RolloutStore::new(ConsulClient::new(config).unwrap(), "nova/default");
    assert!(matches!(store.all().await, Err(RecordsError::Hidden { .. })));
    assert!(matches!(store.targets().await, Err(RecordsError::Hidden { .. })));
    let hidden = Target { namespace: "default".to_owned(), job: "hidden".to_owned() };
    assert!(matches!(store.load(&hidden).await, Err(RecordsError::Consul { .. })));
}
