//! Starting and stopping.

use std::time::Duration;

use bedrock_sim::{Limits, RegionConfig, Simulator, SimulatorConfig, SimulatorError};
use serde_json::json;

use crate::harness::{API_KEY, LITE, ask, invocations, post, scripted, simulator};

async fn refusal(regions: Vec<RegionConfig>) -> SimulatorError {
    match Simulator::start(SimulatorConfig { regions, ..SimulatorConfig::default() }).await {
        Ok(_) => panic!("the configuration is wrong"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_refused() {
    assert!(matches!(refusal(Vec::new()).await, SimulatorError::NoRegion));
    let twice = vec![RegionConfig::on_free_port("us-east-1"), RegionConfig::on_free_port("us-east-1")];
    assert!(matches!(refusal(twice).await, SimulatorError::DuplicateRegion { .. }));
    let open = RegionConfig { name: "us-east-1".to_owned(), address: "0.0.0.0:0".parse().unwrap() };
    assert!(matches!(refusal(vec![open]).await, SimulatorError::NotLoopback { .. }));
    let running = simulator().await;
    let address = running.endpoint("us-east-1").replace("http://", "").parse().unwrap();
    let taken = RegionConfig { name: "us-east-1".to_owned(), address };
    assert!(matches!(refusal(vec![taken]).await, SimulatorError::Bind { .. }));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_stop_lets_an_open_stream_finish() {
    let config = SimulatorConfig {
        bearer_tokens: vec![API_KEY.to_owned()],
        limits: Limits { stop_grace: Duration::from_secs(20), ..Limits::default() },
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::start(config).await.unwrap();
    let control = simulator.control();
    let script = scripted(&json!({"text": "a b c d", "chunks": 4, "delta_delay_ms": 50}));
    let url = format!("{}/model/{LITE}/converse-stream", simulator.endpoint("us-east-1"));
    let answer = crate::harness::send(http::Method::POST, &url, script.to_string());
    let stopped = async {
        while control.open_invocations() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        simulator.stop().await
    };
    let (answer, stopped) = tokio::join!(answer, stopped);
    stopped.unwrap();
    assert!(answer.unwrap().complete);
    assert!(!invocations(&control, 1).await[0].client_went_away);
}

#[tokio::test]
async fn a_stop_cuts_off_what_does_not_end() {
    let config = SimulatorConfig {
        bearer_tokens: vec![API_KEY.to_owned()],
        limits: Limits { stop_grace: Duration::from_millis(20), ..Limits::default() },
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::start(config).await.unwrap();
    let control = simulator.control();
    let url = format!("{}/model/{LITE}/converse", simulator.endpoint("us-east-1"));
    let answer = crate::harness::send(http::Method::POST, &url, scripted(&json!({"hang": true})).to_string());
    let stopped = async {
        while control.open_invocations() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        simulator.stop().await
    };
    let (answer, stopped) = tokio::join!(answer, stopped);
    stopped.unwrap();
    assert!(answer.is_err());
    assert_eq!(control.open_invocations(), 0);
}

#[tokio::test]
async fn a_dropped_simulator_no_longer_answers() {
    let simulator = simulator().await;
    let endpoint = simulator.endpoint("us-east-1");
    assert_eq!(post(&simulator, LITE, "converse", &ask("a")).await.unwrap().status, 200);
    drop(simulator);
    let address = endpoint.replace("http://", "");
    let refused = async {
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), refused).await.expect("the listener closes");
}
