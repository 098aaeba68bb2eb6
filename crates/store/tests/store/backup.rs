//! Backups to a folder that loses power: what is there is whole, and the next attempt goes on.

use std::{ops::ControlFlow, sync::Arc};

use keyreeve_core::{
    SecretBytes,
    record::{Change, Record, ServerData},
};
use keyreeve_store::{
    Store, Unlock,
    backup::{
        BackupError, BackupKind, BackupOptions, Retention, Verification,
        targets::{KnownTargets, Target, Targets as _},
        verify_archive,
    },
    journal::Lsn,
};
use keyreeve_testkit::disk::FaultyDisk;

use crate::{Bench, crypto, key_file, put, records};

fn target(disk: &FaultyDisk) -> Arc<dyn Target> {
    KnownTargets::new(Arc::new(disk.clone()), crypto()).open("/backup").unwrap()
}

/// A record of some KiB, so that a few thousand make several chunks.
fn record(number: u32) -> Change {
    let hash = crypto().sha256(&[&number.to_be_bytes()]);
    let data = hash.iter().copied().cycle().take(2048).collect();
    Change::Put(Record::Server(Arc::new(ServerData { name: format!("{number:05}"), data, sealed: None })))
}

fn filled(count: u32) -> Store {
    let store = Bench::created().open();
    for first in (0..count).step_by(500) {
        put(&store, (first..count.min(first + 500)).map(record).collect());
    }
    store
}

fn full(store: &Store, target: &Arc<dyn Target>) -> Result<Lsn, BackupError> {
    store.backup(target, BackupKind::Full, BackupOptions::default()).map(|report| report.lsn)
}

fn verified(store: &Store, target: &Arc<dyn Target>) -> Verification {
    store.verify_backup(&**target, &mut |_| {}).unwrap()
}

#[test]
fn a_power_loss_leaves_no_half_backup_and_the_next_one_goes_on() {
    let store = filled(3000);
    let clean = FaultyDisk::new();
    full(&store, &target(&clean)).unwrap();
    let changes = clean.changes();
    assert!(changes > 15, "{changes}");
    for at in 1..=changes {
        let disk = FaultyDisk::new();
        disk.fail_power_at(at);
        full(&store, &target(&disk)).expect_err("the power failed");
        for found in [disk.crash(at), disk.kill()] {
            let target = target(&found);
            let before = verified(&store, &target);
            assert_eq!(before.problems, [], "change {at}");
            let lsn = full(&store, &target).unwrap();
            let after = verified(&store, &target);
            assert_eq!(after.problems, [], "change {at}");
            assert_eq!(after.catalogue.fulls.len(), 1, "change {at}");
            assert_eq!(after.catalogue.fulls[0].manifest.point.lsn, lsn);
            assert_eq!(after.catalogue.last_full(), Some(after.catalogue.fulls[0].manifest.point.time));
            assert!(after.catalogue.has_root && after.catalogue.claim.is_some());
        }
    }
}

#[test]
fn a_stopped_backup_goes_on_at_the_chunk_where_it_was() {
    let store = filled(3000);
    let target = target(&FaultyDisk::new());
    let mut written = 0;
    let mut stop = |progress: keyreeve_store::backup::Progress| {
        written = progress.bytes_written;
        ControlFlow::Break(())
    };
    let options = BackupOptions { progress: Some(&mut stop), ..BackupOptions::default() };
    assert!(matches!(store.backup(&target, BackupKind::Full, options), Err(BackupError::Stopped)));
    let found = verified(&store, &target);
    assert_eq!((found.catalogue.fulls.len(), found.catalogue.loose.len()), (0, 1));
    let report = store.backup(&target, BackupKind::Full, BackupOptions::default()).unwrap();
    assert_eq!(report.progress.bytes_written, report.progress.bytes - written);
    assert!(report.progress.rows >= 3000);
    assert!(verified(&store, &target).catalogue.loose.is_empty());
}

#[test]
fn what_rots_at_the_target_is_named_and_the_next_full_backup_does_without() {
    let store = filled(300);
    let disk = FaultyDisk::new();
    let target = target(&disk);
    full(&store, &target).unwrap();
    let catalogue = verified(&store, &target).catalogue;
    let manifest = &catalogue.fulls[0].manifest;
    let path = manifest.chunk_path(&manifest.chunks[0]);
    disk.rot(&std::path::Path::new("/backup").join(&path), 5000, &[1]);
    let problems = verified(&store, &target).problems;
    assert_eq!(problems.iter().map(|problem| &problem.path).collect::<Vec<_>>(), [&path]);
    put(&store, vec![record(1)]);
    full(&store, &target).unwrap();
    let problems = verified(&store, &target).problems;
    assert_eq!(problems.len(), 1, "the old one stays damaged: {problems:?}");
}

#[test]
fn increments_and_full_backups_stand_side_by_side_and_pruning_keeps_what_is_needed() {
    let store = filled(10);
    let target = target(&FaultyDisk::new());
    for number in 0..6 {
        put(&store, vec![record(number)]);
        let report = store.backup(&target, BackupKind::Incremental, BackupOptions::default()).unwrap();
        if number % 2 == 1 {
            assert!(full(&store, &target).unwrap() >= report.lsn);
        }
    }
    let before = verified(&store, &target);
    assert_eq!(before.problems, []);
    assert_eq!((before.catalogue.fulls.len(), before.catalogue.pieces.len()), (3, 6));
    let retention = Retention { full_count_min: 1, days_min: 0, entries_days_min: 0 };
    let plan = store.prune_backups(&target, retention, true).unwrap();
    assert_eq!(verified(&store, &target), before, "a dry run removes nothing");
    assert_eq!(store.prune_backups(&target, retention, false).unwrap(), plan);
    let after = verified(&store, &target);
    assert_eq!(after.problems, []);
    assert_eq!((after.catalogue.fulls.len(), after.catalogue.pieces.len()), (1, 1));
    put(&store, vec![record(1)]);
    store.backup(&target, BackupKind::Incremental, BackupOptions::default()).unwrap();
    let after = verified(&store, &target);
    assert_eq!(after.problems, [], "archiving goes on where it was");
    assert_eq!(after.catalogue.pieces.len(), 2);
}

#[test]
fn another_store_neither_backs_up_there_nor_prunes() {
    let (ours, other) = (filled(10), filled(10));
    let target = target(&FaultyDisk::new());
    full(&ours, &target).unwrap();
    let retention = Retention { full_count_min: 1, days_min: 0, entries_days_min: 0 };
    assert!(matches!(full(&other, &target), Err(BackupError::Mismatch { .. })));
    assert!(matches!(other.prune_backups(&target, retention, false), Err(BackupError::Mismatch { .. })));
    assert!(!verified(&other, &target).problems.is_empty(), "it has not the key");
    assert_eq!(verified(&ours, &target).problems, []);
}

/// Verifies, and looks at how that tells how far it has come.
fn verified_by_steps(target: &dyn Target, unlock: Option<&Unlock>) -> Verification {
    let mut steps = Vec::new();
    let verified =
        verify_archive(target, &crypto(), unlock, &mut |at| steps.push((at.done, at.total))).unwrap();
    let total = steps.len() as u64;
    assert!(total >= verified.objects && total > 0, "{steps:?}");
    assert_eq!(steps, (1..=total).map(|done| (done, total)).collect::<Vec<_>>());
    verified
}

/// Offline: nothing but the target, and what unlocks the root key.
#[test]
fn an_archive_is_verified_without_its_store() {
    let mut bench = Bench::created();
    let disk = FaultyDisk::new();
    bench.options.targets = Some(Arc::new(KnownTargets::new(Arc::new(disk.clone()), crypto())));
    bench.options.background = false;
    let store = bench.open();
    let target = target(&disk);
    let nothing = verify_archive(&*target, &crypto(), None, &mut |_| {});
    assert!(matches!(nothing, Err(BackupError::Mismatch { .. })));
    let sealed = store.sealer().seal(&records::binding(1), &SecretBytes::new(vec![1; 32])).unwrap();
    put(&store, vec![Change::Put(Record::Material(Arc::new(sealed)))]);
    store.register_target("/backup", true, false).unwrap();
    full(&store, &target).unwrap();

    let outside = verified_by_steps(&*target, None);
    assert_eq!(outside.problems, []);
    let inside = verified_by_steps(&*target, Some(&key_file()));
    assert_eq!(inside.problems, []);
    let wrong = Unlock::KeyFile(SecretBytes::copy_from("77".repeat(32).as_bytes()));
    assert!(matches!(
        verify_archive(&*target, &crypto(), Some(&wrong), &mut |_| {}),
        Err(BackupError::Unlock(_))
    ));
}
