//! The one place that knows that the store has failed: from then on nothing is read or written any more.

use std::sync::{Arc, OnceLock};

use keyreeve_core::{Error, ErrorKind, Result};

/// Told once, with the cause, when the store can no longer go on. Called from the store's own threads: it must not
/// block, and must not close the store itself.
pub type OnFailure = Arc<dyn Fn(&str) + Send + Sync>;

/// Whether the store has failed, and why.
pub(crate) struct Failure {
    cause: OnceLock<String>,
    on_failure: OnFailure,
}

impl Failure {
    pub(crate) fn new(on_failure: OnFailure) -> Self {
        Self { cause: OnceLock::new(), on_failure }
    }

    /// Marks the store as failed; only the first cause counts.
    pub(crate) fn report(&self, cause: String) {
        if self.cause.set(cause).is_ok() {
            let cause = self.cause.get().map_or("", String::as_str);
            tracing::error!(cause, "the store has failed and serves nothing more");
            (self.on_failure)(cause);
        }
    }

    /// # Errors
    /// `Unavailable` once the store has failed.
    pub(crate) fn check(&self) -> Result<()> {
        match self.cause.get() {
            None => Ok(()),
            Some(cause) => Err(unavailable("the store has failed and must be started again").because(cause)),
        }
    }
}

pub(crate) fn unavailable(public: &str) -> Error {
    Error::new(ErrorKind::Unavailable, public)
}
