//! Errors of JSON-RPC, with the HTTP status that each has in the current revision.

use std::borrow::Cow;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::era::{Era, MODERN, WITH_HANDSHAKE};

/// An error of JSON-RPC.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RpcError {
    code: i32,
    message: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    /// Whether the request is malformed, which HTTP says as well.
    #[serde(skip)]
    is_malformed: bool,
}

impl RpcError {
    fn new(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
            is_malformed: false,
        }
    }

    fn malformed(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            is_malformed: true,
            ..Self::new(code, message)
        }
    }

    /// -32700: the body is not JSON.
    pub(super) fn not_json() -> Self {
        Self::malformed(
            -32700,
            "the body is not JSON: send one JSON-RPC 2.0 message",
        )
    }

    /// -32600: the body is JSON, but not one message.
    pub(super) fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::malformed(-32600, message)
    }

    /// -32601: a method that this revision does not have.
    pub(super) fn unknown_method(method: &str, era: Era) -> Self {
        let known = match era {
            Era::Modern => "server/discover lists what there is",
            Era::Initialize => "initialize lists what there is",
        };
        let method: String = method.chars().take(64).collect();
        Self::new(-32601, format!("no method {method:?} here; {known}"))
    }

    /// -32602: parameters that name nothing that exists.
    pub(super) fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32602, message)
    }

    /// -32602: parameters of the wrong shape.
    pub(super) fn malformed_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::malformed(-32602, message)
    }

    /// -32602, in older revisions -32002: a resource that does not exist.
    pub(super) fn unknown_resource(message: String, uri: &str, era: Era) -> Self {
        let code = match era {
            Era::Modern => -32602,
            Era::Initialize => -32002,
        };
        Self {
            data: Some(json!({"uri": uri})),
            ..Self::new(code, message)
        }
    }

    /// -32000: a resource that the caller may not read, or not now.
    pub(super) fn refused(message: String) -> Self {
        Self::new(-32000, message)
    }

    /// -32603: a resource that can't be read because something failed.
    pub(super) fn internal(message: String) -> Self {
        Self::new(-32603, message)
    }

    /// -32020: a header that is missing or differs from the body.
    pub(super) fn header_mismatch(message: String) -> Self {
        Self::malformed(-32020, message)
    }

    /// -32022: a version that is not spoken here.
    pub(super) fn unsupported_version(requested: &str) -> Self {
        let requested: String = requested.chars().take(64).collect();
        let message = format!(
            "Unsupported protocol version {requested:?}: without a handshake it is {MODERN}, after \
             `initialize` one of {}",
            WITH_HANDSHAKE.join(", ")
        );
        Self {
            data: Some(json!({"requested": requested, "supported": [MODERN]})),
            ..Self::malformed(-32022, message)
        }
    }

    /// Returns the HTTP status of a response with this error.
    ///
    /// Older revisions know statuses for what is wrong with HTTP or the message only.
    pub(super) fn status(&self, era: Era) -> StatusCode {
        match (era, self.code) {
            _ if self.is_malformed => StatusCode::BAD_REQUEST,
            (Era::Modern, -32601) => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        }
    }
}
