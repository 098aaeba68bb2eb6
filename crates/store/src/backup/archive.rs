//! An archive: the journal of one timeline as pieces at one target. Ships what is new, merges what is small, reads back.
//!
//! INVARIANT: what is shipped continues what is there, by LSN and by hash: an archive never mixes two histories.
//! INVARIANT: a piece is removed only when a larger one that holds all of it is durable. Pieces may overlap meanwhile.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use keyreeve_core::{
    model::{self, SealedNode},
    record::{Change, Record},
};

use super::{
    BackupError,
    claim::{Claim, Claimant},
    piece::{HEADER_LEN, Piece, PieceHeader, PieceName, Pieces},
    targets::{PutIf, Target},
};
use crate::{
    index::encoding,
    journal::{Digest, Identity, Journal, JournalError, Lsn, Position},
    marks::Marks,
};

/// A piece is closed when its frames have this many bytes.
const PIECE_BYTES_MAX: usize = 4 << 20;
/// So many small pieces in a row become one.
const MERGED_PIECES: usize = 64;
/// Small, by bytes: first pieces of a moment's work, then pieces of such pieces. Larger ones stay as they are.
const SMALL_BYTES: [u64; 2] = [32 << 10, 512 << 10];
/// The part of a piece that a restore reads has so many bytes at most: a header that says more is nobody's of ours.
const CHANGES_BYTES_MAX: u64 = 64 << 20;
/// Bounds the memory of a merge: no more small pieces are taken than reach this.
const MERGED_BYTES_MAX: u64 = 4 << 20;

/// What archives are made of, and whose they are: shared by all targets of a store.
pub(crate) struct Source {
    pub(crate) journal: Journal,
    /// The newest durable entry.
    pub(crate) published: Arc<AtomicU64>,
    pub(crate) marks: Arc<Marks>,
    pub(crate) pieces: Pieces,
    pub(crate) claimant: Claimant,
}

impl Source {
    /// The newest durable entry.
    pub(crate) fn last(&self) -> Lsn {
        Lsn(self.published.load(Ordering::Acquire))
    }

    /// The hash of the frame that ends with this entry; none where no frame does, or it is not kept.
    ///
    /// # Errors
    /// Where the journal cannot be read there.
    pub(crate) fn hash_at(&self, lsn: Lsn) -> Result<Option<Digest>, JournalError> {
        match self.journal.links(lsn.plus(1), lsn, self.marks.before(lsn)) {
            Ok(links) => Ok(Some(links.previous())),
            Err(JournalError::NoFrame { .. } | JournalError::Pruned { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn identity(&self) -> Identity {
        Identity { store: self.claimant.store.into_bytes(), timeline: self.claimant.timeline }
    }

    /// The first entry that the journal holds, or will hold.
    fn first(&self) -> Result<Lsn, BackupError> {
        match self.journal.links(Lsn::FIRST, Lsn(0), None) {
            Ok(_) => Ok(Lsn::FIRST),
            Err(JournalError::Pruned { first, .. }) => Ok(first),
            Err(error) => Err(error.into()),
        }
    }
}

/// The archive of a store's present timeline at a target that it has claimed.
pub(crate) struct Archive {
    source: Arc<Source>,
    target: Arc<dyn Target>,
    claim: Claim,
    /// In order of their first entries.
    held: Vec<Held>,
    /// The first entry that is not there yet.
    next: Lsn,
    /// Of the link before `next`, where a piece ends there.
    hash: Option<Digest>,
    /// Where `next` is in the journal, where that is known.
    near: Option<Position>,
}

#[derive(Clone, Copy)]
struct Held {
    name: PieceName,
    bytes: u64,
}

impl Archive {
    /// Looks what there is at the target.
    ///
    /// # Errors
    /// `Mismatch` where it holds what this journal does not; `Damaged`, `Target`, `Journal`.
    pub(crate) fn open(
        source: Arc<Source>,
        target: Arc<dyn Target>,
        claim: Claim,
    ) -> Result<Self, BackupError> {
        let mut held: Vec<Held> = target
            .list(&PieceName::folder(source.claimant.timeline))?
            .iter()
            .filter_map(|listed| Some(Held { name: PieceName::parse(&listed.path)?, bytes: listed.bytes }))
            .collect();
        held.sort_by_key(|held| held.name);
        let (mut next, mut hash) = (source.first()?, None);
        if let Some(first) = held.first() {
            let cover = cover(held.iter().map(|held| &held.name), first.name.first);
            let last = *cover.last().unwrap_or(&first.name);
            next = last.last.plus(1);
            hash = Some(fetch_header(&source.pieces, &*target, &last)?.hash);
        }
        let archive = Self { source, target, claim, held, next, hash, near: None };
        if archive.last() > archive.source.last() {
            return Err(archive.mismatch(&format!(
                "it has come to entry {}, this journal to {}: the data folder was rolled back. Remove this target, and \
                 register another place",
                archive.last(),
                archive.source.last()
            )));
        }
        Ok(archive)
    }

    /// The first entry that is there, or will be.
    pub(crate) fn first(&self) -> Lsn {
        self.held.first().map_or(self.next, |held| held.name.first)
    }

    /// The entry up to which all are there.
    pub(crate) fn last(&self) -> Lsn {
        Lsn(self.next.0.saturating_sub(1))
    }

    /// The hash of the frame that ends with the last entry.
    pub(crate) fn hash(&self) -> Option<Digest> {
        self.hash
    }

    /// How many pieces there are, and their bytes.
    pub(crate) fn size(&self) -> (u64, u64) {
        (self.held.len() as u64, self.held.iter().map(|held| held.bytes).sum())
    }

    /// The claim under which it is written.
    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Ships the next piece of what is durable up to `until`; how many bytes it took, none where all is there.
    ///
    /// # Errors
    /// `Fenced`, `Mismatch` where what is there is not what the journal holds, `Target`, `Journal`.
    pub(crate) fn ship_next(&mut self, until: Lsn) -> Result<Option<u64>, BackupError> {
        if self.next > until {
            return Ok(None);
        }
        let near = self.near.or_else(|| self.source.marks.before(self.last()));
        let mut links = self.source.journal.links(self.next, until, near)?;
        if self.hash.is_some_and(|hash| hash != links.previous()) {
            return Err(self.mismatch("its last piece is of another history of this store than this journal"));
        }
        let Some(piece) = self.source.pieces.build(self.source.identity(), &mut links, PIECE_BYTES_MAX)?
        else {
            return Ok(None);
        };
        let bytes = self.put(&piece)?;
        (self.next, self.hash) = (piece.header.last.plus(1), Some(piece.header.hash));
        self.near = Some(links.position());
        Ok(Some(bytes))
    }

    /// Makes one piece of small ones that lie behind each other, where there are enough; how many bytes it took.
    ///
    /// # Errors
    /// As [`Self::ship_next`].
    pub(crate) fn merge(&mut self) -> Result<u64, BackupError> {
        let Some(range) = self.mergeable() else {
            return Ok(0);
        };
        let (first, last) = (self.held[range.start].name.first, self.held[range.end - 1].name.last);
        let near = self.source.marks.before(Lsn(first.0.saturating_sub(1)));
        let mut links = match self.source.journal.links(first, last, near) {
            Err(JournalError::Pruned { .. }) => return Ok(0),
            links => links?,
        };
        let piece = self.source.pieces.build(self.source.identity(), &mut links, usize::MAX)?;
        let Some(piece) = piece.filter(|piece| (piece.name.first, piece.name.last) == (first, last)) else {
            return Err(self.mismatch("its pieces do not end where the journal's frames do"));
        };
        let bytes = self.put(&piece)?;
        let small: Vec<Held> = self
            .held
            .extract_if(.., |held| {
                held.name != piece.name && held.name.first >= first && held.name.last <= last
            })
            .collect();
        for held in small {
            self.claim.check()?;
            self.target.delete(&held.name.path())?;
        }
        Ok(bytes)
    }

    /// The nodes of the key tree that entries between two positions, both included, brought, as they stand at the target.
    /// Nothing else of these entries is kept: after a long absence they may be many.
    ///
    /// # Errors
    /// `Mismatch` where it does not hold them all, `Damaged`, `Target`.
    pub(crate) fn nodes(&self, from: Lsn, until: Lsn) -> Result<Vec<Arc<SealedNode>>, BackupError> {
        let cover = cover(self.held.iter().map(|held| &held.name), from);
        if cover.last().is_none_or(|last| last.last < until) {
            return Err(self.mismatch(&format!("it does not hold all entries from {from} to {until}")));
        }
        let (mut nodes, mut next) = (Vec::new(), from);
        for name in cover.iter().take_while(|name| name.first <= until) {
            let path = name.path();
            let header = fetch_header(&self.source.pieces, &*self.target, name)?;
            let sealed = fetch_changes(&*self.target, name, &header)?;
            for entry in self.source.pieces.changes(&path, &header, sealed.as_slice())? {
                let entry = entry?;
                if (next..=until).contains(&entry.lsn) {
                    let changes = encoding::decode_changes(model::Lsn(entry.lsn.0), &entry.bytes)?;
                    nodes.extend(changes.into_iter().filter_map(|change| match change {
                        Change::Put(Record::Node(node)) => Some(node),
                        _ => None,
                    }));
                }
            }
            next = name.last.plus(1);
        }
        Ok(nodes)
    }

    fn put(&mut self, piece: &Piece) -> Result<u64, BackupError> {
        self.claim.check()?;
        self.target.put(&piece.name.path(), &piece.bytes, PutIf::Always)?;
        let bytes = piece.bytes.len() as u64;
        let held = Held { name: piece.name, bytes };
        let at = self.held.partition_point(|before| before.name < held.name);
        self.held.insert(at, held);
        Ok(bytes)
    }

    fn mergeable(&self) -> Option<Range<usize>> {
        SMALL_BYTES.iter().find_map(|small| {
            let (mut start, mut sum) = (0, 0);
            for (at, held) in self.held.iter().enumerate() {
                let continues = at == 0 || self.held[at - 1].name.last.plus(1) == held.name.first;
                if held.bytes >= *small {
                    (start, sum) = (at + 1, 0);
                    continue;
                }
                if !continues {
                    (start, sum) = (at, 0);
                }
                sum += held.bytes;
                let count = at + 1 - start;
                if count == MERGED_PIECES || (count > 1 && sum >= MERGED_BYTES_MAX) {
                    return Some(start..at + 1);
                }
            }
            None
        })
    }

    fn mismatch(&self, what: &str) -> BackupError {
        BackupError::Mismatch { target: self.target.address().to_owned(), what: what.to_owned() }
    }
}

/// Pieces that hold, one behind the other, all entries from `from` on as far as they reach. `names` are in order.
pub(crate) fn cover<'a>(names: impl Iterator<Item = &'a PieceName>, from: Lsn) -> Vec<PieceName> {
    let mut cover: Vec<PieceName> = Vec::new();
    let mut best: Option<PieceName> = None;
    let mut next = from;
    for name in names {
        if name.first > next {
            let Some(taken) = best.take() else { break };
            next = taken.last.plus(1);
            cover.push(taken);
            if name.first > next {
                break;
            }
        }
        if name.last >= next && best.is_none_or(|best| name.last > best.last) {
            best = Some(*name);
        }
    }
    cover.extend(best);
    cover
}

/// Reads the header of a piece at a target.
///
/// # Errors
/// `Damaged` where it is gone or wrong; `Target`.
pub(crate) fn fetch_header(
    pieces: &Pieces,
    target: &dyn Target,
    name: &PieceName,
) -> Result<PieceHeader, BackupError> {
    let path = name.path();
    let damaged = |what: &str| BackupError::damaged(&path, what);
    let bytes = target.get_range(&path, 0, HEADER_LEN as u64)?.ok_or_else(|| damaged("it is gone"))?;
    let header = PieceHeader::decode(&bytes, &pieces.sha256()).map_err(damaged)?;
    let fits =
        (header.identity.timeline, header.first, header.last) == (name.timeline, name.first, name.last);
    if fits { Ok(header) } else { Err(damaged("its header and its name differ")) }
}

/// Reads the sealed CHANGES section of a piece at a target: what restoring needs of it.
///
/// # Errors
/// As [`fetch_header`].
pub(crate) fn fetch_changes(
    target: &dyn Target,
    name: &PieceName,
    header: &PieceHeader,
) -> Result<Vec<u8>, BackupError> {
    let path = name.path();
    if header.changes.bytes > CHANGES_BYTES_MAX {
        return Err(BackupError::damaged(&path, "its header tells of more than a piece can hold"));
    }
    let sealed = target.get_range(&path, HEADER_LEN as u64, header.changes.bytes)?;
    sealed
        .filter(|sealed| sealed.len() as u64 == header.changes.bytes)
        .ok_or_else(|| BackupError::damaged(&path, "it is cut short"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(first: u64, last: u64) -> PieceName {
        PieceName { timeline: 1, first: Lsn(first), last: Lsn(last), sha256: [0; 32] }
    }

    fn covered(names: &[(u64, u64)], from: u64) -> Vec<(u64, u64)> {
        let mut names: Vec<_> = names.iter().map(|(first, last)| name(*first, *last)).collect();
        names.sort();
        cover(names.iter(), Lsn(from)).iter().map(|name| (name.first.0, name.last.0)).collect()
    }

    #[test]
    fn any_cover_is_found_and_ends_at_the_first_gap() {
        assert_eq!(covered(&[(1, 5), (6, 9)], 1), [(1, 5), (6, 9)]);
        assert_eq!(covered(&[(1, 2), (3, 4), (1, 4), (5, 6)], 1), [(1, 4), (5, 6)], "merged ones first");
        assert_eq!(covered(&[(1, 4), (3, 8), (9, 9)], 1), [(1, 4), (3, 8), (9, 9)], "they may overlap");
        assert_eq!(covered(&[(1, 4), (6, 8)], 1), [(1, 4)], "a gap ends it");
        assert_eq!(covered(&[(1, 4), (5, 8)], 6), [(5, 8)]);
        assert_eq!(covered(&[(2, 4)], 1), []);
        assert_eq!(covered(&[], 1), []);
    }
}
