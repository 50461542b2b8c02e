//! The event stream of a real Nomad.

use nova_hashistack::nomad::Topic;
use nova_test_support::server::NomadLaunch;
use tokio::time::timeout;

use crate::{LONG, client, client_with, run, sleeper};

#[tokio::test]
async fn a_deployment_is_told_of_as_it_goes_on_and_a_stream_goes_on_after_an_index() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let topics = [(Topic::Deployment, Some("sleeper")), (Topic::Job, Some("sleeper"))];
    let mut stream = client.events(&topics, 0).await.unwrap();
    run(&client, &sleeper(1, 0, "1")).await.unwrap();
    let (mut seen, mut last, mut before_last) = (Vec::new(), 0, 0);
    timeout(LONG, async {
        while !["Job", "Deployment"].iter().all(|topic| seen.iter().any(|seen| seen == topic)) {
            let events = stream.next().await.unwrap().expect("the stream is open");
            assert!(!events.events.is_empty() && events.index >= last, "{events:?} after {last}");
            (before_last, last) = (last, events.index);
            seen.extend(events.events.into_iter().map(|event| {
                assert!(
                    event.key == "sleeper" || event.filter_keys.contains(&"sleeper".to_owned()),
                    "{event:?}"
                );
                assert_eq!(event.namespace, "default");
                event.topic
            }));
        }
    })
    .await
    .unwrap();
    // The server remembers: another stream begins where this one was.
    let mut again = client.events(&topics, before_last).await.unwrap();
    let events = timeout(LONG, again.next()).await.unwrap().unwrap().expect("the stream is open");
    assert!(events.index >= before_last, "{events:?} after {before_last}");
}

#[tokio::test]
async fn a_stream_needs_a_topic_and_a_right_to_it() {
    let nomad = NomadLaunch::new().with_acls().start().await.unwrap();
    client(&nomad).unwrap().events(&[], 0).await.expect_err("there is no topic");
    let nobody = client_with(&nomad, "").unwrap();
    let refused = nobody.events(&[(Topic::Job, None)], 0).await;
    let refused = match refused {
        Err(error) => error.to_string(),
        // Its status may be good already when the refusal comes.
        Ok(mut stream) => stream.next().await.unwrap_err().to_string(),
    };
    assert!(refused.contains("Permission denied") || refused.contains("does not"), "{refused}");
}
