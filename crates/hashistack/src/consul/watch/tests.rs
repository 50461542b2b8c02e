//! The rules of blocking queries, played against a server that follows a script.

use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use rstest::rstest;

use super::*;
use crate::consul::{ConsulClient, ConsulConfig};
use crate::scripted::{CUT, Line, Script, line as refusal};

fn value(index: &'static str, modify_index: u64, value: &str) -> Line {
    let value = crate::consul::entry::encoded(value.as_bytes());
    let body = format!(
        r#"[{{"LockIndex":0,"Key":"nova/config","Flags":0,"Value":"{value}","CreateIndex":1,"ModifyIndex":{modify_index}}}]"#
    );
    Line { status: 200, index: Some(index), body: body.into(), ..Line::default() }
}

fn absent(index: &'static str) -> Line {
    Line { status: 404, index: Some(index), ..Line::default() }
}

impl Script {
    fn watch(&self, change: impl FnOnce(&mut WatchConfig)) -> BoxStream<'static, WatchEvent> {
        let client = ConsulClient::new(ConsulConfig::new(self.address.parse().unwrap())).unwrap();
        let mut config = WatchConfig::new(Watched::Prefix("nova/config".to_owned()));
        change(&mut config);
        client.watch(config).boxed()
    }

    fn connections(&self) -> Vec<usize> {
        self.asked().iter().map(|asked| asked.connection).collect()
    }
}

/// An event in one word, with the value or the reason.
fn told(event: Option<WatchEvent>) -> String {
    match event.expect("a watch has no end") {
        WatchEvent::Changed(answer) => {
            let values: Vec<_> =
                answer.value.iter().map(|entry| String::from_utf8_lossy(&entry.value).into_owned()).collect();
            format!("changed@{}: {}", answer.index, values.join(","))
        }
        WatchEvent::Unchanged(answer) => format!("unchanged@{}", answer.index),
        WatchEvent::Failed { error, last_good_index, .. } => {
            format!(
                "failed after {last_good_index:?}: {}",
                error.refusal().map_or(0, |refusal| refusal.status)
            )
        }
    }
}

async fn next(watch: &mut BoxStream<'static, WatchEvent>) -> String {
    let event = tokio::time::timeout(Duration::from_secs(20), watch.next()).await;
    told(event.expect("an event comes"))
}

/// Polls the watch until the server has had so many calls.
async fn until_calls(script: &Script, watch: &mut BoxStream<'static, WatchEvent>, calls: usize) {
    let waits = async {
        while script.queries().len() < calls {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        event = watch.next() => panic!("{}", told(event)),
        () = waits => {}
    }
}

#[tokio::test]
async fn rule_1_waits_after_the_index_of_the_answer_before_which_is_one_at_least() {
    let script = Script::start([value("0", 1, "a"), value("7", 7, "b"), absent("9")]).await;
    let mut watch = script.watch(|config| config.wait = Duration::from_secs(10));
    assert_eq!(next(&mut watch).await, "changed@0: a");
    assert_eq!(next(&mut watch).await, "changed@7: b");
    // An absent prefix has an index too.
    assert_eq!(next(&mut watch).await, "changed@9: ");
    until_calls(&script, &mut watch, 4).await;
    let waits = |index: u64| format!("recurse&stale&index={index}&wait=10000ms");
    assert_eq!(script.queries(), ["recurse&stale".to_owned(), waits(1), waits(7), waits(9)]);
}

#[tokio::test]
async fn rule_2_reads_anew_when_the_index_goes_backwards() {
    let script =
        Script::start([value("9", 5, "a"), value("6", 5, "a"), value("6", 5, "a"), value("12", 12, "b")])
            .await;
    let mut watch = script.watch(|_| ());
    let told =
        [next(&mut watch).await, next(&mut watch).await, next(&mut watch).await, next(&mut watch).await];
    assert_eq!(told, ["changed@9: a", "unchanged@6", "unchanged@6", "changed@12: b"]);
    let queries = script.queries();
    assert_eq!(queries[2], "recurse&stale");
    assert!(queries[3].contains("index=6&"), "{queries:?}");
}

#[tokio::test]
async fn rules_3_and_4_take_other_content_for_news_and_not_another_index() {
    let lines = [value("5", 5, "a"), value("5", 5, "a"), value("6", 5, "a"), value("7", 5, "a")];
    let script = Script::start(lines).await;
    let counters = WatchCounters::default();
    let mut watch = script.watch(|config| config.counters = counters.clone());
    assert_eq!(next(&mut watch).await, "changed@5: a");
    assert_eq!(next(&mut watch).await, "unchanged@5");
    assert_eq!(next(&mut watch).await, "unchanged@6");
    assert_eq!(next(&mut watch).await, "unchanged@7");
    // The wait was given up before its end, at the index as it was.
    assert_eq!(script.queries()[2], "recurse&stale");
    assert_eq!(counters.counts(), WatchCounts { wakeups: 2, unchanged: 2, resets: 0, errors: 0 });
}

#[tokio::test]
async fn a_text_that_is_written_again_is_told_again() {
    let script = Script::start([value("5", 5, "a"), value("7", 7, "a")]).await;
    let mut watch = script.watch(|_| ());
    assert_eq!([next(&mut watch).await, next(&mut watch).await], ["changed@5: a", "changed@7: a"]);
}

#[tokio::test]
async fn rules_5_and_6_pause_after_calls_for_nothing_and_miss_no_last_state() {
    let script =
        Script::start([value("5", 5, "a"), value("6", 5, "a"), value("7", 5, "a"), value("9", 9, "z")]).await;
    let mut watch = script.watch(|_| ());
    let told = [next(&mut watch).await, next(&mut watch).await, next(&mut watch).await];
    assert_eq!(told, ["changed@5: a", "unchanged@6", "unchanged@7"]);
    tokio::time::pause();
    assert!(watch.next().now_or_never().is_none());
    tokio::time::advance(Duration::from_millis(14_400)).await;
    assert!(watch.next().now_or_never().is_none());
    assert_eq!(script.queries().len(), 3);
    tokio::time::advance(Duration::from_millis(1_200)).await;
    tokio::time::resume();
    assert_eq!(next(&mut watch).await, "changed@9: z");
}

#[rstest]
#[case::short(Duration::from_secs(16), Duration::from_secs(16), Duration::from_secs(27))]
#[case::too_long(Duration::from_secs(3600), Duration::from_secs(600), Duration::from_millis(647_500))]
fn rule_7_gives_a_call_up_later_than_the_server_lets_it_go(
    #[case] asked: Duration,
    #[case] wait: Duration,
    #[case] given_up: Duration,
) {
    assert_eq!(granted(asked, false), wait);
    assert_eq!(given_up_after(wait), given_up);
}

#[tokio::test]
async fn rule_8_tells_a_failure_once_and_goes_on_from_the_last_good_state() {
    let lines = [
        refusal(500, "No cluster leader"),
        refusal(500, "No cluster leader"),
        value("5", 5, "a"),
        CUT,
        refusal(429, ""),
        value("5", 5, "a"),
        value("6", 6, "b"),
    ];
    let script = Script::start(lines).await;
    let counters = WatchCounters::default();
    let mut watch = script.watch(|config| config.counters = counters.clone());
    assert_eq!(next(&mut watch).await, "failed after None: 500");
    assert_eq!(next(&mut watch).await, "changed@5: a");
    assert_eq!(next(&mut watch).await, "failed after Some(5): 429");
    assert_eq!(next(&mut watch).await, "unchanged@5");
    assert_eq!(next(&mut watch).await, "changed@6: b");
    assert_eq!(counters.counts().errors, 4);
    // What follows a failure is answered at once.
    assert_eq!(script.queries()[4..6], ["recurse&stale", "recurse&stale"]);
}

#[tokio::test]
async fn a_call_that_is_cut_while_it_waits_is_no_failure_when_the_next_one_is_answered() {
    let script = Script::start([value("5", 5, "a"), CUT, value("5", 5, "a"), value("6", 6, "b")]).await;
    let mut watch = script.watch(|_| ());
    assert_eq!(next(&mut watch).await, "changed@5: a");
    assert_eq!(next(&mut watch).await, "unchanged@5");
    assert_eq!(next(&mut watch).await, "changed@6: b");
}

#[tokio::test]
async fn a_refused_token_is_told_apart_from_a_missing_policy() {
    let lines = [
        value("5", 5, "a"),
        refusal(403, "ACL not found"),
        refusal(403, "ACL not found"),
        refusal(403, "Permission denied: lacks permission 'key:read'"),
        value("5", 5, "a"),
    ];
    let script = Script::start(lines).await;
    let mut watch = script.watch(|_| ());
    assert_eq!(next(&mut watch).await, "changed@5: a");
    let Some(WatchEvent::Failed { error, since, .. }) = watch.next().await else { panic!("it is told") };
    assert!(error.is_acl_not_found(), "{error}");
    let Some(WatchEvent::Failed { error, since: still, .. }) = watch.next().await else {
        panic!("it is told")
    };
    assert!(error.is_permission_denied(), "{error}");
    assert_eq!(since, still);
    assert_eq!(next(&mut watch).await, "unchanged@5");
}

#[tokio::test]
async fn rule_9_tells_how_far_a_server_is_behind_without_a_change() {
    let lines = [
        value("5", 5, "a").with("X-Consul-KnownLeader", "true").with("X-Consul-LastContact", "0"),
        value("5", 5, "a").with("X-Consul-KnownLeader", "false").with("X-Consul-LastContact", "61000"),
        value("5", 5, "a").with("X-Consul-KnownLeader", "true").with("X-Consul-LastContact", "12"),
    ];
    let script = Script::start(lines).await;
    let mut watch = script.watch(|_| ());
    let mut seen = Vec::new();
    while seen.len() < 2 {
        match watch.next().await.unwrap() {
            WatchEvent::Changed(answer) => seen.push((answer.known_leader, answer.last_contact)),
            WatchEvent::Unchanged(answer) => seen.push((answer.known_leader, answer.last_contact)),
            WatchEvent::Failed { error, .. } => panic!("{error}"),
        }
    }
    assert_eq!(seen, [(true, Some(Duration::ZERO)), (false, Some(Duration::from_secs(61)))]);
}

#[tokio::test]
async fn rule_10_keeps_to_one_connection_and_another_watch_to_its_own() {
    let lines = [value("5", 5, "a"), value("6", 6, "b"), value("7", 7, "c"), value("8", 8, "d").held()];
    let script = Script::start(lines).await;
    let mut watch = script.watch(|_| ());
    for _ in 0..3 {
        next(&mut watch).await;
    }
    until_calls(&script, &mut watch, 4).await;
    assert_eq!(script.connections(), [0, 0, 0, 0]);
    script.release();
    assert_eq!(next(&mut watch).await, "changed@8: d");
}

#[tokio::test]
async fn a_server_that_lags_behind_takes_nothing_back_and_the_leader_does() {
    let lines = [
        value("9", 9, "new"),
        value("5", 5, "old"),
        refusal(500, "No cluster leader"),
        value("2", 2, "after the loss"),
    ];
    let script = Script::start(lines).await;
    let counters = WatchCounters::default();
    let mut watch = script.watch(|config| config.counters = counters.clone());
    assert_eq!(next(&mut watch).await, "changed@9: new");
    assert_eq!(next(&mut watch).await, "failed after Some(9): 500");
    assert_eq!(next(&mut watch).await, "changed@2: after the loss");
    assert_eq!(script.queries()[2..4], ["recurse", "recurse"]);
    assert_eq!(counters.counts().resets, 1);
}

#[tokio::test]
async fn one_key_is_watched_without_its_neighbours() {
    let script = Script::start([absent("3"), value("5", 5, "a")]).await;
    let mut watch = script.watch(|config| {
        config.what = Watched::Key("nova/config".to_owned());
        config.consistency = Consistency::Consistent;
    });
    assert_eq!(next(&mut watch).await, "changed@3: ");
    assert_eq!(next(&mut watch).await, "changed@5: a");
    assert_eq!(script.queries()[..2], ["consistent", "consistent&index=3&wait=15000ms"]);
}

#[tokio::test]
async fn rule_11_waits_for_seconds_where_a_right_may_be_missing() {
    let left_out = value("4", 4, "a").with("X-Consul-Results-Filtered-By-ACLs", "true");
    let script = Script::start([absent("3"), left_out, value("5", 5, "a")]).await;
    let mut watch = script.watch(|_| ());
    let told = [next(&mut watch).await, next(&mut watch).await, next(&mut watch).await];
    assert_eq!(told, ["changed@3: ", "changed@4: a", "changed@5: a"]);
    until_calls(&script, &mut watch, 4).await;
    let waits = ["index=3&wait=15000ms", "index=4&wait=15000ms", "index=5&wait=300000ms"];
    assert_eq!(script.queries()[1..4], waits.map(|wait| format!("recurse&stale&{wait}")));

    // A right that was granted changes no index.
    let granted = [absent("3"), absent("3"), value("3", 3, "a"), value("3", 3, "a")];
    let script = Script::start(granted).await;
    let mut watch = script.watch(|config| config.wait = Duration::from_millis(1));
    let told = [next(&mut watch).await, next(&mut watch).await, next(&mut watch).await];
    assert_eq!(told, ["changed@3: ", "unchanged@3", "changed@3: a"]);
    assert_eq!(script.queries()[2..4], ["recurse&stale", "recurse"]);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_takes_nothing_away() {
    let broken = Line { status: 200, index: Some("6"), body: "<html>".into(), ..Line::default() };
    let script = Script::start([value("5", 5, "a"), broken, value("7", 7, "b")]).await;
    let mut watch = script.watch(|_| ());
    assert_eq!(next(&mut watch).await, "changed@5: a");
    let Some(WatchEvent::Failed { error, .. }) = watch.next().await else { panic!("it is told") };
    assert!(matches!(error, HashistackError::UnexpectedBody { .. }), "{error}");
    assert_eq!(next(&mut watch).await, "changed@7: b");
}
