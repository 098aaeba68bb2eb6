//! Errors of the REST API: core's kinds as HTTP status and stable code, in problem+json; the catalogue of them. Not here:
//! what went wrong.
//!
//! # Standard
//! RFC 9457 (problem details), RFC 9110 section 15 (status codes), RFC 6585, RFC 6750 section 3 (WWW-Authenticate).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keyreeve_core::{Error, ErrorKind};
use serde::de::IntoDeserializer as _;
use serde::de::value::StrDeserializer;
use serde::{Deserialize as _, Serialize};

use crate::frontends::echo::{MESSAGE_BYTES_MAX, cut};

macro_rules! codes {
    ($($code:ident $word:literal $status:ident $means:literal $remedy:literal;)*) => {
        /// What programs look at in an error: stable for ever. docs/errors.md is made from this table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Code { $($code,)* }

        impl Code {
            /// Every code.
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$code,)*];

            /// The code as it is sent.
            pub(super) fn word(self) -> &'static str {
                match self { $(Self::$code => $word,)* }
            }

            fn status(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$status,)* }
            }

            /// What it means, and what to do.
            #[cfg(test)]
            fn told(self) -> (&'static str, &'static str) {
                match self { $(Self::$code => ($means, $remedy),)* }
            }
        }
    };
}

codes! {
    Invalid "invalid" BAD_REQUEST
        "The request cannot be read, lacks something, or contradicts itself." "Correct what `detail` names.";
    InvalidField "invalid_field" BAD_REQUEST
        "A field has a value that cannot be accepted." "Correct the field that `detail` names.";
    Unauthenticated "unauthenticated" UNAUTHORIZED
        "Nobody was proven to have sent the request. Why is told in the server's log alone."
        "Send a valid token or client certificate, and not two that name different principals.";
    Denied "denied" FORBIDDEN
        "The caller is known, and may not do this." "Ask the key's owner for a grant, or an administrator for a role.";
    NotExtractable "not_extractable" FORBIDDEN
        "The key may not leave the server." "Use it where it is; keys that may leave are made with `exportable`.";
    Sensitive "sensitive" FORBIDDEN
        "The key leaves the server only wrapped." "Name a wrapping key.";
    ConstraintViolation "constraint_violation" FORBIDDEN
        "The new key or object would not be what this realm's constraints want." "Make it as they want; `detail` names the attribute.";
    NotFound "not_found" NOT_FOUND
        "There is no such thing, or the caller may not know of it." "Check name and realm, and what was granted.";
    AttributeNotFound "attribute_not_found" NOT_FOUND
        "The object has no such attribute." "List the attributes that it has.";
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED
        "The path is there and does not take this method." "See docs/rest.md.";
    RequestTimeout "request_timeout" REQUEST_TIMEOUT
        "The body took too long to come." "Send it again, faster or in smaller parts.";
    AlreadyExists "already_exists" CONFLICT
        "The name is taken." "Choose another name, or use what is there.";
    WrongState "wrong_state" CONFLICT
        "The state of the key does not allow this." "Activate it, enable it, or use another version.";
    ApprovalPending "approval_pending" ACCEPTED
        "Others must approve it first; nothing was done yet. `approval` is the id that they approve it by."
        "Send the same request again once it is approved: `keyreeve approval show ID`.";
    Archived "archived" CONFLICT
        "The key is archived: it serves nobody and is handed out to nobody." "Recover it: `POST .../recover`, `keyreeve key recover`.";
    WrongUsage "wrong_usage" CONFLICT
        "The key is not made for this use." "Use a key whose `usage` has it.";
    UsageLimitExceeded "usage_limit_exceeded" CONFLICT
        "The usage limits of the key leave too few units." "Make a new version or a new key: what was spent does not come back.";
    ReadOnlyAttribute "read_only_attribute" CONFLICT
        "The attribute cannot be changed, or not now." "Leave it.";
    ArchiveMismatch "archive_mismatch" CONFLICT
        "A backup target holds the archive of another store, machine or timeline, or not what this server wrote."
        "Name another target; one that another machine of this store has left is had by `take_over`.";
    Conflict "conflict" CONFLICT
        "Others changed the same data again and again while this ran. Nothing was done." "Send the request again.";
    Destroyed "destroyed" GONE
        "The key was destroyed. It does not come back." "Use another key.";
    PreconditionFailed "precondition_failed" PRECONDITION_FAILED
        "The key has changed since the caller read it. Nothing was done." "Read it again, and decide anew.";
    TooLarge "too_large" PAYLOAD_TOO_LARGE
        "What was sent or asked for is larger than is taken at once." "Send or ask for less; `detail` names the limit.";
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE
        "The body is of a type that is not taken here." "Send `application/json`, or bytes as `application/octet-stream`.";
    Unsupported "unsupported" UNPROCESSABLE_ENTITY
        "This server does not offer the algorithm, format or parameter, or not for this key."
        "Choose one that it offers; `detail` names them.";
    CryptoFailed "crypto_failed" UNPROCESSABLE_ENTITY
        "Decrypting, unwrapping or verifying failed. Why is not told." "Check key, version, context and data.";
    LimitExceeded "limit_exceeded" TOO_MANY_REQUESTS
        "So many are there as may be: feeds, versions of a key, grants." "Free some, or raise the limit.";
    RateLimited "rate_limited" TOO_MANY_REQUESTS
        "The client or its address sent too many requests in a second, a minute or a day." "Wait for as many seconds as `Retry-After` says.";
    Internal "internal" INTERNAL_SERVER_ERROR
        "A fault of the server." "Look into the server's log, and report it.";
    Unavailable "unavailable" SERVICE_UNAVAILABLE
        "The server is stopping or busy, its disk is full, or a backup target cannot be reached." "Try again; `/health/ready` says whether it takes requests.";
}

/// An answer that says what was wrong.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Problem {
    code: Code,
    detail: String,
    /// For the log alone.
    cause: Option<String>,
    /// Id of the approval that it waits for.
    approval: Option<String>,
    entry: Option<u64>,
    /// The log knows of it already.
    told: bool,
    /// Seconds after which the same may go well.
    retry_seconds: Option<u32>,
}

/// Rides on an answer whose cause the log does not know yet.
#[derive(Clone)]
pub(super) struct Untold {
    pub(super) code: &'static str,
    pub(super) detail: String,
    pub(super) cause: Option<String>,
}

impl Untold {
    /// The kind of error of its code; those of HTTP alone are malformed requests.
    pub(super) fn kind(&self) -> ErrorKind {
        let code: StrDeserializer<'_, serde::de::value::Error> = self.code.into_deserializer();
        ErrorKind::deserialize(code).unwrap_or(ErrorKind::Invalid)
    }
}

/// Result of the REST front-end's functions.
pub(super) type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    /// A problem with a stable code and a sentence for people, which quotes a bounded part of what the caller wrote.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: cut(detail.into(), MESSAGE_BYTES_MAX),
            cause: None,
            approval: None,
            entry: None,
            told: false,
            retry_seconds: None,
        }
    }

    /// An error that whoever found it has logged.
    pub(super) fn told(error: Error) -> Self {
        Self { told: true, ..Self::from(error) }
    }

    /// A request that cannot be read.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::Invalid, detail)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (cause, retry_seconds) = (error.cause().map(str::to_owned), error.retry_seconds());
        let (approval, entry) = (error.approval().map(|id| id.to_string()), error.entry().map(|lsn| lsn.0));
        let code = match retry_seconds {
            Some(_) if error.kind() == ErrorKind::LimitExceeded => Code::RateLimited,
            _ => code(error.kind()),
        };
        Self { cause, approval, entry, retry_seconds, ..Self::new(code, error.public()) }
    }
}

/// The code of a kind of error.
fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Invalid => Code::Invalid,
        ErrorKind::InvalidField => Code::InvalidField,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Destroyed => Code::Destroyed,
        ErrorKind::Denied => Code::Denied,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::WrongState => Code::WrongState,
        ErrorKind::Archived => Code::Archived,
        ErrorKind::WrongUsage => Code::WrongUsage,
        ErrorKind::NotExtractable => Code::NotExtractable,
        ErrorKind::Sensitive => Code::Sensitive,
        ErrorKind::ConstraintViolation => Code::ConstraintViolation,
        ErrorKind::ReadOnlyAttribute => Code::ReadOnlyAttribute,
        ErrorKind::AttributeNotFound | ErrorKind::AttributeInstanceNotFound => Code::AttributeNotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::Unsupported | ErrorKind::KeyValueNotPresent => Code::Unsupported,
        ErrorKind::CryptoFailed => Code::CryptoFailed,
        ErrorKind::UsageLimitExceeded => Code::UsageLimitExceeded,
        ErrorKind::LimitExceeded => Code::LimitExceeded,
        ErrorKind::TooLarge => Code::TooLarge,
        ErrorKind::PreconditionFailed => Code::PreconditionFailed,
        ErrorKind::ArchiveMismatch => Code::ArchiveMismatch,
        ErrorKind::Conflict => Code::Conflict,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::ApprovalPending => Code::ApprovalPending,
        ErrorKind::Internal => Code::Internal,
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
            #[serde(skip_serializing_if = "Option::is_none")]
            approval: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            entry: Option<u64>,
        }
        let (status, code) = (self.code.status(), self.code.word());
        let title = status.canonical_reason().unwrap_or("error");
        let body = Body {
            title,
            status: status.as_u16(),
            code,
            detail: &self.detail,
            approval: self.approval.as_deref(),
            entry: self.entry,
        };
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"keyreeve\""));
        }
        if let Some(seconds) = self.retry_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if !self.told {
            let Self { detail, cause, .. } = self;
            response.extensions_mut().insert(Untold { code, detail, cause });
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const CATALOGUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

    #[test]
    fn the_catalogue_tells_every_code() {
        let mut text = "# Errors of the REST API\n\n\
            Every error is `application/problem+json` (RFC 9457) with `title`, `status`, `detail` for people and `code` for\n\
            programs. Codes are stable; new ones may come. This file is made from the server's own table:\n\
            `KEYREEVE_WRITE_GOLDEN=1 cargo nextest run --release -p keyreeve-server -E 'test(catalogue)'`.\n\n\
            | code | status | what it means | what to do |\n|---|---|---|---|\n"
            .to_owned();
        for code in Code::ALL {
            let (means, remedy) = code.told();
            writeln!(text, "| `{}` | {} | {means} | {remedy} |", code.word(), code.status().as_u16())
                .unwrap();
        }
        if std::env::var_os("KEYREEVE_WRITE_GOLDEN").is_some() {
            std::fs::write(CATALOGUE, &text).unwrap();
        }
        let told = std::fs::read_to_string(CATALOGUE).unwrap_or_default();
        assert!(
            told == text,
            "docs/errors.md is not what the server answers: run this with KEYREEVE_WRITE_GOLDEN=1"
        );
    }
}
