//! Which role a token of Nomad's has. Pure.

use std::collections::BTreeSet;

use nova_hashistack::nomad::NomadToken;

use super::{Caller, Role};

/// The type of tokens that may do everything at Nomad.
const MANAGEMENT: &str = "management";

/// The policies of each role, by the names that they have at Nomad.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRules {
    /// Those of viewers.
    pub viewer: BTreeSet<String>,
    /// Those of operators.
    pub operator: BTreeSet<String>,
}

impl AccessRules {
    /// Whose token it is, and the highest role that one of its policies gives. A management token is an operator's: it could change
    /// every policy.
    #[must_use]
    pub fn caller(&self, token: &NomadToken) -> Caller {
        let has = |of: &BTreeSet<String>| token.policies.iter().any(|policy| of.contains(policy));
        let role = if token.kind == MANAGEMENT || has(&self.operator) {
            Some(Role::Operator)
        } else {
            has(&self.viewer).then_some(Role::Viewer)
        };
        let name = if token.name.is_empty() { "a token without a name" } else { &token.name };
        Caller { name: format!("{name} ({})", token.accessor), role }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::management("management", &[], Some(Role::Operator))]
    #[case::an_operators("client", &["deploy", "look"], Some(Role::Operator))]
    #[case::a_viewers("client", &["look"], Some(Role::Viewer))]
    #[case::of_others("client", &["other"], None)]
    #[case::without_policies("client", &[], None)]
    fn the_highest_role_counts(
        #[case] kind: &str,
        #[case] policies: &[&str],
        #[case] expected: Option<Role>,
    ) {
        let rules =
            AccessRules { viewer: ["look".to_owned()].into(), operator: ["deploy".to_owned()].into() };
        let token = NomadToken {
            accessor: "5a4d".to_owned(),
            name: "ana".to_owned(),
            kind: kind.to_owned(),
            policies: policies.iter().map(|name| (*name).to_owned()).collect(),
            expiration_time: None,
        };
        let caller = rules.caller(&token);
        assert_eq!((caller.role, caller.name.as_str()), (expected, "ana (5a4d)"));
    }
}
