//! The segment: a file of frames, its name and its header.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::frame::{Digest, array_at, u32_at, u64_at};
use super::{Identity, Journal, JournalError, Lsn, Sha256};
use crate::disk::{DiskFile, OpenMode};

pub(super) const SECTOR_LEN: usize = 512;
pub(super) const HEADER_LEN: usize = 128;
const MAGIC: [u8; 8] = *b"KRVJRNL\n";
const FORMAT_VERSION: u32 = 1;
const HASH_AT: usize = 96;

/// The fields of a segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) identity: Identity,
    pub(super) first: Lsn,
    pub(super) time_ms: u64,
    /// The hash of the last frame of the segment before; zeros where there never was one.
    pub(super) previous: Digest,
}

impl Header {
    /// The header's bytes and their hash, with which the chain of the frames begins.
    pub(super) fn seal(&self, sha256: &Sha256) -> ([u8; HEADER_LEN], Digest) {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(HEADER_LEN as u32).to_le_bytes());
        bytes[16..32].copy_from_slice(&self.identity.store);
        bytes[32..36].copy_from_slice(&self.identity.timeline.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.time_ms.to_le_bytes());
        bytes[56..88].copy_from_slice(&self.previous);
        let hash = sha256(&[&bytes[..HASH_AT]]);
        bytes[HASH_AT..].copy_from_slice(&hash);
        (bytes, hash)
    }
}

/// The file of the segment that begins with `first`.
pub(super) fn path(journal: &Journal, first: Lsn) -> PathBuf {
    journal.dir.join(format!("{:020}.krj", first.0))
}

/// The first LSNs of the segments in the folder, in order.
///
/// # Errors
/// [`JournalError::Missing`] without a folder; a segment file whose name is no number is damage.
pub(super) fn list(journal: &Journal) -> Result<Vec<Lsn>, JournalError> {
    let names = match journal.disk.list(&journal.dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(JournalError::Missing { dir: journal.dir.clone() });
        }
        names => names.map_err(JournalError::io("list", &journal.dir))?,
    };
    let stems = names.iter().filter_map(|name| Some((name, name.strip_suffix(".krj")?)));
    stems
        .map(|(name, stem)| match stem.parse() {
            Ok(first) if stem.len() == 20 && first > 0 => Ok(Lsn(first)),
            _ => Err(JournalError::Damaged {
                file: journal.dir.join(name),
                offset: 0,
                lsn: Lsn(0),
                what: "the file is named like no segment".into(),
            }),
        })
        .collect()
}

/// Opens the segment that begins with `first` and reads its header.
///
/// # Errors
/// [`JournalError::Damaged`] where the header is wrong, [`JournalError::UnknownFormat`] for a later format.
pub(super) fn open(
    journal: &Journal,
    first: Lsn,
    mode: OpenMode,
) -> Result<(Box<dyn DiskFile>, Header, Digest), JournalError> {
    let path = path(journal, first);
    let file = journal.disk.open(&path, mode).map_err(JournalError::io("open", &path))?;
    let mut bytes = [0; HEADER_LEN];
    let read = file.read_at(0, &mut bytes).map_err(JournalError::io("read", &path))?;
    let damaged =
        |what: &str| JournalError::Damaged { file: path.clone(), offset: 0, lsn: first, what: what.into() };
    let version = u32_at(&bytes, 8).unwrap_or(0);
    if read == HEADER_LEN && bytes[..8] == MAGIC && version > FORMAT_VERSION {
        return Err(JournalError::UnknownFormat { file: path, version });
    }
    let (header, hash) =
        parse(&bytes, &journal.sha256).ok_or_else(|| damaged("the segment's header is wrong"))?;
    if header.first != first {
        return Err(damaged("the segment's header names another first entry than the file's name"));
    }
    Ok((file, header, hash))
}

pub(super) fn parse(bytes: &[u8; HEADER_LEN], sha256: &Sha256) -> Option<(Header, Digest)> {
    let header = Header {
        identity: Identity { store: array_at(bytes, 16)?, timeline: u32_at(bytes, 32)? },
        first: Lsn(u64_at(bytes, 40)?),
        time_ms: u64_at(bytes, 48)?,
        previous: array_at(bytes, 56)?,
    };
    // Sealing it again checks magic, version, lengths, reserved bytes and hash at once.
    let (sealed, hash) = header.seal(sha256);
    (sealed == *bytes).then_some((header, hash))
}
