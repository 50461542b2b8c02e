//! The policies of `jobs/policies`, with the names of an installation in the places of those that the files have.

/// A file of `jobs/policies`.
#[derive(Debug, Clone, Copy)]
pub struct PolicyFile {
    /// What follows the beginning that all names have: `proxy` of `nova-proxy`.
    pub name: &'static str,
    /// Whose it is, in words.
    pub whose: &'static str,
    /// Its text.
    pub text: &'static str,
}

const fn file(name: &'static str, whose: &'static str, text: &'static str) -> PolicyFile {
    PolicyFile { name, whose, text }
}

/// Consul's policies, those of [the guide](../../../docs/how-to/consul-policies.md).
pub const CONSUL: [PolicyFile; 4] = [
    file("proxy", "instances of nova-proxy", include_str!("../../../jobs/policies/consul/proxy.hcl")),
    file(
        "operator",
        "people who configure the proxies",
        include_str!("../../../jobs/policies/consul/operator.hcl"),
    ),
    file(
        "security-administrator",
        "people who decide who may call what",
        include_str!("../../../jobs/policies/consul/security-administrator.hcl"),
    ),
    file("agent", "nova-agent as a service", include_str!("../../../jobs/policies/consul/agent.hcl")),
];

/// Vault's policies, those of [the guide](../../../docs/how-to/vault-policies.md).
pub const VAULT: [PolicyFile; 5] = [
    file("proxy", "instances of nova-proxy", include_str!("../../../jobs/policies/vault/proxy.hcl")),
    file("agent", "nova-agent as a service", include_str!("../../../jobs/policies/vault/agent.hcl")),
    file(
        "restorer",
        "people who restore a backup",
        include_str!("../../../jobs/policies/vault/restorer.hcl"),
    ),
    file(
        "auditor",
        "people who verify the audit log",
        include_str!("../../../jobs/policies/vault/auditor.hcl"),
    ),
    file(
        "secrets-administrator",
        "people who put secrets in place",
        include_str!("../../../jobs/policies/vault/secrets-administrator.hcl"),
    ),
];

/// Nomad's policies.
pub const NOMAD: [PolicyFile; 4] = [
    file(
        "deployer",
        "people and pipelines who bring versions out",
        include_str!("../../../jobs/policies/nomad/deployer.hcl"),
    ),
    file("viewer", "people who look at the jobs", include_str!("../../../jobs/policies/nomad/viewer.hcl")),
    file(
        "keys-administrator",
        "people who give out API keys",
        include_str!("../../../jobs/policies/nomad/keys-administrator.hcl"),
    ),
    file("agent", "nova-agent as a service", include_str!("../../../jobs/policies/nomad/agent.hcl")),
];

/// The text with other words in the places of some, in one pass: what was put in is not looked at again.
#[must_use]
pub fn filled(text: &str, words: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let found = words.iter().find_map(|(from, to)| Some((rest.strip_prefix(from)?, to)));
        if let Some((after, to)) = found {
            filled.push_str(to);
            rest = after;
        } else {
            filled.push(letter);
            rest = rest.strip_prefix(letter).unwrap_or_default();
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_in_once() {
        let words = [("\"a/", "\"b/".to_owned()), ("\"b/", "\"c/".to_owned())];
        assert_eq!(filled("x \"a/é\" \"b/a/\"", &words), "x \"b/é\" \"c/a/\"");
    }
}
