//! Paths and queries from any client and to VirusTotal: no value escapes its segment or parameter.

#![no_main]

use std::{borrow::Cow, net::IpAddr, sync::LazyLock};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Uri},
    response::IntoResponse as _,
    routing::get,
};
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;
use vt4ai::{
    http::{
        error::ApiError,
        extract::{Parameters, forwarded::caller_address, path::Segments},
    },
    indicator::Kind,
    virustotal::{Call, Endpoint},
};
use vt4ai_fuzz::is_hidden;

const KNOWN: [&str; 4] = ["format", "limit", "cursor", "url"];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().unwrap());

static ROUTER: LazyLock<Router> =
    LazyLock::new(|| Router::new().route("/files/{id}/relationships/{name}", get(read)));

/// Asserts that a handler reads the values in the URI.
async fn read(uri: Uri, segments: Result<Segments, ApiError>) {
    let raw: Vec<_> = uri.path().split('/').collect();
    let decoded = [raw[2], raw[4]].map(|it| percent_decode_str(it).decode_utf8().ok());
    match segments {
        Ok(segments) => {
            let read = [0, 1].map(|at| Some(segments.at(at).into()));
            assert_eq!(decoded, read);
        }
        // One segment that can't be read spoils them all.
        Err(_) => assert!(decoded.iter().any(Option::is_none)),
    }
    let parameters = Parameters::parse(uri.query().unwrap_or_default());
    query(&parameters);
}

fn query(query: &Parameters<'_>) {
    for name in ["format", "limit", "cursor", ""] {
        let value = query.one(name).ok().flatten().map(str::to_owned);
        let read = query.read(name, "expected text", |text| Some(text.to_owned()));
        assert_eq!(read.ok().flatten(), value);
    }
    for name in ["cursor", "url"] {
        let is_readable = query.one(name).is_ok();
        assert_eq!(query.pasted(name).is_ok(), is_readable);
    }
    query.has_other_than(&["url", "format"]);
}

fn decode(text: &str) -> Option<String> {
    let decoded = text.replace('+', " ");
    let decoded = percent_decode_str(&decoded).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Asserts that a query is accepted if all parameters are known, unique and readable, that their
/// values are complete, and that no refusal repeats a possible key.
fn is_strict(text: &str) {
    let pairs: Vec<_> = text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    let is_sound = |(at, (name, value)): (usize, &(Option<String>, Option<String>))| {
        let is_first = || pairs[..at].iter().all(|(earlier, _)| earlier != name);
        let name = name.as_deref().filter(|name| KNOWN.contains(name));
        name.is_some() && value.is_some() && is_first()
    };
    let is_taken = pairs.iter().enumerate().all(is_sound);
    let query = Parameters::parse(text);
    let checked = query.check(KNOWN.into_iter());
    assert_eq!(checked.is_ok(), is_taken, "{text}");
    if let Err(refusal) = checked {
        is_plain(refusal);
    }
    let is_credential = |name: &str| name.to_lowercase().contains("vt4ai_") || name == "apikey";
    let mut names = pairs.iter().filter_map(|(name, _)| name.as_deref());
    match query.refuse_credentials() {
        Ok(()) => assert!(!names.any(is_credential), "{text}"),
        Err(refusal) => is_plain(refusal),
    }
    if is_taken {
        for (name, value) in &pairs {
            let name = name.as_deref().unwrap();
            assert_eq!(query.one(name).ok().flatten(), value.as_deref());
            let pasted = query.pasted(name).ok().flatten().map(Cow::into_owned);
            let blanks = |text: Option<&str>| text.map(|text| text.replace('+', " "));
            assert_eq!(blanks(pasted.as_deref()), blanks(value.as_deref()));
        }
    }
}

/// Asserts that a refusal is one line without hidden characters or a token.
fn is_plain(refusal: ApiError) {
    let response = refusal.into_response();
    assert_eq!(response.status(), 400);
    let body = RUNTIME
        .block_on(to_bytes(response.into_body(), 8192))
        .unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let detail = body["detail"].as_str().unwrap();
    assert!(!detail.contains(is_hidden), "{detail:?}");
    let token = detail.to_lowercase();
    let token = token.split("vt4ai_").nth(1);
    assert!(token.is_none_or(|rest| rest.starts_with('`')), "{detail}");
}

fn send(uri: &str) {
    if let Ok(request) = Request::get(uri).body(Body::empty()) {
        let response = RUNTIME.block_on(ROUTER.clone().oneshot(request)).unwrap();
        assert!(matches!(response.status().as_u16(), 200 | 404));
    }
}

/// Asserts that a call to VirusTotal has one path and one query, with any values.
fn passes_on(text: &str) {
    let call = Call::about(Endpoint::Vote(Kind::File), text)
        .with("cursor", text)
        .with("limit", "1");
    let (path, query) = call.path().split_once('?').unwrap();
    let segments: Vec<_> = path.split('/').collect();
    assert_eq!(
        (segments.len(), segments[1], segments[3]),
        (4, "files", "votes")
    );
    assert!(!query.contains('?') && query.matches('&').count() == 1);
    assert!(call.path().bytes().all(|byte| byte.is_ascii_graphic()));
    // Dot segments would change the path even if they were encoded once: they are encoded twice.
    let sent = match text {
        "." => "%2E",
        ".." => "%2E%2E",
        text => text,
    };
    assert_eq!(percent_decode_str(segments[2]).decode_utf8().unwrap(), sent);
    assert_eq!(
        Parameters::parse(query).one("cursor").ok().flatten(),
        Some(text)
    );
    call.endpoint();
}

/// Asserts that the address added by a trusted proxy overrides any header of the caller.
fn is_from(text: &str) {
    let [proxy, caller] = ["10.0.0.1", "192.0.2.9"].map(|it| it.parse::<IpAddr>().unwrap());
    let trusted: [IpNet; 1] = ["10.0.0.0/8".parse().unwrap()];
    let Ok(written) = HeaderValue::from_bytes(text.as_bytes()) else {
        return;
    };
    for (name, last, other) in [
        ("x-forwarded-for", "192.0.2.9", "forwarded"),
        ("forwarded", "for=192.0.2.9;proto=http", "x-forwarded-for"),
    ] {
        let joined = HeaderValue::from_bytes(format!("{text}, {last}").as_bytes()).unwrap();
        let mut headers = HeaderMap::new();
        headers.append(name, written.clone());
        assert_eq!(caller_address(caller, &headers, &trusted), caller);
        caller_address(proxy, &headers, &trusted);
        let mut line = headers.clone();
        line.append(name, HeaderValue::from_static(last));
        assert_eq!(caller_address(proxy, &line, &trusted), caller, "{text}");
        headers.insert(name, joined);
        assert_eq!(caller_address(proxy, &headers, &trusted), caller, "{text}");
        // The caller wrote the other header: it can invalidate the proxy's address, not replace it.
        headers.append(other, written.clone());
        let found = caller_address(proxy, &headers, &trusted);
        assert!(found == caller || found == proxy, "{found} of {text}");
    }
}

fuzz_target!(|text: &str| {
    query(&Parameters::parse(text));
    is_strict(text);
    is_from(text);
    passes_on(text);
    send(text);
    let (path, rest) = text.split_once('?').unwrap_or((text, ""));
    let (id, name) = path.split_once('/').unwrap_or((path, "votes"));
    send(&format!("/files/{id}/relationships/{name}?{rest}"));
    let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    assert_eq!(
        Parameters::parse(&format!("x={encoded}&y"))
            .one("x")
            .ok()
            .flatten(),
        Some(text)
    );
});
