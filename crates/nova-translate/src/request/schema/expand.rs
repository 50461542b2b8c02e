//! References resolved in place: a copy of what they point at, with an end for those that point at themselves.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::budget::{SchemaBudget, TooLarge};

/// At most so many values within each other: deeper ones are written as "anything". What reads the schema later has a stack too.
const DEPTH_MAX: usize = 64;

/// Objects end a little earlier, so that the lists of keywords that stand in them are kept whole.
const OBJECT_DEPTH_MAX: usize = DEPTH_MAX - 2;

/// Copies values of one document.
#[derive(Debug)]
pub(super) struct Expander<'a, 'b> {
    document: &'a Value,
    budget: &'b mut SchemaBudget,
    /// How often each target of a reference stands on the way from the root to here.
    on_path: HashMap<*const Value, usize>,
    /// Why parts were written as "anything".
    cuts: BTreeSet<&'static str>,
}

/// An object with the references at its top followed.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    /// What stands beside a reference (a description, say) goes before what it points at.
    pub(super) members: Vec<(&'a str, &'a Value)>,
    /// The targets that were followed.
    entered: Vec<*const Value>,
}

impl<'a, 'b> Expander<'a, 'b> {
    pub(super) fn new(document: &'a Value, budget: &'b mut SchemaBudget) -> Self {
        Self { document, budget, on_path: HashMap::new(), cuts: BTreeSet::new() }
    }

    /// Why parts were written as "anything", in words for the caller.
    pub(super) fn into_cuts(self) -> BTreeSet<&'static str> {
        self.cuts
    }

    /// Copies `value`, which stands `depth` values deep.
    pub(super) fn expand(&mut self, value: &'a Value, depth: usize) -> Result<Value, TooLarge> {
        match value {
            Value::Object(object) => self.expand_object(object, depth),
            Value::Array(items) => {
                self.budget.charge(2)?;
                if depth >= DEPTH_MAX {
                    self.cut_nesting(items.is_empty());
                    return Ok(Value::Array(Vec::new()));
                }
                items
                    .iter()
                    .map(|item| self.expand(item, depth + 1))
                    .collect::<Result<_, _>>()
                    .map(Value::Array)
            }
            Value::String(text) => {
                self.budget.charge(text.len() + 2)?;
                Ok(value.clone())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                self.budget.charge(4)?;
                Ok(value.clone())
            }
        }
    }

    fn expand_object(&mut self, object: &'a Map<String, Value>, depth: usize) -> Result<Value, TooLarge> {
        self.budget.charge(2)?;
        if depth >= OBJECT_DEPTH_MAX {
            self.cut_nesting(object.is_empty());
            return Ok(Value::Object(Map::new()));
        }
        let chain = self.follow(object)?;
        let mut expanded = Map::new();
        for (key, value) in &chain.members {
            self.budget.charge(key.len() + 4)?;
            expanded.insert((*key).to_owned(), self.expand(value, depth + 1)?);
        }
        self.leave(&chain);
        Ok(Value::Object(expanded))
    }

    /// Follows the reference of `object`, that of its target, and so on. A loop, because chains may be longer than the stack is deep.
    pub(super) fn follow(&mut self, object: &'a Map<String, Value>) -> Result<Chain<'a>, TooLarge> {
        let (mut layers, mut entered, mut last) = (vec![object], Vec::new(), object);
        while let Some(reference) = last.get("$ref").and_then(Value::as_str) {
            self.budget.charge(reference.len() + 1)?;
            let target = reference.strip_prefix('#').and_then(|pointer| self.document.pointer(pointer));
            let Some((target, Value::Object(next))) = target.map(|target| (target, target)) else {
                self.cuts
                    .insert("a reference points at nothing within the schema: anything is allowed there");
                break;
            };
            let times = self.on_path.entry(std::ptr::from_ref(target)).or_default();
            if *times >= self.budget.repeats_max() {
                self.cuts.insert("a definition that contains itself is written out twice at most: anything is allowed further within");
                break;
            }
            *times += 1;
            entered.push(std::ptr::from_ref(target));
            self.budget.charge(next.len())?;
            layers.push(next);
            last = next;
        }
        Ok(Chain { members: merge(&layers), entered })
    }

    /// Goes back out of an object that was followed.
    pub(super) fn leave(&mut self, chain: &Chain<'a>) {
        for target in &chain.entered {
            if let Some(times) = self.on_path.get_mut(target) {
                *times -= 1;
            }
        }
    }

    fn cut_nesting(&mut self, nothing_lost: bool) {
        if !nothing_lost {
            self.cuts.insert("the schema is nested more than 64 deep: anything is allowed further within");
        }
    }
}

/// The members of an object and of the targets behind it: the first layer that has a key wins.
fn merge<'a>(layers: &[&'a Map<String, Value>]) -> Vec<(&'a str, &'a Value)> {
    let mut members: Vec<(&str, &Value)> = Vec::new();
    let mut positions = HashMap::new();
    for (behind, layer) in layers.iter().enumerate().rev() {
        for (key, value) in *layer {
            // The definitions of a target that is the whole document are not part of what it describes.
            let is_definitions =
                behind > 0 && matches!(key.as_str(), "$defs" | "definitions" | "$schema" | "$id");
            if (key == "$ref" && value.is_string()) || is_definitions {
                continue;
            }
            match positions.get(key.as_str()) {
                Some(&position) => members[position] = (key.as_str(), value),
                None => {
                    positions.insert(key.as_str(), members.len());
                    members.push((key, value));
                }
            }
        }
    }
    members
}
