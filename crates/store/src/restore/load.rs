//! Filling an empty engine: the rows of a full backup, the changes of entries after it, and, once all is there, the rows
//! of the secondary indexes. Where rows and entries come from does not live here.
//!
//! INVARIANT: until the caller sets a checkpoint of its own, the engine bears one that no store takes for its own: what
//! was cut off in the middle is loaded anew.

use std::{collections::BTreeMap, sync::Arc, thread};

use crossbeam_channel::bounded;
use keyreeve_core::{
    Error, Result,
    model::Counts,
    record::{Change, Record, RecordKey},
};

use crate::{
    engines::{Batch, Engine, Row},
    index::{encoding, secondary, told},
};

/// The checkpoint of an engine that is not loaded yet.
const UNFINISHED: &[u8] = b"unfinished";
/// Bytes of rows that wait in memory before they are written: the more, the fewer rows are written twice.
const BYTES_MAX: usize = 64 << 20;
/// Rows that are read at once.
pub(super) const PAGE_ROWS: usize = 2048;
/// Pages on their way from the thread that reads to the one that writes.
const PAGES_MAX: usize = 8;

/// Records on their way into an engine. Index rows are not among them: see [`index_all`].
pub(crate) struct Loading<'a> {
    engine: &'a dyn Engine,
    waiting: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl<'a> Loading<'a> {
    /// Empties the engine.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) fn begin(engine: &'a dyn Engine) -> Result<Self> {
        engine.clear().map_err(told)?;
        apply(engine, BTreeMap::new())?;
        Ok(Self { engine, waiting: BTreeMap::new(), bytes: 0 })
    }

    /// Takes a row of a full backup.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) fn row(&mut self, (key, record): Row) -> Result<()> {
        self.put(key, Some(record))
    }

    /// Takes the changes of an entry, in order.
    ///
    /// # Errors
    /// The engine's; `Internal` where a record cannot be read or written.
    pub(crate) fn changes(&mut self, changes: Vec<Change>) -> Result<()> {
        for change in changes {
            let key = encoding::encode_key(&change.key());
            let record = match change {
                Change::Put(record) => Some(record),
                Change::Delete(_) => None,
                Change::Exported(object, by) => {
                    let before =
                        match self.get(&key)?.map(|bytes| encoding::decode_row(&key, &bytes)).transpose()? {
                            Some(Record::Counts(counts)) => counts.exported,
                            _ => 0,
                        };
                    Some(Record::Counts(Counts { object, exported: before.saturating_add(by) }))
                }
            };
            self.put(key, record.as_ref().map(encoding::encode_record).transpose()?)?;
        }
        Ok(())
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.waiting.get(key) {
            Some(waiting) => Ok(waiting.clone()),
            None => self.engine.get(key).map_err(told),
        }
    }

    fn put(&mut self, key: Vec<u8>, record: Option<Vec<u8>>) -> Result<()> {
        self.bytes += key.len() + record.as_ref().map_or(0, Vec::len);
        self.waiting.insert(key, record);
        if self.bytes >= BYTES_MAX { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.bytes = 0;
        apply(self.engine, std::mem::take(&mut self.waiting))
    }
}

/// Makes the rows of the secondary indexes from all records, each of which is decoded on the way.
///
/// # Errors
/// The engine's; `Internal`, naming the first record that cannot be read.
pub(crate) fn index_all(engine: &dyn Engine) -> Result<()> {
    let (sender, receiver) = bounded(PAGES_MAX);
    thread::scope(|scope| {
        let reading = scope.spawn(move || {
            each_page(engine, |page| {
                let mut rows = Vec::new();
                for (key, bytes) in page {
                    rows.extend(secondary::rows(Some(&encoding::decode_row(&key, &bytes)?)));
                }
                // The other end is gone only where writing has failed, which is told there.
                Ok(sender.send(rows).is_ok())
            })
        });
        let (mut waiting, mut bytes) = (BTreeMap::new(), 0);
        for rows in receiver {
            for row in rows {
                bytes += row.len();
                waiting.insert(row, Some(Vec::new()));
            }
            if bytes >= BYTES_MAX {
                bytes = 0;
                apply(engine, std::mem::take(&mut waiting))?;
            }
        }
        reading.join().unwrap_or_else(|_| Err(Error::internal("reading the records panicked")))?;
        apply(engine, waiting)
    })
}

/// Goes over all records in order, a page at a time, until `each` gives false.
///
/// # Errors
/// The engine's and those of `each`.
pub(super) fn each_page(engine: &dyn Engine, mut each: impl FnMut(Vec<Row>) -> Result<bool>) -> Result<()> {
    let (mut from, to) = (vec![b'r'], [b'r' + 1]);
    loop {
        let page = engine.scan(&from, &to, PAGE_ROWS).map_err(told)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        from = [last.as_slice(), &[0]].concat();
        if !each(page)? {
            return Ok(());
        }
    }
}

/// A record of an engine that is being loaded.
///
/// # Errors
/// The engine's; `Internal` where it cannot be read.
pub(super) fn record(engine: &dyn Engine, key: &RecordKey) -> Result<Option<Record>> {
    let bytes = engine.get(&encoding::encode_key(key)).map_err(told)?;
    bytes.map(|bytes| encoding::decode_record(key, &bytes)).transpose()
}

/// Gives a loaded engine the checkpoint with which it counts.
///
/// # Errors
/// The engine's.
pub(crate) fn settle(engine: &Arc<dyn Engine>, checkpoint: Vec<u8>) -> Result<()> {
    engine.apply(&Batch { writes: BTreeMap::new(), checkpoint }).map_err(told)
}

fn apply(engine: &dyn Engine, writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Result<()> {
    engine.apply(&Batch { writes, checkpoint: UNFINISHED.to_vec() }).map_err(told)
}
