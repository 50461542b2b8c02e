//! The agent's events as hints: something has happened, and what is true now has to be read.
//!
//! Nothing is decided upon an event, so that one that is lost costs a moment and nothing else.

use std::time::Duration;

use bytes::Bytes;
use nova_hashistack::transport::OpenAnswer;
use tokio::time::{Instant, sleep_until};

use super::agent::AgentClient;

/// How long to wait before the stream is opened again: a reader looks by itself meanwhile.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest line that is read. The data of an event are passed over.
const MAX_LINE: usize = 1 << 20;

/// The stream of events, opened again whenever it ends.
#[derive(Debug)]
pub(super) struct Hints {
    agent: AgentClient,
    open: Option<OpenAnswer>,
    lines: EventLines,
    not_before: Instant,
}

impl Hints {
    pub(super) fn new(agent: AgentClient) -> Self {
        Self { agent, open: None, lines: EventLines::default(), not_before: Instant::now() }
    }

    /// Waits for an event, until `end` at the longest. An agent that cannot be listened to is no failure: `end` comes all the same.
    pub(super) async fn next(&mut self, end: Instant) {
        // What was read of a chunk is in `self`, so that a wait that is given up loses nothing but a hint.
        drop(tokio::time::timeout_at(end, self.listen()).await);
    }

    async fn listen(&mut self) {
        loop {
            let Some(open) = &mut self.open else {
                sleep_until(self.not_before).await;
                self.not_before = Instant::now() + PAUSE;
                self.lines = EventLines::default();
                self.open = self.agent.events().await.ok();
                continue;
            };
            match open.chunk().await {
                Ok(Some(chunk)) => {
                    if self.lines.completes_an_event(&chunk) {
                        return;
                    }
                }
                // It ends when the agent drains or hands over: another one may be there already.
                Ok(None) | Err(_) => self.open = None,
            }
        }
    }
}

/// Tells from bytes, however they are cut, when an event with data is complete.
///
/// As the specification reads event streams (HTML, section 9.2.6), as far as that takes: a blank line ends an event, and what begins
/// with a colon is none.
#[derive(Debug, Default)]
struct EventLines {
    line: Vec<u8>,
    has_data: bool,
}

impl EventLines {
    fn completes_an_event(&mut self, chunk: &Bytes) -> bool {
        let mut is_complete = false;
        for byte in chunk {
            match byte {
                b'\n' => is_complete |= self.end_line(),
                b'\r' => {}
                _ if self.line.len() < MAX_LINE => self.line.push(*byte),
                _ => {}
            }
        }
        is_complete
    }

    fn end_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return std::mem::take(&mut self.has_data);
        }
        self.has_data |= line.starts_with(b"data");
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_seen_however_its_bytes_are_cut() {
        let text = b": here\n\nid: 7\r\nevent: transition\r\ndata: {}\r\n\r\n";
        for cut in 0..text.len() {
            let mut lines = EventLines::default();
            let (head, tail) = text.split_at(cut);
            let seen = [head, tail].map(|part| lines.completes_an_event(&Bytes::copy_from_slice(part)));
            assert_eq!(seen.iter().filter(|seen| **seen).count(), 1, "cut at {cut}");
        }
    }

    #[test]
    fn a_sign_of_life_is_no_event() {
        let mut lines = EventLines::default();
        assert!(!lines.completes_an_event(&Bytes::from_static(b": here\n\n:\n\nretry: 5\n\n")));
    }
}
