//! Backup targets: the suite over folders, and what shipping, claims, anchors and waiting for a target promise.

use std::{path::Path, sync::Arc};

use keyreeve_core::{
    ErrorKind,
    access::Action,
    model::{Algorithm, KeySpec, Lsn, ObjectType, PrincipalId, State},
    ports::{
        crypto::{Generated, ParsedKey},
        store::{Commit, Committed, DrawnIds, Store as _},
    },
    record::{Change, EntryDraft, Record, ServerData},
};
use keyreeve_store::{
    Store, StoreError,
    backup::{
        Acknowledge, RollbackCheck, root_status,
        targets::{KnownTargets, PutIf, Target, TargetError, Targets},
    },
    disk::{Disk, RealDisk},
    journal::JournalError,
};
use keyreeve_testkit::{disk::FaultyDisk, target_conformance};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{Bench, crypto, key_file, put, records};

const TARGET: &str = "file:///mnt/keys";

fn folder(disk: &FaultyDisk) -> Arc<dyn Target> {
    known(disk).open(TARGET).unwrap()
}

fn known(disk: &FaultyDisk) -> KnownTargets {
    KnownTargets::new(Arc::new(disk.clone()), crypto())
}

/// A store that is driven by hand, and a target on a disk of its own.
fn bench_at(place: &FaultyDisk) -> Bench {
    let mut bench = Bench::on(FaultyDisk::new());
    drive(&mut bench, place);
    Store::create(&bench.options, key_file()).unwrap();
    bench
}

fn drive(bench: &mut Bench, place: &FaultyDisk) {
    bench.options.background = false;
    bench.options.targets = Some(Arc::new(known(place)));
}

/// What another machine finds that got a copy of the data folder.
fn copy_of(bench: &Bench, place: &FaultyDisk) -> Bench {
    let mut copy = Bench::on(bench.disk.kill());
    drive(&mut copy, place);
    copy
}

fn entry(number: u64) -> Vec<Change> {
    vec![Change::Put(records::object(u128::from(number % 7), State::Active, &[&format!("n-{number}")]))]
}

fn fill(store: &Store, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| {
        put(store, entry(number));
    });
}

fn signer() -> Arc<dyn ParsedKey> {
    let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
    let Ok(Generated::Pair { private, .. }) = crypto().generate(&spec) else { panic!("a pair") };
    crypto().parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap()
}

/// Makes a store sign, as a server does in its first start.
fn start_signing(store: &Store) {
    let signer = signer();
    let data = ServerData { name: "signer".into(), data: signer.public_key().unwrap(), sealed: None };
    put(store, vec![Change::Put(Record::Server(Arc::new(data)))]);
    store.start_signing(signer);
}

#[test]
fn folders_conform() {
    target_conformance::check(|| folder(&FaultyDisk::new()));
    let dir = tempfile::tempdir().unwrap();
    let number = Mutex::new(0);
    target_conformance::check(|| {
        *number.lock() += 1;
        let path = dir.path().join(format!("target-{}", number.lock()));
        KnownTargets::new(Arc::new(RealDisk), crypto()).open(path.to_str().unwrap()).unwrap()
    });
}

#[test]
fn addresses_have_one_form_and_strange_ones_are_refused() {
    let disk = FaultyDisk::new();
    let open = |address: &str| known(&disk).open(address).map(|target| target.address().to_owned());
    for same in ["/mnt/keys", "/mnt/keys/", "/mnt/./keys", "file:///mnt/keys", "file:///mnt/keys/"] {
        assert_eq!(open(same).unwrap(), TARGET);
    }
    for wrong in ["", "/", "file://keys", "ftp://host/keys"] {
        assert!(matches!(open(wrong), Err(TargetError::Address { .. })), "{wrong}");
    }
    let target = folder(&disk);
    for path in
        ["", "/a.json", "a", "../a.json", "t1//a.json", "t.1/a.json", "A.json", "a.new", "t1/..", "swap.lock"]
    {
        assert!(target.put(path, b"", PutIf::Always).is_err(), "{path}");
    }
}

#[test]
fn an_object_in_a_folder_is_whole_or_absent_wherever_the_power_fails() {
    let old = vec![1; 3000];
    let new = vec![2; 5000];
    let write = |disk: &FaultyDisk| {
        let target = folder(disk);
        let first = target.put("t1/pieces/a.krp", &old, PutIf::Always).is_ok();
        let second = first && target.put("t1/pieces/a.krp", &new, PutIf::Always).is_ok();
        let third = second && target.put("claim.json", &new, PutIf::Absent).is_ok_and(|put| put);
        [first, second, third]
    };
    let whole = FaultyDisk::new();
    assert_eq!(write(&whole), [true; 3]);
    for change in 1..=whole.changes() {
        let disk = FaultyDisk::new();
        disk.fail_power_at(change);
        let [first, second, third] = write(&disk);
        for seed in 0..4 {
            let case = format!("change {change}, seed {seed}");
            let found = disk.crash(seed * 1000 + change);
            let Ok(target) = known(&found).open(TARGET) else { panic!() };
            let piece = target.get("t1/pieces/a.krp").unwrap().map(|(bytes, _)| bytes);
            let claim = target.get("claim.json").unwrap().map(|(bytes, _)| bytes);
            match piece {
                None => assert!(!first, "{case}"),
                Some(bytes) => assert!(bytes == new || (bytes == old && !second), "{case}"),
            }
            assert!(claim.as_ref().map_or(!third, |bytes| *bytes == new), "{case}");
            // What was left of it keeps nobody from going on.
            assert_eq!(write(&found)[..2], [true; 2], "{case}");
        }
    }
}

#[test]
fn what_is_durable_is_shipped_and_small_pieces_are_merged() {
    let place = FaultyDisk::new();
    let bench = bench_at(&place);
    let store = bench.open();
    fill(&store, 0..5);
    assert_eq!(store.register_target("/mnt/keys", false, false).unwrap(), TARGET);
    assert_eq!(store.register_target(TARGET, false, false).unwrap_err().kind(), ErrorKind::AlreadyExists);
    for number in 5..300 {
        fill(&store, number..number + 1);
        store.keep().unwrap();
    }
    let status = store.targets().remove(0);
    assert_eq!((status.shipped, status.lag_entries), (store.published(), 0));
    assert_eq!((status.first, status.trouble), (Lsn(1), None));
    assert!(status.pieces.0 < 70, "{:?}", status.pieces);
    let target = folder(&place);
    assert_eq!(target.list("t1/pieces/").unwrap().len() as u64, status.pieces.0);
    assert!(target.get("root.json").unwrap().is_some(), "restoring needs it");
    store.close().unwrap();
    drop(store);

    let store = bench.open();
    fill(&store, 300..310);
    store.keep().unwrap();
    let status = store.targets().remove(0);
    assert_eq!((status.shipped, status.trouble), (store.published(), None), "it goes on after a start");
}

#[test]
fn shipping_goes_on_after_the_target_failed_at_any_change() {
    let whole = FaultyDisk::new();
    let run = |place: &FaultyDisk| {
        let bench = bench_at(place);
        let store = bench.open();
        let registered = store.register_target(TARGET, false, false).is_ok();
        for number in 0..4 {
            fill(&store, number..number + 1);
            store.keep().unwrap();
        }
        store.close().unwrap();
        (bench, registered)
    };
    assert!(run(&whole).1);
    for change in (1..=whole.changes()).step_by(3) {
        let place = FaultyDisk::new();
        place.fail_power_at(change);
        let (bench, _) = run(&place);
        let place = place.crash(change);
        let again = copy_of(&bench, &place);
        let store = again.open();
        if store.targets().is_empty() || folder(&place).get("claim.json").unwrap().is_none() {
            let known = !store.targets().is_empty();
            assert_eq!(store.register_target(TARGET, false, false).is_err(), known, "change {change}");
            continue;
        }
        fill(&store, 10..12);
        store.keep().unwrap();
        let status = store.targets().remove(0);
        assert_eq!((status.shipped, status.trouble), (store.published(), None), "change {change}");
    }
}

#[test]
fn a_machine_that_was_taken_over_is_fenced_at_its_next_write() {
    let place = FaultyDisk::new();
    let bench = bench_at(&place);
    let old = bench.open();
    fill(&old, 0..3);
    old.register_target(TARGET, false, false).unwrap();
    let copy = copy_of(&bench, &place);
    copy.disk.remove(Path::new("/data/owner")).unwrap();
    let new = copy.open();
    new.keep().unwrap();
    assert!(copy.failures.lock()[0].contains("another machine has taken over"), "{:?}", copy.failures.lock());
    drop(new);

    // The one that is meant to go on says so: then it is the other way round.
    let text = String::from_utf8(folder(&place).get("claim.json").unwrap().unwrap().0).unwrap();
    let later = text.replace("\"timeline\": 1", "\"timeline\": 2");
    folder(&place).put("claim.json", later.as_bytes(), PutIf::Always).unwrap();
    fill(&old, 3..4);
    old.keep().unwrap();
    assert!(bench.failures.lock()[0].contains("timeline 2"), "{:?}", bench.failures.lock());
    assert!(matches!(old.close(), Err(StoreError::Stop(_))));
    let piece = folder(&place).list("t1/pieces/").unwrap();
    assert_eq!(piece.len(), 1, "nothing was written after the claim");
}

#[test]
fn a_target_that_lost_its_claim_gets_nothing_until_it_is_registered_anew() {
    let place = FaultyDisk::new();
    let bench = bench_at(&place);
    let store = bench.open();
    store.register_target(TARGET, false, false).unwrap();
    // As where the disk of the target is not mounted: an empty folder must not be taken for it.
    folder(&place).delete("claim.json").unwrap();
    fill(&store, 0..2);
    store.keep().unwrap();
    let status = store.targets().remove(0);
    assert!(status.trouble.unwrap().contains("its claim is gone"));
    assert_eq!(status.lag_entries, 2);
    store.register_target(TARGET, false, false).unwrap();
    assert_eq!((store.targets()[0].lag_entries, store.targets()[0].trouble.as_deref()), (0, None));
}

#[test]
fn nothing_comes_to_a_target_before_the_root_key_that_opens_it() {
    let mut sealed_anew = 0;
    for change in 1.. {
        let place = FaultyDisk::new();
        let bench = bench_at(&place);
        let store = bench.open();
        store.register_target(TARGET, false, false).unwrap();
        assert_eq!(store.replace_root(&key_file(), &[key_file()]).unwrap(), 2);
        fill(&store, 0..3);
        place.fail_power_at(change);
        store.keep().unwrap();
        let whole = store.targets()[0].trouble.is_none();
        let target = folder(&place.crash(change));
        for piece in target.list("t1/pieces/").unwrap() {
            let version = target.get_range(&piece.path, 128, 4).unwrap().unwrap();
            if version == [0, 0, 0, 2] {
                assert_eq!(root_status(&*target, &*crypto()).unwrap().version, 2, "change {change}");
                sealed_anew += 1;
            }
        }
        if whole {
            break;
        }
    }
    assert!(sealed_anew > 0);
}

#[test]
fn another_stores_target_is_left_alone() {
    let place = FaultyDisk::new();
    let (one, two) = (bench_at(&place), bench_at(&place));
    let (one, two) = (one.open(), two.open());
    one.register_target(TARGET, false, false).unwrap();
    for take_over in [false, true] {
        let refused = two.register_target(TARGET, false, take_over).unwrap_err();
        assert!(refused.public().contains("choose another place"), "{refused}");
        assert_eq!(refused.kind(), ErrorKind::ArchiveMismatch);
    }
    assert!(two.targets().is_empty() && two.places().unwrap().is_empty());
}

/// Where the entry that was anchored cannot be read, nobody can tell whether the folder was rolled back.
#[test]
fn a_journal_that_is_damaged_at_its_anchor_is_told_as_damaged() {
    let place = FaultyDisk::new();
    let mut bench = bench_at(&place);
    bench.options.journal.segment_bytes_max = 8 * 1024;
    let store = bench.open();
    start_signing(&store);
    store.register_target(TARGET, false, false).unwrap();
    fill(&store, 0..3);
    bench.clock.set(60_000);
    store.keep().unwrap();
    let journal = Path::new("/data/journal");
    let anchored = bench.disk.files(journal).into_iter().max().unwrap();
    // Out of reach, so that the anchor stays.
    drop(store);
    drive(&mut bench, &FaultyDisk::new());
    let store = bench.open();
    fill(&store, 3..200);
    store.close().unwrap();
    drop(store);
    assert!(bench.disk.files(journal).into_iter().max().unwrap() > anchored);
    bench.disk.rot(&anchored, 200, &[1]);
    drive(&mut bench, &place);
    match Store::open(&bench.options, &key_file()).map(drop) {
        Err(StoreError::Journal(JournalError::Damaged { file, .. })) => assert_eq!(file, anchored),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_older_copy_of_the_data_folder_is_refused() {
    let place = FaultyDisk::new();
    let bench = bench_at(&place);
    let store = bench.open();
    assert_eq!(store.rollback_check(), RollbackCheck::Unchecked);
    start_signing(&store);
    store.register_target(TARGET, false, false).unwrap();
    let older = copy_of(&bench, &place);
    fill(&store, 0..3);
    bench.clock.set(60_000);
    store.keep().unwrap();
    let same = copy_of(&bench, &place);
    drop(store);

    let open = |bench: &Bench| Store::open(&bench.options, &key_file());
    assert_eq!(open(&same).unwrap().rollback_check(), RollbackCheck::Passed);
    let refused = open(&older).map(drop).unwrap_err();
    assert!(matches!(&refused, StoreError::RolledBack { target, .. } if target == TARGET), "{refused}");

    // A copy that has grown by itself since is told by the hash.
    let mut forked = Bench::on(older.disk.kill());
    drive(&mut forked, &FaultyDisk::new());
    let store = forked.open();
    fill(&store, 10..20);
    store.close().unwrap();
    let forked = copy_of(&forked, &place);
    assert!(matches!(open(&forked).map(drop), Err(StoreError::RolledBack { .. })));

    let mut accepted = older;
    accepted.options.accept_rollback = true;
    let store = accepted.open();
    assert_eq!(store.rollback_check(), RollbackCheck::Accepted);
    let last = store.journal(Lsn(store.published().0 - 1), 1).unwrap().remove(0);
    assert_eq!(last.draft.action, Action::AcceptRollback);
    fill(&store, 30..31);
    store.keep().unwrap();
    assert!(
        store.targets()[0].trouble.as_deref().unwrap().contains("rolled back"),
        "two histories are never mixed"
    );

    let unreachable = copy_of(&same, &FaultyDisk::new());
    assert_eq!(unreachable.open().rollback_check(), RollbackCheck::Unchecked);
}

#[test]
fn with_acknowledge_target_a_change_is_answered_when_a_target_has_it() {
    let place = FaultyDisk::new();
    let mut bench = bench_at(&place);
    bench.options.archive.acknowledge = Acknowledge::Target;
    let store = bench.open();
    let submit = |number| {
        let answer = Arc::new(Mutex::new(None));
        let told = answer.clone();
        let entry =
            EntryDraft { principal: PrincipalId(Uuid::from_u128(3)), ..records::draft(entry(number)) };
        let commit =
            Commit { as_of: Lsn(0), reads: Vec::new(), valid_until: None, drawn: DrawnIds::default(), entry };
        store.commit(commit, Box::new(move |result| *told.lock() = Some(result)));
        answer
    };
    let refused = submit(0).lock().take().unwrap().unwrap_err();
    assert_eq!((refused.kind(), store.published()), (ErrorKind::Unavailable, Lsn(0)), "nothing is on record");

    store.register_target(TARGET, false, false).unwrap();
    // Answers come in order, and one without changes does not wait: what was committed before is durable and waits by then.
    let pass = || {
        put(&store, Vec::new());
    };
    let answer = submit(1);
    pass();
    assert!(answer.lock().is_none(), "durable here, not there");
    store.keep().unwrap();
    assert!(matches!(answer.lock().take(), Some(Ok(Committed::Done(lsn))) if lsn < store.published()));

    place.fail_power_at(1);
    let answer = submit(2);
    pass();
    store.keep().unwrap();
    assert!(answer.lock().is_none());
    let refused = submit(3).lock().take().unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "no target can be reached");
    bench.clock.set(100_000);
    store.keep().unwrap();
    let late = answer.lock().take().unwrap().unwrap_err();
    assert!(late.public().contains("on record here"), "{late}");
}

#[test]
fn a_removed_target_gets_nothing_more() {
    let place = FaultyDisk::new();
    let bench = bench_at(&place);
    let store = bench.open();
    store.register_target(TARGET, true, false).unwrap();
    store.remove_target("/mnt/keys", None).unwrap();
    assert!(store.targets().is_empty());
    let before = folder(&place).list("").unwrap();
    fill(&store, 0..3);
    store.keep().unwrap();
    assert_eq!(folder(&place).list("").unwrap(), before);
    drop(store);
    let store = bench.open();
    assert!(store.targets().is_empty());
    assert_eq!(store.remove_target("/mnt/other", None).unwrap_err().kind(), ErrorKind::NotFound);
    store.register_target(TARGET, true, false).unwrap();
    assert_eq!(store.targets()[0].shipped, store.published(), "it may come back");
}

/// Measures what archiving costs: `KEYREEVE_LONG=1 cargo nextest run --release -p keyreeve-store -E
/// 'test(archiving_costs)' --no-capture`.
#[test]
fn archiving_costs_little() {
    if std::env::var_os("KEYREEVE_LONG").is_none() {
        return;
    }
    const COMMITS: u64 = 200_000;
    const WRITERS: u64 = 64;
    let run = |archive: bool| {
        let dir = tempfile::tempdir().unwrap();
        let mut bench = Bench::on(FaultyDisk::new());
        bench.options.dir = dir.path().join("data");
        bench.options.cell = dir.path().join("cell");
        bench.options.disk = Arc::new(RealDisk);
        bench.options.targets = None;
        bench.options.journal = Default::default();
        Store::create(&bench.options, key_file()).unwrap();
        let store = bench.open();
        if archive {
            store.register_target(dir.path().join("target").to_str().unwrap(), false, false).unwrap();
        }
        let begin = std::time::Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    (0..COMMITS / WRITERS).for_each(|_| {
                        put(&store, Vec::new());
                    })
                });
            }
        });
        let rate = COMMITS as f64 / begin.elapsed().as_secs_f64();
        let lag = store.targets().first().map(|status| (status.lag_entries, status.lag_ms));
        store.close().unwrap();
        (rate, lag)
    };
    for _ in 0..3 {
        let (without, with) = (run(false), run(true));
        println!("{:.0}/s without, {:.0}/s with archiving {:?}", without.0, with.0, with.1);
        assert!(with.1.unwrap().1 < 5_000, "the target keeps up");
    }
}
