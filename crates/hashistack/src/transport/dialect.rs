//! The names by which each product says the same things.

/// Header names of one product, in lower case.
#[derive(Debug)]
pub struct Dialect {
    /// The product, as messages name it.
    pub product: &'static str,
    /// The request header that carries the token.
    pub token: &'static str,
    /// The index to wait for a change after; absent where the product has no blocking queries.
    pub index: Option<&'static str>,
    /// Whether the server that answered knows a leader.
    pub known_leader: Option<&'static str>,
    /// Milliseconds since that server last heard from the leader.
    pub last_contact: Option<&'static str>,
    /// Set when rules of access left something out of the answer.
    pub filtered: Option<&'static str>,
    /// What is put into words from the body of a refusal.
    pub words: fn(&str) -> Option<String>,
}

impl Dialect {
    /// Consul's, from the pages "Blocking queries", "Consistency modes" and "API structure" of its API documentation.
    pub const CONSUL: Self = Self {
        product: "consul",
        token: "x-consul-token",
        index: Some("x-consul-index"),
        known_leader: Some("x-consul-knownleader"),
        last_contact: Some("x-consul-lastcontact"),
        filtered: Some("x-consul-results-filtered-by-acls"),
        words: |_plain_already| None,
    };

    /// Vault's, from the page "HTTP API" of its API documentation. It has neither blocking queries nor indexes.
    pub const VAULT: Self = Self {
        product: "vault",
        token: "x-vault-token",
        index: None,
        known_leader: None,
        last_contact: None,
        filtered: None,
        words: crate::vault::words,
    };

    /// Nomad's, from the pages "HTTP API" and "Blocking queries" of its API documentation.
    pub const NOMAD: Self = Self {
        product: "nomad",
        token: "x-nomad-token",
        index: Some("x-nomad-index"),
        known_leader: Some("x-nomad-knownleader"),
        last_contact: Some("x-nomad-lastcontact"),
        filtered: None,
        words: |_plain_already| None,
    };
}
