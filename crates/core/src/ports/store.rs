//! The store port: read records, find them by index, commit entries, read the journal.

use std::{
    ops::Bound,
    sync::Arc,
    task::{Context, Poll},
};

use uuid::Uuid;

use crate::{
    error::{Error, ErrorKind, Result},
    model::{Lsn, RealmId, Time},
    record::{Entry, EntryDraft, IndexKind, Record, RecordKey},
};

/// What an operation wants on record, and what must still hold for it.
pub struct Commit {
    /// Reads happened at or after this position; see `reads`.
    pub as_of: Lsn,
    /// Records that must not have changed (come, gone or altered) after `as_of`.
    pub reads: Vec<RecordKey>,
    /// From this time on the decision no longer holds (a date moves an object), by the store's clock.
    pub valid_until: Option<Time>,
    /// Ids that were drawn for it.
    pub drawn: DrawnIds,
    /// The entry.
    pub entry: EntryDraft,
}

/// Ids that a request drew from the generator: until its entry is committed no record bears them, and the store need not
/// look for one. Empty for whatever comes from elsewhere.
///
/// INVARIANT: only `Context::new_object_id`, which draws them, puts ids in.
#[derive(Clone, Debug, Default)]
pub struct DrawnIds(Vec<Uuid>);

impl DrawnIds {
    pub(crate) fn add(&mut self, id: Uuid) {
        self.0.push(id);
    }

    /// True where the record of this address bears one of them.
    pub fn cover(&self, key: &RecordKey) -> bool {
        match key {
            RecordKey::Object(id) | RecordKey::Material(id) => self.0.contains(&id.0),
            RecordKey::Key(id) => self.0.contains(&id.0),
            RecordKey::Erasure(id) => self.0.contains(&id.0),
            _ => false,
        }
    }
}

/// How a commit ended.
#[derive(Debug)]
pub enum Committed {
    /// On disk, at this position.
    Done(Lsn),
    /// Something that was read has changed, or time has: run the operation again.
    Stale,
}

/// Called once, from the committer's thread, when the entry is durable or will never be.
pub type Completion = Box<dyn FnOnce(Result<Committed>) + Send>;

/// The way in which rows are walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the first to the last.
    Ascending,
    /// From the last to the first.
    Descending,
}

/// A range of index values in one realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRange {
    /// Realm to look in.
    pub realm: RealmId,
    /// Which index.
    pub kind: IndexKind,
    /// Lowest value.
    pub from: Bound<Vec<u8>>,
    /// Highest value.
    pub to: Bound<Vec<u8>>,
}

/// One row of an index, in order of (value, id).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexHit {
    /// Indexed value.
    pub value: Vec<u8>,
    /// The object, key or principal.
    pub id: Uuid,
}

/// Bytes of entries that are read from the journal at once, about; a larger entry is read by itself.
pub const JOURNAL_BYTES_MAX: usize = 16 << 20;

/// What can be asked of the tree over the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeQuery {
    /// The newest checkpoint.
    Checkpoint,
    /// The newest one that witnesses have cosigned.
    Witnessed,
    /// That this entry is in the tree.
    Inclusion(Lsn),
    /// That the tree of so many leaves is a beginning of the newest.
    Consistency(u64),
    /// Hashes of a tile, as C2SP tlog-tiles counts: 256 of a whole one.
    Tile {
        /// Level, from 0 of the leaves.
        level: u64,
        /// Number of the tile in its level, from 0.
        index: u64,
        /// How many hashes, 1 to 256.
        width: usize,
    },
}

/// What the tree over the entries shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeProof {
    /// The newest checkpoint, or the newest that was witnessed where that was asked for: a signed note.
    pub checkpoint: String,
    /// The signed statement that says who signs checkpoints.
    pub keys: String,
    /// Leaves of the tree.
    pub size: u64,
    /// Of an entry: the number of its leaf, from 0, and its hash.
    pub leaf: Option<(u64, [u8; 32])>,
    /// The proof's hashes, or the tile's.
    pub hashes: Vec<[u8; 32]>,
}

/// The store. Reads see every entry whose commit has been answered, at least.
pub trait Store: Send + Sync {
    /// Position of the newest entry that reads are sure to see.
    fn published(&self) -> Lsn;

    /// `published` once it is beyond `after`; until then the task is woken when there is more.
    fn poll_published(&self, after: Lsn, context: &mut Context<'_>) -> Poll<Lsn>;

    /// True while its disk is full: only urgent entries are taken then (`EntryDraft::is_urgent`).
    fn is_full(&self) -> bool;

    /// The record as of now.
    ///
    /// # Errors
    /// `Internal` for damaged data, `Unavailable` after a failed sync.
    fn get(&self, key: &RecordKey) -> Result<Option<Arc<Record>>>;

    /// Up to `limit` rows of an index that come after the row `beyond` in this order of (value, id).
    ///
    /// # Errors
    /// As `get`.
    fn find_in(
        &self,
        order: Order,
        range: &IndexRange,
        beyond: Option<&IndexHit>,
        limit: usize,
    ) -> Result<Vec<IndexHit>>;

    /// As `find_in`, ascending.
    ///
    /// # Errors
    /// As `get`.
    fn find(&self, range: &IndexRange, after: Option<&IndexHit>, limit: usize) -> Result<Vec<IndexHit>> {
        self.find_in(Order::Ascending, range, after, limit)
    }

    /// Hands an entry to the committer. `done` is called when it is synced to disk and visible to reads.
    /// Never blocks: where too many wait, `done` gets `Unavailable` at once, in the calling thread.
    fn commit(&self, commit: Commit, done: Completion);

    /// Up to `limit` durable entries after `after`, oldest first; fewer where they are large, none only at the end.
    ///
    /// # Errors
    /// `Internal` for damage, with file and position in the cause.
    fn journal(&self, after: Lsn, limit: usize) -> Result<Vec<Entry>> {
        let mut bytes_left = JOURNAL_BYTES_MAX;
        self.journal_within(after, limit, &mut bytes_left)
    }

    /// As `journal`, of so many bytes in the journal, about: takes off what was read, and ends with the entry that leaves
    /// none.
    ///
    /// # Errors
    /// As `journal`.
    fn journal_within(&self, after: Lsn, limit: usize, bytes_left: &mut usize) -> Result<Vec<Entry>>;

    /// The oldest entry that is kept.
    ///
    /// # Errors
    /// As `journal`.
    fn journal_begins(&self) -> Result<Lsn>;

    /// Verifies the whole journal from the first entry: frames, checksums, hash chain. Gives the newest position and
    /// the hash of the last frame.
    ///
    /// # Errors
    /// `CryptoFailed` saying where and what is damaged.
    fn verify_journal(&self) -> Result<(Lsn, [u8; 32])>;

    /// What the Merkle tree over the entries shows, with a signed checkpoint that covers what is durable now.
    ///
    /// # Errors
    /// `NotFound` for what the tree does not hold, `Unavailable` where the store signs no checkpoints.
    fn prove(&self, query: TreeQuery) -> Result<TreeProof> {
        let _ = query;
        Err(Error::new(ErrorKind::Unavailable, "this store signs no checkpoints"))
    }
}
