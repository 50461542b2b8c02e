//! Names of folders and files.
//!
//! Pure. `<root>/lock` is held while a journal is made or removed; `<root>/<journal id>/` has a `lock`, held for as long as somebody writes,
//! and segments, each named by the sequence of its first record in twenty digits.

use std::path::{Path, PathBuf};

use crate::id::JournalId;

/// The name of every lock.
const LOCK: &str = "lock";
const SEGMENT: &str = ".seg";
/// A segment that is being made: it becomes one by getting its name.
const UNFINISHED: &str = ".new";
/// Digits of the largest sequence.
const DIGITS: usize = 20;

pub(crate) fn lock(folder: &Path) -> PathBuf {
    folder.join(LOCK)
}

pub(crate) fn journal(root: &Path, id: JournalId) -> PathBuf {
    root.join(id.to_string())
}

pub(crate) fn segment_name(first: u64) -> String {
    format!("{first:0DIGITS$}{SEGMENT}")
}

pub(crate) fn unfinished_name(first: u64) -> String {
    format!("{first:0DIGITS$}{UNFINISHED}")
}

pub(crate) fn is_unfinished(name: &str) -> bool {
    name.ends_with(UNFINISHED)
}

pub(crate) fn is_lock(name: &str) -> bool {
    name == LOCK
}

/// The sequence of the first record of the segment with this name; nothing for other files.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SEGMENT)?;
    if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// The segments among these names, by their first record, in order.
pub(crate) fn segments(names: &[String]) -> Vec<u64> {
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();
    firsts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_sort_by_their_number() {
        for first in [1, 9, 10, u64::MAX] {
            assert_eq!(first_of(&segment_name(first)), Some(first));
        }
        assert!(segment_name(9) < segment_name(10));
        for name in ["lock", "1.seg", "00000000000000000001.new", "0000000000000000000x.seg", ".seg"] {
            assert_eq!(first_of(name), None, "{name}");
        }
    }
}
