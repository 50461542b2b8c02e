//! What a configuration is made of, as it was seen last and as it is in force, and which of both to try. Pure.
//!
//! There are two inputs, files and documents, and each may be wrong by itself or only beside the other. What is in force comes, where that
//! can be, to what a restart would come to; a wrong input never keeps a right one out.

/// An input of a configuration.
pub(crate) trait Content {
    /// Whether both say the same, whatever is known of them beside their text.
    fn says_the_same_as(&self, other: &Self) -> bool;
}

/// One input.
#[derive(Debug)]
struct Input<T> {
    in_force: T,
    /// What was seen last, while it is not what is in force.
    waiting: Option<T>,
}

impl<T: Content> Input<T> {
    fn see(&mut self, seen: T) {
        if seen.says_the_same_as(&self.in_force) {
            // The later one knows the later versions.
            (self.in_force, self.waiting) = (seen, None);
        } else {
            self.waiting = Some(seen);
        }
    }

    fn choose(&self, which: Which) -> &T {
        match which {
            Which::Seen => self.waiting.as_ref().unwrap_or(&self.in_force),
            Which::InForce => &self.in_force,
        }
    }

    fn accept(&mut self, which: Which) {
        if which == Which::Seen
            && let Some(seen) = self.waiting.take()
        {
            self.in_force = seen;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    InForce,
    Seen,
}

/// Files and documents to be tried together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    files: Which,
    documents: Which,
}

/// What came of a try.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settled<S, E> {
    /// What is to be put into force, if anything is.
    pub(crate) next: Option<S>,
    /// Why the files that were seen last were refused, if they were.
    pub(crate) files_refused: Option<E>,
    /// Why the documents that were seen last were refused, if they were.
    pub(crate) documents_refused: Option<E>,
}

/// Both inputs.
#[derive(Debug)]
pub(crate) struct Inputs<F, D> {
    files: Input<F>,
    documents: Input<D>,
}

impl<F: Content, D: Content> Inputs<F, D> {
    /// Begins with what is in force.
    pub(crate) fn new(files: F, documents: D) -> Self {
        Self {
            files: Input { in_force: files, waiting: None },
            documents: Input { in_force: documents, waiting: None },
        }
    }

    /// Files were read.
    pub(crate) fn see_files(&mut self, files: F) {
        self.files.see(files);
    }

    /// Documents came.
    pub(crate) fn see_documents(&mut self, documents: D) {
        self.documents.see(documents);
    }

    /// The files in force.
    pub(crate) fn files_in_force(&self) -> &F {
        &self.files.in_force
    }

    /// The documents in force, by their latest versions.
    pub(crate) fn documents_in_force(&self) -> &D {
        &self.documents.in_force
    }

    /// The documents that were seen last and are not in force.
    pub(crate) fn documents_waiting(&self) -> Option<&D> {
        self.documents.waiting.as_ref()
    }

    /// Whether the files that were seen last are not in force.
    pub(crate) fn files_wait(&self) -> bool {
        self.files.waiting.is_some()
    }

    /// Judges what waits, first all of it together, and accepts what holds. `again` judges what is in force anew where nothing waits.
    pub(crate) fn settle<S, E: Clone>(
        &mut self,
        again: bool,
        mut judge: impl FnMut(&F, &D) -> Result<S, E>,
    ) -> Settled<S, E> {
        let (files_waited, documents_waited) = (self.files_wait(), self.documents.waiting.is_some());
        let mut settled = Settled { next: None, files_refused: None, documents_refused: None };
        for candidate in self.candidates(again) {
            let files = self.files.choose(candidate.files);
            match judge(files, self.documents.choose(candidate.documents)) {
                Ok(next) => {
                    self.files.accept(candidate.files);
                    self.documents.accept(candidate.documents);
                    settled.next = Some(next);
                    break;
                }
                // A later try blames the input alone that is the only new one in it.
                Err(error) => {
                    if files_waited && candidate.files == Which::Seen {
                        settled.files_refused = Some(error.clone());
                    }
                    if documents_waited && candidate.documents == Which::Seen {
                        settled.documents_refused = Some(error);
                    }
                }
            }
        }
        // What was refused beside the other may have been accepted by itself.
        settled.files_refused = settled.files_refused.filter(|_| self.files.waiting.is_some());
        settled.documents_refused = settled.documents_refused.filter(|_| self.documents.waiting.is_some());
        settled
    }

    fn candidates(&self, again: bool) -> Vec<Candidate> {
        use Which::{InForce, Seen};
        let candidate = |(files, documents)| Candidate { files, documents };
        let order: &[(Which, Which)] = match (self.files_wait(), self.documents.waiting.is_some()) {
            // Documents before files: a change of documents is meant for many instances, and somebody waits for its receipts.
            (true, true) => &[(Seen, Seen), (InForce, Seen), (Seen, InForce)],
            (false, true) => &[(InForce, Seen)],
            (true, false) => &[(Seen, InForce)],
            (false, false) if again => &[(InForce, InForce)],
            (false, false) => &[],
        };
        order.iter().copied().map(candidate).collect()
    }
}

#[cfg(test)]
mod tests;
