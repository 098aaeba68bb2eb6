//! The rate at which targets are written to, on a clock that waits move: it holds after every object, for the journal and
//! for full backups.

use std::sync::Arc;

use keyreeve_core::{
    model::PrincipalId,
    ports::{
        cell::Cell,
        clock::Clock as _,
        store::{Commit, DrawnIds, Store as _},
    },
    record::{Change, EntryDraft, Record, ServerData},
};
use keyreeve_store::{
    Store,
    backup::{
        Acknowledge, BackupKind, BackupOptions,
        targets::{KnownTargets, Listed, PutIf, Target, TargetError, Targets, Version},
    },
};
use keyreeve_testkit::{disk::FaultyDisk, random::Random};
use parking_lot::Mutex;

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

/// Before each object there was time for all that came before it, and not more than that.
fn assert_in_rate(came: &[(i64, u64)]) {
    let (mut bytes, begin) = (0, came[0].0);
    for (number, (at, len)) in came.iter().enumerate() {
        let (ms, wanted_ms) = (at - begin, (bytes * 1000 / BYTES_PER_SECOND_MAX) as i64);
        // The clock has whole milliseconds, which each wait is cut to.
        let cut_ms = number as i64 + 1;
        assert!((wanted_ms - cut_ms..=wanted_ms + cut_ms).contains(&ms), "{number}: {ms} of {wanted_ms} ms");
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
    assert_in_rate(&came);
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
    assert_in_rate(&came);
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
        // What the server does by itself waits for nobody.
        let principal = PrincipalId(uuid::Uuid::from_u128(1));
        let entry = EntryDraft { principal, ..records::draft(vec![record(number)]) };
        let (as_of, reads, drawn) = (store.published(), Vec::new(), DrawnIds::default());
        commit_whole(&store, Commit { as_of, reads, valid_until: None, drawn, entry }).unwrap();
    }
    let came = came.lock();
    assert!(came.len() >= 20, "{came:?}");
    assert_in_rate(&came);
}

/// A backlog that takes days at its rate holds nobody up.
#[test]
fn a_store_that_is_closed_waits_for_no_rate() {
    let (mut bench, came) = watched();
    bench.options.background = true;
    bench.options.archive.bytes_per_second_max = std::num::NonZeroU64::new(1);
    let store = bench.open();
    store.register_target("/backup", true, false).unwrap();
    let last = put(&store, vec![record(1)]);
    let begin = bench.clock.now();
    store.close().unwrap();
    assert!(store.targets().iter().all(|status| status.shipped >= last), "{:?}", store.targets());
    let bytes: u64 = came.lock().iter().map(|(_, len)| len).sum();
    assert!(bench.clock.now().0 - begin.0 < bytes as i64 * 1000, "nobody waited for so long");
}
