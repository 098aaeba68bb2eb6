//! What a restored store does before it serves anybody: it claims the targets that it can reach, brings its base there,
//! takes the epoch key into this machine's cell, and begins an epoch in which nothing is left that the lost machine may
//! have given out.
//!
//! Every step can be done again: a start that was cut off is made up for by the next one. A target that is reached only
//! later is claimed then, by its shipper.

use std::{collections::HashMap, sync::Arc};

use keyreeve_core::{
    Error, ErrorKind,
    access::Action,
    model::PlaceKind,
    ports::cell::{Cell, CellEntry},
    record::{Record, RecordKey},
};
use serde::{Deserialize, Serialize};

use super::{archive::full_path, base as base_of, open_cell};
use crate::{
    backup::{
        BackupError,
        claim::{self, Claim, Claimant},
        piece::PieceName,
        registered::target_places,
        targets::{PutIf, Target},
    },
    destroy::Eraser,
    index::Index,
    journal::Lsn,
    options::{StoreError, StoreOptions},
    recovery::StoreFile,
    scribe::{Note, Scribe},
    sealing::{
        Place,
        cells::{FileCell, cell_entry, epoch_key, machine_name, no_others},
    },
};

/// Where a restored store's journal begins, in store.json.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begin {
    /// The entry behind which it begins: DIR/base holds the state up to it.
    pub(crate) lsn: u64,
    /// The timeline that held it.
    pub(crate) timeline: u32,
}

/// In store.json of a restored store until its first start has come to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unclaimed {
    /// Address of the target that it came from.
    pub(crate) from: String,
    /// Where the epoch key is, if not in that target's cell.
    pub(crate) cell: Option<String>,
}

/// The base of a restored store, which every target must have before it gets anything else of the timeline.
pub(crate) struct Base {
    target: Arc<dyn Target>,
    begin: Begin,
    timeline: u32,
    take_over: bool,
}

impl Base {
    /// The base of a store; none where it was not restored.
    ///
    /// # Errors
    /// `Backup` where the data folder's path can be no target's.
    pub(crate) fn of(options: &StoreOptions, file: &StoreFile) -> Result<Option<Arc<Self>>, StoreError> {
        let Some(begin) = file.begin() else { return Ok(None) };
        let (timeline, take_over) = (file.place().timeline, options.take_over);
        Ok(Some(Arc::new(Self { target: base_of(options)?, begin, timeline, take_over })))
    }

    /// Claims a target for the new timeline, where that was not done before, and brings the base there.
    ///
    /// # Errors
    /// `Mismatch` where the target has entries of the earlier timeline that the store was restored without: the old
    /// machine is alive; and where another restore, of which this one knew nothing, has begun the same timeline there.
    /// `Fenced` where another machine has it; `Target`.
    pub(crate) fn claim(&self, target: &Arc<dyn Target>, who: Claimant) -> Result<Claim, BackupError> {
        let claim = match self.check(target, who)? {
            Some(claim) => claim,
            None => Claim::acquire(target.clone(), who, self.take_over)?,
        };
        self.bring(&**target, &claim)?;
        Ok(claim)
    }

    /// Whether a target may be claimed: `None`, or the claim where it was claimed before. Changes nothing there.
    fn check(&self, target: &Arc<dyn Target>, who: Claimant) -> Result<Option<Claim>, BackupError> {
        let there = claim::read(&**target)?.map(|(file, _)| file);
        let timeline = there.as_ref().map_or(0, |file| file.timeline);
        if timeline == who.timeline && there.is_some_and(|file| file.owner != who.owner) {
            self.check_same(&**target)?;
        }
        match self.take_over {
            true => Ok(None),
            false if timeline >= who.timeline => Claim::resume(target.clone(), who).map(Some),
            false => self.check_alone(&**target, timeline).map(|()| None),
        }
    }

    /// Whether what lies there of this timeline begins with this base: another restore may have begun one of this number.
    fn check_same(&self, target: &dyn Target) -> Result<(), BackupError> {
        let base = full_path(self.timeline, Lsn(self.begin.lsn));
        let bytes = |target: &dyn Target| Ok::<_, BackupError>(target.get(&base)?.map(|(bytes, _)| bytes));
        let there = bytes(target)?;
        let is_same = there.is_some() && there == bytes(&*self.target)?;
        if is_same || target.list(&format!("t{}/", self.timeline))?.is_empty() {
            return Ok(());
        }
        Err(BackupError::Mismatch {
            target: target.address().to_owned(),
            what: format!(
                "another restore has begun timeline {} there, of which this one knew nothing: restore again while it can \
                 be reached, which begins a later one, or remove it",
                self.timeline
            ),
        })
    }

    /// Whether the machine before has gone on, or another restore has come before this one.
    fn check_alone(&self, target: &dyn Target, claimed: u32) -> Result<(), BackupError> {
        let mismatch = |what: String| BackupError::Mismatch { target: target.address().to_owned(), what };
        if claimed > self.begin.timeline {
            return Err(mismatch(format!(
                "another restore has begun timeline {claimed} there, this one comes from timeline {}: restore from there, \
                 or take over, which leaves behind what it has done since",
                self.begin.timeline
            )));
        }
        let listed = target.list(&PieceName::folder(self.begin.timeline))?;
        let last =
            listed.iter().filter_map(|listed| PieceName::parse(&listed.path)).map(|piece| piece.last).max();
        match last.filter(|last| last.0 > self.begin.lsn) {
            None => Ok(()),
            Some(last) => Err(mismatch(format!(
                "it has come to entry {last}, this store was restored up to {}: the old machine is alive. Stop it and \
                 restore again, or take over, which leaves those entries behind",
                self.begin.lsn
            ))),
        }
    }

    /// Copies what is not there; the manifest last, so that a copy that was cut off is no backup. Where there is a later
    /// full backup, the base may have been pruned.
    fn bring(&self, target: &dyn Target, claim: &Claim) -> Result<(), BackupError> {
        let manifest = full_path(self.timeline, Lsn(self.begin.lsn));
        if target.list(&format!("t{}/full/", self.timeline))?.iter().any(|full| full.path >= manifest) {
            return Ok(());
        }
        let prefix = format!("t{}/", self.timeline);
        let there: HashMap<_, _> =
            target.list(&prefix)?.into_iter().map(|listed| (listed.path, listed.bytes)).collect();
        let chunks = self.target.list(&prefix)?.into_iter().filter(|listed| listed.path != manifest);
        let missing = chunks.filter(|listed| there.get(&listed.path) != Some(&listed.bytes));
        for path in missing.map(|listed| listed.path).chain([manifest.clone()]) {
            let gone =
                || BackupError::damaged(&path, "it is missing in the folder \"base\" of the data folder");
            let (bytes, _) = self.target.get(&path)?.ok_or_else(gone)?;
            claim.check()?;
            target.put(&path, &bytes, PutIf::Always)?;
            let read_back = target.get(&path)?.map(|(bytes, _)| bytes);
            if read_back.as_ref() != Some(&bytes) {
                return Err(BackupError::damaged(
                    &path,
                    "the target gives back something else than was put there",
                ));
            }
        }
        Ok(())
    }
}

/// Before the key tree opens: claims what can be reached, then takes the epoch key into this machine's cell.
///
/// # Errors
/// `Backup` where a target refuses, `Restore` where the epoch key cannot be had.
pub(crate) fn claim_targets(
    options: &StoreOptions,
    (file, base): (&StoreFile, &Base),
    index: &Index,
    who: Claimant,
) -> Result<(), StoreError> {
    let Some(unclaimed) = file.unclaimed() else { return Ok(()) };
    let opener = options.opener();
    let places = target_places(index).map_err(StoreError::Restore)?;
    let mut opened = Vec::new();
    for place in places.iter().filter(|place| place.kind == PlaceKind::Target) {
        let target = opener.open(&place.name).map_err(BackupError::from);
        opened.extend(if_reached(target, &place.name)?);
    }
    // All are asked before the first one is claimed: a start that is refused has changed nothing.
    let mut near = Vec::new();
    for target in opened {
        near.extend(if_reached(base.check(&target, who), target.address())?.map(|_| target));
    }
    let mut others = Vec::new();
    for target in near {
        others.extend(if_reached(base.claim(&target, who), target.address())?.map(|_| target));
    }
    take_epoch_key(options, (file.place(), unclaimed), index, &others)
}

/// What a target gave; none where it cannot be reached now.
fn if_reached<T>(asked: Result<T, BackupError>, address: &str) -> Result<Option<T>, StoreError> {
    match asked {
        Ok(given) => Ok(Some(given)),
        Err(BackupError::Target(error)) => {
            tracing::warn!(%error, target = address, "a target is claimed once it can be reached");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts the epoch key in force into this machine's cell, unless it is there.
fn take_epoch_key(
    options: &StoreOptions,
    (place, unclaimed): (Place, &Unclaimed),
    index: &Index,
    others: &[Arc<dyn Target>],
) -> Result<(), StoreError> {
    let failed = StoreError::Restore;
    let Some(Record::Tree(head)) = index.get(&RecordKey::Tree).map_err(failed)?.as_deref().cloned() else {
        return Ok(());
    };
    let StoreOptions { disk, crypto, cell, dir, .. } = options;
    let here = FileCell::outside(disk.clone(), crypto.clone(), cell.clone(), dir).map_err(failed)?;
    let ours = |entry: &CellEntry| {
        (entry.store, entry.timeline, entry.generation) == (place.store, place.timeline, head.generation)
    };
    let held = here.read().map_err(failed)?;
    if held.iter().any(ours) {
        return Ok(());
    }
    no_others(&here.address(), &held, |entry| entry.store == place.store).map_err(failed)?;
    let named = match &unclaimed.cell {
        Some(named) => open_cell(options, named)?,
        None => {
            let from = options.opener().open(&unclaimed.from).map_err(BackupError::from)?;
            from.former_cell().map_err(BackupError::from)?
        }
    };
    let mut entries = named.read().map_err(failed)?;
    for target in others {
        match target.former_cell().map_err(Error::internal).and_then(|cell| cell.read()) {
            Ok(more) => entries.extend(more),
            Err(error) => tracing::info!(%error, target = target.address(), "its cell cannot be read"),
        }
    }
    let missing = || {
        let public = format!(
            "the cell {} does not hold the epoch key of generation {} any more: restore again",
            named.address(),
            head.generation
        );
        failed(Error::new(ErrorKind::Unavailable, public))
    };
    let (key, threshold) = epoch_key(place.store, head.generation, &entries).ok_or_else(missing)?;
    let name = RecordKey::Place(machine_name(place.timeline));
    let share = match index.get(&name).map_err(failed)?.as_deref() {
        Some(Record::Place(here)) => here.share,
        _ => return Err(failed(Error::internal("a restored machine is no place on record"))),
    };
    let entry = cell_entry(&**crypto, place, (head.generation, &key), (threshold, share)).map_err(failed)?;
    // INVARIANT: beside what is there, which may be the only copy of this very key: the new epoch erases it.
    here.put(&entry, head.generation).map_err(failed)
}

/// Once the store runs, before it takes requests: puts the restore on record, and begins a new epoch.
///
/// # Errors
/// `Restore` where too few places can be reached; those of the journal and of the disk.
pub(crate) fn begin(
    options: &StoreOptions,
    file: &StoreFile,
    scribe: &Scribe,
    eraser: &Eraser,
) -> Result<(), StoreError> {
    let Some(unclaimed) = file.unclaimed() else { return Ok(()) };
    let detail = format!("from {}: timeline {} begins", unclaimed.from, file.place().timeline);
    scribe.write(Action::Restored, Note { detail, ..Note::default() }).map_err(StoreError::Restore)?;
    if scribe.index.get(&RecordKey::Tree).map_err(StoreError::Restore)?.is_some() {
        eraser.refresh().map_err(StoreError::Restore)?;
    }
    let path = options.dir.join("store.json");
    let bytes = file.claimed().to_bytes(options)?;
    crate::disk::replace_file(&*options.disk, &path, &bytes).map_err(StoreError::io("write", &path))
}
