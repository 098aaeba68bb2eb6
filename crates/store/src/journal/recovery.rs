//! Creating a journal, and opening one after whatever happened to it: what is a torn tail, what is damage.
//!
//! docs/journal-format.md gives the rules and their reasons.

use std::path::PathBuf;

use super::frame::{self, Digest, END_MARK, FRAME_BYTES_MAX, HEADER_LEN, Kind};
use super::read::{Read, Step, Walk};
use super::segment::SECTOR_LEN;
use super::write::{create_segment, sync_dir};
use super::{Identity, Journal, JournalError, Lsn, Options, Position, Writer, segment};
use crate::disk::{OpenMode, parent};

/// A journal that was opened for writing.
pub struct Opened {
    /// Where the next frame goes.
    pub writer: Writer,
    /// What was found.
    pub recovery: Recovery,
}

/// What opening a journal found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Whether the journal ended with a clean stop.
    pub clean: bool,
    /// How many frames were read and verified.
    pub frames: u64,
    /// The torn tail that was cut off, if there was one.
    pub cut: Option<Cut>,
}

/// A torn tail that was cut off; none of its entries had been acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment file.
    pub file: PathBuf,
    /// The byte offset at which it ends now.
    pub offset: u64,
    /// How many bytes were cut, up to the last that was not zero.
    pub bytes: u64,
}

pub(super) fn create(
    journal: &Journal,
    identity: Identity,
    first: Lsn,
    previous: Digest,
    time_ms: u64,
) -> Result<(), JournalError> {
    let dir = &journal.dir;
    journal.disk.create_dir(dir).map_err(JournalError::io("create", dir))?;
    journal.disk.sync_dir(parent(dir)).map_err(JournalError::io("sync", parent(dir)))?;
    match segment::list(journal)?.as_slice() {
        [] => {}
        [only] if is_without_frames(journal, *only)? => {
            let path = segment::path(journal, *only);
            journal.disk.remove(&path).map_err(JournalError::io("remove", &path))?;
        }
        _ => return Err(JournalError::Exists { dir: dir.clone() }),
    }
    create_segment(journal, identity, first, previous, time_ms).map(drop)
}

pub(super) fn open(
    journal: &Journal,
    options: Options,
    from: Option<Position>,
    synced: Lsn,
) -> Result<Opened, JournalError> {
    let last_segment = drop_unfinished_segment(journal)?;
    // From the start of the segment and not from the point itself: what lies before it in there was durable too, and
    // damage to it is to be known before anything is added.
    let mut walk = Walk::from_segment(journal, from.map_or(last_segment, |from| from.segment))?;
    let mut reached = from.is_none_or(|from| from == walk.position);
    let mut recovery = Recovery { clean: false, frames: 0, cut: None };
    let mut last = None;
    loop {
        match walk.step()? {
            Step::Frame(read) => {
                recovery.frames += 1;
                last = Some(read);
                reached |= from == Some(walk.position);
            }
            Step::End if walk.next_segment()? => {
                last = None;
                reached |= from == Some(walk.position);
            }
            Step::End => break,
            Step::Unreadable(what) => {
                if walk.position.segment != last_segment || !reached {
                    return Err(walk.damaged(what));
                }
                recovery.cut = Some(torn_tail(journal, &mut walk, synced, what)?);
                break;
            }
        }
    }
    if walk.position.segment != last_segment {
        return Err(walk.damaged("a segment is missing, or this one ends too early"));
    }
    if !reached {
        return Err(walk.damaged("a point that was reached before is not in this journal"));
    }
    if walk.position.last() < synced {
        return Err(walk.damaged(format!("the journal ends here, but entry {synced} was durable")));
    }
    recovery.clean = recovery.cut.is_none() && last.is_some_and(|read| read.header.kind == Kind::Stopped);
    let writer = settle(journal, options, walk, last, recovery.cut.as_ref())?;
    Ok(Opened { writer, recovery })
}

/// Removes a last segment that a crash kept from getting its header; returns the last whole one.
fn drop_unfinished_segment(journal: &Journal) -> Result<Lsn, JournalError> {
    let missing = || JournalError::Missing { dir: journal.dir.clone() };
    let segments = segment::list(journal)?;
    let (last, before) = segments.split_last().ok_or_else(missing)?;
    match segment::open(journal, *last, OpenMode::Read) {
        Ok(_) => return Ok(*last),
        Err(JournalError::Damaged { .. }) if is_without_frames(journal, *last)? => {}
        Err(error) => return Err(error),
    }
    // A frame is written only after header and name of its segment were synced: nothing is lost here.
    let before = *before.last().ok_or_else(missing)?;
    let path = segment::path(journal, *last);
    tracing::warn!(file = %path.display(), "removed a journal segment whose creation a crash interrupted");
    journal.disk.remove(&path).map_err(JournalError::io("remove", &path))?;
    sync_dir(journal)?;
    Ok(before)
}

/// Whether nothing but zeros stands where a segment's frames would.
fn is_without_frames(journal: &Journal, first: Lsn) -> Result<bool, JournalError> {
    let path = segment::path(journal, first);
    let file = journal.disk.open(&path, OpenMode::Read).map_err(JournalError::io("open", &path))?;
    let mut bytes = vec![0; 64 * 1024];
    let mut offset = segment::HEADER_LEN as u64;
    loop {
        let read = file.read_at(offset, &mut bytes).map_err(JournalError::io("read", &path))?;
        if bytes[..read].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
        offset += read as u64;
    }
}

/// Tells a frame that a crash tore from one that was damaged after it was durable.
///
/// # Errors
/// [`JournalError::Damaged`] where the bytes cannot be what a crash leaves of the last frame.
fn torn_tail(journal: &Journal, walk: &mut Walk, synced: Lsn, what: &str) -> Result<Cut, JournalError> {
    let start = walk.position.offset;
    if walk.position.next <= synced {
        return Err(walk.damaged(format!("{what}, but entry {synced} was durable")));
    }
    let Some(end) = walk.last_nonzero()? else {
        return Err(walk.damaged(what));
    };
    let Some(len) = usize::try_from(end - start + 1).ok().filter(|len| *len <= FRAME_BYTES_MAX) else {
        return Err(walk.damaged(format!("{what}, and more than one frame follows")));
    };
    // A frame is written only once the one before it is durable, and says so. Bytes of an entry may look like that, put there
    // by a client: then the header was durable first, which tells how far the entries reach.
    let (torn, previous) = (walk.position.next, walk.position.hash);
    let bytes = walk.bytes(start, len)?;
    let header_first = frame::header_first_len(bytes, torn, previous);
    let behind = match header_first {
        Some(end) => end..end.saturating_add(1).min(bytes.len()),
        None => 1..bytes.len(),
    };
    let follower = behind.into_iter().find(|at| {
        let candidate = &bytes[*at..];
        let whole = frame::claimed_len(candidate).and_then(|len| candidate.get(..len));
        let parsed = whole.and_then(|whole| frame::parse(whole, &journal.sha256).ok());
        parsed.is_some_and(|(header, _)| header.first > torn && header.synced >= torn)
    });
    if let Some(at) = follower {
        return Err(walk.damaged(format!("{what}, and a whole frame follows {at} bytes on")));
    }
    if !lacks_a_piece(bytes, start, header_first) {
        return Err(walk.damaged(format!("{what}, yet no piece of it is missing as after a crash")));
    }
    Ok(Cut { file: walk.path.clone(), offset: start, bytes: len as u64 })
}

/// Whether bytes up to the last nonzero one can be a frame of which a crash kept only some sectors or a prefix; its length is
/// known where its header was durable before.
///
/// What is not kept reads as zero, since all behind the tail is zero before a frame is written. So either the end
/// of the frame is missing, or what lies of it in some sector is all zero.
fn lacks_a_piece(bytes: &[u8], start: u64, header_first: Option<usize>) -> bool {
    let whole_len = frame::claimed_len(bytes).is_some_and(|claimed| bytes.len() >= claimed);
    let ended = whole_len || header_first.is_none() && bytes.ends_with(&END_MARK);
    let durable = header_first.map_or(0, |_| HEADER_LEN.min(bytes.len()));
    let begin_len = SECTOR_LEN - (start as usize + durable) % SECTOR_LEN;
    let (begin, rest) = bytes[durable..].split_at(begin_len.min(bytes.len() - durable));
    let mut sectors = std::iter::once(begin).chain(rest.chunks(SECTOR_LEN));
    !ended || sectors.any(|sector| sector.iter().all(|byte| *byte == 0))
}

/// Cuts the torn tail off and makes what stays durable.
fn settle(
    journal: &Journal,
    options: Options,
    mut walk: Walk,
    last: Option<Read>,
    cut: Option<&Cut>,
) -> Result<Writer, JournalError> {
    let path = walk.path.clone();
    let (file, _, _) = segment::open(journal, walk.position.segment, OpenMode::Write)?;
    if let Some(cut) = cut {
        tracing::warn!(
            file = %cut.file.display(), offset = cut.offset, bytes = cut.bytes, next = %walk.position.next,
            "cut off a torn frame at the end of the journal; none of it had been acknowledged"
        );
        file.truncate(cut.offset).map_err(JournalError::io("truncate", &path))?;
    }
    // What was written last may never have reached the disk: a process that was killed before its sync, or whose
    // sync failed, leaves it in the page cache only, there marked clean. Writing the same bytes again makes the
    // sync below mean them. What lies before was synced before it was written.
    let header = Some((0, segment::HEADER_LEN));
    for (start, len) in header.into_iter().chain(last.map(|read| (read.start, read.len))) {
        let bytes = walk.bytes(start, len)?;
        file.write_at(start, bytes).map_err(JournalError::io("write", &path))?;
    }
    file.sync().map_err(JournalError::io("sync", &path))?;
    sync_dir(journal)?;
    Writer::new(journal.clone(), options, walk.identity, file, walk.position)
}
