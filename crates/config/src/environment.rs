//! The environment variables that the configuration knows, behind a trait so that parsing never reads the process's.
//!
//! Owns which variable fills which field. A value written in a file wins over the environment.

mod consul;
mod nomad;
mod vault;

use std::collections::{BTreeMap, HashMap};

use secrecy::SecretString;

use crate::document::{Block, Node, NodeValue};
use crate::fault::Fault;
use crate::source::{Source, SourceKind, Sources, Span};

/// Where environment variables come from.
pub trait Environment {
    /// The variable's value, or none where it is unset or not Unicode.
    fn var(&self, name: &str) -> Option<String>;
}

/// The environment of this process. For `main` alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl Environment for BTreeMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

impl Environment for HashMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// Tokens, which are in the environment alone and in no tree of values.
#[derive(Default)]
pub(crate) struct Tokens {
    /// Consul's ACL token.
    pub(crate) consul: Option<SecretString>,
    /// Vault's token.
    pub(crate) vault: Option<SecretString>,
}

pub(crate) fn tokens(environment: &dyn Environment) -> Tokens {
    let token = |name| first_set(environment, &[name]).map(|(_, token)| SecretString::from(token));
    Tokens { consul: token("CONSUL_HTTP_TOKEN"), vault: token("VAULT_TOKEN") }
}

/// What stands before a variable's name where a file's name would be.
pub(crate) const ENVIRONMENT: &str = "environment variable ";

/// Fields of `bedrock` and the variables that stand in for them, the more specific first, as AWS's tools read them.
const BEDROCK_VARIABLES: [(&str, &[&str]); 3] = [
    ("region", &["AWS_REGION", "AWS_DEFAULT_REGION"]),
    ("endpoint", &["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"]),
    ("ca_file", &["AWS_CA_BUNDLE"]),
];

/// Puts the environment's values into fields that no layer has written. Variables that make no sense are put into `faults`.
pub(crate) fn fill(
    root: &mut Block,
    environment: &dyn Environment,
    sources: &mut Sources,
    faults: &mut Vec<Fault>,
) {
    for (field, variables) in BEDROCK_VARIABLES {
        if !is_written(root, "bedrock", field)
            && let Some((name, value)) = first_set(environment, variables)
        {
            put(root, "bedrock", field, name, value, sources);
        }
    }
    consul::fill(root, environment, sources, faults);
    vault::fill(root, environment, sources);
}

/// Fills the `consul` block alone.
pub(crate) fn consul(
    root: &mut Block,
    environment: &dyn Environment,
    sources: &mut Sources,
    faults: &mut Vec<Fault>,
) {
    consul::fill(root, environment, sources, faults);
}

/// Fills the `nomad` block alone.
pub(crate) fn nomad(root: &mut Block, environment: &dyn Environment, sources: &mut Sources) {
    nomad::fill(root, environment, sources);
}

/// The first of `variables` that is set. An empty one counts as unset, as everywhere in the tools of AWS and HashiCorp.
fn first_set(environment: &dyn Environment, variables: &[&'static str]) -> Option<(&'static str, String)> {
    variables
        .iter()
        .find_map(|name| environment.var(name).filter(|value| !value.is_empty()).map(|value| (*name, value)))
}

/// Whether a layer has written the field of the block.
fn is_written(root: &Block, block: &str, field: &str) -> bool {
    matches!(root.get(block).map(|node| &node.value), Some(NodeValue::Block(block)) if block.contains_key(field))
}

/// Writes `value`, which the variable `name` has, into the field of the block.
fn put(root: &mut Block, block: &str, field: &str, name: &str, value: String, sources: &mut Sources) {
    let source = sources.add(Source {
        name: format!("{ENVIRONMENT}{name}"),
        text: value.clone(),
        kind: SourceKind::Environment,
    });
    let span = Span { source, bytes: 0..value.len() };
    let node = Node { value: NodeValue::String(value), key: span.clone(), span: span.clone() };
    let block = root.entry(block.to_owned()).or_insert_with(|| Node {
        value: NodeValue::Block(Block::new()),
        key: span.clone(),
        span,
    });
    if let NodeValue::Block(block) = &mut block.value {
        block.insert(field.to_owned(), node);
    }
}
