//! Messages on standard input and output, as requests to the endpoint and its answers.
//!
//! Over HTTP a message of the current revision repeats parts of itself in headers; a line has none, so
//! they are made of it here.

use std::time::Duration;

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, Request, header, response::Parts},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    era::{Era, headers_of},
    errors::{finish, saying_when},
    message::{self, BadMessage, Message},
    methods::{CALL, Finished},
    results::ToolResult,
    rpc::RpcError,
};

/// The path of the endpoint.
const PATH: &str = "/mcp";

/// A line that a client wrote.
#[derive(Debug)]
pub enum StdioLine {
    /// A request, to be sent to the endpoint.
    Request(Box<Post>),
    /// The wish to cancel the request with this id, as JSON.
    Cancel(String),
    /// A message that asks for nothing.
    Silent,
    /// A line that can't be read, with the line that says so.
    Unreadable(String),
}

/// A request to the endpoint, made of a line.
#[derive(Debug)]
pub struct Post {
    /// The request, without a credential.
    pub request: Request<Bytes>,
    /// The id of the message, as JSON.
    pub id: String,
    message: message::RequestId,
    era: Era,
    /// Whether the request calls a tool, so that a failure is a result of the tool.
    is_call: bool,
}

/// An error as REST has it.
#[derive(Deserialize)]
struct RestError {
    detail: String,
}

impl StdioLine {
    /// Reads a line.
    pub fn read(line: &[u8]) -> Self {
        // Some programs put a byte order mark before the first line.
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        match Message::parse(line) {
            Ok(Message::Request(request)) => Self::Request(Box::new(Post::new(request, line))),
            Ok(Message::Notification(method, params)) => Self::of_notification(&method, &params),
            Ok(Message::Response) => Self::Silent,
            Err(bad) => {
                let BadMessage { id, error } = *bad;
                let answer = Finished::error(id, &error, Era::Initialize);
                Self::Unreadable(answer.body().to_owned())
            }
        }
    }

    /// Returns the answer to a line that is too long to be read.
    pub fn too_long(most: usize) -> String {
        let why = format!("a message has {} KiB at most", most / 1024);
        let error = RpcError::invalid_request(why);
        Finished::error(None, &error, Era::Initialize)
            .body()
            .to_owned()
    }

    fn of_notification(method: &str, params: &Map<String, Value>) -> Self {
        match params.get("requestId") {
            Some(id) if method == "notifications/cancelled" => Self::Cancel(id.to_string()),
            _ => Self::Silent,
        }
    }
}

impl Post {
    fn new(message: message::Request, line: &[u8]) -> Self {
        let era = Era::of(&message.params, &HeaderMap::new());
        let mut request = Request::new(Bytes::copy_from_slice(line));
        *request.method_mut() = axum::http::Method::POST;
        *request.uri_mut() = axum::http::Uri::from_static(PATH);
        let headers = request.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        let both = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(header::ACCEPT, both);
        if era == Era::Modern {
            headers.extend(headers_of(&message));
        }
        Self {
            request,
            id: json!(message.id).to_string(),
            is_call: message.method == CALL,
            message: message.id,
            era,
        }
    }

    /// Returns the line that answers the request, where the endpoint refused it before reading it.
    pub fn refused(&self, head: &Parts, body: &[u8]) -> String {
        let why = match serde_json::from_slice(body) {
            Ok(RestError { detail }) => detail,
            Err(_) => format!("the gateway answered {}, and not with JSON", head.status),
        };
        let wait = head.headers.get(header::RETRY_AFTER);
        let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
        self.failed(match wait {
            Some(seconds) => saying_when(&why, Duration::from_secs(seconds)),
            None => why,
        })
    }

    /// Returns the line that answers the request where there is no answer.
    pub fn failed(&self, why: String) -> String {
        let id = self.message.clone();
        let answer = if self.is_call {
            let result = ToolResult::explaining(finish(&why)).finish(self.era, 0);
            Finished::result(&id, result)
        } else {
            Finished::error(Some(id), &RpcError::internal(why), self.era)
        };
        answer.body().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_of_the_current_revision_gets_its_headers() {
        let line = json!({
            "jsonrpc": "2.0", "id": "a", "method": "resources/read",
            "params": {"uri": "vt4ai://é", "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            }},
        });
        let StdioLine::Request(post) = StdioLine::read(line.to_string().as_bytes()) else {
            panic!("no request");
        };
        assert_eq!(post.id, "\"a\"");
        let headers = post.request.headers();
        assert_eq!(headers["mcp-protocol-version"], "2026-07-28");
        assert_eq!(headers["mcp-method"], "resources/read");
        assert_eq!(headers["mcp-name"], "=?base64?dnQ0YWk6Ly/DqQ==?=");
    }

    #[test]
    fn a_cancellation_names_its_request() {
        let line = br#"{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}"#;
        assert!(matches!(StdioLine::read(line), StdioLine::Cancel(id) if id == "7"));
        let line = br#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#;
        assert!(matches!(StdioLine::read(line), StdioLine::Silent));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = StdioLine::read(&line);
        }

        #[test]
        fn no_method_or_name_panics(method in any::<String>(), name in any::<String>()) {
            let meta = json!({"io.modelcontextprotocol/protocolVersion": method});
            let params = json!({"name": name, "uri": name, "_meta": meta});
            for method in [method.as_str(), "tools/call", "resources/read"] {
                let line = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
                let line = StdioLine::read(line.to_string().as_bytes());
                prop_assert!(matches!(line, StdioLine::Request(_)));
            }
        }
    }
}
