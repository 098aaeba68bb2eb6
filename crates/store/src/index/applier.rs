//! Carries published changes into the engine, many entries at a time, in a thread of its own.

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use keyreeve_core::{
    Result,
    record::{Record, RecordKey},
};

use super::{
    Index, Published,
    checkpoint::Checkpoint,
    encoding, told,
    uses::{self, Tally},
};
use crate::{
    engines::{Batch, EngineError},
    failure::Failure,
    journal::Position,
};

/// Messages that wait: beyond that the committer does.
const QUEUE_MESSAGES_MAX: usize = 64;
/// Changed entries that are applied at once.
const BATCH_ENTRIES_MAX: usize = 4096;
/// Bytes of journal that are applied at once, about: what waits is held in memory.
const BATCH_BYTES_MAX: u64 = 16 << 20;
/// Bytes of journal that wait for a full disk, at most: more than its reserve, which is all that comes meanwhile.
const HELD_BYTES_MAX: u64 = 64 << 20;
/// How often a full disk is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Entries that were published together, and the point in the journal behind them.
pub(crate) struct Message {
    published: Vec<Published>,
    /// Uses in the entries since the message before.
    uses: Option<Arc<Tally>>,
    end: Position,
}

impl Message {
    /// Of entries up to `end`, whose uses the index knows of.
    pub(crate) fn new(index: &Index, published: Vec<Published>, end: Position) -> Self {
        Self { published, uses: index.uses.hand_over(), end }
    }
}

/// Applies entries to the engine of an index.
pub(crate) struct Applier {
    index: Arc<Index>,
    checkpoint: Checkpoint,
    waiting: Vec<Published>,
    uses: Vec<Arc<Tally>>,
    /// Bytes of journal that what waits may have.
    waiting_bytes: u64,
    /// When the disk was found to be full, until it no longer is.
    full_since: Option<Instant>,
}

impl Applier {
    /// An applier that goes on where the engine is.
    pub(crate) fn new(index: Arc<Index>, checkpoint: Checkpoint) -> Self {
        Self { index, checkpoint, waiting: Vec::new(), uses: Vec::new(), waiting_bytes: 0, full_since: None }
    }

    /// Takes entries; applies them once enough have come.
    pub(crate) fn take(&mut self, message: Message) -> Result<()> {
        self.waiting.extend(message.published);
        self.uses.extend(message.uses);
        let (from, to) = (self.checkpoint.position, message.end);
        let same_segment = from.segment == to.segment;
        self.waiting_bytes += if same_segment { to.offset.saturating_sub(from.offset) } else { to.offset };
        self.checkpoint.position = to;
        if self.waiting.len() >= BATCH_ENTRIES_MAX || self.waiting_bytes >= BATCH_BYTES_MAX {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Applies what waits, and the position that was reached. On a full disk it goes on waiting, in memory, and is tried
    /// again by a later call.
    ///
    /// # Errors
    /// The engine's; too much waits for a full disk.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let held = self.full_since.is_some_and(|tried| tried.elapsed() < RETRY_DELAY);
        if held && self.waiting_bytes < HELD_BYTES_MAX {
            return Ok(());
        }
        let batch = self.batch()?;
        match self.index.engine.apply(&batch) {
            Err(error @ EngineError::Full { .. }) if self.waiting_bytes < HELD_BYTES_MAX => {
                if self.full_since.replace(Instant::now()).is_none() {
                    tracing::warn!(%error, "the index stays behind the journal until there is space");
                }
                return Ok(());
            }
            applied => applied.map_err(told)?,
        }
        self.full_since = None;
        self.index.forget(&self.waiting);
        self.index.uses.forget(self.uses.len());
        self.waiting.clear();
        self.uses.clear();
        self.waiting_bytes = 0;
        Ok(())
    }

    /// What waits, as the engine takes it.
    fn batch(&mut self) -> Result<Batch> {
        let mut records = BTreeMap::<&RecordKey, _>::new();
        let mut batch = Batch::default();
        for published in &self.waiting {
            records.extend(published.records.iter().map(|(key, record)| (key, record)));
            for (row, there) in &published.rows {
                batch.writes.insert(row.clone(), there.then(Vec::new));
            }
        }
        for (key, record) in records {
            let value = record.as_deref().map(encoding::encode_record).transpose()?;
            batch.writes.insert(encoding::encode_key(key), value);
        }
        let mut tally = Tally::new();
        self.uses.iter().flat_map(|tally| tally.values()).for_each(|used| uses::add(&mut tally, used));
        for (object, used) in tally {
            // Applied already where an index goes back to an earlier point of the journal than its rows: never twice.
            let Some(total) = uses::total(self.index.uses_applied(object)?, [used]) else { continue };
            let value = encoding::encode_record(&Record::Uses(total))?;
            batch.writes.insert(encoding::encode_key(&RecordKey::Uses(object)), Some(value));
        }
        batch.checkpoint = self.checkpoint.encode()?;
        Ok(batch)
    }

    /// Starts the thread; it ends, with everything applied that the disk has space for, when the sender is dropped.
    ///
    /// # Errors
    /// The operating system's, where it grants no thread.
    pub(crate) fn start(
        mut self,
        failure: Arc<Failure>,
    ) -> io::Result<(Sender<Message>, thread::JoinHandle<()>)> {
        let (sender, receiver) = bounded(QUEUE_MESSAGES_MAX);
        let run = move || {
            if let Err(error) = self.run(&receiver) {
                failure.report(format!("the index cannot be written: {error}"));
            }
        };
        Ok((sender, thread::Builder::new().name("index".into()).spawn(run)?))
    }

    fn run(&mut self, receiver: &Receiver<Message>) -> Result<()> {
        loop {
            let delay = if self.full_since.is_some() { RETRY_DELAY } else { Duration::MAX };
            match receiver.recv_timeout(delay) {
                Ok(message) => self.take(message)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while let Ok(message) = receiver.try_recv() {
                self.take(message)?;
            }
            self.flush()?;
        }
        // Tried a last time; what still does not go in is caught up from the journal on the next start.
        if self.full_since.take().is_some() { self.flush() } else { Ok(()) }
    }
}
