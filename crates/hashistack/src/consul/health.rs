//! A service instance.
use std::collections::BTreeMap;

/// How checks stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStatus {
    /// p
    Passing,
    /// w
    Warning,
    /// c
    Critical,
    /// unknown
    Unknown,
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInstance {
    /// Its id.
    pub id: String,
    /// Its node.
    pub node: String,
    /// Its address, or that of its node.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// Its meta.
    pub meta: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// How it stands.
    pub status: CheckStatus,
}
