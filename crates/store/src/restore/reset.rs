//! What a restore puts on record: the generation that the cell has chosen is in force, what it voids is to be done
//! again, numbers skip what the lost machine may have given out, and that machine is a place that somebody must clear.

use std::sync::Arc;

use keyreeve_core::{
    Result,
    model::{Erasure, Place, PlaceKind, Time, TreeHead},
    record::{Change, IndexKind, Record, RecordKey},
};

use super::state::{Epoch, State};
use crate::{
    destroy::free_share,
    faults::{Fault, breaks},
    sealing::{cells::machine_name, tree::SLOTS},
};

/// Generations that are left out: the lost machine may have begun some that no backup saw.
const GENERATIONS_SKIPPED: u64 = 1024;

/// The machine that is restored to.
pub(super) struct Machine {
    /// The timeline that begins.
    pub(super) timeline: u32,
    /// When.
    pub(super) now: Time,
    /// The file system of its cell, where that is known.
    pub(super) domain: Option<String>,
}

/// The changes that make a state that was loaded the one of a new timeline. `seen`: the highest generation in any cell.
///
/// # Errors
/// The index's.
pub(super) fn reset(
    state: &State,
    epoch: Option<&Epoch>,
    machine: &Machine,
    seen: u64,
) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    if let (Some(head), Some(epoch)) = (state.head()?, epoch) {
        tree(state, &head, epoch, seen, &mut changes)?;
        erasures(state, &head, epoch, &mut changes)?;
        places(state, epoch, machine, &mut changes)?;
    }
    Ok(changes)
}

fn tree(state: &State, head: &TreeHead, epoch: &Epoch, seen: u64, changes: &mut Vec<Change>) -> Result<()> {
    if let Some(begun) = &head.epoch {
        if begun.generation == epoch.generation {
            // The cell was ahead of the archive: the switch had come, and its entry was lost.
            changes.extend(begun.replaced.iter().map(|id| Change::Delete(RecordKey::Node(*id))));
        } else {
            changes.extend(begun.made.iter().map(|id| Change::Delete(RecordKey::Node(*id))));
        }
    }
    state.each(IndexKind::Replaced, |hit| {
        let generation = hit.value.as_slice().try_into().map_or(0, u64::from_be_bytes);
        let key = RecordKey::Replaced(generation);
        // Nodes that a voided switch had replaced are in force again. The others served places that were behind, which
        // have them in what the old timeline left there: the new one begins there with a whole copy of its base.
        if generation <= epoch.generation
            && let Some(Record::Replaced(replaced)) = state.get(&key)?.as_deref()
        {
            changes.extend(replaced.nodes.iter().map(|id| Change::Delete(RecordKey::Node(*id))));
        }
        changes.push(Change::Delete(key));
        Ok(())
    })?;
    let begun = head.epoch.as_ref().map_or(0, |begun| begun.generation);
    // The lost machine may have gone on in the subtree that it was filling: the next one is begun.
    let leaf_nodes_next = head.leaf_nodes_next.next_multiple_of(SLOTS as u64);
    let generation_max = head.generation_max.max(seen).max(begun).max(epoch.generation);
    changes.push(Change::Put(Record::Tree(Arc::new(TreeHead {
        generation: epoch.generation,
        generation_max: generation_max.saturating_add(GENERATIONS_SKIPPED),
        leaf_nodes_next: if breaks(Fault::ReuseLeaves) { 0 } else { leaf_nodes_next },
        epoch: None,
    }))));
    Ok(())
}

fn erasures(state: &State, head: &TreeHead, epoch: &Epoch, changes: &mut Vec<Change>) -> Result<()> {
    if breaks(Fault::KeepLaterSwitch) {
        return Ok(());
    }
    let begun = head.epoch.as_ref().filter(|begun| begun.generation == epoch.generation);
    state.each(IndexKind::Erasure, |hit| {
        let key = RecordKey::Erasure(keyreeve_core::model::ErasureId(hit.id));
        let Some(Record::Erasure(erasure)) = state.get(&key)?.as_deref().cloned() else { return Ok(()) };
        let switched = match erasure.switched {
            Some(generation) if generation <= epoch.generation => Some(generation),
            _ => begun.filter(|begun| begun.erasures.contains(&erasure.id)).map(|begun| begun.generation),
        };
        if switched != erasure.switched {
            let switched_at = switched.and(erasure.switched_at);
            let erasure = Erasure { switched, switched_at, ..Erasure::clone(&erasure) };
            changes.push(Change::Put(Record::Erasure(Arc::new(erasure))));
        }
        Ok(())
    })
}

fn places(state: &State, epoch: &Epoch, machine: &Machine, changes: &mut Vec<Change>) -> Result<()> {
    let Machine { timeline, now, domain } = machine;
    let mut all = Vec::new();
    state.each(IndexKind::Place, |hit| {
        let name = String::from_utf8_lossy(&hit.value).into_owned();
        let Some(Record::Place(place)) = state.get(&RecordKey::Place(name))?.as_deref().cloned() else {
            return Ok(());
        };
        // Nobody knows what became of the old machine: its cell is pending until somebody says so.
        let lost = place.lost.or((place.kind == PlaceKind::Machine).then_some(*now));
        let (confirmed, put) = (place.confirmed.min(epoch.generation), place.put.min(epoch.generation));
        let reset = Arc::new(Place { lost, confirmed, put, ..Place::clone(&place) });
        if (lost, confirmed, put) != (place.lost, place.confirmed, place.put) {
            changes.push(Change::Put(Record::Place(reset.clone())));
        }
        all.push(reset);
        Ok(())
    })?;
    changes.push(Change::Put(Record::Place(Arc::new(Place {
        name: machine_name(*timeline),
        kind: PlaceKind::Machine,
        has_cell: true,
        share: free_share(&all)?,
        threshold: epoch.threshold,
        confirmed: epoch.generation,
        confirmed_at: Some(*now),
        lost: None,
        attested: None,
        domain: domain.clone(),
        put: 0,
    }))));
    Ok(())
}
