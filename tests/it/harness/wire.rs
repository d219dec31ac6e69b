//! A raw connection to the gateway.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream},
    net::TcpStream,
};

use super::{Gateway, Reply};

pub(crate) struct Wire(BufStream<TcpStream>);

impl Wire {
    pub(crate) async fn to(gateway: &Gateway) -> Self {
        let stream = TcpStream::connect(gateway.address).await.unwrap();
        Self(BufStream::new(stream))
    }

    /// Writes all of these bytes before anything is read.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Closes the sending side and keeps the receiving side open.
    pub(crate) async fn half_close(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        self.0.get_ref().set_zero_linger().unwrap();
    }

    /// Reads the next answer, which must have a length.
    pub(crate) async fn answer(&mut self) -> Reply {
        let status = self.line().await;
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let length = headers.get("content-length");
        let length = length.map_or(0, |it| it.to_str().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        Reply {
            status,
            headers,
            body,
        }
    }

    /// Reads everything that comes before the gateway closes the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).await.unwrap();
        rest
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        assert!(line.ends_with("\r\n"), "the connection ended: {line:?}");
        line.trim_end().to_owned()
    }
}
