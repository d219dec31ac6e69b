//! Binding of ports, and the number of connections that may wait there to be accepted.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// The number of connections that may wait to be accepted; the system has a bound of its own.
///
/// Beyond it the system drops connections, and their clients retry after a second.
pub(super) const BACKLOG: u32 = 4096;

/// Binds as [`TcpListener::bind`] does, with a longer backlog.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of the previous process may still be closing.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
