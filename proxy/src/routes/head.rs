//! What comes before the body of a request, out of warp's hands.

use std::convert::Infallible;

use http::HeaderMap;
use warp::Filter;

use crate::context::RequestHead;
use crate::server::Peer;

/// The headers, and who sends them.
pub(super) fn head() -> impl Filter<Extract = (RequestHead,), Error = Infallible> + Clone + Send + Sync {
    warp::header::headers_cloned().and(warp::ext::optional::<Peer>()).map(
        |headers: HeaderMap, peer: Option<Peer>| RequestHead {
            headers,
            client: peer.map(|peer| peer.client),
        },
    )
}
