//! Listening sockets: loopback TCP with one socket for each worker, or one Unix socket.
//!
//! In: addresses or a path. Out: sockets that listen, or a [`BindError`] that says what to do.
//! A stale socket file is replaced; one that another engine listens on is not.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel holds until a worker takes them; it caps the number itself.
const BACKLOG: i32 = 1024;

/// A socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// It would be reachable from other machines, and nobody would check who calls.
    #[error(
        "the engine checks no tokens, so it listens on loopback or a Unix socket only, not on {address}; put the sidecar in front"
    )]
    NotLoopback {
        /// As configured.
        address: SocketAddr,
    },
    /// Somebody else listens there.
    #[error(
        "{address} is in use by another program; stop that one, or choose another port in `{key}`"
    )]
    InUse {
        /// As configured.
        address: SocketAddr,
        /// The key that configures it.
        key: &'static str,
    },
    /// The kernel refuses.
    #[error("cannot listen on {address} (`{key}`)")]
    Tcp {
        /// As configured.
        address: SocketAddr,
        /// The key that configures it.
        key: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Another engine listens there.
    #[error("another program listens on `{}`; stop that one, or choose another path in `Engine.Url`", path.display())]
    SocketInUse {
        /// As configured.
        path: PathBuf,
    },
    /// Replacing it would destroy something.
    #[error("`{}` exists and is not a socket; remove it, or choose another path in `Engine.Url`", path.display())]
    NotASocket {
        /// As configured.
        path: PathBuf,
    },
    /// The kernel refuses.
    #[error("cannot listen on the socket `{}` (`Engine.Url`)", path.display())]
    Unix {
        /// As configured.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// `count` sockets on one address; the kernel spreads connections over them. With port 0 they
/// share the port that the first one got.
pub(crate) fn tcp(
    address: SocketAddr,
    count: usize,
    key: &'static str,
) -> Result<Vec<TcpListener>, BindError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address, key },
        _ => BindError::Tcp {
            address,
            key,
            source,
        },
    };
    // SO_REUSEPORT would let two engines of one user share the port unnoticed, each with half of
    // the requests. A first socket without it finds out.
    let probe = listener(address, false).map_err(failed)?;
    let address = probe.local_addr().map_err(failed)?;
    drop(probe);
    (0..count)
        .map(|_| listener(address, true).map_err(failed))
        .collect()
}

fn listener(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Connections of an earlier run in TIME_WAIT do not hinder a restart.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A socket file that is removed again when this is dropped, if it is still ours.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            // Nothing is lost when it stays: the next start replaces a stale file.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> io::Result<u64> {
    std::fs::symlink_metadata(path).map(|metadata| metadata.ino())
}

/// Listens on `path`, for this user only (mode 0600).
pub(crate) fn unix(path: &Path) -> Result<(UnixListener, SocketFile), BindError> {
    match std::fs::symlink_metadata(path) {
        Err(_) => {}
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(BindError::NotASocket { path: path.into() });
        }
        Ok(_) => {
            if UnixStream::connect(path).is_ok() {
                return Err(BindError::SocketInUse { path: path.into() });
            }
        }
    }
    let failed = |source| BindError::Unix {
        path: path.into(),
        source,
    };
    // Bound beside and renamed over: the path never leads to a socket with other rights, nor,
    // for a moment, nowhere.
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let _ = std::fs::remove_file(&beside);
    let listener = UnixListener::bind(&beside).map_err(failed)?;
    let placed = std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| listener.set_nonblocking(true))
        .and_then(|()| std::fs::rename(&beside, path))
        .and_then(|()| inode(path));
    match placed {
        Ok(inode) => Ok((
            listener,
            SocketFile {
                path: path.into(),
                inode,
            },
        )),
        Err(source) => {
            let _ = std::fs::remove_file(&beside);
            Err(failed(source))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_an_address_and_nobody_else_does() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let ours = tcp(any, 2, "Engine.Url").expect("a free port");
        let address = ours[0].local_addr().expect("bound");
        assert_eq!(ours[1].local_addr().expect("bound"), address);
        assert!(matches!(
            tcp(address, 1, "Engine.Url"),
            Err(BindError::InUse { .. })
        ));
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_or_a_file_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("engine.sock");
        let (live, file) = unix(&path).expect("a new socket");
        let mode = std::fs::metadata(&path).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(unix(&path), Err(BindError::SocketInUse { .. })));

        drop(live);
        let (_live, replacement) = unix(&path).expect("the stale one is replaced");
        drop(file);
        assert!(path.exists(), "the old guard leaves the new socket");
        drop(replacement);
        assert!(!path.exists());

        std::fs::write(&path, "precious").expect("a file");
        assert!(matches!(unix(&path), Err(BindError::NotASocket { .. })));
        assert_eq!(std::fs::read(&path).expect("still there"), b"precious");
    }
}
