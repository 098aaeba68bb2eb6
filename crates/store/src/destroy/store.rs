//! Destroying as the store's face shows it.

use std::{sync::Arc, time::Duration};

use keyreeve_core::{
    Result,
    model::{Attestation, Erasure, ErasureId, Place, StoredCertificate},
    ports::{crypto::ParsedKey, store::Store as _},
    record::{Record, RecordKey},
};

use super::{certificate::grade, retry::Trouble};
use crate::Store;

impl Store {
    /// Signs certificates of destruction with this Ed25519 private key from now on. Without one, what is destroyed stays
    /// pending before its certificate.
    pub fn start_signing(&self, key: Arc<dyn ParsedKey>) {
        self.targets.start_signing(key.clone());
        self.eraser.start_signing(key);
    }

    /// Does what the store's own threads would do, once and in this thread, and tells whether something is left that
    /// cannot be done now. For stores that were opened without those threads.
    ///
    /// # Errors
    /// `Unavailable` where the store has failed or stops; `Internal` for damage.
    pub fn keep(&self) -> Result<bool> {
        let left = self.eraser.pass()?;
        self.targets.keep();
        Ok(left)
    }

    /// The certificate of an erasure as soon as it is complete; `None` where that takes longer than `timeout`.
    ///
    /// # Errors
    /// `NotFound` where there is no such erasure.
    pub fn wait_erasure(&self, id: ErasureId, timeout: Duration) -> Result<Option<Arc<StoredCertificate>>> {
        self.eraser.wait(id, timeout)
    }

    /// The generation of the epoch key in force; 0 before anything was sealed.
    ///
    /// # Errors
    /// `Internal` for a damaged index.
    pub fn generation(&self) -> Result<u64> {
        Ok(match self.get(&RecordKey::Tree)?.as_deref() {
            Some(Record::Tree(head)) => head.generation,
            _ => 0,
        })
    }

    /// The grade that a destruction gets with the places as they are now: `copyable`, `threshold`, or `logical` where no
    /// place has a cell.
    ///
    /// # Errors
    /// `Internal` for a damaged index.
    pub fn grade(&self) -> Result<&'static str> {
        let (places, generation) = (self.places()?, self.generation()?);
        let places: Vec<_> = places.iter().filter(|place| place.has_cell).map(|place| &**place).collect();
        Ok(grade(&places, generation))
    }

    /// Every place that holds, or held, an epoch key, by name.
    ///
    /// # Errors
    /// `Internal` for a damaged index.
    pub fn places(&self) -> Result<Vec<Arc<Place>>> {
        self.eraser.places.all()
    }

    /// Strikes a place off that is lost or out of reach for good. Without an attestation every destruction waits for one.
    ///
    /// # Errors
    /// `NotFound`; `WrongState` for this machine itself; `InvalidField` for a statement of over 1,024 bytes.
    pub fn retire_cell(&self, name: &str, attested: Option<Attestation>) -> Result<Arc<Place>> {
        let place = {
            let _still = self.eraser.pause();
            let place = self.eraser.places.retire(name, attested)?;
            self.targets.let_go(name);
            place
        };
        self.eraser.start_over();
        self.eraser.wake();
        Ok(place)
    }

    /// Erasures that are not complete, oldest first, at most `limit`. Where and how far each is pending says
    /// [`Place::is_clear_of_older_than`] of the generation that it switched with.
    ///
    /// # Errors
    /// `Internal` for a damaged index.
    pub fn pending_erasures(&self, limit: usize) -> Result<Vec<Arc<Erasure>>> {
        let mut erasures = Vec::new();
        self.eraser.each_erasure(|erasure| {
            let has_room = erasures.len() < limit;
            erasures.extend(has_room.then_some(erasure));
            Ok(has_room)
        })?;
        Ok(erasures)
    }

    /// What keeps places from their part in destructions, as it was met last since the start: one for each place, by name.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.eraser.troubles()
    }

    /// Somebody waits for a destruction: where places have held it up, they are tried again now, and with new nodes of the
    /// tree once a minute has passed since the last time.
    pub fn hasten_destruction(&self) {
        // One pass serves all who wait.
        let _ = self.eraser.hasten();
    }
}
