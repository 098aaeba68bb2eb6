//! The engine port: an ordered key-value store that holds the index. The registry of engines: one line a kind.
//!
//! Engines know nothing of records, entries or secondary indexes: `crate::index` writes those once, above them.

pub mod embedded;
pub mod memory;

use std::collections::BTreeMap;

use keyreeve_core::ports::store::Order;

/// A key with its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Why an engine could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// What is stored cannot be read. The index can be rebuilt from the journal.
    #[error("the index {at} is damaged: {what}; stop and start again: it is made anew from the journal")]
    Damaged {
        /// File or table.
        at: String,
        /// What is wrong.
        what: String,
    },
    /// A row is not what was written: bits have flipped. The index can be rebuilt from the journal.
    #[error(
        "the index {at} is damaged: the row {} does not match its checksum; stop and start again: it is made anew from the journal",
        hex::encode(key)
    )]
    Rotten {
        /// File or table.
        at: String,
        /// The row's key, as it is found.
        key: Vec<u8>,
    },
    /// There is no space; once there is, the same may be tried again.
    #[error("the disk of the index {at} is full")]
    Full {
        /// File or table.
        at: String,
    },
    /// The engine refused.
    #[error("the index {at} cannot be used: {what}")]
    Failed {
        /// File or table.
        at: String,
        /// What it said.
        what: String,
    },
}

/// Writes that become visible together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// New value of each key; `None` removes it.
    pub writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// What `Engine::checkpoint` gives back once the batch is applied.
    pub checkpoint: Vec<u8>,
}

/// An ordered key-value store with one writer and many readers. Keys sort as bytes.
///
/// INVARIANT: a crash may undo the newest batches, but never a part of one, and never one without all after it.
pub trait Engine: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// As the engine reports.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// The first `limit` rows, in this order, of those with keys from `from`, included, to `to`, excluded.
    ///
    /// # Errors
    /// As the engine reports.
    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError>;

    /// Applies a batch and its checkpoint, all or nothing; reads that begin later see it.
    ///
    /// # Errors
    /// As the engine reports; nothing is applied then.
    fn apply(&self, batch: &Batch) -> Result<(), EngineError>;

    /// The checkpoint of the newest batch, where there is one.
    ///
    /// # Errors
    /// As the engine reports.
    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError>;

    /// A view of all rows as they are now: no batch that is applied later is seen in it.
    ///
    /// Held for long it costs space: an engine may have to keep what is overwritten meanwhile.
    ///
    /// # Errors
    /// As the engine reports.
    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>, EngineError>;

    /// The damage that was met first, `Damaged` or `Rotten`, until the index is made anew.
    fn damage(&self) -> Option<EngineError> {
        None
    }

    /// Removes everything, the checkpoint included.
    ///
    /// # Errors
    /// As the engine reports.
    fn clear(&self) -> Result<(), EngineError>;

    /// Removes everything as `clear`, and begins to load: until `end_load` one thread alone uses the engine, takes no
    /// snapshots, and a crash may take all that was applied. An engine may be faster for that.
    ///
    /// # Errors
    /// As the engine reports.
    fn begin_load(&self) -> Result<(), EngineError> {
        self.clear()
    }

    /// Ends to load: from here on all is as ever.
    ///
    /// # Errors
    /// As the engine reports; the engine is of no use any more then.
    fn end_load(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// An engine's rows at one moment, while batches go on being applied.
pub trait EngineSnapshot: Send {
    /// As [`Engine::checkpoint`] at that moment.
    ///
    /// # Errors
    /// As the engine reports.
    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError>;

    /// As [`Engine::scan`] at that moment.
    ///
    /// # Errors
    /// As the engine reports.
    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError>;
}
