//! An HTTP/2 client that sends frame by frame and controls its windows.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::connect_from;

/// An HTTP/2 connection that only answers pings by itself.
pub(crate) struct Http2 {
    stream: TcpStream,
    next: u32,
}

/// An event on a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The head of an answer, with its status if that is in the static table.
    Head { stream: u32, status: Option<u16> },
    /// Bytes of an answer, and whether they are the last.
    Data {
        stream: u32,
        bytes: usize,
        is_last: bool,
    },
    /// A reset of a stream before its answer ended.
    Reset { stream: u32, code: u32 },
    /// The end of the connection.
    Closed,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

impl Http2 {
    /// Connects from this address of the loopback network, with windows of this many bytes for each
    /// stream, and a window for the connection that never closes.
    pub(crate) async fn connect(from: [u8; 4], to: SocketAddr, window: u32) -> Self {
        let mut stream = connect_from(from, to).await;
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let setting = [&[0, 4][..], &window.to_be_bytes()].concat();
        hello.extend(frame(SETTINGS, 0, 0, &setting));
        hello.extend(frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()));
        stream.write_all(&hello).await.unwrap();
        Self { stream, next: 1 }
    }

    /// Requests this path and returns the stream's number. Fails if the connection has ended.
    pub(crate) async fn ask(&mut self, path: &str, headers: &[(&str, &str)]) -> u32 {
        let stream = self.next;
        self.next += 2;
        // The block is GET, http, `:path`, `:authority`.
        let mut block = vec![0x82, 0x86, 0x04];
        literal(&mut block, path);
        block.push(0x01);
        literal(&mut block, "localhost");
        for (name, value) in headers {
            block.push(0x00);
            literal(&mut block, name);
            literal(&mut block, value);
        }
        // The frame holds the whole request.
        let request = frame(HEADERS, 0x5, stream, &block);
        let _ = self.stream.write_all(&request).await;
        stream
    }

    /// Opens a stream's window by this many bytes.
    pub(crate) async fn open(&mut self, stream: u32, bytes: u32) {
        let update = frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
        // A gateway that has closed the connection does not read the frame.
        let _ = self.stream.write_all(&update).await;
    }

    /// Returns the next event.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            let mut head = [0; 9];
            if self.stream.read_exact(&mut head).await.is_err() {
                return Event::Closed;
            }
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8;
            let mut payload = vec![0; length | usize::from(head[2])];
            if self.stream.read_exact(&mut payload).await.is_err() {
                return Event::Closed;
            }
            let number = |bytes: &[u8]| u32::from_be_bytes(bytes[..4].try_into().unwrap());
            let (kind, flags, stream) = (head[3], head[4], number(&head[5..]));
            match kind {
                DATA => {
                    return Event::Data {
                        stream,
                        bytes: payload.len(),
                        is_last: flags & 1 == 1,
                    };
                }
                HEADERS => {
                    let status = match payload[0] {
                        0x88 => Some(200),
                        0x8d => Some(404),
                        _ => None,
                    };
                    return Event::Head { stream, status };
                }
                RESET => {
                    let code = number(&payload);
                    return Event::Reset { stream, code };
                }
                SETTINGS if flags & 1 == 0 => self.answer(&frame(SETTINGS, 1, 0, &[])).await,
                PING if flags & 1 == 0 => self.answer(&frame(PING, 1, 0, &payload)).await,
                _ => {}
            }
        }
    }

    async fn answer(&mut self, frame: &[u8]) {
        let _ = self.stream.write_all(frame).await;
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Appends a text without compression.
fn literal(block: &mut Vec<u8>, text: &str) {
    match text.len() {
        length @ 0..127 => block.push(u8::try_from(length).unwrap()),
        length @ 127..255 => block.extend([127, u8::try_from(length - 127).unwrap()]),
        length => panic!("{length} bytes are too long for here"),
    }
    block.extend(text.as_bytes());
}
