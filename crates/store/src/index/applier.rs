//! Carries published changes into the engine, many entries at a time, in a thread of its own.

use std::{collections::BTreeMap, io, sync::Arc, thread};

use crossbeam_channel::{Receiver, Sender, bounded};
use keyreeve_core::{Result, record::RecordKey};

use super::{Index, Published, checkpoint::Checkpoint, encoding, told};
use crate::{engines::Batch, failure::Failure, journal::Position};

/// Messages that wait: beyond that the committer does.
const QUEUE_MESSAGES_MAX: usize = 64;
/// Changed entries that are applied at once.
const BATCH_ENTRIES_MAX: usize = 4096;
/// Bytes of journal that are applied at once, about: what waits is held in memory.
const BATCH_BYTES_MAX: u64 = 16 << 20;

/// Entries that were published together, and the point in the journal behind them.
pub(crate) struct Message {
    pub(crate) published: Vec<Published>,
    pub(crate) end: Position,
}

/// Applies entries to the engine of an index.
pub(crate) struct Applier {
    index: Arc<Index>,
    checkpoint: Checkpoint,
    waiting: Vec<Published>,
    /// Where in the journal the first of what waits may begin.
    begin: Position,
}

impl Applier {
    /// An applier that goes on where the engine is.
    pub(crate) fn new(index: Arc<Index>, checkpoint: Checkpoint) -> Self {
        let begin = checkpoint.position;
        Self { index, checkpoint, waiting: Vec::new(), begin }
    }

    /// Takes entries; applies them once enough have come.
    pub(crate) fn take(&mut self, message: Message) -> Result<()> {
        self.waiting.extend(message.published);
        self.checkpoint.position = message.end;
        let same_segment = self.begin.segment == message.end.segment;
        let bytes =
            if same_segment { message.end.offset.saturating_sub(self.begin.offset) } else { u64::MAX };
        if self.waiting.len() >= BATCH_ENTRIES_MAX || bytes >= BATCH_BYTES_MAX {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Applies what waits, and the position that was reached.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let mut records = BTreeMap::<&RecordKey, _>::new();
        let mut batch = Batch::default();
        for published in &self.waiting {
            records.extend(published.records.iter().map(|(key, record)| (key, record)));
            for (row, there) in &published.rows {
                batch.writes.insert(row.clone(), there.then(Vec::new));
            }
            if let Some(leaf_index) = published.leaf_index_max {
                let next = leaf_index.saturating_add(1);
                self.checkpoint.leaf_index_next = self.checkpoint.leaf_index_next.max(next);
            }
        }
        for (key, record) in records {
            let value = record.as_deref().map(encoding::encode_record).transpose()?;
            batch.writes.insert(encoding::encode_key(key), value);
        }
        batch.checkpoint = self.checkpoint.encode()?;
        self.index.engine.apply(&batch).map_err(told)?;
        self.index.forget(&self.waiting);
        self.waiting.clear();
        self.begin = self.checkpoint.position;
        Ok(())
    }

    /// How far the engine has come.
    pub(crate) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Starts the thread; it ends, with everything applied, when the sender is dropped.
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
        while let Ok(message) = receiver.recv() {
            self.take(message)?;
            while let Ok(message) = receiver.try_recv() {
                self.take(message)?;
            }
            self.flush()?;
        }
        Ok(())
    }
}
