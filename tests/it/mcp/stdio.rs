//! `vt4ai mcp`: messages on standard input and output.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{META, MODERN, Message, keeping};
use crate::harness::{Answer, EICAR, Folder, KEY, TROJAN, Upstream, http, vt4ai};

/// A `vt4ai mcp` that runs until dropped.
struct StdioServer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl StdioServer {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            input: child.stdin.take(),
            output,
            child,
        }
    }

    fn demo() -> Self {
        Self::start(&mut vt4ai(&Folder::new(), &["mcp", "--demo"]))
    }

    fn write(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        input.write_all(b"\n").unwrap();
        input.flush().unwrap();
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.write(&message.to_string());
        self.read()
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask(&Message::call(tool, arguments).body);
        answer["result"].clone()
    }

    /// Ends the input, and returns the exit status, the rest of the output and the log.
    fn end(mut self) -> (Option<i32>, String, String) {
        drop(self.input.take());
        let (mut rest, mut log) = (String::new(), String::new());
        self.output.read_to_string(&mut rest).unwrap();
        let mut errors = self.child.stderr.take().unwrap();
        errors.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), rest, log)
    }
}

impl Drop for StdioServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_demo_answers_both_eras_and_ends_with_its_input() {
    let mut server = StdioServer::demo();
    let client = json!({"name": "test", "version": "1"});
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
    let answer = server.ask(&Message::old("initialize", params).body);
    assert_eq!(answer["result"]["protocolVersion"], "2025-06-18");
    server.write(r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#);
    let answer = server.ask(&Message::modern("server/discover", json!({})).body);
    assert_eq!(answer["result"]["supportedVersions"], json!([MODERN]));
    let answer = server.ask(&Message::old("tools/list", json!({})).body);
    assert_eq!(answer["result"]["tools"].as_array().unwrap().len(), 8);
    let result = server.call("lookup", json!({"indicators": [TROJAN]}));
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("malicious"), "{text}");
    let uri = "vt4ai://report/url/https%3A%2F%2Fexample.com%2F";
    let answer = server.ask(&Message::modern("resources/read", json!({"uri": uri})).body);
    assert!(
        answer["result"]["contents"][0]["text"]
            .as_str()
            .unwrap()
            .starts_with("# URL Report")
    );
    let began = Instant::now();
    let (status, rest, _) = server.end();
    assert_eq!((status, rest.as_str()), (Some(0), ""));
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[test]
fn standard_output_carries_messages_only() {
    let server = StdioServer::start(&mut vt4ai(
        &Folder::new(),
        &["mcp", "--demo", "--log-level", "debug"],
    ));
    let mut server = server;
    server.write("no json");
    server.write("[]");
    server.write("");
    server.write(&"x".repeat(70_000));
    server.write(&json!({"jsonrpc": "2.0", "id": 1, "method": "nothing"}).to_string());
    server.write(
        &Message::call("lookup", json!({"indicators": ["8.8.8.8", "1.1.1.1"]}))
            .body
            .to_string(),
    );
    let (status, output, log) = server.end();
    assert_eq!(status, Some(0));
    let mut codes = Vec::new();
    for line in output.lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        assert_eq!(message["jsonrpc"], "2.0");
        if let Some(code) = message["error"]["code"].as_i64() {
            codes.push(code);
        }
    }
    codes.sort_unstable();
    assert_eq!(codes, [-32700, -32601, -32600, -32600]);
    assert_eq!(output.lines().count(), 5, "{output}");
    assert!(log.contains("request"), "{log}");
}

#[test]
fn without_a_key_the_tools_are_listed_and_calls_say_what_to_set() {
    let mut server = StdioServer::start(&mut vt4ai(&Folder::new(), &["mcp"]));
    let answer = server.ask(&Message::modern("tools/list", json!({})).body);
    assert_eq!(answer["result"]["tools"].as_array().unwrap().len(), 6);
    let result = server.call("lookup", json!({"indicators": [EICAR]}));
    assert_eq!(result["isError"], true);
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("VT4AI_API_KEY"), "{text}");
    assert_eq!(server.end().0, Some(0));
}

#[tokio::test]
async fn a_key_in_the_environment_is_spent_and_shown_nowhere() {
    let upstream = Upstream::demo().await;
    let url = upstream.url.clone();
    let secret = "the-secret-key-of-the-user";
    let (result, log) = tokio::task::spawn_blocking(move || {
        let folder = Folder::new();
        let mut command = vt4ai(&folder, &["mcp", "--upstream-url", &url]);
        let mut server = StdioServer::start(command.env("VT4AI_API_KEY", secret));
        let result = server.call("lookup", json!({"indicators": [EICAR]}));
        let (_, rest, log) = server.end();
        (result, format!("{rest}{log}"))
    })
    .await
    .unwrap();
    assert!(
        result["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("malicious")
    );
    assert!(!format!("{result}{log}").contains(secret));
    assert_eq!(upstream.calls()[0].header("x-apikey"), Some(secret));
}

#[tokio::test]
async fn nothing_but_answers_and_progress_of_a_gateway_reaches_the_client() {
    let upstream = Upstream::faulty(|_| {
        let events = concat!(
            "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sampling/createMessage\"}\n\n",
            "data: {\"jsonrpc\":\"2.0\",\"id\":4711,\"result\":{}}\n\n",
            ": a comment\nevent: message\n",
            "data: {\"jsonrpc\":\"2.0\",\"id\":7,\ndata:\"result\":{\"tools\":[]}}\n\n",
        );
        Answer::Bytes(http(200, &["Content-Type: text/event-stream"], events))
    })
    .await;
    let url = upstream.url.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let folder = Folder::new();
        let mut command = vt4ai(&folder, &["mcp", "--gateway", &url]);
        let mut server = StdioServer::start(&mut command);
        server.ask(&Message::modern("tools/list", json!({})).body)
    })
    .await
    .unwrap();
    assert_eq!(answer["id"], 7, "{answer}");
    assert_eq!(answer["result"]["tools"], json!([]));
}

#[tokio::test]
async fn a_gateway_elsewhere_answers_with_a_token() {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    let url = format!("http://{}", gateway.address);
    let (named, listed, unread) = tokio::task::spawn_blocking(move || {
        let folder = Folder::new();
        let mut command = vt4ai(&folder, &["mcp", "--gateway", &url]);
        let mut server = StdioServer::start(command.env("VT4AI_TOKEN", KEY));
        let result = server.call("get_report", json!({"indicator": "bank-secure[.]example"}));
        let name = Message::modern("tools/list", json!({})).body;
        let tools = server.ask(&name)["result"]["tools"]
            .as_array()
            .unwrap()
            .len();
        drop(server);
        // Without a credential the gateway's refusal is the answer.
        let mut server = StdioServer::start(&mut vt4ai(
            &Folder::new(),
            &["mcp", "--gateway", &format!("{url}/mcp")],
        ));
        let refused = server.ask(&name);
        (result, tools, refused)
    })
    .await
    .unwrap();
    assert!(
        named["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("malicious")
    );
    assert_eq!(listed, 8);
    let why = unread["error"]["message"].as_str().unwrap();
    assert!(why.contains("API key"), "{why}");
    assert_eq!(unread["id"], 7);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_cancelled_request_gets_no_answer() {
    let (go, going) = tokio::sync::watch::channel(false);
    let upstream = Upstream::faulty(move |_| {
        Answer::Held(
            going.clone(),
            crate::harness::ok(r#"{"data": {"type": "file"}}"#),
        )
    })
    .await;
    let url = upstream.url.clone();
    let output = tokio::task::spawn_blocking(move || {
        let folder = Folder::new();
        let mut command = vt4ai(&folder, &["mcp", "--upstream-url", &url]);
        let mut server = StdioServer::start(command.env("VT4AI_API_KEY", KEY));
        let mut slow = Message::call("get_report", json!({"indicator": EICAR})).body;
        slow["id"] = json!("slow");
        server.write(&slow.to_string());
        let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": {"requestId": "slow"}});
        server.write(&cancel.to_string());
        let quick = server.ask(&Message::old("ping", json!({})).body);
        assert_eq!(quick["id"], 7);
        server.end()
    })
    .await
    .unwrap();
    assert_eq!((output.0, output.1.as_str()), (Some(0), ""));
    drop(go);
}

#[tokio::test]
async fn progress_is_a_line_of_its_own() {
    let (go, going) = tokio::sync::watch::channel(false);
    let report = json!({"data": {"type": "file", "id": EICAR, "attributes": {}}}).to_string();
    let upstream =
        Upstream::faulty(move |_| Answer::Held(going.clone(), crate::harness::ok(&report))).await;
    let url = upstream.url.clone();
    let lines = tokio::task::spawn_blocking(move || {
        let folder = Folder::new();
        let mut command = vt4ai(&folder, &["mcp", "--upstream-url", &url]);
        let mut server = StdioServer::start(command.env("VT4AI_API_KEY", KEY));
        let message = Message::call("get_report", json!({"indicator": EICAR}));
        let message = message.with_meta("progressToken", Some(json!(5)));
        let first = server.ask(&message.body);
        go.send(true).unwrap();
        let mut last = server.read();
        while last.get("method").is_some() {
            last = server.read();
        }
        (first, last)
    })
    .await
    .unwrap();
    assert_eq!(lines.0["method"], "notifications/progress");
    assert_eq!(lines.0["params"]["progressToken"], 5);
    assert!(lines.1["result"].is_object(), "{}", lines.1);
    let server = &lines.1["result"]["_meta"][format!("{META}serverInfo")];
    assert_eq!(server["name"], "vt4ai");
}
