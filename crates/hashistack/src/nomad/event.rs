//! The event stream: a hint that something has changed, and no more.
//!
//! Each server keeps the last hundred events in memory and begins at the nearest one without a word when an index is gone, so that
//! events may be missing. Whoever listens reads what is true by the other calls, once at the beginning and after each event or end.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use serde::Deserialize;

use super::job::or_default;
use crate::transport::{Call, HashistackError, OpenAnswer, Transport};

/// How long nothing may come: servers send `{}` every 30 seconds (`JsonStream` in `nomad/stream/ndjson.go`).
const PATIENCE: Duration = Duration::from_secs(75);
/// The longest line: a batch of events, each of which holds a whole job or allocation.
const MAX_LINE: usize = 16 << 20;

/// What events are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Deployments, of the job that a filter names.
    Deployment,
    /// Jobs.
    Job,
    /// Allocations, of the job that a filter names.
    Allocation,
    /// Evaluations, of the job that a filter names.
    Evaluation,
}

impl Topic {
    fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::Job => "Job",
            Self::Allocation => "Allocation",
            Self::Evaluation => "Evaluation",
        }
    }
}

/// One event, without what it is of: that is to be read anew.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// What it is about, such as `Deployment`.
    pub topic: String,
    /// What has happened, such as `DeploymentStatusUpdate`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// The id of what it is about.
    pub key: String,
    /// Where that is.
    #[serde(default)]
    pub namespace: String,
    /// The ids of what that belongs to, such as a deployment's job.
    #[serde(default, deserialize_with = "or_default")]
    pub filter_keys: Vec<String>,
}

/// Events of one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// The index that they came with; a stream that is opened anew begins after it.
    pub index: u64,
    /// At least one.
    pub events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    #[serde(default)]
    index: u64,
    #[serde(default, deserialize_with = "or_default")]
    events: Vec<Event>,
}

/// An open stream.
#[derive(Debug)]
pub struct EventStream {
    answer: OpenAnswer,
    lines: Lines,
}

/// Bytes as they come, and the lines that they make.
#[derive(Debug, Default)]
struct Lines {
    buffer: BytesMut,
    /// How much of the buffer has no line end in it.
    searched: usize,
}

impl Lines {
    /// The next whole line, without its end.
    fn next(&mut self) -> Option<BytesMut> {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(end) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let line = self.buffer.split_to(self.searched + end);
        self.buffer.advance(1);
        self.searched = 0;
        Some(line)
    }
}

/// Opens a stream of these topics, each of one id or, without it, of all. `index` is the last one that was seen; 0 begins with what the
/// server remembers.
pub(super) async fn open(
    transport: &Transport,
    topics: &[(Topic, Option<&str>)],
    index: u64,
) -> Result<EventStream, HashistackError> {
    if topics.is_empty() {
        // Without a topic servers send all, to management tokens alone.
        return Err(HashistackError::Invalid { what: "an event stream needs a topic".to_owned() });
    }
    let mut call = Call::get("/v1/event/stream").timeout(PATIENCE).query("index", index.to_string());
    for (topic, id) in topics {
        call = call.query("topic", format!("{}:{}", topic.as_str(), id.unwrap_or("*")));
    }
    let answer = transport.open(&call).await?;
    Ok(EventStream { answer, lines: Lines::default() })
}

impl EventStream {
    /// The next events; nothing when the server has ended the stream, as it does when the token ends or its rules change.
    ///
    /// # Errors
    /// When the connection breaks, nothing comes for 75 seconds, or what comes are no events. The stream is over then.
    pub async fn next(&mut self) -> Result<Option<Events>, HashistackError> {
        loop {
            while let Some(line) = self.lines.next() {
                let read: Line = serde_json::from_slice(&line).map_err(|source| self.unexpected(source))?;
                // `{}` says that the server is there.
                if !read.events.is_empty() {
                    return Ok(Some(Events { index: read.index, events: read.events }));
                }
            }
            if self.lines.buffer.len() > MAX_LINE {
                let call = self.answer.call().clone();
                return Err(HashistackError::TooLarge { call, limit: MAX_LINE });
            }
            match self.answer.chunk().await? {
                Some(chunk) => self.lines.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }

    fn unexpected(&self, source: serde_json::Error) -> HashistackError {
        HashistackError::UnexpectedBody { call: self.answer.call().clone(), source: Box::new(source) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scripted::{Script, line};
    use crate::{NomadClient, NomadConfig};

    async fn stream(body: &'static str) -> (EventStream, Script) {
        let script = Script::start([line(200, body)]).await;
        let client =
            NomadClient::new(NomadConfig::new(format!("http://{}", script.address).parse().unwrap()))
                .unwrap();
        let stream = client.events(&[(Topic::Job, None)], 7).await.unwrap();
        assert_eq!(script.queries(), ["index=7&topic=Job%3A%2A"]);
        (stream, script)
    }

    #[tokio::test]
    async fn events_come_in_order_heartbeats_are_passed_over_and_the_end_is_told() {
        let event = r#"{"Topic":"Job","Type":"JobRegistered","Key":"a","Namespace":"b","FilterKeys":null,"Payload":{"x":1}}"#;
        let body: &'static str = format!(
            "{{}}\n{{\"Index\":8,\"Events\":[{event}]}}\n{{}}\n{{\"Index\":9,\"Events\":[{event},{event}]}}\n"
        )
        .leak();
        let (mut stream, _script) = stream(body).await;
        let first = stream.next().await.unwrap().unwrap();
        assert_eq!((first.index, first.events.len(), first.events[0].key.as_str()), (8, 1, "a"));
        let second = stream.next().await.unwrap().unwrap();
        assert_eq!((second.index, second.events.len()), (9, 2));
        assert_eq!(stream.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_no_event_is_told() {
        let (mut stream, _script) = stream("Permission denied\n").await;
        let error = stream.next().await.unwrap_err();
        assert!(matches!(error, HashistackError::UnexpectedBody { .. }), "{error}");
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_their_bytes_come(
            text in "[a-c\n]{0,40}",
            cuts in proptest::collection::vec(0_usize..40, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < text.len()).collect();
            cuts.sort_unstable();
            let (mut lines, mut read, mut from) = (Lines::default(), Vec::new(), 0);
            for to in cuts.into_iter().chain([text.len()]) {
                lines.buffer.extend_from_slice(&text.as_bytes()[from..to]);
                from = to;
                while let Some(line) = lines.next() {
                    read.push(String::from_utf8(line.to_vec()).unwrap());
                }
            }
            let mut expected: Vec<&str> = text.split('\n').collect();
            expected.pop();
            prop_assert_eq!(read, expected);
        }
    }
}
