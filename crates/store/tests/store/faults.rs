//! Power losses, damage, full disks and failed syncs, seen through the store.

use std::{path::Path, sync::Arc};

use keyreeve_core::{
    ErrorKind, SecretBytes,
    access::Action,
    model::{Lsn, State},
    ports::{
        cell::CellEntry,
        store::{Commit, Committed, DrawnIds, Store as _},
    },
    record::{Change, EntryDraft},
};
use keyreeve_store::{
    Store, StoreError,
    backup::targets::{KnownTargets, Targets as _},
    journal::JournalError,
};
use keyreeve_testkit::disk::FaultyDisk;

use crate::{Bench, commit, commit_whole, crypto, key_file, put, records};

const SEGMENT: &str = "/data/journal/00000000000000000001.krj";

fn entry(number: u64) -> Vec<Change> {
    let id = u128::from(number % 5);
    vec![Change::Put(records::object(id, State::Active, &[&format!("name-{number}")]))]
}

/// Creates, opens and fills a store until the power fails; how many entries were answered, and whether it was made.
fn run(bench: &Bench, entries: u64) -> (bool, u64) {
    if Store::create(&bench.options, key_file()).is_err() {
        return (false, 0);
    }
    let Ok(store) = Store::open(&bench.options, &key_file()) else {
        return (true, 0);
    };
    let answered = (1..=entries).take_while(|number| commit(&store, Lsn(0), &[], entry(*number)).is_ok());
    (true, answered.count() as u64)
}

#[test]
fn nothing_answered_is_lost_wherever_the_power_fails() {
    const ENTRIES: u64 = 12;
    let whole = Bench::on(FaultyDisk::new());
    assert_eq!(run(&whole, ENTRIES), (true, ENTRIES));
    for change in 1..=whole.disk.changes() {
        let bench = Bench::on(FaultyDisk::new());
        bench.disk.fail_power_at(change);
        let (made, answered) = run(&bench, ENTRIES);
        for seed in 0..3 {
            let found = Bench::on(bench.disk.crash(seed * 1000 + change));
            let case = format!("power fails at change {change}, seed {seed}");
            let store = match Store::open(&found.options, &key_file()) {
                Ok(store) => store,
                Err(StoreError::Missing(_)) if !made => {
                    // What was begun does not keep it from being made.
                    Store::create(&found.options, key_file()).expect(&case);
                    found.open()
                }
                Err(error) => panic!("{case}: {error}"),
            };
            let last = store.published().0;
            assert!(last >= answered, "{case}: {answered} answered, {last} found");
            for number in 1.max(last.saturating_sub(4))..=last {
                let Change::Put(expected) = &entry(number)[0] else { panic!() };
                assert_eq!(store.get(&expected.key()).unwrap().as_deref(), Some(expected), "{case}");
            }
            let journal = store.journal(Lsn(0), 100).unwrap();
            assert_eq!(journal.len() as u64, last, "{case}");
            put(&store, entry(last + 1));
            store.verify_journal().expect(&case);
        }
    }
}

#[test]
fn a_damaged_journal_is_refused_by_name() {
    let bench = Bench::created();
    let store = bench.open();
    (1..=8).for_each(|number| {
        put(&store, entry(number));
    });
    bench.disk.rot(Path::new(SEGMENT), 300, &[1]);
    let told = store.verify_journal().unwrap_err();
    assert_eq!(told.kind(), ErrorKind::CryptoFailed);
    assert!(told.public().contains(SEGMENT), "{told}");
    drop(store);
    match Store::open(&bench.without_index().options, &key_file()).map(drop) {
        Err(StoreError::Journal(JournalError::Damaged { file, lsn, .. })) => {
            assert_eq!((file.as_path(), lsn.0), (Path::new(SEGMENT), 1));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_journal_older_than_its_index_is_refused() {
    let bench = Bench::created();
    put(&bench.open(), entry(1));
    let copy = bench.disk.kill();
    let store = bench.open();
    put(&store, entry(2));
    store.close().unwrap();
    let mut old = Bench::on(copy);
    old.options.engine = bench.options.engine.clone();
    let refused = Store::open(&old.options, &key_file()).map(drop);
    assert!(matches!(refused, Err(StoreError::Journal(JournalError::Damaged { .. }))), "{refused:?}");
}

#[test]
fn a_failed_sync_stops_the_store_once() {
    let bench = Bench::created();
    let store = bench.open();
    put(&store, entry(1));
    bench.disk.fail_sync_at(1);
    let failed = commit(&store, Lsn(0), &[], entry(2)).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unavailable);
    assert_eq!(commit(&store, Lsn(0), &[], entry(3)).unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(matches!(store.close(), Err(StoreError::Stop(_))));
    assert_eq!(bench.failures.lock().len(), 1);
    drop(store);
    let found = Bench::on(bench.disk.crash(3)).open();
    assert_eq!(found.published(), Lsn(1));
}

/// What a sync could not write is read all the same until the power fails, and the next sync says nothing of it.
#[test]
fn no_failed_sync_leaves_an_older_key_in_a_cell() {
    let entry = |generation: u64| CellEntry {
        store: uuid::Uuid::from_u128(1),
        timeline: 1,
        generation,
        threshold: 1,
        share: 1,
        key: SecretBytes::new(vec![generation as u8; 32]),
    };
    // As whoever was started anew has it: nothing is remembered.
    let cell = |disk: &FaultyDisk| {
        KnownTargets::new(Arc::new(disk.clone()), crypto()).open("/backup").unwrap().cell().unwrap()
    };
    let settle = |disk: &FaultyDisk| {
        let cell = cell(disk);
        cell.put(&entry(2), 2).and_then(|()| cell.erase_except(Some(2)))
    };
    let mut failed = 0;
    for sync in 1..20 {
        let disk = FaultyDisk::new();
        cell(&disk).put(&entry(1), 0).unwrap();
        cell(&disk).put(&entry(2), 1).unwrap();
        disk.fail_sync_at(sync);
        if settle(&disk).is_ok() {
            break;
        }
        failed += 1;
        settle(&disk).unwrap();
        for seed in 0..8 {
            let after = disk.crash(seed);
            let medium = after.bytes(Path::new("/backup.cell"));
            assert!(!medium.windows(32).any(|bytes| bytes == [1; 32]), "sync {sync}, seed {seed}");
            let held = cell(&after).read().unwrap();
            assert!(!held.is_empty() && held.iter().all(|held| held.generation == 2), "sync {sync}");
        }
    }
    assert!(failed >= 3, "{failed} syncs failed");
}

#[test]
fn on_a_full_disk_only_a_destroy_goes_on_and_with_space_all_does() {
    let bench = Bench::created();
    let store = bench.open();
    bench.disk.set_capacity(Some(bench.disk.used() + 40_000));
    let refused = (1..10_000).map(|number| commit(&store, Lsn(0), &[], entry(number))).find_map(Result::err);
    let refused = refused.expect("the disk is full some time");
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.public().contains("the disk is full"), "{refused}");
    assert!(store.is_full());
    let full_at = store.published();
    assert!(full_at > Lsn(10), "{full_at}");

    let destroy = |changes| EntryDraft { action: Action::Destroy, ..records::draft(changes) };
    let urgent = |entry| {
        commit_whole(
            &store,
            Commit { as_of: Lsn(0), reads: vec![], valid_until: None, drawn: DrawnIds::default(), entry },
        )
    };
    assert!(urgent(destroy(Vec::new())).is_err(), "a refused destroy takes nothing of what is held back");
    let destroyed = records::object(3, State::Destroyed, &["gone"]);
    let done = urgent(destroy(vec![Change::Put(destroyed.clone())])).expect("room is held back for it");
    assert!(matches!(done, Committed::Done(lsn) if lsn.0 == full_at.0 + 1), "{done:?}");
    assert_eq!(store.get(&destroyed.key()).unwrap().as_deref(), Some(&destroyed));
    assert!(commit(&store, Lsn(0), &[], entry(1)).is_err());

    bench.disk.set_capacity(None);
    assert_eq!(put(&store, entry(1)).0, full_at.0 + 2);
    assert_eq!(*bench.failures.lock(), Vec::<String>::new());
    store.close().unwrap();
    drop(store);
    let found = Bench::on(bench.disk.crash(5)).open();
    assert_eq!(found.published().0, full_at.0 + 2);
    assert_eq!(found.get(&destroyed.key()).unwrap().as_deref(), Some(&destroyed));
}

#[test]
fn damage_in_an_older_segment_stops_the_store_soon_after_it_opened() {
    let mut bench = Bench::created();
    bench.options.journal.segment_bytes_max = 4 * 1024;
    let store = bench.open();
    for number in 0..40 {
        put(&store, entry(number));
    }
    store.close().expect("closes");
    drop(store);
    bench.disk.rot(Path::new(SEGMENT), 300, &[1]);
    let store = bench.open();
    let begin = std::time::Instant::now();
    while bench.failures.lock().is_empty() {
        assert!(begin.elapsed() < std::time::Duration::from_secs(20), "the damage is never found");
        std::thread::yield_now();
    }
    assert!(bench.failures.lock()[0].contains("is damaged at byte"), "{:?}", bench.failures.lock());
    assert!(commit(&store, store.published(), &[], entry(99)).is_err());
}
