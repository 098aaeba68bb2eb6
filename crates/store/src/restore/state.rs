//! A state that was put together in an engine: its records, the key tree that a cell opens, and changes to it.

use std::{ops::Bound, sync::Arc};

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    model::{Lsn, RealmId, TreeHead},
    ports::{
        cell::CellEntry,
        crypto::Crypto,
        store::{DrawnIds, IndexHit, IndexRange},
    },
    record::{Change, IndexKind, Record, RecordKey},
};
use uuid::Uuid;

use crate::{
    engines::Engine,
    faults::{Fault, breaks},
    index::{
        Index,
        applier::{Applier, Message},
        checkpoint::Checkpoint,
    },
    journal::{self, Identity, Position},
    sealing::{
        Place, RootKey, RootSealer,
        cells::epoch_key,
        tree::{EpochKeys, KeyTree, NodeSource as _, node::node_id, verify},
    },
};

/// Index rows that are read at once.
const PAGE: usize = 4096;

/// Records and index rows of one state, in an engine that nobody else uses.
pub(super) struct State {
    pub(super) store: Uuid,
    pub(super) crypto: Arc<dyn Crypto>,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) index: Arc<Index>,
    /// The last entry that is in it.
    pub(super) lsn: Lsn,
}

/// The generation that a cell opens, with its key. Holds a secret.
pub(super) struct Epoch {
    pub(super) generation: u64,
    pub(super) key: SecretBytes,
    /// How many shares gave the key.
    pub(super) threshold: u8,
}

impl State {
    /// Changes it, and waits until that is in the engine.
    ///
    /// # Errors
    /// The engine's.
    pub(super) fn change(&self, changes: Vec<Change>) -> Result<()> {
        // A timeline that no store has: with this checkpoint the engine is nobody's.
        let identity = Identity { store: self.store.into_bytes(), timeline: 0 };
        let next = journal::Lsn(self.lsn.0);
        let position = Position { segment: next, offset: 0, next, hash: [0; 32] };
        let checkpoint = Checkpoint { identity, position };
        let mut applier = Applier::new(self.index.clone(), checkpoint);
        let published = vec![self.index.publish(self.lsn, changes, &DrawnIds::default())?];
        applier.take(Message::new(&self.index, published, position))?;
        applier.flush()
    }

    /// A record.
    ///
    /// # Errors
    /// The index's.
    pub(super) fn get(&self, key: &RecordKey) -> Result<Option<Arc<Record>>> {
        self.index.get(key)
    }

    /// The head of the key tree, where one was ever made.
    ///
    /// # Errors
    /// The index's.
    pub(super) fn head(&self) -> Result<Option<Arc<TreeHead>>> {
        Ok(match self.get(&RecordKey::Tree)?.as_deref() {
            Some(Record::Tree(head)) => Some(head.clone()),
            _ => None,
        })
    }

    /// Goes over all rows of an index of the default realm, in order.
    ///
    /// # Errors
    /// The index's and those of `each`.
    pub(super) fn each(&self, kind: IndexKind, mut each: impl FnMut(&IndexHit) -> Result<()>) -> Result<()> {
        let range =
            IndexRange { realm: RealmId::DEFAULT, kind, from: Bound::Unbounded, to: Bound::Unbounded };
        let mut after: Option<IndexHit> = None;
        loop {
            let hits = self.index.find(&range, after.as_ref(), PAGE)?;
            hits.iter().try_for_each(&mut each)?;
            if hits.len() < PAGE {
                return Ok(());
            }
            after = hits.last().cloned();
        }
    }

    /// The highest generation that these entries give, of a cell and of others beside it, and whose tree reaches every live
    /// leaf.
    ///
    /// INVARIANT: the cell chooses the tree, not the journal, which may be ahead of the cell or behind it.
    ///
    /// # Errors
    /// `Unavailable` where they give no epoch key of this tree, or none of its generation and none that reaches all;
    /// `CryptoFailed` where one of its generation does not reach all, with the reason of the highest one.
    pub(super) fn choose_epoch(&self, cell: &str, entries: &[CellEntry]) -> Result<Epoch> {
        let mut generations: Vec<u64> = entries.iter().map(|entry| entry.generation).collect();
        generations.sort_unstable();
        generations.dedup();
        let wanted = self.head()?.map_or(0, |head| head.generation);
        let (mut refused, mut has_top) = (None, false);
        for generation in generations.into_iter().rev() {
            let Some((key, threshold)) = epoch_key(self.store, generation, entries) else { continue };
            has_top |= self.index.node(node_id(&*self.crypto, key.expose()))?.is_some();
            let reaches = if breaks(Fault::TrustCell) { Ok(()) } else { self.reaches_all(&key) };
            match reaches {
                Ok(()) => return Ok(Epoch { generation, key, threshold }),
                // It could not be looked at, which says nothing of the key.
                Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
                Err(error) => drop(refused.get_or_insert((generation, error))),
            }
        }
        let (kind, public) = match &refused {
            Some((held, _)) if *held < wanted => {
                let public = format!(
                    "the cell lags behind: it holds the epoch key of generation {held}, and the live keys of this backup \
                     need that of generation {wanted}: name the cell of another place"
                );
                (ErrorKind::Unavailable, public)
            }
            Some((_, error)) => {
                let public = format!("no epoch key in the cell opens all live keys of this backup: {error}");
                (if has_top { ErrorKind::CryptoFailed } else { ErrorKind::Unavailable }, public)
            }
            None => {
                let public = format!(
                    "the cell {cell} holds no epoch key of this store, or too few of its shares, or is damaged: name the \
                     right one"
                );
                (ErrorKind::Unavailable, public)
            }
        };
        Err(Error::new(kind, public))
    }

    fn reaches_all(&self, key: &SecretBytes) -> Result<()> {
        let mut leaves = Vec::with_capacity(PAGE);
        let check = |leaves: &[(u64, [u8; 8])]| {
            verify(&*self.crypto, self.store, &*self.index, key, leaves.iter().copied(), &[])
        };
        self.each(IndexKind::Leaf, |hit| {
            leaves.push(leaf(hit)?);
            if leaves.len() == PAGE {
                check(&leaves)?;
                leaves.clear();
            }
            Ok(())
        })?;
        check(&leaves)
    }

    /// What opens its material under this epoch. `epoch`: `None` where nothing was ever sealed.
    ///
    /// # Errors
    /// `Internal` where the tree does not open.
    pub(super) fn sealer(&self, root: &RootKey, epoch: Option<&Epoch>) -> Result<Arc<RootSealer>> {
        let place = Place { store: self.store, timeline: 0 };
        let tree = KeyTree::new(self.crypto.clone(), place, self.index.clone(), Arc::new(ReadOnly));
        if let (Some(epoch), Some(head)) = (epoch, self.head()?) {
            tree.open(&TreeHead { generation: epoch.generation, ..TreeHead::clone(&head) }, &epoch.key)?;
        }
        Ok(Arc::new(RootSealer::new(self.crypto.clone(), root.clone(), self.store, Arc::new(tree))))
    }
}

/// Nothing is sealed anew while a state is put together.
struct ReadOnly;

impl EpochKeys for ReadOnly {
    fn put_first(&self, _: u64, _: &SecretBytes) -> Result<Vec<Change>> {
        Err(Error::internal("a restore makes no epoch keys"))
    }
}

fn leaf(hit: &IndexHit) -> Result<(u64, [u8; 8])> {
    let malformed = || Error::internal("a row of the index of leaves is malformed");
    let (index, check) = hit.value.split_first_chunk().ok_or_else(malformed)?;
    Ok((u64::from_be_bytes(*index), check.try_into().map_err(|_| malformed())?))
}
