//! Each rule of destroying with a test of its own, over targets that are out of reach, torn, or lie.

use std::{
    collections::{BTreeSet, VecDeque},
    ops::Deref,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use keyreeve_core::{
    ErrorKind, Result, SecretBytes,
    access::Action,
    model::{
        Algorithm, Attestation, ErasedObject, Erasure, ErasureId, KeyFormat, KeyId, KeySpec, Lsn, NodeId,
        ObjectId, ObjectType, Place, PlaceKind, PrincipalId, RealmId, SealedNode, Time, TreeHead,
    },
    ports::{
        cell::{Cell, CellEntry},
        clock::Clock,
        crypto::{Crypto, Generated, ParsedKey},
        seal::{SealBinding, SealedMaterial},
        store::Store as _,
    },
    record::{Change, Entry, Record, RecordKey},
};
use keyreeve_crypto::SoftwareCrypto;
use parking_lot::Mutex;
use serde_json::Value;
use uuid::Uuid;

use super::{NewPlace, Replica, certificate::grade, free_share};
use crate::{
    EngineChoice, Store, StoreOptions, Unlock,
    backup::Acknowledge,
    engines::memory::MemoryEngine,
    failure::unavailable,
    scribe::Note,
    sealing::{
        cells::epoch_key,
        tree::{NodeSource, verify},
    },
};

mod broken;

struct StandingClock(AtomicI64);

impl Clock for StandingClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }

    fn wait(&self, _: Duration) {}
}

/// A store in a folder of its own, with its targets.
struct Bench {
    _dir: tempfile::TempDir,
    clock: Arc<StandingClock>,
    options: StoreOptions,
    store: Running,
    targets: Vec<Arc<Depot>>,
}

/// A store, absent only while it starts again.
struct Running(Option<Arc<Store>>);

impl Deref for Running {
    type Target = Arc<Store>;

    fn deref(&self) -> &Arc<Store> {
        self.0.as_ref().expect("a store that runs")
    }
}

impl Bench {
    fn new(targets: usize) -> Self {
        Self::with(targets, |_| ())
    }

    /// A store with so many targets that hold its epoch key.
    fn with(targets: usize, change: impl FnOnce(&mut StoreOptions)) -> Self {
        let mut bench = Self::without_a_key(change);
        bench.keep_key(1);
        for number in 0..targets {
            bench.add_target(&format!("file:///target-{number}"));
        }
        bench.store.keep().unwrap();
        bench
    }

    /// A store whose key tree has not begun.
    fn without_a_key(change: impl FnOnce(&mut StoreOptions)) -> Self {
        let bench = Self::unsigned(change);
        bench.store.start_signing(signer());
        bench
    }

    /// The same, without a key that signs certificates.
    fn unsigned(change: impl FnOnce(&mut StoreOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(StandingClock(AtomicI64::new(1_700_000_000_000)));
        let mut options = StoreOptions::new(dir.path().join("data"), crypto(), clock.clone());
        options.engine = EngineChoice::Given(Arc::new(MemoryEngine::default()));
        options.background = false;
        change(&mut options);
        Store::create(&options, [key_file()]).unwrap();
        let store = Some(Arc::new(Store::open(&options, &key_file()).unwrap()));
        Self { _dir: dir, clock, options, store: Running(store), targets: Vec::new() }
    }

    /// The machine starts again, and reaches no target.
    fn reopen(&mut self) {
        self.targets.clear();
        self.store.0 = None;
        self.store.0 = Some(Arc::new(Store::open(&self.options, &key_file()).unwrap()));
        self.store.start_signing(signer());
    }

    fn add_target(&mut self, address: &str) {
        let depot = Arc::new(Depot::new(address, &self.store));
        let new = NewPlace {
            name: address.into(),
            kind: PlaceKind::Target,
            has_cell: true,
            domain: Some(address.into()),
            confirmed: 0,
        };
        self.store.eraser.places.register(Action::RegisterTarget, new).unwrap();
        self.store.eraser.places.attach(depot.clone());
        self.targets.push(depot);
    }

    fn wait(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// Seals a key and puts it on record.
    fn keep_key(&self, id: u128) -> SealedMaterial {
        let sealed = self.store.sealer().seal(&binding(id), &SecretBytes::new(vec![id as u8; 32])).unwrap();
        self.write(vec![Change::Put(Record::Material(Arc::new(sealed.clone())))]);
        sealed
    }

    fn destroy(&self, ids: &[u128]) -> ErasureId {
        let id = ErasureId(Uuid::from_u128(0xE0 + ids[0]));
        let material = |id: &u128| self.material(*id).expect("a key to destroy");
        let objects = ids.iter().map(|id| ErasedObject {
            object: ObjectId(Uuid::from_u128(*id)),
            key: KeyId(Uuid::from_u128(*id)),
            version: 1,
            object_type: ObjectType::SymmetricKey,
            leaf_index: material(id).leaf_index,
        });
        let erasure = Erasure {
            id,
            realm: RealmId::DEFAULT,
            asked: Time(5),
            principal: PrincipalId::SYSTEM,
            principal_name: "alice".into(),
            scope: "key demo".into(),
            objects: objects.collect(),
            switched: None,
            switched_at: None,
        };
        let gone = ids.iter().map(|id| Change::Delete(RecordKey::Material(ObjectId(Uuid::from_u128(*id)))));
        self.write(gone.chain([Change::Put(Record::Erasure(Arc::new(erasure)))]).collect());
        id
    }

    fn write(&self, changes: Vec<Change>) {
        let note = Note { detail: "test".into(), changes, ..Note::default() };
        self.store.eraser.scribe.write(Action::Inspect, note).unwrap();
    }

    fn material(&self, id: u128) -> Option<Arc<SealedMaterial>> {
        match self.store.get(&RecordKey::Material(ObjectId(Uuid::from_u128(id)))).unwrap().as_deref() {
            Some(Record::Material(material)) => Some(material.clone()),
            _ => None,
        }
    }

    fn head(&self) -> TreeHead {
        match self.store.get(&RecordKey::Tree).unwrap().as_deref() {
            Some(Record::Tree(head)) => (**head).clone(),
            _ => panic!("a tree"),
        }
    }

    fn certificate(&self, id: ErasureId) -> Option<Value> {
        match self.store.get(&RecordKey::Certificate(id)).unwrap().as_deref() {
            Some(Record::Certificate(stored)) => {
                let verified = crate::signed::verify("certificate", stored.text.as_bytes(), &*crypto());
                Some(verified.expect("a signed certificate").value)
            }
            _ => None,
        }
    }

    fn machine_cell(&self) -> Arc<dyn Cell> {
        self.store.eraser.places.cell_here().clone()
    }

    fn cells(&self) -> Vec<Arc<dyn Cell>> {
        let targets = self.targets.iter().map(|target| target.cell.clone() as Arc<dyn Cell>);
        [self.machine_cell()].into_iter().chain(targets).collect()
    }

    /// Every node that was ever on record.
    fn all_nodes(&self) -> Nodes {
        Nodes::of(&self.store.journal(Lsn(0), usize::MAX).unwrap())
    }

    /// Whether somebody with all that was ever written, and what the cells hold now, derives this key's leaf.
    fn is_within_reach(&self, sealed: &SealedMaterial) -> bool {
        let nodes = self.all_nodes();
        self.cells().iter().any(|cell| opens(&nodes, &**cell, sealed))
    }

    fn actions(&self) -> Vec<Action> {
        let own = |action: &Action| {
            use Action::{AbandonEpoch, CompleteErasure, EraseCell, PrepareEpoch, SwitchEpoch};
            matches!(action, PrepareEpoch | SwitchEpoch | AbandonEpoch | EraseCell | CompleteErasure)
        };
        let entries = self.store.journal(Lsn(0), usize::MAX).unwrap();
        entries.into_iter().map(|entry| entry.draft.action).filter(own).collect()
    }

    /// How many epoch changes were begun.
    fn begun(&self) -> usize {
        self.actions().iter().filter(|action| **action == Action::PrepareEpoch).count()
    }

    /// Who is in trouble, and how.
    fn troubles(&self) -> Vec<(String, String)> {
        self.store.troubles().into_iter().map(|trouble| (trouble.place, trouble.what)).collect()
    }

    fn pending(&self, id: ErasureId) -> Vec<String> {
        let Some(record) = self.store.get(&RecordKey::Erasure(id)).unwrap() else { return Vec::new() };
        let Record::Erasure(erasure) = &*record else { panic!("an erasure") };
        let generation = erasure.switched.unwrap_or(u64::MAX);
        let places = self.store.places().unwrap();
        places
            .iter()
            .filter(|place| !place.is_clear_of_older_than(generation))
            .map(|p| p.name.clone())
            .collect()
    }
}

/// A target in memory, with a cell.
struct Depot {
    address: String,
    store: Weak<Store>,
    entries: Mutex<Vec<Entry>>,
    cell: Arc<SlotCell>,
    online: AtomicBool,
    /// Gives back a node less of each entry.
    torn: AtomicBool,
    /// Gives back nodes that it made up.
    lies: AtomicBool,
    /// Takes nothing more.
    full: AtomicBool,
    /// Stores entries without their nodes.
    loses: AtomicBool,
    /// Happens while the next entries are on their way, one after the other.
    meanwhile: Mutex<VecDeque<Happening>>,
    /// Nodes that it gave back.
    given_back: AtomicUsize,
}

/// Something that happens at some moment of a destruction.
type Happening = Box<dyn FnOnce() + Send>;

impl Depot {
    fn new(address: &str, store: &Arc<Store>) -> Self {
        Self {
            address: address.into(),
            store: Arc::downgrade(store),
            entries: Mutex::default(),
            cell: Arc::new(SlotCell { store: Arc::downgrade(store), ..SlotCell::default() }),
            online: AtomicBool::new(true),
            torn: AtomicBool::default(),
            lies: AtomicBool::default(),
            full: AtomicBool::default(),
            loses: AtomicBool::default(),
            meanwhile: Mutex::default(),
            given_back: AtomicUsize::default(),
        }
    }

    fn go(&self, online: bool) {
        self.online.store(online, Ordering::Relaxed);
    }

    fn reach(&self) -> Result<()> {
        if self.online.load(Ordering::Relaxed) { Ok(()) } else { Err(unavailable("out of reach")) }
    }
}

impl Replica for Depot {
    fn address(&self) -> &str {
        &self.address
    }

    fn check_claim(&self) -> Result<()> {
        self.reach()
    }

    fn ship(&self, until: Lsn) -> Result<()> {
        self.reach()?;
        let meanwhile = self.meanwhile.lock().pop_front();
        meanwhile.into_iter().for_each(|happens| happens());
        let store = self.store.upgrade().unwrap();
        let mut entries = self.entries.lock();
        let after = entries.last().map_or(Lsn(0), |entry| entry.lsn);
        if self.full.load(Ordering::Relaxed) && after < until {
            return Err(unavailable("the target is full"));
        }
        let mut new = store.journal(after, usize::MAX).unwrap();
        new.retain(|entry| entry.lsn <= until);
        if self.loses.load(Ordering::Relaxed) {
            let is_node = |change: &Change| matches!(change, Change::Put(Record::Node(_)));
            new.iter_mut().for_each(|entry| entry.draft.changes.retain(|change| !is_node(change)));
        }
        entries.extend(new);
        Ok(())
    }

    fn read_back(&self, from: Lsn, until: Lsn) -> Result<Vec<Arc<SealedNode>>> {
        self.reach()?;
        self.cell.note("read back");
        let (lies, torn) = (self.lies.load(Ordering::Relaxed), self.torn.load(Ordering::Relaxed));
        let entries = self.entries.lock();
        let asked = entries.iter().filter(|entry| (from..=until).contains(&entry.lsn));
        let each = asked.flat_map(|entry| {
            let nodes = entry.draft.changes.iter().filter_map(|change| match change {
                Change::Put(Record::Node(node)) => Some(node),
                _ => None,
            });
            nodes.skip(usize::from(torn))
        });
        let given = each.map(|node| {
            let mut node = SealedNode::clone(node);
            node.bytes.iter_mut().skip(200).take(1).for_each(|byte| *byte ^= u8::from(lies));
            Arc::new(node)
        });
        let given: Vec<_> = given.collect();
        self.given_back.fetch_add(given.len(), Ordering::Relaxed);
        Ok(given)
    }

    fn first(&self) -> Result<Lsn> {
        Ok(self.entries.lock().first().map_or(Lsn(1), |entry| entry.lsn))
    }

    fn cell(&self) -> Result<Arc<dyn Cell>> {
        Ok(self.cell.clone())
    }
}

/// Generation, threshold, share and key.
type Slot = Option<(u64, u8, u8, Vec<u8>)>;

/// A cell in memory that notes what is done to it, and may fail or vanish at a step.
#[derive(Default)]
struct SlotCell {
    store: Weak<Store>,
    slots: Mutex<[Slot; 2]>,
    /// What was done, under which generation.
    events: Mutex<Vec<(&'static str, u64)>>,
    refuses_put: AtomicBool,
    /// Takes what is put, and breaks: it can be neither read nor written from then on.
    dies: AtomicBool,
    refuses_erase: AtomicBool,
    /// Holds the keys of another store.
    is_foreign: AtomicBool,
    /// Happens before it is read, one after the other.
    reading: Mutex<VecDeque<Happening>>,
    /// Happens when the next key comes, before it is there.
    meanwhile: Mutex<Option<Happening>>,
}

impl SlotCell {
    fn note(&self, event: &'static str) {
        let head = self.store.upgrade().unwrap().get(&RecordKey::Tree).unwrap();
        let Some(Record::Tree(head)) = head.as_deref() else { panic!("a tree") };
        self.events.lock().push((event, head.generation));
    }

    fn refuse(&self, it: bool) {
        self.refuses_put.store(it, Ordering::Relaxed);
        self.refuses_erase.store(it, Ordering::Relaxed);
    }

    /// A dying medium is dead once a key came.
    fn live(&self) -> Result<()> {
        let is_dead = self.dies.load(Ordering::Relaxed) && self.slots.lock().iter().any(Option::is_some);
        if is_dead { Err(unavailable("an error of the medium")) } else { Ok(()) }
    }

    fn generations(&self) -> BTreeSet<u64> {
        self.slots.lock().iter().flatten().map(|slot| slot.0).collect()
    }
}

impl Cell for SlotCell {
    fn read(&self) -> Result<Vec<CellEntry>> {
        let reading = self.reading.lock().pop_front();
        reading.into_iter().for_each(|happens| happens());
        self.live()?;
        let is_foreign = self.is_foreign.load(Ordering::Relaxed);
        let store = if is_foreign { Uuid::from_u128(9) } else { self.store.upgrade().unwrap().id() };
        let entry = |(generation, threshold, share, key): &(u64, u8, u8, Vec<u8>)| CellEntry {
            store,
            timeline: 1,
            generation: *generation,
            threshold: *threshold,
            share: *share,
            key: SecretBytes::copy_from(key),
        };
        Ok(self.slots.lock().iter().flatten().map(entry).collect())
    }

    fn put(&self, entry: &CellEntry, keep: u64) -> Result<()> {
        if self.refuses_put.load(Ordering::Relaxed) {
            return Err(unavailable("the cell is read-only"));
        }
        self.note("put");
        let meanwhile = self.meanwhile.lock().take();
        meanwhile.into_iter().for_each(|happens| happens());
        let mut slots = self.slots.lock();
        let at = slots.iter().position(|slot| slot.as_ref().is_none_or(|slot| slot.0 != keep)).unwrap_or(1);
        slots[at] = Some((entry.generation, entry.threshold, entry.share, entry.key.expose().to_vec()));
        drop(slots);
        self.live()
    }

    fn erase_except(&self, generation: Option<u64>) -> Result<()> {
        self.live()?;
        let is_other = |slot: &Slot| slot.as_ref().is_some_and(|slot| Some(slot.0) != generation);
        let erases = self.slots.lock().iter().any(is_other);
        if self.refuses_erase.load(Ordering::Relaxed) {
            return Err(unavailable("the cell is read-only"));
        }
        if erases {
            self.note("erase");
        }
        self.slots.lock().iter_mut().filter(|slot| is_other(slot)).for_each(|slot| *slot = None);
        Ok(())
    }

    fn address(&self) -> String {
        "a cell in memory".into()
    }
}

struct Nodes(std::collections::HashMap<NodeId, Arc<SealedNode>>);

impl Nodes {
    fn of(entries: &[Entry]) -> Self {
        let changes = entries.iter().flat_map(|entry| &entry.draft.changes);
        let nodes = changes.filter_map(|change| match change {
            Change::Put(Record::Node(node)) => Some((node.id, node.clone())),
            _ => None,
        });
        Self(nodes.collect())
    }
}

impl NodeSource for Nodes {
    fn node(&self, id: NodeId) -> Result<Option<Arc<SealedNode>>> {
        Ok(self.0.get(&id).cloned())
    }
}

/// Whether a leaf derives from these nodes with one of the whole epoch keys of a cell.
fn opens(nodes: &Nodes, cell: &dyn Cell, sealed: &SealedMaterial) -> bool {
    let leaf = (sealed.leaf_index, sealed.leaf_check);
    let opens = |entry: &CellEntry| verify(&*crypto(), entry.store, nodes, &entry.key, [leaf], &[]).is_ok();
    cell.read().unwrap().iter().any(opens)
}

fn generations(cell: &dyn Cell) -> BTreeSet<u64> {
    cell.read().unwrap().iter().map(|entry| entry.generation).collect()
}

fn crypto() -> Arc<dyn Crypto> {
    Arc::new(SoftwareCrypto::new())
}

fn key_file() -> Unlock {
    Unlock::KeyFile(SecretBytes::copy_from(format!("{}\n", "5a".repeat(32)).as_bytes()))
}

fn signer() -> Arc<dyn ParsedKey> {
    let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
    let Ok(Generated::Pair { private, .. }) = crypto().generate(&spec) else { panic!("a pair") };
    crypto().parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap()
}

fn binding(id: u128) -> SealBinding {
    SealBinding {
        realm: RealmId::DEFAULT,
        object: ObjectId(Uuid::from_u128(id)),
        version: 1,
        object_type: ObjectType::SymmetricKey,
        algorithm: Some(Algorithm::Aes),
        length_bits: 256,
        format: KeyFormat::Raw,
        sensitive: true,
        extractable: false,
    }
}

fn attestation(generation: u64) -> Attestation {
    Attestation { by: "bob".into(), statement: "disk shredded".into(), at: Time(9), generation }
}

#[test]
fn a_destroyed_key_is_out_of_reach_and_every_other_one_within_it() {
    let bench = Bench::new(2);
    let (kept, gone) = (bench.keep_key(2), bench.keep_key(3));
    let id = bench.destroy(&[3]);
    assert!(bench.is_within_reach(&gone), "nothing is erased yet");
    assert!(!bench.store.keep().unwrap(), "nothing is left");
    assert!(!bench.is_within_reach(&gone) && bench.is_within_reach(&kept));
    assert_eq!(bench.store.sealer().open(&binding(2), &kept).unwrap().expose(), [2; 32]);
    let refused = bench.store.sealer().open(&binding(3), &gone).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Destroyed);
    let certificate = bench.certificate(id).unwrap();
    assert_eq!(certificate["grade"], "copyable");
    assert_eq!(certificate["places"].as_array().unwrap().len(), 3);
    assert_eq!(certificate["objects"][0]["id"], Uuid::from_u128(3).to_string());
    // Every place alone, with its own cell, opens what lives.
    for target in &bench.targets {
        assert!(opens(&Nodes::of(&target.entries.lock()), &*target.cell, &kept));
    }
}

/// Variant keep_old_E of the model.
#[test]
fn every_place_is_left_with_the_epoch_key_in_force_and_no_other() {
    let bench = Bench::new(2);
    for (generation, key) in [(2, 2), (3, 3), (4, 4)] {
        bench.keep_key(key);
        bench.destroy(&[key]);
        bench.store.keep().unwrap();
        assert!(bench.cells().iter().all(|cell| generations(&**cell) == BTreeSet::from([generation])));
    }
    // What earlier epochs replaced is dropped once nobody needs it.
    let entries = bench.store.journal(Lsn(0), usize::MAX).unwrap();
    let on_record = |id: &NodeId| bench.store.get(&RecordKey::Node(*id)).unwrap().is_some();
    assert_eq!(Nodes::of(&entries).0.keys().filter(|id| on_record(id)).count(), 4, "one path");
}

/// Variants erase_first and put_before_replicate.
#[test]
fn nodes_are_read_back_before_the_key_is_put_and_nothing_is_erased_before_the_switch() {
    let bench = Bench::new(1);
    let target = &bench.targets[0];
    bench.keep_key(2);
    let id = bench.destroy(&[2]);
    target.cell.events.lock().clear();
    let cell = target.cell.clone();
    let breaks: Happening = Box::new(move || cell.refuses_erase.store(true, Ordering::Relaxed));
    *target.cell.meanwhile.lock() = Some(breaks);
    assert!(bench.store.keep().unwrap());
    let steps = [("read back", 1), ("put", 1), ("read back", 2), ("put", 2)];
    assert_eq!(*target.cell.events.lock(), steps, "nothing is written over under the old generation");
    use Action::{CompleteErasure, EraseCell, PrepareEpoch, SwitchEpoch};
    assert_eq!(bench.actions()[1..], [PrepareEpoch, SwitchEpoch, EraseCell]);
    assert!(bench.certificate(id).is_none(), "it could not be told that the target holds no other key");
    target.cell.refuses_erase.store(false, Ordering::Relaxed);
    bench.store.keep().unwrap();
    assert_eq!(bench.actions().last(), Some(&CompleteErasure));
}

#[test]
fn nodes_that_a_target_gave_back_before_the_switch_are_not_asked_for_again_but_by_another_process() {
    let bench = Bench::new(1);
    bench.keep_key(2);
    bench.keep_key(3);
    let given_back = |bench: &Bench| bench.targets[0].given_back.swap(0, Ordering::Relaxed);
    given_back(&bench);
    bench.destroy(&[2]);
    assert!(!bench.store.keep().unwrap());
    assert_eq!((given_back(&bench), bench.head().generation), (4, 2), "one of each level");
    // It goes away once it has the new key, and this process is another one by the time that it is back.
    bench.destroy(&[3]);
    let target = bench.targets[0].clone();
    let goes: Happening = Box::new(move || target.go(false));
    *bench.targets[0].cell.meanwhile.lock() = Some(goes);
    assert!(bench.store.keep().unwrap());
    assert_eq!((given_back(&bench), bench.head().generation), (4, 3));
    *bench.store.eraser.proven.lock() = Default::default();
    bench.targets[0].go(true);
    assert!(!bench.store.keep().unwrap());
    assert_eq!(given_back(&bench), 4);
}

#[test]
fn a_target_that_gives_back_something_else_keeps_the_old_epoch_in_force() {
    for fault in ["lies", "torn"] {
        let bench = Bench::new(1);
        let (kept, gone) = (bench.keep_key(2), bench.keep_key(3));
        let target = &bench.targets[0];
        let switch = if fault == "lies" { &target.lies } else { &target.torn };
        switch.store(true, Ordering::Relaxed);
        let id = bench.destroy(&[3]);
        assert!(bench.store.keep().unwrap(), "{fault}: it stays pending");
        assert_eq!((bench.head().generation, bench.head().generation_max), (1, 2), "{fault}");
        assert!(bench.head().epoch.is_none() && bench.certificate(id).is_none());
        assert!(bench.cells().iter().all(|cell| generations(&**cell) == BTreeSet::from([1])), "{fault}");
        assert!(opens(&Nodes::of(&target.entries.lock()), &*target.cell, &kept));
        switch.store(false, Ordering::Relaxed);
        bench.wait(1);
        assert!(!bench.store.keep().unwrap());
        assert_eq!(bench.head().generation, 3, "the number of what was taken back is burnt");
        assert!(bench.certificate(id).is_some() && !bench.is_within_reach(&gone));
    }
}

#[test]
fn without_a_target_in_reach_the_old_epoch_stays_and_nothing_is_burnt() {
    let bench = Bench::new(1);
    bench.keep_key(2);
    bench.targets[0].go(false);
    let id = bench.destroy(&[2]);
    assert!(bench.store.keep().unwrap());
    assert_eq!(bench.head().generation_max, 1);
    assert_eq!(bench.pending(id), ["file:///target-0", "machine-1"]);
    bench.targets[0].go(true);
    assert!(!bench.store.keep().unwrap());
    assert!(bench.certificate(id).is_some());
}

#[test]
fn a_target_that_takes_nothing_costs_no_nodes_at_any_try() {
    let bench = Bench::new(1);
    bench.keep_key(2);
    let id = bench.destroy(&[2]);
    let target = &bench.targets[0];
    let tries = || {
        for _ in 0..50 {
            bench.wait(3600);
            assert!(bench.store.keep().unwrap());
        }
        (bench.begun(), bench.troubles())
    };
    let told = |what: &str| (0, vec![(target.address.clone(), what.to_owned())]);
    target.full.store(true, Ordering::Relaxed);
    assert_eq!(tries(), told("the target is full"));
    target.full.store(false, Ordering::Relaxed);
    target.cell.refuse(true);
    assert_eq!(tries(), told("the cell is read-only"));
    target.cell.refuse(false);
    target.cell.dies.store(true, Ordering::Relaxed);
    assert_eq!(tries(), told("an error of the medium"));
    target.cell.dies.store(false, Ordering::Relaxed);
    assert!(!bench.store.keep().unwrap() && bench.certificate(id).is_some());
    assert_eq!(bench.troubles(), []);
}

#[test]
fn a_target_that_has_no_part_in_an_epoch_change_is_named_as_what_holds_it_up() {
    let bench = Bench::new(1);
    bench.keep_key(2);
    bench.store.eraser.places.detach("file:///target-0");
    bench.destroy(&[2]);
    assert!(bench.store.keep().unwrap());
    let unreachable = "the place file:///target-0 cannot be reached now".to_owned();
    assert_eq!(bench.troubles(), [("file:///target-0".to_owned(), unreachable)]);
    bench.store.eraser.places.attach(bench.targets[0].clone());
    assert!(!bench.store.keep().unwrap() && bench.troubles().is_empty());
    // One that never got the key: what kept it from that is told.
    let mut bench = Bench::with(0, |_| ());
    bench.keep_key(2);
    bench.add_target("file:///new");
    bench.targets[0].cell.refuses_put.store(true, Ordering::Relaxed);
    bench.destroy(&[2]);
    assert!(bench.store.keep().unwrap());
    assert_eq!(bench.troubles(), [("file:///new".to_owned(), "the cell is read-only".to_owned())]);
}

#[test]
fn one_wake_serves_all_who_wait() {
    let bench = Bench::new(1);
    bench.keep_key(2);
    let woken = || (0..1000).filter(|_| bench.store.eraser.hasten()).count();
    bench.destroy(&[2]);
    assert_eq!(woken(), 0, "nothing holds it up");
    bench.targets[0].go(false);
    assert!(bench.store.keep().unwrap());
    assert_eq!(woken(), 1);
    assert!(bench.store.keep().unwrap());
    assert_eq!(woken(), 0);
    bench.wait(5);
    assert_eq!(woken(), 1);
    bench.wait(-9);
    assert_eq!(woken(), 1, "a clock that is put back");
}

#[test]
fn tries_that_make_nodes_become_rare_until_one_succeeds_or_the_places_are_others() {
    let mut bench = Bench::new(1);
    bench.keep_key(2);
    bench.keep_key(3);
    bench.targets[0].lies.store(true, Ordering::Relaxed);
    let id = bench.destroy(&[2]);
    let keep = |bench: &Bench, times: usize| {
        let before = bench.begun();
        (0..times).for_each(|_| assert!(bench.store.keep().unwrap()));
        bench.begun() - before
    };
    assert_eq!(keep(&bench, 50), 1);
    for seconds in [1, 2, 4, 8] {
        bench.wait(seconds - 1);
        assert_eq!(keep(&bench, 3), 0, "{seconds} s");
        bench.wait(1);
        assert_eq!(keep(&bench, 3), 1, "{seconds} s");
    }
    let each_minute = |bench: &Bench, minutes: usize| {
        (0..minutes).map(|_| (bench.wait(60), keep(bench, 1)).1).sum::<usize>()
    };
    each_minute(&bench, 120);
    assert_eq!(each_minute(&bench, 600), 10, "one an hour");
    let troubles = bench.store.troubles();
    let [trouble] = &*troubles else { panic!("one place") };
    assert_eq!(trouble.place, "file:///target-0");
    assert!(bench.clock.now().0 - trouble.at.0 <= 3_600_000);
    // Somebody waits for it: once a minute, however often they ask.
    bench.store.hasten_destruction();
    bench.wait(60);
    assert_eq!(keep(&bench, 3), 1);
    (0..9).for_each(|_| bench.store.hasten_destruction());
    assert_eq!(keep(&bench, 3), 0);
    bench.wait(60);
    assert_eq!((keep(&bench, 3), each_minute(&bench, 59)), (1, 0), "asked once, hastened once");
    // Other places, another chance.
    bench.add_target("file:///target-1");
    assert_eq!(keep(&bench, 3), 0);
    bench.store.retire_cell("file:///target-1", Some(attestation(1))).unwrap();
    assert_eq!(keep(&bench, 3), 1);
    bench.targets[0].lies.store(false, Ordering::Relaxed);
    bench.wait(1);
    assert!(!bench.store.keep().unwrap() && bench.certificate(id).is_some() && bench.troubles().is_empty());
    // A clock that is put back holds nothing up, and after a success the first wait is the shortest.
    bench.targets[0].lies.store(true, Ordering::Relaxed);
    bench.destroy(&[3]);
    assert_eq!(keep(&bench, 3), 1);
    bench.wait(-9);
    assert_eq!((keep(&bench, 1), keep(&bench, 1)), (1, 0));
    bench.wait(2);
    assert_eq!(keep(&bench, 1), 1);
}

#[test]
fn a_medium_that_is_swapped_during_an_epoch_change_gets_no_key_and_loses_none() {
    let swapped = |swap: fn(&SlotCell)| {
        let bench = Bench::new(1);
        bench.keep_key(2);
        bench.destroy(&[2]);
        let cell = bench.targets[0].cell.clone();
        let shipping = &bench.targets[0].meanwhile;
        let happenings: [Happening; 2] = [Box::new(|| ()), Box::new(move || swap(&cell))];
        shipping.lock().extend(happenings);
        assert!(bench.store.keep().unwrap());
        assert!(shipping.lock().is_empty() && bench.begun() == 1, "swapped once the nodes were made");
        assert_eq!(bench.actions().last(), Some(&Action::AbandonEpoch));
        bench
    };
    let bench = swapped(|cell| *cell.slots.lock() = [None, None]);
    assert!(bench.targets[0].cell.generations().is_empty(), "nothing is put there before it counts as lost");
    let bench = swapped(|cell| {
        cell.is_foreign.store(true, Ordering::Relaxed);
        *cell.slots.lock() = [7, 8].map(|generation| Some((generation, 1, 1, vec![7; 32])));
    });
    let held = bench.targets[0].cell.generations();
    assert_eq!(held, BTreeSet::from([7, 8]), "another store's keys are neither written over nor erased");
}

/// As after a restore from another target that was behind.
#[test]
fn a_cell_that_has_a_later_key_than_the_one_in_force_is_no_lost_medium() {
    let bench = Bench::new(1);
    bench.keep_key(2);
    *bench.targets[0].cell.slots.lock() = [None, Some((2, 1, 2, vec![2; 32]))];
    let id = bench.destroy(&[2]);
    assert!(!bench.store.keep().unwrap());
    assert!(bench.certificate(id).is_some());
    assert!(bench.store.eraser.places.get("file:///target-0#1").unwrap().is_none());
}

/// Variants ignore_offline and ignore_offline_if_younger.
#[test]
fn a_target_out_of_reach_is_pending_by_name_and_keeps_its_own_tree_until_it_is_back() {
    let bench = Bench::new(2);
    let (kept, gone) = (bench.keep_key(2), bench.keep_key(3));
    bench.store.eraser.places.replica("file:///target-1").unwrap().ship(bench.store.published()).unwrap();
    bench.targets[1].go(false);
    // A key that this target never saw is pending all the same.
    let younger = bench.keep_key(4);
    let ids = [bench.destroy(&[3]), bench.destroy(&[4])];
    assert!(bench.store.keep().unwrap());
    assert_eq!(bench.head().generation, 2);
    for id in ids {
        assert_eq!(bench.pending(id), ["file:///target-1"]);
        assert!(bench.certificate(id).is_none());
    }
    assert_eq!(bench.targets[1].cell.generations(), BTreeSet::from([1]));
    assert!(opens(&Nodes::of(&bench.targets[1].entries.lock()), &*bench.targets[1].cell, &kept));
    assert!(bench.store.get(&RecordKey::Replaced(2)).unwrap().is_some(), "what it needs is kept");
    bench.targets[1].go(true);
    assert!(!bench.store.keep().unwrap());
    assert!(ids.iter().all(|id| bench.certificate(*id).is_some()));
    assert!(
        !bench.is_within_reach(&gone) && !bench.is_within_reach(&younger) && bench.is_within_reach(&kept)
    );
    assert!(bench.store.get(&RecordKey::Replaced(2)).unwrap().is_none());
}

#[test]
fn a_target_that_was_behind_is_read_back_before_its_old_key_goes() {
    let bench = Bench::new(2);
    let kept = bench.keep_key(2);
    bench.keep_key(3);
    bench.store.keep().unwrap();
    bench.targets[1].go(false);
    bench.destroy(&[3]);
    bench.store.keep().unwrap();
    bench.targets[1].go(true);
    bench.targets[1].torn.store(true, Ordering::Relaxed);
    assert!(bench.store.keep().unwrap());
    assert_eq!(bench.targets[1].cell.generations(), BTreeSet::from([1]));
    bench.targets[1].torn.store(false, Ordering::Relaxed);
    assert!(!bench.store.keep().unwrap());
    assert_eq!(bench.targets[1].cell.generations(), BTreeSet::from([2]));
    assert!(opens(&Nodes::of(&bench.targets[1].entries.lock()), &*bench.targets[1].cell, &kept));
}

/// Variant leave_abandoned.
#[test]
fn the_key_of_an_epoch_that_was_taken_back_is_erased_too() {
    let bench = Bench::new(1);
    let (kept, gone) = (bench.keep_key(2), bench.keep_key(3));
    bench.keep_key(4);
    // The machine has the new key by the time that the target refuses it.
    bench.targets[0].cell.refuses_put.store(true, Ordering::Relaxed);
    bench.destroy(&[4]);
    assert!(bench.store.keep().unwrap());
    assert_eq!(bench.actions().last(), Some(&Action::AbandonEpoch));
    assert_eq!(generations(&*bench.machine_cell()), BTreeSet::from([1]));
    bench.targets[0].cell.refuses_put.store(false, Ordering::Relaxed);
    // One that could not be erased at that time goes with the next: it would open what is destroyed later.
    let place = bench.store.eraser.places.get("machine-1").unwrap().unwrap();
    let key = SecretBytes::new(vec![9; 32]);
    let left = CellEntry {
        store: bench.store.id(),
        timeline: 1,
        generation: 2,
        threshold: 1,
        share: place.share,
        key,
    };
    bench.targets[0].cell.put(&left, 1).unwrap();
    bench.destroy(&[3]);
    bench.wait(1);
    assert!(!bench.store.keep().unwrap());
    assert!(bench.cells().iter().all(|cell| generations(&**cell) == BTreeSet::from([3])));
    assert!(!bench.is_within_reach(&gone) && bench.is_within_reach(&kept));
}

/// Variant forget_lost.
#[test]
fn a_lost_machine_is_pending_until_somebody_gives_their_word() {
    let bench = Bench::new(1);
    bench.keep_key(2);
    let new = NewPlace {
        name: "machine-0".into(),
        kind: PlaceKind::Machine,
        has_cell: true,
        domain: None,
        confirmed: 1,
    };
    bench.store.eraser.places.register(Action::Restored, new).unwrap();
    bench.store.retire_cell("machine-0", None).unwrap();
    let id = bench.destroy(&[2]);
    assert!(bench.store.keep().unwrap());
    assert_eq!(bench.pending(id), ["machine-0"]);
    bench.store.retire_cell("machine-0", Some(attestation(2))).unwrap();
    assert!(!bench.store.keep().unwrap());
    let certificate = bench.certificate(id).unwrap();
    let told =
        certificate["places"].as_array().unwrap().iter().find(|place| place["place"] == "machine-0").unwrap();
    assert_eq!((&told["cleared"], &told["statement"]), (&"attested".into(), &"disk shredded".into()));
    let refused = bench.store.retire_cell("machine-1", Some(attestation(2))).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WrongState);
}

#[test]
fn what_somebody_spoke_for_stays_in_certificates_when_the_target_is_registered_again() {
    let mut bench = Bench::new(2);
    bench.keep_key(2);
    let name = "file:///target-1";
    for times in 1..=2 {
        bench.store.retire_cell(name, Some(attestation(1))).unwrap();
        bench.add_target(name);
        let former = bench.store.eraser.places.get(&format!("{name}#{times}")).unwrap();
        assert!(former.is_some_and(|place| place.lost.is_some() && place.attested.is_some()), "{times}");
    }
    let id = bench.destroy(&[2]);
    assert!(!bench.store.keep().unwrap());
    let certificate = bench.certificate(id).unwrap();
    let cleared = |name: &str| {
        let places = certificate["places"].as_array().unwrap();
        places.iter().find(|place| place["place"] == name).expect("the place is told")["cleared"].clone()
    };
    assert_eq!(cleared(name), "erased and read back");
    assert_eq!([cleared("file:///target-1#1"), cleared("file:///target-1#2")], ["attested", "attested"]);
}

#[test]
fn a_removed_target_is_erased_and_waited_for_no_more() {
    let bench = Bench::new(2);
    bench.keep_key(2);
    bench.targets[1].go(false);
    assert_eq!(
        bench.store.eraser.places.remove("file:///target-1", false).unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    bench.targets[1].go(true);
    bench.store.eraser.places.remove("file:///target-1", false).unwrap();
    assert!(bench.targets[1].cell.generations().is_empty());
    let id = bench.destroy(&[2]);
    assert!(!bench.store.keep().unwrap());
    assert!(bench.certificate(id).is_some());
    // Registered again, it is another place, with a share of its own.
    let share = |bench: &Bench| bench.store.eraser.places.get("file:///target-1").unwrap().unwrap().share;
    let former = share(&bench);
    let mut bench = bench;
    bench.add_target("file:///target-1");
    assert_ne!(share(&bench), former);
    assert!(!bench.store.keep().unwrap());
    assert_eq!(bench.targets[2].cell.generations(), BTreeSet::from([2]));
}

#[test]
fn a_word_for_a_medium_that_went_on_record_meanwhile_is_not_dropped() {
    let bench = Bench::new(1);
    bench.keep_key(2);
    let (name, former) = ("file:///target-0", "file:///target-0#1");
    *bench.targets[0].cell.slots.lock() = [None, None];
    let refused = bench.store.remove_target(name, None).unwrap_err();
    assert!(refused.public().contains("attest what became of it"), "{refused}");
    bench.store.keep().unwrap();
    let refused = bench.store.remove_target(name, Some(attestation(1))).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.public().contains(&format!("retire {former} --attest")), "{refused}");
    assert!(!bench.targets[0].cell.generations().is_empty(), "nothing was done");
    bench.store.retire_cell(former, Some(attestation(1))).unwrap();
    bench.store.remove_target(name, None).unwrap();
    let id = bench.destroy(&[2]);
    assert!(!bench.store.keep().unwrap());
    let told = bench.certificate(id).unwrap().to_string();
    assert!(told.contains(former) && told.contains("disk shredded"), "{told}");
}

#[test]
fn a_target_that_is_removed_during_an_epoch_change_is_left_with_no_key() {
    let bench = Bench::new(1);
    bench.keep_key(2);
    let (store, removing) = (bench.store.clone(), Arc::new(Mutex::new(None)));
    let begun = removing.clone();
    *bench.targets[0].cell.meanwhile.lock() = Some(Box::new(move || {
        let removal = thread::spawn(move || store.remove_target("file:///target-0", None).map(drop));
        // Time enough for it to come between the put and the switch, if it could.
        (0..20).take_while(|_| !removal.is_finished()).for_each(|_| thread::sleep(Duration::from_millis(10)));
        *begun.lock() = Some(removal);
    }));
    bench.destroy(&[2]);
    bench.store.keep().unwrap();
    let removal = removing.lock().take().expect("a key was put");
    removal.join().unwrap().unwrap();
    assert!(bench.targets[0].cell.generations().is_empty());
}

#[test]
fn a_target_that_lost_its_key_gets_it_back() {
    let bench = Bench::new(1);
    let held = bench.targets[0].cell.generations();
    *bench.targets[0].cell.slots.lock() = [None, None];
    assert!(!bench.store.keep().unwrap());
    assert_eq!(bench.targets[0].cell.generations(), held);
    assert!(!held.is_empty());
}

#[test]
fn a_target_that_goes_away_while_its_cell_is_read_has_lost_nothing() {
    let bench = Bench::new(1);
    let target = bench.targets[0].clone();
    let held = target.cell.slots.lock().clone();
    *target.cell.slots.lock() = [None, None];
    let goes = target.clone();
    let happenings: [Happening; 2] = [Box::new(|| ()), Box::new(move || goes.go(false))];
    target.cell.reading.lock().extend(happenings);
    bench.store.keep().unwrap();
    let former = || bench.store.eraser.places.get("file:///target-0#1").unwrap();
    assert!(target.cell.reading.lock().is_empty() && former().is_none());
    assert_eq!(bench.troubles(), [("file:///target-0".to_owned(), "out of reach".to_owned())]);
    *target.cell.slots.lock() = held;
    target.go(true);
    bench.store.keep().unwrap();
    assert!(former().is_none() && bench.troubles().is_empty());
}

#[test]
fn a_medium_that_took_a_key_and_was_never_read_back_is_a_lost_place_once_it_is_swapped() {
    let mut bench = Bench::new(1);
    bench.keep_key(2);
    bench.add_target("file:///target-1");
    let cell = bench.targets[1].cell.clone();
    cell.dies.store(true, Ordering::Relaxed);
    bench.store.keep().unwrap();
    let former =
        |bench: &Bench, number| bench.store.eraser.places.get(&format!("file:///target-1#{number}")).unwrap();
    assert!(cell.generations() == BTreeSet::from([1]) && former(&bench, 1).is_none());
    // Another medium, which takes nothing at first.
    *cell.slots.lock() = [None, None];
    cell.dies.store(false, Ordering::Relaxed);
    cell.refuse(true);
    (0..3).for_each(|_| assert!(bench.store.keep().is_ok()));
    assert!(former(&bench, 1).is_some_and(|place| place.lost.is_some() && place.put == 1));
    assert!(former(&bench, 2).is_none(), "one word is enough");
    cell.refuse(false);
    bench.store.keep().unwrap();
    let id = bench.destroy(&[2]);
    assert!(bench.store.keep().unwrap());
    assert_eq!(cell.generations(), BTreeSet::from([2]));
    assert_eq!(bench.pending(id), ["file:///target-1#1"]);
    bench.store.retire_cell("file:///target-1#1", Some(attestation(2))).unwrap();
    assert!(!bench.store.keep().unwrap());
    // Where it is sure that nothing came, nobody has to speak for it.
    bench.add_target("file:///target-2");
    bench.targets[2].cell.refuses_put.store(true, Ordering::Relaxed);
    (0..3).for_each(|_| assert!(bench.store.keep().is_ok()));
    assert!(bench.store.eraser.places.get("file:///target-2#1").unwrap().is_none());
}

#[test]
fn a_target_that_lost_its_key_is_read_back_before_it_gets_it_back() {
    let bench = Bench::new(2);
    bench.keep_key(2);
    // What the destruction replaced is kept for the other target, which misses it.
    bench.targets[1].go(false);
    bench.destroy(&[2]);
    bench.store.keep().unwrap();
    let target = &bench.targets[0];
    assert_eq!(target.cell.generations(), BTreeSet::from([2]));
    *target.cell.slots.lock() = [None, None];
    target.torn.store(true, Ordering::Relaxed);
    bench.store.keep().unwrap();
    let former = bench.store.eraser.places.get("file:///target-0#1").unwrap().expect("the former medium");
    assert!(former.lost.is_some() && former.confirmed == 2);
    assert!(target.cell.generations().is_empty(), "it gives back too little for that");
    target.torn.store(false, Ordering::Relaxed);
    bench.store.keep().unwrap();
    assert_eq!(target.cell.generations(), BTreeSet::from([2]));
}

#[test]
fn an_epoch_change_does_not_wait_for_a_target_that_new_leaves_wait_for() {
    let bench = Bench::with(1, |options| options.archive.acknowledge = Acknowledge::Target);
    let (tree, is_done) = (bench.store.eraser.tree.clone(), Arc::new(AtomicBool::default()));
    let done = is_done.clone();
    bench.targets[0].meanwhile.lock().push_back(Box::new(move || {
        let change = thread::spawn(move || tree.write_head(Action::Inspect, |_| Ok(Note::default())));
        // Time enough for it, if it does not have to wait.
        (0..500).take_while(|_| !change.is_finished()).for_each(|_| thread::sleep(Duration::from_millis(10)));
        done.store(change.is_finished(), Ordering::Relaxed);
    }));
    while !bench.targets[0].meanwhile.lock().is_empty() {
        bench.store.sealer().seal(&binding(2), &SecretBytes::new(vec![2; 32])).unwrap();
    }
    assert!(is_done.load(Ordering::Relaxed));
}

#[test]
fn a_target_that_gives_nothing_back_holds_new_keys_back_and_costs_no_nodes() {
    let bench = Bench::with(1, |options| options.archive.acknowledge = Acknowledge::Target);
    let seal = || bench.store.sealer().seal(&binding(2), &SecretBytes::new(vec![2; 32]));
    let grown = || {
        let entries = bench.store.journal(Lsn(0), usize::MAX).unwrap();
        entries.iter().filter(|entry| entry.draft.action == Action::GrowTree).count()
    };
    bench.targets[0].loses.store(true, Ordering::Relaxed);
    while seal().is_ok() {}
    let before = grown();
    for _ in 0..100 {
        let refused = seal().unwrap_err();
        assert!(refused.public().contains("file:///target-0 does not give back"), "{refused}");
    }
    bench.targets[0].loses.store(false, Ordering::Relaxed);
    assert!(seal().is_err(), "it has it damaged still");
    assert_eq!(grown(), before, "what others would hang on is at no target");
    bench.targets[0].entries.lock().clear();
    seal().unwrap();
    assert_eq!(grown(), before, "it has what was held back now");
}

#[test]
fn a_cell_with_the_epoch_key_of_another_store_is_left_alone() {
    let bench = Bench::new(0);
    let mut options = bench.options.clone();
    options.dir = bench._dir.path().join("other");
    options.engine = EngineChoice::Given(Arc::new(MemoryEngine::default()));
    Store::create(&options, [key_file()]).unwrap();
    let other = Store::open(&options, &key_file()).unwrap();
    let refused = other.sealer().seal(&binding(1), &SecretBytes::new(vec![1; 32])).unwrap_err();
    assert!(refused.public().contains("name another cell"), "{refused}");
    assert_eq!(generations(&*bench.machine_cell()), BTreeSet::from([1]));
}

#[test]
fn destroys_that_wait_are_served_by_one_epoch_change() {
    let bench = Bench::new(1);
    let ids: Vec<ErasureId> = (10..40)
        .map(|key| {
            bench.keep_key(key);
            bench.destroy(&[key])
        })
        .collect();
    assert!(!bench.store.keep().unwrap());
    assert_eq!(bench.head().generation, 2);
    assert!(ids.iter().all(|id| bench.certificate(*id).is_some()));
}

#[test]
fn no_certificate_is_given_without_a_key_to_sign_it() {
    let bench = Bench::unsigned(|_| ());
    bench.keep_key(2);
    let id = bench.destroy(&[2]);
    assert!(bench.store.keep().unwrap());
    assert_eq!(bench.head().generation, 2, "it is erased all the same");
    bench.store.start_signing(signer());
    assert!(!bench.store.keep().unwrap());
    assert!(bench.certificate(id).is_some());
}

#[test]
fn a_restored_store_gets_fresh_keys_for_what_was_never_used() {
    let bench = Bench::new(1);
    let (kept, gone) = (bench.keep_key(2), bench.keep_key(3));
    bench.destroy(&[3]);
    bench.store.eraser.refresh().unwrap();
    assert!(!bench.is_within_reach(&gone) && bench.is_within_reach(&kept));
    let later = bench.keep_key(4);
    assert!(bench.is_within_reach(&later));
    assert_eq!(bench.store.sealer().open(&binding(4), &later).unwrap().expose(), [4; 32]);
}

#[test]
fn no_two_places_have_the_same_share_also_where_a_target_was_there_before_the_first_key() {
    let mut bench = Bench::without_a_key(|options| options.cells_threshold = 2);
    bench.add_target("file:///target-0");
    bench.keep_key(1);
    bench.add_target("file:///target-1");
    let kept = bench.keep_key(2);
    bench.store.keep().unwrap();
    assert_eq!(shares(&bench), [1, 2, 3]);
    assert!(any_two_give(&bench, &kept));
}

/// Shares on record, in order.
fn shares(bench: &Bench) -> Vec<u8> {
    let mut shares: Vec<u8> = bench.store.places().unwrap().iter().map(|place| place.share).collect();
    shares.sort_unstable();
    shares
}

/// Whether any two of three cells give the epoch key in force.
fn any_two_give(bench: &Bench, kept: &SealedMaterial) -> bool {
    let (cells, nodes) = (bench.cells(), bench.all_nodes());
    assert_eq!(cells.len(), 3);
    (0..cells.len()).all(|left_out| {
        let held = cells.iter().enumerate().filter(|(at, _)| *at != left_out);
        let held: Vec<CellEntry> = held.flat_map(|(_, cell)| cell.read().unwrap()).collect();
        epoch_key(bench.store.id(), bench.head().generation, &held).is_some_and(|(key, _)| {
            let leaf = (kept.leaf_index, kept.leaf_check);
            verify(&*crypto(), bench.store.id(), &nodes, &key, [leaf], &[]).is_ok()
        })
    })
}

#[test]
fn places_of_an_older_store_that_have_the_same_share_are_brought_apart() {
    let bench = Bench::with(2, |options| options.cells_threshold = 2);
    let kept = bench.keep_key(2);
    assert!(any_two_give(&bench, &kept));
    // As it was once, where the target was there before the first key.
    let target = bench.store.eraser.places.get("file:///target-0").unwrap().unwrap();
    let same = Place { share: 1, ..(*target).clone() };
    bench.write(vec![Change::Put(Record::Place(Arc::new(same)))]);
    let held = bench.machine_cell().read().unwrap();
    let held = held.first().expect("a share");
    let slot = (held.generation, held.threshold, held.share, held.key.expose().to_vec());
    *bench.targets[0].cell.slots.lock() = [Some(slot), None];
    assert!(!any_two_give(&bench, &kept));
    // Without anybody's destroy, and once.
    for _ in 0..2 {
        assert!(!bench.store.keep().unwrap());
        assert_eq!((shares(&bench), bench.head().generation), (vec![1, 2, 3], held.generation + 1));
        assert!(any_two_give(&bench, &kept));
    }
}

/// One of two shares, in a domain of its own.
fn a_place(share: u8) -> Place {
    Place {
        name: format!("place {share}"),
        kind: PlaceKind::Target,
        has_cell: true,
        share,
        threshold: 2,
        confirmed: 1,
        confirmed_at: None,
        lost: None,
        attested: None,
        domain: Some(format!("device {share}")),
        put: 0,
    }
}

#[test]
fn a_grade_is_what_the_weakest_place_allows() {
    let apart = [a_place(1), a_place(2), a_place(3)];
    let of = |places: &[Place], generation| grade(&places.iter().collect::<Vec<_>>(), generation);
    assert_eq!(of(&apart, 1), "threshold");
    assert_eq!(of(&apart, 2), "logical", "none was read back since");
    assert_eq!(of(&[], 1), "logical");
    let weaker: [fn(&mut Place); 3] = [
        |place| place.threshold = 1,
        |place| place.domain = None,
        |place| place.domain = Some("device 1".into()),
    ];
    for weaken in weaker {
        let mut places = apart.clone();
        weaken(&mut places[2]);
        assert_eq!(of(&places, 1), "copyable");
    }
}

#[test]
fn a_share_is_given_out_again_only_where_none_is_left_and_first_that_of_who_was_lost_first() {
    let place = |share: u8, lost: Option<i64>| Arc::new(Place { lost: lost.map(Time), ..a_place(share) });
    let mut places = vec![place(1, None), place(2, Some(5)), place(4, None)];
    assert_eq!(free_share(&places).unwrap(), 3);
    places.extend((3..=255).map(|share| place(share, Some(100 - i64::from(share)).filter(|_| share > 200))));
    // Two machines, the first one lost when the second comes.
    let first = free_share(&places).unwrap();
    assert_eq!(first, 255);
    places.push(place(first, Some(200)));
    assert_eq!(free_share(&places).unwrap(), 254);
    places.extend((1..=255).map(|share| place(share, None)));
    assert_eq!(free_share(&places).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn split_epoch_keys_leave_too_few_shares_in_a_place_that_is_not_cleared() {
    let bench = Bench::with(3, |options| options.cells_threshold = 2);
    // With places enough, the next pass splits the key: fewer than two of them are nothing.
    assert_eq!(bench.head().generation, 2);
    let held = |cell: &dyn Cell| cell.read().unwrap().iter().map(|entry| entry.threshold).collect::<Vec<_>>();
    assert!(bench.cells().iter().all(|cell| held(&**cell).iter().all(|threshold| *threshold == 2)));
    let (kept, gone) = (bench.keep_key(2), bench.keep_key(3));
    assert!(!bench.is_within_reach(&kept), "no cell alone opens anything");
    bench.targets[2].go(false);
    let id = bench.destroy(&[3]);
    bench.store.keep().unwrap();
    let certificate = bench.certificate(id).expect("one share left is no obstacle");
    let told = |name: &str| {
        let places = certificate["places"].as_array().unwrap();
        places.iter().find(|place| place["place"] == name).unwrap()["cleared"].clone()
    };
    assert_eq!(told("file:///target-2"), "not cleared");
    assert_eq!(told("file:///target-1"), "erased and read back");
    assert_eq!(certificate["grade"], "threshold");
    // Two of them are one too many.
    bench.targets[1].go(false);
    let id = bench.destroy(&[2]);
    assert!(bench.store.keep().unwrap());
    assert!(bench.certificate(id).is_none());
    let shares: Vec<CellEntry> = bench.cells().iter().flat_map(|cell| cell.read().unwrap()).collect();
    let in_force = bench.head().generation;
    let (key, _) = epoch_key(bench.store.id(), in_force, &shares).unwrap();
    let nodes = bench.all_nodes();
    let derives = |sealed: &SealedMaterial| {
        let leaf = (sealed.leaf_index, sealed.leaf_check);
        verify(&*crypto(), bench.store.id(), &nodes, &key, [leaf], &[]).is_ok()
    };
    assert!(!derives(&gone));
}
