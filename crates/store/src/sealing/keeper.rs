//! Changing root.json while the store runs: *change unlock* locks the same root key anew, *replace root* draws a new one.
//! Not here: sealing everything anew under it (core's operation `reseal`), and the file's format (root).
//!
//! INVARIANT: root.json is replaced as a whole and holds all root keys, so that a crash leaves either what opened before
//! or what opens from now on. Nothing is sealed under a new root key before it is in the file.

use std::{path::PathBuf, sync::Arc};

use keyreeve_core::ports::crypto::Crypto;
use parking_lot::Mutex;
use uuid::Uuid;

use super::{RootFile, RootKey, Unlock, UnlockKind};
use crate::{
    disk::{Disk, replace_file},
    options::StoreError,
};

/// What is known of a store's root key without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootStatus {
    /// Version, from 1.
    pub version: u32,
    /// What unlocks it: any one of these.
    pub unlocked_by: Vec<UnlockKind>,
    /// Versions of former root keys that are kept, wrapped by this one, for backups made under them.
    pub retired: Vec<u32>,
}

/// Root key and root.json of an open store.
pub(crate) struct RootKeeper {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    crypto: Arc<dyn Crypto>,
    store: Uuid,
    root: RootKey,
    file: Mutex<RootFile>,
}

impl RootKeeper {
    /// `file` is what lies at `path`, and `root` what it opened to.
    pub(crate) fn new(
        path: PathBuf,
        disk: Arc<dyn Disk>,
        crypto: Arc<dyn Crypto>,
        store: Uuid,
        (file, root): (RootFile, RootKey),
    ) -> Self {
        Self { path, disk, crypto, store, root, file: Mutex::new(file) }
    }

    /// The unwrapped root keys.
    pub(crate) fn root(&self) -> &RootKey {
        &self.root
    }

    /// The bytes of root.json, as archives keep them.
    pub(crate) fn file_bytes(&self) -> Result<Vec<u8>, StoreError> {
        Ok(self.file.lock().to_bytes(&*self.crypto)?)
    }

    pub(crate) fn status(&self) -> RootStatus {
        self.file.lock().status()
    }

    /// Locks the root key by `new` alone. `old` proves who asks. A copy of the former root.json still opens by what
    /// opened it: who must be kept out needs a new root key.
    pub(crate) fn change_unlock(&self, old: &Unlock, new: &[Unlock]) -> Result<(), StoreError> {
        let mut file = self.file.lock();
        file.unlock(&*self.crypto, self.store, old)?;
        let changed = file.relocked(&*self.crypto, &self.root, new)?;
        self.write(&changed)?;
        *file = changed;
        Ok(())
    }

    /// Draws a new root key, locked by `new`, and seals under it from now on; gives its version.
    pub(crate) fn replace(&self, old: &Unlock, new: &[Unlock]) -> Result<u32, StoreError> {
        let mut file = self.file.lock();
        file.unlock(&*self.crypto, self.store, old)?;
        let (replaced, version, key) = file.replaced(&*self.crypto, &self.root, new)?;
        self.write(&replaced)?;
        self.root.advance(version, Arc::new(key));
        *file = replaced;
        Ok(version)
    }

    fn write(&self, file: &RootFile) -> Result<(), StoreError> {
        let bytes = file.to_bytes(&*self.crypto)?;
        replace_file(&*self.disk, &self.path, &bytes).map_err(StoreError::io("write", &self.path))
    }
}
