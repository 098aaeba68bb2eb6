//! The embedded engine: one SQLite file in WAL mode, one connection that writes, a few that read.
//!
//! The file holds only the index, which the journal can rebuild; so commits are not synced one by one, and what a
//! power loss takes is caught up on the next start. SQLite does its own I/O, beside `crate::disk`.
//!
//! What is loaded from nothing goes into a file of its own, without any log, which takes the index's place once it is
//! whole and synced.
//!
//! Each row bears a checksum over its key and its value, which every read checks: pages have none, and a bit that flips in
//! one need not make it malformed. This finds rot, not whoever alters rows.
//!
//! A file that was found to be damaged gets a mark beside it, which tells the damage, so that the next start makes it anew.
//! Until that is done it is kept as `index.sqlite-old`: it may be the last copy of what it holds.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use crc_fast::{CrcAlgorithm, Digest};
use crossbeam_channel::{Receiver, Sender, bounded};
use keyreeve_core::ports::store::Order;
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, ffi, params};

use super::{Batch, Engine, EngineError, EngineSnapshot, Row};

const READERS: usize = 4;
const FORMAT: i32 = 2;
/// Bytes of the checksum that stands behind each value: CRC-32C, big-endian.
const SUM_LEN: usize = 4;
/// What the checkpoint's checksum takes for its key.
const CHECKPOINT: &[u8] = b"checkpoint";
/// What the mark of a file with a rotten row begins with; the row's key follows in hexadecimal.
const ROTTEN: &str = "row ";
/// Pages that each reader keeps, in KiB.
const READER_CACHE_KIB: i32 = 4096;
/// What is written to see whether there is room: more than SQLite writes at once.
static PROBE: [u8; 256 << 10] = [0x5a; 256 << 10];
/// Bytes that SQLite is asked to cut the WAL to after a checkpoint.
const WAL_BYTES_KEPT: i64 = 16 << 20;

/// An index in a SQLite file.
pub struct EmbeddedEngine {
    path: PathBuf,
    readers: Pool,
    /// Closed last, which brings what is left of the WAL into the file.
    writer: Mutex<Connection>,
    /// INVARIANT: while it is set, the writer has the file that is loaded, and there are no readers.
    loading: AtomicBool,
}

/// Idle read connections: whoever takes one puts it back.
struct Pool {
    idle: Receiver<Connection>,
    back: Sender<Connection>,
}

impl EmbeddedEngine {
    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    /// `Damaged` where the file is no index of this format, `Failed` where it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let told = |error| tell(path, error);
        // What a crash left of a load.
        Self::remove(&loading_path(path))?;
        if let Some(damage) = marked(path) {
            return Err(damage);
        }
        let writer = open_writer(path)?;
        let (back, idle) = bounded(READERS);
        let readers = Pool { idle, back };
        readers.fill(path).map_err(told)?;
        let (path, writer, loading) = (path.to_owned(), Mutex::new(writer), AtomicBool::new(false));
        Ok(Self { path, readers, writer, loading })
    }

    /// Puts a damaged file aside, out of the way of the one that is to be made: the end of a load removes it. Where there is
    /// one already, no load has ended since, and what lies at `path` is nothing yet.
    ///
    /// # Errors
    /// `Failed` where the operating system refuses.
    pub fn set_aside(path: &Path) -> Result<(), EngineError> {
        let old = Self::aside(path);
        if old.exists() {
            return Self::remove(path);
        }
        // The file last: until then the next try finds it where it was, and its mark stays until the end.
        for suffix in ["-wal", ""] {
            match std::fs::rename(beside(path, suffix), beside(&old, suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(path, &error)),
                _ => {}
            }
        }
        Self::remove(path)
    }

    /// Where a damaged file at `path` is put.
    pub fn aside(path: &Path) -> PathBuf {
        beside(path, "-old")
    }

    /// How far the file came that was put aside; none where there is none, or it cannot tell any more.
    pub fn checkpoint_aside(path: &Path) -> Option<Vec<u8>> {
        let old = Self::aside(path);
        let connection = old.exists().then(|| open_reader(&old))?.ok()?;
        let value = checkpoint(&connection).ok()??;
        let (value, found) = value.split_last_chunk::<SUM_LEN>()?;
        (*found == sum(CHECKPOINT, value)).then(|| value.to_vec())
    }

    /// Removes the file at `path` with what SQLite keeps beside it.
    ///
    /// # Errors
    /// `Failed` where the operating system refuses.
    pub fn remove(path: &Path) -> Result<(), EngineError> {
        // The mark last: until then nobody takes what is left for an index.
        let names = ["", "-wal", "-shm"].map(|suffix| beside(path, suffix));
        for name in names.iter().chain([&mark_path(path)]) {
            match std::fs::remove_file(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// The file that is read and written now.
    fn at(&self) -> PathBuf {
        if self.loading.load(Ordering::Acquire) { loading_path(&self.path) } else { self.path.clone() }
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, EngineError> {
        if self.loading.load(Ordering::Acquire) {
            return query(&self.writer.lock()).map_err(|error| tell(&loading_path(&self.path), error));
        }
        let closed = |what: &dyn std::fmt::Display| failed(&self.path, what);
        let connection = self.readers.idle.recv().map_err(|error| closed(&error))?;
        let lent = Lent { connection: Some(connection), back: &self.readers.back };
        match &lent.connection {
            Some(connection) => query(connection).map_err(|error| tell(&self.path, error)),
            None => Err(closed(&"a reader without a connection")),
        }
    }
}

impl Pool {
    fn fill(&self, path: &Path) -> rusqlite::Result<()> {
        for _ in 0..READERS {
            // There is room for every connection, and the other end is held here.
            let _ = self.back.send(open_reader(path)?);
        }
        Ok(())
    }
}

/// A connection on loan: it goes back also where the reader panics.
struct Lent<'a> {
    connection: Option<Connection>,
    back: &'a Sender<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // There is room for every connection, and the other end is held beside this one.
            let _ = self.back.send(connection);
        }
    }
}

impl Engine for EmbeddedEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let met = self.read(|connection| get(connection, key))?;
        let rows = checked_rows(met, || self.at())?;
        Ok(rows.into_iter().next().map(|(_, value)| value))
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError> {
        checked_rows(self.read(|connection| scan(connection, from, to, order, limit))?, || self.at())
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut writer = self.writer.lock();
        // Damage to what is loaded says nothing of the index.
        let is_loading = self.loading.load(Ordering::Acquire);
        let path = if is_loading { &loading_path(&self.path) } else { &self.path };
        let written = (|| {
            let transaction = writer.transaction()?;
            {
                let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO rows VALUES (?1, ?2)")?;
                let mut delete = transaction.prepare_cached("DELETE FROM rows WHERE key = ?1")?;
                for (key, value) in &batch.writes {
                    match value {
                        Some(value) => put.execute(params![key, summed(key, value)])?,
                        None => delete.execute([key])?,
                    };
                }
                let mut mark =
                    transaction.prepare_cached("INSERT OR REPLACE INTO meta VALUES ('checkpoint', ?1)")?;
                mark.execute([summed(CHECKPOINT, &batch.checkpoint)])?;
            }
            transaction.commit()
        })();
        written.map_err(|error| tell(path, error))
    }

    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError> {
        let value = self.read(checkpoint)?;
        value.map(|value| checked(value, CHECKPOINT, || self.at())).transpose()
    }

    fn damage(&self) -> Option<EngineError> {
        marked(&self.path)
    }

    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        let begin = || {
            let connection = open_reader(&self.path)?;
            connection.execute_batch("BEGIN")?;
            // The first read fixes what the transaction sees.
            checkpoint(&connection)?;
            Ok(connection)
        };
        let connection = begin().map_err(|error| tell(&self.path, error))?;
        Ok(Box::new(EmbeddedSnapshot { path: self.path.clone(), connection }))
    }

    fn clear(&self) -> Result<(), EngineError> {
        let cleared = self.writer.lock().execute_batch("BEGIN; DELETE FROM rows; DELETE FROM meta; COMMIT");
        cleared.map_err(|error| tell(&self.path, error))?;
        Self::remove(&Self::aside(&self.path))
    }

    fn begin_load(&self) -> Result<(), EngineError> {
        let loading = loading_path(&self.path);
        let mut writer = self.writer.lock();
        if !self.loading.swap(true, Ordering::AcqRel) {
            // All of them, those on loan once they are back.
            drop(self.readers.idle.iter().take(READERS).collect::<Vec<_>>());
        }
        *writer = Connection::open_in_memory().map_err(|error| tell(&loading, error))?;
        Self::remove(&loading)?;
        let fresh = Connection::open(&loading).map_err(|error| tell(&loading, error))?;
        prepare(&fresh, &loading, ("OFF", "OFF"))?;
        *writer = fresh;
        Ok(())
    }

    fn end_load(&self) -> Result<(), EngineError> {
        let loading = loading_path(&self.path);
        let io = |error| failed(&self.path, &error);
        let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all()).map_err(io);
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let mut writer = self.writer.lock();
        *writer = Connection::open_in_memory().map_err(|error| tell(&loading, error))?;
        sync(&loading)?;
        Self::remove(&self.path)?;
        // Or a power loss might leave the new file beside the WAL of the old one.
        sync(dir)?;
        std::fs::rename(&loading, &self.path).map_err(io)?;
        sync(dir)?;
        Self::remove(&Self::aside(&self.path))?;
        *writer = open_writer(&self.path)?;
        self.readers.fill(&self.path).map_err(|error| tell(&self.path, error))?;
        self.loading.store(false, Ordering::Release);
        Ok(())
    }
}

/// A read transaction on a connection of its own, so that no reader of the pool is missing meanwhile. The WAL cannot
/// be cut before it ends: it grows by what is written until then.
struct EmbeddedSnapshot {
    path: PathBuf,
    connection: Connection,
}

impl EngineSnapshot for EmbeddedSnapshot {
    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError> {
        let value = checkpoint(&self.connection).map_err(|error| tell(&self.path, error))?;
        value.map(|value| checked(value, CHECKPOINT, || self.path.clone())).transpose()
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError> {
        let rows = scan(&self.connection, from, to, order, limit).map_err(|error| tell(&self.path, error))?;
        checked_rows(rows, || self.path.clone())
    }
}

/// Where the rows of a load lie until they are the index.
fn loading_path(path: &Path) -> PathBuf {
    path.with_added_extension("loading")
}

/// The file that says that the index is damaged, and how.
fn mark_path(path: &Path) -> PathBuf {
    beside(path, "-damaged")
}

/// Marks a file as damaged; the first damage stays.
fn mark(path: &Path, what: &str) {
    tracing::error!(index = %path.display(), what, "the index is damaged: the next start makes it anew");
    let marked = File::create_new(mark_path(path)).and_then(|mut file| file.write_all(what.as_bytes()));
    match marked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            tracing::warn!(%error, "the index is damaged, and cannot be marked as such");
        }
        _ => {}
    }
}

/// The damage that a file is marked with.
fn marked(path: &Path) -> Option<EngineError> {
    let at = path.display().to_string();
    let mark = match std::fs::read(mark_path(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        read => String::from_utf8_lossy(&read.unwrap_or_default()).into_owned(),
    };
    match mark.strip_prefix(ROTTEN).and_then(|key| hex::decode(key).ok()) {
        Some(key) => Some(EngineError::Rotten { at, key }),
        None => Some(EngineError::Damaged { at, what: format!("it was found to be before: {mark}") }),
    }
}

/// A row's value as the file holds it.
fn summed(key: &[u8], value: &[u8]) -> Vec<u8> {
    [value, &sum(key, value)].concat()
}

/// A row's value from what the file holds; `at` is that file.
fn checked(mut bytes: Vec<u8>, key: &[u8], at: impl Fn() -> PathBuf) -> Result<Vec<u8>, EngineError> {
    if let Some((value, found)) = bytes.split_last_chunk::<SUM_LEN>()
        && *found == sum(key, value)
    {
        bytes.truncate(bytes.len() - SUM_LEN);
        return Ok(bytes);
    }
    mark(&at(), &format!("{ROTTEN}{}", hex::encode(key)));
    Err(EngineError::Rotten { at: at().display().to_string(), key: key.to_vec() })
}

fn checked_rows(met: Met, at: impl Fn() -> PathBuf) -> Result<Vec<Row>, EngineError> {
    for (key, bytes) in met.around {
        checked(bytes, &key, &at)?;
    }
    met.rows.into_iter().map(|(key, bytes)| checked(bytes, &key, &at).map(|value| (key, value))).collect()
}

fn sum(key: &[u8], value: &[u8]) -> [u8; SUM_LEN] {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(key);
    digest.update(value);
    // Of 64 bits, CRC-32 fills the lower half.
    (digest.finalize() as u32).to_be_bytes()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn open_writer(path: &Path) -> Result<Connection, EngineError> {
    let writer = Connection::open(path).map_err(|error| tell(path, error))?;
    prepare(&writer, path, ("WAL", "NORMAL"))?;
    Ok(writer)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags)?;
    // Not mapped: each reader's map would count as memory, and all of the process's memory is locked.
    reader.pragma_update(None, "mmap_size", 0)?;
    reader.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(reader)
}

/// What a search met, not checked yet.
#[derive(Default)]
struct Met {
    /// What was searched.
    rows: Vec<Row>,
    /// The rows where it began and ended.
    ///
    /// INVARIANT: they are checked as well. A key that has rotted stays where it was: it leads a search past the rows on one
    /// side of it, or ends one before them, and is then the neighbour of what was found. Nobody would miss those rows.
    around: Vec<Row>,
}

fn get(connection: &Connection, key: &[u8]) -> rusqlite::Result<Met> {
    let mut met = Met::default();
    match behind(connection, key)? {
        Some(found) if found.0 == key => met.rows.push(found),
        other => met.around.extend(other.into_iter().chain(before(connection, key)?)),
    }
    Ok(met)
}

fn scan(
    connection: &Connection,
    from: &[u8],
    to: &[u8],
    order: Order,
    limit: usize,
) -> rusqlite::Result<Met> {
    let mut met = Met::default();
    if from >= to {
        return Ok(met);
    }
    let (begin, beside, query) = match order {
        Order::Ascending => {
            (from, before(connection, from)?, "SELECT key, value FROM rows WHERE key >= ?1 ORDER BY key")
        }
        Order::Descending => {
            (to, behind(connection, to)?, "SELECT key, value FROM rows WHERE key < ?1 ORDER BY key DESC")
        }
    };
    met.around.extend(beside);
    let mut statement = connection.prepare_cached(query)?;
    for found in statement.query_map([begin], row)? {
        let found = found?;
        if !(from..to).contains(&found.0.as_slice()) {
            met.around.push(found);
            break;
        }
        if met.rows.len() == limit {
            break;
        }
        met.rows.push(found);
    }
    Ok(met)
}

/// The first row that is not before this key.
fn behind(connection: &Connection, key: &[u8]) -> rusqlite::Result<Option<Row>> {
    let mut statement =
        connection.prepare_cached("SELECT key, value FROM rows WHERE key >= ?1 ORDER BY key LIMIT 1")?;
    statement.query_row([key], row).optional()
}

/// The last row before this key.
fn before(connection: &Connection, key: &[u8]) -> rusqlite::Result<Option<Row>> {
    let mut statement =
        connection.prepare_cached("SELECT key, value FROM rows WHERE key < ?1 ORDER BY key DESC LIMIT 1")?;
    statement.query_row([key], row).optional()
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok((row.get(0)?, row.get(1)?))
}

fn checkpoint(connection: &Connection) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = 'checkpoint'")?;
    statement.query_row([], |row| row.get(0)).optional()
}

/// `safety`: SQLite's journal mode, and what it syncs.
fn prepare(writer: &Connection, path: &Path, safety: (&str, &str)) -> Result<(), EngineError> {
    let told = |error| tell(path, error);
    writer.pragma_update(None, "journal_mode", safety.0).map_err(told)?;
    writer.pragma_update(None, "synchronous", safety.1).map_err(told)?;
    writer.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT).map_err(told)?;
    let format: i32 = writer.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(told)?;
    if format != 0 && format != FORMAT {
        let what = format!("it has index format {format}, this program knows format {FORMAT}");
        return Err(EngineError::Damaged { at: path.display().to_string(), what });
    }
    writer
        .execute_batch(&format!(
            "BEGIN;
             CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
             PRAGMA user_version = {FORMAT};
             COMMIT"
        ))
        .map_err(told)
}

fn failed(path: &Path, what: &dyn std::fmt::Display) -> EngineError {
    EngineError::Failed { at: path.display().to_string(), what: what.to_string() }
}

fn tell(path: &Path, error: rusqlite::Error) -> EngineError {
    let at = path.display().to_string();
    // Also where a bit of a row's header makes its value one of another type.
    let damaged = matches!(error, rusqlite::Error::InvalidColumnType(..))
        || matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch)
        );
    if damaged {
        mark(path, &error.to_string());
    }
    match error.sqlite_error_code() {
        _ if damaged => EngineError::Damaged { at, what: error.to_string() },
        Some(ErrorCode::DiskFull) => EngineError::Full { at },
        _ if is_refused(&error) && has_no_room(path) => EngineError::Full { at },
        _ => EngineError::Failed { at, what: error.to_string() },
    }
}

/// Whether SQLite could not write. Of the reasons it tells ENOSPC alone apart; a quota that is used up, and a `-shm` file
/// that cannot grow, look like a disk that fails.
fn is_refused(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
    [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_SHMSIZE].contains(&extended)
}

/// Whether the disk refuses more bytes beside this file for want of space, quotas included.
fn has_no_room(path: &Path) -> bool {
    let probe = beside(path, "-probe");
    let written = File::create(&probe).and_then(|mut file| {
        file.write_all(&PROBE)?;
        file.sync_all()
    });
    // The next probe overwrites what cannot be removed.
    let _ = std::fs::remove_file(&probe);
    is_want_of_room(&written)
}

fn is_want_of_room(written: &io::Result<()>) -> bool {
    let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
    written.as_ref().is_err_and(|error| kinds.contains(&error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fails_is_not_told_as_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.sqlite");
        let told = |code| tell(&path, rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        assert!(matches!(told(ffi::SQLITE_FULL), EngineError::Full { .. }));
        // There is room: so it is for another reason that it could not write.
        for code in [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_IOERR_READ] {
            assert!(matches!(told(code), EngineError::Failed { .. }), "{code}");
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn a_used_up_quota_is_want_of_room_and_a_failing_disk_is_none() {
        const EIO: i32 = 5;
        const ENOSPC: i32 = 28;
        const EROFS: i32 = 30;
        const EDQUOT: i32 = 122;
        let refused = |code| is_want_of_room(&Err(io::Error::from_raw_os_error(code)));
        assert_eq!([ENOSPC, EDQUOT, EIO, EROFS].map(refused), [true, true, false, false]);
        assert!(!is_want_of_room(&Ok(())));
    }
}
