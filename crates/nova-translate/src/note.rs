//! What the translation changed: nothing is dropped or rewritten without a note.
//!
//! Drops go into the response header `x-nova-dropped-params`; all notes are shown by `POST /v1/explain`.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;

use crate::TranslateError;

/// One change that the translation made.
#[derive(Debug, Clone, Serialize, PartialEq, Eq, Hash)]
pub struct Note {
    /// Whether the caller loses something.
    pub kind: NoteKind,
    /// The path of the parameter.
    pub param: Cow<'static, str>,
    /// Why.
    pub reason: Cow<'static, str>,
}

/// Whether the caller loses something.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq, Hash)]
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
    seen: HashSet<Note>,
    /// How many notes, drops among them, found no room.
    others: usize,
    dropped_others: bool,
}

/// A request can give cause for as many notes as it has parts: more than this are counted, and not kept.
const NOTES_MAX: usize = 64;

impl Notes {
    /// Without notes. With `strict`, the first drop is an error.
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
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
        if self.seen.contains(&note) {
            return;
        }
        if self.list.len() == NOTES_MAX {
            self.others += 1;
            self.dropped_others |= kind == NoteKind::Dropped;
            return;
        }
        self.seen.insert(note.clone());
        self.list.push(note);
    }

    /// The notes in order, and one that counts those that found no room.
    pub(crate) fn into_vec(mut self) -> Vec<Note> {
        if self.others > 0 {
            let kind = if self.dropped_others { NoteKind::Dropped } else { NoteKind::Rewritten };
            let reason = format!("there were {} more notes than are shown", self.others);
            self.list.push(Note { kind, param: Cow::Borrowed("others"), reason: reason.into() });
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_kept_once_and_up_to_a_limit() {
        let mut notes = Notes::new(false);
        for index in 0..100 {
            notes.rewrite("p", "the same");
            notes.rewrite(format!("p{index}"), "another");
        }
        let list = notes.into_vec();
        assert_eq!(list.len(), NOTES_MAX + 1);
        let last = list.last().expect("a note");
        assert_eq!(
            (last.kind, last.reason.as_ref()),
            (NoteKind::Rewritten, "there were 37 more notes than are shown")
        );
    }

    #[test]
    fn a_drop_among_the_others_is_a_drop() {
        let mut notes = Notes::new(false);
        for index in 0..NOTES_MAX {
            notes.rewrite(format!("p{index}"), "r");
        }
        notes.drop("d", "r").expect("not strict");
        assert_eq!(notes.into_vec().last().map(|note| note.kind), Some(NoteKind::Dropped));
    }
}
