//! Failures in KMIP's own terms. Every kind of core's errors has its result reason here, without a wildcard; what a
//! version does not know is fitted to it when the response is encoded.

use keyreeve_core::{Error, ErrorKind};
use keyreeve_kmip::enums::ResultReason;
use keyreeve_kmip::{DecodeError, EncodeError};

use crate::frontends::echo::{MESSAGE_BYTES_MAX, cut};

/// Why a batch item failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// For programs.
    pub(super) reason: ResultReason,
    /// For people. Holds no secret; of what the caller wrote it quotes a bounded part.
    pub(super) message: String,
    /// The kind of error in core, where it came from there.
    pub(super) kind: Option<ErrorKind>,
}

impl Failure {
    pub(super) fn new(reason: ResultReason, message: impl Into<String>) -> Self {
        Self { reason, message: cut(message.into(), MESSAGE_BYTES_MAX), kind: None }
    }

    /// The kind of error that goes on record, where none of core's operations put it there.
    pub(super) fn recorded_kind(&self) -> ErrorKind {
        let unsupported =
            matches!(self.reason, ResultReason::OperationNotSupported | ResultReason::FeatureNotSupported);
        self.kind.unwrap_or(if unsupported { ErrorKind::Unsupported } else { ErrorKind::Invalid })
    }

    /// The same failure for another reason, where it came from this kind of error in core.
    pub(super) fn instead(mut self, of: ErrorKind, reason: ResultReason) -> Self {
        if self.kind == Some(of) {
            self.reason = reason;
        }
        self
    }
}

/// The result reason of a kind of error.
///
/// # Standard
/// KMIP 2.1 section 11.46 (Result Reason) and the error tables of section 6.1.
fn reason(kind: ErrorKind) -> ResultReason {
    match kind {
        ErrorKind::Invalid => ResultReason::InvalidMessage,
        ErrorKind::InvalidField => ResultReason::InvalidField,
        ErrorKind::NotFound => ResultReason::ObjectNotFound,
        ErrorKind::Destroyed => ResultReason::ObjectDestroyed,
        ErrorKind::Archived => ResultReason::ObjectArchived,
        ErrorKind::Denied => ResultReason::PermissionDenied,
        ErrorKind::Unauthenticated => ResultReason::AuthenticationNotSuccessful,
        ErrorKind::WrongState => ResultReason::WrongKeyLifecycleState,
        ErrorKind::WrongUsage => ResultReason::IncompatibleCryptographicUsageMask,
        ErrorKind::NotExtractable => ResultReason::NotExtractable,
        ErrorKind::Sensitive => ResultReason::Sensitive,
        ErrorKind::ConstraintViolation => ResultReason::ConstraintViolation,
        ErrorKind::ReadOnlyAttribute => ResultReason::AttributeReadOnly,
        ErrorKind::AttributeNotFound => ResultReason::AttributeNotFound,
        ErrorKind::AttributeInstanceNotFound => ResultReason::AttributeInstanceNotFound,
        ErrorKind::KeyValueNotPresent => ResultReason::KeyValueNotPresent,
        ErrorKind::AlreadyExists => ResultReason::NonUniqueNameAttribute,
        // Nothing is wrong with the message, and the operation is offered: it is this key with these parameters that
        // cannot be computed.
        ErrorKind::Unsupported => ResultReason::GeneralFailure,
        ErrorKind::CryptoFailed => ResultReason::CryptographicFailure,
        // There is a reason Usage Limit Exceeded since 2.0, but the standard's own cases expect this one.
        ErrorKind::UsageLimitExceeded => ResultReason::PermissionDenied,
        ErrorKind::LimitExceeded | ErrorKind::TooLarge => ResultReason::ServerLimitExceeded,
        ErrorKind::Conflict
        | ErrorKind::Unavailable
        | ErrorKind::PreconditionFailed
        | ErrorKind::ArchiveMismatch => ResultReason::GeneralFailure,
        // The message tells by which id others approve it.
        ErrorKind::ApprovalPending => ResultReason::PermissionDenied,
        ErrorKind::Internal => ResultReason::InternalServerError,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { kind: Some(error.kind()), ..Self::new(reason(error.kind()), error.public()) }
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::new(error.result_reason(), error.to_string())
    }
}

impl From<EncodeError> for Failure {
    fn from(error: EncodeError) -> Self {
        let reason = match error {
            EncodeError::TooLong => ResultReason::ResponseTooLarge,
            EncodeError::NotXml | EncodeError::NotDecoded => ResultReason::GeneralFailure,
        };
        Self::new(reason, error.to_string())
    }
}

/// A field that the operation cannot do without.
pub(super) fn missing(field: &str) -> Failure {
    Failure::new(ResultReason::MissingData, format!("{field} is missing"))
}

/// Something that KMIP has and this server does not.
pub(super) fn not_supported(what: &str) -> Failure {
    Failure::new(ResultReason::FeatureNotSupported, format!("{what} is not supported"))
}
