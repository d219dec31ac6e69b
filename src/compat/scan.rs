//! Bodies that name indicators, read as a whole so that no private one leaves.

use axum::{
    body::{Body, HttpBody as _, to_bytes},
    http::{HeaderMap, header},
};
use bytes::Bytes;
use memchr::memmem;

use super::indicators::indicators_in_json;
use crate::{
    http::error::ApiError,
    indicator::{Indicator, WebUrl},
};

/// The longest body that names a URL.
const MAX_BODY: usize = 1024 * 1024;

/// The most URLs that one body may name.
const MAX_URLS: usize = 16;

/// The longest body of an unknown write that is searched. A longer one is passed on as it comes.
const MAX_SEARCHED: usize = 64 * 1024;

/// The body of a write that only VirusTotal knows.
#[derive(Debug)]
pub(super) struct UnknownBody {
    /// The body as it came.
    pub(super) body: Body,
    /// The indicators in it, if it is JSON.
    pub(super) indicators: Vec<Indicator>,
    /// The values of its fields, if it is a form.
    pub(super) texts: Vec<String>,
}

impl UnknownBody {
    fn unread(body: Body) -> Self {
        Self {
            body,
            indicators: Vec::new(),
            texts: Vec::new(),
        }
    }
}

/// The URLs that a body names, and the body itself.
#[derive(Debug)]
pub(super) struct ScanBody {
    /// The body as it came.
    pub(super) bytes: Bytes,
    /// The URLs, at least one.
    pub(super) urls: Vec<WebUrl<'static>>,
}

/// Reads a body and the URLs in its field `url`.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<ScanBody, ApiError> {
    let Ok(bytes) = to_bytes(body, MAX_BODY).await else {
        return Err(ApiError::payload_too_large(
            "the form with the URL is larger than 1 MB, or broke off",
        ));
    };
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.map_or(&b""[..], |value| value.as_bytes());
    let texts = match boundary_of(content_type) {
        Some(boundary) => in_multipart(&bytes, boundary),
        None => in_form(&bytes),
    };
    if texts.is_empty() || texts.len() > MAX_URLS {
        return Err(ApiError::bad_request(
            "the form has no field `url`, or too many: send the URL to scan in it",
        ));
    }
    let mut urls = Vec::with_capacity(texts.len());
    for text in &texts {
        urls.push(WebUrl::parse(text)?.into_owned());
    }
    Ok(ScanBody { bytes, urls })
}

/// Reads a body of which nothing is known, if its length is known and not large.
pub(super) async fn read_unknown(headers: &HeaderMap, body: Body) -> Result<UnknownBody, ApiError> {
    let length = body.size_hint().exact();
    if length.is_none_or(|length| length > MAX_SEARCHED as u64) {
        return Ok(UnknownBody::unread(body));
    }
    let Ok(bytes) = to_bytes(body, MAX_SEARCHED).await else {
        return Err(ApiError::bad_request("the body broke off"));
    };
    let mut read = UnknownBody::unread(bytes.clone().into());
    if let Ok(json) = serde_json::from_slice(&bytes) {
        read.indicators = indicators_in_json(&json);
    } else if has_form(headers) {
        let pairs = url::form_urlencoded::parse(&bytes);
        read.texts = pairs.map(|(_, value)| value.into_owned()).collect();
    }
    Ok(read)
}

fn has_form(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE);
    let media = media.map_or(&b""[..], |value| value.as_bytes());
    media
        .to_ascii_lowercase()
        .starts_with(b"application/x-www-form-urlencoded")
}

fn in_form(form: &[u8]) -> Vec<String> {
    let pairs = url::form_urlencoded::parse(form);
    pairs
        .filter(|(name, _)| name == "url")
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// Returns the boundary of a multipart form.
fn boundary_of(content_type: &[u8]) -> Option<&str> {
    let text = str::from_utf8(content_type).ok()?;
    let (media, parameters) = text.split_once(';')?;
    if !media.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    for parameter in parameters.split(';') {
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("boundary")
        {
            return Some(value.trim().trim_matches('"'));
        }
    }
    None
}

/// Returns the texts of the fields `url` in a multipart form.
fn in_multipart(form: &[u8], boundary: &str) -> Vec<String> {
    let delimiter = format!("--{boundary}");
    let mut texts = Vec::new();
    let mut starts = memmem::find_iter(form, delimiter.as_bytes()).peekable();
    while let Some(start) = starts.next() {
        let end = starts.peek().copied().unwrap_or(form.len());
        let part = form.get(start + delimiter.len()..end).unwrap_or_default();
        let Some(head) = memmem::find(part, b"\r\n\r\n") else {
            continue;
        };
        let (head, text) = part.split_at(head);
        if is_url_field(head) {
            let text = text.get(4..).unwrap_or_default();
            let text = text.strip_suffix(b"\r\n").unwrap_or(text);
            texts.push(String::from_utf8_lossy(text).into_owned());
        }
    }
    texts
}

/// Whether the head of a part names the field `url`, with or without quotes.
fn is_url_field(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.split([';', '\r', '\n']).any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        name.trim() == "name" && value.trim().trim_matches('"') == "url"
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    async fn urls(content_type: &'static str, body: &'static str) -> Option<Vec<String>> {
        let content_type = HeaderValue::from_static(content_type);
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
        let read = read(&headers, Body::from(body)).await.ok()?;
        assert_eq!(read.bytes, body);
        Some(
            read.urls
                .iter()
                .map(|url| url.as_str().to_owned())
                .collect(),
        )
    }

    #[tokio::test]
    async fn the_url_is_found_in_both_kinds_of_form() {
        let form = "application/x-www-form-urlencoded";
        for (content_type, body) in [
            (form, "url=http%3A%2F%2Fa.example%2F%3Fb"),
            (form, "x=1&url=http://a.example/?b"),
            (
                "multipart/form-data; boundary=\"B\"",
                "--B\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\nhttp://a.example/?b\r\n--B--\r\n",
            ),
            (
                "multipart/form-data; boundary=B",
                "--B\r\ncontent-type: text/plain\r\ncontent-disposition: form-data; Name=url\r\n\r\nhttp://a.example/?b\r\n--B--",
            ),
        ] {
            let found = urls(content_type, body).await;
            assert_eq!(found.unwrap(), ["http://a.example/?b"], "{body}");
        }
        for body in ["", "x=1", "url=http://%20", "url=%00"] {
            assert_eq!(urls(form, body).await, None, "{body}");
        }
        let both = urls(form, "url=a.example&url=b.example").await.unwrap();
        assert_eq!(both.len(), 2);
    }
}
