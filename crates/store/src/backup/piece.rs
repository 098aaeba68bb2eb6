//! A piece: an archived run of whole frames of the journal, content-addressed and self-verifying.
//!
//! Big-endian. Its path is `tTIMELINE/pieces/FIRST-LAST-SHA256.krp`: timeline in decimal, LSNs of 20 digits, the SHA-256
//! of the whole object in hexadecimal. Pieces may overlap; whoever reads takes any cover.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `KRVPIECE` |
//! | 8 | 4 | format, 1 |
//! | 12 | 16 | store |
//! | 28 | 4 | timeline |
//! | 32 | 8 | first LSN |
//! | 40 | 8 | last LSN |
//! | 48 | 8 | time of the first frame with entries, Unix time in milliseconds |
//! | 56 | 8 | time of the last |
//! | 64 | 32 | hash of the chain's link before: of the frame that ends with the entry before the first |
//! | 96 | 32 | hash of the last frame |
//! | 128 | 4 | root version that it is sealed under |
//! | 132 | 8 | entries in CHANGES |
//! | 140 | 32 | salt of the streams |
//! | 172 | 8 | length of CHANGES, sealed |
//! | 180 | 32 | SHA-256 of it |
//! | 212 | 8 | length of REST, sealed |
//! | 220 | 32 | SHA-256 of it |
//! | 252 | 32 | SHA-256 of the bytes before |
//! | 284 | | CHANGES, then REST, nothing behind |
//!
//! Both sections are sealed streams (`super::sealed`), sections 1 and 2, owned by the SHA-256 of the first 172 bytes.
//! CHANGES holds all entries that change the state, in order: LSN 8, time of its frame 8, length 4, bytes. REST holds the
//! links of the chain: `1` and a segment's header of 128 bytes, or `2` and a frame's header of 80 bytes, and for each of
//! its entries `0` (the next one of CHANGES) or `1`, length 4, bytes. From both the frames come out byte for byte.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use keyreeve_core::{Error, ports::crypto::Crypto};
use uuid::Uuid;

use super::{
    BackupError,
    sealed::{ArchiveKeys, Binding, SealReader, SealWriter},
};
use crate::{
    index::encoding,
    journal::{
        Digest, ENTRY_BYTES_MAX, FRAME_HEADER_LEN, FrameFacts, Identity, Link, Links, Lsn,
        SEGMENT_HEADER_LEN, Sha256, claimed_count, rebuild_frame, segment_facts,
    },
};

/// Length of a piece's header in bytes: CHANGES begins behind it.
pub(crate) const HEADER_LEN: usize = 284;
const MAGIC: [u8; 8] = *b"KRVPIECE";
const FORMAT: u32 = 1;
pub(crate) const OWNER_LEN: usize = 172;
const SUM_AT: usize = 252;
pub(crate) const CHANGES: u8 = 1;
pub(crate) const REST: u8 = 2;
const LINK_SEGMENT: u8 = 1;
const LINK_FRAME: u8 = 2;
const ENTRY_IN_CHANGES: u8 = 0;
const ENTRY_HERE: u8 = 1;

/// What a piece's path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PieceName {
    pub(crate) timeline: u32,
    pub(crate) first: Lsn,
    pub(crate) last: Lsn,
    /// Of the whole object.
    pub(crate) sha256: Digest,
}

impl PieceName {
    /// The folder of a timeline's pieces, with `/` at its end.
    pub(crate) fn folder(timeline: u32) -> String {
        format!("t{timeline}/pieces/")
    }

    /// The path at the target.
    pub(crate) fn path(&self) -> String {
        let Self { timeline, first, last, sha256 } = self;
        format!("{}{:020}-{:020}-{}.krp", Self::folder(*timeline), first.0, last.0, hex::encode(sha256))
    }

    /// Reads a path; none where it is no piece's.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let (timeline, file) = path.strip_prefix('t')?.split_once("/pieces/")?;
        let mut parts = file.strip_suffix(".krp")?.splitn(3, '-');
        let mut lsn = || Some(Lsn(parts.next()?.parse().ok()?));
        let (first, last) = (lsn()?, lsn()?);
        let mut sha256 = [0; 32];
        hex::decode_to_slice(parts.next()?, &mut sha256).ok()?;
        let name = Self { timeline: timeline.parse().ok()?, first, last, sha256 };
        // Only the one way to write it: no leading plus signs, no capitals.
        (name.path() == path && first <= last && first >= Lsn::FIRST).then_some(name)
    }
}

/// Length and hash of a sealed section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) bytes: u64,
    pub(crate) sha256: Digest,
}

/// A piece's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PieceHeader {
    pub(crate) identity: Identity,
    pub(crate) first: Lsn,
    pub(crate) last: Lsn,
    pub(crate) first_time_ms: u64,
    pub(crate) last_time_ms: u64,
    /// The link before: the `hash` of the piece that ends right before this one.
    pub(crate) previous: Digest,
    /// The last frame.
    pub(crate) hash: Digest,
    pub(crate) root_version: u32,
    /// Entries that change the state.
    pub(crate) changes_count: u64,
    pub(crate) salt: [u8; 32],
    pub(crate) changes: Section,
    pub(crate) rest: Section,
}

impl PieceHeader {
    /// Reads the header at the beginning of a piece's bytes.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(crate) fn decode(bytes: &[u8], sha256: &Sha256) -> Result<Self, &'static str> {
        let header = bytes.get(..HEADER_LEN).ok_or("it is shorter than its header")?;
        let mut fields = Fields { bytes: header };
        if fields.array()? != MAGIC {
            return Err("it is no piece");
        }
        if u32::from_be_bytes(fields.array()?) != FORMAT {
            return Err("it is of a format that this program does not know");
        }
        let u64_next = |fields: &mut Fields<'_>| fields.array().map(u64::from_be_bytes);
        let read = Self {
            identity: Identity { store: fields.array()?, timeline: u32::from_be_bytes(fields.array()?) },
            first: Lsn(u64_next(&mut fields)?),
            last: Lsn(u64_next(&mut fields)?),
            first_time_ms: u64_next(&mut fields)?,
            last_time_ms: u64_next(&mut fields)?,
            previous: fields.array()?,
            hash: fields.array()?,
            root_version: u32::from_be_bytes(fields.array()?),
            changes_count: u64_next(&mut fields)?,
            salt: fields.array()?,
            changes: Section { bytes: u64_next(&mut fields)?, sha256: fields.array()? },
            rest: Section { bytes: u64_next(&mut fields)?, sha256: fields.array()? },
        };
        if fields.array()? != sha256(&[&header[..SUM_AT]]) {
            return Err("its header does not match its checksum");
        }
        if read.first < Lsn::FIRST || read.last < read.first {
            return Err("its header names no range of entries");
        }
        Ok(read)
    }

    pub(crate) fn encode(&self, sha256: &Sha256) -> [u8; HEADER_LEN] {
        let fields: [&[u8]; 16] = [
            &MAGIC,
            &FORMAT.to_be_bytes(),
            &self.identity.store,
            &self.identity.timeline.to_be_bytes(),
            &self.first.0.to_be_bytes(),
            &self.last.0.to_be_bytes(),
            &self.first_time_ms.to_be_bytes(),
            &self.last_time_ms.to_be_bytes(),
            &self.previous,
            &self.hash,
            &self.root_version.to_be_bytes(),
            &self.changes_count.to_be_bytes(),
            &self.salt,
            &section_bytes(&self.changes),
            &section_bytes(&self.rest),
            &[],
        ];
        let mut bytes = [0; HEADER_LEN];
        let mut at = 0;
        for field in fields {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        let sum = sha256(&[&bytes[..SUM_AT]]);
        bytes[SUM_AT..].copy_from_slice(&sum);
        bytes
    }

    pub(crate) fn binding(&self, section: u8, sha256: &Sha256) -> Binding {
        let owner = sha256(&[&self.encode(sha256)[..OWNER_LEN]]);
        Binding { salt: self.salt, section, owner }
    }
}

/// A piece as it goes to a target.
pub(crate) struct Piece {
    pub(crate) name: PieceName,
    pub(crate) header: PieceHeader,
    pub(crate) bytes: Vec<u8>,
}

/// An entry that changes the state, from an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArchivedEntry {
    pub(crate) lsn: Lsn,
    /// When its frame was written, Unix time in milliseconds.
    pub(crate) time_ms: u64,
    /// As in the journal: `encoding::decode_entry` reads it.
    pub(crate) bytes: Vec<u8>,
}

/// Makes and reads pieces.
#[derive(Clone)]
pub(crate) struct Pieces {
    pub(crate) crypto: Arc<dyn Crypto>,
    pub(crate) keys: Arc<dyn ArchiveKeys>,
}

impl Pieces {
    /// Makes a piece of the next links, until they end or hold `bytes_max` bytes, with the frame that brings them over;
    /// none where there are none.
    ///
    /// # Errors
    /// Of the journal and of the keys.
    pub(crate) fn build(
        &self,
        identity: Identity,
        links: &mut Links,
        bytes_max: usize,
    ) -> Result<Option<Piece>, BackupError> {
        let previous = links.previous();
        let mut content = Content::default();
        while content.bytes < bytes_max
            && let Some(link) = links.next_link()?
        {
            content.push(&link);
        }
        let (Some(first), Some(last)) = (content.first, content.last) else {
            return Ok(None);
        };
        let mut header = PieceHeader {
            identity,
            first: first.first,
            last: Lsn(last.first.0 + u64::from(last.count) - 1),
            first_time_ms: first.time_ms,
            last_time_ms: last.time_ms,
            previous,
            hash: last.hash,
            root_version: 0,
            changes_count: content.changes_count,
            salt: [0; 32],
            changes: Section { bytes: 0, sha256: [0; 32] },
            rest: Section { bytes: 0, sha256: [0; 32] },
        };
        self.seal(&mut header, &content).map(Some)
    }

    fn seal(&self, header: &mut PieceHeader, content: &Content) -> Result<Piece, BackupError> {
        let sha256 = self.sha256();
        let key = self.keys.current()?;
        header.root_version = key.root_version;
        self.crypto.fill(&mut header.salt)?;
        let stream = |section, plain: &[u8]| -> io::Result<Vec<u8>> {
            let mut writer = SealWriter::new(self.crypto.clone(), &key, &header.binding(section, &sha256))?;
            writer.write_all(plain)?;
            writer.finish()
        };
        let changes = stream(CHANGES, &content.changes).map_err(Error::internal)?;
        let rest = stream(REST, &content.rest).map_err(Error::internal)?;
        header.changes = Section { bytes: changes.len() as u64, sha256: sha256(&[&changes]) };
        header.rest = Section { bytes: rest.len() as u64, sha256: sha256(&[&rest]) };
        let bytes = [header.encode(&sha256).as_slice(), &changes, &rest].concat();
        let PieceHeader { identity, first, last, .. } = *header;
        let name = PieceName { timeline: identity.timeline, first, last, sha256: sha256(&[&bytes]) };
        Ok(Piece { name, header: *header, bytes })
    }

    /// The entries of a piece that change the state, one after the other, from its sealed CHANGES section. `object`: its
    /// path, for errors.
    ///
    /// # Errors
    /// `Other` where the key is not held; what is wrong with the section comes with the entries.
    pub(crate) fn changes<R: Read>(
        &self,
        object: &str,
        header: &PieceHeader,
        sealed: R,
    ) -> Result<Changes<R>, BackupError> {
        let reader = self.open(header, CHANGES, sealed)?;
        Ok(Changes {
            reader,
            object: object.to_owned(),
            header: *header,
            count: 0,
            last: Lsn(0),
            ended: false,
        })
    }

    /// The links of a piece, byte for byte, from its two sealed sections, each checked to continue the chain.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub(crate) fn links<R: Read>(
        &self,
        object: &str,
        header: &PieceHeader,
        changes: R,
        rest: R,
    ) -> Result<ArchivedLinks<R>, BackupError> {
        Ok(ArchivedLinks {
            changes: self.changes(object, header, changes)?,
            rest: self.open(header, REST, rest)?,
            sha256: self.sha256(),
            hash: header.previous,
            next: header.first,
            ended: false,
        })
    }

    /// Opens everything in a piece and checks it against its header: entries, frames and chain.
    ///
    /// # Errors
    /// `Damaged`, saying what is wrong; `Other` where the key is not held.
    pub(crate) fn verify(&self, path: &str, bytes: &[u8]) -> Result<PieceHeader, BackupError> {
        let header = verify_outside(path, bytes, &self.sha256())?;
        let (changes, rest) = bytes[HEADER_LEN..].split_at(header.changes.bytes as usize);
        for link in self.links(path, &header, changes, rest)? {
            link?;
        }
        Ok(header)
    }

    /// The hash of journal and archives.
    pub(crate) fn sha256(&self) -> Sha256 {
        let crypto = self.crypto.clone();
        Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts))
    }

    /// Opens a sealed section.
    pub(crate) fn open<R: Read>(
        &self,
        header: &PieceHeader,
        section: u8,
        sealed: R,
    ) -> Result<SealReader<R>, BackupError> {
        let key = self.keys.get(header.root_version)?;
        let binding = header.binding(section, &self.sha256());
        let reader = SealReader::new(self.crypto.clone(), &key, &binding, sealed);
        Ok(reader.map_err(Error::internal)?)
    }
}

/// Checks a piece as far as it goes without any key: name, lengths and hashes.
///
/// # Errors
/// `Damaged`, saying what is wrong.
pub(crate) fn verify_outside(path: &str, bytes: &[u8], sha256: &Sha256) -> Result<PieceHeader, BackupError> {
    let damaged = |what: &str| BackupError::damaged(path, what);
    let name = PieceName::parse(path).ok_or_else(|| damaged("its path is no piece's"))?;
    if sha256(&[bytes]) != name.sha256 {
        return Err(damaged("its bytes are not those that its name stands for"));
    }
    let header = PieceHeader::decode(bytes, sha256).map_err(damaged)?;
    if (header.identity.timeline, header.first, header.last) != (name.timeline, name.first, name.last) {
        return Err(damaged("its header and its name differ"));
    }
    let body = &bytes[HEADER_LEN..];
    let split = usize::try_from(header.changes.bytes).ok().and_then(|at| body.split_at_checked(at));
    let (changes, rest) = split.ok_or_else(|| damaged("it is cut short"))?;
    if rest.len() as u64 != header.rest.bytes {
        return Err(damaged("its length is not what its header says"));
    }
    if sha256(&[changes]) != header.changes.sha256 || sha256(&[rest]) != header.rest.sha256 {
        return Err(damaged("a section does not match its hash"));
    }
    Ok(header)
}

/// The store that a piece's header names.
pub(crate) fn store_of(header: &PieceHeader) -> Uuid {
    Uuid::from_bytes(header.identity.store)
}

/// Streams the entries of a CHANGES section.
pub(crate) struct Changes<R: Read> {
    reader: SealReader<R>,
    object: String,
    header: PieceHeader,
    count: u64,
    last: Lsn,
    ended: bool,
}

impl<R: Read> Changes<R> {
    fn read(&mut self) -> Result<Option<ArchivedEntry>, String> {
        let mut start = [0; 20];
        if !fill_or_end(&mut self.reader, &mut start).map_err(|error| error.to_string())? {
            return match self.count == self.header.changes_count {
                true => Ok(None),
                false => Err("it holds fewer changes than its header says".into()),
            };
        }
        let mut fields = Fields { bytes: &start };
        let lsn = Lsn(u64::from_be_bytes(fields.array()?));
        let time_ms = u64::from_be_bytes(fields.array()?);
        let bytes = entry_bytes(&mut self.reader, u32::from_be_bytes(fields.array()?))?;
        if lsn <= self.last || lsn < self.header.first || lsn > self.header.last {
            return Err(format!("entry {lsn} is out of order"));
        }
        self.last = lsn;
        self.count += 1;
        Ok(Some(ArchivedEntry { lsn, time_ms, bytes }))
    }
}

impl<R: Read> Iterator for Changes<R> {
    type Item = Result<ArchivedEntry, BackupError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read().map_err(|what| BackupError::damaged(&self.object, what)).transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}

/// A link of the chain from an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArchivedLink {
    /// A segment's header.
    Segment(Vec<u8>),
    /// A frame: all its bytes, and what it says of itself.
    Frame(Vec<u8>, FrameFacts),
}

/// Streams the links of a piece.
pub(crate) struct ArchivedLinks<R: Read> {
    changes: Changes<R>,
    rest: SealReader<R>,
    sha256: Sha256,
    hash: Digest,
    next: Lsn,
    ended: bool,
}

impl<R: Read> ArchivedLinks<R> {
    fn read(&mut self) -> Result<Option<ArchivedLink>, String> {
        let mut kind = [0];
        if !fill_or_end(&mut self.rest, &mut kind).map_err(|error| error.to_string())? {
            return self.end().map(|()| None);
        }
        match kind[0] {
            LINK_SEGMENT => self.segment().map(Some),
            LINK_FRAME => self.frame().map(Some),
            kind => Err(format!("it holds a link of the unknown kind {kind}")),
        }
    }

    fn segment(&mut self) -> Result<ArchivedLink, String> {
        let mut bytes = vec![0; SEGMENT_HEADER_LEN];
        self.rest.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        let facts = segment_facts(&bytes, &self.sha256).ok_or("a segment's header is wrong")?;
        let header = &self.changes.header;
        if facts.identity.store != header.identity.store
            || facts.previous != self.hash
            || facts.first != self.next
        {
            return Err("a segment's header does not continue the chain".into());
        }
        self.hash = facts.hash;
        Ok(ArchivedLink::Segment(bytes))
    }

    fn frame(&mut self) -> Result<ArchivedLink, String> {
        let mut header = [0; FRAME_HEADER_LEN];
        self.rest.read_exact(&mut header).map_err(|error| error.to_string())?;
        let count = claimed_count(&header).ok_or("a frame's header is wrong")?;
        let mut entries = Vec::new();
        for at in 0..count {
            let mut kind = [0];
            self.rest.read_exact(&mut kind).map_err(|error| error.to_string())?;
            entries.push(match kind[0] {
                ENTRY_IN_CHANGES => {
                    let entry = self.changes.next().transpose().map_err(|error| error.to_string())?;
                    let entry = entry.ok_or("it holds fewer changes than its frames")?;
                    if entry.lsn != self.next.plus(at.into()) {
                        return Err(format!("entry {} is not where its frame has it", entry.lsn));
                    }
                    entry.bytes
                }
                ENTRY_HERE => {
                    let mut len = [0; 4];
                    self.rest.read_exact(&mut len).map_err(|error| error.to_string())?;
                    entry_bytes(&mut self.rest, u32::from_be_bytes(len))?
                }
                kind => return Err(format!("it holds an entry of the unknown kind {kind}")),
            });
        }
        let (bytes, facts) = rebuild_frame(&header, &entries, &self.sha256)?;
        if facts.previous != self.hash || facts.first != self.next {
            return Err("a frame does not continue the chain".into());
        }
        self.hash = facts.hash;
        self.next = facts.first.plus(facts.count.into());
        Ok(ArchivedLink::Frame(bytes, facts))
    }

    fn end(&mut self) -> Result<(), String> {
        let header = self.changes.header;
        if self.changes.next().is_some() {
            return Err("it holds more changes than its frames".into());
        }
        if self.hash != header.hash || self.next != header.last.plus(1) {
            return Err("its chain does not end as its header says".into());
        }
        Ok(())
    }
}

impl<R: Read> Iterator for ArchivedLinks<R> {
    type Item = Result<ArchivedLink, BackupError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read().map_err(|what| BackupError::damaged(&self.changes.object, what)).transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}

/// The plain sections of a piece while it is made.
#[derive(Default)]
struct Content {
    changes: Vec<u8>,
    rest: Vec<u8>,
    changes_count: u64,
    /// The first and the last frame with entries.
    first: Option<FrameFacts>,
    last: Option<FrameFacts>,
    bytes: usize,
}

impl Content {
    fn push(&mut self, link: &Link<'_>) {
        match link {
            Link::Segment(header) => {
                self.rest.push(LINK_SEGMENT);
                self.rest.extend_from_slice(header);
            }
            Link::Frame(frame) => {
                self.rest.push(LINK_FRAME);
                self.rest.extend_from_slice(frame.header());
                for (lsn, entry) in frame.entries() {
                    let len = (entry.len() as u32).to_be_bytes();
                    if encoding::has_changes(entry) {
                        self.rest.push(ENTRY_IN_CHANGES);
                        let fields: [&[u8]; 4] =
                            [&lsn.0.to_be_bytes(), &frame.facts.time_ms.to_be_bytes(), &len, entry];
                        fields.iter().for_each(|field| self.changes.extend_from_slice(field));
                        self.changes_count += 1;
                    } else {
                        self.rest.push(ENTRY_HERE);
                        self.rest.extend_from_slice(&len);
                        self.rest.extend_from_slice(entry);
                    }
                }
                if frame.facts.count > 0 {
                    self.first.get_or_insert(frame.facts);
                    self.last = Some(frame.facts);
                }
                self.bytes += frame.bytes.len();
            }
        }
    }
}

fn section_bytes(section: &Section) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[..8].copy_from_slice(&section.bytes.to_be_bytes());
    bytes[8..].copy_from_slice(&section.sha256);
    bytes
}

/// Reads bytes that claim this length; allocates no more than there are.
fn entry_bytes(reader: &mut impl Read, len: u32) -> Result<Vec<u8>, String> {
    if len as usize > ENTRY_BYTES_MAX {
        return Err("an entry is longer than entries are".into());
    }
    let mut bytes = Vec::new();
    reader.take(len.into()).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() == len as usize { Ok(bytes) } else { Err("an entry is cut short".into()) }
}

/// Fills `bytes`; false where the stream ends right here.
fn fill_or_end(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    let mut at = 0;
    while at < bytes.len() {
        match reader.read(&mut bytes[at..])? {
            0 if at == 0 => return Ok(false),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => at += count,
        }
    }
    Ok(true)
}

struct Fields<'a> {
    bytes: &'a [u8],
}

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (first, rest) = self.bytes.split_first_chunk().ok_or("it is cut short")?;
        self.bytes = rest;
        Ok(*first)
    }
}

#[cfg(test)]
mod tests;
