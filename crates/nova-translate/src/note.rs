//! What the translation changed: nothing is dropped or rewritten without a note.
//!
//! Drops go into the response header `x-nova-dropped-params`; all notes are shown by `POST /v1/explain`.

use std::borrow::Cow;

use serde::Serialize;

use crate::TranslateError;

/// One change that the translation made.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Note {
    /// Whether the caller loses something.
    pub kind: NoteKind,
    /// The path of the parameter.
    pub param: Cow<'static, str>,
    /// Why.
    pub reason: Cow<'static, str>,
}

/// Whether the caller loses something.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// Nova cannot honor the parameter, or not in full. Refused under `strict`.
    Dropped,
    /// The same meaning in another form.
    Rewritten,
}

/// The notes of one translation.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    strict: bool,
    list: Vec<Note>,
}

impl Notes {
    /// Without notes. With `strict`, the first drop is an error.
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, list: Vec::new() }
    }

    /// Notes that a parameter is not honored.
    ///
    /// # Errors
    /// Under `strict`.
    pub(crate) fn drop(
        &mut self,
        param: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Result<(), TranslateError> {
        let (param, reason) = (param.into(), reason.into());
        if self.strict {
            let message =
                format!("{param}: {reason}. Leave it out, or have strict turned off for this model.");
            return Err(TranslateError::unsupported(param, message));
        }
        self.push(NoteKind::Dropped, param, reason);
        Ok(())
    }

    /// Notes that something is sent in another form.
    pub(crate) fn rewrite(
        &mut self,
        param: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
    ) {
        self.push(NoteKind::Rewritten, param.into(), reason.into());
    }

    fn push(&mut self, kind: NoteKind, param: Cow<'static, str>, reason: Cow<'static, str>) {
        let note = Note { kind, param, reason };
        if !self.list.contains(&note) {
            self.list.push(note);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Note> {
        self.list
    }
}
