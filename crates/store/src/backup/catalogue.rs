//! The catalogue of a target: what lies there, from which states and entries, and what is wrong with it at first sight.
//! Reads names, headers and manifests alone, and needs no key; `verify` reads all.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use keyreeve_core::{Error, model::Time, ports::crypto::Crypto};
use uuid::Uuid;

use super::{
    BackupError,
    anchor::{ANCHOR_PATH, Anchor},
    claim::{self, CLAIM_PATH},
    full::manifest_at,
    manifest::{Manifest, chunk_path, is_chunk, is_manifest},
    piece::{HEADER_LEN, PieceHeader, PieceName, store_of},
    shipper::{ROOT_PATH, is_checkpoint},
    targets::{Listed, Target},
    tree::is_tree,
};
use crate::journal::{Digest, Lsn};

/// What lies at a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Full backups, by timeline and LSN.
    pub fulls: Vec<FullBackup>,
    /// Archived runs of the journal, by timeline and first LSN; they may overlap.
    pub pieces: Vec<ArchivedPiece>,
    /// Who writes there.
    pub claim: Option<ClaimedBy>,
    /// Whether the wrapped root key is there.
    pub has_root: bool,
    /// Chunks that no manifest names: of a backup that was interrupted, or is under way.
    pub loose: Vec<Listed>,
    /// What is wrong, with its path or the address of the target.
    pub problems: Vec<Problem>,
}

/// A full backup at a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullBackup {
    /// What it says of itself.
    pub manifest: Manifest,
    /// All its chunks are there, in the right length.
    pub is_whole: bool,
}

/// An archived run of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedPiece {
    /// Its path.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// The store.
    pub store: Uuid,
    /// The timeline.
    pub timeline: u32,
    /// The first entry.
    pub first: Lsn,
    /// The last entry.
    pub last: Lsn,
    /// When the first frame was written.
    pub first_time: Time,
    /// When the last frame was written.
    pub last_time: Time,
    /// Hash of the frame before.
    pub previous: Digest,
    /// Hash of the last frame.
    pub hash: Digest,
}

/// Who has claimed a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedBy {
    /// The store.
    pub store: Uuid,
    /// Its timeline.
    pub timeline: u32,
    /// The data folder.
    pub owner: Uuid,
}

/// Something wrong at a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub path: String,
    /// What.
    pub what: String,
}

impl Catalogue {
    /// Reads the catalogue of a target.
    ///
    /// # Errors
    /// `Target`: what is wrong with single objects is among the problems.
    pub fn read(target: &dyn Target, crypto: &Arc<dyn Crypto>) -> Result<Self, BackupError> {
        let mut catalogue = Self::default();
        let mut chunks = HashMap::new();
        // INVARIANT: before the pieces, which come to a target before the anchor that tells of them.
        let anchor = Anchor::read(target, &**crypto);
        for listed in target.list("")? {
            if is_chunk(&listed.path) {
                chunks.insert(listed.path.clone(), listed);
            } else if let Err(error) = catalogue.add(target, crypto, &listed) {
                catalogue.problem(&listed.path, is_of_object(error)?);
            }
        }
        catalogue.fulls.sort_by_key(|full| (full.manifest.point.timeline, full.manifest.point.lsn));
        catalogue.pieces.sort_by_key(|piece| (piece.timeline, piece.first, piece.last));
        catalogue.match_chunks(chunks);
        catalogue.find_gaps();
        catalogue.find_strangers();
        match anchor {
            Ok(anchor) => anchor.iter().for_each(|(anchor, _)| catalogue.find_lost(anchor)),
            Err(error) => catalogue.problem(ANCHOR_PATH, is_of_object(error)?),
        }
        Ok(catalogue)
    }

    /// The store that all of it belongs to, where there is anything.
    pub fn store(&self) -> Option<Uuid> {
        let full = self.fulls.first().map(|full| full.manifest.point.store);
        full.or(self.pieces.first().map(|piece| piece.store)).or(self.claim.map(|claim| claim.store))
    }

    /// When the newest whole full backup was taken.
    pub fn last_full(&self) -> Option<Time> {
        let whole = self.fulls.iter().filter(|full| full.is_whole);
        whole.map(|full| full.manifest.point.time).max()
    }

    fn add(
        &mut self,
        target: &dyn Target,
        crypto: &Arc<dyn Crypto>,
        listed: &Listed,
    ) -> Result<(), BackupError> {
        let path = &listed.path;
        if let Some(name) = PieceName::parse(path) {
            let header = target.get_range(path, 0, HEADER_LEN as u64)?;
            let header = header.ok_or_else(|| BackupError::damaged(path, "it is gone"))?;
            self.pieces.push(piece(&name, listed.bytes, &header, crypto)?);
        } else if is_manifest(path) {
            let (manifest, _) = manifest_at(target, &**crypto, path)?;
            self.fulls.push(FullBackup { manifest, is_whole: false });
        } else if path == CLAIM_PATH {
            let claim = claim::read(target)?;
            self.claim = claim.map(|(file, _)| ClaimedBy {
                store: file.store,
                timeline: file.timeline,
                owner: file.owner,
            });
        } else if path == ROOT_PATH {
            self.has_root = true;
        } else if path != ANCHOR_PATH && !is_checkpoint(path) && !is_tree(path) {
            self.problem(path, "it is nothing that a backup is made of; it is left alone".into());
        }
        Ok(())
    }

    /// Finds the chunks of each full backup, and those of none.
    fn match_chunks(&mut self, chunks: HashMap<String, Listed>) {
        let mut named = HashSet::new();
        for full in &mut self.fulls {
            let timeline = full.manifest.point.timeline;
            let missing = full.manifest.chunks.iter().filter(|chunk| {
                let path = chunk_path(timeline, chunk);
                let is_there = chunks.get(&path).is_some_and(|found| found.bytes == u64::from(chunk.bytes));
                named.insert(path);
                !is_there
            });
            let missing = missing.count();
            full.is_whole = missing == 0;
            if missing > 0 {
                let what = format!("{missing} of its chunks are missing or cut short: it cannot be restored");
                self.problems.push(Problem { path: full.manifest.path(), what });
            }
        }
        self.loose = chunks.into_values().filter(|listed| !named.contains(&listed.path)).collect();
        self.loose.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// Names entries that are missing, and links of the chain that do not fit.
    fn find_gaps(&mut self) {
        let mut problems = Vec::new();
        // Hash of the frame that ends with an entry, as full backups and pieces tell it.
        let mut hashes = HashMap::new();
        for full in &self.fulls {
            let point = &full.manifest.point;
            hashes.insert((point.timeline, point.lsn), point.hash);
        }
        for piece in &self.pieces {
            let known = hashes.insert((piece.timeline, piece.last), piece.hash);
            if known.is_some_and(|known| known != piece.hash) {
                let what = format!("it tells another history up to entry {} than others here", piece.last);
                problems.push(Problem { path: piece.path.clone(), what });
            }
        }
        let mut reached = BTreeMap::<u32, Lsn>::new();
        for piece in &self.pieces {
            let before = Lsn(piece.first.0.saturating_sub(1));
            let begin = reached.get(&piece.timeline).copied().or_else(|| self.begin(piece.timeline));
            if begin.is_none() {
                let what = format!("the full backup that timeline {} begins with is missing", piece.timeline);
                problems.push(Problem { path: piece.path.clone(), what });
            }
            if let Some(end) = begin.filter(|end| *end < before) {
                let what =
                    format!("entries {} to {before} of timeline {} are missing", end.plus(1), piece.timeline);
                problems.push(Problem { path: piece.path.clone(), what });
            }
            if hashes.get(&(piece.timeline, before)).is_some_and(|hash| *hash != piece.previous) {
                let what = format!("it does not continue what ends with entry {before}");
                problems.push(Problem { path: piece.path.clone(), what });
            }
            let reached = reached.entry(piece.timeline).or_insert(piece.last);
            *reached = (*reached).max(piece.last);
        }
        self.problems.extend(problems);
    }

    /// Where a timeline's pieces have to go on: at its first full backup, or at the beginning of the first timeline.
    fn begin(&self, timeline: u32) -> Option<Lsn> {
        let mut fulls = self.fulls.iter().filter(|full| full.manifest.point.timeline == timeline);
        fulls.next().map(|full| full.manifest.point.lsn).or((timeline == 1).then_some(Lsn(0)))
    }

    /// Compares what is here with how far the store had come.
    fn find_lost(&mut self, anchor: &Anchor) {
        if self.store().is_some_and(|store| store != anchor.store) {
            return self.problem(ANCHOR_PATH, format!("it belongs to store {}", anchor.store));
        }
        let fulls = self.fulls.iter().map(|full| (full.manifest.point.timeline, full.manifest.point.lsn));
        let here = fulls.chain(self.pieces.iter().map(|piece| (piece.timeline, piece.last)));
        let ours = here.filter(|(timeline, _)| *timeline == anchor.timeline);
        let last = ours.map(|(_, lsn)| lsn).max().unwrap_or(Lsn(0));
        if last.0 < anchor.lsn {
            let Anchor { timeline, lsn, .. } = anchor;
            let what = format!(
                "timeline {timeline} had come to entry {lsn}, and what is left of it here ends with entry {last}"
            );
            self.problem(ANCHOR_PATH, what);
        }
    }

    /// Names what belongs to another store.
    fn find_strangers(&mut self) {
        let Some(store) = self.store() else { return };
        let fulls = self.fulls.iter().map(|full| (full.manifest.point.store, full.manifest.path()));
        let pieces = self.pieces.iter().map(|piece| (piece.store, piece.path.clone()));
        let strangers: Vec<_> = fulls.chain(pieces).filter(|(other, _)| *other != store).collect();
        for (other, path) in strangers {
            self.problem(&path, format!("it belongs to store {other}, others here to {store}"));
        }
    }

    fn problem(&mut self, path: &str, what: String) {
        self.problems.push(Problem { path: path.to_owned(), what });
    }
}

/// What is wrong with one object; whatever else went wrong stays an error.
pub(crate) fn is_of_object(error: BackupError) -> Result<String, BackupError> {
    match error {
        BackupError::Damaged { what, .. } => Ok(what),
        error => Err(error),
    }
}

fn piece(
    name: &PieceName,
    bytes: u64,
    header: &[u8],
    crypto: &Arc<dyn Crypto>,
) -> Result<ArchivedPiece, BackupError> {
    let path = name.path();
    let crypto = crypto.clone();
    let sha256: crate::journal::Sha256 = Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts));
    let header = PieceHeader::decode(header, &sha256).map_err(|what| BackupError::damaged(&path, what))?;
    if (header.identity.timeline, header.first, header.last) != (name.timeline, name.first, name.last) {
        return Err(BackupError::damaged(&path, "its header and its name differ"));
    }
    // Who can write at the target can write any lengths.
    let expected = header.changes.bytes.saturating_add(header.rest.bytes).saturating_add(HEADER_LEN as u64);
    if bytes != expected {
        return Err(BackupError::damaged(&path, format!("it has {bytes} bytes, its header says {expected}")));
    }
    let time = |ms: u64| i64::try_from(ms).map(Time).map_err(Error::internal);
    Ok(ArchivedPiece {
        bytes,
        store: store_of(&header),
        timeline: name.timeline,
        first: name.first,
        last: name.last,
        first_time: time(header.first_time_ms)?,
        last_time: time(header.last_time_ms)?,
        previous: header.previous,
        hash: header.hash,
        path,
    })
}
