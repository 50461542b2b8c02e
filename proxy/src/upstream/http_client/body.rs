//! The body of an answer, which moves its own connection and gives it back at the end.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::link::Link;
use super::pool::{Place, Pool};

/// A body with the connection that it comes over. Dropping it before its end closes the connection.
pub struct AnswerBody {
    incoming: Incoming,
    link: Option<Link>,
    home: Arc<Pool>,
    place: Place,
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").field("place", &self.place).finish_non_exhaustive()
    }
}

impl AnswerBody {
    pub(super) fn new(incoming: Incoming, link: Link, home: Arc<Pool>, place: Place) -> Self {
        Self { incoming, link: Some(link), home, place }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let body = self.get_mut();
        let mut polled = Pin::new(&mut body.incoming).poll_frame(cx);
        if polled.is_pending()
            && let Some(link) = &mut body.link
        {
            link.advance(cx);
            polled = Pin::new(&mut body.incoming).poll_frame(cx);
        }
        match &polled {
            Poll::Ready(None) => {
                if let Some(link) = body.link.take() {
                    body.home.give_back(&body.place, link);
                }
            }
            Poll::Ready(Some(Err(_))) => body.link = None,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
