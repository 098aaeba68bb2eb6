//! Places: where an epoch key is or was, each with a record, and the door to those that can be reached now.
//!
//! INVARIANT: a place is on record before its cell holds a key that opens anything: nothing holds one that a destruction
//! would not ask for.

use std::{collections::HashSet, ops::Bound, sync::Arc};

use keyreeve_core::{
    Error, ErrorKind, Result,
    access::Action,
    model::{Attestation, Lsn, Place, PlaceKind, RealmId, SealedNode},
    ports::{cell::Cell, store::IndexRange},
    record::{Change, IndexKind, Record, RecordKey},
};
use parking_lot::{Mutex, RwLock};

use crate::{
    backup::Acknowledge,
    failure::unavailable,
    index::Index,
    scribe::{Note, Scribe},
    sealing::{
        Place as Here,
        cells::{FIRST_SHARE, machine_name, no_others},
        tree::AtTarget,
    },
};

/// Records of places read in one step.
const PAGE: usize = 256;
/// Bytes of a place's name.
const NAME_BYTES_MAX: usize = 512;
/// Bytes of an attestation's statement.
const STATEMENT_BYTES_MAX: usize = 1024;

/// What a destruction needs of a backup target. Calls block; errors are `Unavailable` unless said otherwise.
pub(crate) trait Replica: Send + Sync {
    /// Its address, canonical: the name of its place.
    fn address(&self) -> &str;

    /// Makes sure that the target can be reached and is still this store's to write to.
    fn check_claim(&self) -> Result<()>;

    /// Brings every entry up to this one there, durably.
    fn ship(&self, until: Lsn) -> Result<()>;

    /// The nodes of the key tree that entries from one position to another, both included, brought, as they stand there:
    /// read from the target, from nowhere else, and verified.
    fn read_back(&self, from: Lsn, until: Lsn) -> Result<Vec<Arc<SealedNode>>>;

    /// The first entry that is there, or will be: what was before it was pruned, or never came, and a full backup has it.
    fn first(&self) -> Result<Lsn>;

    /// Its cell.
    ///
    /// # Errors
    /// Also where it can have none any more, as it has come to keep what is overwritten: such a place stays pending.
    fn cell(&self) -> Result<Arc<dyn Cell>>;

    /// The same, to be erased: also where none may come to lie any more.
    ///
    /// # Errors
    /// Where what is erased there would be kept.
    fn former_cell(&self) -> Result<Arc<dyn Cell>> {
        self.cell()
    }
}

/// All places of a store.
pub(crate) struct Places {
    index: Arc<Index>,
    scribe: Arc<Scribe>,
    here: Here,
    machine: String,
    cell: Arc<dyn Cell>,
    replicas: RwLock<Vec<Arc<dyn Replica>>>,
    /// Held while a place is registered: no share is given out twice.
    registering: Mutex<()>,
}

impl Places {
    /// The places of the store with this index, on a machine with this cell.
    pub(crate) fn new(index: Arc<Index>, scribe: Arc<Scribe>, here: Here, cell: Arc<dyn Cell>) -> Self {
        let machine = machine_name(here.timeline);
        Self {
            index,
            scribe,
            here,
            machine,
            cell,
            replicas: RwLock::default(),
            registering: Mutex::default(),
        }
    }

    /// Every place on record, by name.
    ///
    /// # Errors
    /// Those of the index.
    pub(crate) fn all(&self) -> Result<Vec<Arc<Place>>> {
        places_on_record(&self.index)
    }

    /// The place of this name.
    ///
    /// # Errors
    /// Those of the index.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Arc<Place>>> {
        on_record(&self.index, name)
    }

    /// Puts a place on record, or back on record where it was lost or removed.
    ///
    /// # Errors
    /// `AlreadyExists` where it is there, `LimitExceeded` for one too many, `InvalidField` for a name of over 512
    /// bytes, and those of the journal.
    pub(crate) fn register(&self, action: Action, new: NewPlace) -> Result<()> {
        let _one = self.registering.lock();
        let NewPlace { name, kind, has_cell, domain, confirmed } = new;
        if name.len() > NAME_BYTES_MAX {
            let public = format!("the address of a place may have at most {NAME_BYTES_MAX} bytes");
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        let known = self.get(&name)?;
        if known.as_ref().is_some_and(|place| place.lost.is_none()) {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("{name} is registered already")));
        }
        let former = known.filter(|place| place.has_cell);
        if former.as_ref().is_some_and(|place| place.attested.is_none()) {
            // INVARIANT: a place that is lost stays pending until somebody speaks for it. Under the same name a new one
            // would clear it without a word.
            let public = format!(
                "{name} is lost, and its epoch key not accounted for: retire it with an attestation first, or take another \
                 address"
            );
            return Err(Error::new(ErrorKind::Conflict, public));
        }
        let share = free_share(&self.all()?)?;
        let confirmed_at = (confirmed > 0).then(|| self.scribe.clock.now());
        let (lost, attested, threshold) = (None, None, 1);
        let place = Place {
            name: name.clone(),
            kind,
            has_cell,
            share,
            threshold,
            confirmed,
            confirmed_at,
            lost,
            attested,
            domain,
            put: 0,
        };
        let detail = format!("{} is a place of this store", place.name);
        // INVARIANT: what somebody spoke for stays on record under another name: every later certificate says so.
        let former = former
            .map(|former| Ok::<_, Error>(Place { name: self.former_name(&name)?, ..(*former).clone() }));
        self.write(action, detail, former.transpose()?.into_iter().chain([place]))
    }

    /// Strikes a place off that is lost, stolen, or out of reach for good. Without an attestation it stays pending in
    /// every destruction.
    ///
    /// # Errors
    /// `NotFound`; `InvalidField` for a statement of over 1,024 bytes; `WrongState` for this machine itself.
    pub(crate) fn retire(&self, name: &str, attested: Option<Attestation>) -> Result<Arc<Place>> {
        let Some(place) = self.get(name)? else { return Err(Error::not_found("place")) };
        if name == self.machine {
            let public = "this machine's own cell is in use and cannot be retired";
            return Err(Error::new(ErrorKind::WrongState, public));
        }
        if attested.as_ref().is_some_and(|word| word.statement.len() > STATEMENT_BYTES_MAX) {
            let public = format!("a statement may have at most {STATEMENT_BYTES_MAX} bytes");
            return Err(Error::new(ErrorKind::InvalidField, public));
        }
        let lost = place.lost.or_else(|| Some(self.scribe.clock.now()));
        let attested = attested.or_else(|| place.attested.clone());
        let detail = match &attested {
            Some(word) => format!("{name} is struck off: {} by the word of {}", word.statement, word.by),
            None => format!("{name} is struck off without anybody's word"),
        };
        let place = Place { lost, attested, ..(*place).clone() };
        self.write(Action::RetireCell, detail, [place.clone()])?;
        Ok(Arc::new(place))
    }

    /// Erases everything in the cell of a target and lets it go. `has_word`: somebody speaks for what was there.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` where it cannot be reached, still holds something, or did not hold what it was last read
    /// back with: what became of that takes somebody's word. `Conflict` where that went on record meanwhile as a lost place
    /// of its own, which the word is for.
    pub(crate) fn remove(&self, name: &str, has_word: bool) -> Result<Arc<Place>> {
        let Some(place) = self.get(name)? else { return Err(Error::not_found("place")) };
        let replica = self.replica(name).ok_or_else(|| unreachable(name))?;
        replica.check_claim()?;
        if place.has_cell {
            let cell = replica.former_cell()?;
            let held_it = self.still_holds(&place, &*cell)?;
            if held_it && has_word {
                self.check_no_former(name)?;
            }
            cell.erase_except(None)?;
            if !cell.read()?.is_empty() {
                return Err(unreachable(name).because("its cell still holds something after it was erased"));
            }
            if !held_it {
                return Err(missed(&*cell, "attest what became of it, and it is removed"));
            }
        }
        let now = self.scribe.clock.now();
        let place = Place { has_cell: false, lost: Some(now), confirmed_at: Some(now), ..(*place).clone() };
        self.write(Action::RemoveTarget, format!("{name}: its cell is erased"), [place.clone()])?;
        self.detach(name);
        Ok(Arc::new(place))
    }

    /// Makes sure that nobody has to speak for a medium that was in this place before.
    ///
    /// # Errors
    /// `Conflict`, naming it.
    fn check_no_former(&self, name: &str) -> Result<()> {
        let waits = |place: &Arc<Place>| is_former(place, name) && place.attested.is_none();
        let Some(former) = self.all()?.into_iter().find(waits) else { return Ok(()) };
        let former = &former.name;
        let public = format!(
            "{name} holds the epoch key and needs nobody's word, but the medium that was there before does: `keyreeve cell \
             retire {former} --attest TEXT`, then remove {name} without --attest"
        );
        Err(Error::new(ErrorKind::Conflict, public))
    }

    /// Makes a target known that can be reached in this process.
    pub(crate) fn attach(&self, replica: Arc<dyn Replica>) {
        let mut replicas = self.replicas.write();
        replicas.retain(|known| known.address() != replica.address());
        replicas.push(replica);
    }

    /// Forgets a target.
    pub(crate) fn detach(&self, address: &str) {
        self.replicas.write().retain(|known| known.address() != address);
    }

    /// The target of this address, where it is attached.
    pub(crate) fn replica(&self, address: &str) -> Option<Arc<dyn Replica>> {
        self.replicas.read().iter().find(|known| known.address() == address).cloned()
    }

    /// What new leaf nodes of the key tree wait for, see [`AtTarget`]; none where changes are answered without a target.
    pub(crate) fn at_target(self: &Arc<Self>, acknowledge: Acknowledge) -> Option<AtTarget> {
        let places = self.clone();
        let wait: AtTarget = Box::new(move |lsn| places.bring_to_a_target(lsn));
        (acknowledge == Acknowledge::Target).then_some(wait)
    }

    /// Whether a target gives back the nodes that the entry at this position brought; false where the entry was pruned at
    /// one. Where no target is registered, nobody waits for one: what others ask for is refused anyway, and the server's own
    /// beginnings must be.
    ///
    /// # Errors
    /// `Unavailable` where none could be reached, or one that should have the entry does not give it back; those of the
    /// index.
    fn bring_to_a_target(&self, lsn: Lsn) -> Result<bool> {
        let is_target = |place: &Arc<Place>| place.kind == PlaceKind::Target && place.lost.is_none();
        if !self.all()?.iter().any(is_target) {
            return Ok(true);
        }
        let replicas = self.replicas.read().clone();
        let public = "no backup target can be reached now, and new keys are to be at one: try again";
        let (mut refused, mut is_pruned) = (unavailable(public), false);
        for replica in replicas {
            if let Err(error) = replica.check_claim().and_then(|()| replica.ship(lsn)) {
                refused = refused.because(error);
                continue;
            }
            let read_back = replica.read_back(lsn, lsn);
            if read_back.as_ref().is_ok_and(|nodes| !nodes.is_empty()) {
                return Ok(true);
            }
            // INVARIANT: nodes are given up only where a full backup has those above them. Where the entry is damaged, others
            // would hang on nodes that no backup gives back.
            if replica.first().is_ok_and(|first| first > lsn) {
                is_pruned = true;
                continue;
            }
            let name = replica.address();
            let what =
                read_back.map_or_else(|error| error.to_string(), |_| "it has no node of it".to_owned());
            tracing::warn!(target = name, %lsn, what, "it does not give back what it was sent");
            let public = format!(
                "the backup target {name} does not give back what it was sent, and new keys are to be at one: see to it, or \
                 register another one"
            );
            refused = unavailable(&public).because(what);
        }
        if is_pruned { Ok(false) } else { Err(refused) }
    }

    /// Whether a cell has what its place was last confirmed to hold, or something newer.
    ///
    /// # Errors
    /// `Unavailable` where it cannot be read, or holds the epoch key of another store: that is never written over.
    pub(crate) fn still_holds(&self, place: &Place, cell: &dyn Cell) -> Result<bool> {
        let held = cell.read()?;
        no_others(&cell.address(), &held, |entry| entry.store == self.here.store)?;
        // What was put there before the first time that it was read back counts: nobody knows whether it came.
        let expected = if place.confirmed == 0 { place.put } else { place.confirmed };
        Ok(expected == 0 || held.iter().any(|entry| entry.generation >= expected))
    }

    /// Makes sure of that.
    ///
    /// # Errors
    /// Also `Unavailable` where it does not.
    pub(crate) fn check_holds(&self, place: &Place, cell: &dyn Cell) -> Result<()> {
        match self.still_holds(place, cell)? {
            true => Ok(()),
            false => Err(missed(cell, "it goes on record as lost")),
        }
    }

    /// A place's cell has lost the epoch key that it was confirmed to hold: nobody knows what became of that.
    ///
    /// INVARIANT: the former medium is a lost place of its own from then on, so that destructions wait until somebody speaks
    /// for it.
    ///
    /// # Errors
    /// Those of the journal.
    pub(crate) fn lose_medium(&self, place: &Place) -> Result<Place> {
        let new = Place { confirmed: 0, confirmed_at: None, put: 0, ..place.clone() };
        let former = self.former_name(&place.name)?;
        if place.confirmed == 0 && self.has_unread(&place.name)? {
            return Ok(new);
        }
        let lost = Some(self.scribe.clock.now());
        let gone = Place { name: former.clone(), lost, attested: None, ..place.clone() };
        let name = &place.name;
        tracing::warn!(place = name, former, "its cell has lost the epoch key: was its medium swapped?");
        let detail =
            format!("{name} has lost the epoch key, as where its medium was swapped: {former} is lost");
        self.write(Action::RetireCell, detail, [gone, new.clone()])?;
        Ok(new)
    }

    /// Whether somebody has to speak already for a medium that was in this place and never read back. One word is for all of
    /// them: a cell that takes no key would bring a lost place with every try.
    fn has_unread(&self, name: &str) -> Result<bool> {
        let is_unread =
            |place: &Arc<Place>| place.confirmed == 0 && place.put > 0 && place.attested.is_none();
        Ok(self.all()?.iter().any(|place| is_former(place, name) && is_unread(place)))
    }

    /// A name for what a place was before: `NAME#1`, or the next one that is free.
    fn former_name(&self, name: &str) -> Result<String> {
        let mut number = 1;
        loop {
            let former = format!("{name}#{number}");
            if self.get(&former)?.is_none() {
                return Ok(former);
            }
            number += 1;
        }
    }

    /// Whether this is the record of the machine that we run on.
    pub(crate) fn is_here(&self, place: &Place) -> bool {
        place.name == self.machine
    }

    /// The name of the machine that we run on.
    pub(crate) fn machine(&self) -> &str {
        &self.machine
    }

    /// The cell of this machine.
    pub(crate) fn cell_here(&self) -> &Arc<dyn Cell> {
        &self.cell
    }

    /// Puts these places on record in one entry.
    fn write(&self, action: Action, detail: String, places: impl IntoIterator<Item = Place>) -> Result<()> {
        let changes = places.into_iter().map(|place| Change::Put(Record::Place(Arc::new(place)))).collect();
        self.scribe.write(action, Note { detail, changes, ..Note::default() }).map(drop)
    }
}

/// Every place on record, by name.
///
/// # Errors
/// Those of the index.
pub(crate) fn places_on_record(index: &Index) -> Result<Vec<Arc<Place>>> {
    let (from, to) = (Bound::Unbounded, Bound::Unbounded);
    let range = IndexRange { realm: RealmId::DEFAULT, kind: IndexKind::Place, from, to };
    let (mut places, mut after) = (Vec::new(), None);
    // INVARIANT: all of them, however many media were lost: one that is passed over is one that nobody waits for.
    loop {
        let hits = index.find(&range, after.as_ref(), PAGE)?;
        for hit in &hits {
            let name = std::str::from_utf8(&hit.value).map_err(Error::internal)?;
            let place = on_record(index, name)?;
            places.push(place.ok_or_else(|| without_record("place"))?);
        }
        after = hits.last().cloned();
        if hits.len() < PAGE {
            return Ok(places);
        }
    }
}

/// The share of a place that comes on record: one that no other has, or else had, those that were lost last at the very
/// end. This machine's first one is nobody else's, also before its first epoch key puts it on record.
///
/// # Errors
/// `LimitExceeded` where all are in use.
pub(crate) fn free_share(places: &[Arc<Place>]) -> Result<u8> {
    let in_use = Some(i64::MAX);
    let last_used = |share: &u8| {
        let those = places.iter().filter(|place| place.share == *share);
        those.map(|place| place.lost.map_or(i64::MAX, |time| time.0)).max()
    };
    let free = (FIRST_SHARE + 1..=u8::MAX).min_by_key(last_used).filter(|share| last_used(share) != in_use);
    let public = || format!("a store may have at most {} places at a time", u8::MAX);
    free.ok_or_else(|| Error::new(ErrorKind::LimitExceeded, public()))
}

/// The places in use with a share that one before them has too, each with another one.
///
/// # Errors
/// Those of [`free_share`].
pub(super) fn apart(mut places: Vec<Arc<Place>>) -> Result<Vec<Arc<Place>>> {
    let (mut taken, mut parted) = (HashSet::new(), Vec::new());
    for at in 0..places.len() {
        let place = places[at].clone();
        if is_in_use(&place) && !taken.insert(place.share) {
            places[at] = Arc::new(Place { share: free_share(&places)?, ..(*place).clone() });
            taken.insert(places[at].share);
            parted.push(places[at].clone());
        }
    }
    Ok(parted)
}

/// Whether an epoch key comes here.
pub(super) fn is_in_use(place: &Place) -> bool {
    place.has_cell && place.lost.is_none()
}

/// A row of the secondary index without its record. INVARIANT: never passed over, since nobody would wait for what it names.
pub(super) fn without_record(what: &str) -> Error {
    Error::internal(format!("the index names a {what} that it does not hold: it is damaged"))
}

fn on_record(index: &Index, name: &str) -> Result<Option<Arc<Place>>> {
    match index.get(&RecordKey::Place(name.to_owned()))?.as_deref() {
        Some(Record::Place(place)) => Ok(Some(place.clone())),
        _ => Ok(None),
    }
}

/// A place that comes on record.
pub(crate) struct NewPlace {
    /// As in its record.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: PlaceKind,
    /// Whether it has a cell.
    pub(crate) has_cell: bool,
    /// What it shares with others, where that is known.
    pub(crate) domain: Option<String>,
    /// The generation that its cell is about to hold; 0 where nothing comes yet.
    pub(crate) confirmed: u64,
}

/// Whether this is the record of a medium that was in the place of this name before.
fn is_former(place: &Place, name: &str) -> bool {
    place.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('#'))
}

fn missed(cell: &dyn Cell, then: &str) -> Error {
    let public = format!(
        "the cell {} does not hold the epoch key that it was last read back with, as where its medium was swapped: {then}",
        cell.address()
    );
    Error::new(ErrorKind::Unavailable, public)
}

pub(super) fn unreachable(name: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the place {name} cannot be reached now"))
}
