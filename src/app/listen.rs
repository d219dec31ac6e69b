//! The ports, and the connections that may wait there to be accepted.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use super::StartError;
use crate::config::Server;

/// The number of connections that may wait to be accepted; the system has a bound of its own.
///
/// Beyond it the system drops connections, and their clients retry after a second.
pub(super) const BACKLOG: u32 = 4096;

/// The advice where the public port is taken.
const OTHER_PORT: &str =
    "; set another port with `--port` (`VT4AI_PORT`), where 0 takes any free one";

/// The advice where the admin port is taken.
const OTHER_ADMIN_PORT: &str =
    "; set another port with `--admin-port` (`VT4AI_ADMIN_PORT`), where 0 takes any free one";

/// Takes the public port and, where there is one, the admin port.
pub(super) fn listen(server: &Server) -> Result<(TcpListener, Option<TcpListener>), StartError> {
    let take = |port, advice| {
        let address = SocketAddr::new(server.host, port);
        listen_at(address).map_err(|error| StartError::Listen {
            address,
            advice: match error.kind() {
                io::ErrorKind::AddrInUse => advice,
                _ => "",
            },
            error,
        })
    };
    let listener = take(server.port, OTHER_PORT)?;
    let admin = server.admin_port.map(|port| take(port, OTHER_ADMIN_PORT));
    Ok((listener, admin.transpose()?))
}

/// Binds as [`TcpListener::bind`] does, with a longer backlog.
fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections of the previous process may still be closing.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
