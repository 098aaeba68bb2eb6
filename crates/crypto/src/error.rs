//! The few errors that algorithms answer with. Text for the caller holds no secret and no hint on why opening failed.

use keyreeve_core::{Error, ErrorKind};

/// The one answer where decryption, opening or unwrapping fails, whatever the reason.
pub(crate) fn crypto_failed() -> Error {
    Error::crypto_failed()
}

/// A parameter or an encoding that cannot be accepted.
pub(crate) fn invalid(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidField, text)
}

/// Something that this server does not compute.
pub(crate) fn unsupported(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, text)
}

/// A use that the kind of key is not made for.
pub(crate) fn wrong_usage(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::WrongUsage, text)
}

/// The library refused what it never refuses: a fault of ours or of the machine.
pub(crate) fn library(operation: &str) -> Error {
    Error::internal(format!("the crypto library failed to {operation}"))
}
