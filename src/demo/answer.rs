//! Answers with VirusTotal's headers, indentation and errors, and the short bodies of requests.

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Serializer, Value, json, ser::PrettyFormatter};

/// The largest body that is read at once: comments, votes, URLs.
const LONGEST_BODY: usize = 65_536;

/// A body with its status, formatted as VirusTotal does.
pub(super) struct JsonAnswer {
    status: StatusCode,
    body: Vec<u8>,
}

impl JsonAnswer {
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

impl IntoResponse for JsonAnswer {
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
pub(super) struct DemoError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl DemoError {
    /// Creates the error for an invalid parameter.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestError", message)
    }

    /// Creates the error for a value that is not allowed in its place.
    pub(super) fn invalid_argument(message: impl Into<String>) -> Self {
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
        let message = "Resource not found.";
        Self::new(StatusCode::NOT_FOUND, "NotFoundError", message)
    }

    /// Creates the error for a path that does not support the method.
    pub(super) fn wrong_method() -> Self {
        let (status, code) = (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedError");
        let message = "The method is not allowed for the requested URL.";
        Self::new(status, code, message)
    }

    /// Creates the error for a request without a key.
    pub(super) fn without_key() -> Self {
        let (status, code) = (StatusCode::UNAUTHORIZED, "AuthenticationRequiredError");
        Self::new(status, code, "X-Apikey header is missing")
    }

    /// Creates the error for a wrong key, which the message repeats as VirusTotal's does.
    pub(super) fn wrong_key(key: &str) -> Self {
        let message = format!("Wrong API key: {key}");
        Self::new(StatusCode::UNAUTHORIZED, "WrongCredentialsError", message)
    }

    /// Returns the `error` member of an answer, or of an item of a list.
    pub(super) fn error(&self) -> Value {
        json!({ "code": self.code, "message": self.message })
    }

    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

impl IntoResponse for DemoError {
    fn into_response(self) -> Response {
        JsonAnswer::new(self.status, &json!({ "error": self.error() })).into_response()
    }
}

/// A short body, read as a whole.
pub(super) struct ShortBody(pub(super) Bytes);

impl<S: Sync> FromRequest<S> for ShortBody {
    type Rejection = DemoError;

    async fn from_request(request: Request, _: &S) -> Result<Self, DemoError> {
        match to_bytes(request.into_body(), LONGEST_BODY).await {
            Ok(body) => Ok(Self(body)),
            Err(_) => Err(DemoError::bad_request(
                "The request's body is too long or broken off",
            )),
        }
    }
}
