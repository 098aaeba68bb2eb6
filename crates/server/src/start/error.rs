//! Why a server does not start, or had to stop. Not here: errors of requests.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use keyreeve_pki::PkiError;
use keyreeve_store::backup::BackupError;
use keyreeve_store::backup::targets::TargetError;
use keyreeve_store::journal::JournalError;
use keyreeve_store::{StoreError, UnlockError};

use crate::listen::{ListenError, TlsError};

/// Why a server does not start, or had to stop: what was wrong, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Not exactly one kind of file unlocks the root key.
    #[error("{0} of unlock.passphrase_file, unlock.key_file and unlock.share_files are set: set one")]
    Unlock(&'static str),
    /// Recovery shares cannot be made as asked, or not from there.
    #[error("{0}")]
    Shares(String),
    /// A value that cannot be accepted.
    #[error("{0}")]
    Value(String),
    /// The development server is asked to listen where other machines reach it.
    #[error("dev listens on loopback addresses only, and {0} is none: use 127.0.0.1, or `keyreeve server`")]
    NotLoopback(SocketAddr),
    /// A folder with a store, and no root key file.
    #[error("{} holds a store but no {name}: set KEYREEVE_ROOT_KEY to the file that its root key was kept in", dir.display())]
    NoRootKey {
        /// The folder.
        dir: PathBuf,
        /// The file that is not there.
        name: &'static str,
    },
    /// What lies where keys do belongs to somebody else.
    #[error("{} belongs to user {uid}, and this is user {us}: its owner could take the keys; name another place", path.display())]
    NotOurs {
        /// The file or folder.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Who runs this program.
        us: u32,
    },
    /// Others may write where keys lie.
    #[error(
        "others may write to {} (its mode is {mode:o}), and so take the keys: name another place, or, if nobody did so far, \
         `chmod go-w` it",
        path.display()
    )]
    OthersWrite {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A name that a certificate cannot carry.
    #[error("tls.names holds {0:?}, which is neither a DNS name nor an address")]
    Name(String),
    /// The system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Locked memory is demanded, and the system refuses.
    #[error("memory cannot be locked, as memory.lock demands: {0}")]
    Memory(String),
    /// The system refused threads or signals.
    #[error("cannot run: {0}")]
    Runtime(io::Error),
    /// The store did not open, or did not close.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An operation of the start failed.
    #[error("cannot {doing}: {source}")]
    Operation {
        /// What was attempted.
        doing: &'static str,
        /// Why it failed.
        source: keyreeve_core::Error,
    },
    /// The CA failed.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Certificates make no listener.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The store failed while the server ran.
    #[error("stopped, since the store failed: {0}")]
    Failed(String),
}

/// What is to blame for a server that does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The command line or the configuration.
    Usage,
    /// The folder holds a store where there must be none, or none where there must be one.
    State,
    /// The store is damaged.
    Damage,
    /// The machine, another process, or this program.
    Machine,
}

impl StartError {
    /// What is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Unlock(_)
            | Self::Shares(_)
            | Self::Value(_)
            | Self::NotLoopback(_)
            | Self::NoRootKey { .. }
            | Self::NotOurs { .. }
            | Self::OthersWrite { .. }
            | Self::Name(_) => Blame::Usage,
            Self::Store(StoreError::Backup(BackupError::Target(TargetError::Address { .. }))) => Blame::Usage,
            Self::Store(
                StoreError::Exists(_)
                | StoreError::Missing(_)
                | StoreError::NotEmpty { .. }
                | StoreError::Unfinished(_)
                | StoreError::RolledBack { .. }
                | StoreError::Backup(BackupError::Mismatch { .. } | BackupError::Fenced { .. }),
            ) => Blame::State,
            Self::Store(
                StoreError::Unlock(UnlockError::Damaged(_))
                | StoreError::Restore(_)
                | StoreError::Backup(
                    BackupError::Damaged { .. }
                    | BackupError::NoWay { .. }
                    | BackupError::Gap { .. }
                    | BackupError::Unlock(UnlockError::Damaged(_)),
                ),
            ) => Blame::Damage,
            Self::Store(StoreError::Damaged { .. } | StoreError::Journal(JournalError::Damaged { .. })) => {
                Blame::Damage
            }
            _ => Blame::Machine,
        }
    }

    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    pub(crate) fn operation(doing: &'static str) -> impl FnOnce(keyreeve_core::Error) -> Self {
        move |source| Self::Operation { doing, source }
    }
}
