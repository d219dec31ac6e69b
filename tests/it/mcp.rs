//! Tests of the entrance for models (`docs/mcp.md`).

use std::io::{self, Write};

use reqwest::RequestBuilder;
use serde::Serialize as _;
use serde_json::{Map, Serializer, Value, json, ser::Formatter};

use crate::harness::{Gateway, KEY, Reply, Upstream, send};

mod budgets;
mod cuts;
mod door;
mod eras;
mod errors;
mod lists;
mod progress;
mod rows;
mod scopes;
mod stdio;
mod tools;
mod watching;

pub(crate) const PATH: &str = "/mcp";
pub(crate) const MODERN: &str = "2026-07-28";
const META: &str = "io.modelcontextprotocol/";

/// Returns the number of o200k tokens.
pub(crate) fn tokens(text: &str) -> usize {
    bpe_openai::o200k_base().count(text)
}

/// Starts a gateway with a cache before the stand-in.
pub(crate) async fn demo(flags: &[&str]) -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, flags).await;
    (upstream, gateway)
}

/// Starts a gateway with a cache.
pub(crate) async fn keeping(upstream: &Upstream, flags: &[&str]) -> Gateway {
    let cache = ["--cache-max-bytes", "16000000"];
    Gateway::before(upstream, &[&cache[..], flags].concat()).await
}

/// A message of the modern era, with the headers that go with it.
pub(crate) struct Message {
    pub(crate) body: Value,
    headers: Vec<(String, String)>,
}

impl Message {
    /// Returns a request of the modern era.
    pub(crate) fn modern(method: &str, params: Value) -> Self {
        let mut body = plain(method, params);
        body["params"]["_meta"] = json!({
            format!("{META}protocolVersion"): MODERN,
            format!("{META}clientCapabilities"): {},
            format!("{META}clientInfo"): {"name": "test", "version": "1"},
        });
        let mut headers = vec![
            ("mcp-protocol-version".to_owned(), MODERN.to_owned()),
            ("mcp-method".to_owned(), method.to_owned()),
        ];
        for source in ["name", "uri"] {
            if let Some(name) = body["params"][source].as_str() {
                headers.push(("mcp-name".to_owned(), name.to_owned()));
            }
        }
        Self { body, headers }
    }

    /// Returns a request of the era with a handshake.
    pub(crate) fn old(method: &str, params: Value) -> Self {
        Self {
            body: plain(method, params),
            headers: Vec::new(),
        }
    }

    /// Returns the call of a tool.
    pub(crate) fn call(tool: &str, arguments: Value) -> Self {
        let mut params = json!({"name": tool});
        params["arguments"] = arguments;
        Self::modern("tools/call", params)
    }

    /// Sets a header, or removes it.
    pub(crate) fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(other, _)| other != name);
        if let Some(value) = value {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Sets a member of `_meta`, or removes it.
    pub(crate) fn with_meta(mut self, name: &str, value: Option<Value>) -> Self {
        let meta = self.body["params"]["_meta"].as_object_mut().unwrap();
        match value {
            Some(value) => drop(meta.insert(name.to_owned(), value)),
            None => drop(meta.shift_remove(name)),
        }
        self
    }

    fn of(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request
            .header("content-type", "application/json")
            .header("accept", "application/json");
        let headers = self.headers.iter();
        headers.fold(request, |request, (name, value)| {
            request.header(name, value)
        })
    }

    /// Sends the message with the caller's key.
    pub(crate) async fn send(&self, gateway: &Gateway) -> Reply {
        self.send_with(gateway, &[("x-api-key", KEY)]).await
    }

    /// Sends the message with these headers and no key.
    pub(crate) async fn send_with(&self, gateway: &Gateway, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.of(gateway.post_keyless(PATH));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request.body(self.body.to_string())).await
    }

    /// Sends the message and returns its result.
    pub(crate) async fn result(&self, gateway: &Gateway) -> Value {
        let reply = self.send(gateway).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let answer: Value = serde_json::from_str(reply.text()).unwrap();
        assert_eq!(answer["id"], self.body["id"], "{answer}");
        assert!(answer["result"].is_object(), "{answer}");
        answer["result"].clone()
    }
}

fn plain(method: &str, params: Value) -> Value {
    let mut message = json!({"jsonrpc": "2.0", "id": 7, "method": method});
    message["params"] = params;
    message
}

/// Posts any body with the caller's key.
pub(crate) async fn post(gateway: &Gateway, body: &str) -> Reply {
    let request = gateway
        .post(PATH)
        .header("content-type", "application/json");
    send(request.body(body.to_owned())).await
}

/// JSON as Python writes it.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

/// The result of a tool.
pub(crate) struct ToolResult {
    pub(crate) text: String,
    pub(crate) data: Value,
    pub(crate) is_error: bool,
    pub(crate) meta: Map<String, Value>,
}

/// Calls a tool.
pub(crate) async fn call(gateway: &Gateway, tool: &str, arguments: Value) -> ToolResult {
    of_result(&Message::call(tool, arguments).result(gateway).await)
}

pub(crate) fn of_result(result: &Value) -> ToolResult {
    let content = result["content"].as_array();
    let content = content.unwrap_or_else(|| panic!("no result of a tool: {result}"));
    assert_eq!(content.len(), 1, "{result}");
    assert_eq!(content[0]["type"], "text");
    ToolResult {
        text: content[0]["text"].as_str().unwrap().to_owned(),
        data: result["structuredContent"].clone(),
        is_error: result["isError"] == true,
        meta: result["_meta"].as_object().unwrap().clone(),
    }
}

impl ToolResult {
    /// Returns the tokens of text and structured content, as a client writes them: some put blanks
    /// behind colons and commas.
    pub(crate) fn tokens(&self) -> usize {
        let mut spaced = Vec::new();
        let mut out = Serializer::with_formatter(&mut spaced, Spaced);
        self.data.serialize(&mut out).unwrap();
        let spaced = tokens(str::from_utf8(&spaced).unwrap());
        tokens(&self.text) + spaced.max(tokens(&self.data.to_string()))
    }
}

/// Returns the error of an answer.
pub(crate) fn error(reply: &Reply) -> Value {
    let answer: Value = serde_json::from_str(reply.text()).unwrap();
    assert!(answer["error"].is_object(), "{answer}");
    answer["error"].clone()
}

/// Returns the names of the tools that are listed for a caller with these headers.
pub(crate) async fn listed(gateway: &Gateway, headers: &[(&str, &str)]) -> Vec<String> {
    let reply = Message::modern("tools/list", json!({}))
        .send_with(gateway, headers)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer: Value = serde_json::from_str(reply.text()).unwrap();
    let tools = answer["result"]["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}
