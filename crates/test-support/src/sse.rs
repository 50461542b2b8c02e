//! Server-sent events, read the way the specification says.
//!
//! Source: <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>. What the events
//! mean is for the tests to judge.

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The `event` field; `message` when the stream names none, as the specification says.
    pub name: String,
    /// The `data` lines, joined by line feeds.
    pub data: String,
}

/// Turns the bytes of a stream into events, however they were cut.
#[derive(Debug, Default)]
pub struct Parser {
    pending: Vec<u8>,
    name: String,
    data: Vec<String>,
    comments: u64,
}

impl Parser {
    /// Takes the next bytes and returns the events that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.pending.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            if let Some(event) = self.line(line.trim_end_matches(['\r', '\n'])) {
                events.push(event);
            }
        }
        events
    }

    /// How many comment lines (keep-alives) were seen.
    pub fn comments(&self) -> u64 {
        self.comments
    }

    /// True when the stream ended within an event: what was begun is lost to every client.
    pub fn is_within_an_event(&self) -> bool {
        !self.pending.is_empty() || !self.data.is_empty() || !self.name.is_empty()
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            if data.is_empty() {
                return None;
            }
            let name = if name.is_empty() { "message".to_owned() } else { name };
            return Some(Event { name, data: data.join("\n") });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.comments += 1,
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push(value.to_owned()),
            // `id` and `retry` steer reconnection, which no client of this API does; others are to be ignored.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b": hello\n\ndata: {\"a\":1}\n\ndata: x\r\ndata:y\r\n\r\nevent: error\ndata: \xc3\xa9\n\n";

    fn expected() -> Vec<Event> {
        [("message", "{\"a\":1}"), ("message", "x\ny"), ("error", "\u{e9}")]
            .map(|(name, data)| Event { name: name.to_owned(), data: data.to_owned() })
            .to_vec()
    }

    #[test]
    fn any_cut_of_a_stream_gives_the_same_events() {
        for cut in 0..STREAM.len() {
            let mut parser = Parser::default();
            let (head, tail) = STREAM.split_at(cut);
            let mut events = parser.push(head);
            events.extend(parser.push(tail));
            assert_eq!(events, expected(), "cut at {cut}");
            assert_eq!(parser.comments(), 1);
            assert!(!parser.is_within_an_event());
        }
    }

    #[test]
    fn an_unfinished_event_is_seen() {
        for unfinished in ["data", "data: x", "data: x\n", "event: error\n"] {
            let mut parser = Parser::default();
            assert_eq!(parser.push(unfinished.as_bytes()), []);
            assert!(parser.is_within_an_event(), "{unfinished:?}");
        }
    }
}
