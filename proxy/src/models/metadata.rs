//! The configuration's pairs for Bedrock's invocation log, with the caller in place of placeholders.
//!
//! Which placeholders there are is the schema's to check; which pairs win over the caller's is the translation's.

use std::collections::BTreeMap;

use nova_translate::request::metadata_safe;

use crate::auth::Principal;

/// The pairs of one call. A pair with a placeholder that stands for nothing, such as the team of a key without one, is left out:
/// an empty value would be counted as a team of its own.
pub(super) fn resolve(
    written: &BTreeMap<String, String>,
    principal: Option<&Principal>,
    model: &str,
) -> BTreeMap<String, String> {
    let value = |placeholder: &str| match (placeholder, principal) {
        ("model", _) => Some(model),
        ("key_id", Some(principal)) => Some(principal.id.as_str()),
        ("key_name", Some(principal)) => Some(principal.name.as_str()),
        ("team", Some(principal)) => principal.team.as_deref(),
        _ => None,
    };
    let pair = |(key, text): (&String, &String)| Some((key.clone(), metadata_safe(&fill(text, value)?)));
    written.iter().filter_map(pair).collect()
}

/// `text` with each `{name}` replaced; nothing where one stands for nothing.
fn fill<'a>(text: &str, value: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(value(name)?);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn search_team() -> Principal {
        let team = Some("R&D Zürich".to_owned());
        Principal { id: "k-1".to_owned(), name: "batch".to_owned(), team, ..Principal::anonymous() }
    }

    #[rstest]
    #[case("4711", Some("4711"))]
    #[case("", Some(""))]
    #[case("{key_id}/{model}", Some("k-1/chat"))]
    #[case("by {key_name}.", Some("by batch."))]
    #[case("{team}", Some("R_D Z_rich"))]
    fn placeholders_stand_for_the_caller(#[case] written: &str, #[case] expected: Option<&str>) {
        let pairs = BTreeMap::from([("pair".to_owned(), written.to_owned())]);
        let sent = resolve(&pairs, Some(&search_team()), "chat");
        assert_eq!(sent.get("pair").map(String::as_str), expected);
    }

    #[test]
    fn a_pair_whose_value_nobody_knows_is_left_out() {
        let pairs = [("team", "{team}"), ("both", "{team}-{key_id}"), ("key", "{key_id}")];
        let pairs = pairs.map(|(key, text)| (key.to_owned(), text.to_owned())).into();
        let sent = resolve(&pairs, Some(&Principal::anonymous()), "chat");
        assert_eq!(sent, BTreeMap::from([("key".to_owned(), "anonymous".to_owned())]));
    }

    #[test]
    fn a_value_that_grew_too_long_is_cut() {
        let long = Principal { name: "n".repeat(400), ..Principal::anonymous() };
        let pairs = BTreeMap::from([("name".to_owned(), "{key_name}".to_owned())]);
        assert_eq!(resolve(&pairs, Some(&long), "chat")["name"].len(), 256);
    }
}
