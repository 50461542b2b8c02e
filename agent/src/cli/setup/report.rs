//! A plan in text and in JSON.

use console::style;
use serde_json::{Map, Value, json};
use similar::TextDiff;

use super::super::output::{colored_diff, visible_line};
use super::About;
use crate::setup::plan::{Action, Difference, Step, Tally, tally};

/// Lines around a difference of a policy that are shown.
const CONTEXT: usize = 2;

/// What is told of a plan.
pub(super) struct Report<'r> {
    pub about: &'r About,
    pub steps: &'r [Step],
}

impl Report<'_> {
    /// The whole of it.
    pub(super) fn text(&self, count: Tally) -> String {
        let mut lines = vec![self.head()];
        lines.extend(self.steps.iter().map(|step| self.step(step)));
        lines.push(format!("\n{}", self.counted(count)));
        lines.join("\n")
    }

    /// Which server it is.
    pub(super) fn head(&self) -> String {
        format!("{} at {}\n", self.about.product, self.about.address)
    }

    /// What is told when all of it was done.
    pub(super) fn applied(&self, count: Tally) -> String {
        let Tally { create, change, keep, .. } = count;
        let kept = format!("{keep} were as they are to be");
        let first = if create + change == 0 {
            format!("nothing was to do: {kept}")
        } else {
            format!("\n{create} created, {change} changed; {kept}")
        };
        [first, self.rest()].concat()
    }

    fn counted(&self, count: Tally) -> String {
        let Tally { create, change, keep, leave } = count;
        let counted = format!(
            "{create} to create, {change} to change, {keep} as they are to be, {leave} not to be changed"
        );
        [counted, self.rest()].concat()
    }

    /// What somebody has to do beside it.
    fn rest(&self) -> String {
        self.about.left_to_you.iter().map(|text| format!("\nleft to you: {text}")).collect()
    }

    /// One line, and one for each field below it.
    pub(super) fn step(&self, step: &Step) -> String {
        let (kind, name) = (step.kind, visible_line(&step.name));
        let (sign, word) = match &step.action {
            Action::Create(_) => (style("+").green(), "create"),
            Action::Change(_) => (style("~").yellow(), "change"),
            Action::Keep => (style("="), "as it is to be"),
            Action::Leave { .. } => (style("!").red(), "differs and is not this command's to change"),
        };
        let mut lines = vec![format!("  {sign} {kind}/{name}  {word}")];
        match &step.action {
            Action::Create(fields) => {
                lines.extend(fields.iter().filter_map(|(name, value)| created(name, value)))
            }
            Action::Change(differences) => lines.extend(differences.iter().map(differing)),
            Action::Leave { differences, why } => {
                lines.extend(differences.iter().map(differing));
                lines.push(format!("      {why}"));
            }
            Action::Keep => {}
        }
        lines.join("\n")
    }

    /// The whole of it for scripts, with further members.
    pub(super) fn json(&self, is_applied: bool, more: Value) -> Value {
        let Tally { create, change, keep, leave } = tally(self.steps);
        let mut told = json!({
            "server": self.about.product.to_lowercase(), "address": self.about.address, "applied": is_applied,
            "create": create, "change": change, "keep": keep, "leave": leave,
            "steps": self.steps.iter().map(step_json).collect::<Vec<_>>(),
            "left_to_you": self.about.left_to_you,
        });
        if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
            told.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
        }
        told
    }
}

/// What a field of a new thing says. A policy's text is in `jobs/policies`, and what says nothing is left out.
fn created(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Array(list) if list.is_empty() => None,
        Value::String(text) if text.contains('\n') => {
            Some(format!("      {name}: {} lines", text.trim().lines().count()))
        }
        _ => Some(format!("      {name}: {}", shown(Some(value)))),
    }
}

fn differing(difference: &Difference) -> String {
    let Difference { field, from, to } = difference;
    if let (Some(Value::String(from)), Some(Value::String(to))) = (from, to)
        && (from.contains('\n') || to.contains('\n'))
    {
        let unified = TextDiff::from_lines(with_end(from).as_str(), with_end(to).as_str())
            .unified_diff()
            .context_radius(CONTEXT)
            .header("is", "is to be")
            .to_string();
        let lines: String = colored_diff(&unified).lines().map(|line| format!("\n        {line}")).collect();
        return format!("      {field}:{lines}");
    }
    format!("      {field}: {} -> {}", shown(from.as_ref()), shown(to.as_ref()))
}

/// With the end of a line at its end: servers cut it off.
fn with_end(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| visible_line(&value.to_string()))
}

fn step_json(step: &Step) -> Value {
    let (action, differences, why) = match &step.action {
        Action::Create(_) => ("create", &[][..], None),
        Action::Change(differences) => ("change", &differences[..], None),
        Action::Keep => ("keep", &[][..], None),
        Action::Leave { differences, why } => ("leave", &differences[..], Some(why)),
    };
    let mut told = json!({ "kind": step.kind, "name": step.name, "action": action });
    if let Action::Create(fields) = &step.action {
        told["fields"] = Value::Object(fields.clone().into_iter().collect::<Map<_, _>>());
    }
    if !differences.is_empty() {
        let one = |difference: &Difference| json!({ "field": difference.field, "from": difference.from, "to": difference.to });
        told["differences"] = differences.iter().map(one).collect();
    }
    if let Some(why) = why {
        told["why"] = json!(why);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::plan::Fields;

    fn about() -> About {
        About {
            product: "Vault",
            address: "http://127.0.0.1:8200".to_owned(),
            left_to_you: vec!["aws/config/root".to_owned()],
        }
    }

    fn steps() -> Vec<Step> {
        let step = |name: &str, action| Step { kind: "policy", name: name.to_owned(), action };
        let difference = |from: &str, to: &str| Difference {
            field: "rules".to_owned(),
            from: Some(json!(from)),
            to: Some(json!(to)),
        };
        let fields = json!({ "rules": "a\nb", "type": "kv", "datacenters": [], "task": null });
        let fields: Fields = fields.as_object().unwrap().clone().into_iter().collect();
        let why = "name it by --overwrite policy/four".to_owned();
        vec![
            step("one", Action::Create(fields)),
            step("two", Action::Change(vec![difference("a\nb", "a\nc\n")])),
            step("three", Action::Keep),
            step("four", Action::Leave { differences: vec![difference("a", "b\u{1b}[2J")], why }),
        ]
    }

    #[test]
    fn a_plan_is_told_line_by_line_and_tricks_a_terminal_nowhere() {
        let (about, steps) = (about(), steps());
        let text = Report { about: &about, steps: &steps }.text(tally(&steps));
        let expected = "Vault at http://127.0.0.1:8200

  + policy/one  create
      rules: 2 lines
      type: \"kv\"
  ~ policy/two  change
      rules:
        --- is
        +++ is to be
        @@ -1,2 +1,2 @@
         a
        -b
        +c
  = policy/three  as it is to be
  ! policy/four  differs and is not this command's to change
      rules: \"a\" -> \"b\\u001b[2J\"
      name it by --overwrite policy/four

1 to create, 1 to change, 1 as they are to be, 1 not to be changed
left to you: aws/config/root";
        assert_eq!(console::strip_ansi_codes(&text), expected);
        assert!(!text.contains("\u{1b}[2J"));
    }

    #[test]
    fn a_plan_is_told_to_scripts_with_every_value() {
        let (about, steps) = (about(), steps());
        let told =
            Report { about: &about, steps: &steps }.json(false, json!({ "error": null, "lacking": "x" }));
        assert_eq!((&told["create"], &told["leave"], &told["lacking"]), (&json!(1), &json!(1), &json!("x")));
        assert!(told.get("error").is_none(), "{told}");
        assert_eq!(told["steps"][1]["differences"][0]["to"], "a\nc\n");
        assert_eq!(told["steps"][3]["action"], "leave");
    }
}
