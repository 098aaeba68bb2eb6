//! Errors of the REST API: core's kinds as HTTP status and stable code, in problem+json. Not here: what went wrong.
//!
//! # Standard
//! RFC 9457 (problem details), RFC 9110 section 15 (status codes), RFC 6750 section 3 (WWW-Authenticate).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keyreeve_core::{Error, ErrorKind};
use serde::Serialize;

use crate::frontends::echo::{MESSAGE_BYTES_MAX, cut};

/// An answer that says what was wrong.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    /// For the log alone.
    cause: Option<String>,
    /// The log knows of it already.
    told: bool,
}

/// Rides on an answer whose cause the log does not know yet.
#[derive(Clone)]
pub(super) struct Untold {
    pub(super) code: &'static str,
    pub(super) detail: String,
    pub(super) cause: Option<String>,
}

/// Result of the REST front-end's functions.
pub(super) type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    /// A problem with a status, a stable code and a sentence for people, which quotes a bounded part of what the caller
    /// wrote.
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: cut(detail.into(), MESSAGE_BYTES_MAX), cause: None, told: false }
    }

    /// An error that whoever found it has logged.
    pub(super) fn told(error: Error) -> Self {
        Self { told: true, ..Self::from(error) }
    }

    /// A request that cannot be read.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code(ErrorKind::Invalid), detail)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let cause = error.cause().map(str::to_owned);
        Self { cause, ..Self::new(status(error.kind()), code(error.kind()), error.public()) }
    }
}

/// The status that answers a kind of error.
fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid | ErrorKind::InvalidField => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Denied | ErrorKind::NotExtractable | ErrorKind::Sensitive => StatusCode::FORBIDDEN,
        ErrorKind::NotFound | ErrorKind::AttributeNotFound => StatusCode::NOT_FOUND,
        ErrorKind::Destroyed => StatusCode::GONE,
        ErrorKind::WrongState
        | ErrorKind::WrongUsage
        | ErrorKind::AlreadyExists
        | ErrorKind::ReadOnlyAttribute
        | ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Unsupported | ErrorKind::CryptoFailed => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The code that programs look at; stable for ever.
fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "invalid",
        ErrorKind::InvalidField => "invalid_field",
        ErrorKind::NotFound => "not_found",
        ErrorKind::Destroyed => "destroyed",
        ErrorKind::Denied => "denied",
        ErrorKind::Unauthenticated => "unauthenticated",
        ErrorKind::WrongState => "wrong_state",
        ErrorKind::WrongUsage => "wrong_usage",
        ErrorKind::NotExtractable => "not_extractable",
        ErrorKind::Sensitive => "sensitive",
        ErrorKind::ReadOnlyAttribute => "read_only_attribute",
        ErrorKind::AttributeNotFound => "attribute_not_found",
        ErrorKind::AlreadyExists => "already_exists",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::CryptoFailed => "crypto_failed",
        ErrorKind::LimitExceeded => "limit_exceeded",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Internal => "internal",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            title: &'a str,
            status: u16,
            code: &'a str,
            detail: &'a str,
        }
        let title = self.status.canonical_reason().unwrap_or("error");
        let body = Body { title, status: self.status.as_u16(), code: self.code, detail: &self.detail };
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"keyreeve\""));
        }
        if !self.told {
            let Self { code, detail, cause, .. } = self;
            response.extensions_mut().insert(Untold { code, detail, cause });
        }
        response
    }
}
