//! Static files: compressed once, shared by all responses.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor, Decompressor};
use sha2::{Digest as _, Sha256};
use utoipa_swagger_ui::{Config, SwaggerFile};

use crate::http::headers::{Weight, is_known};

/// The path of the OpenAPI document.
pub const DOCUMENT: &str = "/openapi.json";

/// The files of Swagger UI that were requested so far, by their path.
///
/// Only files that exist are added, so they are few.
static SWAGGER: Mutex<BTreeMap<String, File>> = Mutex::new(BTreeMap::new());

/// The settings of Swagger UI.
static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from(DOCUMENT)
        .try_it_out_enabled(true)
        .persist_authorization(false)
        .display_request_duration(true)
        .validator_url("none");
    Arc::new(config)
});

/// A file, plain and compressed.
#[derive(Debug)]
pub struct File {
    content_type: HeaderValue,
    etag: String,
    packed: OnceLock<Option<Bytes>>,
    plain: OnceLock<Option<Bytes>>,
}

impl File {
    /// Creates a file of plain bytes, which are compressed when gzip is first requested.
    pub fn plain(content_type: &str, bytes: Bytes) -> Self {
        let file = Self::new(content_type, &bytes);
        let _ = file.plain.set(Some(bytes));
        file
    }

    /// Creates a file of bytes that are compressed with gzip already.
    fn packed(content_type: &str, bytes: Bytes) -> Self {
        let file = Self::new(content_type, &bytes);
        let _ = file.packed.set(Some(bytes));
        file
    }

    fn new(content_type: &str, bytes: &[u8]) -> Self {
        let digest = hex::encode(Sha256::digest(bytes));
        Self {
            content_type: HeaderValue::from_str(content_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream")),
            // Weak, since both forms have the same tag.
            etag: format!("W/\"{}\"", &digest[..32]),
            packed: OnceLock::new(),
            plain: OnceLock::new(),
        }
    }

    /// Answers a request with these headers.
    pub fn respond(&self, headers: &HeaderMap) -> Response {
        let mut response = self.body(headers);
        let own = response.headers_mut();
        own.insert(header::CONTENT_TYPE, self.content_type.clone());
        own.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        own.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            own.insert(header::ETAG, etag);
        }
        // All responses share the bytes.
        response.extensions_mut().insert(Weight(0));
        response
    }

    fn body(&self, headers: &HeaderMap) -> Response {
        if is_known(headers.get_all(header::IF_NONE_MATCH), &self.etag) {
            return (StatusCode::NOT_MODIFIED, Body::empty()).into_response();
        }
        if takes_gzip(headers)
            && let Some(packed) = self
                .packed
                .get_or_init(|| pack(self.plain.get()?.as_ref()?))
        {
            let encoding = [(header::CONTENT_ENCODING, "gzip")];
            return (encoding, packed.clone()).into_response();
        }
        let plain = self
            .plain
            .get_or_init(|| unpack(self.packed.get()?.as_ref()?));
        plain.clone().unwrap_or_default().into_response()
    }
}

/// Answers a request for the file of Swagger UI at this path below its root, if there is one.
pub(super) fn swagger(path: &str, headers: &HeaderMap) -> Option<Response> {
    let mut files = SWAGGER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = files.get(path) {
        return Some(file.respond(headers));
    }
    let found = utoipa_swagger_ui::serve(path, Arc::clone(&CONFIG));
    let SwaggerFile {
        bytes,
        content_type,
        gzpipped,
        ..
    } = found.ok()??;
    let bytes = match bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let file = if gzpipped {
        File::packed(&content_type, bytes)
    } else {
        File::plain(&content_type, bytes)
    };
    let response = file.respond(headers);
    files.insert(path.to_owned(), file);
    Some(response)
}

/// Returns whether a client accepts gzip, with a quality above zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut named = None;
    let mut any = None;
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for coding in value.to_str().unwrap_or_default().split(',') {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            let quality = parameters.trim().strip_prefix("q=").unwrap_or("1");
            let is_wanted = quality.trim().parse::<f32>().is_ok_and(|it| it > 0.0);
            match name.trim().to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => named = Some(is_wanted),
                "*" => any = Some(is_wanted),
                _ => {}
            }
        }
    }
    named.or(any).unwrap_or(false)
}

fn pack(plain: &[u8]) -> Option<Bytes> {
    let mut compressor = Compressor::new(CompressionLvl::default());
    let mut packed = vec![0; compressor.gzip_compress_bound(plain.len())];
    let length = compressor.gzip_compress(plain, &mut packed).ok()?;
    packed.truncate(length);
    packed.shrink_to_fit();
    Some(packed.into())
}

/// Decompresses gzip, whose last four bytes are the length of the plain text.
fn unpack(packed: &[u8]) -> Option<Bytes> {
    let length = u32::from_le_bytes(*packed.last_chunk()?);
    let mut plain = vec![0; usize::try_from(length).ok()?];
    let mut unpacker = Decompressor::new();
    unpacker.gzip_decompress(packed, &mut plain).ok()?;
    Some(plain.into())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("gzip", true)]
    #[case("GZIP;q=0.5, br", true)]
    #[case("br, *", true)]
    #[case("gzip;q=0, *", false)]
    #[case("*;q=0", false)]
    #[case("br", false)]
    #[case("", false)]
    fn gzip_is_taken_where_it_is_named_or_anything_goes(#[case] value: &str, #[case] takes: bool) {
        let mut headers = HeaderMap::new();
        assert!(!takes_gzip(&headers));
        let value = HeaderValue::from_str(value).unwrap();
        headers.insert(header::ACCEPT_ENCODING, value);
        assert_eq!(takes_gzip(&headers), takes);
    }

    #[test]
    fn each_form_is_made_of_the_other_once() {
        let plain = Bytes::from_static(&[b'x'; 5000]);
        let file = File::plain("text/plain", plain.clone());
        let gzip =
            HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
        let response = file.respond(&gzip);
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let packed = file.packed.get().unwrap().clone().unwrap();
        assert!(packed.len() < 100);
        let other = File::packed("text/plain", packed);
        other.respond(&HeaderMap::new());
        assert_eq!(other.plain.get().unwrap().as_ref(), Some(&plain));
    }
}
