//! The one way to a disk: the traits `Disk` and `DiskFile`, and the real disk behind them.
//!
//! Everything in this crate reads and writes through these traits, so that a test can lose, tear or refuse any
//! write. What the bytes mean does not live here. The rebuildable index has its own I/O inside SQLite.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// How [`Disk::open`] opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// A file that must not exist yet, for reading and writing.
    CreateNew,
}

/// A file system, as far as the store needs one.
///
/// INVARIANT: a change is durable only after the `sync` of its file and, for a new, renamed or removed name,
/// the `sync_dir` of its folder. A failed sync must not be retried: the data may already be dropped.
pub trait Disk: Send + Sync {
    /// Opens the file at `path`; a new one is readable by its owner only.
    ///
    /// # Errors
    /// `NotFound` or `AlreadyExists` as the mode asks, and whatever the operating system reports.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>>;

    /// Creates the folder at `path`, open to its owner only; one that exists is left as it is.
    ///
    /// # Errors
    /// Whatever the operating system reports; the parent must exist.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names of the files and folders in `dir`, sorted.
    ///
    /// # Errors
    /// Whatever the operating system reports.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Renames a file, replacing what bears the new name.
    ///
    /// # Errors
    /// Whatever the operating system reports.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Whatever the operating system reports.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable.
    ///
    /// # Errors
    /// Whatever the operating system reports; must not be retried.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the exclusive lock on the lock file at `path`, creating it where there is none.
    ///
    /// The operating system releases the lock when the guard is dropped or the process ends in whatever way.
    ///
    /// # Errors
    /// [`LockError::Held`] where another holder has it, with its process id where it is known.
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, LockError>;

    /// What tells the file system that holds `path` from others, where that is known.
    fn file_system(&self, _path: &Path) -> Option<String> {
        None
    }

    /// The path made absolute and plain, so that one can be told to lie in another; links are followed where the disk
    /// knows them.
    fn resolve(&self, path: &Path) -> PathBuf {
        plain(path)
    }
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads at a byte offset and returns how many bytes came; fewer than asked only at the end of the file.
    ///
    /// # Errors
    /// Whatever the operating system reports.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at a byte offset.
    ///
    /// # Errors
    /// Whatever the operating system reports; a part of the bytes may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Extends the file with zeros from its end to `len` bytes, on blocks that are really allocated.
    ///
    /// # Errors
    /// `StorageFull` where the space is not there; the file then has its former length.
    fn preallocate(&self, len: u64) -> io::Result<()>;

    /// Cuts the file to `len` bytes.
    ///
    /// # Errors
    /// Whatever the operating system reports.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    /// Whatever the operating system reports.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file holds no byte.
    ///
    /// # Errors
    /// As [`DiskFile::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Makes content and length durable.
    ///
    /// # Errors
    /// Whatever the operating system reports; must not be retried.
    fn sync(&self) -> io::Result<()>;
}

/// A held folder lock; dropping it releases the lock.
pub trait DiskLock: Send + Sync {}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process owns the folder.
    #[error("{} is locked by {}: one process at a time owns a data folder; stop that one first", path.display(), Holder(*pid))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The process id that the holder wrote into the lock file.
        pid: Option<u32>,
    },
    /// The lock file could not be used.
    #[error("cannot lock {}: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Reads a whole file of at most `len_max` bytes.
///
/// # Errors
/// `FileTooLarge` where the file is longer, and whatever the operating system reports.
pub fn read_file(disk: &dyn Disk, path: &Path, len_max: usize) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenMode::Read)?;
    let len = usize::try_from(file.len()?).ok().filter(|len| *len <= len_max).ok_or_else(|| {
        io::Error::new(ErrorKind::FileTooLarge, format!("{} is over {len_max} bytes", path.display()))
    })?;
    let mut bytes = vec![0; len];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Puts `bytes` at `path` so that a crash leaves either the former content or the new one, and makes it durable.
///
/// Not for erasable secrets: the former bytes stay on the medium.
///
/// # Errors
/// Whatever the operating system reports.
pub fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    match disk.remove(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.open(&new, OpenMode::CreateNew)?;
    file.write_at(0, bytes)?;
    file.sync()?;
    disk.rename(&new, path)?;
    disk.sync_dir(parent(path))
}

/// The folder that holds `path`.
pub fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The path made absolute, without `.` and `..`, by its text alone.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    // A path that cannot be made absolute (the current folder is gone) is compared as it is.
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

/// The disk of this machine: files of mode 0600, folders of mode 0700.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(mode != OpenMode::Read).create_new(mode == OpenMode::CreateNew).mode(0o600);
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            result => result,
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        // Not truncated on opening: until the lock is ours, the content is the holder's.
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { path: path.to_owned(), pid: holder_pid(&file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        file.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0).map_err(failed)?;
        Ok(Box::new(RealLock { _file: file }))
    }

    fn file_system(&self, path: &Path) -> Option<String> {
        Some(format!("device {}", std::fs::metadata(path).ok()?.dev()))
    }

    fn resolve(&self, path: &Path) -> PathBuf {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // What is not there yet lies in what is.
        let real = path
            .ancestors()
            .find_map(|there| Some((std::fs::canonicalize(there).ok()?, path.strip_prefix(there).ok()?)));
        real.map_or_else(|| plain(&path), |(there, rest)| plain(&there.join(rest)))
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < bytes.len() {
            match self.0.read_at(&mut bytes[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    // Written zeros, not a reservation: a sync of bytes written over them has no block map or length to update.
    fn preallocate(&self, len: u64) -> io::Result<()> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        let former = self.0.metadata()?.len();
        let mut at = former;
        while at < len {
            let count = (len - at).min(ZEROS.len() as u64);
            if let Err(error) = self.0.write_all_at(&ZEROS[..count as usize], at) {
                self.0.set_len(former)?;
                return Err(error);
            }
            at += count;
        }
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

struct RealLock {
    // Closing the file releases the lock.
    _file: File,
}

impl DiskLock for RealLock {}

struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}

fn holder_pid(file: &File) -> Option<u32> {
    let mut bytes = [0; 16];
    let read = file.read_at(&mut bytes, 0).ok()?;
    std::str::from_utf8(&bytes[..read]).ok()?.trim().parse().ok()
}
