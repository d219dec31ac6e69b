//! Every error a client can get, as `{"detail", "code"}` (`docs/http-api.md`).
//!
//! Domain errors become statuses here and in the modules below: `lookup` and `write` convert the
//! errors of the two pipelines, `places` those of limits, and `advice` words what the caller can do.
//! No error is logged here: the failure is part of the response's outcome, and the `observe`
//! middleware logs it once.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    time::Duration,
};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use self::reasons::of_reason;
use super::{
    headers::{insert_number, say_provenance},
    outcome::{Failure, Outcome},
};
use crate::{
    access::clients::OverAllowance,
    clock::whole_seconds,
    indicator::{InvalidIndicator, PrivateReason},
    lookup::{InvalidAnalysisId, Provenance},
    quota::accounts::Exhausted,
    render::{MalformedAnswer, template::UnknownTemplate},
    submit::form::FormError,
    virustotal::{RawError, Reason, Refusal, UpstreamError},
};

mod advice;
mod lookup;
mod places;
mod reasons;
pub mod virustotal_shape;
mod write;

const NOT_WHAT_IT_SHOULD_BE: &str = "VirusTotal's answer is not what it should be";

/// An error on its way to the client.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    /// The value of `Retry-After`, which every 429 and 503 has.
    retry_after: Option<Duration>,
    /// The cause for the log, where it is more than the detail.
    cause: Option<Box<str>>,
    /// The origin of an answer that VirusTotal does not know the object.
    provenance: Option<Provenance>,
    /// VirusTotal's own error, for clients of its own API.
    raw: Option<Box<RawError>>,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorBody)]
pub struct ErrorDocument<'a> {
    /// The mistake or failure, and the way on.
    #[schema(
        example = "Error retrieving file report: a file is given by its MD5, SHA-1 or SHA-256"
    )]
    detail: &'a str,
    /// VirusTotal's error code, or the gateway's own in its style.
    #[schema(example = "InvalidArgumentError")]
    code: &'a str,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            retry_after: None,
            cause: None,
            provenance: None,
            raw: None,
        }
    }

    /// 400: a parameter that can't be used.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestError", detail)
    }

    /// 400: an identifier that can't be one.
    pub fn invalid_argument(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidArgumentError", detail)
    }

    /// 401: no key, or one that may not be used here.
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "AuthenticationRequiredError",
            detail,
        )
    }

    /// 403: an operation that the server's key or this client may not do.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "ForbiddenError", detail)
    }

    /// 404 for a read, 403 for a write: an indicator that is never sent to VirusTotal.
    pub fn private(status: StatusCode, reason: PrivateReason) -> Self {
        let detail = format!("VirusTotal is not asked about this: {reason}");
        Self::new(status, "PrivateIndicatorError", detail)
    }

    /// 413: a body that is larger than the limit.
    pub fn payload_too_large(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PayloadTooLargeError",
            detail,
        )
    }

    /// 415: a body of another content type.
    pub fn unsupported_media_type(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaTypeError",
            detail,
        )
    }

    /// 404: a path or template that does not exist.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFoundError", detail)
    }

    /// 429: a caller beyond its rate limit.
    pub fn too_many_requests(wait: Duration) -> Self {
        let detail = "too many requests from this key or address; wait as `Retry-After` says";
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequestsError",
            detail,
        )
        .after(wait)
    }

    /// 414: path and query are longer than this many bytes.
    pub fn uri_too_long(most: usize) -> Self {
        let detail = format!("path and query are longer than {most} bytes");
        Self::new(StatusCode::URI_TOO_LONG, "UriTooLongError", detail)
    }

    /// 501: a request with an unsupported transfer coding.
    pub fn not_implemented(detail: &'static str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplementedError", detail)
    }

    /// 504: a request that took longer than it may.
    pub fn too_slow(time: Duration) -> Self {
        let seconds = time.as_secs();
        let detail =
            format!("there was no answer within {seconds} s; ask for less, or with `wait`");
        Self::new(StatusCode::GATEWAY_TIMEOUT, "DeadlineExceededError", detail)
    }

    /// 500: a fault of the gateway, of which the client learns nothing more.
    pub fn internal(cause: String) -> Self {
        let detail =
            "the gateway failed; the request id in `X-Request-Id` finds the failure in its log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", detail).because(cause)
    }

    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the code and the detail.
    pub fn into_parts(self) -> (Cow<'static, str>, Cow<'static, str>) {
        (self.code, self.detail)
    }

    fn after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }

    fn because(self, cause: String) -> Self {
        Self {
            cause: Some(cause.into()),
            ..self
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorDocument {
            detail: &self.detail,
            code: &self.code,
        };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("ApiKey");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(wait) = self.retry_after {
            insert_number(
                &mut response,
                header::RETRY_AFTER,
                whole_seconds(wait).max(1),
            );
        }
        if let Some(provenance) = self.provenance {
            say_provenance(&mut response, provenance);
        }
        Outcome::of(&mut response).failure = Some(Failure {
            code: self.code,
            detail: self.detail,
            cause: self.cause.map(String::from),
            raw: self.raw,
        });
        response
    }
}

/// Begins the detail of an error with what was being done, such as `retrieving file report`.
///
/// Extractors and handlers of a route fail without knowing that, so its layer adds it to the
/// finished response; any other response is returned as it is.
pub fn during(mut response: Response, doing: impl FnOnce() -> String) -> Response {
    let outcome = response.extensions_mut().get_mut::<Outcome>();
    let Some(failure) = outcome.and_then(|outcome| outcome.failure.as_mut()) else {
        return response;
    };
    let detail = format!("Error {}: {}", doing(), failure.detail);
    let body = ErrorDocument {
        detail: &detail,
        code: &failure.code,
    };
    if let Ok(body) = serde_json::to_vec(&body) {
        failure.detail = detail.into();
        *response.body_mut() = body.into();
    }
    response
}

impl From<InvalidIndicator> for ApiError {
    fn from(error: InvalidIndicator) -> Self {
        let mut detail = error.to_string();
        if let Some(kind) = error.other_kind() {
            let (noun, collection) = (kind.with_article(), kind.collection());
            // Writing to a `String` does not fail.
            let _ = write!(
                detail,
                "; {noun} is looked up under `/api/v1/{collection}/`"
            );
        }
        Self::invalid_argument(detail)
    }
}

impl From<OverAllowance> for ApiError {
    fn from(error: OverAllowance) -> Self {
        Self::used_up(&error, error.retry_after)
    }
}

impl From<UnknownTemplate> for ApiError {
    fn from(error: UnknownTemplate) -> Self {
        Self::bad_request(format!("parameter `template_name`: {error}"))
    }
}

impl From<InvalidAnalysisId> for ApiError {
    fn from(error: InvalidAnalysisId) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

impl From<FormError> for ApiError {
    fn from(error: FormError) -> Self {
        match error {
            FormError::TooLarge => Self::payload_too_large(error.to_string()),
            error => Self::bad_request(error.to_string()),
        }
    }
}

impl From<UpstreamError> for ApiError {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Refused(refusal) => refusal.into(),
            UpstreamError::NotSent(error) => (*error).into(),
            UpstreamError::Timeout => {
                let detail = "VirusTotal did not answer in time; try again later";
                Self::new(StatusCode::GATEWAY_TIMEOUT, "DeadlineExceededError", detail)
            }
            UpstreamError::Unreachable | UpstreamError::Broken => {
                Self::bad_gateway(format!("{error}; try again later"), error.to_string())
            }
            UpstreamError::Undocumented(raw) => Self {
                raw: Some(raw.clone()),
                ..UpstreamError::Unexpected(raw.status).into()
            },
            UpstreamError::Unexpected(status) => {
                let detail = format!(
                    "{NOT_WHAT_IT_SHOULD_BE}: status {status} without VirusTotal's own error; \
                     something between may have answered"
                );
                Self::bad_gateway(detail, error.to_string())
            }
            error => Self::bad_gateway(NOT_WHAT_IT_SHOULD_BE, error.to_string()),
        }
    }
}

impl From<MalformedAnswer> for ApiError {
    fn from(error: MalformedAnswer) -> Self {
        Self::bad_gateway(NOT_WHAT_IT_SHOULD_BE, error.to_string())
    }
}

impl From<Exhausted> for ApiError {
    fn from(error: Exhausted) -> Self {
        Self::used_up(&error, error.retry_after)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (status, usual) = of_reason(refusal.reason);
        let retry_after = refusal.wait();
        let message = match refusal.reason {
            Reason::Forbidden => refusal.message.map(advice::on_forbidden),
            _ => refusal.message,
        };
        Self {
            status,
            retry_after,
            code: refusal.code,
            detail: message.map_or(Cow::Borrowed(usual), Cow::Owned),
            cause: Some("VirusTotal refused".into()),
            provenance: None,
            raw: refusal.raw,
        }
    }
}

impl ApiError {
    /// 429: an allowance that is used up.
    fn used_up(which: &impl fmt::Display, wait: Duration) -> Self {
        let detail = format!("{which}; wait as `Retry-After` says");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "QuotaExceededError", detail).after(wait)
    }

    /// 502: an answer of VirusTotal's that would make too large a document.
    fn document_too_large() -> Self {
        let detail = "the document would be too large; ask with `format=json` or a smaller `limit`";
        Self::new(StatusCode::BAD_GATEWAY, "DocumentTooLargeError", detail)
    }

    fn bad_gateway(detail: impl Into<Cow<'static, str>>, cause: String) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "BadGatewayError", detail).because(cause)
    }
}
