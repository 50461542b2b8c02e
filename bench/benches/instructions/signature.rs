//! The signature of one attempt, and the digest of its body, which is computed once for all attempts.

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use gungraun::prelude::*;
use http::Request;
use http::request::Parts;
use nova_proxy::upstream::sign::{Signer, body_sha256, sign};

use super::fixture;

const HOST: &str = "bedrock-runtime.us-east-1.amazonaws.com";
const REGION: &str = "us-east-1";

/// A request that is about to be signed.
pub(crate) struct Input {
    parts: Parts,
    body_sha256: String,
    signer: Signer,
    time: SystemTime,
}

fn run(input: &mut Input) {
    sign(&mut input.parts, &input.body_sha256, REGION, &input.signer, input.time).unwrap();
}

/// With nothing derived from its credentials, which are temporary ones, as those of roles are.
fn unsigned() -> Input {
    let uri = format!("https://{HOST}/model/us.amazon.nova-lite-v1%3A0/converse");
    let request = Request::post(uri)
        .header("host", HOST)
        .header("content-type", "application/json")
        .header("content-length", 1000)
        .header("user-agent", "nova-proxy/0.1.0");
    let token = Some("t".repeat(800));
    Input {
        parts: request.body(()).unwrap().into_parts().0,
        body_sha256: body_sha256(b"{}"),
        signer: Signer::new(&Credentials::new("ASIAEXAMPLE", "s".repeat(40), token, None, "bench")),
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_900_000),
    }
}

fn cold() -> Input {
    run(&mut unsigned());
    unsigned()
}

fn warm() -> Input {
    let mut signed = unsigned();
    run(&mut signed);
    Input { parts: unsigned().parts, ..signed }
}

fn body(bytes: usize) -> Vec<u8> {
    let body = fixture::text(bytes).into_bytes();
    assert_eq!(body_sha256(&body).len(), 64);
    body
}

#[library_benchmark]
#[bench::warm_key(warm())]
#[bench::cold_key(cold())]
pub(crate) fn sign_attempt(mut input: Input) -> Input {
    run(&mut input);
    black_box(input)
}

#[library_benchmark]
#[bench::of_1_kb(body(1_000))]
#[bench::of_100_kb(body(100_000))]
pub(crate) fn body_digest(body: Vec<u8>) -> (Vec<u8>, String) {
    let digest = body_sha256(black_box(&body));
    (body, digest)
}
