//! `nova-local serve-archives`: the archives of a folder over HTTP, for the Nomad of a cluster, which fetches releases from nowhere
//! else. A part of `up --cluster` and of nothing else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How many connections are served at once. Nomad's client opens one for each task that it starts.
const CONNECTIONS: usize = 64;

/// How much of a file is read at a time.
const PIECE: usize = 1 << 18;

/// The options of `nova-local serve-archives`.
#[derive(Debug, Args)]
pub struct ArchivesArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The folder of the archives
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

type Body = BoxBody<Bytes, std::io::Error>;

/// Serves until a signal ends the process.
///
/// # Errors
/// When the address is taken.
pub async fn run(args: ArchivesArgs) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen at {}", args.listen))?;
    let folder: Arc<Path> = args.folder.into();
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept connections")?;
        while connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        let folder = Arc::clone(&folder);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&folder), request));
            // Whoever fetches may go at any time, and fetches again.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn answer(folder: Arc<Path>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let empty = |status| {
        let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed());
        *response.status_mut() = status;
        response
    };
    let name = request.uri().path().trim_start_matches('/');
    if !matches!(*request.method(), Method::GET | Method::HEAD) || !is_archive(name) {
        return Ok(empty(StatusCode::NOT_FOUND));
    }
    let Ok(file) = File::open(folder.join(name)).await else { return Ok(empty(StatusCode::NOT_FOUND)) };
    let Ok(length) = file.metadata().await.map(|data| data.len()) else {
        return Ok(empty(StatusCode::INTERNAL_SERVER_ERROR));
    };
    let mut response = if request.method() == Method::HEAD {
        empty(StatusCode::OK)
    } else {
        let pieces = stream::try_unfold(file, |mut file| async move {
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece).await?;
            piece.truncate(read);
            Ok((read > 0).then(|| (Frame::data(Bytes::from(piece)), file)))
        });
        Response::new(http_body_util::BodyExt::boxed(StreamBody::new(pieces)))
    };
    response.headers_mut().insert(http::header::CONTENT_LENGTH, length.into());
    Ok(response)
}

/// Whether this is the name of an archive, and of nothing in another folder.
fn is_archive(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    name.ends_with(".tar.gz") && !name.starts_with('.') && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_archives_of_the_folder_is_served() {
        for name in ["nova-0.1.0-linux-amd64.tar.gz", "nova-0.2.0-rc.1+g1a2b-linux-amd64.tar.gz"] {
            assert!(is_archive(name), "{name}");
        }
        for other in ["", "../nova.tar.gz", ".tar.gz", "cluster.json", "a/nova.tar.gz", "%2e%2e/x.tar.gz"] {
            assert!(!is_archive(other), "{other}");
        }
    }
}
