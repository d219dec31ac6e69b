//! Binding of the ports.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::StartError;
use crate::config::Server;

/// The maximum number of connections that may wait to be accepted; the system has a limit of its
/// own.
///
/// Beyond it the system drops connection attempts, and clients try again after a second.
pub(super) const BACKLOG: u32 = 4096;

/// Binds the public port and, if there is one, the admin port.
pub(super) fn listen(server: &Server) -> Result<(TcpListener, Option<TcpListener>), StartError> {
    let take = |port| {
        let address = SocketAddr::new(server.host, port);
        listen_at(address).map_err(|error| StartError::Listen { address, error })
    };
    let listener = take(server.port)?;
    let admin = server.admin_port.map(take).transpose()?;
    Ok((listener, admin))
}

/// Binds an address like [`TcpListener::bind`], with a longer backlog.
fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of a previous process may still be closing.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
