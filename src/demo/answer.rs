//! Callers, and answers with VirusTotal's headers, indentation and errors.

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Serializer, Value, json, ser::PrettyFormatter};
use sha2::{Digest, Sha256};

/// The key that is always rejected.
const WRONG_KEY: &str = "wrong-key";
/// The key of a free account.
const PUBLIC_KEY: &str = "public-key";

/// The largest body that is read at once: comments, votes, URLs.
const LONGEST_BODY: usize = 65_536;

/// The caller, by the `x-apikey` header.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    /// The account of the key.
    pub(super) account: Account,
    /// The key.
    pub(super) key: KeyHash,
}

/// The kind of account that a key belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// A free account.
    Public,
    /// An account with every privilege.
    Premium,
}

/// The SHA-256 of a key, which identifies a key without storing it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyHash([u8; 32]);

impl KeyHash {
    /// Hashes a key.
    pub(super) fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Returns the hash in hexadecimal.
    pub(super) fn hex(self) -> String {
        hex::encode(self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let key = parts
            .headers
            .get("x-apikey")
            .and_then(|key| key.to_str().ok());
        let (key, account) = match key {
            None | Some("") => return Err(Refusal::without_key()),
            Some(WRONG_KEY) => return Err(Refusal::wrong_key(WRONG_KEY)),
            Some(key @ PUBLIC_KEY) => (key, Account::Public),
            Some(key) => (key, Account::Premium),
        };
        let key = KeyHash::of(key);
        Ok(Self { account, key })
    }
}

/// A short body, read as a whole.
pub(super) struct Sent(pub(super) Bytes);

impl<S: Sync> FromRequest<S> for Sent {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let body = to_bytes(request.into_body(), LONGEST_BODY).await;
        body.map(Self)
            .map_err(|_| Refusal::bad_request("The request's body is too long or broken off"))
    }
}

/// A body with its status, formatted as VirusTotal does.
pub(super) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl Answer {
    /// Creates a 200 with `value` as its body.
    pub(super) fn ok(value: &impl Serialize) -> Self {
        Self::new(StatusCode::OK, value)
    }

    fn new(status: StatusCode, value: &impl Serialize) -> Self {
        let mut body = Vec::new();
        let formatter = PrettyFormatter::with_indent(b"    ");
        match value.serialize(&mut Serializer::with_formatter(&mut body, formatter)) {
            Ok(()) => Self { status, body },
            Err(_) => Self {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                body: Vec::new(),
            },
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let headers = [
            (header::CACHE_CONTROL.as_str(), "no-cache"),
            (
                header::CONTENT_TYPE.as_str(),
                "application/json; charset=utf-8",
            ),
            (header::SERVER.as_str(), "Google Frontend"),
            ("x-cloud-trace-context", "5f1c0e7a9b3d4c2e8a6f70d1b2c3e4f5"),
        ];
        (self.status, headers, self.body).into_response()
    }
}

/// An error in VirusTotal's form.
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    /// Creates the error for an invalid parameter.
    pub(super) fn bad_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestError", message)
    }

    /// Creates the error for a value that is not allowed in its place.
    pub(super) fn invalid_argument(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidArgumentError", message)
    }

    /// Creates the error for something that the key has sent before.
    pub(super) fn already_exists(message: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "AlreadyExistsError", message)
    }

    /// Creates the error for a privilege that the key lacks.
    pub(super) fn forbidden() -> Self {
        let message = "You are not authorized to perform the requested operation";
        Self::new(StatusCode::FORBIDDEN, "ForbiddenError", message)
    }

    /// Creates the error for an object that does not exist: `File "…" not found`.
    pub(super) fn not_found(what: &str, id: &str) -> Self {
        let message = format!("{what} \"{id}\" not found");
        Self::new(StatusCode::NOT_FOUND, "NotFoundError", message)
    }

    /// Creates the error for a path that does not exist.
    pub(super) fn unknown_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NotFoundError",
            "Resource not found.",
        )
    }

    /// Creates the error for a path that does not support the method.
    pub(super) fn wrong_method() -> Self {
        let message = "The method is not allowed for the requested URL.";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowedError",
            message,
        )
    }

    /// Returns the `error` member of an answer, or of an item of a list.
    pub(super) fn error(&self) -> Value {
        json!({ "code": self.code, "message": self.message })
    }

    fn without_key() -> Self {
        let message = "X-Apikey header is missing";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "AuthenticationRequiredError",
            message,
        )
    }

    fn wrong_key(key: &str) -> Self {
        let message = format!("Wrong API key: {key}");
        Self::new(StatusCode::UNAUTHORIZED, "WrongCredentialsError", message)
    }

    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Answer::new(self.status, &json!({ "error": self.error() })).into_response()
    }
}
