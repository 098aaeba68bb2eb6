//! Making the index anew: from the base of a restored store and all entries of the journal. Not here: an index that is
//! only behind, which recovery catches up.
//!
//! The journal is read and verified by one thread, decoded by several, and loaded as a restore loads an archive: rows in
//! order of their keys, 64 MiB at a time, into a file that takes the index's place once it is whole. Memory follows from
//! that, not from how large the store is. What is cut off in the middle is begun anew; an index that was there before
//! stays until then.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use keyreeve_core::model::{Lsn, Uses};
use parking_lot::Mutex;
use serde::Serialize;

use crate::{
    ahead::in_order,
    backup::BackupError,
    engines::Engine,
    index::{
        checkpoint::Checkpoint,
        encoding::{self, RowChange},
    },
    journal::{self, Journal, Reader},
    options::{StoreError, StoreOptions},
    recovery::{self, StoreFile},
    restore::{self, Loading},
    sealing::{RootKey, Unlock},
    store::Store,
};

/// Bytes of entries that are decoded at once, about.
const BLOCK_BYTES: usize = 1 << 20;
/// Pause between two lines in the log.
const LOG_PAUSE: Duration = Duration::from_secs(5);

/// What a rebuild, or a restore, does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RebuildPart {
    /// Reading what lies at a target, to verify it; counted in objects.
    Objects,
    /// Reading the journal, or what was archived of it; counted in entries.
    Entries,
    /// Making the rows by which records are found; counted in records, of at most so many.
    Records,
    /// Opening everything that is sealed, at the end of a restore; counted in records.
    Sealed,
}

/// How far a rebuild of the index, a restore, or verifying an archive has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RebuildProgress {
    /// What it does.
    pub part: RebuildPart,
    /// How many are done.
    pub done: u64,
    /// Of how many.
    pub total: u64,
}

/// Told how far a rebuild has come, many times a second.
pub type OnRebuild = Arc<dyn Fn(RebuildProgress) + Send + Sync>;

/// What an index was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// The last entry that it holds.
    pub lsn: Lsn,
    /// Entries that were read.
    pub entries: u64,
    /// Records that were indexed.
    pub records: u64,
}

impl Store {
    /// Makes the index of a store anew that no process has open, while the old one, if there is one, stays in place.
    ///
    /// # Errors
    /// As [`Store::open`], but for targets and the key tree: what the old index knows to be durable must be in the journal.
    pub fn rebuild_index_offline(options: &StoreOptions, unlock: &Unlock) -> Result<Rebuilt, StoreError> {
        let (_lock, file, root) = recovery::open_root(options, unlock)?;
        let engine = recovery::open_engine(options)?;
        let checkpoint = recovery::checkpoint(&*engine, file.identity())?;
        let known = recovery::known(options, checkpoint.as_ref(), &file);
        let (journal, writer) = recovery::open_journal(options, &file, known)?;
        let end = writer.position();
        let rebuild = Rebuild { options, file: &file, root: root.root(), journal: &journal, end };
        rebuild.run(&*engine).inspect_err(|error| recovery::say_what_is_kept(options, error))
    }
}

/// Lines in the log, a few seconds apart.
pub(crate) fn logged() -> OnRebuild {
    let last = Mutex::new(None::<Instant>);
    Arc::new(move |progress| {
        let mut last = last.lock();
        if last.is_none_or(|last| last.elapsed() >= LOG_PAUSE) {
            let RebuildProgress { part, done, total } = progress;
            tracing::info!(?part, done, total, "making the index anew");
            *last = Some(Instant::now());
        }
    })
}

/// What an index is made anew from.
pub(crate) struct Rebuild<'a> {
    pub(crate) options: &'a StoreOptions,
    pub(crate) file: &'a StoreFile,
    pub(crate) root: &'a RootKey,
    pub(crate) journal: &'a Journal,
    /// The end of the journal.
    pub(crate) end: journal::Position,
}

impl Rebuild<'_> {
    /// Makes it, up to the end of the journal.
    ///
    /// INVARIANT: the index gets its checkpoint last, while it is still a file of its own: one that can be found is whole.
    ///
    /// # Errors
    /// `Journal` naming the place of damage, `Backup` where the base is damaged, `Index`, `CatchUp`.
    pub(crate) fn run(&self, engine: &dyn Engine) -> Result<Rebuilt, StoreError> {
        let failed = StoreError::CatchUp;
        let tell = |part, done, total| (self.options.on_rebuild)(RebuildProgress { part, done, total });
        engine.begin_load()?;
        let put = restore::add(engine, |loading| {
            if self.file.begin().is_some() {
                restore::load_base(self.options, self.file, self.root, loading)?;
            }
            self.replay(loading, &|done, total| tell(RebuildPart::Entries, done, total))?;
            Ok(loading.records())
        });
        let put = put.map_err(told)?;
        let mut index = |done| tell(RebuildPart::Records, done, put);
        let records = restore::index_all(engine, &mut index).map_err(failed)?;
        let checkpoint = Checkpoint { identity: self.file.identity(), position: self.end };
        restore::settle(engine, checkpoint.encode().map_err(failed)?).map_err(failed)?;
        engine.end_load()?;
        let (last, base) = (self.end.last().0, self.file.base().0);
        let (entries, lsn) = (last - base, Lsn(last));
        let rebuilt = Rebuilt { lsn, entries, records };
        tracing::info!(entries, records, lsn = lsn.0, "the index was made anew");
        Ok(rebuilt)
    }

    /// Reads the entries behind the base; `tell` learns how many of how many.
    fn replay(&self, loading: &mut Loading, tell: &dyn Fn(u64, u64)) -> Result<(), BackupError> {
        let (base, last) = (self.file.base(), self.end.last());
        let mut blocks = Blocks { reader: self.journal.read(base.plus(1), last)? };
        let blocks = std::iter::from_fn(|| blocks.next().transpose());
        in_order(blocks, decode, |Decoded { last: reached, rows, used }| {
            rows.into_iter().try_for_each(|row| loading.change(row))?;
            used.iter().try_for_each(|used| loading.used(used))?;
            tell(reached.0 - base.0, last.0 - base.0);
            Ok(())
        })
    }
}

fn told(error: BackupError) -> StoreError {
    match error {
        BackupError::Journal(error) => error.into(),
        BackupError::Other(error) => StoreError::CatchUp(error),
        error => error.into(),
    }
}

/// Entries of the journal, about a megabyte at a time.
struct Blocks {
    reader: Reader,
}

/// Entries that follow one another.
type Block = Vec<(journal::Lsn, Vec<u8>)>;

impl Blocks {
    fn next(&mut self) -> Result<Option<Block>, BackupError> {
        let (mut block, mut bytes) = (Vec::new(), 0);
        while bytes < BLOCK_BYTES
            && let Some(frame) = self.reader.next_frame()?
        {
            for (lsn, entry) in frame.entries() {
                bytes += entry.len();
                block.push((lsn, entry.to_vec()));
            }
        }
        Ok((!block.is_empty()).then_some(block))
    }
}

/// What the entries of a block leave in the index.
struct Decoded {
    last: journal::Lsn,
    rows: Vec<RowChange>,
    used: Vec<Uses>,
}

fn decode(
    block: Result<Block, BackupError>,
    give: &mut dyn FnMut(Decoded) -> bool,
) -> Result<(), BackupError> {
    let mut decoded = Decoded { last: journal::Lsn(0), rows: Vec::new(), used: Vec::new() };
    for (lsn, bytes) in block? {
        let at = Lsn(lsn.0);
        decoded.last = lsn;
        decoded.rows.extend(encoding::decode_rows(at, &bytes)?);
        let used = encoding::decode_use(at, &bytes)?;
        decoded.used.extend(used.map(|(object, kind, time)| Uses::one(object, kind, time, at)));
    }
    give(decoded);
    Ok(())
}
