//! The root key of a store, for who administers it: what unlocks it, changing that, and replacing it. The running store
//! does it without a pause; change and status work without opening the store too.

use keyreeve_core::record::{Change, Record};

use crate::{
    options::{StoreError, StoreOptions},
    recovery,
    sealing::{RootKey, RootStatus, Unlock},
    store::Store,
};

impl Store {
    /// What is known of the root key.
    pub fn root_status(&self) -> RootStatus {
        self.root.status()
    }

    /// Locks the root key by `new` alone; `old` proves who asks. A copy of the former root.json still opens by what opened
    /// it: who must be kept out of that too needs `replace_root`.
    ///
    /// # Errors
    /// `Unlock` for a wrong `old` or an impossible `new`, `Io` where root.json cannot be written: the former unlock, or
    /// else the new one, opens it then.
    pub fn change_unlock(&self, old: &Unlock, new: &[Unlock]) -> Result<(), StoreError> {
        self.root.change_unlock(old, new)
    }

    /// Draws a new root key, locked by `new`, and seals under it from now on; gives its version. What was sealed before
    /// still opens, and is sealed anew by core's operation `reseal`.
    ///
    /// # Errors
    /// As [`Store::change_unlock`].
    pub fn replace_root(&self, old: &Unlock, new: &[Unlock]) -> Result<u32, StoreError> {
        self.root.replace(old, new)
    }

    /// As [`Store::change_unlock`], of a store that no process has open. Leaves no entry in the journal.
    ///
    /// # Errors
    /// Also `Missing` without a store, and `Lock` where a process has it open.
    pub fn change_unlock_offline(
        options: &StoreOptions,
        old: &Unlock,
        new: &[Unlock],
    ) -> Result<(), StoreError> {
        let (_lock, _, root) = recovery::open_root(options, old)?;
        root.change_unlock(old, new)
    }

    /// As [`Store::root_status`], of a store that need not be open. Takes no lock and needs no unlock.
    ///
    /// # Errors
    /// `Missing` without a store, `Unlock` for a damaged root.json.
    pub fn root_status_offline(options: &StoreOptions) -> Result<RootStatus, StoreError> {
        Ok(recovery::read_root(options)?.status())
    }
}

/// True where a change keeps something that was sealed under a root key which has been replaced meanwhile.
///
/// INVARIANT: no such entry is committed, so that whoever seals everything anew need not look twice: what was committed
/// when the root key was replaced is all there is under the former one.
pub(crate) fn is_outdated(root: &RootKey, changes: &[Change]) -> bool {
    let sealed = |change: &Change| match change {
        Change::Put(Record::Material(sealed)) => Some(sealed.root_version),
        Change::Put(Record::Server(server)) => server.sealed.as_ref().map(|sealed| sealed.root_version),
        _ => None,
    };
    let mut versions = changes.iter().filter_map(sealed).peekable();
    versions.peek().is_some() && versions.any(|version| version != root.version())
}
