//! warp's request bodies, as the parser reads them.

use std::pin::Pin;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};

use crate::parse::IncomingBody;

/// A body as warp gives it.
pub(super) struct WarpBody<S>(Pin<Box<S>>);

impl<S> WarpBody<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(Box::pin(stream))
    }
}

impl<S, B> IncomingBody for WarpBody<S>
where
    S: Stream<Item = Result<B, warp::Error>> + Send,
    B: Buf + Send,
{
    async fn next(&mut self) -> Option<Result<Bytes, String>> {
        let piece = self.0.next().await?;
        Some(piece.map(|mut buf| buf.copy_to_bytes(buf.remaining())).map_err(|error| error.to_string()))
    }
}
