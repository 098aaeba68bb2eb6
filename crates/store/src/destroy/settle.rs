//! Settling: every place that can be reached is brought to the epoch in force, older epoch keys are erased there, and
//! what is complete by that gets its certificate.

use std::{
    collections::BTreeSet,
    ops::Bound,
    sync::{Arc, atomic::Ordering},
};

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    access::Action,
    model::{Erasure, Lsn, ObjectId, Place, RealmId, ReplacedNodes, StoredCertificate},
    ports::{
        cell::{Cell, CellEntry},
        crypto::ParsedKey,
        store::IndexRange,
    },
    record::{Change, IndexKind, Record, RecordKey},
};

use super::{
    certificate::{self, Facts},
    epoch::ReadBack,
    eraser::Eraser,
    places::{Replica, is_in_use, unreachable, without_record},
};
use crate::{
    faults::{Fault, breaks},
    scribe::Note,
    sealing::cells::cell_entry,
};

/// Nodes deleted in one entry, about.
const NODES_DELETED_MAX: usize = 65_536;
/// Erasures whose certificates are written together.
const COMPLETED_MAX: usize = 256;
/// Records of replaced nodes looked at in one step.
const REPLACED_MAX: usize = 1024;

impl Eraser {
    /// Brings each place that is behind to the epoch in force, and those back to it whose cell has lost the epoch key: a
    /// medium was swapped, or has rotted. Without this nobody would notice before the key is needed, nor ask what became of
    /// the former medium. A place that cannot be reached stays as it is.
    ///
    /// # Errors
    /// Those of the journal and of the index.
    pub(super) fn settle(&self) -> Result<()> {
        let Some((generation, key)) = self.tree.epoch_key() else { return Ok(()) };
        let mut troubles = Vec::new();
        for place in self.places.all()?.iter().filter(|place| is_in_use(place)) {
            let settled = self.settle_place(place, generation, &key);
            if self.unless_trouble(&mut troubles, place, settled).is_none() {
                self.scribe.failure.check()?;
            }
        }
        self.keep_settling(troubles);
        self.drop_unneeded()
    }

    /// INVARIANT: the epoch key comes into a target's cell, and the older one goes, only when the target holds the journal to
    /// its end and has given back the nodes of every epoch that it missed, to this process: read from there, not believed.
    /// Other nodes, as those of a new target, are where the journal or a full backup has them, which drills and verifying
    /// look after.
    /// INVARIANT: a place whose cell has lost its key goes on record as lost before anything is written there.
    fn settle_place(&self, place: &Place, generation: u64, key: &SecretBytes) -> Result<()> {
        let replica = self.places.replica(&place.name);
        let cell = match &replica {
            Some(replica) => replica.cell()?,
            None if self.places.is_here(place) => self.places.cell_here().clone(),
            None => return Err(unreachable(&place.name)),
        };
        if place.confirmed >= generation && self.places.still_holds(place, &*cell)? {
            return Ok(());
        }
        let check_claim = || replica.as_ref().map_or(Ok(()), |replica| replica.check_claim());
        // First: where a target is not mounted, its cell has lost nothing.
        check_claim()?;
        let place = match self.places.still_holds(place, &*cell)? {
            true => place.clone(),
            false => {
                // And again: it may have been taken away before its cell was read.
                check_claim()?;
                self.places.lose_medium(place)?
            }
        };
        if let Some(replica) = replica.as_ref().filter(|_| !breaks(Fault::PutBeforeReplicate)) {
            self.bring(&place, &**replica, key)?;
        }
        check_claim()?;
        self.settle_cell(&place, &*cell, generation, key)
    }

    /// Brings a target what the epoch key in force opens, and reads it back there.
    fn bring(&self, place: &Place, replica: &dyn Replica, key: &SecretBytes) -> Result<()> {
        let until = self.durable();
        replica.ship(until)?;
        if breaks(Fault::SkipReadBack) {
            return Ok(());
        }
        let replaced = self.replaced()?;
        // A medium that was swapped since has nothing confirmed.
        let is_proven = |generation| {
            let proven = self.proven.lock();
            place.confirmed > 0 && proven.0 == generation && proven.1.contains(&place.name)
        };
        let is_missed = |generation| generation > place.confirmed && !is_proven(generation);
        let missed: Vec<_> = replaced.iter().filter(|one| is_missed(one.generation)).collect();
        let nodes = replica.read_back(missed.first().map_or(until, |first| first.prepared), until)?;
        if missed.is_empty() {
            return Ok(());
        }
        let leaf_nodes: BTreeSet<u64> = missed.iter().flat_map(|one| &one.leaf_nodes).copied().collect();
        self.prove(&ReadBack::of(nodes), key, &leaf_nodes.into_iter().collect::<Vec<_>>(), &[])
    }

    /// Puts the epoch key in force, erases all others, and puts on record that nothing else is left.
    fn settle_cell(&self, place: &Place, cell: &dyn Cell, generation: u64, key: &SecretBytes) -> Result<()> {
        let threshold = self.threshold.load(Ordering::Acquire);
        let entry = cell_entry(&*self.crypto, self.here, (generation, key), (threshold, place.share))?;
        let is_it = |held: &CellEntry| {
            (held.store, held.generation, held.threshold) == (entry.store, generation, threshold)
                && self.crypto.equal(held.key.expose(), entry.key.expose())
        };
        self.places.check_holds(place, cell)?;
        // What is useful there is not written over: the key in force, or else the one that it was last seen with.
        let before = cell.read()?;
        let has_it = before.iter().any(is_it);
        if has_it && breaks(Fault::KeepOldKey) {
            return self.confirm(&place.name, generation, threshold);
        }
        match has_it {
            true => cell.put(&entry, generation)?,
            false => self.put_new(place, cell, &entry)?,
        }
        cell.erase_except(Some(generation))?;
        let abandoned =
            before.iter().find(|held| (place.confirmed + 1..generation).contains(&held.generation));
        if let Some(abandoned) = abandoned.filter(|_| breaks(Fault::LeaveAbandoned)) {
            cell.put(abandoned, generation)?;
            return self.confirm(&place.name, generation, threshold);
        }
        let held = cell.read()?;
        if held.is_empty() || !held.iter().all(is_it) {
            let public = format!("the cell {} holds something else than was put there", cell.address());
            return Err(Error::new(ErrorKind::Unavailable, public));
        }
        self.confirm(&place.name, generation, threshold)
    }

    /// Puts an epoch key into a cell that does not hold it.
    ///
    /// INVARIANT: before the first one comes, it is on record that it does. Its medium may go before anybody has read it back,
    /// with a key that nothing else would tell of.
    fn put_new(&self, place: &Place, cell: &dyn Cell, entry: &CellEntry) -> Result<()> {
        if place.confirmed > 0 {
            return cell.put(entry, place.confirmed);
        }
        self.note_put(&place.name, entry.generation)?;
        let put = cell.put(entry, 0);
        // What did not come is taken back where it is sure that nothing of it is there.
        if put.is_err()
            && cell.erase_except(None).and_then(|()| cell.read()).is_ok_and(|held| held.is_empty())
        {
            self.note_put(&place.name, 0)?;
        }
        put
    }

    fn note_put(&self, name: &str, put: u64) -> Result<()> {
        let Some(place) = self.places.get(name)?.filter(|place| place.lost.is_none()) else {
            return Err(Error::new(ErrorKind::Conflict, format!("{name} was struck off meanwhile")));
        };
        if place.put == put {
            return Ok(());
        }
        let detail = format!("generation {put} is the one that goes to {name}");
        let changes = vec![Change::Put(Record::Place(Arc::new(Place { put, ..(*place).clone() })))];
        let (as_of, reads) = (self.durable(), vec![RecordKey::Place(name.into())]);
        self.scribe.write(Action::RegisterTarget, Note { detail, changes, as_of, reads }).map(drop)
    }

    fn confirm(&self, name: &str, generation: u64, threshold: u8) -> Result<()> {
        let as_of = self.durable();
        let Some(place) = self.places.get(name)?.filter(|place| place.lost.is_none()) else {
            return Err(Error::new(ErrorKind::Conflict, format!("{name} was struck off meanwhile")));
        };
        let confirmed_at = Some(self.scribe.clock.now());
        let place = Place { confirmed: generation, confirmed_at, threshold, ..(*place).clone() };
        let detail = format!("{name} holds the epoch key of generation {generation} and no other");
        let (changes, reads) =
            (vec![Change::Put(Record::Place(Arc::new(place)))], vec![RecordKey::Place(name.into())]);
        self.scribe.write(Action::EraseCell, Note { detail, changes, as_of, reads }).map(drop)
    }

    /// The first entry that a target has to give back before its cell gets the epoch key in force; none where it has it.
    ///
    /// # Errors
    /// Those of the index.
    pub(crate) fn read_back_from(&self, address: &str) -> Result<Option<Lsn>> {
        let Some(place) = self.places.get(address)?.filter(|place| is_in_use(place)) else { return Ok(None) };
        let replaced = self.replaced()?;
        let missed = replaced.iter().filter(|one| one.generation > place.confirmed);
        Ok(missed.map(|one| one.prepared).min())
    }

    /// What earlier epochs left for places that are behind, oldest first.
    fn replaced(&self) -> Result<Vec<Arc<ReplacedNodes>>> {
        let (from, to) = (Bound::Unbounded, Bound::Unbounded);
        let range = IndexRange { realm: RealmId::DEFAULT, kind: IndexKind::Replaced, from, to };
        let mut all = Vec::new();
        for hit in self.index.find(&range, None, REPLACED_MAX)? {
            let generation = hit.value.try_into().map(u64::from_be_bytes);
            let generation =
                generation.map_err(|_| Error::internal("a generation in the index is malformed"))?;
            match self.index.get(&RecordKey::Replaced(generation))?.as_deref() {
                Some(Record::Replaced(found)) => all.push(found.clone()),
                _ => return Err(without_record("set of replaced nodes")),
            }
        }
        Ok(all)
    }

    /// Deletes nodes of older epochs once no place can need them any more.
    fn drop_unneeded(&self) -> Result<()> {
        let places = self.places.all()?;
        let in_use = places.iter().filter(|place| is_in_use(place));
        let Some(oldest) = in_use.map(|place| place.confirmed).min() else { return Ok(()) };
        let mut changes = Vec::new();
        for replaced in self.replaced()?.iter().take_while(|replaced| replaced.generation <= oldest) {
            changes.extend(replaced.nodes.iter().map(|id| Change::Delete(RecordKey::Node(*id))));
            changes.push(Change::Delete(RecordKey::Replaced(replaced.generation)));
            if changes.len() > NODES_DELETED_MAX {
                break;
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let detail = format!("nodes from before generation {oldest} are dropped");
        self.scribe.write(Action::EraseCell, Note { detail, changes, ..Note::default() }).map(drop)
    }

    /// Gives certificates to what every place is clear of, and tells whether something is left.
    ///
    /// # Errors
    /// Those of the journal, of the index and of the signing key.
    pub(super) fn complete(&self) -> Result<bool> {
        let mut places = self.places.all()?;
        places.retain(|place| {
            let is_away = || self.places.replica(&place.name).is_some_and(|it| it.check_claim().is_err());
            !(breaks(Fault::ForgetLost) && place.lost.is_some() || breaks(Fault::IgnoreOffline) && is_away())
        });
        let (mut complete, mut left) = (Vec::new(), false);
        self.each_erasure(|erasure| {
            match erasure.switched.filter(|switched| is_clear(&places, *switched)) {
                Some(_) => complete.push(erasure),
                None => left = true,
            }
            Ok(true)
        })?;
        let Some(signer) = self.signer.get() else { return Ok(left || !complete.is_empty()) };
        for some in complete.chunks(COMPLETED_MAX) {
            let notes = some.iter().map(|erasure| self.completion(erasure, &places, &**signer));
            self.scribe.write_all(Action::CompleteErasure, notes.collect::<Result<_>>()?)?;
        }
        Ok(left)
    }

    /// The entry that completes an erasure, with its certificate.
    fn completion(&self, erasure: &Erasure, places: &[Arc<Place>], signer: &dyn ParsedKey) -> Result<Note> {
        let facts = Facts {
            here: self.here,
            erasure,
            exported: self.exported(erasure)?,
            completed: self.scribe.clock.now(),
            lsn: self.durable(),
            places,
        };
        let text = crate::signed::sign(certificate::KIND, certificate::certificate(&facts)?, signer)?;
        let stored = StoredCertificate { id: erasure.id, realm: erasure.realm, text };
        let changes = vec![
            Change::Put(Record::Certificate(Arc::new(stored))),
            Change::Delete(RecordKey::Erasure(erasure.id)),
        ];
        let detail = format!("{} is erased: certificate {}", erasure.scope, erasure.id);
        Ok(Note { detail, changes, ..Note::default() })
    }

    fn exported(&self, erasure: &Erasure) -> Result<Vec<u64>> {
        let count = |object: ObjectId| match self.index.get(&RecordKey::Counts(object))?.as_deref() {
            Some(Record::Counts(counts)) => Ok(counts.exported),
            _ => Ok(0),
        };
        erasure.objects.iter().map(|object| count(object.object)).collect()
    }
}

/// Whether the places together hold no epoch key from before this generation: each is clear, or too few are left for
/// the shares that one takes.
fn is_clear(places: &[Arc<Place>], generation: u64) -> bool {
    let unclear = || places.iter().filter(|place| !place.is_clear_of_older_than(generation));
    unclear()
        .map(|place| usize::from(place.threshold))
        .min()
        .is_none_or(|threshold| unclear().count() < threshold)
}
