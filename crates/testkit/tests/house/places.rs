//! Seed-driven simulation of machines and targets: power failures of both, syncs that fail, full disks, rot, a target that is away for long, machines that
//! are lost and machines that live on after another one took over; checked against paper. What keys live through in one
//! store is `simulation`'s. A failure prints its seed; KEYREEVE_SEED=N replays it, KEYREEVE_LONG=1 runs many more.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use keyreeve_core::{
    Error, ErrorKind, SecretBytes,
    access::Caller,
    engine::Engine,
    model::{Algorithm, Attestation, ErasureId, KeySpec, ObjectId, ObjectType, Place, PlaceKind, Role, Time},
    operations::{
        create::Create,
        decrypt::Decrypt,
        destroy::Destroy,
        encrypt::{Encrypt, Form},
        erase::{Erase, Scope},
        journal::VerifyJournal,
        rekey::Rekey,
        server::Initialize,
        show::Show,
    },
    ports::{
        crypto::{Crypto, Generated, ParsedKey},
        store::Store as _,
    },
    record::{Record, RecordKey},
    request::Reference,
};
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_store::{
    EngineChoice, Store, StoreError, StoreOptions,
    backup::{
        BackupKind, BackupOptions, Retention,
        targets::{KnownTargets, Target, Targets as _},
    },
    disk::{Disk as _, OpenMode},
    restore::{Plan, PointInTime, restore},
};
use keyreeve_testkit::{
    disk::FaultyDisk,
    lagging::LaggingEngine,
    random::Random,
    recorder::{RecordingDisk, Written},
};

use super::{
    artefacts::{Sealed, Solver, epoch_keys, root_keys},
    bench::{HandClock, active_key, each_seed, engine, known, principal, system, unlock},
};

const NEAR: &str = "/backups/near";
const FAR: &str = "/backups/far";
const OWNERS: [&str; 3] = ["ann", "ben", "cat"];
const STEPS: u64 = 60;
const SECRET: &[u8] = b"attack at dawn";

/// A key as whoever made it would keep it on paper.
#[derive(Clone, Debug, PartialEq)]
struct Paper {
    owner: &'static str,
    /// What was encrypted, and under which version.
    envelopes: Vec<(u32, Vec<u8>)>,
    destroyed: bool,
}

type Papers = BTreeMap<String, Paper>;

/// What happened, over all seeds.
#[derive(Default)]
struct Told {
    power_failures: AtomicU64,
    both_failed: AtomicU64,
    losses: AtomicU64,
    take_overs: AtomicU64,
    /// Changes that a machine acknowledged and no target had when it was lost or taken over.
    not_shipped: AtomicU64,
    /// Changes that a machine acknowledged after another one had taken over.
    left_behind: AtomicU64,
    erased_at_once: AtomicU64,
    certificates: AtomicU64,
    long_absences: AtomicU64,
    solved: AtomicU64,
    faults: AtomicU64,
    rotten: AtomicU64,
}

fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::SeqCst);
}

/// A machine that is gone, with its cell.
struct Lost {
    disk: RecordingDisk,
    /// Material whose destruction was certified before.
    gone: BTreeSet<ObjectId>,
}

/// A machine that runs.
struct House {
    store: Arc<Store>,
    engine: Arc<Engine>,
    admin: Caller,
}

impl House {
    fn create(&self, name: &str, owner: &str) -> Result<ObjectId, Error> {
        let tags = BTreeMap::from([("owner".into(), owner.into())]);
        let made = self.engine.execute(&self.admin, &Create { tags, ..active_key(name) })?;
        Ok(made.primary)
    }

    fn rotate(&self, name: &str) -> Result<ObjectId, Error> {
        let operation = Rekey { key: Reference::text(name), activation: None, template: None, public: None };
        self.engine.execute(&self.admin, &operation).map(|made| made.primary)
    }

    fn encrypt(&self, name: &str) -> Result<(u32, Vec<u8>), Error> {
        let (form, plaintext) = (Form::Envelope { context: Vec::new() }, SecretBytes::copy_from(SECRET));
        let operation = Encrypt { key: Reference::text(name), version: None, form, plaintext };
        let encrypted = self.engine.execute(&self.admin, &operation)?;
        Ok((encrypted.version, encrypted.ciphertext.data))
    }

    fn decrypt(&self, name: &str, (version, envelope): &(u32, Vec<u8>)) -> Result<(), Error> {
        let operation = Decrypt {
            key: Reference::text(name),
            version: Some(*version),
            form: Form::Envelope { context: Vec::new() },
            ciphertext: envelope.clone(),
            tag: None,
        };
        let decrypted = self.engine.execute(&self.admin, &operation)?;
        assert_eq!(decrypted.plaintext.expose(), SECRET, "{name}");
        Ok(())
    }

    /// The states of a key's versions: whether each is destroyed; `None` where there is no such key.
    fn shown(&self, name: &str) -> Option<Vec<bool>> {
        match self.engine.execute(&self.admin, &Show { key: Reference::text(name) }) {
            Ok(shown) => Some(shown.objects.iter().map(|(_, state)| state.is_destroyed()).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => panic!("{name}: {error}"),
        }
    }

    fn is_certified(&self, id: ErasureId) -> bool {
        self.store.get(&RecordKey::Certificate(id)).expect("reads").is_some()
    }
}

/// The epoch keys in the cell beside a folder, where there is one.
fn keys_at(disk: &RecordingDisk, place: &str) -> Vec<[u8; 32]> {
    let path = format!("{place}.cell");
    let there = disk.disk().open(Path::new(&path), OpenMode::Read).is_ok();
    if there { epoch_keys(&disk.disk().bytes(Path::new(&path))) } else { Vec::new() }
}

/// Options of a machine that is nothing but a place to restore to.
fn scratch(options: StoreOptions) -> StoreOptions {
    let engine = EngineChoice::Given(Arc::new(LaggingEngine::new()));
    StoreOptions { disk: Arc::new(RecordingDisk::new()), engine, ..options }
}

struct Simulation<'a> {
    told: &'a Told,
    random: Random,
    crypto: Arc<dyn Crypto>,
    signer: Arc<dyn ParsedKey>,
    clock: Arc<HandClock>,
    machine: RecordingDisk,
    /// Of the machine; a crash may take its newest batches.
    index: Arc<LaggingEngine>,
    lost: Vec<Lost>,
    targets: RecordingDisk,
    /// The power of the targets may have failed since they were last looked after.
    targets_failing: bool,
    /// For how many steps the far target has been away.
    away: Option<u64>,
    house: Option<House>,
    paper: Papers,
    /// The paper as it was once each entry that changed it was durable.
    history: Vec<(u64, Papers)>,
    erasures: Vec<(u64, ErasureId)>,
    /// What each of them erases.
    gone: BTreeMap<ErasureId, Vec<ObjectId>>,
    /// All material there ever was, with the entry that made it and the name of its key.
    sealed: Vec<(u64, String, Sealed)>,
    made: u64,
    /// The generation that the present timeline began with.
    begun: u64,
    /// Since the paper was last compared.
    restarted: bool,
}

impl<'a> Simulation<'a> {
    fn new(seed: u64, told: &'a Told) -> Self {
        let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        let Ok(Generated::Pair { private, .. }) = crypto.generate(&spec) else { panic!("a pair") };
        let signer = crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).expect("just made");
        let targets = RecordingDisk::new();
        targets.create_dir(Path::new("/backups")).expect("a folder");
        targets.sync_dir(Path::new("/")).expect("synced");
        let mut simulation = Self {
            told,
            random: Random::new(seed),
            crypto,
            signer,
            clock: Arc::new(HandClock(AtomicI64::new(1_000_000))),
            machine: RecordingDisk::new(),
            index: Arc::default(),
            lost: Vec::new(),
            targets,
            targets_failing: false,
            away: None,
            house: None,
            paper: Papers::new(),
            history: Vec::new(),
            erasures: Vec::new(),
            gone: BTreeMap::new(),
            sealed: Vec::new(),
            made: 0,
            begun: 0,
            restarted: false,
        };
        let options = simulation.options();
        Store::create(&options, unlock()).expect("a new store");
        let store = Arc::new(Store::open(&options, &unlock()).expect("opens"));
        let engine = engine(&store, &options);
        engine.execute(&system(), &Initialize).expect("initializes");
        let admin = principal(&engine, "admin", &[Role::Admin]);
        for target in [NEAR, FAR] {
            store.register_target(target, true, false).expect("is there");
        }
        store.start_signing(simulation.signer.clone());
        store.keep().expect("keeps");
        simulation.history.push((store.published().0, Papers::new()));
        simulation.house = Some(House { store, engine, admin });
        simulation
    }

    fn options(&self) -> StoreOptions {
        let mut options = StoreOptions::new("/data", self.crypto.clone(), self.clock.clone());
        options.disk = Arc::new(self.machine.clone());
        options.engine = EngineChoice::Given(self.index.clone());
        options.targets = Some(Arc::new(self.known_targets()));
        options.background = false;
        // Whoever restores from one target means that one: the other may have come further.
        options.take_over = true;
        options.journal.preallocate_bytes = 16 * 1024;
        options.journal.reserve_bytes = 16 * 1024;
        options.journal.segment_bytes_max = 64 * 1024;
        options
    }

    fn known_targets(&self) -> KnownTargets {
        KnownTargets::new(Arc::new(self.targets.clone()), self.crypto.clone())
    }

    fn target(&self, address: &str) -> Arc<dyn Target> {
        self.known_targets().open(address).expect("an address")
    }

    fn house(&self) -> &House {
        self.house.as_ref().expect("a machine runs")
    }

    fn open(&mut self, options: &StoreOptions) -> Result<(), StoreError> {
        let store = Arc::new(Store::open(options, &unlock())?);
        store.start_signing(self.signer.clone());
        let engine = engine(&store, options);
        let admin = known(&engine, "admin");
        self.house = Some(House { store, engine, admin });
        Ok(())
    }

    fn step(&mut self) {
        self.away = self.away.map(|steps| steps + 1);
        match self.random.below(16) {
            0..=3 => self.create(),
            4 => self.rotate(),
            5 => self.destroy(),
            6 => self.erase(),
            7..=9 => self.keep(),
            10 => self.back_up(),
            11 => self.harm(self.machine.disk().clone()),
            12 => {
                self.harm(self.targets.disk().clone());
                self.targets_failing = true;
            }
            13 if self.away.is_none() => self.leave(),
            14 => self.come_back(),
            15 if self.random.one_in(3) => self.lose_the_machine(),
            _ => self.restart(),
        }
        if std::mem::take(&mut self.restarted) {
            self.compare();
        }
    }

    /// The power of a disk fails soon, or a sync of a file, or it is nearly full.
    fn harm(&mut self, disk: FaultyDisk) {
        count(&self.told.faults, 1);
        match self.random.below(4) {
            0 => disk.fail_sync_at(1 + self.random.below(10)),
            1 => disk.set_capacity(Some(disk.used() + self.random.below(64 * 1024))),
            _ => disk.fail_power_at(1 + self.random.below(40)),
        }
    }

    fn leave(&mut self) {
        self.targets.take_out_of_reach(Some(FAR));
        self.away = Some(0);
    }

    /// The far target comes back, and both have power.
    fn come_back(&mut self) {
        self.targets.take_out_of_reach(None);
        let steps = self.away.take();
        count(&self.told.long_absences, u64::from(steps.is_some_and(|steps| steps >= 10)));
    }

    /// What was done is durable: the paper is what it is once the newest entry is.
    fn put_down(&mut self) {
        let lsn = self.house().store.published().0;
        self.history.push((lsn, self.paper.clone()));
    }

    fn note(&mut self, name: &str, id: ObjectId) {
        let get = |key| self.house().store.get(&key).expect("reads");
        let (object, material) = (get(RecordKey::Object(id)), get(RecordKey::Material(id)));
        let (Some(Record::Object(object)), Some(Record::Material(material))) =
            (object.as_deref(), material.as_deref())
        else {
            panic!("{name} was made");
        };
        let sealed = Sealed { object: object.clone(), material: material.clone() };
        self.sealed.push((self.house().store.published().0, name.to_owned(), sealed));
    }

    fn create(&mut self) {
        self.made += 1;
        let name = format!("key {}", self.made);
        let owner = OWNERS[self.random.below(OWNERS.len() as u64) as usize];
        let made = self.house().create(&name, owner);
        let is_made = match &made {
            Ok(_) => true,
            Err(error) => {
                self.stumbled(error);
                self.house().shown(&name).is_some()
            }
        };
        if is_made {
            self.paper.insert(name.clone(), Paper { owner, envelopes: Vec::new(), destroyed: false });
            self.put_down();
            if let Ok(id) = made {
                self.note(&name, id);
            }
            self.encrypt(&name);
        }
    }

    fn encrypt(&mut self, name: &str) {
        match self.house().encrypt(name) {
            Ok(envelope) => {
                self.paper.get_mut(name).expect("is on paper").envelopes.push(envelope);
                self.put_down();
            }
            Err(error) => self.stumbled(&error),
        }
    }

    fn any_live(&mut self) -> Option<String> {
        let live: Vec<_> =
            self.paper.iter().filter(|(_, paper)| !paper.destroyed).map(|(name, _)| name).collect();
        let at = self.random.below(live.len().max(1) as u64) as usize;
        live.get(at).map(|name| (*name).clone())
    }

    fn rotate(&mut self) {
        let Some(name) = self.any_live() else { return };
        match self.house().rotate(&name) {
            Ok(id) => {
                self.put_down();
                self.note(&name, id);
                self.encrypt(&name);
            }
            Err(error) => self.stumbled(&error),
        }
    }

    fn destroy(&mut self) {
        let Some(name) = self.any_live() else { return };
        let operation = Destroy { key: Reference::text(name.as_str()), deactivate: true, at_once: true };
        let destroyed = self.house().engine.execute(&self.house().admin, &operation);
        self.gone(destroyed.map(|destroyed| destroyed.erasure), &BTreeSet::from([name]));
    }

    /// Erases by tag, or now and then the realm.
    fn erase(&mut self) {
        let owner = OWNERS[self.random.below(OWNERS.len() as u64) as usize];
        let all = self.random.one_in(6);
        let scope = match all {
            true => Scope::Realm("default".into()),
            false => Scope::Tag { name: "owner".into(), value: owner.into() },
        };
        let meant = self.paper.iter().filter(|(_, paper)| !paper.destroyed && (all || paper.owner == owner));
        let meant: BTreeSet<String> = meant.map(|(name, _)| name.clone()).collect();
        let erase = Erase { scope, at_once: true, after: None };
        let erased = self.house().engine.execute(&self.house().admin, &erase);
        count(&self.told.erased_at_once, u64::from(erased.is_ok() && meant.len() > 1));
        self.gone(erased.map(|erased| erased.erasure), &meant);
    }

    /// These keys were to be destroyed in one entry: all are, or none.
    fn gone(&mut self, result: Result<Option<ErasureId>, Error>, names: &BTreeSet<String>) {
        let done = match &result {
            Ok(_) => true,
            Err(error) => {
                self.stumbled(error);
                let shown: BTreeSet<bool> =
                    names.iter().flat_map(|name| self.house().shown(name).expect("is there")).collect();
                assert!(shown.len() <= 1, "some are destroyed, some are not");
                shown.contains(&true)
            }
        };
        if done {
            for name in names {
                self.paper.get_mut(name).expect("is on paper").destroyed = true;
            }
            self.put_down();
            let lsn = self.house().store.published().0;
            if let Some(id) = result.ok().flatten() {
                self.erasures.push((lsn, id));
                let of = |(_, name, sealed): &(u64, String, Sealed)| {
                    names.contains(name).then_some(sealed.object.id)
                };
                self.gone.insert(id, self.sealed.iter().filter_map(of).collect());
            }
        }
    }

    /// Settles and ships, as far as the disks let it.
    fn keep(&mut self) {
        self.clock.0.fetch_add(1_000 + self.random.below(60_000) as i64, Ordering::SeqCst);
        if let Err(error) = self.house().store.keep() {
            self.stumbled(&error);
        }
    }

    fn back_up(&mut self) {
        let address = if self.random.one_in(2) { NEAR } else { FAR };
        let (target, store) = (self.target(address), self.house().store.clone());
        // What fails here has promised nothing; the next one goes on.
        if store.backup(&target, BackupKind::Full, BackupOptions::default()).is_ok() {
            let _ = store.prune_backups(
                &target,
                Retention { full_count_min: 1, days_min: 0, entries_days_min: 0 },
                false,
            );
        }
    }

    /// An operation was refused: the power has failed, and comes back.
    fn stumbled(&mut self, error: &Error) {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        self.restart();
    }

    /// Power comes back at the machine, and, where it had failed, at the targets. What their disks hold is all there is.
    fn restart(&mut self) {
        self.house = None;
        self.machine = self.machine.crash(self.random.next_u64());
        self.machine.disk().set_capacity(None);
        self.index = Arc::new(self.index.crash(self.random.next_u64()));
        count(&self.told.power_failures, 1);
        if self.targets_failing {
            count(&self.told.both_failed, 1);
            self.mend_the_targets();
        }
        let options = self.options();
        self.open(&options).unwrap_or_else(|error| panic!("opens after a crash: {error}"));
        self.restarted = true;
    }

    fn mend_the_targets(&mut self) {
        self.targets = self.targets.crash(self.random.next_u64());
        self.targets.disk().set_capacity(None);
        self.targets_failing = false;
    }

    /// Every key is as the paper says, and what it encrypted opens, or stays shut.
    fn compare(&self) {
        let house = self.house();
        for (name, paper) in &self.paper {
            let shown = house.shown(name).unwrap_or_else(|| panic!("{name} is lost"));
            assert!(shown.iter().all(|destroyed| *destroyed == paper.destroyed), "{name}: {shown:?}");
            for envelope in &paper.envelopes {
                match house.decrypt(name, envelope) {
                    Ok(()) => assert!(!paper.destroyed, "{name} was destroyed"),
                    Err(error) => assert!(
                        paper.destroyed && error.kind() == ErrorKind::Destroyed,
                        "{name}, version {}: {error}",
                        envelope.0
                    ),
                }
            }
        }
    }

    /// The machine is out of reach for good: another one is restored from a target, and the one before is gone, or lives on
    /// and does not know.
    fn lose_the_machine(&mut self) {
        let Ok(places) = self.house().store.places() else { return self.restart() };
        // One whose cell got no epoch key of this timeline holds no backup of it, nor does one that was not claimed.
        let claimed = |address: &str| {
            let bytes = self.targets.disk().bytes(&Path::new(address).join("claim.json"));
            let claim: serde_json::Value = serde_json::from_slice(&bytes).expect("is JSON");
            claim["timeline"].as_u64().expect("a number")
        };
        let opens = |address: &str| {
            let of = |place: &&Arc<Place>| place.name.ends_with(address);
            let confirmed = places.iter().find(of).map_or(0, |place| place.confirmed);
            confirmed >= self.begun.max(1) && claimed(address) == claimed(NEAR)
        };
        let near = [FAR, NEAR].into_iter().filter(|address| *address == NEAR || self.away.is_none());
        let near: Vec<_> = near.filter(|address| opens(address)).collect();
        let at = self.random.below(near.len().max(1) as u64) as usize;
        let Some(from) = near.get(at).copied() else { return };
        // Without power at the targets it does not live on with them.
        let may_live_on = !self.targets_failing && self.random.one_in(2);
        if self.targets_failing {
            self.mend_the_targets();
        }
        let before = self.house.take().expect("a machine runs");
        let is_certified: Vec<_> =
            self.erasures.iter().filter(|(_, id)| before.is_certified(*id)).copied().collect();
        let gone = is_certified.iter().flat_map(|(_, id)| self.gone.get(id).into_iter().flatten().copied());
        self.lost.push(Lost { gone: gone.collect(), disk: std::mem::take(&mut self.machine) });
        self.index = Arc::default();
        let plan = Plan { from: &*self.target(from), to: PointInTime::Latest, keep_new: false, cell: None };
        let options = self.options();
        let report = restore(&options, &unlock(), &plan).unwrap_or_else(|error| panic!("{from}: {error}"));
        let head = report.head.0;
        assert!(
            is_certified.iter().all(|(lsn, _)| *lsn <= head),
            "a destruction was certified that {from} knows nothing of"
        );
        self.forget_behind(head);
        let lives_on = may_live_on.then_some(before);
        self.open(&options).unwrap_or_else(|error| panic!("{from}: the first start: {error}"));
        count(&self.told.losses, 1);
        self.begun = self.house().store.generation().expect("reads");
        self.compare();
        if let Some(old) = lives_on {
            self.live_on(&old);
        }
        self.answer_for_the_lost();
    }

    /// What was acknowledged behind this entry is lost with the machine.
    fn forget_behind(&mut self, head: u64) {
        let kept = self.history.iter().take_while(|(lsn, _)| *lsn <= head).count();
        count(&self.told.not_shipped, (self.history.len() - kept) as u64);
        self.history.truncate(kept);
        self.paper = self.history.last().expect("the beginning").1.clone();
        self.erasures.retain(|(lsn, _)| *lsn <= head);
        self.sealed.retain(|(lsn, _, _)| *lsn <= head);
    }

    /// A machine that was taken over serves what it has until it comes to a shared place, and changes nothing there.
    fn live_on(&mut self, old: &House) {
        count(&self.told.take_overs, 1);
        let mut acknowledged = Vec::new();
        for _ in 0..=self.random.below(3) {
            self.made += 1;
            let name = format!("key {}", self.made);
            // Refused only where its own power has failed before.
            match old.create(&name, OWNERS[0]) {
                Ok(_) => acknowledged.push(name),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
            }
        }
        let at_targets = |targets: &RecordingDisk| {
            (keys_at(targets, NEAR), keys_at(targets, FAR), targets.written().len())
        };
        let before = at_targets(&self.targets);
        let _ = old.store.keep();
        assert!(before == at_targets(&self.targets), "it wrote where it has no claim any more");
        let refused = old.create("too late", OWNERS[0]).map(drop).expect_err("is fenced");
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
        for name in &acknowledged {
            assert_eq!(self.house().shown(name), None, "{name} was made where nobody else could know");
        }
        count(&self.told.left_behind, acknowledged.len() as u64);
    }

    fn answer_for_the_lost(&self) {
        let store = &self.house().store;
        let places = store.places().expect("reads");
        // Where the power failed before a target's first key was read back, nobody knows whether its medium has it.
        let is_unread = |place: &Place| place.confirmed == 0 && place.put > 0;
        let is_open = |place: &&Arc<Place>| {
            let is_ours = place.kind == PlaceKind::Machine || is_unread(place);
            is_ours && place.lost.is_some() && place.attested.is_none()
        };
        for place in places.iter().filter(is_open) {
            let generation = store.generation().expect("reads");
            let (by, statement) = ("admin".into(), "shredded".into());
            let at = Time(self.clock.0.load(Ordering::SeqCst));
            let word = Attestation { by, statement, at, generation };
            store.retire_cell(&place.name, Some(word)).expect("is lost");
        }
    }

    fn written(&self) -> impl Iterator<Item = Written> {
        let disks = self.lost.iter().map(|lost| &lost.disk).chain([&self.targets, &self.machine]);
        disks.flat_map(RecordingDisk::written)
    }

    /// Whoever holds all that was ever written outside of cells, the root key and all cells in use gets what lives.
    fn solve(&self) {
        let store = self.house().store.id();
        let file = self.machine.disk().bytes(Path::new("/data/root.json"));
        let roots = root_keys(&*self.crypto, store, &file, [7; 32]);
        let mut solver = Solver::new(self.crypto.clone(), store, roots);
        self.sealed.iter().for_each(|(_, _, sealed)| solver.hold(sealed.clone()));
        solver.read(self.written());
        let cells =
            [keys_at(&self.machine, "/data"), keys_at(&self.targets, NEAR), keys_at(&self.targets, FAR)];
        let is_live = |name: &String| self.paper.get(name).is_some_and(|paper| !paper.destroyed);
        let on_paper = self.sealed.iter().filter(|(_, name, _)| is_live(name));
        let live: BTreeSet<ObjectId> = on_paper.map(|(_, _, sealed)| sealed.object.id).collect();
        let ids = self.sealed.iter().map(|(_, _, sealed)| sealed.object.id);
        let is_held =
            |id: &ObjectId| self.house().store.get(&RecordKey::Material(*id)).expect("reads").is_some();
        assert_eq!(ids.filter(is_held).collect::<BTreeSet<_>>(), live, "the store and the paper agree");
        let cells: Vec<_> = cells.into_iter().flatten().collect();
        assert_eq!(solver.solve(cells.iter().copied()), live, "all that live and nothing else");
        for lost in &self.lost {
            let found = solver.solve(cells.iter().copied().chain(keys_at(&lost.disk, "/data")));
            assert!(found.is_superset(&live), "more keys give no less");
            let back: Vec<_> = found.intersection(&lost.gone).collect();
            assert!(back.is_empty(), "certified before its machine was lost, and back: {back:?}");
        }
        count(&self.told.solved, 1);
    }

    /// One flipped bit in what is archived is found, and what comes back from there in spite of it is all there is. Without a
    /// full backup chunks are the beginning of one, and no archive yet.
    fn rot_at(&self, target: &str, has_full: bool, live: u64) {
        let archived =
            |path: &PathBuf| path.extension().is_some_and(|kind| kind == "krp" || has_full && kind == "krc");
        let files: Vec<_> =
            self.targets.disk().files(Path::new(target)).into_iter().filter(archived).collect();
        let mut random = self.random.clone();
        let path = &files[random.below(files.len() as u64) as usize];
        let at = random.below(self.targets.disk().bytes(path).len() as u64);
        let mask = [1 << random.below(8)];
        self.targets.disk().rot(path, at, &mask);
        let what = format!("byte {at} of {}", path.display());
        let verified =
            self.house().store.verify_backup(&*self.target(target), &mut |_| {}).expect("is reached");
        assert_ne!(verified.problems, [], "{what} is rotten");
        let from = self.target(target);
        let plan = Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell: None };
        if let Ok(report) = restore(&scratch(self.options()), &unlock(), &plan) {
            assert!(report.verified.opened >= live, "{what} is rotten: {:?}", report.verified);
        }
        self.targets.disk().rot(path, at, &mask);
        count(&self.told.rotten, 1);
    }

    /// All disks have power and are in reach: everything comes to its end.
    fn finish(&mut self, solve: bool) {
        self.come_back();
        self.restart();
        let settled = (0..12).any(|_| {
            self.answer_for_the_lost();
            !self.house().store.keep().expect("keeps")
        });
        assert!(settled, "something is left to do: {:?}", self.house().store.places());
        self.compare();
        let house = self.house.as_ref().expect("a machine runs");
        for (lsn, id) in &self.erasures {
            assert!(house.is_certified(*id), "the erasure of entry {lsn} has no certificate");
        }
        count(&self.told.certificates, self.erasures.len() as u64);
        house.engine.execute(&house.admin, &VerifyJournal).expect("the journal is whole");
        let live = self.paper.values().filter(|paper| !paper.destroyed).count() as u64;
        for target in [NEAR, FAR] {
            // Takes up what a power failure has cut off.
            let (opened, retention) =
                (self.target(target), Retention { full_count_min: 1, days_min: 0, entries_days_min: 0 });
            let pruned = house.store.prune_backups(&opened, retention, false).expect("prunes");
            let verified = house.store.verify_backup(&*self.target(target), &mut |_| {}).expect("is reached");
            assert_eq!(verified.problems, [], "{target}");
            // Each brings everything back alone. Nothing is claimed: that is the first start's.
            let machine = scratch(self.options());
            let from = self.target(target);
            let plan = Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell: None };
            let report =
                restore(&machine, &unlock(), &plan).unwrap_or_else(|error| panic!("{target}: {error}"));
            assert!(report.verified.opened >= live, "{target}: {:?}", report.verified);
            self.rot_at(target, !pruned.kept_fulls.is_empty(), live);
        }
        for (disk, place) in [(&self.machine, "/data"), (&self.targets, NEAR), (&self.targets, FAR)] {
            let held: BTreeSet<_> = keys_at(disk, place).into_iter().collect();
            assert_eq!(held.len() as u64, house.store.generation().expect("reads").min(1), "{place}");
        }
        if solve {
            self.solve();
        }
    }
}

#[test]
fn machines_come_and_go_and_nothing_that_a_target_has_is_lost() {
    let is_long = std::env::var_os("KEYREEVE_LONG").is_some();
    let seeds = if is_long { 3_000 } else { 60 };
    let told = Told::default();
    each_seed(seeds, |seed| {
        let mut simulation = Simulation::new(seed, &told);
        (0..STEPS).for_each(|_| simulation.step());
        simulation.finish(seed % 6 == 0);
    });
    if std::env::var_os("KEYREEVE_SEED").is_some() {
        return;
    }
    let told = [
        ("power failures of the machine", told.power_failures),
        ("of both", told.both_failed),
        ("machines lost", told.losses),
        ("machines that lived on, fenced at the next shared place", told.take_overs),
        ("acknowledged changes that no target had when their machine was lost", told.not_shipped),
        ("acknowledged changes of machines after they were taken over", told.left_behind),
        ("erasures of several keys at once", told.erased_at_once),
        ("certificates", told.certificates),
        ("long absences of a target", told.long_absences),
        ("solved", told.solved),
        ("syncs and power that failed, and full disks", told.faults),
        ("rotten bits", told.rotten),
    ];
    for (what, times) in told.map(|(what, times)| (what, times.into_inner())) {
        eprintln!("{times} {what}");
        assert!(times > 0, "the simulation lost its {what}");
    }
}
