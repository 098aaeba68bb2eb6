//! Whoever copied every byte ever written outside of the cells, and holds the root key and all cells as they are now, gets
//! back every live key and no destroyed one; with what the cells held before, he gets all.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use keyreeve_core::{
    access::Caller,
    engine::Engine,
    model::{Algorithm, Attestation, ErasureId, KeySpec, ObjectId, ObjectType, Role},
    operations::{destroy::Destroy, rekey::Rekey, server::Initialize},
    ports::{
        crypto::{Crypto, Generated, ParsedKey},
        store::Store as _,
    },
    record::{Record, RecordKey},
    request::Reference,
};
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_store::{
    EngineChoice, Store, StoreOptions,
    backup::{
        BackupKind, BackupOptions, Retention,
        targets::{KnownTargets, Targets as _},
    },
    disk::Disk as _,
    engines::memory::MemoryEngine,
    restore::{Plan, PointInTime, restore},
};
use keyreeve_testkit::{
    random::Random,
    recorder::{RecordingDisk, Written},
};

use super::{
    artefacts::{Sealed, Solver, epoch_keys, is_cell, root_keys},
    bench::{HandClock, active_key, engine, known, principal, system, unlock},
};

const TARGETS: [&str; 2] = ["/backups/near", "/backups/far"];
const ROUNDS: u64 = 40;

/// A machine that is watched, with two targets that are watched too.
struct Watched {
    crypto: Arc<dyn Crypto>,
    signer: Arc<dyn ParsedKey>,
    clock: Arc<HandClock>,
    machine: RecordingDisk,
    lost: Vec<RecordingDisk>,
    targets: RecordingDisk,
    options: StoreOptions,
    store: Arc<Store>,
    engine: Arc<Engine>,
    admin: Caller,
    random: Random,
    /// All material there ever was, as it was sealed.
    sealed: Vec<Sealed>,
    live: BTreeMap<String, Vec<ObjectId>>,
    destroyed: BTreeSet<ObjectId>,
    erasures: Vec<ErasureId>,
    /// What lived when the machine was lost.
    lived_at_the_loss: BTreeSet<ObjectId>,
    crashes: u32,
}

fn options(
    crypto: &Arc<dyn Crypto>,
    clock: &Arc<HandClock>,
    machine: &RecordingDisk,
    targets: &RecordingDisk,
) -> StoreOptions {
    let mut options = StoreOptions::new("/data", crypto.clone(), clock.clone());
    options.disk = Arc::new(machine.clone());
    options.engine = EngineChoice::Given(Arc::new(MemoryEngine::default()));
    options.targets = Some(Arc::new(KnownTargets::new(Arc::new(targets.clone()), crypto.clone())));
    options.background = false;
    options.journal.preallocate_bytes = 64 * 1024;
    options.journal.reserve_bytes = 64 * 1024;
    options
}

impl Watched {
    fn new(seed: u64) -> Self {
        let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        let Ok(Generated::Pair { private, .. }) = crypto.generate(&spec) else { panic!("a pair") };
        let signer = crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).expect("just made");
        let clock = Arc::new(HandClock(AtomicI64::new(1_000_000)));
        let (machine, targets) = (RecordingDisk::new(), RecordingDisk::new());
        targets.create_dir(Path::new("/backups")).expect("a folder");
        targets.sync_dir(Path::new("/")).expect("synced");
        let options = options(&crypto, &clock, &machine, &targets);
        Store::create(&options, unlock()).expect("a new store");
        let store = Arc::new(Store::open(&options, &unlock()).expect("opens"));
        let engine = engine(&store, &options);
        engine.execute(&system(), &Initialize).expect("initializes");
        let admin = principal(&engine, "admin", &[Role::Admin]);
        TARGETS.iter().for_each(|target| {
            store.register_target(target, true, false).expect("is there");
        });
        store.start_signing(signer.clone());
        Self {
            crypto,
            signer,
            clock,
            machine,
            lost: Vec::new(),
            targets,
            options,
            store,
            engine,
            admin,
            random: Random::new(seed),
            sealed: Vec::new(),
            live: BTreeMap::new(),
            destroyed: BTreeSet::new(),
            erasures: Vec::new(),
            lived_at_the_loss: BTreeSet::new(),
            crashes: 0,
        }
    }

    fn open(&mut self) {
        self.store = Arc::new(Store::open(&self.options, &unlock()).expect("opens"));
        self.engine = engine(&self.store, &self.options);
        self.admin = known(&self.engine, "admin");
        self.store.start_signing(self.signer.clone());
    }

    /// Notes a version that was just made, as whoever copies the journal sees it.
    fn note(&mut self, name: &str, id: ObjectId) {
        let get = |key| self.store.get(&key).expect("reads");
        let (object, material) = (get(RecordKey::Object(id)), get(RecordKey::Material(id)));
        let (Some(Record::Object(object)), Some(Record::Material(material))) =
            (object.as_deref(), material.as_deref())
        else {
            panic!("{name} was made");
        };
        self.sealed.push(Sealed { object: object.clone(), material: material.clone() });
        self.live.entry(name.to_owned()).or_default().push(id);
    }

    fn create(&mut self) {
        let name = format!("key {}", self.sealed.len());
        let made = self.engine.execute(&self.admin, &active_key(&name)).expect("makes a key");
        self.note(&name, made.primary);
    }

    fn any(&mut self) -> String {
        let at = self.random.below(self.live.len() as u64) as usize;
        self.live.keys().nth(at).expect("one of them").clone()
    }

    fn rotate(&mut self) {
        let name = self.any();
        let operation =
            Rekey { key: Reference::text(name.as_str()), activation: None, template: None, public: None };
        let made = self.engine.execute(&self.admin, &operation).expect("rotates");
        self.note(&name, made.primary);
    }

    fn destroy(&mut self) {
        let name = self.any();
        let operation = Destroy { key: Reference::text(name.as_str()), deactivate: true, at_once: true };
        let destroyed = self.engine.execute(&self.admin, &operation).expect("may");
        self.erasures.extend(destroyed.erasure);
        self.destroyed.extend(self.live.remove(&name).expect("was live"));
    }

    fn back_up(&mut self) {
        let at = TARGETS[self.random.below(2) as usize];
        let target = self.store.open_target(at).expect("a target");
        // Fails where it is out of reach; the next one goes on.
        let _ = self.store.backup(&target, BackupKind::Full, BackupOptions::default());
        if self.random.one_in(2) {
            let _ = self.store.prune_backups(
                &target,
                Retention { full_count_min: 2, days_min: 0, entries_days_min: 0 },
                false,
            );
        }
    }

    /// Settles what waits, with a power loss in the midst of it now and then.
    fn keep(&mut self) {
        self.clock.0.fetch_add(1_000 + self.random.below(60_000) as i64, Ordering::SeqCst);
        if self.random.one_in(3) {
            self.machine.disk().fail_power_at(1 + self.random.below(20));
            let _ = self.store.keep();
            self.crashes += 1;
            self.machine = self.machine.crash(self.random.next_u64());
            self.options = options(&self.crypto, &self.clock, &self.machine, &self.targets);
            self.open();
        }
        self.store.keep().expect("keeps");
    }

    fn settle(&self) {
        for _ in 0..8 {
            if !self.store.keep().expect("keeps") {
                return;
            }
        }
        panic!("something is left to do: {:?}", self.store.places());
    }

    fn is_certified(&self, id: ErasureId) -> bool {
        self.store.get(&RecordKey::Certificate(id)).expect("reads").is_some()
    }

    /// While a target with a cell is away, no destruction of that time is certified.
    fn miss_a_target(&mut self) {
        self.settle();
        self.targets.take_out_of_reach(Some(TARGETS[1]));
        let before = self.erasures.len();
        (0..3).for_each(|_| self.destroy());
        self.keep();
        self.keep();
        assert!(
            self.erasures[before..].iter().all(|id| !self.is_certified(*id)),
            "a place was not read back"
        );
        self.targets.take_out_of_reach(None);
        self.settle();
        assert!(self.erasures.iter().all(|id| self.is_certified(*id)));
    }

    /// The machine is gone with its disk and cell; another one takes its place, and somebody answers for the cell.
    fn lose_the_machine(&mut self) {
        self.settle();
        self.lived_at_the_loss = self.live();
        self.lost.push(std::mem::take(&mut self.machine));
        self.options = options(&self.crypto, &self.clock, &self.machine, &self.targets);
        let from = KnownTargets::new(Arc::new(self.targets.clone()), self.crypto.clone());
        let from = from.open(TARGETS[0]).expect("a target");
        let plan = Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell: None };
        restore(&self.options, &unlock(), &plan).expect("comes back");
        self.open();
        let before = self.erasures.len();
        (0..3).for_each(|_| self.destroy());
        (0..4).for_each(|_| drop(self.store.keep()));
        assert!(
            self.erasures[before..].iter().all(|id| !self.is_certified(*id)),
            "nobody has answered for the cell"
        );
    }

    fn answer_for_the_lost_cell(&self) {
        let generation = self.store.generation().expect("reads");
        let (by, statement) = ("admin".into(), "shredded".into());
        let at = self.options.clock.now();
        let attestation = Attestation { by, statement, at, generation };
        self.store.retire_cell("machine-1", Some(attestation)).expect("is lost");
    }

    fn live(&self) -> BTreeSet<ObjectId> {
        self.live.values().flatten().copied().collect()
    }

    /// What somebody gets who holds the cells, and that of the lost machine as it was: beside all that lives what lived when
    /// it was lost and was destroyed since. Nothing whose destruction was certified before, nothing that was made later.
    fn live_or_at_the_loss(&self) -> BTreeSet<ObjectId> {
        self.live().union(&self.lived_at_the_loss).copied().collect()
    }

    /// The epoch keys in the cell of the machine that was lost.
    fn stolen(&self) -> Vec<[u8; 32]> {
        epoch_keys(&self.lost[0].disk().bytes(Path::new("/data.cell")))
    }

    /// The epoch keys that lie in cells now.
    fn cells(&self) -> Vec<[u8; 32]> {
        let bytes = |disk: &RecordingDisk, path: &str| epoch_keys(&disk.disk().bytes(Path::new(path)));
        let targets = TARGETS.iter().flat_map(|target| bytes(&self.targets, &format!("{target}.cell")));
        targets.chain(bytes(&self.machine, "/data.cell")).collect()
    }

    fn written(&self) -> impl Iterator<Item = Written> {
        let disks = self.lost.iter().chain([&self.targets, &self.machine]);
        disks.flat_map(RecordingDisk::written)
    }

    /// Whoever holds all that was ever written outside of cells, and the root keys.
    fn solver(&self) -> Solver {
        let file = self.machine.disk().bytes(Path::new("/data/root.json"));
        let roots = root_keys(&*self.crypto, self.store.id(), &file, [7; 32]);
        let mut solver = Solver::new(self.crypto.clone(), self.store.id(), roots);
        self.sealed.iter().cloned().for_each(|sealed| solver.hold(sealed));
        solver.read(self.written());
        solver
    }

    fn round(&mut self, round: u64, keys: u64) {
        (0..keys / ROUNDS).for_each(|_| self.create());
        for _ in 0..keys / ROUNDS / 2 {
            self.destroy();
            if self.random.one_in(1 + keys / ROUNDS / 4) {
                self.keep();
            }
        }
        (0..1 + self.random.below(4)).for_each(|_| self.rotate());
        if self.random.one_in(3) {
            let away = TARGETS[self.random.below(2) as usize];
            self.targets.take_out_of_reach(Some(away));
        }
        self.keep();
        if self.random.one_in(2) {
            self.back_up();
        }
        self.targets.take_out_of_reach(None);
        if round == ROUNDS / 4 {
            self.store.replace_root(&unlock(), &[unlock()]).expect("replaces");
        }
        if round == ROUNDS / 3 {
            self.miss_a_target();
        }
    }
}

#[test]
fn every_copy_ever_made_gives_back_the_live_keys_and_none_of_the_destroyed() {
    let is_long = std::env::var_os("KEYREEVE_LONG").is_some();
    let keys = if is_long { 10_000 } else { 400 };
    let seed = std::env::var("KEYREEVE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20);
    let mut house = Watched::new(seed);
    for round in 0..ROUNDS {
        house.round(round, keys);
        if round == ROUNDS / 2 {
            house.lose_the_machine();
            let found = house.solver().solve(house.cells().into_iter().chain(house.stolen()));
            assert_eq!(found, house.live_or_at_the_loss());
            assert!(
                house.destroyed.iter().any(|id| found.contains(id)),
                "that is why somebody must answer for it"
            );
            house.answer_for_the_lost_cell();
        }
    }
    house.settle();
    assert!(house.erasures.iter().all(|id| house.is_certified(*id)));
    assert!(house.crashes > 10, "the test lost its crashes: {}", house.crashes);

    let solver = house.solver();
    let (live, destroyed) = (house.live(), &house.destroyed);
    let seen = solver.seen;
    assert!(seen.frames > 20 && seen.pieces > 20 && seen.chunks > 2, "the solver sees no nodes: {seen:?}");
    assert!(destroyed.len() as u64 >= keys / 2 - ROUNDS);
    assert_eq!(solver.solve(house.cells()), live, "all that live and nothing else");
    assert_eq!(
        solver.solve(house.cells().into_iter().chain(house.stolen())),
        house.live_or_at_the_loss(),
        "with the lost cell nothing that was certified before it was lost"
    );

    // The control: it is the cells' former contents that are missing.
    let former = house
        .written()
        .filter(|written| is_cell(&written.path))
        .flat_map(|written| epoch_keys(&written.bytes));
    assert_eq!(
        solver.solve(former),
        live.union(destroyed).copied().collect(),
        "with them everything comes back"
    );
}
