//! The data folder that a restore fills: empty before, marked as unfinished meanwhile, a store once store.json is there.
//!
//! ```text
//! DIR/restore.json   {"unfinished": true}: the restore has not come to its end, or was cut off
//! DIR/base/          a full backup of the state that the new timeline begins with, as at any target
//! DIR/journal/       begins behind that state
//! DIR/index/         holds it already
//! DIR/root.json      as the target had it
//! DIR/store.json     last: says where the base is, and that no target was claimed yet
//! ```

use std::{io::ErrorKind, path::PathBuf, sync::Arc};

use crate::{
    backup::{
        BackupError,
        targets::{KnownTargets, Target, Targets},
    },
    disk::{Disk, DiskLock, parent, read_file, replace_file},
    options::{StoreError, StoreOptions},
};

const MARK: &str = "restore.json";
const MARK_CONTENT: &[u8] = b"{\"unfinished\": true}\n";
const LOCK: &str = "lock";

/// A data folder that is being filled; nobody else has it meanwhile.
pub(super) struct Folder<'a> {
    options: &'a StoreOptions,
    _lock: Box<dyn DiskLock>,
}

impl<'a> Folder<'a> {
    /// Takes an empty or new folder, or one whose restore was cut off, and marks it.
    ///
    /// # Errors
    /// `Exists` where it holds a store, `NotEmpty` where it holds anything else; those of the disk.
    pub(super) fn begin(options: &'a StoreOptions) -> Result<Self, StoreError> {
        let StoreOptions { dir, disk, .. } = options;
        disk.create_dir(dir).map_err(StoreError::io("create", dir))?;
        disk.sync_dir(parent(dir)).map_err(StoreError::io("sync", parent(dir)))?;
        let names = disk.list(dir).map_err(StoreError::io("list", dir))?;
        let has = |name: &str| names.iter().any(|there| there == name);
        if has("store.json") {
            return Err(StoreError::Exists(dir.clone()));
        }
        let stranger = names.iter().find(|name| *name != LOCK && !has(MARK) && *name != "restore.json.new");
        if let Some(name) = stranger {
            return Err(StoreError::NotEmpty { dir: dir.clone(), name: name.clone() });
        }
        let lock = disk.lock(&dir.join(LOCK))?;
        let folder = Self { options, _lock: lock };
        folder.write(MARK, MARK_CONTENT)?;
        folder.remove_base()?;
        Ok(folder)
    }

    /// Writes a file of it, durably.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.options.dir.join(name);
        replace_file(&*self.options.disk, &path, bytes).map_err(StoreError::io("write", &path))
    }

    /// Writes store.json, from which on the folder holds a store.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn finish(self, store_file: &[u8]) -> Result<(), StoreError> {
        self.write("store.json", store_file)?;
        self.unmark()
    }

    fn unmark(&self) -> Result<(), StoreError> {
        let StoreOptions { dir, disk, .. } = self.options;
        let mark = dir.join(MARK);
        disk.remove(&mark).map_err(StoreError::io("remove", &mark))?;
        disk.sync_dir(dir).map_err(StoreError::io("sync", dir))
    }

    /// Removes what an attempt that was cut off left of its base.
    fn remove_base(&self) -> Result<(), StoreError> {
        let base = base(self.options)?;
        for listed in base.list("").map_err(crate::backup::BackupError::from)? {
            base.delete(&listed.path).map_err(crate::backup::BackupError::from)?;
        }
        Ok(())
    }
}

/// Whether a restore into this folder was begun and has not ended.
///
/// # Errors
/// Those of the disk.
pub(crate) fn is_unfinished(disk: &dyn Disk, dir: &std::path::Path) -> Result<bool, StoreError> {
    let mark: PathBuf = dir.join(MARK);
    match read_file(disk, &mark, MARK_CONTENT.len()) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("read", &mark)(error)),
    }
}

/// The base of a restored store: a full backup in a folder of the data folder.
///
/// # Errors
/// Where the folder's path can be none.
pub(crate) fn base(options: &StoreOptions) -> Result<Arc<dyn Target>, BackupError> {
    let known = KnownTargets::new(options.disk.clone(), options.crypto.clone());
    let path = options.dir.join("base");
    Ok(known.open(&path.to_string_lossy())?)
}
