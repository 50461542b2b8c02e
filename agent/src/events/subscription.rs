//! A reader of the events: where it stands, and what it has missed.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Event, EventId, Events};

/// How many events are handed over at once.
const BATCH: usize = 64;

/// What a reader gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// The events that came, in their order.
    Events(Vec<Arc<Event>>),
    /// Events that the reader has not seen are no longer kept. What follows begins with the oldest one that is.
    Gap,
    /// The process keeps no more events.
    End,
}

/// A reader that follows.
#[derive(Debug)]
pub struct Subscription {
    events: Events,
    newest: watch::Receiver<u64>,
    /// The number of the last event that was handed over.
    seen: u64,
    /// Whether a gap lies before what is handed over next, of which the reader has not been told.
    has_gap: bool,
}

impl Subscription {
    pub(super) fn new(events: Events, after: Option<&EventId>) -> Self {
        let newest = events.shared.newest.subscribe();
        let (seen, has_gap) = match after {
            None => (events.oldest().saturating_sub(1), false),
            Some(id) if id.process == events.shared.process && id.number <= *newest.borrow() => {
                (id.number, false)
            }
            // Of another process: nobody knows how many events lie between.
            Some(_) => (events.oldest().saturating_sub(1), true),
        };
        Self { events, newest, seen, has_gap }
    }

    /// Waits for what comes next. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Next {
        loop {
            if std::mem::take(&mut self.has_gap) {
                return Next::Gap;
            }
            self.newest.borrow_and_update();
            let (oldest, found) = self.events.after(self.seen);
            if oldest > self.seen + 1 {
                self.seen = oldest - 1;
                return Next::Gap;
            }
            if let Some(last) = found.last() {
                self.seen = last.id.number;
                return Next::Events(found);
            }
            if self.newest.changed().await.is_err() {
                return Next::End;
            }
        }
    }
}

impl Events {
    /// The number of the oldest event that is kept; of the next one, where there is none.
    fn oldest(&self) -> u64 {
        self.kept().front().map_or(1, |event| event.id.number)
    }

    /// Some events after the one of this number, and the number of the oldest one that is kept.
    fn after(&self, seen: u64) -> (u64, Vec<Arc<Event>>) {
        let kept = self.kept();
        let oldest = kept.front().map_or(1, |event| event.id.number);
        let skipped = usize::try_from((seen + 1).saturating_sub(oldest)).unwrap_or(usize::MAX);
        (oldest, kept.iter().skip(skipped).take(BATCH).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::KEPT;
    use super::*;

    fn numbers(next: Next) -> Vec<u64> {
        match next {
            Next::Events(events) => events.iter().map(|event| event.id.number).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn with(count: usize) -> Events {
        let events = Events::new("p");
        (0..count).for_each(|n| events.record("test", json!({ "n": n })));
        events
    }

    #[tokio::test]
    async fn a_reader_gets_what_is_kept_and_then_what_comes() {
        let events = with(2);
        let mut reader = events.subscribe(None);
        assert_eq!(numbers(reader.next().await), [1, 2]);
        let later = tokio::join!(reader.next(), async { events.record("test", json!({})) });
        assert_eq!(numbers(later.0), [3]);
    }

    #[tokio::test]
    async fn a_reader_resumes_after_the_last_event_that_it_read() {
        let events = with(5);
        let mut reader = events.subscribe(Some(&"p-3".parse().unwrap()));
        assert_eq!(numbers(reader.next().await), [4, 5]);
    }

    #[tokio::test]
    async fn a_reader_of_another_process_is_told_of_the_gap() {
        let events = with(2);
        for id in ["before-2", "p-99"] {
            let mut reader = events.subscribe(Some(&id.parse().unwrap()));
            assert_eq!(reader.next().await, Next::Gap, "{id}");
            assert_eq!(numbers(reader.next().await), [1, 2]);
        }
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_what_it_missed_and_the_list_stays_bounded() {
        let events = with(1);
        let mut reader = events.subscribe(None);
        assert_eq!(numbers(reader.next().await), [1]);
        (0..=KEPT).for_each(|n| events.record("test", json!({ "n": n })));
        assert_eq!(events.kept().len(), KEPT);
        assert_eq!(reader.next().await, Next::Gap);
        assert_eq!(numbers(reader.next().await)[0], 3);
    }

    #[test]
    fn ids_are_read_as_they_are_written() {
        let id: EventId = "5a4d-b-17".parse().unwrap();
        assert_eq!((id.to_string().as_str(), id.number), ("5a4d-b-17", 17));
        for text in ["", "17", "-17", "a-", "a-x", "a-99999999999999999999", "a-+1"] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }
}
