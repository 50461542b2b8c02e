//! A connection that is kept for one request after the other, as load balancers and SDKs keep theirs.
//!
//! Nothing is retried: a request that finds its connection closed fails, unless the answer before said that it would be.

use anyhow::{Context, bail};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use crate::client::{Call, EXCHANGE_DEADLINE, Ended, Reply, Stream};

/// An HTTP/1.1 connection over any byte stream. Dropping it closes it.
#[derive(Debug)]
pub struct Kept {
    sender: SendRequest<Full<bytes::Bytes>>,
    connection: JoinSet<Result<(), String>>,
    is_over: bool,
}

impl Kept {
    /// Begins HTTP/1.1 on an open stream.
    ///
    /// # Errors
    /// When it has closed already.
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> anyhow::Result<Self> {
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        let mut connection = JoinSet::new();
        // A failure of the connection reaches the caller through the response or its body.
        connection.spawn(async move { driver.await.map_err(|error| error.to_string()) });
        Ok(Self { sender, connection, is_over: false })
    }

    /// Whether the last answer said that this connection ends with it.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection fails or breaks, or the deadline passes.
    pub async fn send(&mut self, call: Call) -> anyhow::Result<Reply> {
        tokio::time::timeout(EXCHANGE_DEADLINE, async { self.open(call).await?.whole().await })
            .await
            .with_context(|| format!("no whole answer within {EXCHANGE_DEADLINE:?}"))?
    }

    /// Sends a request whose answer is a stream, and reads it to its end.
    ///
    /// # Errors
    /// When the connection fails before the head of the answer.
    pub async fn stream_to_end(&mut self, call: Call) -> anyhow::Result<(StatusCode, Ended)> {
        let stream = tokio::time::timeout(EXCHANGE_DEADLINE, self.open(call))
            .await
            .with_context(|| format!("no head of an answer within {EXCHANGE_DEADLINE:?}"))??;
        let status = stream.status;
        Ok((status, stream.finish().await))
    }

    async fn open(&mut self, call: Call) -> anyhow::Result<Stream> {
        if self.is_over {
            bail!("the answer before said that this connection ends");
        }
        let request: Request<Full<bytes::Bytes>> = call.into_request()?;
        self.sender.ready().await.context("the connection was closed without a word")?;
        let response = self.sender.send_request(request).await.context("no answer")?;
        self.is_over = says_close(response.headers());
        let (parts, body) = response.into_parts();
        Ok(Stream::new(parts, body, JoinSet::new()))
    }

    /// Waits until the other end has closed the connection.
    pub async fn closed(&mut self) {
        // Why it ended is of no interest here.
        let _ended = self.connection.join_next().await;
    }
}

fn says_close(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONNECTION).and_then(|value| value.to_str().ok());
    said.is_some_and(|said| said.eq_ignore_ascii_case("close"))
}
