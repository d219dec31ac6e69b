//! The revisions of the protocol: with or without a handshake.
//!
//! Up to 2025-11-25 a client begins with `initialize`. Since 2026-07-28 each request names its
//! version and capabilities in `_meta`, and over HTTP in headers as well. Which of the two a request
//! follows is decided by the request alone.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{message::Request, rpc::RpcError};

/// The revision without a handshake.
pub(super) const MODERN: &str = "2026-07-28";

/// The revisions with a handshake, the latest first.
pub(super) const WITH_HANDSHAKE: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const CLIENT: &str = "io.modelcontextprotocol/clientInfo";

const VERSION_HEADER: &str = "mcp-protocol-version";
const METHOD_HEADER: &str = "mcp-method";
const NAME_HEADER: &str = "mcp-name";

/// The marks around a header's value in base64.
const ENCODED: (&str, &str) = ("=?base64?", "?=");

/// The era of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    /// Clients begin with `initialize`.
    Initialize,
    /// Each request carries its own metadata.
    Modern,
}

/// Returns the `_meta` of a request.
pub(super) fn meta(params: &Map<String, Value>) -> Option<&Map<String, Value>> {
    params.get("_meta")?.as_object()
}

impl Era {
    /// Decides by `_meta`, and by the version that the headers name where that has none.
    pub(super) fn of(params: &Map<String, Value>, headers: &HeaderMap) -> Self {
        let meta = meta(params);
        let is_modern = [VERSION, CAPABILITIES, CLIENT]
            .iter()
            .any(|key| meta.is_some_and(|meta| meta.contains_key(*key)));
        if is_modern || names_modern(headers) {
            Self::Modern
        } else {
            Self::Initialize
        }
    }

    /// Decides by the headers alone, for a message without parameters.
    pub(super) fn of_headers(headers: &HeaderMap) -> Self {
        Self::of(&Map::new(), headers)
    }

    /// Checks the metadata of a request in its body and in its headers.
    pub(super) fn check(self, request: &Request, headers: &HeaderMap) -> Result<(), RpcError> {
        match self {
            Self::Initialize => check_old_version(headers),
            Self::Modern => check_metadata(request, headers),
        }
    }
}

fn names_modern(headers: &HeaderMap) -> bool {
    let mut versions = headers.get_all(VERSION_HEADER).iter();
    versions.any(|version| version == MODERN)
}

/// Rejects a version that is unknown. Revisions before 2025-06-18 have no such header.
fn check_old_version(headers: &HeaderMap) -> Result<(), RpcError> {
    for version in headers.get_all(VERSION_HEADER) {
        let version = String::from_utf8_lossy(version.as_bytes());
        if !WITH_HANDSHAKE.contains(&&*version) {
            return Err(RpcError::unsupported_version(&version));
        }
    }
    Ok(())
}

fn check_metadata(request: &Request, headers: &HeaderMap) -> Result<(), RpcError> {
    let meta = meta(&request.params);
    let field = |name: &'static str| meta.and_then(|meta| meta.get(name));
    let Some(version) = field(VERSION).and_then(Value::as_str) else {
        return Err(missing(VERSION, "a text"));
    };
    check_header(headers, VERSION_HEADER, version)?;
    if version != MODERN {
        return Err(RpcError::unsupported_version(version));
    }
    if !field(CAPABILITIES).is_some_and(Value::is_object) {
        return Err(missing(CAPABILITIES, "an object"));
    }
    if field(CLIENT).is_some_and(|client| !client.is_object()) {
        return Err(missing(CLIENT, "an object"));
    }
    check_header(headers, METHOD_HEADER, &request.method)?;
    let Some(source) = source_of(&request.method) else {
        return Ok(());
    };
    let Some(name) = request.params.get(source).and_then(Value::as_str) else {
        let why = format!("`params.{source}` must be a text");
        return Err(RpcError::malformed_params(why));
    };
    check_header(headers, NAME_HEADER, name)
}

/// Returns the parameter that a header repeats, for methods that have one.
fn source_of(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        _ => None,
    }
}

fn missing(field: &str, what: &str) -> RpcError {
    RpcError::malformed_params(format!(
        "`_meta` of the parameters must have `{field}`, {what}"
    ))
}

/// Checks that a header was sent once, with this value.
fn check_header(headers: &HeaderMap, name: &str, expected: &str) -> Result<(), RpcError> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(RpcError::header_mismatch(format!(
            "the header `{name}` must be sent once, with the value in the body"
        )));
    };
    if decoded(value.as_bytes()).as_deref() == Some(expected) {
        return Ok(());
    }
    Err(RpcError::header_mismatch(format!(
        "the header `{name}` differs from the value in the body"
    )))
}

/// Returns the text of a header's value, which may be in base64.
fn decoded(value: &[u8]) -> Option<String> {
    let text = str::from_utf8(value).ok()?;
    let (start, end) = ENCODED;
    let inner = text
        .strip_prefix(start)
        .and_then(|inner| inner.strip_suffix(end));
    match inner {
        Some(inner) => String::from_utf8(STANDARD.decode(inner).ok()?).ok(),
        None => Some(text.to_owned()),
    }
}

/// Returns the headers that go with a request over HTTP.
pub(super) fn headers_of(request: &Request) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let version = meta(&request.params).and_then(|meta| meta.get(VERSION));
    let name = source_of(&request.method).and_then(|source| request.params.get(source));
    for (header, text) in [
        (VERSION_HEADER, version.and_then(Value::as_str)),
        (METHOD_HEADER, Some(request.method.as_str())),
        (NAME_HEADER, name.and_then(Value::as_str)),
    ] {
        if let Some(text) = text
            && let Ok(value) = HeaderValue::try_from(encoded(text))
        {
            headers.insert(HeaderName::from_static(header), value);
        }
    }
    headers
}

/// Returns the value of a header that carries this text.
fn encoded(text: &str) -> String {
    let (start, end) = ENCODED;
    let is_plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && text.trim() == text
        && !text.starts_with(start);
    if is_plain {
        text.to_owned()
    } else {
        format!("{start}{}{end}", STANDARD.encode(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_header_carries_any_text(text in any::<String>()) {
            let value = encoded(&text);
            prop_assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(decoded(value.as_bytes()), Some(text));
        }
    }
}
