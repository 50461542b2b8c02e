//! A fault in a configuration: where it is, what is wrong, and what to write instead.
//!
//! Owns the one form in which all faults are shown, also those that the program finds later.

use std::fmt;

use crate::Position;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file as the operator named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The block or field it concerns, for people: `model "gpt-4o"`. Empty for the document itself.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub fix: String,
}

impl Fault {
    /// A fault at `position` concerning `path`.
    #[must_use]
    pub fn new(
        position: Position,
        path: impl Into<String>,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            file: position.file,
            line: position.line,
            column: position.column,
            path: path.into(),
            problem: problem.into(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}: {}", self.problem, self.fix)
    }
}

/// Why a configuration was refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It is wrong.
    Invalid,
    /// It says that it needs a newer version than this one: nothing else about it was judged.
    NeedsNewerVersion,
    /// A file could not be read.
    Unreadable,
    /// There are no documents: the one that all others stand beside is not there. What is in force stays.
    DocumentsMissing,
}

impl FaultKind {
    /// The name used in logs, metrics and receipts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NeedsNewerVersion => "needs a newer version",
            Self::Unreadable => "unreadable",
            Self::DocumentsMissing => "documents missing",
        }
    }
}

/// All faults of a configuration, in the order of their places. Displays one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    kind: FaultKind,
    list: Vec<Fault>,
}

impl Faults {
    /// A refusal for `list`, which the caller has made sure is not empty.
    #[must_use]
    pub fn new(kind: FaultKind, mut list: Vec<Fault>) -> Self {
        list.sort();
        list.dedup();
        Self { kind, list }
    }

    /// Why the whole was refused.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The faults in the order of file, line and column.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        &self.list
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
