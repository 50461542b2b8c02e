//! The prompt cache: which prefixes a model has seen, and what a request reads and writes.
//!
//! Kept: hashes of prefixes, never the prompts. The least recently used checkpoint falls out at the limit, and
//! every one after five minutes without use, as on AWS. AWS also wants a minimum length for a checkpoint; the
//! simulator does not, so that tests can use short prompts.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use serde_json::Value;

use crate::tokens::{self, Usage};
use crate::validate::list;

/// How long a checkpoint lives without use. Source: "Prompt caching", Amazon Bedrock user guide.
const LIFETIME: Duration = Duration::from_secs(300);

/// A prefix of a prompt that ends at a checkpoint.
struct Checkpoint {
    hash: Vec<u8>,
    tokens: u64,
}

/// The cache of one simulator. `scope` in its methods is region and model.
pub(crate) struct PromptCache {
    limit: usize,
    used_at: HashMap<Vec<u8>, Instant>,
}

impl PromptCache {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used_at: HashMap::new() }
    }

    /// Looks up and remembers the checkpoints of `body`.
    ///
    /// Returns the usage of the input; output is zero.
    pub(crate) fn account(&mut self, scope: &str, body: &Value, now: Instant) -> Usage {
        let (checkpoints, total) = checkpoints(scope, body);
        self.used_at.retain(|_, used_at| now.saturating_duration_since(*used_at) < LIFETIME);
        let read = checkpoints
            .iter()
            .rev()
            .find(|checkpoint| self.used_at.contains_key(&checkpoint.hash))
            .map_or(0, |checkpoint| checkpoint.tokens);
        let cached = checkpoints.last().map_or(0, |checkpoint| checkpoint.tokens);
        for checkpoint in checkpoints {
            self.used_at.insert(checkpoint.hash, now);
        }
        while self.used_at.len() > self.limit {
            let Some(oldest) = self.used_at.iter().min_by_key(|(_, at)| **at).map(|(hash, _)| hash.clone())
            else {
                break;
            };
            self.used_at.remove(&oldest);
        }
        Usage {
            input_tokens: total - cached,
            output_tokens: 0,
            cache_read_input_tokens: read,
            cache_write_input_tokens: cached - read,
            images: 0,
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.used_at.clear();
    }
}

/// Tokens of the whole input of a Converse request, cached or not.
pub(crate) fn input_tokens(body: &Value) -> u64 {
    checkpoints("", body).1
}

/// The checkpoints of a request in order, and the tokens of its whole input.
fn checkpoints(scope: &str, body: &Value) -> (Vec<Checkpoint>, u64) {
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut total = 0;
    let mut found = Vec::new();
    hash.update(scope.as_bytes());
    let tools = body.get("toolConfig").map(|config| list(config, "tools")).unwrap_or_default();
    let system = list(body, "system").iter().map(|block| ("system", block));
    let messages = list(body, "messages").iter().flat_map(|message| {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        list(message, "content").iter().map(move |block| (role, block))
    });
    for (section, block) in tools.iter().map(|tool| ("tool", tool)).chain(system).chain(messages) {
        if block.get("cachePoint").is_some() {
            found.push(Checkpoint { hash: hash.clone().finish().as_ref().to_vec(), tokens: total });
            continue;
        }
        hash.update(section.as_bytes());
        hash.update(block.to_string().as_bytes());
        total += tokens::of_block(block);
    }
    (found, total)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(system: &str, question: &str) -> Value {
        json!({
            "system": [{"text": system}, {"cachePoint": {"type": "default"}}],
            "messages": [{"role": "user", "content": [{"text": question}]}],
        })
    }

    fn usage(input: u64, read: u64, write: u64) -> Usage {
        Usage {
            input_tokens: input,
            output_tokens: 0,
            cache_read_input_tokens: read,
            cache_write_input_tokens: write,
            images: 0,
        }
    }

    #[test]
    fn a_prefix_is_written_once_and_then_read() {
        let mut cache = PromptCache::new(8);
        let now = Instant::now();
        assert_eq!(cache.account("a", &request("12345678", "1234"), now), usage(1, 0, 2));
        assert_eq!(cache.account("a", &request("12345678", "12345"), now), usage(2, 2, 0));
        assert_eq!(cache.account("b", &request("12345678", "1234"), now), usage(1, 0, 2), "another model");
        assert_eq!(cache.account("a", &request("1234567x", "1234"), now), usage(1, 0, 2), "another prefix");
    }

    #[test]
    fn a_longer_checkpoint_reads_the_shorter_one_and_writes_the_rest() {
        let mut cache = PromptCache::new(8);
        let now = Instant::now();
        cache.account("a", &request("12345678", "1234"), now);
        let mut longer = request("12345678", "1234");
        longer["messages"][0]["content"] =
            json!([{"text": "1234"}, {"cachePoint": {"type": "default"}}, {"text": "1234"}]);
        assert_eq!(cache.account("a", &longer, now), usage(1, 2, 1));
    }

    #[test]
    fn a_checkpoint_dies_of_age_and_of_pressure() {
        let mut cache = PromptCache::new(1);
        let now = Instant::now();
        cache.account("a", &request("12345678", "1234"), now);
        assert_eq!(cache.account("a", &request("12345678", "1234"), now + LIFETIME), usage(1, 0, 2));
        cache.account("a", &request("other", "1234"), now + LIFETIME + Duration::from_secs(1));
        assert_eq!(
            cache.account("a", &request("12345678", "1234"), now + LIFETIME + Duration::from_secs(2)),
            usage(1, 0, 2)
        );
    }
}
