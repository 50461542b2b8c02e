//! What is wanted beside what is there: for each thing, what is to be done, and why nothing may be.
//!
//! Pure. The rule is the same for every server: what is absent is created; what is as wanted is kept, whoever made it; what differs
//! is changed where it was made by this command, and left alone where it was not, until somebody names it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::value::is_same;

/// What a thing says, by the names that its server has for it.
pub type Fields = BTreeMap<String, Value>;

/// Fields that a server does not let anybody change, and what to do where they differ.
pub type Fixed = &'static [(&'static str, &'static str)];

/// A thing that is to be there.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// What it is: `policy`, `role`, `engine`.
    pub kind: &'static str,
    /// Its name, or its path.
    pub name: String,
    /// What it is to say. What else it says is its owner's affair.
    pub fields: Fields,
    /// What nobody can change of it.
    pub fixed: Fixed,
}

/// What is there under the name of a thing.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// Something.
    Present {
        /// What it says, as far as it is wanted to say something.
        fields: Fields,
        /// Whose it is.
        owner: Owner,
    },
}

/// Who made a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// An earlier run of this command, by its mark.
    Setup,
    /// Somebody else; or nobody can tell.
    Other,
}

/// How a field differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The field.
    pub field: String,
    /// What it says; nothing where it is absent.
    pub from: Option<Value>,
    /// What it is to say; nothing where it is to go.
    pub to: Option<Value>,
}

/// What is to be done about a thing.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It is made.
    Create(Fields),
    /// These fields of it are changed.
    Change(Vec<Difference>),
    /// It is as it is to be.
    Keep,
    /// It differs, and is not to be changed.
    Leave {
        /// How it differs.
        differences: Vec<Difference>,
        /// Why it is left, and what somebody may do.
        why: String,
    },
}

/// One thing of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What it is.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What is to be done.
    pub action: Action,
}

/// How many things there are of each sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// To be created.
    pub create: usize,
    /// To be changed.
    pub change: usize,
    /// As they are to be.
    pub keep: usize,
    /// Not to be changed, though they differ.
    pub leave: usize,
}

impl Wanted {
    /// How it is named on the command line.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }
}

impl Step {
    /// What is to be done about a thing of which this is there. `overwritten` has the labels of things that somebody gave up for it.
    #[must_use]
    pub fn of(wanted: &Wanted, found: &Found, overwritten: &BTreeSet<String>) -> Self {
        let action = match found {
            Found::Absent => Action::Create(wanted.fields.clone()),
            Found::Present { fields, owner } => compare(wanted, fields, *owner, overwritten),
        };
        Self { kind: wanted.kind, name: wanted.name.clone(), action }
    }

    /// Whether it writes something.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self.action, Action::Create(_) | Action::Change(_))
    }
}

fn compare(wanted: &Wanted, fields: &Fields, owner: Owner, overwritten: &BTreeSet<String>) -> Action {
    let differences: Vec<Difference> =
        wanted.fields.iter().flat_map(|(field, to)| differing(field, fields.get(field), to)).collect();
    if differences.is_empty() {
        return Action::Keep;
    }
    let is_fixed = |field: &str| differences.iter().any(|difference| difference.field == field);
    if let Some((_, why)) = wanted.fixed.iter().find(|(field, _)| is_fixed(field)) {
        return Action::Leave { differences, why: (*why).to_owned() };
    }
    let label = wanted.label();
    if owner == Owner::Setup || overwritten.contains(&label) {
        return Action::Change(differences);
    }
    let why = format!(
        "it was not made by this command, or cannot say so: see whose it is, then name it by --overwrite {label}, or choose another name"
    );
    Action::Leave { differences, why }
}

/// How a field differs, told by its members where both sides have some.
fn differing(field: &str, from: Option<&Value>, to: &Value) -> Vec<Difference> {
    if from.is_some_and(|from| is_same(from, to)) {
        return Vec::new();
    }
    let (Some(Value::Object(from)), Value::Object(to)) = (from, to) else {
        return vec![Difference { field: field.to_owned(), from: from.cloned(), to: Some(to.clone()) }];
    };
    let members: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    members
        .into_iter()
        .map(|member| (member, from.get(member), to.get(member)))
        .filter(|(_, from, to)| match (from, to) {
            (Some(from), Some(to)) => !is_same(from, to),
            _ => true,
        })
        .map(|(member, from, to)| Difference {
            field: format!("{field}.{member}"),
            from: from.cloned(),
            to: to.cloned(),
        })
        .collect()
}

/// Counts.
#[must_use]
pub fn tally(steps: &[Step]) -> Tally {
    let mut tally = Tally::default();
    for step in steps {
        let count = match step.action {
            Action::Create(_) => &mut tally.create,
            Action::Change(_) => &mut tally.change,
            Action::Keep => &mut tally.keep,
            Action::Leave { .. } => &mut tally.leave,
        };
        *count += 1;
    }
    tally
}

/// Labels that were to be overwritten and name nothing of the plan.
#[must_use]
pub fn unknown<'l>(overwritten: &'l BTreeSet<String>, wanted: &[Wanted]) -> Vec<&'l str> {
    let known: BTreeSet<String> = wanted.iter().map(Wanted::label).collect();
    overwritten.iter().filter(|label| !known.contains(*label)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const WHY: &str = "disable it";

    fn fields(value: &Value) -> Fields {
        value.as_object().unwrap().clone().into_iter().collect()
    }

    fn wanted() -> Wanted {
        let fields = fields(&json!({ "rules": "read", "ttl": "1h", "type": "jwt" }));
        Wanted { kind: "policy", name: "nova-proxy".to_owned(), fields, fixed: &[("type", WHY)] }
    }

    fn there(value: &Value, owner: Owner) -> Found {
        Found::Present { fields: fields(value), owner }
    }

    /// The sign of what is done, and the fields that differ.
    fn told(action: &Action) -> (char, Vec<&str>) {
        let names = |differences: &'_ [Difference]| -> Vec<String> {
            differences.iter().map(|difference| difference.field.clone()).collect()
        };
        let (sign, names) = match action {
            Action::Create(_) => ('+', Vec::new()),
            Action::Keep => ('=', Vec::new()),
            Action::Change(differences) => ('~', names(differences)),
            Action::Leave { differences, .. } => ('!', names(differences)),
        };
        let known = ["rules", "ttl", "type"];
        (sign, known.into_iter().filter(|known| names.iter().any(|name| name == known)).collect())
    }

    #[rstest]
    #[case::nothing(Found::Absent, "", ('+', vec![]))]
    #[case::same_of_ours(there(&json!({"rules": "read", "ttl": "1h0m0s", "type": "jwt"}), Owner::Setup), "", ('=', vec![]))]
    #[case::same_of_others(there(&json!({"rules": "read", "ttl": 3600, "type": "jwt"}), Owner::Other), "", ('=', vec![]))]
    #[case::more_than_wanted(there(&json!({"rules": "read", "ttl": 3600, "type": "jwt", "x": 1}), Owner::Other), "", ('=', vec![]))]
    #[case::ours_changed(there(&json!({"rules": "write", "ttl": 3600, "type": "jwt"}), Owner::Setup), "", ('~', vec!["rules"]))]
    #[case::ours_with_less(there(&json!({"type": "jwt"}), Owner::Setup), "", ('~', vec!["rules", "ttl"]))]
    #[case::of_others(there(&json!({"rules": "write", "ttl": 60, "type": "jwt"}), Owner::Other), "", ('!', vec!["rules", "ttl"]))]
    #[case::of_others_given_up(there(&json!({"rules": "write", "ttl": 3600, "type": "jwt"}), Owner::Other), "policy/nova-proxy", ('~', vec!["rules"]))]
    #[case::another_given_up(there(&json!({"rules": "write", "ttl": 3600, "type": "jwt"}), Owner::Other), "role/nova-proxy", ('!', vec!["rules"]))]
    #[case::fixed_of_ours(there(&json!({"rules": "read", "ttl": 3600, "type": "oidc"}), Owner::Setup), "policy/nova-proxy", ('!', vec!["type"]))]
    fn what_is_done_follows_from_what_is_there(
        #[case] found: Found,
        #[case] overwritten: &str,
        #[case] expected: (char, Vec<&str>),
    ) {
        let step = Step::of(&wanted(), &found, &BTreeSet::from([overwritten.to_owned()]));
        assert_eq!(told(&step.action), expected, "{step:?}");
        assert_eq!(step.writes(), matches!(expected.0, '+' | '~'));
    }

    #[test]
    fn why_a_thing_is_left_says_what_to_do() {
        let none = BTreeSet::new();
        let foreign = there(&json!({"rules": "write", "ttl": 3600, "type": "jwt"}), Owner::Other);
        let Action::Leave { why, .. } = Step::of(&wanted(), &foreign, &none).action else { panic!() };
        assert!(why.contains("--overwrite policy/nova-proxy"), "{why}");
        let fixed = there(&json!({"type": "oidc"}), Owner::Setup);
        let Action::Leave { why, .. } = Step::of(&wanted(), &fixed, &none).action else { panic!() };
        assert_eq!(why, WHY);
    }

    #[test]
    fn a_field_with_members_is_told_by_those_that_differ() {
        let from = json!({ "url": "a", "audiences": ["x", "y"], "issuer": "nomad" });
        let to = json!({ "url": "b", "audiences": ["y", "x"], "claims": {} });
        let told: Vec<_> = differing("config", Some(&from), &to)
            .into_iter()
            .map(|difference| (difference.field, difference.from.is_some(), difference.to.is_some()))
            .collect();
        let expected =
            [("config.claims", false, true), ("config.issuer", true, false), ("config.url", true, true)];
        assert_eq!(told, expected.map(|(field, from, to)| (field.to_owned(), from, to)));
    }

    #[test]
    fn a_name_that_is_nobodys_is_told() {
        let overwritten = BTreeSet::from(["policy/nova-proxy".to_owned(), "policy/nova".to_owned()]);
        assert_eq!(unknown(&overwritten, &[wanted()]), ["policy/nova"]);
    }

    proptest::proptest! {
        #[test]
        fn what_was_written_as_wanted_is_kept(rules in ".*", seconds in 0_u64..1_000_000, is_ours in proptest::bool::ANY) {
            let mut wanted = wanted();
            wanted.fields.insert("rules".to_owned(), json!(rules));
            wanted.fields.insert("ttl".to_owned(), json!(format!("{seconds}s")));
            let owner = if is_ours { Owner::Setup } else { Owner::Other };
            // As servers tell it: without blanks around a text, and a time in seconds.
            let mut fields = wanted.fields.clone();
            fields.insert("rules".to_owned(), json!(rules.trim()));
            fields.insert("ttl".to_owned(), json!(seconds));
            let step = Step::of(&wanted, &Found::Present { fields, owner }, &BTreeSet::new());
            proptest::prop_assert_eq!(step.action, Action::Keep);
        }
    }
}
