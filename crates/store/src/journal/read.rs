//! Walking over the frames of a journal, streaming and verifying; bounded by one frame of memory.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::frame;
use super::{FRAME_BYTES_MAX, Identity, Journal, JournalError, Lsn, Position, segment};
use crate::disk::{DiskFile, OpenMode};

const WINDOW_LEN: usize = 256 * 1024;

/// Streams the frames of a range of entries.
pub struct Reader {
    walk: Walk,
    from: Lsn,
    until: Lsn,
}

/// A verified frame.
pub struct Frame<'a> {
    /// When the frame was written, Unix time in milliseconds.
    pub time_ms: u64,
    /// The point behind the frame.
    pub end: Position,
    first: Lsn,
    from: Lsn,
    until: Lsn,
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The entries of the frame that were asked for, in order.
    pub fn entries(&self) -> impl Iterator<Item = (Lsn, &'a [u8])> + use<'a> {
        let (first, from, until) = (self.first.0, self.from, self.until);
        let numbered = (first..).map(Lsn).zip(frame::entries(self.bytes));
        numbered.filter(move |(lsn, _)| (from..=until).contains(lsn))
    }
}

/// What [`Journal::verify`] went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Segment files.
    pub segments: u64,
    /// Frames, those without entries included.
    pub frames: u64,
    /// The first entry that is kept.
    pub first: Lsn,
    /// The point behind the last frame.
    pub end: Position,
}

impl Reader {
    pub(super) fn from_lsn(journal: &Journal, from: Lsn, until: Lsn) -> Result<Self, JournalError> {
        let segments = segment::list(journal)?;
        let first = *segments.first().ok_or_else(|| JournalError::Missing { dir: journal.dir.clone() })?;
        let from = from.max(Lsn::FIRST);
        let holder = segments.iter().rev().find(|segment| **segment <= from);
        let holder = holder.ok_or(JournalError::Pruned { lsn: from, first })?;
        Ok(Reader { walk: Walk::from_segment(journal, *holder)?, from, until })
    }

    pub(super) fn from_position(journal: &Journal, from: Position, until: Lsn) -> Result<Self, JournalError> {
        Ok(Reader { walk: Walk::from_position(journal, from)?, from: from.next, until })
    }

    /// The next frame that holds an entry of the range, or none at the end of the range.
    ///
    /// # Errors
    /// I/O errors, and [`JournalError::Damaged`] where the journal is wrong or ends before the range does.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, JournalError> {
        while self.walk.position.next <= self.until {
            let Some(read) = self.walk.whole_frame()? else {
                return Err(self.walk.damaged("the journal ends before an entry that was durable"));
            };
            if read.header.count > 0 && self.walk.position.next > self.from {
                let (end, first, time_ms) = (self.walk.position, read.header.first, read.header.time_ms);
                let bytes = self.walk.bytes(read.start, read.len)?;
                return Ok(Some(Frame { time_ms, end, first, from: self.from, until: self.until, bytes }));
            }
        }
        Ok(None)
    }
}

pub(super) fn verify(
    journal: &Journal,
    until: Lsn,
    told: &mut dyn FnMut(Lsn),
) -> Result<Verified, JournalError> {
    let segments = segment::list(journal)?;
    let first = *segments.first().ok_or_else(|| JournalError::Missing { dir: journal.dir.clone() })?;
    let mut walk = Walk::from_segment(journal, first)?;
    let mut verified = Verified { segments: 1, frames: 0, first, end: walk.position };
    while walk.position.next <= until {
        if walk.whole_frame()?.is_none() {
            return Err(walk.damaged("the journal ends before an entry that was durable"));
        }
        verified.frames += 1;
        verified.segments += u64::from(walk.position.segment != verified.end.segment);
        verified.end = walk.position;
        told(walk.position.last());
    }
    Ok(verified)
}

/// A whole frame that [`Journal::examine`] came by.
pub struct ExaminedFrame<'a> {
    /// The point behind the frame.
    pub end: Position,
    first: Lsn,
    bytes: &'a [u8],
}

impl<'a> ExaminedFrame<'a> {
    /// Its entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = (Lsn, &'a [u8])> + use<'a> {
        (self.first.0..).map(Lsn).zip(frame::entries(self.bytes))
    }
}

/// What [`Journal::examine`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Whose journal it is, as its last segment says.
    pub identity: Identity,
    /// The first entry that is kept.
    pub first: Lsn,
    /// What stands behind the last whole frame and is none, where something does.
    pub torn: Option<String>,
}

pub(super) fn examine(
    journal: &Journal,
    told: &mut dyn FnMut(ExaminedFrame<'_>),
) -> Result<Examined, JournalError> {
    let segments = segment::list(journal)?;
    let missing = || JournalError::Missing { dir: journal.dir.clone() };
    let (first, last) = segments.first().zip(segments.last()).ok_or_else(missing)?;
    let mut walk = Walk::from_segment(journal, *first)?;
    let mut torn = None;
    loop {
        match walk.step()? {
            Step::Frame(read) => {
                let (first, end) = (read.header.first, walk.position);
                let bytes = walk.bytes(read.start, read.len)?;
                told(ExaminedFrame { end, first, bytes });
            }
            Step::End if walk.next_segment()? => {}
            Step::End => break,
            Step::Unreadable(what) if walk.position.segment == *last => {
                torn = Some(walk.damaged(what).to_string());
                break;
            }
            Step::Unreadable(what) => return Err(walk.damaged(what)),
        }
    }
    if walk.position.segment != *last {
        return Err(walk.damaged("a segment is missing, or this one ends too early"));
    }
    Ok(Examined { identity: walk.identity, first: *first, torn })
}

/// What a step over the journal met.
pub(super) enum Step {
    /// A whole frame that continues the chain; the position is behind it now.
    Frame(Read),
    /// Nothing but zeros to the end of the file.
    End,
    /// Bytes that are no whole frame; the position stays before them.
    Unreadable(&'static str),
}

/// Where a frame was read.
#[derive(Clone, Copy)]
pub(super) struct Read {
    pub(super) header: frame::Header,
    pub(super) start: u64,
    pub(super) len: usize,
}

/// A verifying walk over the frames of the segments, one step at a time.
pub(super) struct Walk {
    journal: Journal,
    window: Window,
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) position: Position,
}

impl Walk {
    pub(super) fn from_segment(journal: &Journal, first: Lsn) -> Result<Self, JournalError> {
        let (file, header, hash) = segment::open(journal, first, OpenMode::Read)?;
        let offset = segment::HEADER_LEN as u64;
        Ok(Walk {
            journal: journal.clone(),
            window: Window { file, start: 0, bytes: Vec::new() },
            path: segment::path(journal, first),
            identity: header.identity,
            position: Position { segment: first, offset, next: first, hash },
        })
    }

    pub(super) fn from_position(journal: &Journal, from: Position) -> Result<Self, JournalError> {
        let mut walk = Self::from_segment(journal, from.segment)?;
        let begin = walk.position;
        let len = walk.window.file.len().map_err(JournalError::io("measure", &walk.path))?;
        walk.position = from;
        if from.offset < begin.offset || (from.offset == begin.offset && from != begin) {
            return Err(walk.damaged("the known position does not belong to this segment"));
        }
        if from.offset > len {
            return Err(walk.damaged("the file ends before a position that was durable"));
        }
        if from.offset > begin.offset {
            let trailer_len = frame::TRAILER_LEN as u64;
            let trailer = walk.bytes(from.offset.saturating_sub(trailer_len), frame::TRAILER_LEN)?;
            if frame::trailer_hash(trailer) != Some(from.hash) {
                return Err(walk.damaged("the frame before a position that was durable is another one"));
            }
        }
        Ok(walk)
    }

    /// Goes over the next frame of this segment.
    ///
    /// # Errors
    /// I/O errors; damage where a whole frame stands that does not continue the chain.
    pub(super) fn step(&mut self) -> Result<Step, JournalError> {
        let start = self.position.offset;
        let begin = self.bytes(start, frame::HEADER_LEN)?;
        if begin.iter().all(|byte| *byte == 0) {
            return Ok(match self.last_nonzero()? {
                None => Step::End,
                Some(_) => Step::Unreadable("zeros stand before the end of the data"),
            });
        }
        let Some(len) = frame::claimed_len(begin) else {
            return Ok(Step::Unreadable("no frame begins here"));
        };
        let sha256 = self.journal.sha256.clone();
        let bytes = self.bytes(start, len)?;
        if bytes.len() < len {
            return Ok(Step::Unreadable("the frame is longer than the file"));
        }
        let (header, hash) = match frame::parse(bytes, &sha256) {
            Ok(parsed) => parsed,
            Err(what) => return Ok(Step::Unreadable(what)),
        };
        if header.previous != self.position.hash || header.first != self.position.next {
            return Err(self.damaged("a whole frame that does not continue the chain"));
        }
        if header.synced >= header.first {
            return Err(self.damaged("the frame calls itself synced before it was written"));
        }
        self.position.offset += len as u64;
        self.position.next = header.first.plus(header.count.into());
        self.position.hash = hash;
        Ok(Step::Frame(Read { header, start, len }))
    }

    /// Goes to the beginning of the next segment, if there is one.
    ///
    /// # Errors
    /// I/O errors; damage where the next segment does not continue this one.
    pub(super) fn next_segment(&mut self) -> Result<bool, JournalError> {
        // A segment without entries has no successor: it would bear the same name.
        if self.position.next <= self.position.segment {
            return Ok(false);
        }
        let (file, header, hash) = match segment::open(&self.journal, self.position.next, OpenMode::Read) {
            Err(JournalError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        let (identity, last) = (header.identity, self.position.hash);
        self.window = Window { file, start: 0, bytes: Vec::new() };
        self.path = segment::path(&self.journal, header.first);
        self.position =
            Position { segment: header.first, offset: segment::HEADER_LEN as u64, next: header.first, hash };
        if header.previous != last {
            return Err(self.damaged("the segment does not continue the one before"));
        }
        if identity.store != self.identity.store || identity.timeline < self.identity.timeline {
            return Err(self.damaged("the segment belongs to another store or timeline"));
        }
        self.identity = identity;
        Ok(true)
    }

    /// The next frame, over segment ends; none at the end of the journal.
    fn whole_frame(&mut self) -> Result<Option<Read>, JournalError> {
        loop {
            match self.step()? {
                Step::Frame(read) => return Ok(Some(read)),
                Step::End if self.next_segment()? => {}
                Step::End => return Ok(None),
                Step::Unreadable(what) => return Err(self.damaged(what)),
            }
        }
    }

    /// The offset of the last byte at or behind the position that is not zero.
    pub(super) fn last_nonzero(&mut self) -> Result<Option<u64>, JournalError> {
        let begin = self.position.offset;
        let mut end = self.window.file.len().map_err(JournalError::io("measure", &self.path))?;
        while end > begin {
            let start = end.saturating_sub(WINDOW_LEN as u64).max(begin);
            let bytes = self.bytes(start, (end - start) as usize)?;
            if let Some(at) = bytes.iter().rposition(|byte| *byte != 0) {
                return Ok(Some(start + at as u64));
            }
            end = start;
        }
        Ok(None)
    }

    /// Up to `len` bytes at an offset; fewer at the end of the file.
    pub(super) fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], JournalError> {
        self.window.get(offset, len).map_err(JournalError::io("read", &self.path))
    }

    /// The error for something wrong at the position.
    pub(super) fn damaged(&self, what: impl Into<String>) -> JournalError {
        JournalError::Damaged {
            file: self.path.clone(),
            offset: self.position.offset,
            lsn: self.position.next,
            what: what.into(),
        }
    }
}

struct Window {
    file: Box<dyn DiskFile>,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn get(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let len = len.min(FRAME_BYTES_MAX);
        let held = offset >= self.start && offset + len as u64 <= self.start + self.bytes.len() as u64;
        if !held {
            // Never allocates beyond what the file holds, whatever length a damaged frame claims.
            let rest = self.file.len()?.saturating_sub(offset);
            let wanted = (len.max(WINDOW_LEN) as u64).min(rest) as usize;
            self.bytes.resize(wanted, 0);
            self.start = offset;
            let read = self.file.read_at(offset, &mut self.bytes)?;
            self.bytes.truncate(read);
        }
        let at = (offset - self.start) as usize;
        Ok(&self.bytes[at..self.bytes.len().min(at + len)])
    }
}
