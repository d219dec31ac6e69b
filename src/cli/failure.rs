//! Failures of a command, each with its exit status.

use std::io::{self, Write as _};

use axum::body::Bytes;
use http::StatusCode;
use serde::Deserialize;

use super::{status::Status, table::printable};

/// The reason why a command ends without an answer. The message holds no credential.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: Status,
    pub(super) message: String,
}

/// An error of the gateway (`docs/http-api.md`, Errors).
#[derive(Deserialize)]
struct GatewayError {
    detail: String,
    code: String,
}

impl Failure {
    /// Returns the failure of a command line that can't be used.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message)
    }

    /// Returns the failure to get an answer.
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Status::Unavailable, message)
    }

    /// Returns the failure to print.
    pub(super) fn of_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Status::Closed, "nothing reads the output"),
            _ => Self::unavailable(format!("standard output can't be written: {error}")),
        }
    }

    /// Says on standard error what is wrong.
    pub(super) fn report(&self) {
        if self.status != Status::Closed {
            say(&format!("error: {}", self.message));
        }
    }

    fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// Reads the gateway's answer to a request that failed.
    pub(super) fn of_answer(status: StatusCode, body: &Bytes) -> Self {
        let Ok(GatewayError { detail, code }) = serde_json::from_slice(body) else {
            let message = format!("the gateway answered {status}, and not with JSON");
            return Self::unavailable(message);
        };
        Self::new(Status::of_code(&code), detail)
    }
}

/// Says something on standard error, where texts of strangers do no harm.
pub(super) fn say(text: &str) {
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    // It may be closed.
    let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
}
