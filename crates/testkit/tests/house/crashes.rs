//! Power failures at every change of a disk, of the machine's and of the target's, while keys are made, rotated and
//! destroyed, backups made and pruned, the root key locked anew and replaced, and a lost machine restored. Counted; no change
//! that was acknowledged may be lost. KEYREEVE_LONG=1 tries a hundred thousand.

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
    model::{Algorithm, ErasureId, KeySpec, ObjectType, Role},
    operations::{
        decrypt::Decrypt,
        destroy::Destroy,
        encrypt::{Encrypt, Form},
        journal::VerifyJournal,
        rekey::Rekey,
        server::Initialize,
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
    disk::Disk as _,
    engines::memory::MemoryEngine,
    restore::{Plan, PointInTime, restore},
};
use keyreeve_testkit::{disk::FaultyDisk, random::Random};

use super::bench::{HandClock, active_key, engine, known, principal, system, unlock};

const TARGET: &str = "/backups/keys";
const SECRET: &[u8] = b"attack at dawn";

/// What is under way when the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Create,
    Rotate,
    Destroy,
    BackUp,
    Ship,
    Prune,
    ChangeUnlock,
    ReplaceRoot,
    Restore,
}

const WORKS: [Work; 9] = [
    Work::Create,
    Work::Rotate,
    Work::Destroy,
    Work::BackUp,
    Work::Ship,
    Work::Prune,
    Work::ChangeUnlock,
    Work::ReplaceRoot,
    Work::Restore,
];

/// What was answered for a key.
#[derive(Clone)]
struct Paper {
    envelope: Vec<u8>,
    version: u32,
    erasure: Option<ErasureId>,
}

/// Two disks and what was acknowledged so far.
#[derive(Clone)]
struct Site {
    crypto: Arc<dyn Crypto>,
    signer: Arc<dyn ParsedKey>,
    clock: Arc<HandClock>,
    machine: FaultyDisk,
    target: FaultyDisk,
    paper: BTreeMap<String, Paper>,
}

struct Opened {
    store: Arc<Store>,
    engine: Arc<Engine>,
    admin: Caller,
}

fn other_unlock() -> Unlock {
    Unlock::KeyFile(SecretBytes::new("08".repeat(32).into_bytes()))
}

impl Opened {
    fn create(&self, name: &str) -> Result<(), Error> {
        self.engine.execute(&self.admin, &active_key(name)).map(drop)
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

    fn destroy(&self, name: &str) -> Result<Option<ErasureId>, Error> {
        let operation = Destroy { key: Reference::text(name), deactivate: true, at_once: true };
        self.engine.execute(&self.admin, &operation).map(|destroyed| destroyed.erasure)
    }

    fn decrypt(&self, name: &str, paper: &Paper) -> Result<SecretBytes, Error> {
        let operation = Decrypt {
            key: Reference::text(name),
            version: Some(paper.version),
            form: Form::Envelope { context: Vec::new() },
            ciphertext: paper.envelope.clone(),
            tag: None,
        };
        self.engine.execute(&self.admin, &operation).map(|decrypted| decrypted.plaintext)
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
}

impl Site {
    /// A house with a history.
    fn new(seed: u64) -> Self {
        let crypto: Arc<dyn Crypto> = Arc::new(SoftwareCrypto::new());
        let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
        let Ok(Generated::Pair { private, .. }) = crypto.generate(&spec) else { panic!("a pair") };
        let signer = crypto.parse(ObjectType::PrivateKey, Some(&spec), &private).expect("just made");
        let target = FaultyDisk::new();
        target.create_dir(Path::new("/backups")).expect("a folder");
        target.sync_dir(Path::new("/")).expect("synced");
        let clock = Arc::new(HandClock(AtomicI64::new(1_000_000)));
        let mut site =
            Self { crypto, signer, clock, machine: FaultyDisk::new(), target, paper: BTreeMap::new() };
        let options = site.options();
        Store::create(&options, unlock()).expect("a new store");
        let store = Arc::new(Store::open(&options, &unlock()).expect("opens"));
        let engine = engine(&store, &options);
        engine.execute(&system(), &Initialize).expect("initializes");
        let admin = principal(&engine, "admin", &[Role::Admin]);
        store.register_target(TARGET, true, false).expect("is there");
        store.start_signing(site.signer.clone());
        let opened = Opened { store, engine, admin };
        site.live(&opened, &mut Random::new(seed));
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
                1 => assert!(house.back_up(BackupKind::Full)),
                2 if self.paper[&name].erasure.is_none() => house.rotate(&name).expect("rotates"),
                _ => drop(house.store.keep().expect("keeps")),
            }
        }
        while house.store.keep().expect("keeps") {}
    }

    fn options(&self) -> StoreOptions {
        let mut options = StoreOptions::new("/data", self.crypto.clone(), self.clock.clone());
        options.disk = Arc::new(self.machine.clone());
        options.engine = EngineChoice::Given(Arc::new(MemoryEngine::default()));
        options.targets = Some(Arc::new(self.targets()));
        options.background = false;
        options.journal.preallocate_bytes = 16 * 1024;
        options.journal.reserve_bytes = 16 * 1024;
        options.journal.segment_bytes_max = 64 * 1024;
        options
    }

    fn targets(&self) -> KnownTargets {
        KnownTargets::new(Arc::new(self.target.clone()), self.crypto.clone())
    }

    fn copy(&self, work: Work) -> Self {
        let machine = if work == Work::Restore { FaultyDisk::new() } else { self.machine.kill() };
        Self { machine, target: self.target.kill(), ..self.clone() }
    }

    fn open(&self, unlock: &Unlock) -> Result<Opened, StoreError> {
        let options = self.options();
        let store = Arc::new(Store::open(&options, unlock)?);
        store.start_signing(self.signer.clone());
        let engine = engine(&store, &options);
        let admin = known(&engine, "admin");
        Ok(Opened { store, engine, admin })
    }

    fn restore(&self) -> Result<(), StoreError> {
        let from = self.targets().open(TARGET).expect("a target");
        let plan = Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell: None };
        restore(&self.options(), &unlock(), &plan).map(drop)
    }

    /// Does some work, as far as the disks let us, and what follows from it; whether it was acknowledged, and put on paper.
    fn work(&mut self, work: Work) -> bool {
        if work == Work::Restore && self.restore().is_err() {
            return false;
        }
        let Ok(house) = self.open(&unlock()) else { return false };
        let done = match work {
            Work::Create => house.create("new").is_ok(),
            Work::Rotate => house.rotate("key 0").is_ok(),
            Work::Destroy => match house.destroy("key 0") {
                Ok(erasure) => {
                    self.paper.get_mut("key 0").expect("is known").erasure = erasure;
                    true
                }
                Err(_) => false,
            },
            Work::BackUp => house.back_up(BackupKind::Full),
            Work::Ship => house.create("new").is_ok() && house.back_up(BackupKind::Incremental),
            Work::Prune => {
                let target = house.store.open_target(TARGET).expect("a target");
                let retention = Retention { full_count_min: 1, days_min: 0 };
                house.back_up(BackupKind::Full)
                    && house.store.prune_backups(&target, retention, false).is_ok()
            }
            Work::ChangeUnlock => house.store.change_unlock(&unlock(), &[other_unlock()]).is_ok(),
            Work::ReplaceRoot => house.store.replace_root(&unlock(), &[other_unlock()]).is_ok(),
            Work::Restore => true,
        };
        // What comes of it afterwards was not promised to anybody.
        let _ = house.store.keep();
        done
    }

    /// Opens what the power failure left, by whichever unlock it may be.
    fn reopen(&self, work: Work, done: bool, at: &str) -> Opened {
        let relocks = matches!(work, Work::ChangeUnlock | Work::ReplaceRoot);
        let first = if relocks && done { other_unlock() } else { unlock() };
        let opened = match self.open(&first) {
            Err(StoreError::Unlock(_)) if relocks && !done => self.open(&other_unlock()),
            Err(StoreError::Missing(_) | StoreError::Unfinished(_)) if work == Work::Restore && !done => {
                self.restore().unwrap_or_else(|error| panic!("{at}: restoring again: {error}"));
                self.open(&unlock())
            }
            opened => opened,
        };
        opened.unwrap_or_else(|error| panic!("{at}: {error}"))
    }

    fn check(&self, work: Work, done: bool, at: &str) {
        let house = self.reopen(work, done, at);
        let settled = (0..8).any(|_| !house.store.keep().unwrap_or_else(|error| panic!("{at}: {error}")));
        assert!(settled || work == Work::Restore, "{at}: something is left to do");
        for (name, paper) in &self.paper {
            match (paper.erasure, house.decrypt(name, paper)) {
                (None, Err(error)) if error.kind() == ErrorKind::Destroyed && work == Work::Destroy => {
                    assert!(name == "key 0" && !done, "{at}: {name} was not to be destroyed");
                }
                (None, _) => house.assert_serves(name, paper, at),
                (Some(erasure), found) => {
                    let refused = found.err().map(|error| error.kind());
                    assert_eq!(refused, Some(ErrorKind::Destroyed), "{at}: {name} was destroyed");
                    let certificate = house.store.get(&RecordKey::Certificate(erasure)).expect("reads");
                    assert!(certificate.is_some(), "{at}: {name} has no certificate");
                }
            }
        }
        match (work, done) {
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
        for (disk, cell) in [(&self.machine, "/data.cell"), (&self.target, "/backups/keys.cell")] {
            let bytes = disk.bytes(Path::new(cell));
            let slots = bytes.chunks(4096).filter(|slot| slot.iter().any(|byte| *byte != 0));
            // Generation to key; both slots may hold the same.
            let held: BTreeSet<_> = slots.map(|slot| slot[30..72].to_vec()).collect();
            assert!(held.len() == 1 || work == Work::Restore, "{at}: {cell} holds {} epoch keys", held.len());
        }
    }
}

/// Lets the power fail at every change that some work makes to one of the disks; how many there were.
fn fail_everywhere(site: &Site, work: Work, seed: u64) -> u64 {
    let mut points = 0;
    for at_target in [false, true] {
        let mut whole = site.copy(work);
        let disk = |site: &Site| if at_target { site.target.clone() } else { site.machine.clone() };
        let before = disk(&whole).changes();
        assert!(whole.work(work), "seed {seed}: {work:?} is done where nothing fails");
        let changes = disk(&whole).changes() - before;
        for count in 1..=changes {
            let mut failing = site.copy(work);
            disk(&failing).fail_power_at(count);
            let done = failing.work(work);
            let crash =
                |disk: &FaultyDisk, lost: bool| if lost { disk.crash(seed ^ count) } else { disk.kill() };
            failing.machine = crash(&failing.machine, !at_target);
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
    let wanted = if std::env::var_os("KEYREEVE_LONG").is_some() { 100_000 } else { 2_000 };
    // Seeds are independent of one another: each core takes the next one until there are points enough.
    let (next, points) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while points.load(Ordering::SeqCst) < wanted {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    let site = Site::new(seed);
                    let found = WORKS.map(|work| fail_everywhere(&site, work, seed));
                    assert!(found.iter().all(|found| *found > 0), "seed {seed}: {found:?}");
                    points.fetch_add(found.iter().sum::<u64>(), Ordering::SeqCst);
                }
            });
        }
    });
    let points = points.into_inner();
    eprintln!("{points} crash points, no acknowledged change lost");
    assert!(points >= wanted);
}
