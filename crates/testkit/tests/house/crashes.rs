//! Power failures at every change of a disk, of the machine's and of the targets', while keys are made, rotated and
//! destroyed (one, by tag, with their realm, after a waiting period), backups made and pruned, targets registered, removed
//! and struck off, the root key locked anew and replaced, and a lost machine restored, with one target, with two, and with
//! split epoch keys. Counted; no change that was acknowledged may be lost. KEYREEVE_LONG=1 tries a hundred thousand,
//! KEYREEVE_SEED=N that seed's alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use keyreeve_core::{
    Error, ErrorKind, SecretBytes,
    access::Caller,
    engine::Engine,
    model::{Algorithm, Attestation, ErasureId, KeySpec, Lsn, ObjectType, Place, Role},
    operations::{
        apply_dates::ApplyDates,
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
    record::RecordKey,
    request::Reference,
};
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_store::{
    EngineChoice, Store, StoreError, StoreOptions, Unlock,
    backup::{
        BackupKind, BackupOptions, Retention,
        targets::{KnownTargets, Targets as _},
    },
    disk::{Disk as _, OpenMode},
    restore::{Plan, PointInTime, restore},
};
use keyreeve_testkit::{disk::FaultyDisk, lagging::LaggingEngine, random::Random};

use super::bench::{HandClock, active_key, engine, find, principal, system, unlock};

pub(super) const TARGET: &str = "/backups/keys";
pub(super) const SECOND: &str = "/backups/second";
const THIRD: &str = "/backups/third";
/// Longer than any waiting period here.
const WAITING_MS: i64 = 8 * 24 * 60 * 60 * 1000;
const SECRET: &[u8] = b"attack at dawn";

/// What is under way when the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Create,
    Rotate,
    Destroy,
    DestroyLater,
    EraseTag,
    EraseRealm,
    BackUp,
    Ship,
    Prune,
    Register,
    RemoveTarget,
    RetireCell,
    ChangeUnlock,
    ReplaceRoot,
    Restore,
    RestoreTo,
    RestoreWithCell,
}

const WORKS: [Work; 17] = [
    Work::Create,
    Work::Rotate,
    Work::Destroy,
    Work::DestroyLater,
    Work::EraseTag,
    Work::EraseRealm,
    Work::BackUp,
    Work::Ship,
    Work::Prune,
    Work::Register,
    Work::RemoveTarget,
    Work::RetireCell,
    Work::ChangeUnlock,
    Work::ReplaceRoot,
    Work::Restore,
    Work::RestoreTo,
    Work::RestoreWithCell,
];

impl Work {
    fn restores(self) -> bool {
        matches!(self, Self::Restore | Self::RestoreTo | Self::RestoreWithCell)
    }

    /// Whether it destroys this key.
    fn destroys(self, name: &str) -> bool {
        match self {
            Self::Destroy | Self::DestroyLater => name == "key 0",
            Self::EraseTag => owner(name) == owner("key 0"),
            Self::EraseRealm => true,
            _ => false,
        }
    }

    /// Whether there is such work where things are like this.
    fn suits(self, set_up: SetUp) -> bool {
        match self {
            // A restore from one target alone has one share alone.
            _ if self.restores() => set_up != SetUp::Split,
            Self::RemoveTarget | Self::RetireCell => set_up != SetUp::One,
            _ => true,
        }
    }
}

/// Where epoch keys are, beside this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetUp {
    /// At one target.
    One,
    /// At two targets.
    Two,
    /// At two targets, in shares of which two are needed.
    Split,
}

const SET_UPS: [SetUp; 3] = [SetUp::One, SetUp::Two, SetUp::Split];

/// The tag of a key.
fn owner(name: &str) -> &'static str {
    if name.ends_with(['0', '2', '4']) { "ann" } else { "ben" }
}

/// What was answered for a key.
#[derive(Clone)]
pub(super) struct Paper {
    envelope: Vec<u8>,
    version: u32,
    pub(super) erasure: Option<ErasureId>,
}

/// Two disks and what was acknowledged so far.
#[derive(Clone)]
pub(super) struct Site {
    crypto: Arc<dyn Crypto>,
    signer: Arc<dyn ParsedKey>,
    clock: Arc<HandClock>,
    pub(super) set_up: SetUp,
    pub(super) machine: FaultyDisk,
    pub(super) index: Arc<LaggingEngine>,
    pub(super) target: FaultyDisk,
    pub(super) paper: BTreeMap<String, Paper>,
    /// The newest entry, which the targets have.
    head: Lsn,
    /// Full backups that were acknowledged, by their LSN.
    fulls: BTreeSet<u64>,
}

pub(super) struct Opened {
    pub(super) store: Arc<Store>,
    pub(super) engine: Arc<Engine>,
    pub(super) admin: Caller,
}

fn other_unlock() -> Unlock {
    Unlock::KeyFile(SecretBytes::new("08".repeat(32).into_bytes()))
}

impl Opened {
    pub(super) fn create(&self, name: &str) -> Result<(), Error> {
        let tags = BTreeMap::from([("owner".into(), owner(name).into())]);
        self.engine.execute(&self.admin, &Create { tags, ..active_key(name) }).map(drop)
    }

    fn encrypt(&self, name: &str) -> Result<Paper, Error> {
        let (form, plaintext) = (Form::Envelope { context: Vec::new() }, SecretBytes::copy_from(SECRET));
        let operation = Encrypt { key: Reference::text(name), version: None, form, plaintext };
        let encrypted = self.engine.execute(&self.admin, &operation)?;
        Ok(Paper { envelope: encrypted.ciphertext.data, version: encrypted.version, erasure: None })
    }

    fn rotate(&self, name: &str) -> Result<(), Error> {
        let operation = Rekey { key: Reference::text(name), activation: None, template: None, public: None };
        self.engine.execute(&self.admin, &operation).map(drop)
    }

    pub(super) fn destroy(&self, name: &str) -> Result<Option<ErasureId>, Error> {
        let operation = Destroy { key: Reference::text(name), deactivate: true, at_once: true };
        self.engine.execute(&self.admin, &operation).map(|destroyed| destroyed.erasure)
    }

    /// Destroys it, and waits.
    fn destroy_later(&self, name: &str, clock: &HandClock) -> Result<Option<ErasureId>, Error> {
        let operation = Destroy { key: Reference::text(name), deactivate: true, at_once: false };
        self.engine.execute(&self.admin, &operation)?;
        clock.0.fetch_add(WAITING_MS, Ordering::SeqCst);
        self.engine.execute(&system(), &ApplyDates::default())?;
        let shown = self.engine.execute(&self.admin, &Show { key: Reference::text(name) })?;
        Ok(shown.objects[0].0.erasure)
    }

    fn erase(&self, scope: Scope) -> Result<Option<ErasureId>, Error> {
        let erase = Erase { scope, at_once: true, after: None };
        self.engine.execute(&self.admin, &erase).map(|erased| erased.erasure)
    }

    /// The place at an address, where it is on record.
    fn place(&self, address: &str) -> Option<Arc<Place>> {
        let places = self.store.places().expect("reads");
        places.into_iter().find(|place| place.name.ends_with(address))
    }

    fn retire_second(&self, clock: &HandClock) -> bool {
        let Some(place) = self.place(SECOND) else {
            return false;
        };
        let Ok(generation) = self.store.generation() else {
            return false;
        };
        let (by, statement) = ("admin".into(), "shredded".into());
        let at = keyreeve_core::ports::clock::Clock::now(clock);
        let word = Attestation { by, statement, at, generation };
        self.store.retire_cell(&place.name, Some(word)).is_ok()
    }

    pub(super) fn decrypt(&self, name: &str, paper: &Paper) -> Result<SecretBytes, Error> {
        let operation = Decrypt {
            key: Reference::text(name),
            version: Some(paper.version),
            form: Form::Envelope { context: Vec::new() },
            ciphertext: paper.envelope.clone(),
            tag: None,
        };
        self.engine.execute(&self.admin, &operation).map(|decrypted| decrypted.plaintext)
    }

    /// A key gives its secret and no other, or is destroyed, as the paper says; an error where it cannot be told.
    pub(super) fn check(&self, name: &str, paper: &Paper, at: &str) -> Result<(), Error> {
        match (paper.erasure, self.decrypt(name, paper)) {
            (None, Ok(secret)) => assert_eq!(secret.expose(), SECRET, "{at}: {name}"),
            (None, Err(error)) => return Err(error),
            (Some(_), Ok(_)) => panic!("{at}: {name} was destroyed, and is back"),
            (Some(_), Err(error)) if error.kind() == ErrorKind::Destroyed => {}
            (Some(_), Err(error)) => return Err(error),
        }
        Ok(())
    }

    fn assert_serves(&self, name: &str, paper: &Paper, at: &str) {
        let secret =
            self.decrypt(name, paper).unwrap_or_else(|error| panic!("{at}: {name} is lost: {error}"));
        assert_eq!(secret.expose(), SECRET, "{at}: {name}");
    }

    fn back_up(&self, kind: BackupKind) -> bool {
        let target = self.store.open_target(TARGET).expect("a target");
        self.store.backup(&target, kind, BackupOptions::default()).is_ok()
    }

    /// Makes a full backup; where it was acknowledged, its LSN.
    pub(super) fn back_up_all(&self) -> Option<u64> {
        let is_made = self.back_up(BackupKind::Full);
        self.fulls().and_then(|fulls| fulls.last().copied()).filter(|_| is_made)
    }

    /// The full backups that are there.
    fn fulls(&self) -> Option<BTreeSet<u64>> {
        let target = self.store.open_target(TARGET).expect("a target");
        let verified = self.store.verify_backup(&*target, &mut |_| {}).ok()?;
        let whole = verified.catalogue.fulls.iter().filter(|full| full.is_whole);
        Some(whole.map(|full| full.manifest.point.lsn.0).collect())
    }
}

impl Site {
    /// A house with a history.
    pub(super) fn new(seed: u64) -> Self {
        let set_up = SET_UPS[(seed % 3) as usize];
        let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        let Ok(Generated::Pair { private, .. }) = crypto.generate(&spec) else { panic!("a pair") };
        let signer = crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).expect("just made");
        let target = FaultyDisk::new();
        target.create_dir(Path::new("/backups")).expect("a folder");
        target.sync_dir(Path::new("/")).expect("synced");
        let clock = Arc::new(HandClock(AtomicI64::new(1_000_000)));
        let mut site = Self {
            crypto,
            signer,
            clock,
            set_up,
            machine: FaultyDisk::new(),
            index: Arc::default(),
            target,
            paper: BTreeMap::new(),
            head: Lsn(0),
            fulls: BTreeSet::new(),
        };
        let options = site.options();
        Store::create(&options, unlock()).expect("a new store");
        let store = Arc::new(Store::open(&options, &unlock()).expect("opens"));
        let engine = engine(&store, &options);
        engine.execute(&system(), &Initialize).expect("initializes");
        let admin = principal(&engine, "admin", &[Role::Admin]);
        let targets = if set_up == SetUp::One { &[TARGET][..] } else { &[TARGET, SECOND] };
        for target in targets {
            store.register_target(target, true, false).expect("is there");
        }
        store.start_signing(site.signer.clone());
        let opened = Opened { store, engine, admin };
        site.live(&opened, &mut Random::new(seed));
        site.head = opened.store.published();
        opened.store.close().expect("closes");
        drop(opened);
        site
    }

    fn live(&mut self, house: &Opened, random: &mut Random) {
        for number in 0..3 + random.below(4) {
            let name = format!("key {number}");
            house.create(&name).expect("makes a key");
            let paper = house.encrypt(&name).expect("encrypts");
            self.paper.insert(name, paper);
        }
        for _ in 0..random.below(10) {
            self.clock.0.fetch_add(random.below(100_000) as i64, Ordering::SeqCst);
            let name = format!("key {}", random.below(3));
            match random.below(5) {
                0 if name != "key 0" && self.paper[&name].erasure.is_none() => {
                    let erasure = house.destroy(&name).expect("may");
                    self.paper.get_mut(&name).expect("is known").erasure = erasure;
                }
                1 => drop(self.fulls.insert(house.back_up_all().expect("is reached"))),
                2 if self.paper[&name].erasure.is_none() => house.rotate(&name).expect("rotates"),
                _ => drop(house.store.keep().expect("keeps")),
            }
        }
        while house.store.keep().expect("keeps") {}
    }

    pub(super) fn options(&self) -> StoreOptions {
        let mut options = StoreOptions::new("/data", self.crypto.clone(), self.clock.clone());
        options.disk = Arc::new(self.machine.clone());
        options.engine = EngineChoice::Given(self.index.clone());
        options.cells_threshold = if self.set_up == SetUp::Split { 2 } else { 1 };
        options.targets = Some(Arc::new(self.targets()));
        options.background = false;
        options.journal.preallocate_bytes = 16 * 1024;
        options.journal.reserve_bytes = 16 * 1024;
        options.journal.segment_bytes_max = 64 * 1024;
        options
    }

    pub(super) fn targets(&self) -> KnownTargets {
        KnownTargets::new(Arc::new(self.target.clone()), self.crypto.clone())
    }

    pub(super) fn copy(&self, work: Work) -> Self {
        let (machine, index) = match work.restores() {
            true => (FaultyDisk::new(), LaggingEngine::new()),
            false => (self.machine.kill(), self.index.copy()),
        };
        if work == Work::RestoreWithCell {
            // It was saved from the lost machine.
            let saved = machine.open(Path::new("/saved.cell"), OpenMode::CreateNew).expect("is new");
            saved.write_at(0, &self.machine.bytes(Path::new("/data.cell"))).expect("is written");
            saved.sync().and_then(|()| machine.sync_dir(Path::new("/"))).expect("synced");
        }
        Self { machine, index: Arc::new(index), target: self.target.kill(), ..self.clone() }
    }

    pub(super) fn open(&self, unlock: &Unlock) -> Result<Opened, StoreError> {
        let options = self.options();
        let store = Arc::new(Store::open(&options, unlock)?);
        store.start_signing(self.signer.clone());
        let engine = engine(&store, &options);
        let admin = find(&engine, "admin").map_err(StoreError::Open)?;
        Ok(Opened { store, engine, admin })
    }

    pub(super) fn restore(&self, work: Work) -> Result<(), StoreError> {
        let from = self.targets().open(TARGET).expect("a target");
        let to = if work == Work::RestoreTo { PointInTime::Lsn(self.head) } else { PointInTime::Latest };
        let cell = (work == Work::RestoreWithCell).then(|| "/saved.cell".to_owned());
        let plan = Plan { from: &*from, to, keep_new: false, cell };
        restore(&self.options(), &unlock(), &plan).map(drop)
    }

    /// Does some work, as far as the disks let us, and what follows from it; whether it was acknowledged, and put on paper.
    fn work(&mut self, work: Work) -> bool {
        if work.restores() && self.restore(work).is_err() {
            return false;
        }
        let Ok(house) = self.open(&unlock()) else {
            return false;
        };
        let done = match work {
            Work::Create => house.create("new").is_ok(),
            Work::Rotate => house.rotate("key 0").is_ok(),
            Work::Destroy => self.gone(work, house.destroy("key 0")),
            Work::DestroyLater => self.gone(work, house.destroy_later("key 0", &self.clock)),
            Work::EraseTag => {
                let scope = Scope::Tag { name: "owner".into(), value: owner("key 0").into() };
                self.gone(work, house.erase(scope))
            }
            Work::EraseRealm => self.gone(work, house.erase(Scope::Realm("default".into()))),
            Work::BackUp => {
                let made = house.back_up_all();
                self.fulls.extend(made);
                made.is_some()
            }
            Work::Ship => house.create("new").is_ok() && house.back_up(BackupKind::Incremental),
            Work::Prune => {
                // Which ones are to go is pruning's business; the newest stays.
                let target = house.store.open_target(TARGET).expect("a target");
                let retention = Retention { full_count_min: 1, days_min: 0, entries_days_min: 0 };
                let made = house.back_up_all();
                self.fulls.clear();
                self.fulls.extend(made);
                made.is_some() && house.store.prune_backups(&target, retention, false).is_ok()
            }
            Work::Register => house.store.register_target(THIRD, true, false).is_ok(),
            Work::RemoveTarget => house.store.remove_target(SECOND, None).is_ok(),
            Work::RetireCell => house.retire_second(&self.clock),
            Work::ChangeUnlock => house.store.change_unlock(&unlock(), &[other_unlock()]).is_ok(),
            Work::ReplaceRoot => house.store.replace_root(&unlock(), &[other_unlock()]).is_ok(),
            Work::Restore | Work::RestoreTo | Work::RestoreWithCell => true,
        };
        // What comes of it afterwards was not promised to anybody.
        let _ = house.store.keep();
        done
    }

    /// Puts on paper what this work has destroyed; whether it was acknowledged.
    fn gone(&mut self, work: Work, result: Result<Option<ErasureId>, Error>) -> bool {
        let Ok(erasure) = result else { return false };
        let live =
            self.paper.iter_mut().filter(|(name, paper)| work.destroys(name) && paper.erasure.is_none());
        live.for_each(|(_, paper)| paper.erasure = erasure);
        true
    }

    /// Opens what the power failure left, by whichever unlock it may be.
    fn reopen(&self, work: Work, done: bool, at: &str) -> Opened {
        let relocks = matches!(work, Work::ChangeUnlock | Work::ReplaceRoot);
        let first = if relocks && done { other_unlock() } else { unlock() };
        let opened = match self.open(&first) {
            Err(StoreError::Unlock(_)) if relocks && !done => self.open(&other_unlock()),
            Err(StoreError::Missing(_) | StoreError::Unfinished(_)) if work.restores() && !done => {
                self.restore(work).unwrap_or_else(|error| panic!("{at}: restoring again: {error}"));
                self.open(&unlock())
            }
            opened => opened,
        };
        opened.unwrap_or_else(|error| panic!("{at}: {error}"))
    }

    fn check(&self, work: Work, done: bool, at: &str) {
        let house = self.reopen(work, done, at);
        let settled = (0..8).any(|_| !house.store.keep().unwrap_or_else(|error| panic!("{at}: {error}")));
        assert!(settled || work.restores(), "{at}: something is left to do");
        let mut unanswered = BTreeSet::new();
        for (name, paper) in &self.paper {
            match (paper.erasure, house.decrypt(name, paper)) {
                (None, Err(error)) if error.kind() == ErrorKind::Destroyed && work.destroys(name) => {
                    assert!(!done, "{at}: {name} is not on paper");
                    unanswered.insert(true);
                }
                // Its waiting period has begun.
                (None, Err(error)) if error.kind() == ErrorKind::WrongState => {
                    let waits = work == Work::DestroyLater && work.destroys(name) && !done;
                    assert!(waits, "{at}: {name}: {error}");
                }
                (None, Ok(_)) if work.destroys(name) => drop(unanswered.insert(false)),
                (None, _) => house.assert_serves(name, paper, at),
                (Some(erasure), found) => {
                    let refused = found.err().map(|error| error.kind());
                    assert_eq!(refused, Some(ErrorKind::Destroyed), "{at}: {name} was destroyed");
                    let certificate = house.store.get(&RecordKey::Certificate(erasure)).expect("reads");
                    assert!(certificate.is_some(), "{at}: {name} has no certificate");
                }
            }
        }
        assert!(unanswered.len() <= 1, "{at}: some of what one entry destroys is destroyed, some is not");
        match (work, done) {
            (Work::Register, true) => {
                let confirmed = house.place(THIRD).map(|place| place.confirmed);
                let generation = house.store.generation().expect("reads");
                assert_eq!(confirmed, Some(generation), "{at}: the new target has no epoch key");
            }
            (Work::RemoveTarget | Work::RetireCell, true) => {
                let place = house.place(SECOND);
                let gone = place.is_none_or(|place| place.lost.is_some() || !place.has_cell);
                assert!(gone, "{at}: the target is back");
            }
            (Work::Create, true) => {
                drop(house.encrypt("new").unwrap_or_else(|error| panic!("{at}: {error}")))
            }
            (Work::Rotate, true) => {
                let version = house.encrypt("key 0").unwrap_or_else(|error| panic!("{at}: {error}")).version;
                assert!(version > self.paper["key 0"].version, "{at}: the rotation is lost");
            }
            _ => {}
        }
        house.engine.execute(&house.admin, &VerifyJournal).unwrap_or_else(|error| panic!("{at}: {error}"));
        // It is a house in which one can live on.
        house.create("afterwards").unwrap_or_else(|error| panic!("{at}: {error}"));
        let verified = house.store.open_target(TARGET).expect("a target");
        let verified = house.store.verify_backup(&*verified, &mut |_| {}).expect("is reached");
        assert_eq!(verified.problems, [], "{at}");
        let fulls = house.fulls().expect("is reached");
        if work != Work::Prune || done {
            assert!(self.fulls.is_subset(&fulls), "{at}: a backup is lost: {fulls:?} of {:?}", self.fulls);
        }
        for (disk, cell) in [(&self.machine, "/data.cell"), (&self.target, "/backups/keys.cell")] {
            let bytes = disk.bytes(Path::new(cell));
            let slots = bytes.chunks(4096).filter(|slot| slot.iter().any(|byte| *byte != 0));
            // Generation to key; both slots may hold the same.
            let held: BTreeSet<_> = slots.map(|slot| slot[30..72].to_vec()).collect();
            assert!(held.len() == 1 || work.restores(), "{at}: {cell} holds {} epoch keys", held.len());
        }
    }
}

/// Lets the power fail at every change that some work makes to one of the disks; how many there were.
fn fail_everywhere(site: &Site, work: Work, seed: u64) -> u64 {
    let mut points = 0;
    for at_target in [false, true] {
        let mut whole = site.copy(work);
        let disk = |site: &Site| {
            if at_target { site.target.clone() } else { site.machine.clone() }
        };
        let before = disk(&whole).changes();
        assert!(whole.work(work), "seed {seed}: {work:?} is done where nothing fails");
        let changes = disk(&whole).changes() - before;
        for count in 1..=changes {
            let mut failing = site.copy(work);
            disk(&failing).fail_power_at(count);
            let done = failing.work(work);
            let crash = |disk: &FaultyDisk, lost: bool| {
                if lost { disk.crash(seed ^ count) } else { disk.kill() }
            };
            failing.machine = crash(&failing.machine, !at_target);
            // An index that lags, or none.
            let index = if count % 4 == 0 { LaggingEngine::new() } else { failing.index.crash(seed ^ count) };
            failing.index = Arc::new(index);
            failing.target = crash(&failing.target, at_target);
            let place = if at_target { "the target" } else { "the machine" };
            failing.check(
                work,
                done,
                &format!("seed {seed}: {work:?}, power lost at change {count} of {place}"),
            );
        }
        points += changes;
    }
    points
}

#[test]
fn no_acknowledged_change_is_lost_wherever_the_power_fails() {
    let wanted = if std::env::var_os("KEYREEVE_LONG").is_some() { 100_000 } else { 3_000 };
    let try_seed = |seed| {
        let site = Site::new(seed);
        let works = WORKS.into_iter().filter(|work| work.suits(site.set_up));
        works
            .map(|work| {
                let found = fail_everywhere(&site, work, seed);
                assert!(found > 0, "seed {seed}: {work:?} changes nothing");
                found
            })
            .sum::<u64>()
    };
    if let Some(seed) = std::env::var("KEYREEVE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        assert!(try_seed(seed) > 0);
        return;
    }
    // Seeds are independent of one another: each core takes the next one until there are points enough.
    let (next, points) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while points.load(Ordering::SeqCst) < wanted {
                    let found = try_seed(next.fetch_add(1, Ordering::SeqCst));
                    points.fetch_add(found, Ordering::SeqCst);
                }
            });
        }
    });
    let points = points.into_inner();
    eprintln!("{points} crash points, no acknowledged change lost");
    assert!(points >= wanted);
}
