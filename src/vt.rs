//! VirusTotal v3 over HTTP: one client for the process, one call at a time.
//!
//! What VirusTotal answers is hostile until read: bounded in size and time, never
//! followed elsewhere, its messages passed on only where they can hold no key.

use std::{fmt::Write as _, fs, io, time::Duration};

use bytes::{Bytes, BytesMut};
use libdeflater::{DecompressionError, Decompressor};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Client, Response,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

pub use self::error::{Reason, Refusal, VtError};
use crate::{config, key::ApiKey};

pub mod error;
pub mod relationships;

/// What stands in a path segment or a query value as it is; RFC 3986's unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// By how much a report shrinks: room for it is made at once, rather than by doubling.
const USUAL_RATIO: usize = 8;

/// How many bytes of an error's body are read; VirusTotal's own are a few hundred.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// VirusTotal compresses only for a client that calls itself so (App Engine's rule).
const USER_AGENT: &str = concat!("vt4ai/", env!("CARGO_PKG_VERSION"), " (gzip)");

const X_APIKEY: HeaderName = HeaderName::from_static("x-apikey");

/// Names the integration; premium answers carry more when it is sent.
const X_TOOL: HeaderName = HeaderName::from_static("x-tool");

/// The upstream and how to reach it.
#[derive(Debug)]
pub struct VirusTotal {
    client: Client,
    base: String,
    timeout: Duration,
    max_body: usize,
}

/// One thing to ask VirusTotal for: a path below `/api/v3` and a query.
///
/// Every part is percent-encoded, so that no value can change the path or add a parameter.
#[derive(Clone, Debug, Default)]
pub struct Call {
    path: String,
    has_query: bool,
}

/// Why no client could be made.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The file of certificate authorities is missing, unreadable or empty.
    #[error("VT4AI_UPSTREAM_CA_FILE: {0}")]
    CaFile(io::Error),
    /// TLS could not be set up.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client could not be set up.
    #[error("the HTTP client can't be set up: {0}")]
    Client(#[from] reqwest::Error),
}

impl Call {
    /// A call to the path made of these segments.
    pub fn get(segments: &[&str]) -> Self {
        let mut path = String::with_capacity(128);
        for segment in segments {
            // Writing to a `String` does not fail.
            let _ = write!(path, "/{}", utf8_percent_encode(segment, ESCAPED));
        }
        Self {
            path,
            has_query: false,
        }
    }

    /// The same with one more query parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let mark = if self.has_query { '&' } else { '?' };
        let _ = write!(
            self.path,
            "{mark}{name}={}",
            utf8_percent_encode(value, ESCAPED)
        );
        self.has_query = true;
        self
    }
}

impl VirusTotal {
    /// A client for the upstream that the settings name.
    ///
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured, in either
    /// case of letters, but for an upstream on this machine.
    pub fn new(config: &config::Upstream) -> Result<Self, ClientError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(X_TOOL, HeaderValue::from_static("vt4ai"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let builder = Client::builder()
            .tls_backend_preconfigured(tls(config)?)
            .user_agent(USER_AGENT)
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(config.timeout.min(Duration::from_secs(10)));
        let builder = if is_local(&config.url) {
            builder.no_proxy()
        } else {
            builder
        };
        Ok(Self {
            client: builder.build()?,
            base: format!("{}/api/v3", config.url.as_str().trim_end_matches('/')),
            timeout: config.timeout,
            max_body: config.max_body,
        })
    }

    /// When a call that begins now must be over, every further try included.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Asks once, and gives the body of a success.
    pub async fn get(
        &self,
        key: &ApiKey,
        call: &Call,
        deadline: Instant,
    ) -> Result<Bytes, VtError> {
        let answer = async {
            let response = self.send(key, call).await?;
            if response.status().is_success() {
                return read(response, self.max_body).await;
            }
            let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
            // Without its body an error still has its status.
            let body = read(response, MAX_ERROR_BODY).await.unwrap_or_default();
            Err(VtError::of_response(
                status,
                &body,
                retry_after,
                key.expose(),
            ))
        };
        timeout_at(deadline, answer)
            .await
            .unwrap_or(Err(VtError::Timeout))
    }

    async fn send(&self, key: &ApiKey, call: &Call) -> Result<Response, VtError> {
        let mut secret = HeaderValue::from_str(key.expose()).map_err(|_| VtError::Unreachable)?;
        secret.set_sensitive(true);
        let url = format!("{}{}", self.base, call.path);
        let request = self.client.get(url).header(X_APIKEY, secret);
        request
            .send()
            .await
            .map_err(|error| VtError::of_transport(&error))
    }
}

/// Reads a body of up to `limit` bytes, before and after decompression.
///
/// It is unpacked at once when it is all there: to unpack it chunk by chunk as it comes
/// costs a third more, and a report is small.
async fn read(mut response: Response, limit: usize) -> Result<Bytes, VtError> {
    let packed = response
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| coding == "gzip");
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| VtError::of_transport(&error))?
    {
        if body.len() + chunk.len() > limit {
            return Err(VtError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    if packed {
        gunzip(&body, limit)
    } else {
        Ok(body.freeze())
    }
}

/// Unpacks up to `limit` bytes; more than that is a bomb, or might as well be.
///
/// How much room it takes is found by trying: the length that gzip ends with is its
/// sender's word.
fn gunzip(packed: &[u8], limit: usize) -> Result<Bytes, VtError> {
    let mut unpacker = Decompressor::new();
    let mut room = packed.len().saturating_mul(USUAL_RATIO).min(limit);
    loop {
        let mut body = vec![0; room];
        match unpacker.gzip_decompress(packed, &mut body) {
            Ok(length) => {
                body.truncate(length);
                return Ok(body.into());
            }
            Err(DecompressionError::InsufficientSpace) if room < limit => {
                room = room.saturating_mul(4).min(limit);
            }
            Err(DecompressionError::InsufficientSpace) => return Err(VtError::TooLarge),
            Err(DecompressionError::BadData) => return Err(VtError::Broken),
        }
    }
}

/// `Retry-After` in either form, seconds or a date.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response
        .headers()
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(value).ok()?;
    Some(
        then.duration_since(std::time::SystemTime::now())
            .unwrap_or_default(),
    )
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// TLS with the roots in the binary and, where set, a company's own.
fn tls(config: &config::Upstream) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(file) = &config.ca_file {
        let unusable = |fault: String| ClientError::CaFile(io::Error::other(fault));
        let pem = fs::read(file).map_err(ClientError::CaFile)?;
        let mut added = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots.add(certificate)?;
            added += 1;
        }
        if added == 0 {
            return Err(unusable("it holds no PEM certificate".to_owned()));
        }
    }
    let mut tls = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_change_the_path_or_add_a_parameter() {
        let call = Call::get(&["files", "a/../b?c#d%2e é"])
            .with("cursor", "x&limit=9 +=")
            .with("limit", "1");
        assert_eq!(
            call.path,
            "/files/a%2F..%2Fb%3Fc%23d%252e%20%C3%A9?cursor=x%26limit%3D9%20%2B%3D&limit=1"
        );
    }
}
