//! The rate at which targets are written to, on a clock that waits move: it holds after every object, for the journal and
//! for full backups.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use keyreeve_core::{
    model::{PrincipalId, Time},
    ports::{
        cell::Cell,
        clock::Clock,
        store::{Commit, DrawnIds, Store as _},
    },
    record::{Change, EntryDraft, Record, ServerData},
};
use keyreeve_store::{
    Store,
    backup::{
        Acknowledge, BackupError, BackupKind, BackupOptions, Progress,
        targets::{KnownTargets, Listed, PutIf, Target, TargetError, Targets, Version},
    },
};
use keyreeve_testkit::{disk::FaultyDisk, random::Random};
use parking_lot::{Condvar, Mutex};

use crate::{Bench, HandClock, commit_whole, crypto, key_file, put, records};

const BYTES_PER_SECOND_MAX: u64 = 10_000;

/// When objects came, in milliseconds, and how many bytes each has.
type Came = Arc<Mutex<Vec<(i64, u64)>>>;

/// A folder that notes when how many bytes of an archive came.
struct Watched {
    folder: Arc<dyn Target>,
    clock: Arc<HandClock>,
    came: Came,
}

impl Target for Watched {
    fn address(&self) -> &str {
        self.folder.address()
    }
    fn put(&self, path: &str, bytes: &[u8], when: PutIf<'_>) -> Result<bool, TargetError> {
        if path.starts_with("t1/pieces/") || path.starts_with("t1/chunks/") {
            self.came.lock().push((self.clock.now().0, bytes.len() as u64));
        }
        self.folder.put(path, bytes, when)
    }
    fn get(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, TargetError> {
        self.folder.get(path)
    }
    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Option<Vec<u8>>, TargetError> {
        self.folder.get_range(path, offset, len)
    }
    fn list(&self, prefix: &str) -> Result<Vec<Listed>, TargetError> {
        self.folder.list(prefix)
    }
    fn delete(&self, path: &str) -> Result<(), TargetError> {
        self.folder.delete(path)
    }
    fn cell(&self) -> Result<Arc<dyn Cell>, TargetError> {
        self.folder.cell()
    }
    fn domain(&self) -> Option<String> {
        self.folder.domain()
    }
}

/// Opens folders that are watched.
struct Watching {
    known: KnownTargets,
    clock: Arc<HandClock>,
    came: Came,
}

impl Targets for Watching {
    fn open(&self, address: &str) -> Result<Arc<dyn Target>, TargetError> {
        let (folder, clock, came) = (self.known.open(address)?, self.clock.clone(), self.came.clone());
        Ok(Arc::new(Watched { folder, clock, came }))
    }
}

/// A store whose targets are watched.
fn watched() -> (Bench, Came) {
    let mut bench = Bench::on(FaultyDisk::new());
    let came = Arc::new(Mutex::new(Vec::new()));
    let known = KnownTargets::new(Arc::new(FaultyDisk::new()), crypto());
    let (clock, watch) = (bench.clock.clone(), came.clone());
    bench.options.targets = Some(Arc::new(Watching { known, clock, came: watch }));
    bench.options.archive.bytes_per_second_max = BYTES_PER_SECOND_MAX.try_into().ok();
    bench.options.background = false;
    Store::create(&bench.options, key_file()).unwrap();
    (bench, came)
}

/// A record of 2 KiB that nothing makes shorter.
fn record(number: u64) -> Change {
    let mut random = Random::new(number);
    let data = (0..256).flat_map(|_| random.next_u64().to_be_bytes()).collect();
    Change::Put(Record::Server(Arc::new(ServerData { name: format!("{number:05}"), data, sealed: None })))
}

/// Before each object there was time for all that came before it, and not more than that: but for so many bytes, which
/// nobody had waited for yet.
fn assert_in_rate(came: &[(i64, u64)], merged_max: u64) {
    let early_ms = (merged_max * 1000 / BYTES_PER_SECOND_MAX) as i64;
    let (mut bytes, begin) = (0, came[0].0);
    for (number, (at, len)) in came.iter().enumerate() {
        let (ms, wanted_ms) = (at - begin, (bytes * 1000 / BYTES_PER_SECOND_MAX) as i64);
        // The clock has whole milliseconds, which each wait is cut to.
        let cut_ms = number as i64 + 1;
        let in_rate = wanted_ms - cut_ms - early_ms..=wanted_ms + cut_ms;
        assert!(in_rate.contains(&ms), "{number}: {ms} of {wanted_ms} ms");
        bytes += len;
    }
}

#[test]
fn a_full_backup_keeps_to_the_rate() {
    let (bench, came) = watched();
    let store = bench.open();
    for first in (0..2000).step_by(500) {
        put(&store, (first..first + 500).map(record).collect());
    }
    let target = store.open_target("/backup").unwrap();
    let bytes_per_second_max = BYTES_PER_SECOND_MAX.try_into().ok();
    let options = BackupOptions { bytes_per_second_max, progress: None };
    let report = store.backup(&target, BackupKind::Full, options).unwrap();
    let mut came = came.lock();
    assert!(came.len() > 1 && report.progress.bytes_written > 1 << 20, "{came:?}");
    assert_eq!(came.iter().map(|(_, len)| len).sum::<u64>(), report.progress.bytes_written);
    // It has ended when the last of it is within the rate.
    came.push((bench.clock.now().0, 0));
    assert_in_rate(&came, 0);
}

#[test]
fn the_journal_keeps_to_the_rate_with_what_is_merged() {
    let (bench, came) = watched();
    let store = bench.open();
    store.register_target("/backup", true, false).unwrap();
    // What a new target needs goes there at once.
    came.lock().clear();
    for number in 0..70 {
        put(&store, vec![record(number)]);
        store.keep().unwrap();
    }
    let came = came.lock();
    let largest = came.iter().map(|(_, len)| *len).max().unwrap();
    assert!(came.len() > 70 && largest > 40 * 2048, "some were merged: {came:?}");
    assert_in_rate(&came, largest);
    let merged = came.iter().position(|(_, len)| *len == largest).unwrap();
    let next_ms = came[merged + 1].0 - came[merged].0;
    assert!(next_ms < 1000, "what is new does not wait for what was merged: {next_ms} ms");
    let (last_ms, bytes) = (came[came.len() - 1].0 - came[0].0, came.iter().map(|(_, len)| len).sum::<u64>());
    assert!(
        last_ms as u64 * BYTES_PER_SECOND_MAX / 1000 > bytes - 10_000,
        "but it is waited for: {last_ms} ms"
    );
}

fn commit_of(store: &Store, number: u64) -> Commit {
    // What the server does by itself waits for nobody.
    let principal = PrincipalId(uuid::Uuid::from_u128(1));
    let entry = EntryDraft { principal, ..records::draft(vec![record(number)]) };
    let (as_of, reads, drawn) = (store.published(), Vec::new(), DrawnIds::default());
    Commit { as_of, reads, valid_until: None, drawn, entry }
}

/// One that is made while the journal grows ends with what was there when it began, and is stopped when that is asked for.
#[test]
fn an_incremental_backup_to_a_registered_target_ends() {
    let (bench, _) = watched();
    let store = bench.open();
    let target = store.open_target("/backup").unwrap();
    store.register_target("/backup", true, false).unwrap();
    let backup = |progress: &mut dyn FnMut() -> ControlFlow<()>| {
        let mut progress = |_: Progress| progress();
        let options = BackupOptions { bytes_per_second_max: None, progress: Some(&mut progress) };
        store.backup(&target, BackupKind::Incremental, options)
    };
    put(&store, vec![record(0)]);
    let mut told = 0;
    let report = backup(&mut || {
        told += 1;
        put(&store, vec![record(told)]);
        if told < 10 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let report = report.unwrap();
    assert!(report.progress.bytes > 2048 && store.targets()[0].shipped.0 >= report.lsn.0, "{report:?}");
    assert!(matches!(backup(&mut || ControlFlow::Break(())), Err(BackupError::Stopped)));
}

/// Whoever waits for an answer has the thread ship at once, but not beyond the rate.
#[test]
fn who_waits_for_a_target_does_not_break_the_rate() {
    let (mut bench, came) = watched();
    bench.options.background = true;
    bench.options.archive.acknowledge = Acknowledge::Target;
    let store = bench.open();
    store.register_target("/backup", true, false).unwrap();
    came.lock().clear();
    for number in 0..20 {
        commit_whole(&store, commit_of(&store, number)).unwrap();
    }
    let came = came.lock();
    assert!(came.len() >= 20, "{came:?}");
    assert_in_rate(&came, 0);
}

/// A clock whose waits end one by one, as they are let go.
#[derive(Default)]
struct Gate {
    /// Those that have begun, and those that may end.
    waits: Mutex<(u64, u64)>,
    changed: Condvar,
    ms: AtomicI64,
}

impl Gate {
    fn let_go(&self, waits: u64) {
        self.waits.lock().1 = waits;
        self.changed.notify_all();
    }

    /// Until so many waits have begun.
    fn await_waits(&self, waits: u64) {
        let begin = Instant::now();
        while self.waits.lock().0 < waits {
            assert!(begin.elapsed() < Duration::from_secs(60), "nobody waits");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Clock for Gate {
    fn now(&self) -> Time {
        Time(self.ms.load(Ordering::SeqCst))
    }

    fn wait(&self, _: Duration) {
        let mut waits = self.waits.lock();
        waits.0 += 1;
        let number = waits.0;
        while waits.1 < number {
            self.changed.wait(&mut waits);
        }
    }
}

/// Lets everybody go at the end, however a test ends: a store that is dropped waits for its threads.
struct LetGo(Arc<Gate>);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.let_go(u64::MAX);
    }
}

/// Lets go of one wait after the other until something is so.
fn let_go_until(clock: &Gate, store: &Store, so: impl Fn() -> bool) {
    let (begin, mut waits) = (Instant::now(), 0);
    while !so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", store.targets());
        waits += 1;
        clock.let_go(waits);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A backlog that takes days at its rate holds nobody up.
#[test]
fn a_store_that_is_closed_waits_for_no_rate() {
    let (mut bench, _) = watched();
    let clock = Arc::new(Gate::default());
    bench.options.clock = clock.clone();
    bench.options.background = true;
    bench.options.archive.bytes_per_second_max = std::num::NonZeroU64::new(1);
    let store = Arc::new(bench.open());
    let _let_go = LetGo(clock.clone());
    store.register_target("/backup", true, false).unwrap();
    put(&store, (0..100).map(record).collect());
    clock.await_waits(1);
    let last = put(&store, vec![record(100)]);
    assert!(store.targets()[0].shipped < last, "it waits for what was shipped before");
    let closing = std::thread::spawn({
        let store = store.clone();
        move || store.close()
    });
    // Two million waits of 100 ms are owed.
    let_go_until(&clock, &store, || closing.is_finished());
    closing.join().unwrap().unwrap();
    assert!(store.targets().iter().all(|status| status.shipped >= last), "{:?}", store.targets());
}

/// What was asked for before a stop is answered when the target has it, not when its rate allows.
#[test]
fn who_waits_for_a_target_is_answered_before_a_stop() {
    let (mut bench, _) = watched();
    let clock = Arc::new(Gate::default());
    bench.options.clock = clock.clone();
    bench.options.background = true;
    bench.options.archive.bytes_per_second_max = std::num::NonZeroU64::new(1);
    bench.options.archive.acknowledge = Acknowledge::Target;
    let store = Arc::new(bench.open());
    let _let_go = LetGo(clock.clone());
    store.register_target("/backup", true, false).unwrap();
    put(&store, (0..100).map(record).collect());
    clock.await_waits(1);
    let answered = Arc::new(Mutex::new(None));
    let answer = answered.clone();
    store.commit(commit_of(&store, 100), Box::new(move |result| *answer.lock() = Some(result.is_ok())));
    // Two million waits of 100 ms are owed.
    store.hurry();
    let_go_until(&clock, &store, || answered.lock().is_some());
    assert_eq!(*answered.lock(), Some(true));
    store.close().unwrap();
}

/// Who waits for a target that keeps to its rate is answered in time, and the breach is told meanwhile.
#[test]
fn what_waits_for_the_rate_is_told() {
    let (mut bench, _) = watched();
    let clock = Arc::new(Gate::default());
    bench.options.clock = clock.clone();
    bench.options.background = true;
    bench.options.archive.bytes_per_second_max = std::num::NonZeroU64::new(1);
    bench.options.archive.acknowledge = Acknowledge::Target;
    let store = Arc::new(bench.open());
    let _let_go = LetGo(clock.clone());
    store.register_target("/backup", true, false).unwrap();
    // Whether the target has it before the rate is waited for is open: nobody waits for the answer.
    store.commit(commit_of(&store, 1), Box::new(|_| ()));
    clock.await_waits(1);

    let (told, answer) = std::sync::mpsc::channel();
    let seen = Arc::downgrade(&store);
    let done = move |result: keyreeve_core::Result<_>| {
        // Only who has waited too long is told while the status can be asked for.
        let breached = result.is_err() && seen.upgrade().is_some_and(|store| store.targets()[0].breached);
        let _ = told.send((result.is_err(), breached));
    };
    store.commit(commit_of(&store, 2), Box::new(done));
    // Answers come in order, and one without changes waits for no target.
    put(&store, Vec::new());
    clock.let_go(2);
    clock.await_waits(3);
    assert!(answer.try_recv().is_err(), "it waits");
    clock.ms.store(30_000, Ordering::SeqCst);
    clock.let_go(3);
    assert_eq!(answer.recv_timeout(Duration::from_secs(60)), Ok((true, true)), "{:?}", store.targets());
    clock.let_go(u64::MAX);
    store.close().unwrap();
}
