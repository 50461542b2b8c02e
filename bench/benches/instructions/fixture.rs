//! The golden files of the translation as inputs, and long texts.

use std::fs;
use std::path::Path;

use nova_proxy::surface::AnswerHead;
use nova_translate::catalogue::{Catalogue, Target};
use serde_json::Value;

/// Reads `crates/nova-translate/fixtures/<name>.json`.
pub(crate) fn read(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/nova-translate/fixtures");
    serde_json::from_slice(&fs::read(folder.join(name).with_extension("json")).unwrap()).unwrap()
}

/// The target that all these fixtures name.
pub(crate) fn target() -> Target {
    Catalogue::built_in().resolve("nova-lite", None, "us-east-1").unwrap()
}

/// What an answer tells beside the model's words.
pub(crate) fn head() -> AnswerHead {
    AnswerHead { model: "gpt-4o".to_owned(), created: 1_763_900_000, service_tier: "default" }
}

/// Text of this many bytes, with a line break and quotation marks now and then, as prompts have them.
pub(crate) fn text(bytes: usize) -> String {
    "The \"quick\" brown fox jumps over the lazy dog, again and again.\n"
        .chars()
        .cycle()
        .take(bytes)
        .collect()
}
