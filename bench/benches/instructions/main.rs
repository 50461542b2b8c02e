//! What a request and each chunk of a stream cost, in instructions as callgrind counts them: the limits are in `bench/limits.toml`.
//!
//! Every operation has run once before it is counted, so that what is made at the first request of a process does not count. Inputs
//! are made outside of the count, and freed within it where the proxy frees them too.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run has to stop, as a test has")]
#![expect(
    clippy::disallowed_methods,
    reason = "the macro `main!` of gungraun ends the process; no log waits to be written"
)]
#![expect(missing_docs, reason = "the macros of gungraun make public items in a program that nobody links")]

mod authentication;
mod fixture;
mod record;
mod reply;
mod request;
mod signature;
mod stream;

use authentication::authenticate;
use gungraun::prelude::*;
use mimalloc::MiMalloc;
use record::end_request;
use reply::translate_reply;
use request::translate_request;
use signature::{body_digest, sign_attempt};
use stream::relay_stream;

/// The program's own.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

library_benchmark_group!(
    name = counted,
    benchmarks = [
        authenticate,
        translate_request,
        body_digest,
        sign_attempt,
        translate_reply,
        relay_stream,
        end_request
    ]
);

main!(
    config = LibraryBenchmarkConfig::default().pass_through_env("VALGRIND_LIB"),
    library_benchmark_groups = counted
);
