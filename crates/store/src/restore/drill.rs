//! The recovery drill: restores from a target into a scratch engine, opens everything there, and compares it, record by
//! record, with the running store. Changes no cell, no claim and no data folder.

use std::{cmp::Ordering, collections::HashSet, sync::Arc};

use keyreeve_core::{
    Error, ErrorKind, Result,
    model::{Lsn, Time},
    ports::{cell::CellEntry, store::Store as _},
    record::{Change, Record, RecordKey},
};
use serde::Serialize;

use super::{
    archive::Archive,
    check::{Verified, verify_all},
    load::index_all,
    merging::Rows,
    read_cell,
    state::State,
};
use crate::{
    Store,
    backup::{BackupError, piece::Pieces, targets::Target},
    engines::{Engine, Row},
    index::{Index, checkpoint::Checkpoint, encoding, told},
    options::StoreError,
    work::{WorkKind, Working},
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
    /// Records that are not what the running store holds, and have not changed meanwhile, by their names; then what is
    /// missing at the target, and what is damaged and was gone round.
    pub differences: Vec<String>,
}

impl Store {
    /// Runs a drill from a target of this store. `scratch`: an engine that is emptied first and left filled.
    ///
    /// # Errors
    /// What would keep a restore from the target; `Unavailable` where the store changes too fast to be compared.
    pub fn drill(&self, target: &dyn Target, scratch: Arc<dyn Engine>) -> Result<DrillReport> {
        let shared = self.targets.shared();
        let work = self.works.begin(WorkKind::Drill);
        let (time, store) = (shared.clock.now(), self.id());
        let Pieces { crypto, keys } = shared.source.pieces.clone();
        let refused = BackupError::refusal;
        let archive = Archive::read(target, store, crypto.clone(), keys).map_err(refused)?;
        let head = archive.head().map_err(refused)?;
        let drilled = archive.on_a_whole_way(&head, |way| {
            let mut told = |done, total| work.tell("reading the archive", done, Some(total));
            let (end, records) = archive.load(way, &*scratch, &mut told)?;
            let (crypto, engine) = (crypto.clone(), scratch.clone());
            let index = Arc::new(Index::new(engine.clone(), CACHE_BYTES_MAX));
            let state = State { store, crypto, engine, index, lsn: Lsn(end.lsn.0) };
            let (verified, generation) =
                self.opened(target, &state, (&work, records)).map_err(StoreError::Restore)?;
            Ok((end, state, verified, generation))
        });
        let (end, state, verified, generation) = drilled.map_err(|error| match error {
            StoreError::Backup(error) => error.refusal(),
            StoreError::Restore(error) => error,
            error => Error::internal(error),
        })?;
        let (compared, mut differences) = self.compare(&state, (&work, verified.records))?;
        let damages = archive.damages();
        differences.extend(archive.missing_behind(&head).map(|gap| gap.to_string()));
        differences
            .extend(damages.iter().map(|damage| format!("{} is damaged: {}", damage.object, damage.what)));
        let (lsn, replayed, target) = (state.lsn, end.replayed, target.address().to_owned());
        Ok(DrillReport { time, target, lsn, replayed, generation, verified, compared, differences })
    }

    /// Makes the index rows of what was restored and opens everything, under the epoch key in the target's cell or, where
    /// it has none, the running store's; gives the generation of the cell's.
    fn opened(
        &self,
        target: &dyn Target,
        state: &State,
        (work, records): (&Working<'_>, u64),
    ) -> Result<(Verified, Option<u64>)> {
        index_all(&*state.engine, &mut |done| work.tell("indexing the records", done, Some(records)))?;
        let mut told = |done| work.tell("opening every key", done, Some(records));
        let entries: Vec<CellEntry> = match target.former_cell() {
            Ok(cell) => read_cell(&*cell)?,
            Err(error) => {
                tracing::info!(%error, "the drill takes the running store's epoch key");
                Vec::new()
            }
        };
        let own = entries.iter().any(|entry| entry.store == state.store && entry.threshold == 1);
        match state.head()? {
            Some(_) if own => {
                let epoch = state.choose_epoch(target.address(), &entries)?;
                let sealer = state.sealer(self.root.root(), Some(&epoch))?;
                Ok((verify_all(state, &*sealer, false, &mut told)?, Some(epoch.generation)))
            }
            _ => Ok((verify_all(state, &*self.sealer(), false, &mut told)?, None)),
        }
    }

    /// Compares what was restored with what the store holds now, but for what has changed in between.
    fn compare(&self, state: &State, (work, records): (&Working<'_>, u64)) -> Result<(u64, Vec<String>)> {
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
            work.tell("comparing the records", compared, Some(records.max(compared)));
            // Uses are told from all entries, and a restore reads only those that change something.
            let same = same || encoding::counts_uses(&key);
            if !same && !changed.contains(&key) && differences.len() < DIFFERENCES_MAX {
                differences.push(name_of(left.as_ref().or(right.as_ref()), &key));
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

/// A record by its kind and its name or id.
fn name_of(row: Option<&Row>, key: &[u8]) -> String {
    let record = row.and_then(|(key, bytes)| encoding::decode_row(key, bytes).ok());
    match record.as_ref().map(|record| (record.key(), record)) {
        Some((_, Record::Key(found))) => format!("key {} ({})", found.name, found.id),
        Some((_, Record::Object(found))) => {
            format!("version {} of key {} ({})", found.version, found.key, found.id)
        }
        Some((_, Record::KeyName { name, .. })) => format!("the name of key {name}"),
        Some((_, Record::Principal(found))) => format!("principal {} ({})", found.name, found.id),
        Some((key, _)) => format!("{key:?}"),
        None => format!("the record {}, which does not decode", hex::encode(key)),
    }
}

/// Whether two rows of a key hold the same record: an archive may have it as an earlier release wrote it.
fn is_same(restored: &Row, running: &Row) -> Result<bool> {
    let decoded = |(key, bytes): &Row| encoding::decode_row(key, bytes);
    Ok(restored.1 == running.1 || decoded(restored)? == decoded(running)?)
}
