//! The public port and the admin port.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

use super::StartError;
use crate::{config::Server, server::bind};

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
        bind(address).map_err(|error| StartError::Listen {
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
