//! What can go wrong with a journal.

use std::io;
use std::path::{Path, PathBuf};

use super::Lsn;

/// Why a journal could not be created, opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
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
    /// Bytes that must be there are wrong or missing.
    #[error(
        "{} is damaged at byte {offset} (LSN {lsn}): {what}; nothing was changed: \
         restore the file from a backup or a copy", file.display()
    )]
    Damaged {
        /// The segment file.
        file: PathBuf,
        /// The byte offset in it.
        offset: u64,
        /// The LSN that was to come there.
        lsn: Lsn,
        /// What is wrong.
        what: String,
    },
    /// The segment was written in a format that this version does not know.
    #[error("{} has journal format {version}; this program reads format 1: use a newer one", file.display())]
    UnknownFormat {
        /// The segment file.
        file: PathBuf,
        /// The format version in its header.
        version: u32,
    },
    /// There is no journal.
    #[error("{} holds no journal: create one first", dir.display())]
    Missing {
        /// The journal's folder.
        dir: PathBuf,
    },
    /// A journal is already there.
    #[error("{} already holds a journal", dir.display())]
    Exists {
        /// The journal's folder.
        dir: PathBuf,
    },
    /// The entry lies before the first segment that is kept.
    #[error("entry {lsn} is not kept here any more: the journal begins at {first}")]
    Pruned {
        /// The entry asked for.
        lsn: Lsn,
        /// The first entry kept.
        first: Lsn,
    },
    /// No frame begins with the entry.
    #[error("no frame of {} begins with entry {lsn}", file.display())]
    NoFrame {
        /// The segment file that the entry is in.
        file: PathBuf,
        /// The entry asked for.
        lsn: Lsn,
    },
    /// The disk has no space for more.
    #[error("no space left for {}: free at least {bytes} bytes, then start again", path.display())]
    Full {
        /// The segment file.
        path: PathBuf,
        /// How many bytes were to be allocated.
        bytes: u64,
    },
}

impl JournalError {
    pub(super) fn io<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> JournalError + 'a {
        move |source| JournalError::Io { doing, path: path.to_owned(), source }
    }
}
