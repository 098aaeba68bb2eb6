//! Where the keys of archives come from: the root keys of an open store, or root.json at a target.

use std::sync::Arc;

use keyreeve_core::{Result, ports::crypto::Crypto};
use uuid::Uuid;

use super::sealed::{ArchiveKey, ArchiveKeys};
use crate::sealing::RootKey;

/// Archive keys under the root keys of a store, replaced ones included. Holds secrets.
pub(crate) struct RootArchiveKeys {
    pub(crate) crypto: Arc<dyn Crypto>,
    pub(crate) store: Uuid,
    pub(crate) root: RootKey,
}

impl ArchiveKeys for RootArchiveKeys {
    fn current(&self) -> Result<ArchiveKey> {
        self.get(self.root.version())
    }

    fn get(&self, root_version: u32) -> Result<ArchiveKey> {
        Ok(ArchiveKey::derive(&*self.crypto, &*self.root.get(root_version)?, self.store, root_version))
    }
}
