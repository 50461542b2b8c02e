//! Proxies that are configured by a real Consul, on its good days and its bad ones.

mod access;
mod bad_days;
mod callers;
mod documents;
mod load;
mod many_watchers;
mod outage;
mod registration;
mod versions;
mod volume;
