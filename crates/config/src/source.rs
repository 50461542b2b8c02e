//! Where text came from, and which line and column a byte of it is.
//!
//! Owns the texts of one load. Reading files is in `load`.

use std::fmt;
use std::ops::Range;

/// A place in a configuration text, as an editor counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The file as it was named by the operator, or a layer's name.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What kind of layer a text is, which decides what it may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// A file named on the command line: both tiers.
    File,
    /// A document of the runtime tier, such as one from a key-value store.
    Runtime,
    /// An environment variable; the name of the source is the variable's.
    Environment,
}

/// One text.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) kind: SourceKind,
}

/// Bytes of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) source: usize,
    pub(crate) bytes: Range<usize>,
}

/// All texts of one load, in layer order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Adds a text and returns its number.
    pub(crate) fn add(&mut self, source: Source) -> usize {
        self.list.push(source);
        self.list.len() - 1
    }

    pub(crate) fn get(&self, source: usize) -> Option<&Source> {
        self.list.get(source)
    }

    /// The text between the braces of the block at `span`, behind as many line breaks as stand before it.
    pub(crate) fn inside(&self, span: &Span) -> Option<String> {
        let source = self.get(span.source)?;
        let block = source.text.get(span.bytes.clone())?;
        let (open, close) = (block.find('{')?, block.rfind('}')?);
        let inside = block.get(open + 1..close)?;
        let (line, _) = line_and_column(&source.text, span.bytes.start + open);
        Some(format!("{}{inside}", "\n".repeat(line - 1)))
    }

    /// Where `span` starts. A span outside its text is moved to the text's end.
    pub(crate) fn position(&self, span: &Span) -> Position {
        let Some(source) = self.get(span.source) else {
            return Position { file: "configuration".to_owned(), line: 1, column: 1 };
        };
        let (line, column) = line_and_column(&source.text, span.bytes.start);
        Position { file: source.name.clone(), line, column }
    }
}

/// Line and column of the byte `offset`, from 1.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or_default();
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let start_of_line = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(start_of_line..).unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let text = "a = 1\nüb = 2\n";
        let cases =
            [(0, (1, 1)), (4, (1, 5)), (5, (1, 6)), (6, (2, 1)), (8, (2, 2)), (7, (2, 1)), (99, (3, 1))];
        for (offset, expected) in cases {
            assert_eq!(line_and_column(text, offset), expected, "offset {offset}");
        }
    }
}
