//! Small bodies: JSON and forms, but not files.

use std::{error::Error as _, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::http::error::ApiError;

/// The media type of what [`json`] reads.
pub const JSON: &str = "application/json";

/// The largest size of a body that is no file.
const MAX: usize = 64 * 1024;

/// The time within which one must arrive.
const TIME: Duration = Duration::from_secs(10);

/// The byte order mark that some programs put before text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A body of JSON, read strictly.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A type that can be posted as JSON.
pub trait JsonBody: DeserializeOwned {
    /// The forms of the body, for the error that names them.
    const EXPECTED: &str;
}

impl<S: Send + Sync, T: JsonBody> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let body = read(body).await?;
        require(&parts.headers, &[JSON])?;
        Ok(Self(json(&body, T::EXPECTED)?))
    }
}

/// Reads a body of up to 64 KiB, within ten seconds; a byte order mark before it is left out.
pub async fn read(body: Body) -> Result<Bytes, ApiError> {
    read_up_to(body, MAX, TIME).await
}

/// Reads a body of up to this many bytes, within this time; a byte order mark before it is left out.
pub async fn read_up_to(body: Body, most: usize, time: Duration) -> Result<Bytes, ApiError> {
    let Ok(read) = timeout(time, to_bytes(body, most)).await else {
        return Err(ApiError::bad_request("the body did not arrive in time"));
    };
    let body = match read {
        Ok(body) => body,
        Err(error) if is_too_large(&error) => {
            let detail = format!("the body is too large: send {} KiB at most", most / 1024);
            return Err(ApiError::payload_too_large(detail));
        }
        Err(_) => {
            let detail = "the body breaks off before its end: send all of it";
            return Err(ApiError::bad_request(detail));
        }
    };
    Ok(match body.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => body.slice_ref(text),
        None => body,
    })
}

fn is_too_large(error: &axum::Error) -> bool {
    match error.source() {
        Some(cause) => cause.is::<LengthLimitError>(),
        None => false,
    }
}

/// Reads a JSON object; `expected` says what it should have been.
///
/// Anything else is rejected first, since serde reads a struct from an array as well. The content
/// type is checked by [`require`].
pub fn json<T: DeserializeOwned>(body: &[u8], expected: &str) -> Result<T, ApiError> {
    if body.trim_ascii_start().starts_with(b"{")
        && let Ok(read) = serde_json::from_slice(body)
    {
        return Ok(read);
    }
    let detail = format!("the body can't be read: expected {expected}");
    Err(ApiError::bad_request(detail))
}

/// Returns the media type of the body, which must be one of these; a 415 names them.
pub fn require(
    headers: &HeaderMap,
    media_types: &[&'static str],
) -> Result<&'static str, ApiError> {
    let given = media_type(headers).unwrap_or_default();
    for media_type in media_types {
        if given.eq_ignore_ascii_case(media_type) {
            return Ok(media_type);
        }
    }
    let expected = media_types.join("` or `");
    Err(ApiError::unsupported_media_type(format!(
        "the content type of the body must be `{expected}`"
    )))
}

/// Returns the media type without its parameters.
fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.as_bytes();
    let media = value.split(|&byte| byte == b';').next()?;
    str::from_utf8(media.trim_ascii()).ok()
}
