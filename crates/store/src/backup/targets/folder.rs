//! A folder of this machine, or of one mounted on it, as a target.
//!
//! All I/O goes through `Disk`: an object is written beside its name, synced and renamed, and its folder is synced too.
//! `object_store` has a local folder of its own, which syncs nothing; that is why it is not used for this.
//! Compare-and-swap holds a lock file; an object's version is the hash of its content. The cell lies at the sibling path
//! `FOLDER.cell`, on the same file system: a folder that is a mount point can have none.

use std::{
    collections::HashSet,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use keyreeve_core::ports::{cell::Cell, crypto::Crypto};
use parking_lot::Mutex;

use super::{Listed, PutIf, Target, TargetError, Version, bytes_max};
use crate::{
    backup::tree::{is_folder, is_tree},
    disk::{Disk, DiskLock, LockError, OpenMode, parent, read_file, replace_file},
    sealing::cells::FileCell,
};

const LOCK_FILE: &str = "swap.lock";
/// What `replace_file` leaves of a write that was cut off.
const UNFINISHED: &str = ".new";
/// Who swaps holds the lock for a few syncs.
const LOCK_TRIES_MAX: u32 = 500;
const LOCK_DELAY: Duration = Duration::from_millis(10);
const DEPTH_MAX: usize = 8;
/// Bytes of what is changed by compare-and-swap.
const SWAPPED_BYTES_MAX: usize = 64 << 10;

/// A target in a folder.
pub(super) struct Folder {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    address: String,
    crypto: Arc<dyn Crypto>,
    /// Folders that are known to be there, durably. Its lock serialises swaps of this process.
    made: Mutex<HashSet<PathBuf>>,
}

impl Folder {
    /// Names the folder at the absolute path `root`; touches nothing.
    pub(super) fn new(disk: Arc<dyn Disk>, root: PathBuf, crypto: Arc<dyn Crypto>) -> Self {
        let address = format!("file://{}", root.display());
        Self { disk, root, address, crypto, made: Mutex::default() }
    }

    /// The place of an object on the disk.
    ///
    /// INVARIANT: the last part of a path has a dot in it, the parts before have none: so a listing tells objects from
    /// folders by their names. In an audit tree, the names of its specification tell.
    fn place(&self, path: &str) -> Result<PathBuf, TargetError> {
        if is_tree(path) && path.split('/').count() <= DEPTH_MAX {
            return Ok(self.root.join(path));
        }
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let (folders, name) =
            path.rsplit_once('/').map_or((None, path), |(before, name)| (Some(before), name));
        let folders_fit = folders.is_none_or(|folders| {
            folders.split('/').count() < DEPTH_MAX
                && folders
                    .split('/')
                    .all(|part| !part.is_empty() && !part.contains('.') && part.bytes().all(known))
        });
        let name_fits = name.trim_matches('.').contains('.')
            && !name.ends_with(UNFINISHED)
            && name != LOCK_FILE
            && name.bytes().all(known);
        match folders_fit && name_fits {
            true => Ok(self.root.join(path)),
            false => Err(self.unreachable(format!("{path:?} is no path of an object"))),
        }
    }

    fn unreachable(&self, what: impl ToString) -> TargetError {
        TargetError::Unreachable { target: self.address.clone(), what: what.to_string() }
    }

    /// Makes the folders from the root to `dir`, durably. The root's own parent must be there: a folder on a disk that is
    /// not mounted is not made up.
    fn make_folders(&self, made: &mut HashSet<PathBuf>, dir: &Path) -> io::Result<()> {
        if made.contains(dir) {
            return Ok(());
        }
        if dir != self.root {
            self.make_folders(made, parent(dir))?;
        }
        self.disk.create_dir(dir).map_err(|error| match error.kind() {
            ErrorKind::NotFound if dir == self.root => {
                let above = parent(dir).display();
                io::Error::new(error.kind(), format!("{above} does not exist: mount it, or make it first"))
            }
            _ => error,
        })?;
        self.disk.sync_dir(parent(dir))?;
        made.insert(dir.to_owned());
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn DiskLock>> {
        let path = self.root.join(LOCK_FILE);
        for _ in 0..LOCK_TRIES_MAX {
            match self.disk.lock(&path) {
                Err(LockError::Held { .. }) => thread::sleep(LOCK_DELAY),
                Err(error) => return Err(io::Error::other(error)),
                Ok(lock) => return Ok(lock),
            }
        }
        Err(io::Error::other(format!("{} is held by another process for too long", path.display())))
    }

    fn read(&self, place: &Path, bytes_max: usize) -> io::Result<Option<(Vec<u8>, Version)>> {
        match read_file(&*self.disk, place, bytes_max) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(|bytes| {
                let version = Version(hex::encode(self.crypto.sha256(&[&bytes])));
                Some((bytes, version))
            }),
        }
    }

    fn write(&self, place: &Path, bytes: &[u8], when: PutIf<'_>) -> io::Result<bool> {
        let mut made = self.made.lock();
        self.make_folders(&mut made, parent(place))?;
        if let PutIf::Always = when {
            // Names are content-addressed or have one writer: nobody else waits for this one.
            drop(made);
            return replace_file(&*self.disk, place, bytes).map(|()| true);
        }
        let _lock = self.lock()?;
        let there = self.read(place, SWAPPED_BYTES_MAX)?.map(|(_, version)| version);
        let holds = match when {
            PutIf::Unchanged(version) => there.as_ref() == Some(version),
            PutIf::Always | PutIf::Absent => there.is_none(),
        };
        if holds {
            replace_file(&*self.disk, place, bytes)?;
        }
        Ok(holds)
    }

    fn list_below(&self, dir: &str, prefix: &str, depth: usize, found: &mut Vec<Listed>) -> io::Result<()> {
        let names = match self.disk.list(&self.root.join(dir)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            names => names?,
        };
        for name in names {
            let path = if dir.is_empty() { name.clone() } else { format!("{dir}/{name}") };
            if !is_folder(&path).unwrap_or(!name.contains('.')) {
                let is_object = path.starts_with(prefix) && self.place(&path).is_ok();
                match self.disk.open(&self.root.join(&path), OpenMode::Read).and_then(|file| file.len()) {
                    Ok(bytes) if is_object => found.push(Listed { path, bytes }),
                    // Gone since it was listed.
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            } else if depth < DEPTH_MAX
                && (path.starts_with(prefix) || prefix.starts_with(&format!("{path}/")))
            {
                self.list_below(&path, prefix, depth + 1, found)?;
            }
        }
        Ok(())
    }
}

impl Target for Folder {
    fn address(&self) -> &str {
        &self.address
    }

    fn put(&self, path: &str, bytes: &[u8], when: PutIf<'_>) -> Result<bool, TargetError> {
        let place = self.place(path)?;
        self.write(&place, bytes, when).map_err(|error| self.unreachable(error))
    }

    fn get(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, TargetError> {
        let (place, bytes_max) = (self.place(path)?, bytes_max(path));
        self.read(&place, bytes_max).map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => {
                TargetError::TooLarge { target: self.address.clone(), path: path.to_owned(), bytes_max }
            }
            _ => self.unreachable(error),
        })
    }

    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Option<Vec<u8>>, TargetError> {
        let place = self.place(path)?;
        let read = || -> io::Result<Vec<u8>> {
            let file = self.disk.open(&place, OpenMode::Read)?;
            let there = file.len()?.saturating_sub(offset).min(len);
            let mut bytes = vec![0; usize::try_from(there).map_err(io::Error::other)?];
            let count = file.read_at(offset, &mut bytes)?;
            bytes.truncate(count);
            Ok(bytes)
        };
        match read() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(|error| self.unreachable(error)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>, TargetError> {
        let mut found = Vec::new();
        self.list_below("", prefix, 0, &mut found).map_err(|error| self.unreachable(error))?;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn delete(&self, path: &str) -> Result<(), TargetError> {
        let place = self.place(path)?;
        match self.disk.remove(&place) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed
                .and_then(|()| self.disk.sync_dir(parent(&place)))
                .map_err(|error| self.unreachable(error)),
        }
    }

    // INVARIANT: folder and cell lie on one file system, so that `domain` is that of both. A folder that is not there yet
    // comes to lie where its parent does.
    fn cell(&self) -> Result<Arc<dyn Cell>, TargetError> {
        let (here, beside) = (self.disk.file_system(&self.root), self.disk.file_system(parent(&self.root)));
        let cell = self.former_cell()?;
        if here.is_some() && here != beside {
            return Err(TargetError::CellElsewhere { target: self.address.clone(), cell: cell.address() });
        }
        Ok(cell)
    }

    fn former_cell(&self) -> Result<Arc<dyn Cell>, TargetError> {
        let mut path = self.root.clone().into_os_string();
        path.push(".cell");
        Ok(Arc::new(FileCell::new(self.disk.clone(), self.crypto.clone(), path.into())))
    }

    fn domain(&self) -> Option<String> {
        self.disk.file_system(&self.root).or_else(|| self.disk.file_system(parent(&self.root)))
    }
}
