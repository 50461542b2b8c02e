//! Bound sockets: a Unix socket for this machine's operators, and TCP, with or without TLS.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::tls::ApiTls;
use crate::api::Peer;

/// The mode of the Unix socket: its user and its group.
const MODE: u32 = 0o660;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The address cannot be bound.
    #[error("the address {address} cannot be bound: take another one, or stop whoever has it")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Somebody answers there.
    #[error("another process answers at the socket {}: stop it, or name another socket", path.display())]
    Taken {
        /// The path.
        path: PathBuf,
    },
    /// A file that is no socket has the name.
    #[error("{} is there and is no socket: take it away, or name another socket", path.display())]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// The Unix socket cannot be made.
    #[error("the socket {} cannot be made: its folder must be there, and this user's to write", path.display())]
    Unix {
        /// The path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    /// Of an address and a port.
    Tcp {
        /// The socket.
        listener: TcpListener,
        /// Its certificate; without one it speaks plain HTTP.
        tls: Option<Arc<ApiTls>>,
    },
    /// Of a path, which goes with it.
    Unix(UnixSocket),
}

/// A Unix socket, whose file is removed when it is dropped.
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // Where it cannot be removed the next process finds it dead, and replaces it.
        drop(std::fs::remove_file(&self.path));
    }
}

/// A connection that was taken.
pub(super) enum Accepted {
    Tcp { stream: TcpStream, peer: Peer, tls: Option<Arc<ApiTls>> },
    Unix { stream: UnixStream, peer: Peer },
}

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// When it is taken, or not this machine's.
    pub async fn tcp(address: SocketAddr, tls: Option<Arc<ApiTls>>) -> Result<Self, SocketError> {
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| SocketError::Tcp { address, source })?;
        Ok(Self::Tcp { listener, tls })
    }

    /// Binds a Unix socket for this user and its group. One at which nobody answers any more is replaced.
    ///
    /// # Errors
    /// When somebody answers there, or the path is no socket's, or the folder is not this user's to write.
    pub async fn unix(path: &Path) -> Result<Self, SocketError> {
        let failed = |source| SocketError::Unix { path: path.to_owned(), source };
        if UnixStream::connect(path).await.is_ok() {
            return Err(SocketError::Taken { path: path.to_owned() });
        }
        if let Ok(found) = std::fs::symlink_metadata(path)
            && !found.file_type().is_socket()
        {
            return Err(SocketError::NoSocket { path: path.to_owned() });
        }
        // Under another name until its mode is set, so that nobody connects in between.
        let mut new = path.as_os_str().to_owned();
        new.push(format!(".{}", std::process::id()));
        let new = PathBuf::from(new);
        let bound = UnixListener::bind(&new).and_then(|listener| {
            std::fs::set_permissions(&new, std::fs::Permissions::from_mode(MODE))?;
            std::fs::rename(&new, path)?;
            Ok(Self::Unix(UnixSocket { listener, path: path.to_owned() }))
        });
        if bound.is_err() {
            // Why it was not made is in `bound`.
            drop(std::fs::remove_file(&new));
        }
        bound.map_err(failed)
    }

    /// The address, or the path.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Tcp { listener, .. } => {
                listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string())
            }
            Self::Unix(socket) => socket.path.display().to_string(),
        }
    }

    /// The address of a TCP socket, whose port the system may have chosen.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { listener, .. } => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp { listener, tls } => {
                let (stream, address) = listener.accept().await?;
                Ok(Accepted::Tcp { stream, peer: Peer::Remote(address), tls: tls.clone() })
            }
            Self::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                let uid = stream.peer_cred().ok().map(|peer| peer.uid());
                Ok(Accepted::Unix { stream, peer: Peer::Local { uid } })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_unix_socket_is_for_its_group_and_replaces_a_dead_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let first = Listener::unix(&path).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        let error = Listener::unix(&path).await.expect_err("a living one");
        assert!(matches!(error, SocketError::Taken { .. }), "{error}");
        drop(first);
        assert!(!path.exists(), "it goes with its process");

        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a dead socket lies there");
        drop(Listener::unix(&path).await.expect("it is replaced"));

        std::fs::write(&path, "mine").unwrap();
        let error = Listener::unix(&path).await.expect_err("a file that is no socket");
        assert!(matches!(error, SocketError::NoSocket { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no other name is left");
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_named() {
        let error = Listener::unix(Path::new("/nowhere/agent.sock")).await.expect_err("no folder");
        assert!(error.to_string().contains("/nowhere/agent.sock"), "{error}");
    }
}
