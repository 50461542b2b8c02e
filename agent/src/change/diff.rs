//! What differs between two sets of documents, as a unified diff of each.

use similar::TextDiff;

use super::{ChangeKind, changes_between};
use crate::documents::Texts;

/// Lines around a difference that are shown.
const CONTEXT: usize = 3;

/// What changes in one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentDiff {
    /// The document's name.
    pub name: String,
    /// What happens to it.
    pub kind: ChangeKind,
    /// The unified diff, header included.
    pub unified: String,
}

/// What the two sides of a diff are called.
pub trait Labels {
    /// What the text before is called.
    fn before(&self, name: &str) -> String;
    /// What the text after is called.
    fn after(&self, name: &str) -> String;
}

/// The difference of every document that differs, in name order.
#[must_use]
pub fn diff(before: &Texts, after: &Texts, labels: &dyn Labels) -> Vec<DocumentDiff> {
    let unified = |name: &str, kind: ChangeKind| {
        let text = |side: &'_ Texts| side.get(name).cloned().unwrap_or_default();
        let (old, new) = (text(before), text(after));
        // As `diff -u` does it: what is not there has the name of the null device.
        let old_label = if kind == ChangeKind::Added { "/dev/null".to_owned() } else { labels.before(name) };
        let new_label = if kind == ChangeKind::Removed { "/dev/null".to_owned() } else { labels.after(name) };
        TextDiff::from_lines(&old, &new)
            .unified_diff()
            .context_radius(CONTEXT)
            .header(&old_label, &new_label)
            .to_string()
    };
    changes_between(before, after)
        .into_iter()
        .map(|(name, kind)| DocumentDiff { unified: unified(&name, kind), name, kind })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sides;

    impl Labels for Sides {
        fn before(&self, name: &str) -> String {
            format!("p/{name}")
        }

        fn after(&self, name: &str) -> String {
            format!("{name}.hcl")
        }
    }

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn each_document_that_differs_has_its_diff() {
        let before =
            texts(&[("config", "a = 1\nb = 2\n"), ("config.d/old", "x = 1\n"), ("config.d/same", "y\n")]);
        let after =
            texts(&[("config", "a = 1\nb = 3\n"), ("config.d/new", "z = 1\n"), ("config.d/same", "y\n")]);
        let found = diff(&before, &after, &Sides);
        let kinds: Vec<_> = found.iter().map(|diff| (diff.name.as_str(), diff.kind)).collect();
        let expected = [
            ("config", ChangeKind::Changed),
            ("config.d/new", ChangeKind::Added),
            ("config.d/old", ChangeKind::Removed),
        ];
        assert_eq!(kinds, expected);
        let unified: Vec<_> = found.iter().map(|diff| diff.unified.as_str()).collect();
        assert_eq!(unified[0], "--- p/config\n+++ config.hcl\n@@ -1,2 +1,2 @@\n a = 1\n-b = 2\n+b = 3\n");
        assert!(unified[1].starts_with("--- /dev/null\n+++ config.d/new.hcl\n"), "{}", unified[1]);
        assert!(unified[2].ends_with("+++ /dev/null\n@@ -1 +0,0 @@\n-x = 1\n"), "{}", unified[2]);
    }

    #[test]
    fn a_missing_end_of_line_is_a_difference_that_shows() {
        let found = diff(&texts(&[("config", "a = 1\n")]), &texts(&[("config", "a = 1")]), &Sides);
        assert!(found[0].unified.contains("No newline at end of file"), "{}", found[0].unified);
    }
}
