//! One limit over a whole connection setup: name resolution, TCP and the TLS handshake.
//!
//! hyper-util's own connect timeout covers TCP alone; a resolver or a handshake that hangs would hold a request for ever.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The setup of a connection took longer than its limit.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} ms", limit.as_millis())]
pub struct ConnectTimeout {
    /// The limit that was passed.
    pub limit: Duration,
}

/// A connector whose connections are set up within `limit`, or fail with [`ConnectTimeout`].
#[derive(Debug, Clone)]
pub struct TimedConnector<C> {
    inner: C,
    limit: Duration,
}

impl<C> TimedConnector<C> {
    /// Limits `inner`.
    pub fn new(inner: C, limit: Duration) -> Self {
        Self { inner, limit }
    }
}

impl<C> Service<Uri> for TimedConnector<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let limit = self.limit;
        let connecting = self.inner.call(target);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_elapsed) => Err(ConnectTimeout { limit }.into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::pending;

    use super::*;

    /// Stands for a resolver or a peer that never answers.
    struct Hangs;

    impl Service<Uri> for Hangs {
        type Response = ();
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<(), Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Uri) -> Self::Future {
            Box::pin(pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_setup_that_hangs_ends_at_the_limit() {
        let mut connector = TimedConnector::new(Hangs, Duration::from_secs(5));
        let failure = connector.call(Uri::from_static("https://host/")).await.unwrap_err();
        assert_eq!(failure.downcast::<ConnectTimeout>().unwrap().limit, Duration::from_secs(5));
    }
}
