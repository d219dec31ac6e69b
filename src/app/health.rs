//! `vt4ai healthcheck`, which asks a gateway on this machine whether it is alive.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use crate::config::Server;

/// The time limit for connecting and for the answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Requests `/livez` from the address in the settings.
///
/// Uses a plain socket: the command runs every few seconds in a container, and a runtime would cost
/// more than the request.
pub(super) fn check(server: &Server) -> io::Result<()> {
    let host = match server.host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(host, server.port), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    if status.starts_with(b"HTTP/1.1 200") {
        return Ok(());
    }
    let message = "the gateway answered with a status other than 200";
    Err(io::Error::other(message))
}
