//! The ports, and how many may wait there.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::StartError;
use crate::config::Server;

/// How many connections may wait to be accepted; the system has a bound of its own.
///
/// Where there is no room the system drops them, and who connects tries again after a second.
pub(super) const BACKLOG: u32 = 4096;

/// Takes the port and, where there is one, the port for whoever watches.
pub(super) fn listen(server: &Server) -> Result<(TcpListener, Option<TcpListener>), StartError> {
    let take = |port| {
        let address = SocketAddr::new(server.host, port);
        listen_at(address).map_err(|error| StartError::Listen { address, error })
    };
    let listener = take(server.port)?;
    let admin = server.admin_port.map(take).transpose()?;
    Ok((listener, admin))
}

/// As [`TcpListener::bind`], with room for more who wait.
fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of the process before may still be on their way out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
