//! Figures of a large store on a real disk, told on stdout; docs/performance.md holds them. Nothing is asserted about time.
//!
//! `KEYREEVE_LONG=1 cargo test --release -p keyreeve-store --test restore speed -- --nocapture --test-threads 1`;
//! KEYREEVE_SPEED_KEYS=N and KEYREEVE_SPEED_USES=N make it smaller.

#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use std::{
    sync::atomic::{AtomicBool, AtomicU64},
    thread,
    time::{Duration, Instant},
};

use keyreeve_core::{
    access::Action,
    model::{Algorithm, ErasureId, KeySpec, ObjectType},
    ports::crypto::Generated,
};
use keyreeve_store::{
    backup::{BackupKind, BackupOptions},
    disk::RealDisk,
};
use keyreeve_testkit::random::Random;
use uuid::Uuid;

use super::*;

/// Threads that make keys.
const MAKERS: u128 = 4;
/// Commits of each thread that nobody has waited for.
const AHEAD_MAX: usize = 1024;
/// Threads of the running traffic.
const CLIENTS: usize = 64;
const TRAFFIC: Duration = Duration::from_secs(5);
const DESTROYED: usize = 1_000;

pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Time(since.as_millis() as i64)
    }

    fn wait(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// How many, unless the variable says otherwise; none where long tests are not wanted.
pub(crate) fn wanted(variable: &str, count: u128) -> Option<u128> {
    std::env::var_os("KEYREEVE_LONG")?;
    Some(std::env::var(variable).map_or(count, |text| text.parse().unwrap()))
}

/// A folder for stores and a target, on a real disk.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn options(&self, name: &str) -> StoreOptions {
        StoreOptions::new(self.folder.path().join(name), crypto(), Arc::new(WallClock))
    }

    fn address(&self) -> String {
        self.folder.path().join("target").to_string_lossy().into_owned()
    }

    fn target(&self) -> Arc<dyn Target> {
        KnownTargets::new(Arc::new(RealDisk), crypto()).open(&self.address()).unwrap()
    }

    fn created(&self, options: &StoreOptions) -> Store {
        Store::create(options, [key_file()]).unwrap();
        let store = Store::open(options, &key_file()).unwrap();
        store.register_target(&self.address(), true, false).unwrap();
        store.start_signing(signer());
        store
    }

    /// Restores to a new folder, tells how long that took, and removes it.
    fn restored(&self, what: &str, to: PointInTime) -> Report {
        let options = self.options("restored");
        let (target, begin, cpu) = (self.target(), Instant::now(), cpu_seconds());
        let plan = Plan { from: &*target, to, keep_new: false, cell: None };
        let report = restore(&options, &key_file(), &plan).unwrap();
        let (took, durations) = (begin.elapsed(), report.durations);
        println!(
            "restore {what}: {took:.1?}, {:.1} s of processors; {} keys opened; loading {} ms, indexes {} ms, verifying {} ms",
            cpu_seconds() - cpu,
            report.verified.opened,
            durations.load_ms,
            durations.index_ms,
            durations.verify_ms
        );
        println!("  {} entries replayed", report.replayed);
        std::fs::remove_dir_all(&options.dir).unwrap();
        report
    }
}

fn signer() -> Arc<dyn keyreeve_core::ports::crypto::ParsedKey> {
    let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
    let Ok(Generated::Pair { private, .. }) = crypto().generate(&spec) else { panic!("a pair") };
    crypto().parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap()
}

/// Processor time that this process has had.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    // User and system, in hundredths.
    fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

/// Commits without waiting; `done` learns when it is durable.
fn send(store: &Store, entry: EntryDraft, done: mpsc::SyncSender<Result<Committed, keyreeve_core::Error>>) {
    let commit = Commit {
        as_of: store.published(),
        reads: Vec::new(),
        valid_until: None,
        drawn: DrawnIds::default(),
        entry,
    };
    store.commit(commit, Box::new(move |result| drop(done.send(result))));
}

/// Commits so many entries, several threads at once.
pub(crate) fn commit(store: &Store, what: &str, count: u128, entry: impl Fn(u128) -> EntryDraft + Sync) {
    let begin = Instant::now();
    thread::scope(|scope| {
        for maker in 0..MAKERS {
            let entry = &entry;
            scope.spawn(move || {
                let (sender, done) = mpsc::sync_channel(AHEAD_MAX);
                let mut waiting = 0;
                for number in (1..=count).filter(|number| number % MAKERS == maker) {
                    send(store, entry(number), sender.clone());
                    waiting += 1;
                    if waiting == AHEAD_MAX {
                        done.recv().unwrap().unwrap();
                        waiting -= 1;
                    }
                }
                for _ in 0..waiting {
                    done.recv().unwrap().unwrap();
                }
            });
        }
    });
    let took = begin.elapsed();
    println!("{count} {what} in {took:.1?}: {:.0} a second", count as f64 / took.as_secs_f64());
}

/// A use of a key.
fn usage(id: u128) -> EntryDraft {
    let (key, object) = (Some(records::key_id(id)), Some(records::object_id(id)));
    EntryDraft { action: Action::Encrypt, key, object, ..records::draft(Vec::new()) }
}

/// Removes, until told to stop, segments of the journal that the target has: so many uses would not fit on a disk.
fn remove_shipped(store: &Store, journal: &Path, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let shipped = store.targets()[0].shipped.0;
        let names = std::fs::read_dir(journal).unwrap().map(|file| file.unwrap().file_name());
        let firsts = names.filter_map(|name| name.to_str()?.strip_suffix(".krj")?.parse().ok());
        let firsts: std::collections::BTreeSet<u64> = firsts.collect();
        // A segment is done with where the one behind the next begins before what was shipped.
        let ends = firsts.iter().zip(firsts.iter().skip(2));
        for (first, _) in ends.filter(|(_, next)| **next < shipped) {
            std::fs::remove_file(journal.join(format!("{first:020}.krj"))).unwrap();
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// Waits until the target has everything.
fn shipped(store: &Store) {
    let begin = Instant::now();
    while store.targets().iter().any(|target| target.lag_entries > 0) {
        thread::sleep(Duration::from_millis(5));
    }
    println!("the target had the last entry {:.1?} later", begin.elapsed());
}

/// What `work` takes, and how many uses of keys a second go on the record before and during it.
fn under_traffic<T>(store: &Store, what: &str, work: impl FnOnce() -> T) -> T {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let (sender, done) = mpsc::sync_channel(1);
                while !stop.load(Ordering::Relaxed) {
                    send(store, usage(1), sender.clone());
                    done.recv().unwrap().unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(TRAFFIC / 5);
        let rate = |since: Instant| count.swap(0, Ordering::Relaxed) as f64 / since.elapsed().as_secs_f64();
        count.store(0, Ordering::Relaxed);
        let begin = Instant::now();
        thread::sleep(TRAFFIC);
        let before = rate(begin);
        let begin = Instant::now();
        let result = work();
        let took = begin.elapsed();
        println!("{what}: {took:.1?} under traffic; {before:.0} commits/s before, {:.0} during", rate(begin));
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// Destroys keys one by one, and waits for the last certificate.
fn destroy(store: &Store, ids: &[u128]) {
    let begin = Instant::now();
    let (sender, done) = mpsc::sync_channel(ids.len());
    ids.iter().for_each(|id| send(store, records::draft(records::destroy(store, *id)), sender.clone()));
    for _ in ids {
        done.recv().unwrap().unwrap();
    }
    let asked = begin.elapsed();
    for id in ids {
        let complete = store.wait_erasure(ErasureId(Uuid::from_u128(*id)), Duration::from_secs(60)).unwrap();
        assert!(complete.is_some(), "{id}");
    }
    println!(
        "{} destroys: answered after {asked:.2?}, all complete after {:.2?}",
        ids.len(),
        begin.elapsed()
    );
}

/// Some of the first `count` numbers, each once.
fn sample(random: &mut Random, count: u128, wanted: usize) -> Vec<u128> {
    let mut chosen = std::collections::BTreeSet::new();
    while chosen.len() < wanted.min(count as usize / 2) {
        chosen.insert(1 + u128::from(random.below(count as u64)));
    }
    chosen.into_iter().collect()
}

#[test]
fn speed_with_a_million_keys() {
    let Some(count) = wanted("KEYREEVE_SPEED_KEYS", 1_000_000) else { return };
    let place = Place::new();
    let options = place.options("store");
    let store = place.created(&options);
    let create = |id| records::draft(records::create(&store, id, &format!("key {id}")));
    commit(&store, "keys made", count, create);
    shipped(&store);
    let store = reopened(store, &options);
    let all = store.published();
    let report = place.restored("from pieces alone", PointInTime::Latest);
    println!("  replay: {} entries/s", report.replayed * 1000 / report.durations.load_ms.max(1));
    let full = || store.backup(&place.target(), BackupKind::Full, BackupOptions::default()).unwrap();
    let report = under_traffic(&store, "full backup", full);
    println!("  {} rows, {} bytes", report.progress.rows, report.progress.bytes);
    let begin = Instant::now();
    let report = full();
    println!(
        "full backup again, nothing changed: {:.1?}, {} bytes written",
        begin.elapsed(),
        report.progress.bytes_written
    );
    place.restored("from a full backup", PointInTime::Latest);
    place.restored("to when half of them were there", PointInTime::Lsn(Lsn(all.0 / 2)));
    let doomed = sample(&mut Random::new(3), count, DESTROYED);
    destroy(&store, &doomed);
    destroy(
        &store,
        &[sample(&mut Random::new(4), count, DESTROYED).into_iter().find(|id| !doomed.contains(id)).unwrap()],
    );
    with_uses(&place, &store, &options.dir.join("journal"), count);
}

/// Closes the store, and opens it again.
fn reopened(store: Store, options: &StoreOptions) -> Store {
    let begin = Instant::now();
    store.close().unwrap();
    drop(store);
    println!("closed in {:.2?}", begin.elapsed());
    let begin = Instant::now();
    let store = Store::open(options, &key_file()).unwrap();
    println!("opened after a clean stop in {:.2?}", begin.elapsed());
    store.start_signing(signer());
    store
}

/// Set when it goes, in whatever way.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What many uses of keys add to a restore: the journal behind the newest full backup grows by them.
fn with_uses(place: &Place, store: &Store, journal: &Path, keys: u128) {
    let uses = wanted("KEYREEVE_SPEED_USES", 100_000_000).unwrap();
    place.restored("without uses of keys", PointInTime::Latest);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        // The store has long verified all segments, as it does after it was opened.
        scope.spawn(|| remove_shipped(store, journal, &stop));
        let _stop = Stop(&stop);
        commit(store, "uses of keys", uses, |number| usage(1 + number % keys));
        shipped(store);
    });
    let (count, bytes) = store.targets()[0].pieces;
    println!("the target has {count} pieces, {bytes} bytes");
    place.restored("from the same full backup with the uses behind it", PointInTime::Latest);
}
