//! Credentials: the API key or client token that a request carries (`docs/http-api.md`).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use thiserror::Error;
use time::OffsetDateTime;

use crate::{
    access::{
        ApiKey, InvalidKey, KeyHash, TOKEN_PREFIX,
        clients::{Client, UnknownToken},
        holds_token,
    },
    http::{error::ApiError, state::Gateway},
};

/// The headers that carry a key, the gateway's own first, then VirusTotal's.
pub static KEY_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-apikey"),
];

/// Headers in which other services take keys.
const MISTAKEN_HEADERS: [&str; 10] = [
    "api-key",
    "apikey",
    "private-token",
    "x-access-token",
    "x-api-token",
    "x-auth-key",
    "x-auth-token",
    "x-key",
    "x-virustotal-key",
    "x-vt-key",
];

/// The sender of a request, by its credential.
#[derive(Clone, Debug)]
pub enum Sender {
    /// No credential: the request may have the server's key.
    Anonymous,
    /// The holder of this VirusTotal key.
    Key(ApiKey),
    /// The client whose token the request carries.
    Client(Client),
}

/// The reason why a credential is rejected.
#[derive(Clone, Debug, Error)]
pub enum CredentialError {
    /// Two credentials that differ.
    #[error("two different API keys or tokens were sent; send one")]
    TwoCredentials,
    /// A text that can't be a VirusTotal key.
    #[error(transparent)]
    InvalidKey(#[from] InvalidKey),
    /// A token of no client.
    #[error(transparent)]
    UnknownToken(#[from] UnknownToken),
    /// A token on a server without clients.
    #[error(
        "a client token was sent, and this server has no clients set up: \
         send your VirusTotal key in the header `X-API-Key`"
    )]
    NoClients,
    /// A VirusTotal key on a server that takes tokens only.
    #[error(
        "this server accepts client tokens only: \
         send the one that its operator gave you in the header `X-API-Key`"
    )]
    NoOwnKeys,
}

impl Sender {
    /// Returns the key of its own or its client's, if there is one.
    pub fn key(&self) -> Option<KeyHash> {
        match self {
            Self::Anonymous => None,
            Self::Key(key) => Some(key.hash()),
            Self::Client(client) => Some(client.key.hash()),
        }
    }
}

impl From<&CredentialError> for ApiError {
    fn from(error: &CredentialError) -> Self {
        Self::unauthorized(error.to_string())
    }
}

/// Identifies the sender of a request by its credential.
pub fn identify(headers: &HeaderMap, gateway: &Gateway) -> Result<Sender, CredentialError> {
    let Some(credential) = credential(headers)? else {
        return Ok(Sender::Anonymous);
    };
    let clients = gateway.clients.as_ref();
    if credential.starts_with(TOKEN_PREFIX.as_bytes()) {
        let clients = clients.ok_or(CredentialError::NoClients)?;
        let client = clients.find(credential, OffsetDateTime::now_utc())?;
        return Ok(Sender::Client(client));
    }
    let key = ApiKey::parse(credential)?;
    if takes_own_keys(gateway) {
        Ok(Sender::Key(key))
    } else {
        Err(CredentialError::NoOwnKeys)
    }
}

/// Returns the key or token that a request carries, if any.
///
/// A proxy in between may use `Authorization` for itself, so only a client token counts there. A
/// header that holds a token in another form is rejected rather than ignored.
fn credential(headers: &HeaderMap) -> Result<Option<&[u8]>, CredentialError> {
    let keys = KEY_HEADERS.iter().flat_map(|name| headers.get_all(name));
    let tokens = headers.get_all(header::AUTHORIZATION).iter();
    let tokens = tokens
        .map(HeaderValue::as_bytes)
        .filter_map(|value| bearer(value).or_else(|| holds_token(value).then_some(value)));
    let mut all = keys.map(HeaderValue::as_bytes).chain(tokens);
    let Some(one) = all.next() else {
        return Ok(None);
    };
    if all.any(|other| other != one) {
        return Err(CredentialError::TwoCredentials);
    }
    Ok(Some(one))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    let ours =
        scheme.eq_ignore_ascii_case(b"Bearer ") && token.starts_with(TOKEN_PREFIX.as_bytes());
    ours.then_some(token)
}

/// Returns a sentence about a header that most likely holds a credential but is not read for one.
///
/// Neither the value nor a part of it is repeated.
pub(super) fn misplaced(headers: &HeaderMap) -> Option<String> {
    // A client token in it would have been found, so this holds something else.
    if headers.contains_key(header::AUTHORIZATION) {
        return Some(
            "the header `Authorization` was sent, and only client tokens (`Bearer vt4ai_…`) are \
             read there"
                .to_owned(),
        );
    }
    let found = MISTAKEN_HEADERS
        .iter()
        .find(|name| headers.contains_key(**name))?;
    Some(format!("the header `{found}` was sent, which is not read"))
}

/// Returns whether callers may send VirusTotal keys of their own.
pub(super) fn takes_own_keys(gateway: &Gateway) -> bool {
    gateway.clients.is_none() || gateway.access.allow_own_keys
}
