//! Keeps documents that are in force on disk, and tries again where that failed.

use std::time::Duration;

use jiff::Timestamp;
use nova_config::Documents;
use tokio::time::Instant;

use crate::documents::{LastKnownGood, LastKnownGoodError};

/// How long after a failure it is tried again: a disk that is full stays so for a while.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The file, and whether it has what it should.
#[derive(Debug)]
pub(crate) struct Keep {
    file: Option<LastKnownGood>,
    wanted: bool,
    not_before: Option<Instant>,
}

impl Keep {
    /// Keeps documents in `file`; nothing is kept without one.
    pub(crate) fn new(file: Option<LastKnownGood>) -> Self {
        Self { file, wanted: false, not_before: None }
    }

    /// Other documents have come into force: they are to be kept at once.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
        self.not_before = None;
    }

    /// Whether it is time to write.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.file.is_some() && self.wanted && self.not_before.is_none_or(|not_before| not_before <= now)
    }

    /// Writes. Blocks on the file system.
    pub(crate) fn write(&mut self, documents: &Documents, now: Instant) -> Result<(), LastKnownGoodError> {
        let Some(file) = &self.file else { return Ok(()) };
        let written = file.write(documents, Timestamp::now());
        match &written {
            Ok(()) => self.wanted = false,
            Err(_) => self.not_before = Some(now + TRY_AGAIN_AFTER),
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents() -> Documents {
        Documents::new("nova/prod", [("config".to_owned(), b"strict = true".to_vec().into(), 7)], 7)
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_tried_again_and_other_documents_are_kept_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = folder.path().join("data");
        let mut keep = Keep::new(Some(LastKnownGood::new(data_dir.clone())));
        assert!(!keep.is_due(Instant::now()), "nothing is in force yet");
        keep.want();
        assert!(keep.is_due(Instant::now()));
        keep.write(&documents(), Instant::now()).expect_err("there is no folder");
        assert!(!keep.is_due(Instant::now()));
        keep.want();
        assert!(keep.is_due(Instant::now()), "they are others");
        keep.write(&documents(), Instant::now()).expect_err("there is no folder");
        tokio::time::advance(TRY_AGAIN_AFTER).await;
        assert!(keep.is_due(Instant::now()));
        std::fs::create_dir(&data_dir).expect("a folder");
        keep.write(&documents(), Instant::now()).expect("there is a folder now");
        assert!(!keep.is_due(Instant::now()), "it is done");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_due_without_a_place() {
        let mut keep = Keep::new(None);
        keep.want();
        assert!(!keep.is_due(Instant::now()));
    }
}
