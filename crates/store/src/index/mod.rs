//! The index: records by key and ids by indexed value, behind the journal and ahead of the engine.
//!
//! What is published but not yet in the engine lies in the overlay; decoded records are cached, written through.
//! `applier` carries published changes into the engine. What may be committed is decided elsewhere (`crate::stage`).

pub(crate) mod applier;
pub(crate) mod checkpoint;
pub(crate) mod encoding;
pub(crate) mod secondary;
pub(crate) mod uses;

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::Arc,
    time::Duration,
};

use keyreeve_core::{
    Error, ErrorKind, Result,
    model::{Counts, Lsn, ManagedObject, ObjectId, Uses},
    ports::store::{DrawnIds, IndexHit, IndexRange, Order},
    record::{Change, Record, RecordKey},
};
use parking_lot::{Condvar, Mutex, RwLock};
use quick_cache::sync::{Cache, GuardResult};

use crate::{
    engines::{Engine, EngineError, EngineSnapshot},
    failure::unavailable,
};

/// How long a snapshot waits for the engine: so many times so long.
const SNAPSHOT_WAITS_MAX: u32 = 300;
const SNAPSHOT_WAIT: Duration = Duration::from_millis(100);

/// Rows of secondary indexes that are read at once.
const SECONDARY_ROWS: usize = 2048;

type Found = Option<Arc<Record>>;

/// Records and index rows as of the newest published entry.
pub(crate) struct Index {
    engine: Arc<dyn Engine>,
    overlay: RwLock<Overlay>,
    /// INVARIANT: never older than overlay and engine together. Publishing replaces what is cached, and a reader that
    /// filled in the meantime loses: its placeholder is gone.
    cache: Cache<RecordKey, Found, Weigh>,
    pub(crate) uses: uses::Pending,
    /// The newest entry with changes that was published, and the newest one that the engine holds.
    progress: Mutex<(Lsn, Lsn)>,
    applied: Condvar,
}

/// What the engine does not hold yet. Bounded by the applier's queue.
#[derive(Default)]
struct Overlay {
    records: HashMap<RecordKey, (Lsn, Found)>,
    rows: BTreeMap<Vec<u8>, (Lsn, bool)>,
}

/// Changes of one entry on their way to the engine.
pub(crate) struct Published {
    lsn: Lsn,
    records: Vec<(RecordKey, Found)>,
    /// Index rows that come (true) or go.
    rows: Vec<(Vec<u8>, bool)>,
}

impl Index {
    /// An index over what the engine holds, with a cache of about `cache_bytes_max` bytes.
    pub(crate) fn new(engine: Arc<dyn Engine>, cache_bytes_max: u64) -> Self {
        let items = usize::try_from(cache_bytes_max / 1024).unwrap_or(usize::MAX).max(64);
        let cache = Cache::with_weighter(items, cache_bytes_max, Weigh);
        let progress = Mutex::new((Lsn(0), Lsn(0)));
        let (overlay, uses) = (RwLock::default(), uses::Pending::default());
        Self { engine, overlay, cache, uses, progress, applied: Condvar::new() }
    }

    /// The rows of all records, with everything in it that was published before: waits until the engine has it.
    ///
    /// # Errors
    /// `Unavailable` where that takes too long; what `check` reports; the engine's.
    pub(crate) fn snapshot(&self, check: impl Fn() -> Result<()>) -> Result<Box<dyn EngineSnapshot>> {
        let mut progress = self.progress.lock();
        let wanted = progress.0;
        for _ in 0..SNAPSHOT_WAITS_MAX {
            check()?;
            if progress.1 >= wanted {
                drop(progress);
                return self.engine.snapshot().map_err(told);
            }
            self.applied.wait_for(&mut progress, SNAPSHOT_WAIT);
        }
        Err(unavailable("the index lags behind the journal too far: try again"))
    }

    /// What is damaged in it, until it is made anew.
    pub(crate) fn damage(&self) -> Option<String> {
        self.engine.damage().as_ref().map(damage)
    }

    /// The record as of now.
    pub(crate) fn get(&self, key: &RecordKey) -> Result<Found> {
        if let RecordKey::Uses(object) = key {
            // In this order: what is pending no longer is in the row by then.
            let pending = self.uses.of(*object);
            return Ok(
                uses::total(self.uses_applied(*object)?, pending).map(|uses| Arc::new(Record::Uses(uses)))
            );
        }
        let guard = match self.cache.get_value_or_guard(key, None) {
            GuardResult::Value(found) => return Ok(found),
            GuardResult::Guard(guard) => Some(guard),
            GuardResult::Timeout => None,
        };
        // The overlay first: what leaves it is in the engine before.
        let pending = self.overlay.read().records.get(key).map(|(_, found)| found.clone());
        let found = match pending {
            Some(found) => found,
            None => match self.engine.get(&encoding::encode_key(key)).map_err(told)? {
                Some(bytes) => Some(Arc::new(encoding::decode_record(key, &bytes)?)),
                None => None,
            },
        };
        if let Some(guard) = guard {
            // Refused where the record was published meanwhile: the cache has the newer one.
            let _ = guard.insert(found.clone());
        }
        Ok(found)
    }

    /// As `find_in`, ascending.
    pub(crate) fn find(
        &self,
        range: &IndexRange,
        after: Option<&IndexHit>,
        limit: usize,
    ) -> Result<Vec<IndexHit>> {
        self.find_in(Order::Ascending, range, after, limit)
    }

    /// Up to `limit` rows that come after the row `beyond` in this order of (value, id).
    pub(crate) fn find_in(
        &self,
        order: Order,
        range: &IndexRange,
        beyond: Option<&IndexHit>,
        limit: usize,
    ) -> Result<Vec<IndexHit>> {
        let (mut from, mut to) = secondary::bounds(range, order, beyond);
        if from >= to {
            return Ok(Vec::new());
        }
        let mut pending = self.pending(&from, &to);
        let mut hits = Vec::new();
        while hits.len() < limit {
            let wanted = (limit - hits.len()).saturating_add(1);
            let stored = self.engine.scan(&from, &to, order, wanted).map_err(told)?;
            let reached = stored.last().filter(|_| stored.len() == wanted).map(|(key, _)| key.clone());
            let is_last = reached.is_none();
            // Rows of the overlay belong to this page as far as the engine's rows reach.
            let mut page = match (order, reached) {
                (_, None) => mem::take(&mut pending),
                (Order::Ascending, Some(key)) => {
                    from = secondary::key_behind(&key);
                    let later = pending.split_off(&from);
                    mem::replace(&mut pending, later)
                }
                (Order::Descending, Some(key)) => {
                    to = key;
                    pending.split_off(&to)
                }
            };
            for (key, _) in stored {
                page.entry(key).or_insert(true);
            }
            let rows = page.into_iter().filter_map(|(row, there)| there.then_some(row));
            let mut found: Vec<_> =
                rows.map(|row| secondary::hit(&row).ok_or_else(malformed)).collect::<Result<_>>()?;
            if order == Order::Descending {
                found.reverse();
            }
            hits.append(&mut found);
            if is_last {
                break;
            }
        }
        hits.truncate(limit);
        Ok(hits)
    }

    /// Rows in these bounds that the engine does not have yet, or still has: whether they are there.
    fn pending(&self, from: &[u8], to: &[u8]) -> BTreeMap<Vec<u8>, bool> {
        let overlay = self.overlay.read();
        let rows = overlay.rows.range(from.to_vec()..to.to_vec());
        rows.map(|(row, (_, there))| (row.clone(), *there)).collect()
    }

    /// Lets readers see the changes of a durable entry; the result goes to the applier.
    ///
    /// INVARIANT: called by one thread at a time, in the order of the entries.
    pub(crate) fn publish(&self, lsn: Lsn, changes: Vec<Change>, drawn: &DrawnIds) -> Result<Published> {
        let mut published = Published { lsn, records: Vec::with_capacity(changes.len()), rows: Vec::new() };
        for change in changes {
            let (key, new) = match (change.counted(), change) {
                (Some(by), _) => self.counted(&by)?,
                (None, Change::Put(record)) => (record.key(), Some(Arc::new(record))),
                (None, change) => (change.key(), None),
            };
            let rows = self.row_changes(&key, new.as_deref(), drawn)?;
            let mut overlay = self.overlay.write();
            overlay.records.insert(key.clone(), (lsn, new.clone()));
            for (row, there) in &rows {
                overlay.rows.insert(row.clone(), (lsn, *there));
            }
            drop(overlay);
            // Removed first: a record that is too heavy to be cached would leave the placeholder of a reader that still
            // holds the old one.
            self.cache.remove(&key);
            self.cache.insert(key.clone(), new.clone());
            published.rows.extend(rows);
            published.records.push((key, new));
        }
        self.progress.lock().0 = lsn;
        Ok(published)
    }

    /// The counters of an object with what comes to them. Entries are published one after the other, so none is lost.
    fn counted(&self, by: &Counts) -> Result<(RecordKey, Found)> {
        let mut counts = self.counts(by.object)?;
        counts.add(by);
        Ok((RecordKey::Counts(by.object), Some(Arc::new(Record::Counts(counts)))))
    }

    /// The counters of an object as of now.
    pub(crate) fn counts(&self, object: ObjectId) -> Result<Counts> {
        Ok(match self.get(&RecordKey::Counts(object))?.as_deref() {
            Some(Record::Counts(counts)) => *counts,
            _ => Counts::none(object),
        })
    }

    /// An object's uses as far as the engine has them.
    fn uses_applied(&self, object: ObjectId) -> Result<Option<Uses>> {
        let key = RecordKey::Uses(object);
        let row = self.engine.get(&encoding::encode_key(&key)).map_err(told)?;
        match row.map(|bytes| encoding::decode_record(&key, &bytes)).transpose()? {
            Some(Record::Uses(uses)) => Ok(Some(uses)),
            _ => Ok(None),
        }
    }

    /// Index rows that go with the old record and come with the new one.
    fn row_changes(
        &self,
        key: &RecordKey,
        new: Option<&Record>,
        drawn: &DrawnIds,
    ) -> Result<Vec<(Vec<u8>, bool)>> {
        if !secondary::is_indexed(key) {
            return Ok(Vec::new());
        }
        // Of a new id the engine has nothing; what the same entry put under it before is in the overlay.
        let old = match drawn.cover(key) {
            true => self.overlay.read().records.get(key).and_then(|(_, found)| found.clone()),
            false => self.get(key)?,
        };
        let before = secondary::rows(old.as_deref());
        let after = secondary::rows(new);
        let gone =
            before.iter().filter(|row| after.binary_search(row).is_err()).map(|row| (row.clone(), false));
        let come =
            after.iter().filter(|row| before.binary_search(row).is_err()).map(|row| (row.clone(), true));
        Ok(gone.chain(come).collect())
    }

    /// Forgets what the engine holds by now.
    fn forget(&self, applied: &[Published]) {
        if let Some(last) = applied.last() {
            self.progress.lock().1 = last.lsn;
            self.applied.notify_all();
        }
        let mut overlay = self.overlay.write();
        for published in applied {
            for (key, _) in &published.records {
                if overlay.records.get(key).is_some_and(|(lsn, _)| *lsn <= published.lsn) {
                    overlay.records.remove(key);
                }
            }
            for (row, _) in &published.rows {
                if overlay.rows.get(row).is_some_and(|(lsn, _)| *lsn <= published.lsn) {
                    overlay.rows.remove(row);
                }
            }
        }
    }
}

/// Reads all rows of the secondary indexes, which no backup holds, so that rot in them is met.
///
/// # Errors
/// The engine's.
pub(crate) fn read_secondary(rows: &dyn EngineSnapshot) -> Result<()> {
    let (mut from, to) = (vec![b'i'], [b'i' + 1]);
    while let Some((last, _)) = rows.scan(&from, &to, Order::Ascending, SECONDARY_ROWS).map_err(told)?.pop() {
        from = [last.as_slice(), &[0]].concat();
    }
    Ok(())
}

/// About how many bytes a cached record takes.
#[derive(Clone)]
struct Weigh;

impl quick_cache::Weighter<RecordKey, Found> for Weigh {
    fn weight(&self, key: &RecordKey, found: &Found) -> u64 {
        let name = match key {
            RecordKey::KeyName(_, name) | RecordKey::PrincipalName(_, name) | RecordKey::Server(name) => {
                name.len()
            }
            _ => 0,
        };
        let bytes = match found.as_deref() {
            None => 256,
            Some(Record::Certificate(certificate)) => 512 + certificate.text.len(),
            Some(Record::Erasure(erasure)) => 512 + 80 * erasure.objects.len(),
            Some(Record::Node(node)) => 256 + node.bytes.len(),
            Some(Record::Material(material)) => 512 + material.ciphertext.len(),
            Some(Record::Server(server)) => 512 + server.data.len(),
            Some(Record::Object(object)) => 1536 + variable_bytes(object),
            Some(Record::Key(key)) => {
                let tags: usize = key.tags.iter().map(|(name, value)| 128 + name.len() + value.len()).sum();
                768 + key.name.len() + 48 * key.versions.len() + 256 * key.grants.len() + tags
            }
            Some(_) => 512,
        };
        (bytes + name) as u64
    }
}

/// About how many bytes an object's lists and texts take.
fn variable_bytes(object: &ManagedObject) -> usize {
    let names: usize = object.names.iter().map(|name| 64 + name.value.len()).sum();
    let groups: usize = object.groups.iter().map(|group| 64 + group.len()).sum();
    let links: usize = object.links.iter().map(|link| 64 + link.target.len()).sum();
    let further: usize = object.further.values().flatten().map(|value| 128 + value.bytes()).sum();
    names + groups + links + further + 128 * object.parameters.len()
}

fn malformed() -> Error {
    Error::internal(
        "the index is damaged: a row's key is malformed; stop, run `keyreeve index rebuild`, and start again",
    )
}

/// An engine's error, by what the row is that it names.
pub(crate) fn told(error: EngineError) -> Error {
    let public = "the server's index is damaged, and its log says where: start the server again, which makes the index anew \
                  from the journal";
    match &error {
        EngineError::Rotten { .. } | EngineError::Damaged { .. } => {
            Error::new(ErrorKind::Internal, public).because(damage(&error))
        }
        EngineError::Full { .. } => {
            Error::new(ErrorKind::Unavailable, "the disk of the server's index is full").because(error)
        }
        EngineError::Failed { .. } => Error::new(
            ErrorKind::Unavailable,
            "the server's index cannot be read or written, and its log says why",
        )
        .because(error),
    }
}

/// Damage of an index, in words.
fn damage(error: &EngineError) -> String {
    match error {
        EngineError::Rotten { at, key } => {
            let row = encoding::row_name(key);
            format!("the index {at} is damaged at {row}, which does not match its checksum")
        }
        error => error.to_string(),
    }
}
