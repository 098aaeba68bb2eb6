//! Filling an empty engine: the rows of a full backup, the changes of entries after it, and, once all is there, the rows
//! of the secondary indexes. Where rows and entries come from does not live here.
//!
//! INVARIANT: until the caller sets a checkpoint of its own, the engine bears one that no store takes for its own: what
//! was cut off in the middle is loaded anew.

use std::{collections::BTreeMap, thread};

use crossbeam_channel::{Sender, bounded};
use keyreeve_core::{
    Error, ErrorKind, Result,
    model::{Counts, Uses},
    ports::store::Order,
    record::{Record, RecordKey},
};

use crate::{
    ahead::in_order,
    engines::{Batch, Engine, EngineError, Row},
    index::{
        encoding::{self, RowChange},
        secondary,
        uses::{self, Tally},
    },
};

/// The checkpoint of an engine that is not loaded yet.
const UNFINISHED: &[u8] = b"unfinished";
/// Bytes of rows that wait in memory before they are written, twice: while some are written, others come. The more, the
/// fewer rows are written twice.
const BYTES_MAX: usize = 64 << 20;
/// Rows that are read at once.
pub(super) const PAGE_ROWS: usize = 2048;

/// Empties an engine and fills it with what `give` has. Index rows are not made: see [`index_all`].
///
/// # Errors
/// Those of `give`; the engine's; `Internal` where a record cannot be read or written.
pub(super) fn fill<T, E: From<Error>>(
    engine: &dyn Engine,
    give: impl FnOnce(&mut Loading) -> Result<T, E>,
) -> Result<T, E> {
    engine.begin_load().map_err(told)?;
    apply(engine, BTreeMap::new())?;
    let given = add(engine, give)?;
    engine.end_load().map_err(told)?;
    Ok(given)
}

/// Writes what `give` has, in a thread of its own while more comes.
///
/// # Errors
/// Those of `give`; the engine's.
pub(crate) fn add<T, E: From<Error>>(
    engine: &dyn Engine,
    give: impl FnOnce(&mut Loading) -> Result<T, E>,
) -> Result<T, E> {
    let (sender, receiver) = bounded::<Sorted>(0);
    thread::scope(|scope| {
        let writing = scope
            .spawn(move || receiver.iter().try_for_each(|sorted| apply(engine, sorted.counted(engine)?)));
        let mut loading = Loading { sender, waiting: Waiting::default(), records: 0 };
        let given = give(&mut loading).and_then(|given| Ok((loading.flush()?, given).1));
        drop(loading);
        // Where writing has failed, whoever gives was only told that.
        writing.join().unwrap_or_else(|_| Err(Error::internal("writing the index panicked")))?;
        given
    })
}

/// Rows on their way into an engine.
pub(crate) struct Loading {
    sender: Sender<Sorted>,
    waiting: Waiting,
    records: u64,
}

/// The key of a row, and what is to be there: nothing, where it goes.
type RowWrite = (Vec<u8>, Option<Vec<u8>>);

/// Rows that are written together.
#[derive(Default)]
struct Waiting {
    /// By kind, and there in the order of the journal, which is nearly that of the keys: sorting them is quick then.
    rows: BTreeMap<Option<u8>, Vec<RowWrite>>,
    /// What counters grow by, against the row above or the one in the engine.
    counted: BTreeMap<Vec<u8>, Counts>,
    /// Uses of objects, likewise.
    used: Tally,
    bytes: usize,
}

impl Loading {
    /// Takes a change; changes come in the order of the journal.
    ///
    /// # Errors
    /// Where writing has failed.
    pub(crate) fn change(&mut self, change: RowChange) -> Result<()> {
        match change {
            RowChange::Row(key, record) => self.put(key, record),
            RowChange::Counted(by) => {
                let key = encoding::encode_key(&RecordKey::Counts(by.object));
                let rows = self.waiting.counted.len();
                self.waiting.counted.entry(key).and_modify(|sum| sum.add(&by)).or_insert(by);
                self.records += (self.waiting.counted.len() - rows) as u64;
                self.count(size_of::<Row>())
            }
        }
    }

    /// Takes a use of an object; uses come in the order of the journal.
    ///
    /// # Errors
    /// Where writing has failed.
    pub(crate) fn used(&mut self, used: &Uses) -> Result<()> {
        let rows = self.waiting.used.len();
        uses::add(&mut self.waiting.used, used);
        self.records += (self.waiting.used.len() - rows) as u64;
        self.count(size_of::<Row>())
    }

    /// How many records were put, counters and uses among them, and those that replace another one.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// Takes a row.
    ///
    /// # Errors
    /// Where writing has failed.
    pub(super) fn put(&mut self, key: Vec<u8>, record: Option<Vec<u8>>) -> Result<()> {
        let bytes = key.len() + record.as_ref().map_or(0, Vec::len) + size_of::<Row>();
        self.waiting.counted.remove(&key);
        self.records += u64::from(record.is_some());
        // Rows of records tell their kind in their second byte, those of indexes behind a realm.
        let kind = key.get(if key.first() == Some(&b'r') { 1 } else { 17 }).copied();
        self.waiting.rows.entry(kind).or_default().push((key, record));
        self.count(bytes)
    }

    fn count(&mut self, bytes: usize) -> Result<()> {
        self.waiting.bytes += bytes;
        if self.waiting.bytes >= BYTES_MAX { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let gone = |_| Error::internal("the index could not be written");
        let Waiting { rows, counted, used, .. } = std::mem::take(&mut self.waiting);
        // Of equal keys the last one stays.
        let writes = rows.into_values().flatten().collect();
        self.sender.send(Sorted { writes, counted, used }).map_err(gone)
    }
}

/// Rows in order, of each key the newest.
struct Sorted {
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    counted: BTreeMap<Vec<u8>, Counts>,
    used: Tally,
}

impl Sorted {
    /// With the rows of counters and uses, against those in the engine.
    fn counted(self, engine: &dyn Engine) -> Result<BTreeMap<Vec<u8>, Option<Vec<u8>>>> {
        let mut writes = self.writes;
        for (key, by) in self.counted {
            let mut counts = match before(&writes, engine, &key)? {
                Some(Record::Counts(counts)) => counts,
                _ => Counts::none(by.object),
            };
            counts.add(&by);
            writes.insert(key, Some(encoding::encode_record(&Record::Counts(counts))?));
        }
        for (object, by) in self.used {
            let key = encoding::encode_key(&RecordKey::Uses(object));
            let before = match before(&writes, engine, &key)? {
                Some(Record::Uses(uses)) => Some(uses),
                _ => None,
            };
            let Some(total) = uses::total(before, [by]) else { continue };
            writes.insert(key, Some(encoding::encode_record(&Record::Uses(total))?));
        }
        Ok(writes)
    }
}

/// The record that rows which are still to be written leave at a key, or that the engine has there.
fn before(
    writes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    engine: &dyn Engine,
    key: &[u8],
) -> Result<Option<Record>> {
    let row = match writes.get(key) {
        Some(row) => row.clone(),
        None => engine.get(key).map_err(told)?,
    };
    row.map(|bytes| encoding::decode_row(key, &bytes)).transpose()
}

/// Makes the rows of the secondary indexes from all records, each of which is decoded on the way; `tell` learns how many
/// are done, and the caller how many there were.
///
/// # Errors
/// The engine's; `Internal`, naming the first record that cannot be read.
pub(crate) fn index_all(engine: &dyn Engine, tell: &mut dyn FnMut(u64)) -> Result<u64> {
    let mut done = 0;
    let mut pages = Pages::new(engine);
    let pages = std::iter::from_fn(|| pages.next().transpose());
    let index = |page: Result<Vec<Row>>, give: &mut dyn FnMut((usize, Vec<Vec<u8>>)) -> bool| {
        let (page, mut rows) = (page?, Vec::new());
        for (key, bytes) in &page {
            rows.extend(secondary::rows(Some(&encoding::decode_row(key, bytes)?)));
        }
        give((page.len(), rows));
        Ok(())
    };
    add(engine, |loading| {
        in_order(pages, index, |(records, rows)| {
            done += records as u64;
            tell(done);
            rows.into_iter().try_for_each(|row| loading.put(row, Some(Vec::new())))
        })
    })?;
    Ok(done)
}

/// All records of an engine in order, a page at a time, as they are when their page is read.
pub(super) struct Pages<'a> {
    engine: &'a dyn Engine,
    from: Vec<u8>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(engine: &'a dyn Engine) -> Self {
        Self { engine, from: vec![b'r'] }
    }

    /// The next page; none is empty.
    ///
    /// # Errors
    /// The engine's.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Row>>> {
        let page = self.engine.scan(&self.from, &[b'r' + 1], Order::Ascending, PAGE_ROWS).map_err(told)?;
        let Some((last, _)) = page.last() else { return Ok(None) };
        self.from = [last.as_slice(), &[0]].concat();
        Ok(Some(page))
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
pub(crate) fn settle(engine: &dyn Engine, checkpoint: Vec<u8>) -> Result<()> {
    engine.apply(&Batch { writes: BTreeMap::new(), checkpoint }).map_err(told)
}

fn apply(engine: &dyn Engine, writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Result<()> {
    engine.apply(&Batch { writes, checkpoint: UNFINISHED.to_vec() }).map_err(told)
}

/// What an engine cannot write or read back is no fault of what was to be loaded into it.
fn told(error: EngineError) -> Error {
    let public = "what is loaded cannot be written to the disk, or read back from there";
    Error::new(ErrorKind::Unavailable, public).because(error)
}
