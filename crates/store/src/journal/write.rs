//! Appending frames to the last segment, rolling to a new one, and the space allocated ahead.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::frame::{self, Builder, Digest, FRAME_BYTES_MIN, HEADER_LEN, Kind, Sealed};
use super::{Identity, Journal, JournalError, Lsn, Options, Position, segment};
use crate::disk::{DiskFile, OpenMode};

/// Bytes of the reserve that no entry takes: marks go there, and the clean stop.
const MARKS_BYTES: u64 = 1 << 20;

/// The end of an open journal, where the next frame goes.
///
/// INVARIANT: one frame is in flight at a time: the next is written only after this one was synced. So a frame
/// behind a damaged one proves that the damaged one had been durable.
/// INVARIANT: all bytes behind the tail are zero.
pub struct Writer {
    journal: Journal,
    options: Options,
    identity: Identity,
    file: Box<dyn DiskFile>,
    path: PathBuf,
    allocated: u64,
    position: Position,
    /// Whether more could not be allocated when it was last tried.
    full: bool,
    /// Where a segment over its limit tries again to roll, once there was no space for another.
    roll_from: u64,
}

impl Writer {
    pub(super) fn new(
        journal: Journal,
        options: Options,
        identity: Identity,
        file: Box<dyn DiskFile>,
        position: Position,
    ) -> Result<Self, JournalError> {
        let path = segment::path(&journal, position.segment);
        let allocated = file.len().map_err(JournalError::io("measure", &path))?;
        let mut writer =
            Writer { journal, options, identity, file, path, allocated, position, full: false, roll_from: 0 };
        writer.make_room(0)?;
        Ok(writer)
    }

    /// Whose journal it is; the timeline is that of the last segment.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The end of what is durable.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether the disk is full: only urgent entries have room then.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Whether a frame of `len` bytes may be written next. More is allocated where needed; where there is no more, what is
    /// urgent has the reserve, but for the part of the marks.
    ///
    /// # Errors
    /// I/O errors; after one the writer must not be used.
    pub(super) fn has_room(&mut self, len: usize, urgent: bool) -> Result<bool, JournalError> {
        let len = len as u64;
        if !self.full {
            match self.make_room(len) {
                Ok(()) => return Ok(true),
                Err(error @ JournalError::Full { .. }) => {
                    tracing::error!(%error, "the disk is full: only what destroys and revokes goes on");
                    self.full = true;
                }
                Err(error) => return Err(error),
            }
        }
        let marks = MARKS_BYTES.min(self.options.reserve_bytes / 4);
        Ok(urgent && len + marks <= self.free())
    }

    /// Where the disk was full: takes what space there is by now. It is full no longer once the reserve is whole and a
    /// step more is there.
    ///
    /// # Errors
    /// As [`Writer::has_room`].
    pub(super) fn refill(&mut self) -> Result<(), JournalError> {
        let step = self.options.preallocate_bytes.max(1);
        let wanted = self.position.offset + self.options.reserve_bytes + step;
        while self.full && self.allocated < wanted {
            // Step by step: what could be had is kept, so that a try costs little.
            let len = wanted.min(self.allocated + step);
            match self.file.preallocate(len) {
                Ok(()) => self.allocated = len,
                Err(error) if is_full(&error) => return Ok(()),
                Err(error) => return Err(JournalError::io("allocate space for", &self.path)(error)),
            }
        }
        if std::mem::take(&mut self.full) {
            tracing::info!("the disk has space again: all goes on");
        }
        Ok(())
    }

    /// Writes and syncs what the builder holds as one frame, for which [`Writer::has_room`] found room.
    ///
    /// # Errors
    /// I/O errors; after one the writer must not be used.
    pub(super) fn append(
        &mut self,
        builder: &mut Builder,
        kind: Kind,
        time_ms: u64,
    ) -> Result<Position, JournalError> {
        let len = builder.frame_len() as u64;
        let over = self.position.offset + len > self.options.segment_bytes_max.max(self.roll_from);
        // A segment without entries would bear its successor's name.
        if over && kind == Kind::Entries && !self.full && self.position.next > self.position.segment {
            match self.roll(len, time_ms) {
                // There is room in this one: it grows over its limit. A try fills the disk for a moment, so not each time.
                Err(JournalError::Full { .. }) => {
                    self.roll_from = self.position.offset + self.options.preallocate_bytes;
                }
                rolled => rolled?,
            }
        }
        let header = frame::Header {
            kind,
            first: self.position.next,
            count: builder.count(),
            synced: self.position.last(),
            time_ms,
            previous: self.position.hash,
        };
        let count = builder.count();
        let Sealed { bytes, hash, header_first } = builder.seal(&header, &self.journal.sha256);
        if header_first {
            self.write(&bytes[..HEADER_LEN])?;
        }
        self.write(bytes)?;
        self.position.offset += len;
        self.position.next = self.position.next.plus(count.into());
        self.position.hash = hash;
        self.allocated = self.allocated.max(self.position.offset);
        Ok(self.position)
    }

    /// Writes at the tail, durably.
    fn write(&self, bytes: &[u8]) -> Result<(), JournalError> {
        self.file.write_at(self.position.offset, bytes).map_err(JournalError::io("write", &self.path))?;
        self.file.sync().map_err(JournalError::io("sync", &self.path))
    }

    /// Writes a frame without entries, where there is room for one.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub(super) fn mark(
        &mut self,
        builder: &mut Builder,
        kind: Kind,
        time_ms: u64,
    ) -> Result<(), JournalError> {
        if self.free() < FRAME_BYTES_MIN as u64 {
            return Ok(());
        }
        builder.clear();
        self.append(builder, kind, time_ms).map(drop)
    }

    /// Marks a clean stop and gives back the space behind it.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub(super) fn stop(mut self, builder: &mut Builder, time_ms: u64) -> Result<Position, JournalError> {
        self.mark(builder, Kind::Stopped, time_ms)?;
        self.trim()?;
        Ok(self.position)
    }

    /// Allocated bytes behind the tail.
    fn free(&self) -> u64 {
        self.allocated.saturating_sub(self.position.offset)
    }

    fn trim(&self) -> Result<(), JournalError> {
        self.file.truncate(self.position.offset).map_err(JournalError::io("truncate", &self.path))?;
        self.file.sync().map_err(JournalError::io("sync", &self.path))
    }

    /// Sees to it that `len` bytes and the reserve behind them are allocated.
    fn make_room(&mut self, len: u64) -> Result<(), JournalError> {
        let needed = self.position.offset + len + self.options.reserve_bytes;
        if needed > self.allocated {
            self.allocated =
                allocate(&*self.file, &self.path, (self.allocated, needed), self.options.preallocate_bytes)?;
        }
        Ok(())
    }

    // The old segment is trimmed last: while the new one cannot be had, the reserve is still in the old one.
    fn roll(&mut self, len: u64, time_ms: u64) -> Result<(), JournalError> {
        let new =
            create_segment(&self.journal, self.identity, self.position.next, self.position.hash, time_ms)?;
        let needed = new.position.offset + len + self.options.reserve_bytes;
        let lengths = (new.position.offset, needed);
        let allocated = match allocate(&*new.file, &new.path, lengths, self.options.preallocate_bytes) {
            Ok(allocated) => allocated,
            Err(error) => {
                self.journal.disk.remove(&new.path).map_err(JournalError::io("remove", &new.path))?;
                sync_dir(&self.journal)?;
                return Err(error);
            }
        };
        new.file.sync().map_err(JournalError::io("sync", &new.path))?;
        self.trim()?;
        (self.file, self.path, self.position, self.allocated) = (new.file, new.path, new.position, allocated);
        self.roll_from = 0;
        Ok(())
    }
}

pub(super) struct NewSegment {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) path: PathBuf,
    pub(super) position: Position,
}

/// Creates a segment that holds only its header, durably.
pub(super) fn create_segment(
    journal: &Journal,
    identity: Identity,
    first: Lsn,
    previous: Digest,
    time_ms: u64,
) -> Result<NewSegment, JournalError> {
    let path = segment::path(journal, first);
    let file = match journal.disk.open(&path, OpenMode::CreateNew) {
        Err(error) if is_full(&error) => {
            return Err(JournalError::Full { path, bytes: segment::HEADER_LEN as u64 });
        }
        opened => opened.map_err(JournalError::io("create", &path))?,
    };
    let (bytes, hash) = segment::Header { identity, first, time_ms, previous }.seal(&journal.sha256);
    match file.write_at(0, &bytes) {
        Err(error) if is_full(&error) => {
            journal.disk.remove(&path).map_err(JournalError::io("remove", &path))?;
            return Err(JournalError::Full { path, bytes: bytes.len() as u64 });
        }
        written => written.map_err(JournalError::io("write", &path))?,
    }
    file.sync().map_err(JournalError::io("sync", &path))?;
    sync_dir(journal)?;
    let position = Position { segment: first, offset: bytes.len() as u64, next: first, hash };
    Ok(NewSegment { file, path, position })
}

pub(super) fn sync_dir(journal: &Journal) -> Result<(), JournalError> {
    journal.disk.sync_dir(&journal.dir).map_err(JournalError::io("sync", &journal.dir))
}

/// Extends a file of `len` bytes to `needed`, and by `ahead` more where there is space; returns the new length.
fn allocate(
    file: &dyn DiskFile,
    path: &Path,
    (len, needed): (u64, u64),
    ahead: u64,
) -> Result<u64, JournalError> {
    for wanted in [needed + ahead, needed] {
        match file.preallocate(wanted) {
            Ok(()) => return Ok(wanted),
            Err(error) if is_full(&error) => {}
            Err(error) => return Err(JournalError::io("allocate space for", path)(error)),
        }
    }
    Err(JournalError::Full { path: path.to_owned(), bytes: needed.saturating_sub(len) })
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
