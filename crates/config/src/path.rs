//! The path of a value in the configuration, for machines (`model.gpt-4o.target`) and for people
//! (`model "gpt-4o".target`).

use std::fmt;

/// One step down the tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// An attribute or a block.
    Field(String),
    /// The label of a block.
    Label(String),
    /// An element of a list, from 0.
    Index(usize),
}

/// A path from the top of the document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(pub(crate) Vec<Segment>);

impl Path {
    pub(crate) fn child(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    pub(crate) fn field(&self, name: &str) -> Self {
        self.child(Segment::Field(name.to_owned()))
    }

    /// A path of plain fields, written with dots.
    pub(crate) fn of_fields(dotted: &str) -> Self {
        Self(dotted.split('.').map(|name| Segment::Field(name.to_owned())).collect())
    }

    /// The form used as a key: steps joined by dots, list elements by number.
    pub(crate) fn dotted(&self) -> String {
        let steps: Vec<String> = self
            .0
            .iter()
            .map(|segment| match segment {
                Segment::Field(text) | Segment::Label(text) => text.clone(),
                Segment::Index(index) => index.to_string(),
            })
            .collect();
        steps.join(".")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Field(name) if position == 0 => f.write_str(name)?,
                Segment::Field(name) => write!(f, ".{name}")?,
                Segment::Label(label) => write!(f, " {label:?}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
