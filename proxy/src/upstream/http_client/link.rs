//! One connection to Bedrock, moved by whoever holds it: by a request, then by the body of its answer, and by nobody while it rests.
//!
//! hyper's pooled client gives each connection a task of its own, which hands an answer over piece by piece. Moving the connection from
//! the task that wants the answer takes two changes of task off each request and each chunk (ADR 0015).

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The bytes under a connection.
pub(super) type Io = MaybeHttpsStream<TokioIo<TcpStream>>;

type Open = Pin<Box<Connection<Io, Full<Bytes>>>>;

/// A connection over which HTTP/1.1 is spoken.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// Gone once it has ended.
    connection: Option<Open>,
}

/// Why there is no answer.
pub(super) enum SendFault {
    /// The connection had been closed before; nothing was sent, and the request is given back.
    Unsent(Box<Request<Full<Bytes>>>, hyper::Error),
    /// It broke after the request was sent, or a part of it.
    Lost(hyper::Error),
}

impl Link {
    /// Begins HTTP/1.1 over `io`.
    ///
    /// # Errors
    /// hyper does not take it.
    pub(super) async fn over(io: Io) -> Result<Self, hyper::Error> {
        let (sender, connection) = http1::handshake(io).await?;
        Ok(Self { sender, connection: Some(Box::pin(connection)) })
    }

    /// Sends `request`, which has the origin form of a URL, and waits for the head of its answer. Dropping the future and the link closes
    /// the connection.
    ///
    /// # Errors
    /// See [`SendFault`].
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SendFault> {
        let Self { sender, connection } = self;
        let mut response = pin!(sender.try_send_request(request));
        let answer = poll_fn(|cx| {
            advance(connection, cx);
            response.as_mut().poll(cx)
        });
        answer.await.map_err(|mut fault| match fault.take_message() {
            Some(request) => SendFault::Unsent(Box::new(request), fault.into_error()),
            None => SendFault::Lost(fault.into_error()),
        })
    }

    /// Moves what is under way. Whoever waits for something of this connection calls it before each look.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) {
        advance(&mut self.connection, cx);
    }

    /// Whether it can take another request. It looks at the socket without waiting, so that an end that has come is found.
    pub(super) fn is_ready(&mut self) -> bool {
        self.advance(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }
}

fn advance(connection: &mut Option<Open>, cx: &mut Context<'_>) {
    // How it ended is told to whoever waits for an answer; at rest it is of no interest.
    if let Some(open) = connection
        && let Poll::Ready(_ended) = open.as_mut().poll(cx)
    {
        *connection = None;
    }
}
