//! When two values say the same, though a server tells them otherwise than they were written.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

/// Whether what a server tells says what was wanted: lists in any order, texts without the blanks around them, times in any unit, and
/// a list of one text as that text, which is how Terraform's provider writes the claims that a role of Vault is bound to.
#[must_use]
pub fn is_same(told: &Value, wanted: &Value) -> bool {
    match (told, wanted) {
        (Value::Array(told), Value::Array(wanted)) => {
            told.len() == wanted.len() && sorted(told) == sorted(wanted)
        }
        (Value::Object(told), Value::Object(wanted)) => {
            told.len() == wanted.len()
                && told
                    .iter()
                    .all(|(name, told)| wanted.get(name).is_some_and(|wanted| is_same(told, wanted)))
        }
        (Value::String(told), Value::String(wanted)) => {
            told.trim() == wanted.trim() || time(told).is_some_and(|told| time(wanted) == Some(told))
        }
        (Value::Array(told), Value::String(_)) => {
            matches!(told.as_slice(), [one] if one.is_string() && is_same(one, wanted))
        }
        // A number alone is one of seconds.
        (Value::Number(told), Value::String(wanted)) => {
            told.as_u64().map(Duration::from_secs).is_some_and(|told| time(wanted) == Some(told))
        }
        _ => told == wanted,
    }
}

fn sorted(list: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = list.iter().map(Value::to_string).collect();
    texts.sort_unstable();
    texts
}

/// A time as servers that are written in Go have it: `1h0m0s`, `30m`.
fn time(text: &str) -> Option<Duration> {
    let is_one = text.starts_with(|letter: char| letter.is_ascii_digit());
    is_one.then(|| text.parse::<SignedDuration>().ok()).flatten().and_then(|time| time.try_into().ok())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::order(json!(["b", "a"]), json!(["a", "b"]), true)]
    #[case::twice(json!(["a", "a"]), json!(["a", "b"]), false)]
    #[case::one_more(json!(["a", "b"]), json!(["a"]), false)]
    #[case::blanks(json!("path {}"), json!("path {}\n"), true)]
    #[case::go(json!("1h0m0s"), json!("1h"), true)]
    #[case::milliseconds(json!("3600000ms"), json!("1h"), true)]
    #[case::seconds(json!(1800), json!("30m"), true)]
    #[case::longer(json!(1801), json!("30m"), false)]
    #[case::number(json!(0), json!(0), true)]
    #[case::zero(json!(0), json!("0s"), true)]
    #[case::switch(json!(true), json!(false), false)]
    #[case::objects(json!({"a": "1", "b": "2"}), json!({"b": "2", "a": "1"}), true)]
    #[case::within_an_object(json!({"a": ["x", "y"]}), json!({"a": ["y", "x"]}), true)]
    #[case::more_in_an_object(json!({"a": "1", "b": "2"}), json!({"a": "1"}), false)]
    #[case::one_in_a_list(json!(["default"]), json!("default"), true)]
    #[case::another_in_a_list(json!(["default"]), json!("other"), false)]
    #[case::two_in_a_list(json!(["default", "other"]), json!("default"), false)]
    #[case::a_list_was_wanted(json!("default"), json!(["default"]), false)]
    #[case::kinds(json!("1"), json!(1), false)]
    #[case::words(json!("hour"), json!("hours"), false)]
    fn values_are_compared_by_what_they_say(#[case] told: Value, #[case] wanted: Value, #[case] same: bool) {
        assert_eq!(is_same(&told, &wanted), same, "{told} {wanted}");
    }
}
