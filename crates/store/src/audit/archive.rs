//! Checking what lies at a backup target: the archive itself, the tree beside it, who signed, and what is kept elsewhere. Without
//! any secret, entries stay sealed: hashes, lengths, chain, tree and signatures are checked. With what unlocks the root key at the
//! target each entry is held against its leaf, and what the entries say is checked as in a data folder. Nothing is written.

use std::sync::Arc;

use keyreeve_core::ports::crypto::Crypto;

use super::{
    checkpoint::Checkpoint,
    examine::{Examination, Outside, Wanted, cosigned, open_anchor, open_checkpoint, open_keys},
    history::History,
    keys::PublicKeys,
    note::NOTE_BYTES_MAX,
    tiles::{Edge, TILE_HASHES, WholeTile, tile_path, tiles_of_edge},
};
use crate::{
    backup::{
        ArchivedPiece, BackupError, Catalogue, Verification,
        anchor::Anchor,
        archive::cover,
        keys::RootArchiveKeys,
        piece::{ArchivedLink, HEADER_LEN, PieceName, Pieces, verify_outside},
        sealed::ArchiveKeys,
        shipper::CHECKPOINTS,
        targets::Target,
        tree, verify_archive,
    },
    journal::{Digest, LinkedFrame, Lsn, Sha256, leaf_hash},
    rebuild::RebuildProgress,
    sealing::{RootFile, Unlock},
};

/// A checkpoint that was kept elsewhere, or the one of the target that was witnessed.
const KEPT: &str = "the checkpoint";
const OF_TREE: &str = "the tree's checkpoint";

/// Examines the archive at a target; `unlock`: also what its entries say. `told` learns how far it has come.
///
/// # Errors
/// `Mismatch` where there is no backup, `Unlock` where the root key there does not open, `Target`: what is wrong is in the result.
pub fn examine_archive(
    target: &dyn Target,
    crypto: &Arc<dyn Crypto>,
    unlock: Option<&Unlock>,
    outside: Outside<'_>,
    told: &mut dyn FnMut(RebuildProgress),
) -> Result<(Examination, Verification), BackupError> {
    let verification = verify_archive(target, crypto, unlock, told)?;
    let catalogue = &verification.catalogue;
    let timelines = catalogue.pieces.iter().map(|piece| piece.timeline);
    let timelines = timelines.chain(catalogue.fulls.iter().map(|full| full.manifest.point.timeline));
    let (store, timeline) = (catalogue.store().unwrap_or_default(), timelines.max().unwrap_or(0));
    let mut found = Examination { store, timeline, ..Examination::default() };
    for problem in &verification.problems {
        found.add(0, format!("{}: {}", problem.path, problem.what));
    }
    root_file(&mut found, target, &**crypto)?;
    let signer = anchors(&mut found, target, crypto, catalogue, outside.anchor)?;
    let sha256: Sha256 = {
        let crypto = crypto.clone();
        Arc::new(move |parts: &[&[u8]]| crypto.sha256(parts))
    };
    let folder = tree::folder(timeline);
    let read = |path: &str| target.get_range(path, 0, NOTE_BYTES_MAX as u64 + 1);
    let keys = read(&format!("{folder}keys.json"))?;
    let keys = open_keys(&mut found, &**crypto, keys.as_deref(), signer.as_ref());
    let (wanted, size) = checkpoints(&mut found, (target, &**crypto), &folder, keys.as_ref(), outside)?;
    // First of all tiles: on a target that is written to, the edge gives way to another one.
    let mut edge_tiles = Vec::new();
    for (level, index, width) in tiles_of_edge(size) {
        let hashes = read_tile(target, &folder, (level, index, width))?;
        edge_tiles.push(EdgeTile { level, index, hashes });
    }
    let base = tree::begin(target, timeline)?;
    let signer = signer.or_else(|| keys.map(|keys| keys.signer));
    let mut walk = Walk {
        target,
        folder,
        // Anybody may have written that, and numbers behind it are counted.
        base: base.filter(|base| *base < 1 << 62).unwrap_or(0),
        edge: Edge::new(sha256.clone()),
        edge_tiles,
        size,
        wanted,
        leaves: None,
        history: History::new(crypto.clone(), signer),
        sha256,
        found,
    };
    walk.tree()?;
    walk.reach(catalogue);
    if let Some(unlock) = unlock {
        let keys = RootArchiveKeys::open(target, crypto, store, unlock)?;
        let keys: Arc<dyn ArchiveKeys> = Arc::new(keys);
        walk.entries(catalogue, &Pieces { crypto: crypto.clone(), keys })?;
    }
    Ok((walk.end(unlock.is_some()), verification))
}

/// The checkpoints that the tree is held against, and how many leaves it has.
fn checkpoints(
    found: &mut Examination,
    (target, crypto): (&dyn Target, &dyn Crypto),
    folder: &str,
    keys: Option<&PublicKeys>,
    outside: Outside<'_>,
) -> Result<(Vec<Wanted>, u64), BackupError> {
    let read = |path: &str| target.get_range(path, 0, NOTE_BYTES_MAX as u64 + 1);
    let kept = match (outside.checkpoint, outside.witnesses) {
        (Some(kept), _) => Some(kept.to_vec()),
        (None, []) => None,
        (None, _) => read(CHECKPOINTS[1].1)?,
    };
    if kept.is_none() && !outside.witnesses.is_empty() {
        found.add(0, "the target has no checkpoint that was witnessed, and none was given");
    }
    let (of_tree, newest) = (read(&format!("{folder}checkpoint"))?, read(CHECKPOINTS[0].1)?);
    let (mut wanted, mut size) = (Vec::new(), 0);
    for (note, whose) in [(kept, KEPT), (of_tree, OF_TREE), (newest, CHECKPOINTS[0].1)] {
        let Some(note) = note else { continue };
        let Some(checkpoint) = open_checkpoint(found, crypto, &note, whose, keys) else { continue };
        match whose {
            KEPT => found.witnessed_at = cosigned(found, crypto, (&checkpoint, &note), &outside),
            OF_TREE => size = checkpoint.size,
            _ => {}
        }
        wanted.push(Wanted { checkpoint, whose, is_met: false });
    }
    Ok((wanted, size))
}

/// The hashes of a tile at a target: level, number, width.
fn read_tile(
    target: &dyn Target,
    folder: &str,
    (level, index, width): (u64, u64, usize),
) -> Result<Option<Vec<Digest>>, BackupError> {
    let path = format!("{folder}tile/{}", tile_path(level, index, width));
    let bytes = target.get_range(&path, 0, width as u64 * 32 + 1)?;
    Ok(bytes.filter(|bytes| bytes.len() == width * 32).map(|bytes| bytes.as_chunks::<32>().0.to_vec()))
}

/// The wrapped root key must be whole: without it nothing at the target opens.
fn root_file(found: &mut Examination, target: &dyn Target, crypto: &dyn Crypto) -> Result<(), BackupError> {
    match target.get(crate::backup::shipper::ROOT_PATH)? {
        None => found.add(0, "the root key is not there: nothing here can be opened"),
        Some((bytes, _)) => {
            if let Err(error) = RootFile::parse(crypto, &bytes) {
                found.add(0, format!("root.json: {error}"));
            }
        }
    }
    Ok(())
}

/// Holds the archive against the anchor at the target and the one from outside, which names who signs.
fn anchors(
    found: &mut Examination,
    target: &dyn Target,
    crypto: &Arc<dyn Crypto>,
    catalogue: &Catalogue,
    outside: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, BackupError> {
    let outside = outside.and_then(|anchor| open_anchor(found, &**crypto, anchor));
    let signer = outside.as_ref().map(|(_, signer)| signer.clone());
    found.is_signer_known = signer.is_some();
    // What is wrong with that one is among the problems of the archive already.
    let there = Anchor::read(target, &**crypto).ok().flatten();
    if let Some((_, by)) = &there
        && signer.as_ref().is_some_and(|signer| signer != by)
    {
        found.add(0, "anchor.json is signed by another key than the anchor that was given");
    }
    let timeline = found.timeline;
    for (anchor, _) in outside.iter().chain(&there).filter(|(anchor, _)| anchor.timeline == timeline) {
        let fulls = catalogue.fulls.iter().map(|full| &full.manifest.point);
        let fulls = fulls.map(|point| (point.timeline, point.lsn, point.hash));
        let pieces = catalogue.pieces.iter().map(|piece| (piece.timeline, piece.last, piece.hash));
        let mut ends = fulls.chain(pieces).filter(|(at, lsn, _)| (*at, lsn.0) == (timeline, anchor.lsn));
        if ends.any(|(_, _, hash)| hash != anchor.hash) {
            found.add(anchor.lsn, "this is another entry than the one that was anchored");
        }
        if catalogue.pieces.iter().all(|piece| piece.last.0 < anchor.lsn)
            && catalogue.fulls.iter().all(|full| full.manifest.point.lsn.0 < anchor.lsn)
        {
            found.add(anchor.lsn, "the archive ends before this entry, to which the store had come");
        }
    }
    Ok(signer)
}

/// A tile that is not whole.
struct EdgeTile {
    level: u64,
    index: u64,
    /// Its hashes; none where it is not there, or has another length.
    hashes: Option<Vec<Digest>>,
}

/// What is known on the way through the tree, and the entries.
struct Walk<'a> {
    target: &'a dyn Target,
    folder: String,
    /// The entry before the first leaf.
    base: u64,
    sha256: Sha256,
    edge: Edge,
    /// The tiles at the target that are not whole.
    edge_tiles: Vec<EdgeTile>,
    /// Leaves of the tree at the target.
    size: u64,
    wanted: Vec<Wanted>,
    /// The leaves of one tile: its number, and its hashes.
    leaves: Option<(u64, Vec<Digest>)>,
    history: History,
    found: Examination,
}

impl Walk<'_> {
    /// Computes the tree from its leaves, and holds its other tiles and the checkpoints against it.
    fn tree(&mut self) -> Result<(), BackupError> {
        while self.edge.size() < self.size {
            let (index, first) = (self.edge.size() / TILE_HASHES as u64, self.base + self.edge.size() + 1);
            let width = (self.size - self.edge.size()).min(TILE_HASHES as u64) as usize;
            let Some(leaves) = self.tile(0, index, width)? else {
                // Without its leaves no more of the tree can be told.
                self.found.add(first, "the tree lacks its leaves from here on");
                return Ok(());
            };
            let mut whole = Vec::new();
            for leaf in leaves {
                self.push(leaf, &mut whole);
            }
            for tile in whole.iter().filter(|tile| tile.level > 0) {
                self.above(tile)?;
            }
        }
        for (level, index, width) in tiles_of_edge(self.size).filter(|(level, ..)| *level > 0) {
            let ours = self.edge.last_tile(level).map(<[Digest]>::to_vec);
            if self.tile(level, index, width)? != ours {
                self.found.add(
                    0,
                    format!(
                        "the last tile of the tree at level {level} is missing, or not that of its leaves"
                    ),
                );
            }
        }
        Ok(())
    }

    /// Adds a leaf, and holds the tree against the checkpoints of that size.
    fn push(&mut self, leaf: Digest, whole: &mut Vec<WholeTile>) {
        self.edge.push(leaf, whole);
        let size = self.edge.size();
        for wanted in self.wanted.iter_mut().filter(|wanted| wanted.checkpoint.size == size) {
            wanted.is_met = true;
            if self.edge.root() != wanted.checkpoint.root {
                let what =
                    format!("the leaves up to this entry's are not those that {} covers", wanted.whose);
                self.found.add(self.base + size, what);
            }
        }
    }

    fn above(&mut self, tile: &WholeTile) -> Result<(), BackupError> {
        let first = self.base + (tile.index << (8 * (tile.level + 1))) + 1;
        match self.tile(tile.level, tile.index, TILE_HASHES)? {
            Some(stored) if stored.concat() == tile.bytes => {}
            Some(_) => self.found.add(first, "a tile of the tree from here on is not that of its leaves"),
            None => self.found.add(first, format!("the tree lacks its tile at level {}", tile.level)),
        }
        Ok(())
    }

    /// The hashes of a tile at the target; none where it is not there, or has another length.
    fn tile(&self, level: u64, index: u64, width: usize) -> Result<Option<Vec<Digest>>, BackupError> {
        let is_it = |tile: &&EdgeTile| (tile.level, tile.index) == (level, index);
        match self.edge_tiles.iter().find(|tile| width < TILE_HASHES && is_it(tile)) {
            Some(tile) => Ok(tile.hashes.clone()),
            None => read_tile(self.target, &self.folder, (level, index, width)),
        }
    }

    /// Sees whether the pieces reach as far as the checkpoints tell.
    fn reach(&mut self, catalogue: &Catalogue) {
        let timeline = self.found.timeline;
        let pieces = || catalogue.pieces.iter().filter(|piece| piece.timeline == timeline);
        let first = pieces().map(|piece| piece.first.0).min().unwrap_or(0);
        let fulls = catalogue.fulls.iter().map(|full| &full.manifest.point);
        let fulls = fulls.filter(|point| point.timeline == timeline).map(|point| point.lsn.0);
        let last = pieces().map(|piece| piece.last.0).chain(fulls).max().unwrap_or(0);
        self.found.entries = (first, last);
        for wanted in &self.wanted {
            let covered = self.base.saturating_add(wanted.checkpoint.size);
            if covered > last {
                let what =
                    format!("the archive ends here, and {} covers entries up to {covered}", wanted.whose);
                self.found.add(last, what);
            }
        }
    }

    /// Opens the pieces, and takes in their entries.
    fn entries(&mut self, catalogue: &Catalogue, pieces: &Pieces) -> Result<(), BackupError> {
        let timeline = self.found.timeline;
        let ours = catalogue.pieces.iter().filter(|piece| piece.timeline == timeline);
        let names: Vec<PieceName> =
            ours.filter_map(|piece: &ArchivedPiece| PieceName::parse(&piece.path)).collect();
        let mut next = names.first().map_or(Lsn::FIRST, |first| first.first);
        for name in cover(names.iter(), next) {
            let path = name.path();
            let taken = self.piece(&path, pieces, &mut next);
            // Told already, with the path, where the archive was verified.
            if let Err(BackupError::Damaged { .. }) = taken {
                self.found.add(next.0, "this entry and what comes behind it cannot be read");
                return Ok(());
            }
            taken?;
        }
        Ok(())
    }

    fn piece(&mut self, path: &str, pieces: &Pieces, next: &mut Lsn) -> Result<(), BackupError> {
        let gone = || BackupError::damaged(path, "it is gone");
        let (bytes, _) = self.target.get(path)?.ok_or_else(gone)?;
        let header = verify_outside(path, &bytes, &pieces.sha256())?;
        let (changes, rest) = bytes[HEADER_LEN..].split_at(header.changes.bytes as usize);
        for link in pieces.links(path, &header, changes, rest)? {
            let ArchivedLink::Frame(bytes, facts) = link? else { continue };
            let frame = LinkedFrame { bytes: &bytes, facts };
            for (lsn, entry) in frame.entries().filter(|(lsn, _)| *lsn >= *next) {
                self.entry(lsn, entry)?;
            }
            *next = (*next).max(facts.first.plus(facts.count.into()));
        }
        Ok(())
    }

    fn entry(&mut self, lsn: Lsn, entry: &[u8]) -> Result<(), BackupError> {
        let found = &mut self.found;
        self.history.take(lsn, entry, &mut |what| found.add(lsn.0, what));
        let leaf = leaf_hash(&self.sha256, entry);
        let Some(index) = lsn.0.checked_sub(self.base + 1) else {
            self.found.add(lsn.0, "an entry from before the timeline lies in it");
            return Ok(());
        };
        if index < self.size {
            let tile = index / TILE_HASHES as u64;
            if self.leaves.as_ref().is_none_or(|(held, _)| *held != tile) {
                let width = (self.size - tile * TILE_HASHES as u64).min(TILE_HASHES as u64) as usize;
                self.leaves = Some((tile, self.tile(0, tile, width)?.unwrap_or_default()));
            }
            let at = (index % TILE_HASHES as u64) as usize;
            let stored = self.leaves.as_ref().and_then(|(_, leaves)| leaves.get(at));
            if stored.is_some_and(|stored| *stored != leaf) {
                self.found.add(lsn.0, "this entry is another one than the tree's leaf");
            }
        } else if index == self.edge.size() {
            self.push(leaf, &mut Vec::new());
        }
        Ok(())
    }

    fn end(mut self, is_opened: bool) -> Examination {
        let (from_outside, is_kept) = (&self.wanted, |wanted: &&Wanted| wanted.whose == KEPT);
        // A newer checkpoint than the tree's is met by the entries alone, which are sealed; what was kept must be met.
        let unmet = from_outside.iter().filter(|wanted| !wanted.is_met && wanted.checkpoint.size > 0);
        let unmet: Vec<String> = unmet
            .filter(|wanted| is_kept(wanted) || is_opened || wanted.checkpoint.size <= self.size)
            .map(|wanted| {
                format!("the leaves that {} covers are not all there to be held against it", wanted.whose)
            })
            .collect();
        unmet.into_iter().for_each(|what| self.found.add(self.base + self.edge.size(), what));
        let covering = |wanted: &&Wanted| wanted.is_met;
        let kept = self.wanted.iter().find(is_kept).filter(covering).map(|wanted| &wanted.checkpoint);
        let newest =
            self.wanted.iter().filter(covering).map(|wanted| &wanted.checkpoint).max_by_key(|met| met.size);
        let covered = kept.or(newest).map_or(0, |checkpoint: &Checkpoint| checkpoint.size);
        self.found.covered = if covered == 0 { 0 } else { self.base + covered };
        self.found.unwitnessed = self.found.entries.1.saturating_sub(self.base + covered);
        self.found.certificates = self.history.certificates;
        self.found.pending = self.history.pending();
        self.found.wrong.sort_by_key(|wrong| wrong.lsn);
        self.found
    }
}
