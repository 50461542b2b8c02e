//! The scripted servers beside the real ones: the same calls to both, and the same answers, as far as the agent reads them.
//!
//! So a scripted server cannot be wrong in the same way as the client that is tested with it. An answer of a scripted one may have
//! fewer fields than that of a real one, and never another value.

use std::sync::Arc;

use nova_test_support::scripted::{ScriptedConsul, ScriptedNomad, Switch};
use nova_test_support::server::{ConsulLaunch, NomadLaunch};

mod comparison;
mod consul_calls;
mod killed;
mod nomad_calls;
mod transcript;

use comparison::Indexes;
use transcript::transcript;

#[tokio::test]
async fn the_scripted_consul_answers_as_the_real_one() {
    let real = ConsulLaunch::new().start().await.unwrap();
    let scripted = ScriptedConsul::start(Switch::new()).unwrap();
    let steps = consul_calls::steps();
    let expected = transcript(&real.api(), &steps).await.unwrap();
    let found = transcript(&scripted.api(), &steps).await.unwrap();
    assert!(scripted.unknown().is_empty(), "{:?}", scripted.unknown());
    comparison::compare(&expected, &found, Indexes::Related).unwrap();
}

#[tokio::test]
async fn the_scripted_nomad_answers_as_the_real_one() {
    let real = NomadLaunch::new().start().await.unwrap();
    let consul = Arc::new(ScriptedConsul::start(Switch::new()).unwrap());
    let scripted = ScriptedNomad::start(Switch::new(), consul).unwrap();
    let steps = nomad_calls::steps();
    let expected = transcript(&real.api(), &steps).await.unwrap();
    let found = transcript(&scripted.api(), &steps).await.unwrap();
    assert!(scripted.unknown().is_empty(), "{:?}", scripted.unknown());
    comparison::compare(&expected, &found, Indexes::OfSpecifications).unwrap();
}
