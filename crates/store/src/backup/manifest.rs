//! The manifest of a full backup: which state it is, and which chunks hold its rows. What a chunk holds is `full`'s.
//!
//! A full backup is there once its manifest is, at `tTIMELINE/full/LSN.krm` (LSN with 20 digits). Its chunks lie at
//! `tTIMELINE/chunks/ID-SHA256.krc`, shared by all full backups of the timeline: rows that have not changed are written
//! once. ID = the first 16 bytes of HMAC-SHA-256(HKDF(archive key, "keyreeve/chunk-id/v1"), rows), SHA256 that of the
//! object, both in hexadecimal. Numbers are big-endian.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `KRVFULL` and a zero |
//! | 8 | 4 | format, 1 |
//! | 12 | 16 | store |
//! | 28 | 4 | timeline |
//! | 32 | 8 | LSN of the last entry that the state holds |
//! | 40 | 32 | hash of the journal's frame that ends with it |
//! | 72 | 8 | when that frame was written, Unix time in milliseconds, signed |
//! | 80 | 4 | version of the root key that everything is sealed under |
//! | 84 | 8 | generation of the epoch key in force; 0 without a key tree |
//! | 92 | 8 | rows |
//! | 100 | 4 | chunks, n |
//! | 104 | 60 n | for each chunk: id 16, SHA-256 32, bytes of the object u32, bytes of the rows u32, rows u32 |
//! | | 32 | HMAC-SHA-256 of everything before, under HKDF(archive key, "keyreeve/full-manifest/v1") |
//! | | 32 | SHA-256 of everything before: who has no key still notices damage |

use keyreeve_core::{model::Time, ports::crypto::Crypto};
use uuid::Uuid;

use super::{BackupError, sealed::ArchiveKey};
use crate::journal::{Digest, Lsn};

const MAGIC: [u8; 8] = *b"KRVFULL\0";
const FORMAT: u32 = 1;
const HEADER_LEN: usize = 104;
const CHUNK_LEN: usize = 60;
const MAC_LEN: usize = 32;
const END_LEN: usize = MAC_LEN + 32;

/// Which state a full backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullPoint {
    /// The store.
    pub store: Uuid,
    /// Its timeline.
    pub timeline: u32,
    /// The last entry of the journal that is in it.
    pub lsn: Lsn,
    /// Hash of the frame that ends with that entry.
    pub hash: Digest,
    /// When that frame was written.
    pub time: Time,
}

/// A full backup: what it is the state of, and where its rows are. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The state.
    pub point: FullPoint,
    /// The version of the root key that it is sealed under.
    pub root_version: u32,
    /// Generation of the epoch key that was in force; 0 without a key tree.
    pub generation: u64,
    /// Rows in all chunks.
    pub rows: u64,
    /// The chunks, in the order of their rows.
    pub chunks: Vec<ChunkRef>,
}

/// Where some rows of a full backup are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRef {
    /// Keyed hash of the rows.
    pub id: [u8; 16],
    /// Hash of the object.
    pub sha256: Digest,
    /// Length of the object in bytes.
    pub bytes: u32,
    /// Length of the rows in bytes.
    pub plain_bytes: u32,
    /// How many rows.
    pub rows: u32,
}

impl Manifest {
    /// Path of the manifest at a target.
    pub fn path(&self) -> String {
        manifest_path(self.point.timeline, self.point.lsn)
    }

    /// Path of one of its chunks.
    pub fn chunk_path(&self, chunk: &ChunkRef) -> String {
        chunk_path(self.point.timeline, chunk)
    }

    /// Length of the manifest itself in bytes.
    pub fn own_bytes(&self) -> u64 {
        (HEADER_LEN + self.chunks.len() * CHUNK_LEN + END_LEN) as u64
    }

    /// Bytes of manifest and chunks at the target.
    pub fn bytes(&self) -> u64 {
        self.own_bytes() + self.chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum::<u64>()
    }

    /// The manifest's bytes, authenticated under the key.
    pub(crate) fn encode(&self, crypto: &dyn Crypto, key: &ArchiveKey) -> Vec<u8> {
        let point = &self.point;
        let mut bytes = Vec::with_capacity(HEADER_LEN + self.chunks.len() * CHUNK_LEN + END_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_be_bytes());
        bytes.extend_from_slice(point.store.as_bytes());
        bytes.extend_from_slice(&point.timeline.to_be_bytes());
        bytes.extend_from_slice(&point.lsn.0.to_be_bytes());
        bytes.extend_from_slice(&point.hash);
        bytes.extend_from_slice(&point.time.0.to_be_bytes());
        bytes.extend_from_slice(&self.root_version.to_be_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.rows.to_be_bytes());
        bytes.extend_from_slice(&(self.chunks.len() as u32).to_be_bytes());
        for chunk in &self.chunks {
            bytes.extend_from_slice(&chunk.id);
            bytes.extend_from_slice(&chunk.sha256);
            for number in [chunk.bytes, chunk.plain_bytes, chunk.rows] {
                bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
        let mac = mac(crypto, key, &bytes);
        bytes.extend_from_slice(&mac);
        let sum = crypto.sha256(&[&bytes]);
        bytes.extend_from_slice(&sum);
        bytes
    }

    /// Reads a manifest that stands at `path`; who wrote it is told by `authenticate` alone.
    ///
    /// # Errors
    /// `Damaged` for anything but a whole manifest of this format that belongs there.
    pub(crate) fn decode(crypto: &dyn Crypto, path: &str, bytes: &[u8]) -> Result<Self, BackupError> {
        let wrong = |what: &str| BackupError::damaged(path, what);
        let (body, sum) = bytes.split_last_chunk::<32>().ok_or_else(|| wrong("it is cut short"))?;
        let fields = body.strip_prefix(&MAGIC).ok_or_else(|| wrong("it is no manifest"))?;
        let (format, fields) = fields.split_first_chunk().ok_or_else(|| wrong("it is cut short"))?;
        let format = u32::from_be_bytes(*format);
        if format != FORMAT {
            return Err(wrong(&format!("it has format {format}, this program knows {FORMAT}")));
        }
        if crypto.sha256(&[body]) != *sum {
            return Err(wrong("its checksum is wrong"));
        }
        let manifest = Fields(fields).manifest().map_err(wrong)?;
        if manifest.path() != path {
            return Err(wrong(&format!("it belongs at {}", manifest.path())));
        }
        Ok(manifest)
    }

    /// Proves that `bytes`, which `decode` took, were written by who holds the key.
    ///
    /// # Errors
    /// `Damaged` where they were not.
    pub(crate) fn authenticate(
        &self,
        crypto: &dyn Crypto,
        key: &ArchiveKey,
        bytes: &[u8],
    ) -> Result<(), BackupError> {
        let (rest, end) = bytes.split_at(bytes.len().saturating_sub(END_LEN));
        match end.get(..MAC_LEN).is_some_and(|given| crypto.equal(given, &mac(crypto, key, rest))) {
            true => Ok(()),
            false => Err(BackupError::damaged(&self.path(), "it was not written with this store's root key")),
        }
    }
}

/// Whether a path is that of a manifest.
pub(crate) fn is_manifest(path: &str) -> bool {
    let parse = || {
        let (timeline, lsn) = path.strip_prefix('t')?.strip_suffix(".krm")?.split_once("/full/")?;
        Some(manifest_path(timeline.parse().ok()?, Lsn(lsn.parse().ok()?)) == path)
    };
    parse().unwrap_or(false)
}

/// Whether a path is that of a chunk.
pub(crate) fn is_chunk(path: &str) -> bool {
    let parse = || {
        let (timeline, name) = path.strip_prefix('t')?.split_once("/chunks/")?;
        let timeline: u32 = timeline.parse().ok()?;
        Some(chunk_name(name).is_some() && path.starts_with(&chunks_prefix(timeline)))
    };
    parse().unwrap_or(false)
}

/// Where the manifest of a full backup lies.
pub(crate) fn manifest_path(timeline: u32, lsn: Lsn) -> String {
    format!("t{timeline}/full/{:020}.krm", lsn.0)
}

/// What the paths of all chunks of a timeline begin with.
pub(crate) fn chunks_prefix(timeline: u32) -> String {
    format!("t{timeline}/chunks/")
}

/// Where a chunk lies.
pub(crate) fn chunk_path(timeline: u32, chunk: &ChunkRef) -> String {
    format!("{}{}-{}.krc", chunks_prefix(timeline), hex::encode(chunk.id), hex::encode(chunk.sha256))
}

/// The id and hash that the last part of a chunk's path tells; `None` for any other name.
pub(crate) fn chunk_name(name: &str) -> Option<([u8; 16], Digest)> {
    let (id, sha256) = name.strip_suffix(".krc")?.split_once('-')?;
    let lower = |text: &str| text.bytes().all(|byte| !byte.is_ascii_uppercase());
    let (mut id_bytes, mut sha256_bytes) = ([0; 16], [0; 32]);
    hex::decode_to_slice(id, &mut id_bytes).ok()?;
    hex::decode_to_slice(sha256, &mut sha256_bytes).ok()?;
    (lower(id) && lower(sha256)).then_some((id_bytes, sha256_bytes))
}

fn mac(crypto: &dyn Crypto, key: &ArchiveKey, bytes: &[u8]) -> Digest {
    crypto.hmac_sha256(key.subkey(crypto, b"keyreeve/full-manifest/v1").expose(), &[bytes])
}

/// What is left to decode.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn manifest(mut self) -> Result<Manifest, &'static str> {
        let point = FullPoint {
            store: Uuid::from_bytes(self.take()?),
            timeline: u32::from_be_bytes(self.take()?),
            lsn: Lsn(u64::from_be_bytes(self.take()?)),
            hash: self.take()?,
            time: Time(i64::from_be_bytes(self.take()?)),
        };
        let root_version = u32::from_be_bytes(self.take()?);
        let generation = u64::from_be_bytes(self.take()?);
        let rows = u64::from_be_bytes(self.take()?);
        let count = u32::from_be_bytes(self.take()?);
        if self.0.len() as u64 != u64::from(count) * CHUNK_LEN as u64 + MAC_LEN as u64 {
            return Err("its length does not fit its chunks");
        }
        let chunks = (0..count).map(|_| self.chunk()).collect::<Result<_, _>>()?;
        Ok(Manifest { point, root_version, generation, rows, chunks })
    }

    fn chunk(&mut self) -> Result<ChunkRef, &'static str> {
        Ok(ChunkRef {
            id: self.take()?,
            sha256: self.take()?,
            bytes: u32::from_be_bytes(self.take()?),
            plain_bytes: u32::from_be_bytes(self.take()?),
            rows: u32::from_be_bytes(self.take()?),
        })
    }

    fn take<const LEN: usize>(&mut self) -> Result<[u8; LEN], &'static str> {
        let (field, rest) = self.0.split_first_chunk().ok_or("it is cut short")?;
        self.0 = rest;
        Ok(*field)
    }
}
