//! Where the keys of archives come from: the root keys of an open store, or root.json at a target.

use std::sync::Arc;

use keyreeve_core::{Error, ErrorKind, Result, ports::crypto::Crypto};
use uuid::Uuid;

use super::{
    BackupError,
    sealed::{ArchiveKey, ArchiveKeys},
    shipper::ROOT_PATH,
    targets::Target,
};
use crate::sealing::{RootFile, RootKey, RootStatus, Unlock};

/// What is known of the root key that lies wrapped at a target, without opening it.
///
/// # Errors
/// `Mismatch` where there is none, `Unlock` where it is damaged, `Target`.
pub fn root_status(target: &dyn Target, crypto: &dyn Crypto) -> Result<RootStatus, BackupError> {
    let missing = || BackupError::Mismatch {
        target: target.address().to_owned(),
        what: format!("it holds no {ROOT_PATH}, so no backup of a store"),
    };
    let (bytes, _) = target.get(ROOT_PATH)?.ok_or_else(missing)?;
    Ok(RootFile::parse(crypto, &bytes)?.status())
}

/// Archive keys under the root keys of a store, replaced ones included. Holds secrets.
pub(crate) struct RootArchiveKeys {
    pub(crate) crypto: Arc<dyn Crypto>,
    pub(crate) store: Uuid,
    pub(crate) root: RootKey,
}

impl RootArchiveKeys {
    /// Opens the root keys that lie wrapped at a target.
    ///
    /// # Errors
    /// `Damaged` where there is no root.json, `Unlock` where it does not open, `Target`.
    pub(crate) fn open(
        target: &dyn Target,
        crypto: &Arc<dyn Crypto>,
        store: Uuid,
        unlock: &Unlock,
    ) -> Result<Self, BackupError> {
        let (bytes, _) =
            target.get(ROOT_PATH)?.ok_or_else(|| BackupError::damaged(ROOT_PATH, "it is not there"))?;
        let root = RootFile::parse(&**crypto, &bytes)?.unlock(&**crypto, store, unlock)?;
        Ok(Self { crypto: crypto.clone(), store, root })
    }
}

impl ArchiveKeys for RootArchiveKeys {
    fn current(&self) -> Result<ArchiveKey> {
        self.get(self.root.version())
    }

    fn get(&self, root_version: u32) -> Result<ArchiveKey> {
        let newest = self.root.version();
        if root_version > newest {
            // The root key's file comes to a target before what is sealed under it, and is read first.
            let public = format!(
                "this is sealed under root key {root_version}, and {ROOT_PATH} holds none after {newest}: where the root key \
                 was replaced meanwhile, begin again"
            );
            return Err(Error::new(ErrorKind::Unavailable, public));
        }
        Ok(ArchiveKey::derive(&*self.crypto, &*self.root.get(root_version)?, self.store, root_version))
    }
}
