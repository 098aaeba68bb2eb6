//! Why a backup, an archive or a restore did not do what was asked.

use keyreeve_core::{Error, ErrorKind};

use super::targets::TargetError;
use crate::{journal::JournalError, options::said, sealing::UnlockError};

/// What went wrong between this store and its backups.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target cannot be reached or used.
    #[error(transparent)]
    Target(TargetError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An object at a target is not what was written.
    #[error("{object} is damaged: {what}; use another target or an older backup")]
    Damaged {
        /// Its path at the target.
        object: String,
        /// What is wrong.
        what: String,
    },
    /// Each way to the wanted state leads over something that is damaged.
    #[error("{target} has no whole way to this state any more: {what}; use another target")]
    NoWay {
        /// The target's address.
        target: String,
        /// All that was found to be damaged, each with its path.
        what: String,
    },
    /// What lies behind the newest state that can be put together, or behind the wanted one, is gone from the target.
    #[error(
        "{target} does not hold all of it: {what}. Restore from another target; or give up all behind entry {reached} by \
         --to {reached}, or an earlier entry or time"
    )]
    Gap {
        /// The target's address.
        target: String,
        /// What is missing, and how that is known.
        what: String,
        /// The last entry before it.
        reached: u64,
    },
    /// The archive does not hold what is needed, or holds another store's or machine's history.
    #[error("the archive at {target} does not fit: {what}")]
    Mismatch {
        /// The target's address.
        target: String,
        /// What does not fit, and what to do.
        what: String,
    },
    /// Another machine has the target now: this one must not write there, nor go on.
    #[error("another machine has taken over {target} (timeline {timeline}): this one is fenced")]
    Fenced {
        /// The target's address.
        target: String,
        /// The timeline that holds the claim.
        timeline: u32,
    },
    /// The wrapped root key at the target does not open.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// Whoever asked for it wanted no more of it; what was written serves the next attempt.
    #[error("it was stopped before it was whole")]
    Stopped,
    /// Keys, randomness or the store itself refused.
    #[error("{}", said(.0))]
    Other(#[from] Error),
}

impl BackupError {
    /// As the administrator who asked for it is told: what a target cannot do is told with its reason.
    pub fn refusal(self) -> Error {
        let kind = match &self {
            Self::Target(TargetError::Unreachable { .. }) => ErrorKind::Unavailable,
            Self::Target(TargetError::Address { .. }) => ErrorKind::InvalidField,
            Self::Target(TargetError::KeepsVersions { .. } | TargetError::CellElsewhere { .. }) => {
                ErrorKind::WrongState
            }
            Self::Mismatch { .. } | Self::Fenced { .. } => ErrorKind::ArchiveMismatch,
            Self::Stopped => ErrorKind::Conflict,
            Self::Target(TargetError::TooLarge { .. })
            | Self::Journal(_)
            | Self::Damaged { .. }
            | Self::NoWay { .. }
            | Self::Gap { .. }
            | Self::Unlock(_) => ErrorKind::CryptoFailed,
            Self::Other(_) => ErrorKind::Internal,
        };
        match self {
            Self::Other(error) => error,
            error => Error::new(kind, error.to_string()),
        }
    }
}

impl From<TargetError> for BackupError {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::TooLarge { ref path, .. } => Self::damaged(path, &error),
            error => Self::Target(error),
        }
    }
}

impl BackupError {
    pub(crate) fn damaged(object: &str, what: impl ToString) -> Self {
        Self::Damaged { object: object.to_owned(), what: what.to_string() }
    }
}
