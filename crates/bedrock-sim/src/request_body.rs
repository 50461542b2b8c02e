//! Reads a request's body within the limit.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UnreadBody {
    TooLarge,
    ClientWentAway,
}

/// Reads a body of at most `limit` bytes.
///
/// Of a larger one as much again is read and thrown away, because a client that is still sending when the
/// connection closes may lose the refusal.
///
/// # Errors
/// A body beyond the limit, or one that the client did not finish.
pub(crate) async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, UnreadBody> {
    let mut kept = BytesMut::new();
    let mut seen = 0_usize;
    while let Some(frame) = body.frame().await {
        let bytes = frame.map_err(|_| UnreadBody::ClientWentAway)?.into_data().unwrap_or_default();
        seen = seen.saturating_add(bytes.len());
        if seen <= limit {
            kept.extend_from_slice(&bytes);
        } else if seen > limit.saturating_mul(2) {
            break;
        }
    }
    if seen > limit { Err(UnreadBody::TooLarge) } else { Ok(kept.freeze()) }
}
