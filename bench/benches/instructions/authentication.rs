//! Who is calling: the header read, the key's digest, the look-up among the keys of a file.

use std::hint::black_box;
use std::sync::Arc;

use gungraun::prelude::*;
use http::header::{AUTHORIZATION, HeaderMap};
use jiff::Timestamp;
use nova_proxy::auth::key::{KeyRequest, add_key};
use nova_proxy::auth::{Authenticator, KeysFile, Pepper, Principal};
use secrecy::{ExposeSecret, SecretSlice};

/// As many callers as a small company has teams.
const KEYS: usize = 20;

/// A request's headers, and who judges them.
pub(crate) struct Input {
    authenticator: Authenticator,
    headers: HeaderMap,
    now: Timestamp,
}

fn run(input: &Input) -> Arc<Principal> {
    input.authenticator.authenticate(&input.headers, input.now).unwrap()
}

fn warm() -> Input {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let pepper = Pepper::new(&SecretSlice::from(vec![b'p'; 48])).unwrap();
    let now = Timestamp::from_second(1_763_900_000).unwrap();
    let mut headers = HeaderMap::new();
    for number in 0..KEYS {
        let request =
            KeyRequest { name: format!("team {number}"), team: None, models: None, expires_at: None };
        let new = add_key(&path, &pepper, request, now).unwrap();
        headers.insert(AUTHORIZATION, format!("Bearer {}", new.key.expose_secret()).parse().unwrap());
    }
    let authenticator = Authenticator::KeysFile(Arc::new(KeysFile::load(path, pepper).unwrap()));
    let input = Input { authenticator, headers, now };
    assert_eq!(run(&input).name, format!("team {}", KEYS - 1));
    input
}

#[library_benchmark]
#[bench::by_api_key(warm())]
pub(crate) fn authenticate(input: Input) -> (Input, Arc<Principal>) {
    let principal = run(black_box(&input));
    (input, principal)
}
