//! Full backups: writing the rows of a state as sealed chunks and a manifest, and reading them back. The manifest's
//! format is in `manifest`; when a full backup is made, kept or removed is decided elsewhere.
//!
//! A chunk's object, numbers big-endian:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `KRVCHUNK` |
//! | 8 | 4 | format, 1 |
//! | 12 | 16 | store |
//! | 28 | 4 | version of the root key that it is sealed under |
//! | 32 | 32 | salt of the stream |
//! | 64 | | a sealed stream (`super::sealed`), section 1, owned by the SHA-256 of the 64 bytes before |
//!
//! The stream holds rows in the order of their keys: length of the key u32, of the record u32, key, record, both as in
//! the index (docs/journal-format.md). Where a chunk ends is told by a hash of its last key: after a change the chunks
//! in front of it and behind it are the same as before, and are not written again.

use std::{
    collections::HashMap,
    io::{Read, Write},
    sync::Arc,
};

use keyreeve_core::{
    Error,
    ports::crypto::Crypto,
    ports::store::Order,
    record::{Record, RecordKey},
};
use uuid::Uuid;

use super::{
    BackupError,
    manifest::{ChunkRef, FullPoint, Manifest, chunk_name, chunk_path, chunks_prefix},
    sealed::{ArchiveKey, ArchiveKeys, Binding, SealReader, SealWriter},
    targets::{PutIf, Target},
};
use crate::{
    ahead::in_order,
    engines::{EngineSnapshot, Row},
    index::{encoding, told},
    journal::Digest,
    leisure::Leisure,
};

const MAGIC: [u8; 8] = *b"KRVCHUNK";
const FORMAT: u32 = 1;
const HEADER_LEN: usize = 64;
const SECTION: u8 = 1;
const ROW_HEADER_LEN: usize = 8;

/// Bytes of rows in a chunk: no less but in the last, about so many behind that, and no more but for its last row.
const CHUNK_BYTES_MIN: usize = 1 << 20;
const CHUNK_BYTES_MORE: u64 = 3 << 20;
const CHUNK_BYTES_MAX: usize = 8 << 20;
/// Rows that are fetched at once: little against what a request takes, even of large ones.
const PAGE_ROWS: usize = 128;

/// How far writing a full backup has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows that lie in chunks at the target.
    pub rows: u64,
    /// Bytes of these chunks.
    pub bytes: u64,
    /// Of them, bytes that were written now: the others were there.
    pub bytes_written: u64,
}

/// An archive: a target with what writing to it and reading from it takes.
#[derive(Clone)]
pub(crate) struct Fulls<'a> {
    pub(crate) target: &'a dyn Target,
    pub(crate) crypto: Arc<dyn Crypto>,
    pub(crate) keys: &'a dyn ArchiveKeys,
}

impl Fulls<'_> {
    /// Writes the state that `rows` shows, which is the one at `point`. `step` is called after each chunk and may wait,
    /// or stop by an error.
    ///
    /// INVARIANT: the manifest comes last, so a backup that was interrupted is none; what it wrote serves the next one.
    pub(crate) fn write(
        &self,
        point: FullPoint,
        rows: &dyn EngineSnapshot,
        step: &mut dyn FnMut(Progress) -> Result<(), BackupError>,
    ) -> Result<Manifest, BackupError> {
        let mut writer = ChunkWriter::new(self, point)?;
        let mut generation = 0;
        let tree = encoding::encode_key(&RecordKey::Tree);
        let (mut from, to) = (vec![b'r'], [b'r' + 1]);
        loop {
            let page = rows.scan(&from, &to, Order::Ascending, PAGE_ROWS).map_err(told)?;
            let Some((last, _)) = page.last() else { break };
            from = [last.as_slice(), &[0]].concat();
            for (key, record) in page {
                if key == tree
                    && let Record::Tree(head) = encoding::decode_record(&RecordKey::Tree, &record)?
                {
                    generation = head.generation;
                }
                writer.add(&key, &record, step)?;
            }
        }
        writer.finish_chunk(step)?;
        let ChunkWriter { key, chunks, progress, .. } = writer;
        let manifest =
            Manifest { point, root_version: key.root_version, generation, rows: progress.rows, chunks };
        self.check_chunks(&manifest)?;
        self.target.put(&manifest.path(), &manifest.encode(&*self.crypto, &key), PutIf::Always)?;
        Ok(manifest)
    }

    /// Reads a manifest without trusting it yet.
    pub(crate) fn manifest(&self, path: &str) -> Result<(Manifest, Vec<u8>), BackupError> {
        let (bytes, _) =
            self.target.get(path)?.ok_or_else(|| BackupError::damaged(path, "it is not there"))?;
        Ok((Manifest::decode(&*self.crypto, path, &bytes)?, bytes))
    }

    /// Reads the manifest at `path`, proves who wrote it, and gives all rows, in order, those of a chunk at once. Chunks
    /// are read ahead, and each is verified before its rows are seen.
    ///
    /// # Errors
    /// `Damaged`, `Target`; those of `take`.
    pub(crate) fn read(
        &self,
        path: &str,
        mut take: impl FnMut(&Manifest, Vec<Row>) -> Result<(), BackupError>,
    ) -> Result<Manifest, BackupError> {
        let (manifest, bytes) = self.manifest(path)?;
        let key = self.keys.get(manifest.root_version)?;
        manifest.authenticate(&*self.crypto, &key, &bytes)?;
        let open = |chunk: &ChunkRef, give: &mut dyn FnMut(Vec<Row>) -> bool| {
            give(self.rows(&manifest, &key, chunk)?);
            Ok(())
        };
        let (mut count, mut last_key) = (0, Vec::new());
        in_order(&manifest.chunks, open, |rows| {
            if let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) {
                if *first <= last_key {
                    return Err(BackupError::damaged(path, "its chunks are not in order"));
                }
                last_key.clone_from(last);
            }
            count += rows.len() as u64;
            take(&manifest, rows)
        })?;
        if count != manifest.rows {
            return Err(BackupError::damaged(path, "it counts other rows than there are"));
        }
        Ok(manifest)
    }

    fn rows(&self, manifest: &Manifest, key: &ArchiveKey, chunk: &ChunkRef) -> Result<Vec<Row>, BackupError> {
        let path = manifest.chunk_path(chunk);
        let damaged = |what: &str| BackupError::damaged(&path, what);
        let (object, _) = self.target.get(&path)?.ok_or_else(|| damaged("it is not there"))?;
        let plain =
            open(&self.crypto, key, manifest.point.store, chunk, &object).map_err(|what| damaged(&what))?;
        let rows = parse_rows(&plain).map_err(damaged)?;
        match rows.len() == chunk.rows as usize {
            true => Ok(rows),
            false => Err(damaged("it holds another number of rows than its manifest says")),
        }
    }

    /// Chunks may have been pruned while the backup was made: without them there is no backup.
    fn check_chunks(&self, manifest: &Manifest) -> Result<(), BackupError> {
        let there = chunks_there(self.target, manifest.point.timeline)?;
        let missing = manifest.chunks.iter().find(|chunk| {
            !there.get(&chunk.id).is_some_and(|found| found.contains(&(chunk.sha256, chunk.bytes.into())))
        });
        match missing {
            None => Ok(()),
            Some(chunk) => {
                Err(BackupError::damaged(&manifest.chunk_path(chunk), "it was removed meanwhile; run again"))
            }
        }
    }
}

/// Reads a manifest without trusting it yet; gives its bytes as well.
pub(crate) fn manifest_at(
    target: &dyn Target,
    crypto: &dyn Crypto,
    path: &str,
) -> Result<(Manifest, Vec<u8>), BackupError> {
    let (bytes, _) = target.get(path)?.ok_or_else(|| BackupError::damaged(path, "it is not there"))?;
    Ok((Manifest::decode(crypto, path, &bytes)?, bytes))
}

/// Objects of each chunk at a target, by its id: hash and length. More than one where two backups wrote at once.
type ChunksThere = HashMap<[u8; 16], Vec<(Digest, u64)>>;

fn chunks_there(target: &dyn Target, timeline: u32) -> Result<ChunksThere, BackupError> {
    let prefix = chunks_prefix(timeline);
    let mut there = HashMap::<_, Vec<_>>::new();
    for listed in target.list(&prefix)? {
        if let Some((id, sha256)) = listed.path.strip_prefix(&prefix).and_then(chunk_name) {
            there.entry(id).or_default().push((sha256, listed.bytes));
        }
    }
    Ok(there)
}

/// Gathers rows into chunks and writes those that are not there.
struct ChunkWriter<'a> {
    archive: &'a Fulls<'a>,
    point: FullPoint,
    key: ArchiveKey,
    there: ChunksThere,
    plain: Vec<u8>,
    rows: u32,
    chunks: Vec<ChunkRef>,
    progress: Progress,
    leisure: Leisure,
}

impl<'a> ChunkWriter<'a> {
    fn new(archive: &'a Fulls<'a>, point: FullPoint) -> Result<Self, BackupError> {
        Ok(Self {
            archive,
            point,
            key: archive.keys.current()?,
            there: chunks_there(archive.target, point.timeline)?,
            plain: Vec::new(),
            rows: 0,
            chunks: Vec::new(),
            progress: Progress::default(),
            leisure: Leisure::default(),
        })
    }

    fn add(
        &mut self,
        key: &[u8],
        record: &[u8],
        step: &mut dyn FnMut(Progress) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        for part in [key, record] {
            let len =
                u32::try_from(part.len()).map_err(|_| Error::internal("a row of the index is too long"))?;
            self.plain.extend_from_slice(&len.to_be_bytes());
        }
        self.plain.extend_from_slice(key);
        self.plain.extend_from_slice(record);
        self.rows += 1;
        let len = (ROW_HEADER_LEN + key.len() + record.len()) as u64;
        if self.plain.len() >= CHUNK_BYTES_MAX
            || (self.plain.len() >= CHUNK_BYTES_MIN && ends_chunk(&*self.archive.crypto, key, len))
        {
            self.finish_chunk(step)?;
        }
        Ok(())
    }

    /// INVARIANT: at leisure is done only what computes. Reading rows takes locks of the engine, and drawing
    /// random bytes those of the generator, which requests want as well.
    fn finish_chunk(
        &mut self,
        step: &mut dyn FnMut(Progress) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        if self.rows == 0 {
            return Ok(());
        }
        let (crypto, key, plain) = (&self.archive.crypto, &self.key, &self.plain);
        let id_key = key.subkey(&**crypto, b"keyreeve/chunk-id/v1");
        let mac = self.leisure.run(0, || crypto.hmac_sha256(id_key.expose(), &[plain]));
        let mut chunk = ChunkRef {
            id: std::array::from_fn(|at| mac[at]),
            sha256: [0; 32],
            bytes: 0,
            plain_bytes: length(plain.len())?,
            rows: self.rows,
        };
        if !self.is_there(&mut chunk)? {
            let (key, plain, store) = (&self.key, &self.plain, self.point.store);
            let mut salt = [0; 32];
            crypto.fill(&mut salt)?;
            let object = self.leisure.run(plain.len(), || seal(crypto, key, store, salt, plain))?;
            chunk.sha256 = crypto.sha256(&[&object]);
            chunk.bytes = length(object.len())?;
            let path = chunk_path(self.point.timeline, &chunk);
            self.archive.target.put(&path, &object, PutIf::Always)?;
            self.progress.bytes_written += u64::from(chunk.bytes);
        }
        self.progress.rows += u64::from(self.rows);
        self.progress.bytes += u64::from(chunk.bytes);
        self.chunks.push(chunk);
        self.plain.clear();
        self.rows = 0;
        step(self.progress)
    }

    /// Whether the target has the chunk. It is read: a new backup must not rest on an old one's damage.
    fn is_there(&mut self, chunk: &mut ChunkRef) -> Result<bool, BackupError> {
        for (sha256, bytes) in self.there.get(&chunk.id).into_iter().flatten() {
            let Ok(bytes) = u32::try_from(*bytes) else { continue };
            let found = ChunkRef { sha256: *sha256, bytes, ..*chunk };
            let Some((object, _)) = self.archive.target.get(&chunk_path(self.point.timeline, &found))? else {
                continue;
            };
            let (crypto, key, plain, store) =
                (&self.archive.crypto, &self.key, &self.plain, self.point.store);
            let is_same = || open(crypto, key, store, &found, &object).is_ok_and(|opened| opened == *plain);
            if self.leisure.run(plain.len(), is_same) {
                *chunk = found;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether an object is, byte for byte, the one that the manifest names.
pub(crate) fn check_object(crypto: &dyn Crypto, chunk: &ChunkRef, object: &[u8]) -> Result<(), &'static str> {
    match object.len() as u64 == u64::from(chunk.bytes) && crypto.sha256(&[object]) == chunk.sha256 {
        true => Ok(()),
        false => Err("its hash is not the one in its name"),
    }
}

fn seal(
    crypto: &Arc<dyn Crypto>,
    key: &ArchiveKey,
    store: Uuid,
    salt: [u8; 32],
    plain: &[u8],
) -> Result<Vec<u8>, BackupError> {
    let header = header(store, key.root_version, &salt);
    let binding = Binding { salt, section: SECTION, owner: crypto.sha256(&[&header]) };
    let seal = || {
        let mut writer = SealWriter::new(crypto.clone(), key, &binding)?;
        writer.write_all(plain)?;
        writer.finish()
    };
    let stream = seal().map_err(Error::internal)?;
    Ok([header.as_slice(), &stream].concat())
}

/// The rows' bytes of a chunk.
fn open(
    crypto: &Arc<dyn Crypto>,
    key: &ArchiveKey,
    store: Uuid,
    chunk: &ChunkRef,
    object: &[u8],
) -> Result<Vec<u8>, String> {
    check_object(&**crypto, chunk, object)?;
    let (head, stream) = object.split_first_chunk::<HEADER_LEN>().ok_or("it is cut short")?;
    let salt = std::array::from_fn(|at| head[HEADER_LEN - 32 + at]);
    if *head != header(store, key.root_version, &salt) {
        return Err("its header is of another store, root key or format".into());
    }
    let binding = Binding { salt, section: SECTION, owner: crypto.sha256(&[head]) };
    let open = || {
        let mut plain = Vec::new();
        let reader = SealReader::new(crypto.clone(), key, &binding, stream)?;
        reader.take(u64::from(chunk.plain_bytes) + 1).read_to_end(&mut plain)?;
        Ok::<_, std::io::Error>(plain)
    };
    let plain = open().map_err(|error| error.to_string())?;
    let fits = plain.len() as u64 == u64::from(chunk.plain_bytes);
    fits.then_some(plain).ok_or_else(|| "it holds more or less than its manifest says".into())
}

/// Rows of one chunk.
pub(crate) fn parse_rows(plain: &[u8]) -> Result<Vec<Row>, &'static str> {
    let mut rows = Vec::<Row>::new();
    let mut rest = plain;
    while !rest.is_empty() {
        let (key, record);
        let mut len = || {
            let (bytes, behind) = rest.split_first_chunk().ok_or("a row is cut short")?;
            rest = behind;
            Ok::<_, &'static str>(u32::from_be_bytes(*bytes) as usize)
        };
        let (key_len, record_len) = (len()?, len()?);
        (key, rest) = rest.split_at_checked(key_len).ok_or("a row is cut short")?;
        (record, rest) = rest.split_at_checked(record_len).ok_or("a row is cut short")?;
        if key.first() != Some(&b'r') || rows.last().is_some_and(|(last, _)| key <= last.as_slice()) {
            return Err("its rows are not in order");
        }
        rows.push((key.to_vec(), record.to_vec()));
    }
    Ok(rows)
}

/// Whether a chunk ends with the row of this key: the longer a row, the likelier, so that chunks get equally long.
fn ends_chunk(crypto: &dyn Crypto, key: &[u8], len: u64) -> bool {
    let hash = crypto.sha256(&[key]);
    let number = u64::from_be_bytes(std::array::from_fn(|at| hash[at]));
    number % CHUNK_BYTES_MORE < len
}

fn header(store: Uuid, root_version: u32, salt: &[u8; 32]) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_be_bytes());
    header[12..28].copy_from_slice(store.as_bytes());
    header[28..32].copy_from_slice(&root_version.to_be_bytes());
    header[32..].copy_from_slice(salt);
    header
}

fn length(len: usize) -> Result<u32, BackupError> {
    Ok(u32::try_from(len).map_err(|_| Error::internal("a chunk of a backup is too long"))?)
}

#[cfg(test)]
mod tests;
