//! What tests share: building and launching the programs, waiting with a reason, cutting wires, a plain HTTP
//! client, certificates and identities of workloads, and real servers of others.
//!
//! A development dependency only: no program links it. It knows how the programs are started and what they print when
//! they are ready; what they answer is for the tests to judge.

pub mod binary;
pub mod client;
pub mod identity;
pub mod kept;
pub mod pki;
pub mod port;
pub mod process;
pub mod scripted;
pub mod server;
pub mod sse;
pub mod sts;
pub mod wait;
pub mod wire;
