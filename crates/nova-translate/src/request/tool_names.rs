//! Tool names in Converse's charset, and back.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

/// Remembers which names had to be changed, so that answers carry the caller's own.
///
/// Source: Bedrock API Reference, ToolSpecification: `[a-zA-Z0-9_-]+`, 1 to 64 characters. OpenAI says the same, but clients send dots,
/// slashes and longer names.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToolNames {
    /// From the name that is sent to the name that the caller knows.
    originals: HashMap<String, String>,
}

impl ToolNames {
    /// The name to send for `name`: the same one, if it is legal.
    pub(crate) fn register(&mut self, name: &str) -> String {
        const LENGTH_MAX: usize = 64;
        const HASH_LENGTH: usize = 9;
        let is_legal = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
        if !name.is_empty() && name.len() <= LENGTH_MAX && name.chars().all(is_legal) {
            return name.to_owned();
        }
        let stem: String = name
            .chars()
            .take(LENGTH_MAX - HASH_LENGTH)
            .map(|char| if is_legal(char) { char } else { '_' })
            .collect();
        let legal = format!("{stem}_{:08x}", xxh3_64(name.as_bytes()) & 0xFFFF_FFFF);
        self.originals.insert(legal.clone(), name.to_owned());
        legal
    }

    /// The caller's name for a name that the model used.
    pub(crate) fn original<'a>(&'a self, name: &'a str) -> &'a str {
        self.originals.get(name).map_or(name, String::as_str)
    }
}
