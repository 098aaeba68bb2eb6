//! The journal: an append-only, hash-chained, durable sequence of opaque entries in segment files.
//!
//! `segment` and `frame` are the format (docs/journal-format.md), `write` appends, `commit` gathers concurrent
//! requests into one sync, `read` walks and verifies, `recovery` opens after whatever happened. What an entry
//! says does not live here: the layer above encodes it.

mod commit;
mod error;
mod frame;
mod links;
mod read;
mod recovery;
mod segment;
mod write;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use commit::{CommitError, CommitOptions, Committed, Committer, Demand, Stage};
pub use error::JournalError;
pub use frame::{Digest, ENTRY_BYTES_MAX, FRAME_BYTES_MAX, leaf_hash};
pub use links::{
    FRAME_HEADER_LEN, FrameFacts, Link, LinkedFrame, Links, SEGMENT_HEADER_LEN, SegmentFacts, claimed_count,
    rebuild_frame, segment_facts,
};
pub use read::{Examined, ExaminedFrame, Frame, Reader, Verified};
pub use recovery::{Cut, Opened, Recovery};
pub use write::Writer;

use crate::disk::Disk;

/// A position in the journal: the number of an entry, from 1, without gaps; 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The number of the first entry.
    pub const FIRST: Lsn = Lsn(1);

    /// The number `count` entries further.
    pub fn plus(self, count: u64) -> Lsn {
        Lsn(self.0.saturating_add(count))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// SHA-256 over the concatenated parts, given by the caller, since the store has no cryptography of its own.
pub type Sha256 = Arc<dyn Fn(&[&[u8]]) -> Digest + Send + Sync>;

/// Whose journal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The store's random id.
    pub store: [u8; 16],
    /// The timeline, from 1; a restored store begins a new one.
    pub timeline: u32,
}

/// A point between two frames, from which reading and recovery can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first LSN of the segment, which names its file.
    pub segment: Lsn,
    /// The byte offset in that file.
    pub offset: u64,
    /// The LSN of the entry that comes next.
    pub next: Lsn,
    /// The hash of the frame before, or of the segment's header where there is none.
    pub hash: Digest,
}

impl Position {
    /// The LSN of the last entry before this point; 0 where there is none.
    pub fn last(&self) -> Lsn {
        Lsn(self.next.0.saturating_sub(1))
    }
}

/// How a journal is written.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A segment is closed before it grows over this many bytes; one frame may be larger, and so may a segment that has no
    /// successor since the disk is full.
    pub segment_bytes_max: u64,
    /// Space is allocated ahead of the writes in steps of this many bytes.
    pub preallocate_bytes: u64,
    /// Allocated bytes that stay free behind the tail, for urgent entries on a full disk.
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { segment_bytes_max: 256 << 20, preallocate_bytes: 1 << 20, reserve_bytes: 16 << 20 }
    }
}

/// A journal's folder with what reading and writing it takes; cheap to clone.
#[derive(Clone)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    sha256: Sha256,
}

impl Journal {
    /// Names the journal in `dir`; touches nothing.
    pub fn new(disk: Arc<dyn Disk>, dir: impl Into<PathBuf>, sha256: Sha256) -> Self {
        Journal { disk, dir: dir.into(), sha256 }
    }

    /// Creates the folder and the first segment, durably; `time_ms` is Unix time in milliseconds.
    ///
    /// What a crash left of an earlier attempt is replaced.
    ///
    /// # Errors
    /// [`JournalError::Exists`] where the folder holds a segment with entries, and I/O errors.
    pub fn create(&self, identity: Identity, time_ms: u64) -> Result<(), JournalError> {
        self.create_behind(identity, Lsn(0), [0; 32], time_ms)
    }

    /// As [`Journal::create`], for a journal that goes on behind entry `last` of an earlier timeline, whose frame has
    /// the hash `previous`.
    ///
    /// # Errors
    /// As [`Journal::create`].
    pub fn create_behind(
        &self,
        identity: Identity,
        last: Lsn,
        previous: Digest,
        time_ms: u64,
    ) -> Result<(), JournalError> {
        recovery::create(self, identity, last.plus(1), previous, time_ms)
    }

    /// Opens for writing: checks the frames from `from` on (`None`: the last segment's), cuts a torn tail.
    ///
    /// `synced` is the last LSN that is known to be durable from elsewhere (an index, an anchor), or 0.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] where anything but an unacknowledged last frame is missing or wrong,
    /// [`JournalError::Missing`] where there is no journal, [`JournalError::Full`] without space to go on.
    pub fn open(
        &self,
        options: Options,
        from: Option<Position>,
        synced: Lsn,
    ) -> Result<Opened, JournalError> {
        recovery::open(self, options, from, synced)
    }

    /// The first entry of the oldest segment that is kept.
    ///
    /// # Errors
    /// [`JournalError::Missing`] where there is none, I/O errors.
    pub fn first(&self) -> Result<Lsn, JournalError> {
        let segments = segment::list(self)?;
        segments.first().copied().ok_or_else(|| JournalError::Missing { dir: self.dir.clone() })
    }

    /// Streams the frames that hold the entries `from` to `until`, both included, verifying each.
    ///
    /// `until` must be durable: it keeps a reader off the frame that is just being written.
    ///
    /// # Errors
    /// [`JournalError::Pruned`] where `from` lies before the first segment, I/O errors and damage.
    pub fn read(&self, from: Lsn, until: Lsn) -> Result<Reader, JournalError> {
        Reader::from_lsn(self, from, until)
    }

    /// Streams the frames from a known position to the entry `until`, included, verifying each.
    ///
    /// # Errors
    /// I/O errors and damage.
    pub fn read_from(&self, from: Position, until: Lsn) -> Result<Reader, JournalError> {
        Reader::from_position(self, from, until)
    }

    /// Streams the links of the chain, for archives: from the frame that begins with `from`, with what stands between
    /// the frame before and it, to the frame that ends with the durable entry `until`.
    ///
    /// `near`: a position before `from`, or [`Links::position`] of links that ended right before it, where one is known.
    ///
    /// # Errors
    /// [`JournalError::Pruned`] where `from` lies before the first segment, I/O errors and damage.
    pub fn links(&self, from: Lsn, until: Lsn, near: Option<Position>) -> Result<Links, JournalError> {
        Links::begin(self, from, until, near)
    }

    /// Reads every segment up to the durable entry `until`, checking lengths, hashes, chain and numbers.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] with file, offset and LSN of the first thing that is wrong.
    pub fn verify(&self, until: Lsn) -> Result<Verified, JournalError> {
        self.verify_telling(until, &mut |_| {})
    }

    /// The same, which tells the last entry of each frame that is whole.
    ///
    /// # Errors
    /// As [`Journal::verify`].
    pub fn verify_telling(&self, until: Lsn, told: &mut dyn FnMut(Lsn)) -> Result<Verified, JournalError> {
        read::verify(self, until, told)
    }

    /// Reads every segment to its end, checking all that can be checked without knowing what was durable, and shows each frame.
    /// Bytes behind the last whole frame that are none are told, not refused: a crash leaves them, and a running server.
    ///
    /// # Errors
    /// As [`Journal::verify`].
    pub fn examine(&self, told: &mut dyn FnMut(ExaminedFrame<'_>)) -> Result<Examined, JournalError> {
        read::examine(self, told)
    }

    /// Verifies all segments before the last one that begins at or before `until`.
    ///
    /// # Errors
    /// As [`Journal::verify`].
    pub fn verify_older(&self, until: Lsn) -> Result<(), JournalError> {
        let last = segment::list(self)?.into_iter().rfind(|first| *first <= until);
        match last {
            Some(last) if last > Lsn::FIRST => read::verify(self, Lsn(last.0 - 1), &mut |_| {}).map(drop),
            _ => Ok(()),
        }
    }
}
