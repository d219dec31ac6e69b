//! The errors that operations share.

use serde_json::{Value, json};
use utoipa::{
    IntoResponses,
    openapi::{ContentBuilder, Paths, Ref, RefOr, ResponseBuilder, schema::Type},
};

use super::answers::{Responses, header};

/// The errors of operations that read from VirusTotal.
pub struct ReadErrors;

/// The errors of operations that write to VirusTotal.
pub struct WriteErrors;

/// The errors of operations without a key.
pub struct OpenErrors;

impl IntoResponses for ReadErrors {
    fn responses() -> Responses {
        errors(&[
            (
                400,
                "An identifier or a parameter can't be used; nothing was spent",
            ),
            (
                401,
                "No API key or client token, or one that was refused, here or by VirusTotal",
            ),
            (
                403,
                "VirusTotal: the key may not do this; or the client lacks the scope for it",
            ),
            (404, "VirusTotal does not know the object"),
            (
                429,
                "Too many requests: the gateway's own limit, or VirusTotal's",
            ),
            (500, "A fault in the gateway"),
            (
                502,
                "VirusTotal can't be reached, or its answer is not what it should be",
            ),
            (503, "VirusTotal is overloaded"),
            (504, "VirusTotal did not answer in time"),
        ])
    }
}

impl IntoResponses for WriteErrors {
    fn responses() -> Responses {
        let mut all = ReadErrors::responses();
        all.extend(errors(&[
            (
                400,
                "An identifier, a parameter or the body can't be used; nothing was written",
            ),
            (
                403,
                "The server's key is for reading only, the client lacks the scope `submit`, or VirusTotal: the key may not do this",
            ),
            (409, "VirusTotal has this already"),
            (413, "The body is too large"),
            (415, "The body has another content type"),
            (424, "Something that this depends on failed at VirusTotal"),
        ]));
        all
    }
}

impl IntoResponses for OpenErrors {
    fn responses() -> Responses {
        errors(&[
            (400, "The request names two hosts"),
            (429, "Too many requests"),
            (500, "A fault in the gateway"),
        ])
    }
}

fn errors(rows: &[(u16, &str)]) -> Responses {
    let error = |&(status, description): &(u16, &str)| {
        let body = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("ErrorBody")))
            .example(example_of(status))
            .build();
        let mut response = ResponseBuilder::new()
            .description(description)
            .content("application/json", body);
        if matches!(status, 429 | 503) {
            response = response.header(
                "Retry-After",
                header("Whole seconds to wait", Type::Integer),
            );
        }
        if status == 401 {
            response = response.header("WWW-Authenticate", header("`ApiKey`", Type::String));
        }
        (status.to_string(), response.build().into())
    };
    rows.iter().map(error).collect()
}

/// Returns an example of an error with this status.
fn example_of(status: u16) -> Option<Value> {
    let (code, detail) = match status {
        400 => (
            "BadRequestError",
            "parameter `format`: expected one of `json`, `markdown`, `xml`, `raw`",
        ),
        401 => (
            "WrongCredentialsError",
            "VirusTotal refused the API key; check the key sent in `X-API-Key` or set on the server",
        ),
        403 => (
            "ForbiddenError",
            "the client `soar` has no scope `read`; have the operator add it",
        ),
        404 => ("NotFoundError", "VirusTotal does not know this object"),
        409 => ("AlreadyExistsError", "VirusTotal has this already"),
        413 => (
            "PayloadTooLargeError",
            "the body is too large: send 64 KiB at most",
        ),
        415 => (
            "UnsupportedMediaTypeError",
            "the content type of the body must be `application/json`",
        ),
        424 => (
            "FailedDependencyError",
            "something that this depends on failed at VirusTotal",
        ),
        429 => (
            "QuotaExceededError",
            "VirusTotal's quota for this key is used up; wait as `Retry-After` says",
        ),
        500 => (
            "InternalError",
            "the gateway failed; the request id in `X-Request-Id` finds the failure in its log",
        ),
        502 => (
            "BadGatewayError",
            "VirusTotal's answer is not what it should be",
        ),
        503 => (
            "TransientError",
            "VirusTotal can't answer at the moment; wait as `Retry-After` says",
        ),
        504 => (
            "DeadlineExceededError",
            "VirusTotal did not answer in time; try again later",
        ),
        _ => return None,
    };
    Some(json!({"detail": detail, "code": code}))
}

/// Begins the details of an operation's example errors with what is being done, as its layer does.
pub fn say_doing(paths: &mut Paths, doing: &str) {
    for item in paths.paths.values_mut() {
        let operations = item.get.iter_mut().chain(&mut item.post);
        for response in operations.flat_map(|it| it.responses.responses.values_mut()) {
            let RefOr::T(response) = response else {
                continue;
            };
            for content in response.content.values_mut() {
                let RefOr::T(content) = content else {
                    continue;
                };
                let detail = content.example.as_mut().and_then(|it| it.get_mut("detail"));
                if let Some(Value::String(detail)) = detail {
                    *detail = format!("Error {doing}: {detail}");
                }
            }
        }
    }
}
