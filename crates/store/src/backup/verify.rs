//! Verifying an archive, offline and object by object: without keys names, lengths, hashes and the chain; with the root
//! key every byte and record. That all live keys come back is not told here: `restore::preview` opens them.

use std::{collections::BTreeSet, sync::Arc};

use keyreeve_core::ports::crypto::Crypto;

use super::{
    BackupError, FullBackup,
    catalogue::{Catalogue, Problem, is_of_object},
    full::{Fulls, check_object},
    keys::RootArchiveKeys,
    manifest::Manifest,
    piece::{Pieces, verify_outside},
    sealed::ArchiveKeys,
    targets::Target,
};
use crate::{
    index::encoding,
    rebuild::{RebuildPart, RebuildProgress},
    sealing::Unlock,
};

/// What verifying may use.
pub(crate) struct VerifyWith {
    pub(crate) crypto: Arc<dyn Crypto>,
    /// Opens what is sealed; without, only the outside is verified.
    pub(crate) keys: Option<Arc<dyn ArchiveKeys>>,
}

/// How verifying an archive ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// What lies there.
    pub catalogue: Catalogue,
    /// Objects that were read.
    pub objects: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// All that is wrong, the catalogue's problems included. Empty: the archive is good as far as was looked.
    pub problems: Vec<Problem>,
}

/// Verifies all there is at a target without a store; with what unlocks the root key there, also what is sealed.
///
/// # Errors
/// `Unlock` and `Damaged` where root.json does not open; `Mismatch` where there is nothing; `Target`.
pub fn verify_archive(
    target: &dyn Target,
    crypto: &Arc<dyn Crypto>,
    unlock: Option<&Unlock>,
    told: &mut dyn FnMut(RebuildProgress),
) -> Result<Verification, BackupError> {
    let nothing = || BackupError::Mismatch {
        target: target.address().to_owned(),
        what: "it holds no backup: check the address".to_owned(),
    };
    let store = Catalogue::read(target, crypto)?.store().ok_or_else(nothing)?;
    let keys = unlock.map(|unlock| RootArchiveKeys::open(target, crypto, store, unlock)).transpose()?;
    let keys = keys.map(|keys| Arc::new(keys) as Arc<dyn ArchiveKeys>);
    verify(target, &VerifyWith { crypto: crypto.clone(), keys }, told)
}

/// Verifies all there is at a target; `told` learns how far it has come.
///
/// # Errors
/// `Target`, and `Other` where a root key is not held: what is wrong with objects is in the result.
pub(crate) fn verify(
    target: &dyn Target,
    with: &VerifyWith,
    told: &mut dyn FnMut(RebuildProgress),
) -> Result<Verification, BackupError> {
    let catalogue = Catalogue::read(target, &with.crypto)?;
    let mut verification = Verification { problems: catalogue.problems.clone(), ..Verification::default() };
    let fulls: Vec<&FullBackup> = catalogue.fulls.iter().filter(|full| full.is_whole).collect();
    let total = catalogue.pieces.len() + fulls.iter().map(|full| full.manifest.chunks.len()).sum::<usize>();
    let mut looked = Looked { told, done: 0, total: total as u64 };
    for piece in &catalogue.pieces {
        looked.at_next();
        let found = verify_piece(target, with, &piece.path);
        verification.note(&piece.path, found.map(|()| piece.bytes))?;
    }
    let mut seen = BTreeSet::new();
    for full in fulls {
        let path = full.manifest.path();
        let found = match &with.keys {
            None => verify_chunks(target, with, &full.manifest, &mut seen, &mut looked),
            Some(keys) => verify_rows(target, with, keys, &path, &mut looked),
        };
        verification.note(&path, found.map(|()| full.manifest.bytes()))?;
    }
    verification.catalogue = catalogue;
    Ok(verification)
}

/// How many objects were looked at, of how many.
struct Looked<'a> {
    told: &'a mut dyn FnMut(RebuildProgress),
    done: u64,
    total: u64,
}

impl Looked<'_> {
    fn at_next(&mut self) {
        self.done += 1;
        (self.told)(RebuildProgress { part: RebuildPart::Objects, done: self.done, total: self.total });
    }
}

impl Verification {
    fn note(&mut self, path: &str, found: Result<u64, BackupError>) -> Result<(), BackupError> {
        self.objects += 1;
        match found {
            Ok(bytes) => self.bytes += bytes,
            Err(error) => {
                // The damaged chunk rather than the manifest that names it.
                let at = match &error {
                    BackupError::Damaged { object, .. } => object.clone(),
                    _ => path.to_owned(),
                };
                let problem = Problem { path: at, what: is_of_object(error)? };
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
            }
        }
        Ok(())
    }
}

fn verify_piece(target: &dyn Target, with: &VerifyWith, path: &str) -> Result<(), BackupError> {
    let (bytes, _) = target.get(path)?.ok_or_else(|| BackupError::damaged(path, "it is gone"))?;
    match &with.keys {
        Some(keys) => {
            let pieces = Pieces { crypto: with.crypto.clone(), keys: keys.clone() };
            pieces.verify(path, &bytes).map(drop)
        }
        None => {
            let crypto = with.crypto.clone();
            let sha256: crate::journal::Sha256 = Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts));
            verify_outside(path, &bytes, &sha256).map(drop)
        }
    }
}

/// Checks the hashes of all chunks, each once for all full backups.
fn verify_chunks(
    target: &dyn Target,
    with: &VerifyWith,
    manifest: &Manifest,
    seen: &mut BTreeSet<String>,
    looked: &mut Looked<'_>,
) -> Result<(), BackupError> {
    for chunk in &manifest.chunks {
        looked.at_next();
        let path = manifest.chunk_path(chunk);
        if seen.insert(path.clone()) {
            let damaged = |what: &str| BackupError::damaged(&path, what);
            let (object, _) = target.get(&path)?.ok_or_else(|| damaged("it is gone"))?;
            check_object(&*with.crypto, chunk, &object).map_err(damaged)?;
        }
    }
    Ok(())
}

/// Opens and decodes all rows of a full backup.
fn verify_rows(
    target: &dyn Target,
    with: &VerifyWith,
    keys: &Arc<dyn ArchiveKeys>,
    path: &str,
    looked: &mut Looked<'_>,
) -> Result<(), BackupError> {
    let fulls = Fulls { target, crypto: with.crypto.clone(), keys: &**keys };
    let damaged = |error| BackupError::damaged(path, format!("a record does not decode: {error}"));
    let read = fulls.read(path, |_, rows| {
        looked.at_next();
        rows.iter().try_for_each(|(key, record)| encoding::decode_row(key, record).map(drop).map_err(damaged))
    });
    read.map(drop)
}
