//! A cell in a bucket: two objects of one slot each (`crate::sealing::cells`), overwritten and read back.
//!
//! INVARIANT: there is none where the bucket keeps versions, which object lock implies. What the provider keeps of an
//! overwritten object cannot be seen from here; certificates say so.

use std::sync::Arc;

use keyreeve_core::{
    Error, ErrorKind, Result,
    ports::{
        cell::{Cell, CellEntry},
        crypto::Crypto,
    },
};
use object_store::{PutMode, path::Path};

use super::{Requests, TargetError};
use crate::sealing::cells::{SLOT_LEN, decode_slot, encode_slot};

/// A cell in a bucket.
pub(super) struct BucketCell {
    requests: Arc<Requests>,
    crypto: Arc<dyn Crypto>,
    address: String,
    slots: [Path; 2],
    probe: Path,
}

impl BucketCell {
    pub(super) fn new(requests: Arc<Requests>, crypto: Arc<dyn Crypto>, prefix: &str) -> Self {
        let slots = [0, 1].map(|slot| Path::from(format!("{prefix}.cell/{slot}")));
        let probe = Path::from(format!("{prefix}.cell/probe"));
        let address = format!("{}.cell", requests.address);
        Self { requests, crypto, address, slots, probe }
    }

    /// Finds out whether the bucket keeps what is overwritten: it gives the id of a version then.
    ///
    /// # Errors
    /// `KeepsVersions`, `Unreachable`.
    pub(super) fn probe(&self) -> Result<(), TargetError> {
        let put = self.requests.put(&self.probe, b"probe", PutMode::Overwrite);
        let version = put.map_err(|error| self.requests.unreachable(error))?;
        self.requests.remove(&self.probe)?;
        match version {
            None => Ok(()),
            Some(_) => Err(TargetError::KeepsVersions {
                target: self.requests.address.clone(),
                what: "the bucket has versioning or object lock".into(),
            }),
        }
    }

    fn failed(&self, what: impl ToString) -> Error {
        let public = format!("the cell {} cannot be used: {}", self.address, what.to_string());
        Error::new(ErrorKind::Unavailable, public)
    }

    /// What each slot holds: whether there is an object, and its entry where that is whole.
    fn slots(&self) -> Result<[(bool, Option<CellEntry>); 2]> {
        let read = |path| {
            let found = self.requests.get(path, SLOT_LEN).map_err(|error| self.failed(error))?;
            let entry = found.as_ref().and_then(|(bytes, _)| decode_slot(&*self.crypto, bytes));
            Ok((found.is_some(), entry))
        };
        Ok([read(&self.slots[0])?, read(&self.slots[1])?])
    }

    fn write(&self, slot: &Path, bytes: &[u8]) -> Result<()> {
        let version =
            self.requests.put(slot, bytes, PutMode::Overwrite).map_err(|error| self.failed(error))?;
        if version.is_some() {
            return Err(self.failed("the bucket keeps versions now: remove them, and versioning"));
        }
        let read = self.requests.get(slot, SLOT_LEN).map_err(|error| self.failed(error))?;
        match read.is_some_and(|(read, _)| self.crypto.equal(&read, bytes)) {
            true => Ok(()),
            false => Err(self.failed("it gives back something else than was written")),
        }
    }
}

impl Cell for BucketCell {
    fn read(&self) -> Result<Vec<CellEntry>> {
        Ok(self.slots()?.into_iter().filter_map(|(_, entry)| entry).collect())
    }

    // INVARIANT: the slot that alone holds the generation to keep is never written.
    fn put(&self, entry: &CellEntry, keep: u64) -> Result<()> {
        let bytes = encode_slot(&*self.crypto, entry);
        let bytes = bytes.ok_or_else(|| Error::internal("an epoch key has another length than 32 bytes"))?;
        let generations = self.slots()?.map(|(_, entry)| entry.map(|entry| entry.generation));
        let others = || (0..2).filter(|slot| generations[*slot] != Some(keep));
        let same = others().find(|slot| generations[*slot] == Some(entry.generation));
        let empty = || others().find(|slot| generations[*slot].is_none());
        let slot = same.or_else(empty).or_else(|| others().next()).unwrap_or(1);
        self.write(&self.slots[slot], bytes.expose())
    }

    fn erase_except(&self, generation: Option<u64>) -> Result<()> {
        for (path, (there, entry)) in self.slots.iter().zip(self.slots()?) {
            let kept = generation.is_some() && entry.map(|entry| entry.generation) == generation;
            if there && !kept {
                self.write(path, &[0; SLOT_LEN])?;
            }
        }
        Ok(())
    }

    fn address(&self) -> String {
        self.address.clone()
    }
}
