//! What a store is opened with, and why it did not open.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use keyreeve_core::ports::{clock::Clock, crypto::Crypto};

use crate::{
    backup::{
        ArchiveOptions, BackupError,
        targets::{KnownTargets, Targets},
    },
    disk::{Disk, LockError, RealDisk},
    engines::{Engine, EngineError},
    failure::OnFailure,
    journal::{self, JournalError},
    rebuild::{self, OnRebuild},
    sealing::UnlockError,
};

/// Which engine holds the index.
#[derive(Clone)]
pub enum EngineChoice {
    /// SQLite in DIR/index/.
    Embedded,
    /// One that the caller made, such as `engines::memory::MemoryEngine`.
    Given(Arc<dyn Engine>),
}

/// What a store is made of.
#[derive(Clone)]
pub struct StoreOptions {
    /// The data folder.
    pub dir: PathBuf,
    /// The machine's cell: the file that holds the epoch key, outside of the data folder.
    pub cell: PathBuf,
    /// How many places must come together for an epoch key, once there is one place more than that; 1: each has it whole.
    pub cells_threshold: u8,
    /// Whether threads of the store's own erase what is destroyed; otherwise `Store::keep` does.
    pub background: bool,
    /// Opens backup targets; none: folders on `disk`, and object stores.
    pub targets: Option<Arc<dyn Targets>>,
    /// How archives at the targets are kept.
    pub archive: ArchiveOptions,
    /// Goes on, and puts it on record, where an anchor shows that the data folder was rolled back.
    pub accept_rollback: bool,
    /// Lets a restored store claim targets that the machine before has written to since: it is fenced there, and what it
    /// wrote last is left behind.
    pub take_over: bool,
    /// Disk that journal and key files lie on.
    pub disk: Arc<dyn Disk>,
    /// Where the index lies.
    pub engine: EngineChoice,
    /// Hashes, AEAD and randomness.
    pub crypto: Arc<dyn Crypto>,
    /// The store's clock.
    pub clock: Arc<dyn Clock>,
    /// How the journal is written.
    pub journal: journal::Options,
    /// How concurrent commits are gathered.
    pub commit: journal::CommitOptions,
    /// About how many bytes of decoded records are kept in memory.
    pub cache_bytes_max: u64,
    /// Told when the store can no longer go on.
    pub on_failure: OnFailure,
    /// Told how far the index has come where it is made anew.
    pub on_rebuild: OnRebuild,
}

impl StoreOptions {
    /// The defaults: the cell beside the folder (its path with `.cell` appended), the real disk, the embedded engine,
    /// 64 MiB of cache; failures and rebuilds are only logged.
    pub fn new(dir: impl Into<PathBuf>, crypto: Arc<dyn Crypto>, clock: Arc<dyn Clock>) -> Self {
        let dir = dir.into();
        Self {
            cell: dir.with_added_extension("cell"),
            dir,
            cells_threshold: 1,
            background: true,
            targets: None,
            archive: ArchiveOptions::default(),
            accept_rollback: false,
            take_over: false,
            disk: Arc::new(RealDisk),
            engine: EngineChoice::Embedded,
            crypto,
            clock,
            journal: journal::Options::default(),
            commit: journal::CommitOptions::default(),
            cache_bytes_max: 64 << 20,
            on_failure: Arc::new(|_| {}),
            on_rebuild: rebuild::logged(),
        }
    }

    /// What opens backup targets.
    pub fn opener(&self) -> Arc<dyn Targets> {
        let known =
            || Arc::new(KnownTargets::new(self.disk.clone(), self.crypto.clone())) as Arc<dyn Targets>;
        self.targets.clone().unwrap_or_else(known)
    }
}

/// Why a store was not created, opened or closed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The folder already holds a store.
    #[error("{} already holds a store: open it, or choose another folder", .0.display())]
    Exists(PathBuf),
    /// The folder holds no store.
    #[error("{} holds no store: run init first", .0.display())]
    Missing(PathBuf),
    /// A restore into the folder was cut off.
    #[error("the restore into {} has not come to its end: run it again, into the same folder", .0.display())]
    Unfinished(PathBuf),
    /// A restore was asked for into a folder that holds something else.
    #[error("{} is not empty, it holds {name}: restore into a new folder", dir.display())]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
        /// What is in it.
        name: String,
    },
    /// A backup target, or what lies there, cannot be used.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// What was restored is not what was backed up, or cannot be opened.
    #[error("cannot restore: {}", said(.0))]
    Restore(keyreeve_core::Error),
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file of the store is wrong.
    #[error("{} is damaged: {what}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The root key did not open.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The journal did not open, or failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The index did not open.
    #[error(transparent)]
    Index(#[from] EngineError),
    /// The journal's entries could not be brought into the index.
    #[error("the index cannot be caught up from the journal: {}", said(.0))]
    CatchUp(keyreeve_core::Error),
    /// The key tree did not open.
    #[error("the key tree does not open: {}", said(.0))]
    KeyTree(keyreeve_core::Error),
    /// The store could not read its own records, or write the first of its entries.
    #[error("the store cannot begin: {}", said(.0))]
    Open(keyreeve_core::Error),
    /// The data folder is older than what an anchor at a backup target says, or another one.
    #[error(
        "the data folder was rolled back, as the anchor at {target} shows: {what}; start from the newest copy or restore from the target, or accept the roll-back with `--accept-rollback`, which goes on record"
    )]
    RolledBack {
        /// The target's address.
        target: String,
        /// What does not fit, with both positions.
        what: String,
    },
    /// The store did not stop cleanly; what was answered is on disk nevertheless.
    #[error("the store did not stop cleanly: {0}")]
    Stop(String),
}

/// What an error says to who has no server whose log it could name.
pub(crate) fn said(error: &keyreeve_core::Error) -> String {
    match (error.kind(), error.cause()) {
        (keyreeve_core::ErrorKind::Internal, Some(cause)) => cause.to_owned(),
        _ => error.to_string(),
    }
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}
