//! What the token of a set-up needs, and which of it one lacks.
//!
//! Vault tells before anything is written, so that a token with too few rights does not stop in the middle.

use std::collections::BTreeMap;

use super::VaultThing;

/// Capabilities at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// The path, as policies have it.
    pub path: String,
    /// What has to be allowed there.
    pub capabilities: &'static [&'static str],
}

/// What it takes to look at a thing, and with `writes` to write it.
pub fn rights(thing: &VaultThing, writes: bool) -> Vec<Right> {
    const READ: &[&str] = &["read"];
    const WRITE: &[&str] = &["create", "update"];
    let right = |path: String, capabilities| Right { path, capabilities };
    let mut needed = match thing {
        VaultThing::Engine { .. } => vec![right("sys/mounts".to_owned(), READ)],
        VaultThing::AuthMethod { .. } => vec![right("sys/auth".to_owned(), READ)],
        VaultThing::Policy { name, .. } => vec![right(format!("sys/policies/acl/{name}"), READ)],
        VaultThing::Entry(entry) => vec![right(entry.path.clone(), READ)],
    };
    if writes {
        needed.push(match thing {
            VaultThing::Engine { path, .. } => right(format!("sys/mounts/{path}"), WRITE),
            VaultThing::AuthMethod { path } => {
                right(format!("sys/auth/{path}"), &["create", "update", "sudo"])
            }
            VaultThing::Policy { name, .. } => right(format!("sys/policies/acl/{name}"), WRITE),
            VaultThing::Entry(entry) => right(entry.path.clone(), WRITE),
        });
    }
    needed
}

/// Those that a token lacks, of which Vault has told what it may do.
///
/// A write is one of `create` and `update`, and which one is a matter of the engine: either is taken for enough here.
pub fn lacking(needed: &[Right], capabilities: &BTreeMap<String, Vec<String>>) -> Vec<Right> {
    let may = |right: &Right, capability: &str| {
        let told = capabilities.get(&right.path);
        told.is_some_and(|told| told.iter().any(|one| one == capability || one == "root"))
    };
    let is_enough = |right: &Right| {
        let writes = |capability: &&str| matches!(*capability, "create" | "update");
        let others = right.capabilities.iter().filter(|capability| !writes(capability));
        let is_write = right.capabilities.iter().any(writes);
        others.copied().all(|capability| may(right, capability))
            && (!is_write || may(right, "create") || may(right, "update"))
    };
    needed.iter().filter(|right| !is_enough(right)).cloned().collect()
}

/// A policy that gives these rights.
pub fn policy(rights: &[Right]) -> String {
    let mut by_path: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for right in rights {
        let all = by_path.entry(&right.path).or_default();
        for capability in right.capabilities {
            if !all.contains(capability) {
                all.push(capability);
            }
        }
    }
    let block = |(path, capabilities): (&str, Vec<&str>)| {
        let capabilities: Vec<String> =
            capabilities.iter().map(|capability| format!("\"{capability}\"")).collect();
        format!("path \"{path}\" {{\n  capabilities = [{}]\n}}\n", capabilities.join(", "))
    };
    by_path.into_iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn engine() -> VaultThing {
        VaultThing::Engine { path: "kv".to_owned(), engine: "kv", version: Some("2"), fixed: &[] }
    }

    #[rstest]
    #[case::root(&[("sys/mounts", "root"), ("sys/mounts/kv", "root")], &[])]
    #[case::enough(&[("sys/mounts", "read"), ("sys/mounts/kv", "update")], &[])]
    #[case::nothing(&[("sys/mounts", "deny"), ("sys/mounts/kv", "deny")], &["sys/mounts", "sys/mounts/kv"])]
    #[case::reads(&[("sys/mounts", "read"), ("sys/mounts/kv", "read")], &["sys/mounts/kv"])]
    #[case::untold(&[("sys/mounts", "read")], &["sys/mounts/kv"])]
    fn what_a_token_lacks_is_told_by_its_capabilities(
        #[case] told: &[(&str, &str)],
        #[case] expected: &[&str],
    ) {
        let told = told.iter().map(|(path, one)| ((*path).to_owned(), vec![(*one).to_owned()])).collect();
        let lacking = lacking(&rights(&engine(), true), &told);
        assert_eq!(lacking.iter().map(|right| right.path.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_auth_method_takes_sudo() {
        let method = VaultThing::AuthMethod { path: "jwt-nomad".to_owned() };
        let told = BTreeMap::from([
            ("sys/auth".to_owned(), vec!["read".to_owned()]),
            ("sys/auth/jwt-nomad".to_owned(), vec!["update".to_owned()]),
        ]);
        assert_eq!(lacking(&rights(&method, true), &told).len(), 1);
        assert!(lacking(&rights(&method, false), &told).is_empty());
    }

    #[test]
    fn a_policy_has_each_path_once() {
        let rights: Vec<Right> = [rights(&engine(), true), rights(&engine(), false)].concat();
        let policy = policy(&rights);
        assert_eq!(policy.matches("\"sys/mounts\"").count(), 1, "{policy}");
        assert!(policy.contains("path \"sys/mounts/kv\" {\n  capabilities = [\"create\", \"update\"]\n}"));
    }
}
