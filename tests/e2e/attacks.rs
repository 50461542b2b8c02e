//! Attacks on the built proxy: each shows that memory stays bounded, that the proxy's own limits end the attack, and that a polite client
//! beside it never fails.
//!
//! The attackers are on loopback, few and short: every limit that they run into is a short one of the test's own configuration. What a
//! caller of good will can get wrong is in `bad_input.rs`. Figures are shown by `cargo test -p nova-tests --test e2e attacks -- --nocapture`,
//! and written to the file that `NOVA_ATTACK_REPORT` names.

mod bodies;
pub(crate) mod clock;
mod descriptors;
mod frames;
mod headers;
mod http2;
mod idle;
mod names;
mod polite;
mod raw;
mod siege;
mod slow;
mod smuggling;
