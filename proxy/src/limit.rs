//! What is admitted: the step between knowing the caller and working for it.
//!
//! [`Admission`] runs its steps in order and gives one guard that holds all of them until the response body
//! ends. Today there is one step, concurrency; rates and budgets join it here. The status codes of a refusal
//! are chosen in `error.rs`.

pub mod body_memory;
pub mod concurrency;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pub use body_memory::BodyMemory;
pub use concurrency::{ConcurrencyLimit, ConcurrencySettings, ConcurrencySnapshot, Permit};

/// Why a request is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// All permits are out and the queue is full.
    #[error(
        "{limit} requests run and {queued} wait already, which is all this proxy takes; retry with back-off"
    )]
    QueueFull {
        /// Permits that may be out at once.
        limit: u32,
        /// Requests that wait.
        queued: usize,
    },
    /// No permit came free in time.
    #[error("no place came free within {} ms; retry with back-off", waited.as_millis())]
    QueueTimeout {
        /// How long the request waited.
        waited: Duration,
    },
    /// This instance is stopping.
    #[error("this proxy is stopping and takes no new requests; retry, and another instance answers")]
    Draining,
}

/// The steps before a request is worked on. Cheap to clone; clones share their limits.
#[derive(Clone, Debug)]
pub struct Admission {
    concurrency: ConcurrencyLimit,
}

impl Admission {
    /// Admission by concurrency alone.
    pub fn new(concurrency: ConcurrencyLimit) -> Self {
        Self { concurrency }
    }

    /// The step that bounds concurrency, to change its limits and read its gauges.
    pub fn concurrency(&self) -> &ConcurrencyLimit {
        &self.concurrency
    }

    /// Takes every step in order; the first refusal is the answer.
    ///
    /// # Errors
    ///
    /// The refusal of the first step that refuses. Dropping the future gives up the place in the queue.
    pub async fn admit(&self) -> Result<Admitted, AdmissionError> {
        let concurrency = self.concurrency.acquire().await?;
        Ok(Admitted { concurrency })
    }
}

/// Proof of admission. What was taken for the request is given back when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the request's place away"]
pub struct Admitted {
    concurrency: Permit,
}

impl Admitted {
    /// How long the request waited in the queue, for metrics and `Server-Timing`.
    pub fn waited(&self) -> Duration {
        self.concurrency.waited()
    }

    /// Keeps the admission until `body` has ended, failed or been dropped: a streamed response is work until
    /// its last byte.
    pub fn hold<B>(self, body: B) -> AdmittedBody<B> {
        AdmittedBody { body, admitted: Some(self) }
    }
}

pin_project! {
    /// A response body that holds its request's admission.
    #[derive(Debug)]
    pub struct AdmittedBody<B> {
        #[pin]
        body: B,
        admitted: Option<Admitted>,
    }
}

impl<B: Body> Body for AdmittedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let poll = this.body.poll_frame(cx);
        if matches!(poll, Poll::Ready(None | Some(Err(_)))) {
            *this.admitted = None;
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::num::NonZeroU32;

    use bytes::Bytes;
    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn admission() -> Admission {
        let settings = ConcurrencySettings {
            max_in_flight: NonZeroU32::MIN,
            max_queued: 0,
            queue_timeout: Duration::from_secs(1),
        };
        Admission::new(ConcurrencyLimit::new(settings, CancellationToken::new()))
    }

    fn in_flight(admission: &Admission) -> u32 {
        admission.concurrency().snapshot().in_flight
    }

    fn body(end: Option<io::Error>) -> StreamBody<impl stream::Stream<Item = io::Result<Frame<Bytes>>>> {
        let data = Ok(Frame::data(Bytes::from_static(b"token")));
        StreamBody::new(stream::iter([Some(data), end.map(Err)].into_iter().flatten()))
    }

    #[tokio::test]
    async fn admission_is_held_until_the_body_ends() {
        let admission = admission();
        let mut body = admission.admit().await.unwrap().hold(body(None));
        body.frame().await.unwrap().unwrap();
        assert_eq!(in_flight(&admission), 1);
        assert_eq!(admission.admit().await.unwrap_err(), AdmissionError::QueueFull { limit: 1, queued: 0 });
        assert!(body.frame().await.is_none());
        assert_eq!(in_flight(&admission), 0, "the end of the body frees it, before it is dropped");
        assert!(body.is_end_stream() || body.frame().await.is_none());
    }

    #[tokio::test]
    async fn admission_ends_with_a_failed_or_dropped_body() {
        let admission = admission();
        let mut failing = admission.admit().await.unwrap().hold(body(Some(io::Error::other("cut"))));
        failing.frame().await.unwrap().unwrap();
        failing.frame().await.unwrap().unwrap_err();
        assert_eq!(in_flight(&admission), 0);
        let dropped = admission.admit().await.unwrap().hold(body(None));
        assert_eq!(in_flight(&admission), 1);
        drop(dropped);
        assert_eq!(in_flight(&admission), 0);
    }
}
