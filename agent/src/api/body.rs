//! Bodies of requests: few bytes of JSON, within a limit and a time.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;

use super::ApiError;

/// The largest body: an order with its reason.
const MAX_BODY: usize = 16 << 10;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

const HINT: &str = "send JSON such as {\"deployment_id\": \"…\", \"reason\": \"…\"}";

/// Reads a body whole.
///
/// # Errors
/// When it is too large, too slow, or not what it should be.
pub(super) async fn read<T: DeserializeOwned, B: Buf, E>(
    body: impl Stream<Item = Result<B, E>>,
) -> Result<T, ApiError> {
    let text =
        tokio::time::timeout(PATIENCE, collect(body)).await.map_err(|_elapsed| ApiError::TooSlow)??;
    serde_json::from_slice(&text).map_err(|error| ApiError::BadRequest {
        what: format!("the body cannot be read: {error}"),
        hint: HINT,
    })
}

async fn collect<B: Buf, E>(body: impl Stream<Item = Result<B, E>>) -> Result<BytesMut, ApiError> {
    let mut body = pin!(body);
    let mut text = BytesMut::new();
    while let Some(piece) = body.next().await {
        // Whoever has gone reads no reason.
        let lost =
            |_: E| ApiError::BadRequest { what: "the body broke off".to_owned(), hint: "send it again" };
        let mut piece = piece.map_err(lost)?;
        if text.len() + piece.remaining() > MAX_BODY {
            return Err(ApiError::TooLarge { limit: MAX_BODY });
        }
        text.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::super::rollouts::Order;
    use super::*;

    async fn order(pieces: &[&'static [u8]]) -> Result<Order, ApiError> {
        let pieces: Vec<Result<_, std::convert::Infallible>> =
            pieces.iter().map(|piece| Ok(Bytes::from_static(piece))).collect();
        read(stream::iter(pieces)).await
    }

    #[tokio::test]
    async fn a_body_is_read_in_pieces_and_within_a_limit() {
        let read = order(&[b"{\"deployment_id\":", b"\"d\"}"]).await.unwrap();
        assert_eq!(read, Order { deployment_id: "d".to_owned(), reason: String::new() });
        let large: &'static [u8] = Box::leak(vec![b' '; MAX_BODY].into_boxed_slice());
        assert_eq!(order(&[large, b" "]).await, Err(ApiError::TooLarge { limit: MAX_BODY }));
        for faulty in [b"".as_slice(), b"{}", b"[]", b"{\"deployment_id\":\"d\",\"force\":true}"] {
            let error = order(&[faulty]).await.unwrap_err();
            assert!(matches!(error, ApiError::BadRequest { .. }), "{error:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let never = stream::pending::<Result<Bytes, std::convert::Infallible>>();
        assert_eq!(read::<Order, _, _>(never).await, Err(ApiError::TooSlow));
    }
}
