//! Where a watch stands, what it asks next, and what an answer is to it. Pure.

use xxhash_rust::xxh3::Xxh3;

use super::super::entry::KvEntry;
use super::super::indexed::Consistency;

/// What the next call asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    /// Wait for what comes after this index; without it the answer is wanted at once.
    pub(super) after: Option<u64>,
    /// Who may answer.
    pub(super) consistency: Consistency,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Content that was not there before.
    Changed,
    /// The content that is known.
    Unchanged,
    /// The content that is known, at an index that has gone backwards: everything is read anew.
    Reset,
    /// A server that may lag behind has other content at an index that is not higher: the leader is asked.
    ToConfirm,
}

/// Where a watch stands.
#[derive(Debug)]
pub(super) struct Cursor {
    consistency: Consistency,
    seen: Option<Seen>,
    after: Option<u64>,
    asks_leader: bool,
}

/// The last content that was believed.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The highest index at which it was read. Indexes of later writes are higher, also when this one has gone backwards since.
    index: u64,
    content: u128,
}

impl Cursor {
    /// Before the first answer.
    pub(super) fn new(consistency: Consistency) -> Self {
        Self { consistency, seen: None, after: None, asks_leader: false }
    }

    /// What to ask next.
    pub(super) fn ask(&self) -> Ask {
        let consistency = if self.asks_leader { Consistency::Default } else { self.consistency };
        Ask { after: self.after, consistency }
    }

    /// Takes in an answer with this index (zero where it had none) and this content.
    pub(super) fn answered(&mut self, ask: Ask, index: u64, content: u128) -> News {
        // To wait after zero is not to wait.
        let index = index.max(1);
        let Some(seen) = self.seen else {
            self.believe(index, content);
            return News::Changed;
        };
        let is_new = content != seen.content;
        if is_new && index <= seen.index && ask.consistency == Consistency::Stale {
            (self.after, self.asks_leader) = (None, true);
            return News::ToConfirm;
        }
        self.believe(index, content);
        let is_reset = ask.after.is_some_and(|after| index < after);
        if is_reset {
            self.after = None;
        }
        match (is_new, is_reset) {
            (true, _) => News::Changed,
            (false, true) => News::Reset,
            (false, false) => News::Unchanged,
        }
    }

    fn believe(&mut self, index: u64, content: u128) {
        let known = self.seen.filter(|seen| seen.content == content).map_or(0, |seen| seen.index);
        self.seen = Some(Seen { index: index.max(known), content });
        (self.after, self.asks_leader) = (Some(index), false);
    }

    /// The answer to `ask` is not all that there is, if it is at the index that was waited after: a server that restores a backup gives
    /// waits up before their end, and a token may have got rights. A call that waits after this index would tell neither.
    pub(super) fn read_anew(&mut self, ask: Ask) {
        if self.after == ask.after {
            self.after = None;
        }
    }

    /// A call has failed: the next one is answered at once where Consul is there again, whether or not something has changed.
    pub(super) fn failed(&mut self) {
        self.after = None;
    }

    /// The index of the last content that was believed.
    pub(super) fn last_good_index(&self) -> Option<u64> {
        self.seen.map(|seen| seen.index)
    }
}

/// What tells one content from another.
///
/// The index of each entry's last change is part of it: who writes a value that was there before waits to hear of this write.
pub(super) fn content(entries: &[KvEntry]) -> u128 {
    let mut hash = Xxh3::new();
    for entry in entries {
        hash.update(&entry.key.len().to_le_bytes());
        hash.update(entry.key.as_bytes());
        hash.update(&entry.modify_index.to_le_bytes());
        hash.update(&entry.flags.to_le_bytes());
        hash.update(&entry.value.len().to_le_bytes());
        hash.update(&entry.value);
        hash.update(entry.session.as_deref().unwrap_or_default().as_bytes());
    }
    hash.digest128()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const STALE: Consistency = Consistency::Stale;
    const LEADER: Consistency = Consistency::Default;

    fn cursor_at(consistency: Consistency, index: u64, content: u128) -> Cursor {
        let mut cursor = Cursor::new(consistency);
        assert_eq!(cursor.answered(cursor.ask(), index, content), News::Changed);
        cursor
    }

    #[test]
    fn the_first_call_waits_for_nothing_and_the_next_one_after_the_answer() {
        let cursor = Cursor::new(STALE);
        assert_eq!(cursor.ask(), Ask { after: None, consistency: STALE });
        assert_eq!(cursor_at(STALE, 7, 1).ask(), Ask { after: Some(7), consistency: STALE });
    }

    #[test]
    fn an_answer_without_an_index_is_waited_after_like_the_first() {
        assert_eq!(cursor_at(STALE, 0, 1).ask().after, Some(1));
    }

    #[rstest]
    #[case::the_wait_is_over(STALE, 7, 1, News::Unchanged, Some(7), STALE)]
    #[case::woken_for_nothing(STALE, 8, 1, News::Unchanged, Some(8), STALE)]
    #[case::changed(STALE, 8, 2, News::Changed, Some(8), STALE)]
    #[case::tombstones_are_reaped(STALE, 5, 1, News::Reset, None, STALE)]
    #[case::a_server_lags_behind(STALE, 5, 2, News::ToConfirm, None, LEADER)]
    #[case::other_content_at_the_same_index(STALE, 7, 2, News::ToConfirm, None, LEADER)]
    #[case::the_leader_has_lost_its_data(LEADER, 5, 2, News::Changed, None, LEADER)]
    #[case::the_leader_reaps_tombstones(LEADER, 5, 1, News::Reset, None, LEADER)]
    #[case::the_leader_says_other_at_the_same_index(LEADER, 7, 2, News::Changed, Some(7), LEADER)]
    fn an_answer_decides_the_next_call(
        #[case] consistency: Consistency,
        #[case] index: u64,
        #[case] content: u128,
        #[case] news: News,
        #[case] after: Option<u64>,
        #[case] next: Consistency,
    ) {
        let mut cursor = cursor_at(consistency, 7, 1);
        assert_eq!(cursor.answered(cursor.ask(), index, content), news);
        assert_eq!(cursor.ask(), Ask { after, consistency: next });
    }

    #[test]
    fn the_leader_is_believed_whatever_its_index_and_then_any_server_again() {
        let mut cursor = cursor_at(STALE, 7, 1);
        assert_eq!(cursor.answered(cursor.ask(), 3, 2), News::ToConfirm);
        assert_eq!(cursor.answered(cursor.ask(), 3, 2), News::Changed);
        assert_eq!(cursor.ask(), Ask { after: Some(3), consistency: STALE });

        let mut cursor = cursor_at(STALE, 7, 1);
        assert_eq!(cursor.answered(cursor.ask(), 3, 2), News::ToConfirm);
        assert_eq!(cursor.answered(cursor.ask(), 9, 1), News::Unchanged);
        assert_eq!(cursor.ask(), Ask { after: Some(9), consistency: STALE });
    }

    #[test]
    fn the_leader_is_asked_until_it_answers() {
        let mut cursor = cursor_at(STALE, 7, 1);
        assert_eq!(cursor.answered(cursor.ask(), 3, 2), News::ToConfirm);
        cursor.failed();
        assert_eq!(cursor.ask(), Ask { after: None, consistency: LEADER });
        assert_eq!(cursor.last_good_index(), Some(7));
    }

    #[test]
    fn a_wait_that_was_given_up_is_followed_by_a_call_that_waits_for_nothing() {
        let mut cursor = cursor_at(STALE, 7, 1);
        let ask = cursor.ask();
        assert_eq!(cursor.answered(ask, 7, 1), News::Unchanged);
        cursor.read_anew(ask);
        assert_eq!(cursor.ask().after, None);
        // Woken for nothing, but not given up.
        let mut cursor = cursor_at(STALE, 7, 1);
        let ask = cursor.ask();
        assert_eq!(cursor.answered(ask, 8, 1), News::Unchanged);
        cursor.read_anew(ask);
        assert_eq!(cursor.ask().after, Some(8));
    }

    #[test]
    fn after_a_failure_the_answer_is_wanted_at_once() {
        let mut cursor = cursor_at(STALE, 7, 1);
        cursor.failed();
        assert_eq!(cursor.ask(), Ask { after: None, consistency: STALE });
        assert_eq!(cursor.answered(cursor.ask(), 7, 1), News::Unchanged);
        assert_eq!(cursor.ask().after, Some(7));
    }

    fn entry(key: &str, value: &str, modify_index: u64) -> KvEntry {
        KvEntry {
            key: key.to_owned(),
            value: Bytes::copy_from_slice(value.as_bytes()),
            flags: 0,
            create_index: 1,
            modify_index,
            lock_index: 0,
            session: None,
        }
    }

    #[test]
    fn a_value_that_is_written_again_is_other_content() {
        assert_ne!(content(&[entry("a", "1", 3)]), content(&[entry("a", "1", 5)]));
        assert_ne!(content(&[entry("ab", "", 3)]), content(&[entry("a", "b", 3)]));
        assert_ne!(content(&[]), content(&[entry("a", "", 3)]));
    }

    /// A server that has some past state, and perhaps lost all that it had.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Write,
        Reap,
        Lose,
        Fail,
        /// The server that answers is so many states behind.
        Read {
            behind: usize,
        },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Write),
            1 => Just(Step::Reap),
            1 => Just(Step::Lose),
            1 => Just(Step::Fail),
            6 => (0_usize..3).prop_map(|behind| Step::Read { behind }),
        ]
    }

    proptest! {
        #[test]
        fn the_last_state_is_always_seen_and_none_comes_back(steps in prop::collection::vec(step(), 0..40)) {
            let mut history = vec![(5_u64, 1_u128)];
            let mut written = 5;
            let mut cursor = Cursor::new(STALE);
            let (mut told, mut next) = (None, 2);
            let read = |cursor: &mut Cursor, told: &mut Option<u128>, history: &[(u64, u128)], behind: usize| {
                let ask = cursor.ask();
                let behind = if ask.consistency == STALE { behind } else { 0 };
                let (index, content) = history[history.len().saturating_sub(1 + behind)];
                if cursor.answered(ask, index, content) == News::Changed {
                    *told = Some(content);
                }
            };
            for step in steps {
                let (index, content) = history[history.len() - 1];
                match step {
                    Step::Write => {
                        written += 2;
                        history.push((written, next));
                        next += 1;
                    }
                    Step::Reap => history.push((index.saturating_sub(1).max(1), content)),
                    Step::Lose => {
                        written = 1;
                        history = vec![(written, next)];
                        next += 1;
                    }
                    Step::Fail => cursor.failed(),
                    Step::Read { behind } => {
                        let before = told;
                        read(&mut cursor, &mut told, &history, behind);
                        // Contents are numbered: a lower one is one that was there before.
                        prop_assert!(told >= before, "{told:?} after {before:?}");
                    }
                }
            }
            for _ in 0..3 {
                read(&mut cursor, &mut told, &history, 0);
            }
            prop_assert_eq!(told, Some(history[history.len() - 1].1));
        }
    }
}
