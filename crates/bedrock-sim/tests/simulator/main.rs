//! The simulator over real sockets: as the AWS SDK for Rust sees it, and as raw HTTP sees it.

mod aws_sdk;
mod faults;
mod harness;
mod http_contract;
mod lifecycle;
