//! A bound socket, of TCP or Unix, and how connections come out of it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use super::transport::Transport;

/// The first probe on a silent connection: below the four to six minutes after which cloud load balancers and address
/// translators forget one, while an answer that is not streamed may take an hour.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

/// The time between probes that are not answered.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);

/// How many unanswered probes end a connection: a client that vanished is found two minutes after its last sign of life, and
/// the call to Bedrock that nobody waits for ends with it.
const KEEPALIVE_PROBES: u32 = 4;

/// How many connections the kernel accepts ahead of us, which it bounds by `net.core.somaxconn`. Under a usual hundred, a burst of
/// clients after a restart would wait for the kernel to ask again, for seconds.
const BACKLOG: u32 = 4096;

/// Where connections come from: a socket, or a test's script of failures.
pub(super) trait Accept {
    fn accept(&self) -> impl Future<Output = io::Result<(Transport, SocketAddr)>> + Send;

    /// Begins no connection any more, and still gives those that have begun.
    fn begin_no_more(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A bound socket.
#[derive(Debug)]
pub enum ListenSocket {
    /// Of an address and a port.
    Tcp(TcpListener),
    /// Of a path.
    Unix(UnixListener),
}

impl From<TcpListener> for ListenSocket {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl ListenSocket {
    /// Binds an address and a port.
    ///
    /// # Errors
    /// When the address is taken, or not this machine's.
    pub fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart does not wait for the last connections of the process before to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    }

    /// Binds a Unix socket that only this user can reach. A socket that a dead process left is replaced.
    ///
    /// # Errors
    /// When a living process listens there, or the folder is not there or not ours to write.
    pub async fn bind_unix(path: &Path) -> io::Result<Self> {
        if UnixStream::connect(path).await.is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        // A file that is no socket is not ours to replace.
        if let Ok(found) = std::fs::symlink_metadata(path) {
            use std::os::unix::fs::FileTypeExt;
            if !found.file_type().is_socket() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
        }
        // Under another name until its mode is set: nobody else connects in between.
        let mut new = path.as_os_str().to_owned();
        new.push(format!(".{}", std::process::id()));
        let new = Path::new(&new);
        let bound = UnixListener::bind(new).and_then(|listener| {
            std::fs::set_permissions(new, std::fs::Permissions::from_mode(0o600))?;
            std::fs::rename(new, path)?;
            Ok(Self::Unix(listener))
        });
        if bound.is_err() {
            // Where it was not made there is nothing to remove; why it was not is in `bound`.
            std::fs::remove_file(new).ok();
        }
        bound
    }

    /// The address, or the path.
    ///
    /// # Errors
    /// When the socket has none.
    pub fn name(&self) -> io::Result<String> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(|address| address.to_string()),
            // Its own name is the one that it was bound under; the caller knows the path.
            Self::Unix(_) => Ok("unix".to_owned()),
        }
    }
}

impl Accept for ListenSocket {
    async fn accept(&self) -> io::Result<(Transport, SocketAddr)> {
        match self {
            Self::Tcp(listener) => Accept::accept(listener).await,
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                // A Unix socket's other end is on this machine, and has no address.
                Ok((Transport::Unix(stream), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
            }
        }
    }

    fn begin_no_more(&self) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.begin_no_more(),
            Self::Unix(_) => Ok(()),
        }
    }
}

impl Accept for TcpListener {
    async fn accept(&self) -> io::Result<(Transport, SocketAddr)> {
        let (stream, address) = TcpListener::accept(self).await?;
        Ok((Transport::Plain(stream), address))
    }

    /// A segment that asks for a connection is dropped, not refused: a client asks again a second later, finds nobody listening, and
    /// has sent nothing. A connection that was made and never accepted would be reset with the request in it.
    #[cfg(target_os = "linux")]
    fn begin_no_more(&self) -> io::Result<()> {
        use socket2::SockFilter;
        // Classic BPF over the TCP header: load the byte of the flags, drop where SYN is among them, keep the rest.
        SockRef::from(self).attach_filter(&[
            SockFilter::new(0x30, 0, 0, 13),
            SockFilter::new(0x45, 0, 1, 0x02),
            SockFilter::new(0x06, 0, 0, 0),
            SockFilter::new(0x06, 0, 0, u32::MAX),
        ])
    }
}

/// Sets the options of an accepted connection.
///
/// # Errors
/// When the system refuses one; the connection works without it.
pub(super) fn tune(stream: &TcpStream) -> io::Result<()> {
    // Without it small events of a stream wait for the acknowledgment of the one before.
    stream.set_nodelay(true)?;
    let probes = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_PROBES);
    SockRef::from(stream).set_tcp_keepalive(&probes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_accepted_connection_is_probed_when_it_is_silent() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        tune(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap() && stream.nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_AFTER);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_EVERY);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
    }

    #[tokio::test]
    async fn a_unix_socket_is_its_owners_and_replaces_a_dead_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let first = ListenSocket::bind_unix(&path).await.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = ListenSocket::bind_unix(&path).await.expect_err("a living one");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(path.exists(), "a dead socket lies there");
        ListenSocket::bind_unix(&path).await.expect("it is replaced");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no other name is left");

        let file = folder.path().join("file");
        std::fs::write(&file, "mine").unwrap();
        ListenSocket::bind_unix(&file).await.expect_err("a file that is no socket");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    }
}
