//! Proofs as the store's face gives them.

use std::sync::{Arc, atomic::AtomicU64};

use keyreeve_core::{
    Error, ErrorKind, Result,
    model::Lsn,
    ports::store::{TreeProof, TreeQuery},
};

use super::{
    LogKeys, Note,
    log::{Log, Parts, State},
    merkle,
    tiles::{TILE_HASHES, TileNodes},
};
use crate::{
    Store,
    failure::Failure,
    journal::{self, Digest, Journal, leaf_hash},
    marks::Marks,
    options::StoreOptions,
    recovery::StoreFile,
};

/// The log of a store that is being opened.
pub(crate) fn log(
    options: &StoreOptions,
    file: &StoreFile,
    (journal, marks, published): (&Journal, &Arc<Marks>, &Arc<AtomicU64>),
    failure: &Arc<Failure>,
) -> Arc<Log> {
    Arc::new(Log::new(Parts {
        here: file.place(),
        base: file.base().0,
        dir: options.dir.join("tree"),
        disk: options.disk.clone(),
        journal: journal.clone(),
        marks: marks.clone(),
        published: published.clone(),
        crypto: options.crypto.clone(),
        clock: options.clock.clone(),
        failure: failure.clone(),
        accept_rollback: options.accept_rollback,
        background: options.background,
    }))
}

impl Store {
    /// Signs checkpoints of the journal with these keys from now on. Without, no tree is kept.
    ///
    /// # Errors
    /// `Internal` for keys of another store, or where no thread can be had.
    pub fn start_checkpoints(&self, keys: LogKeys) -> Result<()> {
        self.log.start(keys)
    }

    /// The newest checkpoint: how many leaves it covers, and its note.
    ///
    /// # Errors
    /// `Unavailable` where none is signed, `Internal` for files that cannot be read or written.
    pub fn newest_checkpoint(&self) -> Result<(u64, Note)> {
        let (size, note) = self.log.with(|_, (checkpoint, note)| Ok((checkpoint.size, note.clone())))?;
        Ok((size, Note::parse(note.as_bytes())?))
    }

    /// That the tree of `old` leaves is a beginning of that of `new`, which a checkpoint covers.
    ///
    /// # Errors
    /// `NotFound` where the tree has no such sizes, else as [`Store::newest_checkpoint`].
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<[u8; 32]>> {
        self.log.with(|state, _| self.log.consistency(state, old, new))
    }

    /// Keeps a checkpoint that witnesses have cosigned. What is verified of it is the caller's business.
    ///
    /// # Errors
    /// `Internal` where it cannot be written.
    pub fn keep_witnessed(&self, note: &Note) -> Result<()> {
        self.log.keep_witnessed(note)
    }

    /// The verifier keys of the journal's checkpoints, as witnesses and others are told them, a line each.
    ///
    /// # Errors
    /// `Unavailable` without keys.
    pub fn checkpoint_keys(&self) -> Result<Vec<String>> {
        self.log.verifiers()
    }
}

impl Log {
    /// As core's store port says.
    pub(crate) fn prove(&self, query: TreeQuery) -> Result<TreeProof> {
        let keys = self.statement()?;
        self.with(|state, (checkpoint, note)| {
            let (leaf, hashes) = match query {
                TreeQuery::Checkpoint => (None, Vec::new()),
                TreeQuery::Witnessed => return self.shown_witnessed(&keys),
                TreeQuery::Inclusion(lsn) => {
                    let (index, leaf, hashes) = self.inclusion(state, lsn)?;
                    (Some((index, leaf)), hashes)
                }
                TreeQuery::Consistency(old) => (None, self.consistency(state, old, state.edge.size())?),
                TreeQuery::Tile { level, index, width } => (None, self.tile(state, level, index, width)?),
            };
            Ok(TreeProof {
                checkpoint: note.clone(),
                keys: keys.clone(),
                size: checkpoint.size,
                leaf,
                hashes,
            })
        })
    }

    /// The newest checkpoint that was witnessed.
    fn shown_witnessed(&self, keys: &str) -> Result<TreeProof> {
        let missing =
            || Error::new(ErrorKind::NotFound, "no witness has cosigned a checkpoint of this store yet");
        let (checkpoint, note) = self.witnessed()?.ok_or_else(missing)?;
        let keys = keys.to_owned();
        Ok(TreeProof { checkpoint: note, keys, size: checkpoint.size, leaf: None, hashes: Vec::new() })
    }

    fn inclusion(&self, state: &State, lsn: Lsn) -> Result<(u64, Digest, Vec<Digest>)> {
        let (base, size) = (self.parts.base, state.edge.size());
        let index = lsn.0.checked_sub(base + 1).filter(|index| *index < size).ok_or_else(|| {
            let public = format!("the tree has the entries {} to {}", base + 1, base + size);
            Error::new(ErrorKind::NotFound, public)
        })?;
        let mut nodes = TileNodes::new(&self.tiles, &state.edge);
        let hashes = merkle::inclusion(&self.sha256, &mut nodes, index, size).map_err(Error::internal)?;
        let leaf = self.leaf(lsn)?;
        let is_proven =
            merkle::is_included(&self.sha256, (&leaf, index), &hashes, (size, &state.edge.root()));
        if !is_proven {
            let public = format!("the tree does not prove entry {lsn}: its tiles or the journal are damaged");
            return Err(Error::new(ErrorKind::CryptoFailed, public));
        }
        Ok((index, leaf, hashes))
    }

    /// The leaf hash of an entry, from the journal itself.
    fn leaf(&self, lsn: Lsn) -> Result<Digest> {
        let at = journal::Lsn(lsn.0);
        let reader = match self.parts.marks.before(at) {
            Some(position) => self.parts.journal.read_from(position, at),
            None => self.parts.journal.read(at, at),
        };
        let mut reader = reader.map_err(Error::internal)?;
        while let Some(frame) = reader.next_frame().map_err(Error::internal)? {
            if let Some((_, entry)) = frame.entries().find(|(lsn, _)| *lsn == at) {
                return Ok(leaf_hash(&self.sha256, entry));
            }
        }
        Err(Error::internal(format!("the journal has no entry {lsn}")))
    }

    fn consistency(&self, state: &State, old: u64, size: u64) -> Result<Vec<Digest>> {
        if old > size || size > state.edge.size() {
            let public = format!("the tree has {size} leaves: no tree of {old} is a beginning of it");
            return Err(Error::new(ErrorKind::NotFound, public));
        }
        let mut nodes = TileNodes::new(&self.tiles, &state.edge);
        merkle::consistency(&self.sha256, &mut nodes, old, size).map_err(Error::internal)
    }

    fn tile(&self, state: &State, level: u64, index: u64, width: usize) -> Result<Vec<Digest>> {
        let missing = || Error::new(ErrorKind::NotFound, "the tree has no such tile");
        let there = state.edge.width_at(level, index);
        if width == 0 || width > there {
            return Err(missing());
        }
        // Of a tile that has grown since, the first hashes are those that it had.
        if there < TILE_HASHES {
            return state
                .edge
                .last_tile(level)
                .and_then(|hashes| hashes.get(..width))
                .map(<[_]>::to_vec)
                .ok_or_else(missing);
        }
        let bytes = self.tiles.get(level, index, TILE_HASHES).map_err(Error::internal)?;
        let bytes =
            bytes.ok_or_else(|| Error::internal(format!("tile {level}/{index} is missing or cut")))?;
        Ok(bytes.as_chunks::<32>().0[..width].to_vec())
    }
}
