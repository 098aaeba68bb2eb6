//! The embedded index in files of its own, and after a crash in a state that a power loss may leave them in. SQLite writes
//! them beside the disk of the simulation; so what they held after each batch is kept, and put together anew. Not here: the
//! journal, and an index that is simulated (`lagging`).
//!
//! What SQLite promises to have synced, and when: the log before a checkpoint writes to the database, the database before
//! the log begins anew, and the header of a log that begins anew before its frames. Nothing else.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use keyreeve_core::ports::store::Order;
use keyreeve_store::engines::{Batch, Engine, EngineError, EngineSnapshot, Row, embedded::EmbeddedEngine};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::random::Random;

const SECTOR_LEN: usize = 512;
/// Bytes of the header of SQLite's log.
const LOG_HEADER_LEN: usize = 32;

/// An index engine in a folder of its own, which goes with it.
pub struct FileIndex {
    // In this order: the engine closes its files before they go.
    engine: EmbeddedEngine,
    folder: TempDir,
    history: Mutex<History>,
    least: u64,
}

/// What the two files hold, once so many batches were applied.
#[derive(Clone, Default)]
struct Photo {
    database: Vec<u8>,
    log: Vec<u8>,
    batches: u64,
}

struct History {
    random: Random,
    is_loading: bool,
    /// Surely on the medium: since the newest checkpoint only the log was written to.
    synced: Photo,
    since: Vec<Photo>,
    /// Before and after each checkpoint.
    checkpoints: Vec<(Photo, Photo)>,
}

impl FileIndex {
    /// An empty one, whose checkpoints come as the seed decides.
    pub fn new(seed: u64) -> Self {
        Self::found(Photo::default(), seed)
    }

    /// The index as the next process finds it after a power loss now.
    pub fn crash(&self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let found = self.history().after_power_loss(&mut random);
        Self::found(found, random.next_u64())
    }

    /// How many batches, of all since the first one, are there at least, since they were synced.
    pub fn least(&self) -> u64 {
        self.least
    }

    /// After a crash, before anything else: so many batches are there, which may be more than were surely synced.
    pub fn holds(&self, batches: u64) {
        self.history().since.iter_mut().for_each(|photo| photo.batches = batches);
    }

    fn found(found: Photo, seed: u64) -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = path_in(&folder);
        fs::write(&path, &found.database).expect("is written");
        fs::write(log_of(&path), &found.log).expect("is written");
        let engine = EmbeddedEngine::open(&path).expect("no power loss damages it");
        let least = found.batches;
        let history = History::of(&path, found.log, (least, seed));
        Self { engine, folder, history: Mutex::new(history), least }
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What changed the rows is over.
    fn changed(&self, history: &mut History) {
        if history.is_loading {
            return;
        }
        let path = path_in(&self.folder);
        let batches = history.since.last().map_or(history.synced.batches, |photo| photo.batches) + 1;
        history.since.push(photo(&path, batches));
        if history.random.one_in(4) {
            history.checkpoint(&path);
        }
    }
}

impl History {
    /// Of files that were just opened, with this log: that the database has one was synced.
    fn of(path: &Path, log: Vec<u8>, (batches, seed): (u64, u64)) -> Self {
        let now = photo(path, batches);
        let synced = Photo { log, ..now.clone() };
        let (random, since) = (Random::new(seed), vec![now]);
        Self { random, is_loading: false, synced, since, checkpoints: Vec::new() }
    }

    /// Has SQLite bring the log into the database, as it does by itself once the log is long.
    fn checkpoint(&mut self, path: &Path) {
        let connection = Connection::open(path).expect("opens");
        let (log, done): (i64, i64) = connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))
            .expect("brings the log in");
        // Else a reader was in the way: nothing begins anew then, and the log holds all of it.
        if log == done {
            let batches = self.since.last().map_or(self.synced.batches, |photo| photo.batches);
            let after = photo(path, batches);
            let before = std::mem::replace(&mut self.synced, after.clone());
            self.checkpoints.push((before, after));
            self.since.clear();
        }
    }

    fn after_power_loss(&self, random: &mut Random) -> Photo {
        let checkpoint = |random: &mut Random| {
            let count = self.checkpoints.len() as u64;
            (count > 0).then(|| &self.checkpoints[random.below(count) as usize])
        };
        match random.below(10) {
            // The file is gone.
            0 => Photo::default(),
            // It is an older one.
            1 => checkpoint(random).map(|(_, after)| after.clone()).unwrap_or_default(),
            // In the midst of a checkpoint: the log is whole, of the database some sectors are written.
            2..=4 if let Some((before, after)) = checkpoint(random) => {
                Photo { database: torn(&before.database, &after.database, random), ..after.clone() }
            }
            _ => self.with_torn_log(random),
        }
    }

    fn with_torn_log(&self, random: &mut Random) -> Photo {
        if self.since.is_empty() {
            return self.synced.clone();
        }
        let now = &self.since[random.below(self.since.len() as u64) as usize];
        let mut log = torn(&self.synced.log, &now.log, random);
        let header = now.log.get(..LOG_HEADER_LEN).unwrap_or_default();
        let begins_anew = self.synced.log.get(..LOG_HEADER_LEN) != Some(header);
        if begins_anew && !self.synced.log.is_empty() {
            log.resize(log.len().max(header.len()), 0);
            log[..header.len()].copy_from_slice(header);
        }
        Photo { log, ..self.synced.clone() }
    }
}

/// What is on the medium where some of a file's writes were done: up to some byte, or each sector on its own.
fn torn(old: &[u8], new: &[u8], random: &mut Random) -> Vec<u8> {
    let mut torn = old.to_vec();
    let mut write = |from: usize, to: usize| {
        torn.resize(torn.len().max(to), 0);
        torn[from..to].copy_from_slice(&new[from..to]);
    };
    if random.one_in(2) {
        write(0, random.below(new.len() as u64 + 1) as usize);
    } else {
        for from in (0..new.len()).step_by(SECTOR_LEN) {
            if random.one_in(2) {
                write(from, (from + SECTOR_LEN).min(new.len()));
            }
        }
    }
    torn
}

fn path_in(folder: &TempDir) -> PathBuf {
    folder.path().join("index.sqlite")
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn photo(path: &Path, batches: u64) -> Photo {
    let database = fs::read(path).expect("is read");
    let log = fs::read(log_of(path)).unwrap_or_default();
    Photo { database, log, batches }
}

impl Engine for FileIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.engine.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError> {
        self.engine.scan(from, to, order, limit)
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut history = self.history();
        self.engine.apply(batch)?;
        self.changed(&mut history);
        Ok(())
    }

    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError> {
        self.engine.checkpoint()
    }

    fn damage(&self) -> Option<EngineError> {
        self.engine.damage()
    }

    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        self.engine.snapshot()
    }

    fn clear(&self) -> Result<(), EngineError> {
        let mut history = self.history();
        self.engine.clear()?;
        self.changed(&mut history);
        Ok(())
    }

    fn begin_load(&self) -> Result<(), EngineError> {
        self.history().is_loading = true;
        self.engine.begin_load()
    }

    fn end_load(&self) -> Result<(), EngineError> {
        let mut history = self.history();
        self.engine.end_load()?;
        // Another file has taken its place, which was synced before.
        let (batches, seed) = (history.synced.batches, history.random.next_u64());
        *history = History::of(&path_in(&self.folder), Vec::new(), (batches, seed));
        Ok(())
    }
}
