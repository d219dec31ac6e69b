//! Errors in VirusTotal's own form, for the clients of its own API: `{"error": {"code", "message"}}`.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

use crate::http::outcome::Outcome;

/// A mark on responses under `/api/v3`, by which errors that replace them get the same form.
#[derive(Clone, Copy, Debug)]
pub struct VirusTotalShape;

#[derive(Serialize)]
struct ErrorEnvelope<'a> {
    error: ErrorObject<'a>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: &'a str,
    message: &'a str,
}

/// Gives an error the form in which VirusTotal's own clients read one. Any other response keeps
/// its body.
///
/// VirusTotal's own error stands as it came. Every layer raises errors as REST does, so this is
/// done once, around all of them.
pub fn reshape(response: &mut Response) {
    response.extensions_mut().insert(VirusTotalShape);
    let status = response.status();
    let outcome = response.extensions_mut().get_mut::<Outcome>();
    let Some(failure) = outcome.and_then(|outcome| outcome.failure.as_mut()) else {
        return;
    };
    let (status, body) = if let Some(raw) = failure.raw.take() {
        let own = StatusCode::from_u16(raw.status).unwrap_or(status);
        (own, raw.body.into_string().into_bytes())
    } else {
        if let Some(code) = code_of(status, &failure.code) {
            failure.code = code.into();
        }
        let error = ErrorObject {
            code: &failure.code,
            message: &failure.detail,
        };
        // Can't fail: all fields are text.
        let body = serde_json::to_vec(&ErrorEnvelope { error });
        (status, body.unwrap_or_default())
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    // The former body may have been compressed, further in.
    headers.remove(header::CONTENT_ENCODING);
    *response.body_mut() = body.into();
}

/// Returns VirusTotal's code for a status, as its clients expect it; `None` if the error's own will
/// do.
fn code_of(status: StatusCode, own: &str) -> Option<&'static str> {
    match status {
        StatusCode::FORBIDDEN if own == "PrivateIndicatorError" => Some("ForbiddenError"),
        StatusCode::NOT_FOUND => Some("NotFoundError"),
        StatusCode::TOO_MANY_REQUESTS => Some("QuotaExceededError"),
        StatusCode::SERVICE_UNAVAILABLE => Some("TransientError"),
        StatusCode::GATEWAY_TIMEOUT => Some("DeadlineExceededError"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{body::to_bytes, response::IntoResponse as _};

    use super::*;
    use crate::{access::Full, http::error::ApiError, virustotal::UpstreamError};

    async fn shaped(error: ApiError) -> (u16, String, Option<HeaderValue>) {
        let mut response = error.into_response();
        reshape(&mut response);
        let retry = response.headers().get(header::RETRY_AFTER).cloned();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap(), retry)
    }

    #[tokio::test]
    async fn own_errors_have_virustotals_form_and_codes() {
        for (error, status, code) in [
            (ApiError::bad_request("x"), 400, "BadRequestError"),
            (
                ApiError::unauthorized("x"),
                401,
                "AuthenticationRequiredError",
            ),
            (ApiError::forbidden("x"), 403, "ForbiddenError"),
            (ApiError::not_found("x"), 404, "NotFoundError"),
            (
                ApiError::too_many_requests(Duration::from_secs(3)),
                429,
                "QuotaExceededError",
            ),
            (
                ApiError::no_place(Full::All, Duration::from_secs(3)),
                503,
                "TransientError",
            ),
            (
                ApiError::too_slow(Duration::from_secs(1)),
                504,
                "DeadlineExceededError",
            ),
        ] {
            let (got, body, retry) = shaped(error).await;
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!((got, body["error"]["code"].as_str()), (status, Some(code)));
            assert!(body["error"]["message"].is_string());
            assert_eq!(retry.is_some(), matches!(status, 429 | 503));
        }
    }

    #[tokio::test]
    async fn virustotals_own_error_stands_as_it_came() {
        let raw = "{\n    \"error\": {\"message\": \"<b>\", \"code\": \"NotFoundError\"}}";
        let error = UpstreamError::of_response(404, raw.as_bytes(), None, "the-key");
        let (status, body, _) = shaped(error.into()).await;
        assert_eq!((status, &*body), (404, raw));
        let odd = "{\"error\": {\"code\": \"BrandNewError\"}}";
        let error = UpstreamError::of_response(418, odd.as_bytes(), None, "the-key");
        let (status, body, _) = shaped(error.into()).await;
        assert_eq!((status, &*body), (418, odd));
    }

    #[tokio::test]
    async fn a_401_and_what_is_not_virustotals_are_replaced() {
        let echo = "{\"error\": {\"code\": \"WrongCredentialsError\", \"message\": \"the-key\"}}";
        for (status, body) in [(401, echo), (403, "<html>"), (404, "<html>"), (404, "")] {
            let error = UpstreamError::of_response(status, body.as_bytes(), None, "the-key");
            let (got, body, _) = shaped(error.into()).await;
            assert_eq!(got, if status == 401 { 401 } else { 502 });
            assert!(
                !body.contains("the-key") && body.starts_with("{\"error\":{"),
                "{body}"
            );
        }
    }
}
