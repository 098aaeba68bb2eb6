//! The machine's cell as the key tree sees it: where the first epoch key goes, and the one in force comes from.

use std::sync::Arc;

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    model::PlaceKind,
    ports::{
        cell::{Cell, CellEntry},
        clock::Clock,
        crypto::Crypto,
    },
    record::{Change, Record},
};

use super::{cell_entry, epoch_key};
use crate::sealing::{Place, tree::EpochKeys};

/// A store's own cell, beside its data folder.
pub(crate) struct MachineCell {
    pub(crate) cell: Arc<dyn Cell>,
    pub(crate) place: Place,
    pub(crate) crypto: Arc<dyn Crypto>,
    pub(crate) clock: Arc<dyn Clock>,
    /// What it shares with other places, where that is known.
    pub(crate) domain: Option<String>,
}

/// The machine is the first place of its store.
pub(crate) const FIRST_SHARE: u8 = 1;

impl MachineCell {
    /// The epoch key of this generation and how many shares gave it; `others` gives what further cells hold, and is asked
    /// only where this one is not enough. Holds a secret.
    ///
    /// # Errors
    /// `Unavailable` where they do not hold it together, or this cell holds nothing of it.
    pub(crate) fn epoch_key(
        &self,
        generation: u64,
        others: impl FnOnce() -> Vec<CellEntry>,
    ) -> Result<(SecretBytes, u8)> {
        let mut entries = self.cell.read()?;
        let ours = |entry: &CellEntry| entry.store == self.place.store && entry.generation == generation;
        if !entries.iter().any(ours) {
            let public = format!(
                "the cell {} does not hold the epoch key of generation {generation}: put the file back where it was; where \
                 it is lost, restore this store from a backup target, whose own cell holds that key",
                self.cell.address()
            );
            return Err(Error::new(ErrorKind::Unavailable, public));
        }
        if let Some(found) = epoch_key(self.place.store, generation, &entries) {
            return Ok(found);
        }
        entries.extend(others());
        epoch_key(self.place.store, generation, &entries).ok_or_else(|| {
            let public = format!(
                "the cell {} holds one share of the epoch key of generation {generation}, and too few backup targets \
                 with others can be reached",
                self.cell.address()
            );
            Error::new(ErrorKind::Unavailable, public)
        })
    }
}

impl EpochKeys for MachineCell {
    fn put_first(&self, generation: u64, key: &SecretBytes) -> Result<Vec<Change>> {
        let (threshold, share) = (1, FIRST_SHARE);
        let entry = cell_entry(&*self.crypto, self.place, (generation, key), (threshold, share))?;
        let may_go = |entry: &CellEntry| (entry.store, entry.generation) == (self.place.store, generation);
        no_others(&self.cell.address(), &self.cell.read()?, may_go)?;
        self.cell.erase_except(None)?;
        self.cell.put(&entry, 0)?;
        let place = keyreeve_core::model::Place {
            name: machine_name(self.place.timeline),
            kind: PlaceKind::Machine,
            has_cell: true,
            share,
            threshold,
            confirmed: generation,
            confirmed_at: Some(self.clock.now()),
            lost: None,
            attested: None,
            domain: self.domain.clone(),
            put: 0,
        };
        Ok(vec![Change::Put(Record::Place(Arc::new(place)))])
    }
}

/// Makes sure that a cell holds nothing but what may be written over: an epoch key is the only way to a whole store.
///
/// # Errors
/// `Unavailable`, naming what to do.
pub(crate) fn no_others(
    address: &str,
    held: &[CellEntry],
    may_go: impl Fn(&CellEntry) -> bool,
) -> Result<()> {
    let Some(other) = held.iter().find(|entry| !may_go(entry)) else { return Ok(()) };
    let public = format!(
        "the cell {address} holds the epoch key of store {}, generation {}, which its keys and backups may need: name \
         another cell, or move that file away",
        other.store, other.generation
    );
    Err(Error::new(ErrorKind::Unavailable, public))
}

/// What the place of a machine is called.
pub(crate) fn machine_name(timeline: u32) -> String {
    format!("machine-{timeline}")
}
