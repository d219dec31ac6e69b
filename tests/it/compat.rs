//! Tests of `/api/v3`, named after its rules.

use vt4ai::access::TokenDigest;

use crate::harness::{Call, Folder, Gateway, KEY, Reply, Upstream};

mod bytes;
mod errors;
mod headers;
mod private;
mod scopes;
mod sharing;
mod streams;
mod uploads;
mod users;
mod waiting;
mod writes;

/// The server's key, which clients spend.
const SERVERS: &str = "the-key-of-the-server";

/// A gateway with clients, and what it needs.
struct WithClients {
    gateway: Gateway,
    upstream: Upstream,
    _folder: Folder,
}

/// Returns the token of a client.
fn token(name: &str) -> String {
    format!("vt4ai_token-of-{name}")
}

/// Returns the TOML table of a client.
fn table(name: &str, fields: &str) -> String {
    let digest = TokenDigest::of(token(name).as_bytes()).hex();
    format!("[[client]]\nname = \"{name}\"\ntoken_sha256 = \"{digest}\"\n{fields}\n\n")
}

impl WithClients {
    async fn before(upstream: Upstream, clients: &str, flags: &[&str]) -> Self {
        let folder = Folder::new().with("clients.toml", clients);
        let path = folder.file("clients.toml");
        let settings = ["--api-key", SERVERS, "--clients-file", &path];
        let gateway = Gateway::before(&upstream, &[&settings, flags].concat()).await;
        Self {
            gateway,
            upstream,
            _folder: folder,
        }
    }

    async fn get(&self, path: &str, name: &str) -> Reply {
        let token = token(name);
        let headers = [("x-apikey", &*token)];
        self.gateway.get_with(path, &headers).await
    }
}

/// Sends a request with the caller's key, byte for byte, and returns the whole answer.
async fn raw(gateway: &Gateway, method: &str, target: &str, more: &str) -> String {
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: gate.example:8000\r\nx-apikey: {KEY}\r\nConnection: close\r\n{more}\r\n"
    );
    gateway.raw(request.as_bytes()).await
}

/// Returns the status and the body of an answer as it was received.
fn split(answer: &str) -> (u16, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    (status.parse().unwrap(), body)
}

/// Returns the code and the message of an error in VirusTotal's form.
fn error_of(reply: &Reply) -> (String, String) {
    let body = reply.json();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let text = |name: &str| body["error"][name].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}

/// Returns whether a call is about a file that the tests look up.
fn is_report(call: &Call) -> bool {
    call.target.starts_with("/api/v3/files/")
}
