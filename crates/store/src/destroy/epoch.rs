//! One epoch change: nodes without the destroyed leaves, proven and replicated; the new epoch key in enough cells; and
//! the entry that puts it in force. Until that entry everything can be taken back, and is, by whoever comes next.

use std::{
    collections::{HashMap, HashSet},
    ops::{Bound, Range},
    sync::{Arc, atomic::Ordering},
};

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    access::Action,
    model::{EpochChange, Erasure, Lsn, NodeId, Place, PlaceKind, RealmId, ReplacedNodes, SealedNode},
    ports::{
        cell::Cell,
        store::{IndexHit, IndexRange},
    },
    record::{Change, IndexKind, Record, RecordKey},
};

use super::{
    eraser::Eraser,
    places::{Replica, apart, is_in_use},
    retry::Trouble,
};
use crate::{
    failure::unavailable,
    faults::{Fault, breaks},
    scribe::Note,
    sealing::{
        Leaves as _,
        cells::cell_entry,
        tree::{Address, NodeSource, Plan, Rewrite, SLOTS, verify},
    },
};

/// Bytes of nodes in one entry.
const ENTRY_NODE_BYTES_MAX: usize = 4 << 20;
/// Leaf nodes whose live leaves are read back in one go.
const LEAF_NODES_AT_ONCE: usize = 64;
/// Live leaves read in one step: those of a whole leaf node.
const LEAVES_AT_ONCE: usize = SLOTS;

/// A target that can be reached, as it is on record.
type Reached = (Arc<Place>, Arc<dyn Replica>);

/// Where the new epoch key goes before it is in force.
struct Route {
    threshold: u8,
    /// Places that get another share than they had, as one before them has the same.
    parted: Vec<Arc<Place>>,
    here: Arc<Place>,
    /// Targets that can be reached and hold the epoch key in force.
    targets: Vec<Reached>,
    /// Cells that must have it, this machine's among them.
    cells_min: usize,
    needs_target: bool,
}

impl Route {
    fn is_enough(&self, targets: usize) -> bool {
        targets + 1 >= self.cells_min && (targets > 0 || !self.needs_target)
    }

    fn too_few() -> Error {
        let public = "too few places can be reached for a new epoch key; what is destroyed stays pending";
        Error::new(ErrorKind::Unavailable, public)
    }
}

impl Eraser {
    /// Destroys the leaves of these erasures: nothing that is in force from then on reaches them.
    ///
    /// # Errors
    /// Where it cannot be done now, and nothing has changed.
    pub(super) fn change_epoch(&self, erasures: &[Arc<Erasure>], fresh_unused: bool) -> Result<()> {
        let mut troubles = Vec::new();
        let changed = self.try_change(erasures, fresh_unused, &mut troubles);
        match &changed {
            Ok(()) => self.start_over(),
            Err(error) => self.keep_changing(troubles, error),
        }
        changed
    }

    fn try_change(
        &self,
        erasures: &[Arc<Erasure>],
        fresh_unused: bool,
        troubles: &mut Vec<Trouble>,
    ) -> Result<()> {
        let head = self.tree.head().ok_or_else(|| Error::internal("there is no key tree yet"))?;
        let route = self.route(head.generation, troubles)?;
        let destroyed = self.still_there(erasures)?;
        let live = |leaves: Range<u64>| Ok(!self.live_leaves(leaves, None, 1)?.is_empty());
        let burnt = if breaks(Fault::ReuseGeneration) { head.generation } else { head.generation_max };
        let generation = burnt + 1;
        let plan = Plan { generation, destroyed: &destroyed, fresh_unused, live: &live };
        let rewrite = self.tree.rewrite(&plan)?;
        self.begin_epoch_change();
        let (first, last) = self.prepare(&rewrite, erasures)?;
        let proven = self
            .prove(&*self.index, &rewrite.epoch_key, &rewrite.touched, &destroyed)
            .and_then(|()| self.prove_gone(&rewrite.gone))
            .and_then(|()| self.replicate(&route, &rewrite, &destroyed, (first, last), troubles))
            .and_then(|targets| self.put(&route, &targets, &rewrite, head.generation, troubles));
        match proven {
            Ok(()) => self.switch(&route, rewrite, erasures, first),
            Err(error) => {
                self.abandon_unfinished()?;
                Err(error)
            }
        }
    }

    /// Takes back an epoch change that did not come to its end, in this process or an earlier one. Its number is burnt.
    ///
    /// # Errors
    /// Those of the journal.
    pub(super) fn abandon_unfinished(&self) -> Result<()> {
        let Some(EpochChange { generation, made, .. }) = self.tree.head().and_then(|head| head.epoch) else {
            return Ok(());
        };
        self.tree.write_head(Action::AbandonEpoch, |head| {
            head.epoch = None;
            let changes = made.iter().map(|id| Change::Delete(RecordKey::Node(*id))).collect();
            Ok(Note { detail: format!("generation {generation} is taken back"), changes, ..Note::default() })
        })?;
        // INVARIANT: only now. Were the entry that switches on record after all, this epoch key would be the one in force.
        let in_force = self.tree.head().map_or(0, |head| head.generation);
        for place in self.places.all()?.iter().filter(|place| place.confirmed == in_force && place.has_cell) {
            if let Err(error) = self.forget_others(place, in_force) {
                tracing::info!(%error, place = place.name, "an epoch key that was taken back is erased there later");
            }
        }
        Ok(())
    }

    /// Erases in a cell what is not in force, where it still holds what is. That writes where the next epoch key comes: a
    /// cell that takes nothing fails here.
    fn forget_others(&self, place: &Place, in_force: u64) -> Result<()> {
        let cell = match self.places.replica(&place.name) {
            None if self.places.is_here(place) => self.places.cell_here().clone(),
            None => return Ok(()),
            Some(replica) => replica.check_claim().and_then(|()| replica.cell())?,
        };
        self.places.check_holds(place, &*cell)?;
        // INVARIANT: where all that it has is of a later switch, which a restore made void, that stays until the next epoch key
        // is there: a cell that was emptied would count as a lost medium.
        match cell.read()?.iter().any(|entry| entry.generation == in_force) && !breaks(Fault::LeaveAbandoned)
        {
            true => cell.erase_except(Some(in_force)),
            false => Ok(()),
        }
    }

    /// Whether an epoch change would give the number of shares that is wanted, and there are places for it, or bring apart
    /// places that have the same one: two of them give no more of a key than one.
    pub(super) fn wants_other_shares(&self) -> Result<bool> {
        let in_force = self.threshold.load(Ordering::Acquire);
        if self.tree.head().is_none() || (self.threshold_wanted, in_force) == (1, 1) {
            return Ok(false);
        }
        let places = self.places.all()?;
        let threshold = self.places_threshold(&places);
        Ok(threshold != in_force || threshold > 1 && !apart(places)?.is_empty())
    }

    /// The shares that are wanted; where a place more than that is missing, the whole key goes to each.
    fn places_threshold(&self, places: &[Arc<Place>]) -> u8 {
        let cells = places.iter().filter(|place| is_in_use(place)).count();
        if cells > usize::from(self.threshold_wanted) { self.threshold_wanted } else { 1 }
    }

    /// Where a new epoch key goes: every place is asked here whether it takes one, before any node is made, since each try
    /// that makes some lets the journal grow.
    fn route(&self, in_force: u64, troubles: &mut Vec<Trouble>) -> Result<Route> {
        let mut all = self.places.all()?;
        let threshold = self.places_threshold(&all);
        let parted = apart(all.clone())?;
        for new in &parted {
            all.iter_mut().filter(|place| place.name == new.name).for_each(|place| *place = new.clone());
        }
        let mut cells = 0;
        let (mut here, mut targets, mut needs_target) = (None, Vec::new(), false);
        for place in all.into_iter().filter(|place| is_in_use(place)) {
            cells += 1;
            needs_target |= place.kind == PlaceKind::Target;
            if self.places.is_here(&place) {
                here = Some(place);
                continue;
            }
            let Some(replica) = self.places.replica(&place.name).filter(|_| place.confirmed == in_force)
            else {
                // It was logged when it was to be settled.
                let behind = "it does not hold the epoch key in force yet, and gets no new one before";
                troubles.push(self.trouble(&place.name, &unavailable(behind)));
                continue;
            };
            let shipped = replica.ship(self.durable());
            let takes = shipped.and_then(|()| self.forget_others(&place, in_force));
            if self.unless_trouble(troubles, &place, takes).is_some() {
                targets.push((place, replica));
            }
        }
        let here = here.ok_or_else(|| Error::internal("this machine is no place on record"))?;
        self.unless_trouble(troubles, &here, self.forget_others(&here, in_force))
            .ok_or_else(Route::too_few)?;
        let cells_min = cells.min(usize::from(threshold) + 1);
        let route = Route { threshold, parted, here, targets, cells_min, needs_target };
        if route.is_enough(route.targets.len()) { Ok(route) } else { Err(Route::too_few()) }
    }

    /// The leaves of erasures that the tree still holds, in order: some may be gone since before a restore.
    fn still_there(&self, erasures: &[Arc<Erasure>]) -> Result<Vec<u64>> {
        let objects = erasures.iter().flat_map(|erasure| &erasure.objects);
        let mut leaves: Vec<u64> = objects.map(|object| object.leaf_index).collect();
        leaves.sort_unstable();
        leaves.dedup();
        let mut there = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            match self.tree.get(leaf) {
                Ok(_) => there.push(leaf),
                Err(error) if error.kind() == ErrorKind::Destroyed => {}
                Err(error) => return Err(error),
            }
        }
        Ok(there)
    }

    /// Puts the nodes on record, not yet in force: the first and the last entry.
    fn prepare(&self, rewrite: &Rewrite, erasures: &[Arc<Erasure>]) -> Result<(Lsn, Lsn)> {
        let generation = rewrite.generation;
        let nodes_max = ENTRY_NODE_BYTES_MAX / rewrite.made.first().map_or(1, |node| node.bytes.len().max(1));
        let put = |node: &SealedNode| Change::Put(Record::Node(Arc::new(node.clone())));
        let mut parts = rewrite.made.chunks(nodes_max.max(1)).enumerate().map(|(number, part)| Note {
            detail: format!("generation {generation}, part {}", number + 1),
            changes: part.iter().map(put).collect(),
            ..Note::default()
        });
        let nothing = || Error::internal("a new epoch has no node");
        let begin = parts.next().ok_or_else(nothing)?;
        // INVARIANT: the first entry names all nodes, so that whatever comes of the others can be taken back.
        let first = self.tree.write_head(Action::PrepareEpoch, |head| {
            head.generation_max = generation;
            head.epoch = Some(EpochChange {
                generation,
                erasures: erasures.iter().map(|erasure| erasure.id).collect(),
                made: rewrite.made.iter().map(|node| node.id).collect(),
                replaced: rewrite.replaced.clone(),
            });
            Ok(begin)
        })?;
        let mut last = first;
        for part in parts {
            last = self.scribe.write(Action::PrepareEpoch, part)?;
        }
        Ok((first, last))
    }

    /// Opens the new nodes from this source alone: what lives derives, what is destroyed does not.
    pub(super) fn prove(
        &self,
        source: &dyn NodeSource,
        epoch_key: &SecretBytes,
        leaf_nodes: &[u64],
        destroyed: &[u64],
    ) -> Result<()> {
        let (crypto, store) = (&*self.crypto, self.here.store);
        verify(crypto, store, source, epoch_key, [], destroyed)?;
        for numbers in leaf_nodes.chunks(LEAF_NODES_AT_ONCE) {
            let mut live = Vec::new();
            for number in numbers {
                self.each_live(*number, &mut live)?;
            }
            verify(crypto, store, source, epoch_key, live, &[])?;
        }
        Ok(())
    }

    /// Makes sure that nothing is sealed under the leaves below these nodes, looked at once all of them are on record.
    ///
    /// INVARIANT: before the epoch key that still opens them goes.
    fn prove_gone(&self, nodes: &[Address]) -> Result<()> {
        for node in nodes {
            if !self.live_leaves(node.leaves(), None, 1)?.is_empty() {
                return Err(Error::internal(format!("{node} was to be let go with a live leaf below it")));
            }
        }
        Ok(())
    }

    /// The live leaves of a leaf node, with their check values.
    fn each_live(&self, leaf_node: u64, live: &mut Vec<(u64, [u8; 8])>) -> Result<()> {
        let slots = SLOTS as u64;
        let mut after = None;
        loop {
            let leaves = leaf_node * slots..(leaf_node + 1) * slots;
            let hits = self.live_leaves(leaves, after.as_ref(), LEAVES_AT_ONCE)?;
            for hit in &hits {
                let (index, check) = hit.value.split_at_checked(8).ok_or_else(malformed)?;
                let index = index.try_into().map_err(|_| malformed())?;
                live.push((u64::from_be_bytes(index), check.try_into().map_err(|_| malformed())?));
            }
            after = hits.last().cloned();
            if hits.len() < LEAVES_AT_ONCE {
                return Ok(());
            }
        }
    }

    fn live_leaves(
        &self,
        leaves: Range<u64>,
        after: Option<&IndexHit>,
        limit: usize,
    ) -> Result<Vec<IndexHit>> {
        let from = Bound::Included(leaves.start.to_be_bytes().to_vec());
        let to = Bound::Excluded(leaves.end.to_be_bytes().to_vec());
        let range = IndexRange { realm: RealmId::DEFAULT, kind: IndexKind::Leaf, from, to };
        self.index.find(&range, after, limit)
    }

    /// Brings the nodes to the targets and reads them back there. Gives those where that went well.
    fn replicate<'a>(
        &self,
        route: &'a Route,
        rewrite: &Rewrite,
        destroyed: &[u64],
        (first, last): (Lsn, Lsn),
        troubles: &mut Vec<Trouble>,
    ) -> Result<Vec<&'a Reached>> {
        let mut good = Vec::new();
        *self.proven.lock() = (rewrite.generation, HashSet::new());
        for target in &route.targets {
            let (place, replica) = target;
            if breaks(Fault::PutBeforeReplicate) {
                good.push(target);
                continue;
            }
            let read_back = replica.ship(last).and_then(|()| {
                if breaks(Fault::SkipReadBack) {
                    return Ok(());
                }
                let nodes = ReadBack::of(replica.read_back(first, last)?);
                self.prove(&nodes, &rewrite.epoch_key, &rewrite.touched, destroyed)?;
                self.proven.lock().1.insert(place.name.clone());
                Ok(())
            });
            if self.unless_trouble(troubles, place, read_back).is_some() {
                good.push(target);
            }
        }
        if route.is_enough(good.len()) { Ok(good) } else { Err(Route::too_few()) }
    }

    /// Puts the new epoch key beside the one in force.
    fn put(
        &self,
        route: &Route,
        targets: &[&Reached],
        rewrite: &Rewrite,
        in_force: u64,
        troubles: &mut Vec<Trouble>,
    ) -> Result<()> {
        let put = |place: &Place, cell: &dyn Cell| {
            // A medium that was swapped since this pass began is found by the next one.
            self.places.check_holds(place, cell)?;
            let key = (rewrite.generation, &rewrite.epoch_key);
            cell.put(&cell_entry(&*self.crypto, self.here, key, (route.threshold, place.share))?, in_force)
        };
        if breaks(Fault::EraseBeforePut) {
            self.places.cell_here().erase_except(None)?;
        }
        let put_here = put(&route.here, &**self.places.cell_here());
        self.unless_trouble(troubles, &route.here, put_here).ok_or_else(Route::too_few)?;
        let mut put_there = 0;
        for (place, replica) in targets {
            let done = replica.check_claim().and_then(|()| put(place, &*replica.cell()?));
            put_there += usize::from(self.unless_trouble(troubles, place, done).is_some());
        }
        if route.is_enough(put_there) { Ok(()) } else { Err(Route::too_few()) }
    }

    /// Puts the new epoch in force. From here on there is only forward.
    fn switch(
        &self,
        route: &Route,
        rewrite: Rewrite,
        erasures: &[Arc<Erasure>],
        prepared: Lsn,
    ) -> Result<()> {
        let generation = rewrite.generation;
        let (leaf_nodes, nodes) = (rewrite.touched.clone(), rewrite.replaced.clone());
        let replaced = ReplacedNodes { generation, prepared, leaf_nodes, nodes };
        let mut changes = vec![Change::Put(Record::Replaced(Arc::new(replaced)))];
        let (switched, switched_at) = (Some(generation), Some(self.scribe.clock.now()));
        changes.extend(erasures.iter().map(|erasure| {
            Change::Put(Record::Erasure(Arc::new(Erasure { switched, switched_at, ..(**erasure).clone() })))
        }));
        for place in self.places.all()? {
            // A place counts as holding whole keys from the first one on, before it can be read back.
            let threshold = place.threshold.min(route.threshold);
            let parted = route.parted.iter().find(|parted| parted.name == place.name);
            let share = parted.map_or(place.share, |parted| parted.share);
            if (threshold, share) != (place.threshold, place.share) {
                let place = Place { threshold, share, ..(*place).clone() };
                changes.push(Change::Put(Record::Place(Arc::new(place))));
            }
        }
        self.tree.write_head(Action::SwitchEpoch, |head| {
            (head.generation, head.epoch) = (generation, None);
            let detail = format!("generation {generation} is in force, {} erasures with it", erasures.len());
            Ok(Note { detail, changes, ..Note::default() })
        })?;
        self.tree.switch(rewrite);
        self.threshold.store(route.threshold, Ordering::Release);
        Ok(())
    }
}

/// Nodes as a target gave them back.
pub(super) struct ReadBack(HashMap<NodeId, Arc<SealedNode>>);

impl ReadBack {
    pub(super) fn of(nodes: Vec<Arc<SealedNode>>) -> Self {
        Self(nodes.into_iter().map(|node| (node.id, node)).collect())
    }
}

impl NodeSource for ReadBack {
    fn node(&self, id: NodeId) -> Result<Option<Arc<SealedNode>>> {
        Ok(self.0.get(&id).cloned())
    }
}

fn malformed() -> Error {
    Error::internal("the index is damaged: a leaf's row is malformed; remove the index")
}
