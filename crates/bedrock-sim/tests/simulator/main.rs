//! The simulator over real sockets: as the AWS SDK for Rust sees it, and as raw HTTP sees it.
//!
//! The modules are marked as tests so that lints know their helpers as such.

#[cfg(test)]
mod aws_sdk;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod http_contract;
#[cfg(test)]
mod invoke;
#[cfg(test)]
mod lifecycle;
