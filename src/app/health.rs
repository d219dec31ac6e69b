//! `vt4ai healthcheck`: asks a gateway on this machine whether it lives.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use crate::config::Server;

/// How long the gateway has to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks for `/livez` where the settings say that a gateway listens.
///
/// Plain sockets: it runs every few seconds in a container and has nothing else to do.
pub fn check(server: &Server) -> io::Result<()> {
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
    Err(io::Error::other("the gateway answers, but not with 200"))
}
