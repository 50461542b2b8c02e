//! Ranges of durations and sizes, which are strings in JSON.

use std::str::FromStr;

use serde_json::Value;

use crate::document::{Block, NodeValue};
use crate::path::{Path, Segment};
use crate::redact::quoted;
use crate::schema::lookup;
use crate::{DurationText, SizeText};

impl super::Checker<'_> {
    /// Compares every duration and size of the right form with the `x-minimum` and `x-maximum` of its schema.
    pub(super) fn ranges(&mut self, sound: &Block) {
        self.ranges_below(sound, &Path::default());
    }

    fn ranges_below(&mut self, block: &Block, path: &Path) {
        for (name, node) in block {
            let here = path.field(name);
            match &node.value {
                NodeValue::String(text) => {
                    if let Some((problem, fix)) =
                        lookup::at(self.schema.value, &here).and_then(|schema| judge(schema, text))
                    {
                        self.fault(&here, problem, fix);
                    }
                }
                NodeValue::Block(below) => self.ranges_below(below, &here),
                NodeValue::Labelled(blocks) => {
                    for (label, node) in blocks {
                        if let NodeValue::Block(below) = &node.value {
                            self.ranges_below(below, &here.child(Segment::Label(label.clone())));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn judge(schema: &Value, text: &str) -> Option<(String, String)> {
    let minimum = schema.get("x-minimum").and_then(Value::as_str)?;
    let maximum = schema.get("x-maximum").and_then(Value::as_str)?;
    let problem = outside::<DurationText>(text, minimum, maximum)
        .or_else(|| outside::<SizeText>(text, minimum, maximum))?;
    Some((
        format!("{} {problem}", quoted(text)),
        format!("write a value from \"{minimum}\" to \"{maximum}\""),
    ))
}

fn outside<T: FromStr + Ord>(text: &str, minimum: &str, maximum: &str) -> Option<String> {
    let value = text.parse::<T>().ok()?;
    if value < minimum.parse().ok()? {
        Some(format!("is below the minimum \"{minimum}\""))
    } else if value > maximum.parse().ok()? {
        Some(format!("is above the maximum \"{maximum}\""))
    } else {
        None
    }
}
