//! The caller, once known: what all later steps may rely on.

use std::fmt;

/// How a principal was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// By an API key.
    ApiKey,
    /// Not at all: the listener asks for no credential.
    Anonymous,
}

/// Who is calling. Immutable: a change of the keys file makes new ones, and a request keeps the one it began
/// with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Stable and unique, for usage records and limits: the key's id.
    pub id: String,
    /// For people to read.
    pub name: String,
    /// The team that pays.
    pub team: Option<String>,
    /// How it was known.
    pub source: Source,
    /// The models it may use, by the names that clients send.
    pub allowed_models: ModelPatterns,
}

impl Principal {
    /// The caller of a listener without authentication.
    pub fn anonymous() -> Self {
        Self {
            id: "anonymous".to_owned(),
            name: "anonymous".to_owned(),
            team: None,
            source: Source::Anonymous,
            allowed_models: ModelPatterns::all(),
        }
    }
}

/// Names of models, in which `*` stands for any run of characters, also an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPatterns(Vec<String>);

/// Why a list of patterns is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelPatternsError {
    /// The list allows nothing.
    #[error("allows no model; write [\"*\"] for all, or name some")]
    None,
    /// One pattern cannot match a model's name.
    #[error(
        "pattern {index} is empty, longer than {MAX_PATTERN_BYTES} bytes or has spaces or control characters; write a model's name, with `*` for any characters"
    )]
    Pattern {
        /// Its place in the list, from 0.
        index: usize,
    },
    /// The list is too long.
    #[error("has more than {MAX_PATTERNS} patterns; use `*` to join some")]
    TooMany,
}

/// Each request tries the patterns one by one, so there are few.
const MAX_PATTERNS: usize = 100;
const MAX_PATTERN_BYTES: usize = 256;

impl ModelPatterns {
    /// Every model.
    pub fn all() -> Self {
        Self(vec!["*".to_owned()])
    }

    /// Takes patterns as written.
    ///
    /// # Errors
    ///
    /// Lists that allow nothing or are too long, and patterns that no model's name can match.
    pub fn new(patterns: Vec<String>) -> Result<Self, ModelPatternsError> {
        if patterns.is_empty() {
            return Err(ModelPatternsError::None);
        }
        if patterns.len() > MAX_PATTERNS {
            return Err(ModelPatternsError::TooMany);
        }
        let hopeless = |pattern: &String| {
            pattern.is_empty()
                || pattern.len() > MAX_PATTERN_BYTES
                || pattern.chars().any(|c| c.is_whitespace() || c.is_control())
        };
        match patterns.iter().position(hopeless) {
            Some(index) => Err(ModelPatternsError::Pattern { index }),
            None => Ok(Self(patterns)),
        }
    }

    /// Whether some pattern matches the whole of `model`, case and all.
    pub fn allows(&self, model: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, model))
    }

    /// The patterns as written.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ModelPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// Matches the pieces between the stars from the left, each at its first place: with stars alone as wildcards
/// the first place is always good enough, so that no input makes it go back.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((prefix, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(prefix) else { return false };
    let (middle, suffix) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        let Some((_, after)) = text.split_once(piece) else { return false };
        text = after;
    }
    text.ends_with(suffix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("gpt-4o*", "gpt-4o-mini", true)]
    #[case("gpt-4o*", "gpt-4o", true)]
    #[case("gpt-4o*", "x-gpt-4o", false)]
    #[case("gpt-4o", "gpt-4o-mini", false)]
    #[case("*.nova-*-v2:0", "us.amazon.nova-pro-v1:0", false)]
    #[case("*nova-*-v1:0", "us.amazon.nova-pro-v1:0", true)]
    #[case("a*a", "a", false)]
    #[case("GPT-4o", "gpt-4o", false)]
    fn a_pattern_matches_the_whole_name(#[case] pattern: &str, #[case] model: &str, #[case] expected: bool) {
        let patterns = ModelPatterns::new(vec![pattern.to_owned()]).unwrap();
        assert_eq!(patterns.allows(model), expected);
    }

    #[rstest]
    #[case(vec![], ModelPatternsError::None)]
    #[case(vec!["gpt-4o".to_owned(), String::new()], ModelPatternsError::Pattern { index: 1 })]
    #[case(vec!["gpt 4o".to_owned()], ModelPatternsError::Pattern { index: 0 })]
    #[case(vec!["*".to_owned(); 101], ModelPatternsError::TooMany)]
    fn a_list_that_cannot_be_meant_is_refused(
        #[case] patterns: Vec<String>,
        #[case] expected: ModelPatternsError,
    ) {
        assert_eq!(ModelPatterns::new(patterns).unwrap_err(), expected);
    }

    proptest! {
        #[test]
        fn stars_match_as_in_a_regular_expression(pattern in "[ab*]{1,8}", text in "[ab]{0,10}") {
            let regex = format!("^{}$", pattern.replace('*', ".*"));
            let expected = regex_lite::Regex::new(&regex).unwrap().is_match(&text);
            prop_assert_eq!(matches(&pattern, &text), expected, "{} on {}", pattern, text);
        }
    }
}
