//! `nova-agent verify` and `nova-agent preflight` on an environment that is as it should be, and with one fault after the other: each
//! fault is told by one check, the right one, and by no other.
//!
//! Servers, proxies and the agent are real, and so is what is wrong with them. Only what nothing real does on request is scripted.

mod agent;
mod environment;
mod gate;
mod instances;
mod preflight;
mod scripted;
mod servers;
mod tls_front;

use environment::Environment;

use crate::case::Cases;

#[tokio::test]
async fn verify_passes_what_is_as_it_should_be_and_names_each_fault() {
    let mut environment = Environment::start().await.unwrap();
    environment.is_good().await.unwrap();
    let mut cases = Cases::default();
    servers::faults(&mut environment, &mut cases).await.unwrap();
    instances::faults(&environment, &mut cases).await.unwrap();
    gate::opens_and_closes(&environment, &mut cases).await;
    // What was planted is gone again: later faults would hide behind it.
    environment.is_good().await.unwrap();
    agent::faults(&environment, &mut cases).await.unwrap();
    cases.all_hold();
}

#[tokio::test]
async fn preflight_passes_a_good_place_and_names_each_fault() {
    let mut cases = Cases::default();
    preflight::faults(&mut cases).await.unwrap();
    cases.all_hold();
}
