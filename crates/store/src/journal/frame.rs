//! The frame: the unit that is written, synced and hashed together, and its bytes. No I/O.

use crc_fast::{CrcAlgorithm, Digest as Digest32};
use memchr::memmem;

use super::{Lsn, Sha256};

/// A SHA-256 hash value.
pub type Digest = [u8; 32];

/// The largest entry, in bytes.
pub const ENTRY_BYTES_MAX: usize = 8 << 20;

/// The largest frame, in bytes; bounds what a reader allocates.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

pub(super) const FRAME_MAGIC: [u8; 8] = *b"KRVFRAME";
/// What a frame begins with, and its last bytes do.
const MARK: [u8; 3] = *b"KRV";
/// The lowest flag: of a frame whose header was durable before the rest of it was written, since its entries hold [`MARK`]. So
/// no crash leaves bytes that a client chose as a frame's without a header that tells how far they reach. The bits above are a
/// checksum of the header: a length that has rotted is not gone by.
const HEADER_FIRST: u32 = 1;
const FLAGS_AT: usize = 28;
/// Never ends in zero, so that the last byte of a whole frame tells it from the zeros behind it.
pub(super) const END_MARK: [u8; 4] = *b"KRVE";
pub(super) const HEADER_LEN: usize = 80;
pub(super) const TRAILER_LEN: usize = 32 + END_MARK.len();
pub(super) const FRAME_BYTES_MIN: usize = HEADER_LEN + TRAILER_LEN;
/// The length that stands before an entry.
pub(super) const ENTRY_PREFIX_LEN: usize = 4;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Holds entries.
    Entries = 0,
    /// Holds none; says that all before it was synced, written when the journal falls idle.
    Synced = 1,
    /// Holds none; the last frame of a clean stop.
    Stopped = 2,
}

/// The fixed fields of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The LSN of the first entry; of the next one where the frame holds none.
    pub(super) first: Lsn,
    pub(super) count: u32,
    /// The last entry that was durable before this frame was written.
    pub(super) synced: Lsn,
    pub(super) time_ms: u64,
    pub(super) previous: Digest,
}

/// A frame that is ready to be written.
pub(super) struct Sealed<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) hash: Digest,
    /// Whether its header is to be durable before the rest is written.
    pub(super) header_first: bool,
}

/// The RFC 6962 leaf hash of an entry, for the Merkle tree over the entries.
///
/// # Standard
/// RFC 6962 section 2.1: SHA-256(0x00 || entry).
pub fn leaf_hash(sha256: &Sha256, entry: &[u8]) -> Digest {
    sha256(&[&[0], entry])
}

/// Builds one frame after the other in the same buffer.
#[derive(Default)]
pub(super) struct Builder {
    bytes: Vec<u8>,
    count: u32,
}

impl Builder {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.resize(HEADER_LEN, 0);
        self.count = 0;
    }

    pub(super) fn push(&mut self, entry: &[u8]) {
        debug_assert!(entry.len() <= ENTRY_BYTES_MAX);
        self.bytes.extend_from_slice(&(entry.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(entry);
        self.count += 1;
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The length of the frame in bytes, as far as it is built.
    pub(super) fn frame_len(&self) -> usize {
        self.bytes.len() + TRAILER_LEN
    }

    /// Fills in the header (its count is the builder's) and the trailer.
    pub(super) fn seal(&mut self, header: &Header, sha256: &Sha256) -> Sealed<'_> {
        let len = self.frame_len() as u32;
        let header_first = memmem::find(&self.bytes[HEADER_LEN..], &MARK).is_some();
        let fields: [&[u8]; 9] = [
            &FRAME_MAGIC,
            &len.to_le_bytes(),
            &(header.kind as u32).to_le_bytes(),
            &header.first.0.to_le_bytes(),
            &self.count.to_le_bytes(),
            &[0; 4],
            &header.synced.0.to_le_bytes(),
            &header.time_ms.to_le_bytes(),
            &header.previous,
        ];
        let mut at = 0;
        for field in fields {
            self.bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        if header_first {
            let flags = header_first_flags(&self.bytes);
            self.bytes[FLAGS_AT..FLAGS_AT + 4].copy_from_slice(&flags.to_le_bytes());
        }
        let hash = sha256(&[&self.bytes]);
        self.bytes.extend_from_slice(&hash);
        self.bytes.extend_from_slice(&END_MARK);
        Sealed { bytes: &self.bytes, hash, header_first }
    }
}

/// Where the frame ends that was to be written first behind `previous`, and of which at least the header was: where its header
/// was to be durable first, and is whole.
pub(super) fn header_first_len(bytes: &[u8], first: Lsn, previous: Digest) -> Option<usize> {
    let len = claimed_len(bytes).filter(|_| bytes.len() >= HEADER_LEN)?;
    let is_it = u32_at(bytes, 12)? == Kind::Entries as u32
        && u32_at(bytes, FLAGS_AT)? == header_first_flags(bytes)
        && u64_at(bytes, 16)? == first.0
        && array_at(bytes, 48)? == previous;
    is_it.then_some(len)
}

/// The flags of a frame whose header is written first: CRC-32C of all of it around them, but for the lowest bit.
fn header_first_flags(frame: &[u8]) -> u32 {
    let mut digest = Digest32::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(&frame[..FLAGS_AT]);
    digest.update(&frame[FLAGS_AT + 4..HEADER_LEN]);
    // Of 64 bits, CRC-32 fills the lower half.
    digest.finalize() as u32 | HEADER_FIRST
}

/// The length that a frame's first 12 bytes claim, if they can be a frame's.
pub(super) fn claimed_len(start: &[u8]) -> Option<usize> {
    if start.get(..8)? != FRAME_MAGIC {
        return None;
    }
    let len = u32_at(start, 8)? as usize;
    (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&len).then_some(len)
}

/// The hash in a frame's last [`TRAILER_LEN`] bytes.
pub(super) fn trailer_hash(trailer: &[u8]) -> Option<Digest> {
    if trailer.ends_with(&END_MARK) { array_at(trailer, 0) } else { None }
}

/// Reads and checks a whole frame by itself; whether it continues the chain is for the caller to check.
///
/// # Errors
/// Says what is wrong with the bytes.
pub(super) fn parse(bytes: &[u8], sha256: &Sha256) -> Result<(Header, Digest), &'static str> {
    const SHORT: &str = "the frame is cut short";
    if claimed_len(bytes) != Some(bytes.len()) {
        return Err("no frame begins here, or its length is wrong");
    }
    let body_end = bytes.len() - TRAILER_LEN;
    let hash: Digest = array_at(bytes, body_end).ok_or(SHORT)?;
    if !bytes.ends_with(&END_MARK) || sha256(&[&bytes[..body_end]]) != hash {
        return Err("the frame does not match its hash");
    }
    let header = Header {
        kind: match u32_at(bytes, 12).ok_or(SHORT)? {
            0 => Kind::Entries,
            1 => Kind::Synced,
            2 => Kind::Stopped,
            _ => return Err("the frame is of an unknown kind"),
        },
        first: Lsn(u64_at(bytes, 16).ok_or(SHORT)?),
        count: u32_at(bytes, 24).ok_or(SHORT)?,
        synced: Lsn(u64_at(bytes, 32).ok_or(SHORT)?),
        time_ms: u64_at(bytes, 40).ok_or(SHORT)?,
        previous: array_at(bytes, 48).ok_or(SHORT)?,
    };
    if (header.kind == Kind::Entries) != (header.count > 0) {
        return Err("the frame's number of entries does not fit its kind");
    }
    let mut entries = Entries { rest: &bytes[HEADER_LEN..body_end] };
    let counted = entries.by_ref().count();
    if !entries.rest.is_empty() || counted != header.count as usize {
        return Err("the frame's entries do not fill it");
    }
    Ok((header, hash))
}

/// The entries of a frame that [`parse`] accepted.
pub(super) fn entries(frame: &[u8]) -> Entries<'_> {
    let end = frame.len().saturating_sub(TRAILER_LEN);
    Entries { rest: frame.get(HEADER_LEN..end).unwrap_or_default() }
}

/// Walks length-prefixed entries; ends early at one that does not fit, leaving the rest.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let len = u32_at(self.rest, 0)? as usize;
        let (entry, rest) = self.rest[4..].split_at_checked(len)?;
        self.rest = rest;
        Some(entry)
    }
}

pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}
