//! The store through its public face: whole life, staleness, faults, rebuilding, sealed material.

mod archive;
mod audit;
mod backup;
mod destroy;
mod engines;
mod faults;
mod golden;
mod lag;
mod life;
mod model;
mod pace;
mod places;
mod rebuild;
mod records;
mod root;
mod s3;
mod staleness;
mod targets;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
    time::Duration,
};

use keyreeve_core::{
    Result, SecretBytes,
    model::{Lsn, Time},
    ports::{
        clock::Clock,
        crypto::Crypto,
        store::{Commit, Committed, DrawnIds, Store as _},
    },
    record::{Change, RecordKey},
};
use keyreeve_crypto::SoftwareCrypto;
use keyreeve_store::{EngineChoice, Store, StoreOptions, Unlock, engines::memory::MemoryEngine};
use keyreeve_testkit::disk::FaultyDisk;

/// A clock that stands still unless it is moved.
#[derive(Default)]
struct HandClock(AtomicI64);

impl HandClock {
    fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn wait(&self, duration: Duration) {
        self.0.fetch_add(duration.as_millis() as i64, Ordering::SeqCst);
    }
}

/// Everything that a store in memory is made of; kept from one opening to the next.
struct Bench {
    disk: FaultyDisk,
    options: StoreOptions,
    clock: Arc<HandClock>,
    failures: Arc<parking_lot::Mutex<Vec<String>>>,
}

impl Bench {
    /// A store's surroundings on this disk, with a new engine in memory.
    fn on(disk: FaultyDisk) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(1_000)));
        let failures = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let told = failures.clone();
        let mut options = StoreOptions::new(PathBuf::from("/data"), crypto(), clock.clone());
        options.disk = Arc::new(disk.clone());
        options.engine = EngineChoice::Given(Arc::new(MemoryEngine::default()));
        options.journal.preallocate_bytes = 16 * 1024;
        options.journal.reserve_bytes = 16 * 1024;
        options.on_failure = Arc::new(move |cause| told.lock().push(cause.to_owned()));
        Self { disk, options, clock, failures }
    }

    /// A new store on a new disk.
    fn created() -> Self {
        let bench = Self::on(FaultyDisk::new());
        Store::create(&bench.options, key_file()).unwrap();
        bench
    }

    fn open(&self) -> Store {
        Store::open(&self.options, &key_file()).unwrap()
    }

    /// The same store without its index.
    fn without_index(&self) -> Self {
        Self::on(self.disk.clone())
    }
}

fn crypto() -> Arc<dyn Crypto> {
    Arc::new(SoftwareCrypto::new())
}

fn key_file() -> Unlock {
    Unlock::KeyFile(SecretBytes::copy_from(format!("{}\n", "5a".repeat(32)).as_bytes()))
}

/// Commits and waits for the answer.
fn commit(store: &Store, as_of: Lsn, reads: &[RecordKey], changes: Vec<Change>) -> Result<Committed> {
    let commit = Commit {
        as_of,
        reads: reads.to_vec(),
        valid_until: None,
        drawn: DrawnIds::default(),
        entry: records::draft(changes),
    };
    commit_whole(store, commit)
}

fn commit_whole(store: &Store, commit: Commit) -> Result<Committed> {
    let (sender, receiver) = mpsc::channel();
    store.commit(commit, Box::new(move |result| sender.send(result).unwrap()));
    receiver.recv().expect("every commit is answered")
}

/// Commits changes that read nothing.
fn put(store: &Store, changes: Vec<Change>) -> Lsn {
    match commit(store, store.published(), &[], changes).unwrap() {
        Committed::Done(lsn) => lsn,
        Committed::Stale => panic!("nothing was read"),
    }
}
