//! The recovery drill: restores from a target into a scratch engine, opens everything there, and compares it, record by
//! record, with the running store. Changes no cell, no claim and no data folder.

use std::{cmp::Ordering, collections::HashSet, sync::Arc};

use keyreeve_core::{
    Error, ErrorKind, Result,
    model::{Lsn, Time},
    ports::{cell::CellEntry, store::Store as _},
    record::{Change, RecordKey},
};
use serde::Serialize;

use super::{
    archive::Archive,
    check::{Verified, verify_all},
    load::index_all,
    merging::Rows,
    state::State,
};
use crate::{
    Store,
    backup::{piece::Pieces, shipper, targets::Target},
    engines::{Engine, Row},
    index::{Index, checkpoint::Checkpoint, encoding, told},
};

/// Bytes of decoded records that are kept meanwhile.
const CACHE_BYTES_MAX: u64 = 16 << 20;
/// Records that may differ and are told; one would be too many.
const DIFFERENCES_MAX: usize = 100;
/// Records that may have changed since what the target has; where there are more, the drill is for a quieter hour.
const CHANGED_MAX: usize = 1 << 20;
/// Entries of the journal that are read at once.
const PAGE: usize = 1024;

/// How a drill went.
#[derive(Clone, Debug, Serialize)]
pub struct DrillReport {
    /// When it began, by the store's clock.
    pub time: Time,
    /// The target.
    pub target: String,
    /// The last entry that the target had.
    pub lsn: Lsn,
    /// Entries that were replayed behind a full backup.
    pub replayed: u64,
    /// The generation of the epoch key in the target's cell that opened everything; `None` where the target has no cell,
    /// and the running store's was taken.
    pub generation: Option<u64>,
    /// What was verified.
    pub verified: Verified,
    /// Records that were compared with the running store.
    pub compared: u64,
    /// Records that are not what the running store holds, and have not changed meanwhile: each is damage.
    pub differences: Vec<String>,
}

impl Store {
    /// Runs a drill from a target of this store. `scratch`: an engine that is emptied first and left filled.
    ///
    /// # Errors
    /// What would keep a restore from the target; `Unavailable` where the store changes too fast to be compared.
    pub fn drill(&self, target: &dyn Target, scratch: Arc<dyn Engine>) -> Result<DrillReport> {
        let shared = self.targets.shared();
        let (time, store) = (shared.clock.now(), self.id());
        let Pieces { crypto, keys } = shared.source.pieces.clone();
        let archive = Archive::read(target, store, crypto.clone(), keys).map_err(shipper::told)?;
        let head = archive.head().map_err(shipper::told)?;
        let (end, _) = archive.load(&head, &*scratch, &mut |_, _| {}).map_err(shipper::told)?;
        index_all(&*scratch, &mut |_| {})?;
        let index = Arc::new(Index::new(scratch.clone(), CACHE_BYTES_MAX));
        let state = State { store, crypto, engine: scratch, index, lsn: Lsn(end.lsn.0) };
        let entries: Vec<CellEntry> = match target.former_cell() {
            Ok(cell) => cell.read()?,
            Err(error) => {
                tracing::info!(%error, "the drill takes the running store's epoch key");
                Vec::new()
            }
        };
        let own = entries.iter().any(|entry| entry.store == store && entry.threshold == 1);
        let epoch = match state.head()? {
            Some(_) if own => Some(state.choose_epoch(&entries)?),
            _ => None,
        };
        let verified = match (&epoch, own) {
            (Some(epoch), _) => {
                let sealer = state.sealer(self.root.root(), Some(epoch))?;
                verify_all(&state, &*sealer, false, &mut |_| {})?
            }
            (None, _) => verify_all(&state, &*self.sealer(), false, &mut |_| {})?,
        };
        let (compared, differences) = self.compare(&state)?;
        Ok(DrillReport {
            time,
            target: target.address().to_owned(),
            lsn: state.lsn,
            replayed: end.replayed,
            generation: epoch.map(|epoch| epoch.generation),
            verified,
            compared,
            differences,
        })
    }

    /// Compares what was restored with what the store holds now, but for what has changed in between.
    fn compare(&self, state: &State) -> Result<(u64, Vec<String>)> {
        let running = self.targets.shared().index.snapshot(|| Ok(()))?;
        let checkpoint = running.checkpoint().map_err(told)?;
        let checkpoint = checkpoint.as_deref().and_then(Checkpoint::decode);
        let until = checkpoint.map_or(Lsn(0), |checkpoint| Lsn(checkpoint.position.last().0));
        let changed = self.changed_between(state.lsn, until)?;
        let restored = state.engine.snapshot().map_err(told)?;
        let (mut restored, mut running) = (Rows::new(&*restored), Rows::new(&*running));
        let (mut compared, mut differences) = (0, Vec::new());
        let (mut left, mut right) = (restored.next()?, running.next()?);
        loop {
            let (key, same) = match (&left, &right) {
                (None, None) => return Ok((compared, differences)),
                (Some((key, _)), None) | (None, Some((key, _))) => (key.clone(), false),
                (Some(restored), Some(running)) => match restored.0.cmp(&running.0) {
                    Ordering::Equal => (restored.0.clone(), is_same(restored, running)?),
                    Ordering::Less => (restored.0.clone(), false),
                    Ordering::Greater => (running.0.clone(), false),
                },
            };
            compared += 1;
            // Uses are told from all entries, and a restore reads only those that change something.
            let same = same || encoding::counts_uses(&key);
            if !same && !changed.contains(&key) && differences.len() < DIFFERENCES_MAX {
                differences.push(hex::encode(&key));
            }
            if left.as_ref().is_some_and(|row| row.0 == key) {
                left = restored.next()?;
            }
            if right.as_ref().is_some_and(|row| row.0 == key) {
                right = running.next()?;
            }
        }
    }

    /// Keys of the records that entries behind `after` up to `until` have changed.
    fn changed_between(&self, after: Lsn, until: Lsn) -> Result<HashSet<Vec<u8>>> {
        let mut changed = HashSet::new();
        let mut at = after;
        while at < until {
            let entries = self.journal(at, PAGE)?;
            let Some(last) = entries.last() else { break };
            at = last.lsn;
            let changes = entries.iter().flat_map(|entry| &entry.draft.changes);
            changed.extend(changes.map(Change::key).map(|key: RecordKey| encoding::encode_key(&key)));
            if changed.len() > CHANGED_MAX {
                let public =
                    "the store changes faster than the target follows: run the drill at a quieter time";
                return Err(Error::new(ErrorKind::Unavailable, public));
            }
        }
        Ok(changed)
    }
}

/// Whether two rows of a key hold the same record: an archive may have it as an earlier release wrote it.
fn is_same(restored: &Row, running: &Row) -> Result<bool> {
    let decoded = |(key, bytes): &Row| encoding::decode_row(key, bytes);
    Ok(restored.1 == running.1 || decoded(restored)? == decoded(running)?)
}
