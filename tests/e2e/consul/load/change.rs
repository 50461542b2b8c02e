//! The fifty changes: forty that are right, on one document or another, and ten that are wrong, each in its own way.

use crate::fleet::model;

/// The model that the load asks for: every right state of the documents serves it.
pub(super) const HOUSE: &str = "house";

/// Consul's limit of a value, in bytes.
const VALUE_MAX: usize = 512 * 1024;

/// One `consul kv put`.
pub(super) struct Change {
    pub(super) what: &'static str,
    /// Without the prefix.
    pub(super) document: &'static str,
    pub(super) value: Vec<u8>,
    pub(super) expected: Expected,
}

/// What is to become of it.
pub(super) enum Expected {
    /// It is in force on every instance.
    InForce,
    /// Every instance refuses it, and tells a fault in this line with this word.
    Refused { line: u64, word: &'static str },
    /// Consul does not take it, and says so with these words.
    RefusedByConsul(&'static str),
}

/// The documents that are written in turn.
const DOCUMENTS: [&str; 3] = ["config", "config.d/10-models", "config.d/20-limits"];

/// The document before all changes.
pub(super) fn first() -> String {
    house(0)
}

/// The model that only this change serves.
pub(super) fn model_of(number: usize) -> String {
    format!("change-{number}")
}

/// The house model, whose target is another one after each change.
fn house(number: usize) -> String {
    let target = if number.is_multiple_of(2) { "nova-lite" } else { "nova-pro" };
    format!("model \"{HOUSE}\" {{\n  target = \"us.amazon.{target}-v1:0\"\n}}\n")
}

/// What is wrong, the document that it is written to, its text, the line and a word of the fault.
const WRONG: [(&str, &str, &[u8], u64, &str); 9] = [
    ("no HCL", "config.d/20-limits", b"limits {\n  concurrency = 5\n", 2, "not HCL"),
    ("an unknown field", "config.d/10-models", b"model \"x\" {\n  targt = \"nova-lite\"\n}\n", 2, "targt"),
    ("a field of the files", "config.d/20-limits", b"strict = true\nlisten = \"0.0.0.0:80\"\n", 2, "listen"),
    ("out of range", "config.d/20-limits", b"limits {\n  concurrency = 0\n}\n", 2, "concurrency"),
    (
        "a listed fragment is missing",
        "config",
        b"strict = false\nfragments = [\"10-models\", \"absent\"]\n",
        2,
        "absent",
    ),
    ("another type", "config.d/20-limits", b"\nstrict = \"perhaps\"\n", 2, "strict"),
    ("no text", "config.d/10-models", b"model \"x\" {\n  target = \"\xff\xfe\"\n}\n", 2, "UTF-8"),
    (
        "a newer version",
        "config.d/20-limits",
        b"requires = \">= 99.0\"\nhologram = true\n",
        1,
        "newer version",
    ),
    (
        "a model that there is not",
        "config.d/10-models",
        b"model \"x\" {\n  target = \"us.amazon.nova-ultra-v9:0\"\n}\n",
        2,
        "nova-ultra",
    ),
];

/// All of them. Every fifth is wrong; the one after it mends its document.
pub(super) fn changes() -> Vec<Change> {
    let mut changes = Vec::new();
    let mut to_mend = None;
    for number in 0..50 {
        let wrong = number / 5;
        if number % 5 == 4 {
            let change =
                WRONG.get(wrong).map_or_else(too_large, |(what, document, text, line, word)| Change {
                    what,
                    document,
                    value: text.to_vec(),
                    expected: Expected::Refused { line: *line, word },
                });
            to_mend = Some(change.document);
            changes.push(change);
            continue;
        }
        let document = to_mend.take().unwrap_or_else(|| DOCUMENTS[number % DOCUMENTS.len()]);
        changes.push(right(number, document));
    }
    changes
}

fn right(number: usize, document: &'static str) -> Change {
    let own = model(&model_of(number));
    let text = match document {
        "config" => format!("{}{own}", house(number)),
        "config.d/20-limits" => format!("limits {{\n  concurrency = {}\n}}\n{own}", 200 + number),
        _ => own,
    };
    Change { what: "a right one", document, value: text.into_bytes(), expected: Expected::InForce }
}

fn too_large() -> Change {
    Change {
        what: "a value over Consul's limit",
        document: "config.d/20-limits",
        value: vec![b'#'; VALUE_MAX + 1],
        expected: Expected::RefusedByConsul("413"),
    }
}
