//! The machine's cell as the key tree sees it: where the first epoch key goes, and the one in force comes from.

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    ports::cell::{Cell, CellEntry},
    record::Change,
};

use super::FileCell;
use crate::sealing::{Place, tree::EpochKeys};

/// A store's own cell, beside its data folder.
pub(crate) struct MachineCell {
    pub(crate) cell: FileCell,
    pub(crate) place: Place,
}

impl MachineCell {
    /// The epoch key of this generation. Holds a secret.
    ///
    /// # Errors
    /// `Unavailable` where the cell cannot be read or does not hold it.
    pub(crate) fn epoch_key(&self, generation: u64) -> Result<SecretBytes> {
        let ours = |entry: &CellEntry| entry.store == self.place.store && entry.generation == generation;
        let missing = || {
            let cell = self.cell.address();
            let public = format!("the cell {cell} does not hold the epoch key of generation {generation}");
            Error::new(ErrorKind::Unavailable, public)
        };
        self.cell.read()?.into_iter().find(ours).map(|entry| entry.key).ok_or_else(missing)
    }
}

impl EpochKeys for MachineCell {
    fn put_first(&self, generation: u64, key: &SecretBytes) -> Result<Vec<Change>> {
        let Place { store, timeline } = self.place;
        let key = SecretBytes::copy_from(key.expose());
        let entry = CellEntry { store, timeline, generation, threshold: 1, share: 1, key };
        self.cell.erase_except(None)?;
        self.cell.put(&entry, 0)?;
        Ok(Vec::new())
    }
}
