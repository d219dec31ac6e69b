//! The answer to one message of standard input, and the messages that come before it.
//!
//! A gateway elsewhere is trusted no more than VirusTotal: what passes is the answer to the request
//! and its progress. Requests to the client are none of these.

use axum::body::Body;
use http::header;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    cli::{
        door::{self, Door},
        failure::Failure,
    },
    mcp::Post,
};

/// The longest event of a stream.
const MAX_EVENT: usize = 1024 * 1024;

/// The only message that may come before an answer.
const PROGRESS: &str = "notifications/progress";

/// Sends a message and writes what comes back, the answer last.
pub(super) async fn answer(
    door: &Door,
    post: &Post,
    out: &mpsc::Sender<String>,
) -> Result<(), Failure> {
    let written = Written { door, out };
    let response = door.send_own(post.request.clone()).await?;
    let (head, body) = response.into_parts();
    let media = head.headers.get(header::CONTENT_TYPE);
    let media = media.and_then(|media| media.to_str().ok());
    if media.is_some_and(|media| media.starts_with("text/event-stream")) {
        return pass_events(body, post, &written).await;
    }
    let body = door::read(body).await?;
    let line = match Message::read(&body, &post.id) {
        Some(Message::Answer(line)) => line,
        _ if head.status.is_success() => return Err(no_answer()),
        _ => post.refused(&head, &body),
    };
    written.line(line).await;
    Ok(())
}

/// The output, on which nothing repeats the token.
struct Written<'a> {
    door: &'a Door,
    out: &'a mpsc::Sender<String>,
}

impl Written<'_> {
    async fn line(&self, line: String) {
        // A client that has gone reads no more.
        let _ = self.out.send(self.door.without_token(line)).await;
    }
}

/// A message that may be written, as one line.
#[derive(Debug, PartialEq, Eq)]
enum Message {
    /// The answer to the request.
    Answer(String),
    Progress(String),
}

impl Message {
    /// Reads a message; `None` if it is neither progress nor the answer to the request with this id.
    fn read(json: &[u8], id: &str) -> Option<Self> {
        let mut message: Value = serde_json::from_slice(json).ok()?;
        message.get("jsonrpc")?;
        let id: Value = serde_json::from_str(id).ok()?;
        let line = match str::from_utf8(json) {
            Ok(text) if !text.contains(['\n', '\r']) => text.to_owned(),
            _ => message.to_string(),
        };
        match (message.get("method"), message.get("id")) {
            (Some(method), None) if method == PROGRESS => Some(Self::Progress(line)),
            (None, Some(answered)) if *answered == id => Some(Self::Answer(line)),
            // The endpoint does not name the id of a message that it refuses to read.
            (None, None) if message.get("error").is_some() => {
                message["id"] = id;
                Some(Self::Answer(message.to_string()))
            }
            _ => None,
        }
    }
}

/// Writes the messages of a stream of events (WHATWG HTML, section 9.2).
async fn pass_events(mut body: Body, post: &Post, written: &Written<'_>) -> Result<(), Failure> {
    let (mut buffer, mut data) = (Vec::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(no_answer());
        };
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        buffer.extend_from_slice(&bytes);
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let line = line.trim_ascii_end();
            if let Some(more) = line.strip_prefix(b"data:") {
                data.extend_from_slice(more.trim_ascii());
                data.push(b'\n');
            } else if line.is_empty() {
                match Message::read(data.trim_ascii(), &post.id) {
                    Some(Message::Answer(line)) => {
                        written.line(line).await;
                        return Ok(());
                    }
                    Some(Message::Progress(line)) => written.line(line).await,
                    None => {}
                }
                data.clear();
            }
        }
        if buffer.len() + data.len() > MAX_EVENT {
            return Err(Failure::unavailable(
                "the gateway sent an event that is too large",
            ));
        }
    }
    Err(no_answer())
}

fn no_answer() -> Failure {
    Failure::unavailable("the gateway did not answer this request")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}", true)]
    #[case("{\"jsonrpc\":\"2.0\",\n\"id\":7,\"error\":{}}", true)]
    #[case("{\"jsonrpc\":\"2.0\",\"result\":{}}", false)]
    #[case("{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{}}", false)]
    #[case("{\"jsonrpc\":\"2.0\",\"id\":\"7\",\"result\":{}}", false)]
    #[case(
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"sampling/createMessage\"}",
        false
    )]
    #[case("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}", false)]
    #[case("{\"detail\":\"no\"}", false)]
    #[case("<html>", false)]
    fn only_the_answer_to_the_request_passes(#[case] json: &str, #[case] passes: bool) {
        let read = Message::read(json.as_bytes(), "7");
        let line = json.replace('\n', "");
        assert_eq!(read, passes.then_some(Message::Answer(line)));
    }

    #[test]
    fn a_refusal_gets_the_id_of_the_request() {
        let read = Message::read(
            b"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600}}",
            "\"a\"",
        );
        let line = "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600},\"id\":\"a\"}";
        assert_eq!(read, Some(Message::Answer(line.to_owned())));
    }

    #[test]
    fn progress_passes_as_well() {
        let json = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}";
        let read = Message::read(json.as_bytes(), "7");
        assert_eq!(read, Some(Message::Progress(json.to_owned())));
    }
}
