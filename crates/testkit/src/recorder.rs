//! A disk that keeps a copy of every byte ever written to it, and parts of which can be out of reach for a while. What the
//! bytes mean does not live here.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyreeve_store::disk::{Disk, DiskFile, DiskLock, LockError, OpenMode};

use crate::disk::FaultyDisk;

/// One write.
#[derive(Clone)]
pub struct Written {
    /// The file, under its name at that time.
    pub path: PathBuf,
    /// What was written.
    pub bytes: Arc<[u8]>,
}

/// A faulty disk with a record of all that was ever written to it; clones share both.
#[derive(Clone, Default)]
pub struct RecordingDisk {
    disk: FaultyDisk,
    record: Arc<Mutex<Record>>,
}

#[derive(Default)]
struct Record {
    written: Vec<Written>,
    out_of_reach: Option<String>,
}

impl RecordingDisk {
    /// An empty disk with an empty record.
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk below.
    pub fn disk(&self) -> &FaultyDisk {
        &self.disk
    }

    /// As [`FaultyDisk::crash`]; the record goes on.
    pub fn crash(&self, seed: u64) -> Self {
        Self { disk: self.disk.crash(seed), record: self.record.clone() }
    }

    /// All that was ever written, in order.
    pub fn written(&self) -> Vec<Written> {
        self.record().written.clone()
    }

    /// Takes all paths that begin like this out of reach, and all others back; `None`: all back.
    pub fn take_out_of_reach(&self, paths: Option<&str>) {
        self.record().out_of_reach = paths.map(str::to_owned);
    }

    fn reach(&self, path: &Path) -> io::Result<()> {
        match &self.record().out_of_reach {
            Some(prefix) if path.to_string_lossy().starts_with(prefix) => Err(ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for RecordingDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        self.reach(path)?;
        let file = self.disk.open(path, mode)?;
        Ok(Box::new(RecordedFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.reach(path)?;
        self.disk.create_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.reach(dir)?;
        self.disk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.reach(from)?;
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.reach(path)?;
        self.disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.reach(dir)?;
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, LockError> {
        self.reach(path).map_err(|source| LockError::Io { path: path.to_owned(), source })?;
        self.disk.lock(path)
    }
}

struct RecordedFile {
    disk: RecordingDisk,
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

impl DiskFile for RecordedFile {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        self.disk.reach(&self.path)?;
        self.file.read_at(offset, bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.reach(&self.path)?;
        // Recorded even where it fails: some of it may have reached the medium.
        self.disk.record().written.push(Written { path: self.path.clone(), bytes: bytes.into() });
        self.file.write_at(offset, bytes)
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.disk.reach(&self.path)?;
        self.file.preallocate(len)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.disk.reach(&self.path)?;
        self.file.truncate(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.reach(&self.path)?;
        self.file.sync()
    }
}
