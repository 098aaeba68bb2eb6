//! Restoring through the store's public face: whole stores, points in time, lost and living machines, crashes.

mod blame;
mod crash;
mod damage;
mod day;
mod gap;
mod history;
mod machines;
mod records;
mod rot;
mod scale;
mod speed;

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
    time::Duration,
};

use keyreeve_core::{
    SecretBytes,
    model::{Lsn, Time},
    ports::{
        clock::Clock,
        crypto::Crypto,
        store::{Commit, Committed, DrawnIds, Store as _},
    },
    record::{Change, EntryDraft, Record, RecordKey},
};
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_store::{
    EngineChoice, Store, StoreError, StoreOptions, Unlock,
    backup::targets::{KnownTargets, Target, Targets},
    disk::Disk,
    engines::memory::MemoryEngine,
    restore::{Plan, PointInTime, Report, restore},
};
use keyreeve_testkit::disk::FaultyDisk;

/// A clock that stands still unless it is moved.
#[derive(Default)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn wait(&self, duration: Duration) {
        self.0.fetch_add(duration.as_millis() as i64, Ordering::SeqCst);
    }
}

/// A machine with a disk of its own, and the disk at which all targets lie.
struct Machine {
    disk: FaultyDisk,
    targets: FaultyDisk,
    clock: Arc<HandClock>,
}

const TARGET: &str = "/backups/keys";

impl Machine {
    fn new() -> Self {
        let targets = FaultyDisk::new();
        make_dir(&targets, "/backups");
        Self::beside(&targets)
    }

    /// Another machine that reaches the same targets.
    fn beside(targets: &FaultyDisk) -> Self {
        let disk = FaultyDisk::new();
        make_dir(&disk, "/machine");
        Self { disk, targets: targets.clone(), clock: Arc::new(HandClock(AtomicI64::new(1_000))) }
    }

    fn options(&self) -> StoreOptions {
        let mut options = StoreOptions::new(PathBuf::from("/machine/data"), crypto(), self.clock.clone());
        options.disk = Arc::new(self.disk.clone());
        options.engine = EngineChoice::Given(Arc::new(MemoryEngine::default()));
        options.targets = Some(Arc::new(KnownTargets::new(Arc::new(self.targets.clone()), crypto())));
        options.journal.preallocate_bytes = 16 * 1024;
        options.journal.reserve_bytes = 16 * 1024;
        options.background = false;
        options
    }

    /// A new store with one registered target.
    fn created(&self) -> Store {
        Store::create(&self.options(), [key_file()]).unwrap();
        let store = Store::open(&self.options(), &key_file()).unwrap();
        store.register_target(TARGET, true, false).unwrap();
        store
    }

    fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.options(), &key_file())
    }

    fn target(&self) -> Arc<dyn Target> {
        KnownTargets::new(Arc::new(self.targets.clone()), crypto()).open(TARGET).unwrap()
    }

    fn restore(&self, to: PointInTime, keep_new: bool) -> Result<Report, StoreError> {
        let from = self.target();
        restore(&self.options(), &key_file(), &Plan { from: &*from, to, keep_new, cell: None })
    }

    fn set_time(&self, ms: i64) {
        self.clock.0.store(ms, Ordering::SeqCst);
    }
}

fn make_dir(disk: &FaultyDisk, path: &str) {
    disk.create_dir(Path::new(path)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
}

fn crypto() -> Arc<dyn Crypto> {
    Arc::new(SoftwareCrypto::new())
}

fn key_file() -> Unlock {
    Unlock::KeyFile(SecretBytes::copy_from(format!("{}\n", "5a".repeat(32)).as_bytes()))
}

/// Commits changes that read nothing.
fn put(store: &Store, changes: Vec<Change>) -> Lsn {
    commit(store, records::draft(changes))
}

/// Commits an entry that rests on nothing.
fn commit(store: &Store, entry: EntryDraft) -> Lsn {
    let commit = Commit {
        as_of: store.published(),
        reads: Vec::new(),
        valid_until: None,
        drawn: DrawnIds::default(),
        entry,
    };
    let (sender, receiver) = mpsc::channel();
    store.commit(commit, Box::new(move |result| sender.send(result).unwrap()));
    match receiver.recv().expect("every commit is answered").unwrap() {
        Committed::Done(lsn) => lsn,
        Committed::Stale => panic!("nothing was read"),
    }
}

/// Makes keys with these ids.
fn fill(store: &Store, ids: RangeInclusive<u128>) {
    for id in ids {
        put(store, records::create(store, id, &format!("key {id}")));
    }
}

/// Does everything that waits to be done.
fn keep(store: &Store) {
    for _ in 0..4 {
        store.keep().unwrap();
    }
}

fn get(store: &Store, key: &RecordKey) -> Option<Record> {
    store.get(key).unwrap().as_deref().cloned()
}
