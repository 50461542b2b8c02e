//! One HCL text as a tree of literals with the place of each.
//!
//! Owns what of HCL is configuration: attributes, lists, maps, blocks with at most one label, and literals. Expressions are
//! refused, because a configuration must mean the same on every instance. Names are judged in `check`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, Object, ObjectKey, UnaryOperator};
use hcl_edit::structure::{Attribute, Body, Structure};
use hcl_edit::template::{Element, Template};
use serde_json::{Map, Number, Value};

use crate::fault::Fault;
use crate::path::{Path, Segment};
use crate::schema::lookup;
use crate::source::{Position, Sources, Span};

/// The attributes and blocks between two braces.
pub(crate) type Block = BTreeMap<String, Node>;

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: NodeValue,
    /// The name of the attribute or block.
    pub(crate) key: Span,
    /// The value itself; a block's whole text.
    pub(crate) span: Span,
}

/// A literal, a block, or all blocks of one name by label.
#[derive(Clone, Debug)]
pub(crate) enum NodeValue {
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Node>),
    /// Values under names of the operator's own, where the schema has such a map.
    Map(Block),
    Block(Block),
    Labelled(Block),
}

impl Node {
    /// The value without its places, as the schema sees it.
    pub(crate) fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Bool(value) => Value::Bool(*value),
            NodeValue::Number(value) => Value::Number(value.clone()),
            NodeValue::String(value) => Value::String(value.clone()),
            NodeValue::List(list) => Value::Array(list.iter().map(Self::to_json).collect()),
            NodeValue::Map(block) | NodeValue::Block(block) | NodeValue::Labelled(block) => {
                block_to_json(block)
            }
        }
    }

    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Bool(_) => "a boolean",
            NodeValue::Number(_) => "a number",
            NodeValue::String(_) => "a string",
            NodeValue::List(_) => "a list",
            NodeValue::Map(_) => "a map",
            NodeValue::Block(_) | NodeValue::Labelled(_) => "a block",
        }
    }
}

pub(crate) fn block_to_json(block: &Block) -> Value {
    Value::Object(block.iter().map(|(name, node)| (name.clone(), node.to_json())).collect::<Map<_, _>>())
}

/// The node at `path`, where there is one.
pub(crate) fn find<'a>(root: &'a Block, path: &Path) -> Option<&'a Node> {
    let (first, rest) = path.0.split_first()?;
    let Segment::Field(name) = first else { return None };
    rest.iter().try_fold(root.get(name)?, |node, segment| match (&node.value, segment) {
        (NodeValue::Block(block) | NodeValue::Map(block), Segment::Field(name)) => block.get(name),
        (NodeValue::Labelled(block), Segment::Label(name)) => block.get(name),
        (NodeValue::List(list), Segment::Index(index)) => list.get(*index),
        _ => None,
    })
}

/// Parses source number `source`; `schema` tells which of its values are maps. Every fault of form is put into `faults`;
/// the tree then lacks what was faulty.
pub(crate) fn parse(sources: &Sources, source: usize, schema: &Value, faults: &mut Vec<Fault>) -> Block {
    let Some(text) = sources.get(source).map(|found| found.text.as_str()) else { return Block::new() };
    match hcl_edit::parser::parse_body(text) {
        Ok(body) => Reader { sources, source, schema, faults }.body(&body, &Path::default()),
        Err(error) => {
            let at = error.location();
            let file = sources.get(source).map(|found| found.name.clone()).unwrap_or_default();
            let position = Position { file, line: at.line(), column: at.column() };
            let (problem, fix) = if error.message().contains("redefined attribute") {
                ("the attribute is written twice in one block".to_owned(), "keep one of the two")
            } else {
                let fix = "write `name = value`, or `name { … }` with a line for each field";
                (format!("this is not HCL: {}", error.message()), fix)
            };
            faults.push(Fault::new(position, "", problem, fix));
            Block::new()
        }
    }
}

struct Reader<'a> {
    sources: &'a Sources,
    source: usize,
    schema: &'a Value,
    faults: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    fn body(&mut self, body: &Body, path: &Path) -> Block {
        let mut block = Block::new();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => self.attribute(attribute, path, &mut block),
                Structure::Block(found) => self.block(found, path, &mut block),
            }
        }
        block
    }

    fn attribute(&mut self, attribute: &Attribute, path: &Path, into: &mut Block) {
        let name = attribute.key.as_str().to_owned();
        let key = self.span(attribute.key.span());
        let here = path.field(&name);
        let node = self.expression(&attribute.value, &key, &here);
        match (into.entry(name), node) {
            (Entry::Occupied(_), _) => {
                self.fault(&key, &here, "is written as an attribute and as a block", "keep one of the two");
            }
            (Entry::Vacant(slot), Some(node)) => {
                slot.insert(node);
            }
            (Entry::Vacant(_), None) => {}
        }
    }

    fn block(&mut self, block: &hcl_edit::structure::Block, path: &Path, into: &mut Block) {
        let name = block.ident.as_str().to_owned();
        let key = self.span(block.ident.span());
        let span = self.span(block.span());
        let here = path.field(&name);
        let label = match block.labels.as_slice() {
            [] => None,
            [label] => Some(label.as_str().to_owned()),
            [first, ..] => {
                let fix = format!("write one label: {name} {:?} {{ … }}", first.as_str());
                self.fault(&key, &here, "a block takes at most one label", fix);
                return;
            }
        };
        let inner =
            label.as_ref().map_or_else(|| here.clone(), |label| here.child(Segment::Label(label.clone())));
        let is_raw = lookup::at(self.schema, &inner).is_some_and(lookup::is_raw);
        let body = if is_raw { Block::new() } else { self.body(&block.body, &inner) };
        let node = Node { value: NodeValue::Block(body), key: key.clone(), span: span.clone() };
        match (into.get_mut(&name).map(|found| &mut found.value), label) {
            (None, None) => {
                into.insert(name, node);
            }
            (None, Some(label)) => {
                let labelled = NodeValue::Labelled(BTreeMap::from([(label, node)]));
                into.insert(name, Node { value: labelled, key, span });
            }
            (Some(NodeValue::Labelled(labelled)), Some(label)) => match labelled.entry(label) {
                Entry::Occupied(_) => {
                    self.fault(
                        &key,
                        &inner,
                        "is written twice in this file",
                        "put its fields into one block",
                    );
                }
                Entry::Vacant(slot) => {
                    slot.insert(node);
                }
            },
            (Some(NodeValue::Block(_)), None) => {
                self.fault(&key, &here, "is written twice in this file", "put its fields into one block");
            }
            (Some(NodeValue::Labelled(_) | NodeValue::Block(_)), _) => {
                self.fault(&key, &here, "is written with and without a label", "keep one of the two forms");
            }
            (Some(_), _) => {
                self.fault(&key, &here, "is written as an attribute and as a block", "keep one of the two");
            }
        }
    }

    fn expression(&mut self, expression: &Expression, key: &Span, path: &Path) -> Option<Node> {
        let span = self.span(expression.span());
        let value = match expression {
            Expression::Bool(value) => NodeValue::Bool(*value.value()),
            Expression::Number(number) => {
                let Some(number) = json_number(number.value()) else {
                    self.fault(&span, path, "is a number out of all range", "write a smaller number");
                    return None;
                };
                NodeValue::Number(number)
            }
            Expression::String(text) => NodeValue::String(text.value().clone()),
            Expression::Array(array) => {
                let mut list = Vec::new();
                for (index, element) in array.iter().enumerate() {
                    list.extend(self.expression(element, key, &path.child(Segment::Index(index))));
                }
                NodeValue::List(list)
            }
            Expression::Object(object) if lookup::at(self.schema, path).is_some_and(lookup::is_map) => {
                NodeValue::Map(self.map(object, path))
            }
            Expression::StringTemplate(template) => {
                NodeValue::String(self.literal_text(template.iter(), &span, path)?)
            }
            Expression::HeredocTemplate(heredoc) => {
                let template: &Template = &heredoc.template;
                NodeValue::String(self.literal_text(template.iter(), &span, path)?)
            }
            other => return self.negative_number(other, key, span, path),
        };
        Some(Node { value, key: key.clone(), span })
    }

    fn map(&mut self, object: &Object, path: &Path) -> Block {
        let mut map = Block::new();
        for (key, value) in object {
            let span = self.span(key.span());
            let name = match key {
                ObjectKey::Ident(name) => name.as_str().to_owned(),
                ObjectKey::Expression(Expression::String(name)) => name.value().clone(),
                ObjectKey::Expression(_) => {
                    self.fault(&span, path, "has a key that is not text", "write each key in double quotes");
                    continue;
                }
            };
            if let Some(node) = self.expression(value.expr(), &span, &path.field(&name)) {
                map.insert(name, node);
            }
        }
        map
    }

    fn literal_text<'a>(
        &mut self,
        elements: impl Iterator<Item = &'a Element>,
        span: &Span,
        path: &Path,
    ) -> Option<String> {
        let mut text = String::new();
        for element in elements {
            let Some(literal) = element.as_literal() else {
                let fix = "write the value itself, or $${ and %%{ for the characters";
                self.fault(span, path, "contains a template, which is not evaluated", fix);
                return None;
            };
            text.push_str(literal.value());
        }
        Some(text)
    }

    /// HCL has no negative literals, only a minus before a number.
    fn negative_number(
        &mut self,
        expression: &Expression,
        key: &Span,
        span: Span,
        path: &Path,
    ) -> Option<Node> {
        let problem = match expression {
            Expression::UnaryOp(operation) if *operation.operator.value() == UnaryOperator::Neg => {
                if let Some(number) = operation.expr.as_number().and_then(|number| json_number(&-*number)) {
                    return Some(Node { value: NodeValue::Number(number), key: key.clone(), span });
                }
                "is an operation, which is not evaluated"
            }
            Expression::Null(_) => {
                self.fault(&span, path, "is null", "leave the field out to get its default");
                return None;
            }
            Expression::Object(_) => {
                let fix = "write a block: its name, then { … } without an equals sign";
                self.fault(&span, path, "is an object", fix);
                return None;
            }
            Expression::Variable(_) | Expression::Traversal(_) => {
                self.fault(&span, path, "is a variable, which is not evaluated", "put text in double quotes");
                return None;
            }
            Expression::FuncCall(_) => "is a function call, which is not evaluated",
            Expression::Conditional(_) => "is a condition, which is not evaluated",
            Expression::ForExpr(_) => "is a for expression, which is not evaluated",
            Expression::Parenthesis(_) => "is in parentheses, which are not evaluated",
            _ => "is an operation, which is not evaluated",
        };
        self.fault(&span, path, problem, "write the value itself");
        None
    }

    fn span(&self, bytes: Option<std::ops::Range<usize>>) -> Span {
        Span { source: self.source, bytes: bytes.unwrap_or(0..0) }
    }

    fn fault(&mut self, span: &Span, path: &Path, problem: &str, fix: impl Into<String>) {
        let position = self.sources.position(span);
        self.faults.push(Fault::new(position, path.to_string(), problem, fix));
    }
}

fn json_number(number: &hcl_edit::Number) -> Option<Number> {
    number
        .as_u64()
        .map(Number::from)
        .or_else(|| number.as_i64().map(Number::from))
        .or_else(|| number.as_f64().and_then(Number::from_f64))
}
