//! Places of epoch keys and archives that are not what they should be: out of reach, swapped, struck off, in the wrong
//! place, or in the hands of somebody who wants our memory.

use std::{path::Path, sync::Arc};

use keyreeve_core::{
    ErrorKind, SecretBytes,
    access::Action,
    model::{Attestation, Lsn, Place, PrincipalId, Time},
    ports::{
        seal::SealedMaterial,
        store::{Commit, DrawnIds, Store as _},
    },
    record::{Change, EntryDraft, Record, RecordKey},
};
use keyreeve_store::{
    Store,
    backup::{
        Acknowledge, BackupError, BackupKind, BackupOptions, Catalogue, Retention,
        targets::{KnownTargets, PutIf, Target, TargetError, Targets},
    },
    disk::{Disk, OpenMode},
    signed,
};
use keyreeve_testkit::{disk::FaultyDisk, recorder::RecordingDisk};
use uuid::Uuid;

use crate::{
    Bench, commit_whole, crypto,
    destroy::{ERASURE, destruction, signer},
    key_file, put, records,
};

const TARGET: &str = "file:///mnt/keys";
const CELL: &str = "/mnt/keys.cell";
/// Leaves of one leaf node.
const LEAVES: u64 = 256;

/// A store that is driven by hand, with targets on a disk of their own.
fn bench_at(place: Arc<dyn Disk>) -> Bench {
    let mut bench = Bench::on(FaultyDisk::new());
    bench.options.background = false;
    bench.options.targets = Some(Arc::new(KnownTargets::new(place, crypto())));
    Store::create(&bench.options, key_file()).unwrap();
    bench
}

fn folder(place: &FaultyDisk) -> Arc<dyn Target> {
    KnownTargets::new(Arc::new(place.clone()), crypto()).open(TARGET).unwrap()
}

fn seal(store: &Store, id: u128) -> keyreeve_core::Result<SealedMaterial> {
    store.sealer().seal(&records::binding(id), &SecretBytes::new(vec![7; 32]))
}

fn keep_key(store: &Store, id: u128) -> SealedMaterial {
    let sealed = seal(store, id).unwrap();
    put(store, vec![Change::Put(Record::Material(Arc::new(sealed.clone())))]);
    sealed
}

/// Asks for the destruction of what was sealed.
fn ask(store: &Store, sealed: &SealedMaterial) {
    put(store, destruction(sealed));
}

fn certificate(store: &Store) -> Option<serde_json::Value> {
    match store.get(&RecordKey::Certificate(ERASURE)).unwrap().as_deref() {
        Some(Record::Certificate(stored)) => {
            Some(signed::verify("certificate", stored.text.as_bytes(), &*crypto()).unwrap().value)
        }
        _ => None,
    }
}

fn attested() -> Option<Attestation> {
    let (by, statement) = ("alice".to_owned(), "shredded, ticket 18".to_owned());
    Some(Attestation { by, statement, at: Time(5), generation: 0 })
}

fn happened(store: &Store, action: Action) -> usize {
    let entries = store.journal(Lsn(0), usize::MAX).unwrap();
    entries.iter().filter(|entry| entry.draft.action == action).count()
}

#[test]
fn with_acknowledge_target_no_leaf_is_given_out_before_a_target_gives_its_node_back() {
    let place = RecordingDisk::new();
    let mut bench = bench_at(Arc::new(place.clone()));
    bench.options.archive.acknowledge = Acknowledge::Target;
    let store = bench.open();
    // The server's own beginnings wait for no target: there is none, and nobody is answered.
    keep_key(&store, 1);
    let entry = EntryDraft {
        principal: PrincipalId(Uuid::from_u128(3)),
        ..records::draft(vec![Change::Put(records::realm(9, "r"))])
    };
    let commit =
        Commit { as_of: Lsn(0), reads: Vec::new(), valid_until: None, drawn: DrawnIds::default(), entry };
    assert_eq!(commit_whole(&store, commit).unwrap_err().kind(), ErrorKind::Unavailable);

    store.register_target(TARGET, true, false).unwrap();
    place.take_out_of_reach(Some("/mnt"));
    let before = happened(&store, Action::GrowTree);
    let mut given = 0;
    while let Ok(sealed) = seal(&store, 2) {
        assert!(sealed.leaf_index < LEAVES, "what is there already is given out, and nothing else");
        given += 1;
    }
    assert!((1..LEAVES).contains(&given), "{given}");
    for id in 0..3 {
        let refused = seal(&store, id).unwrap_err();
        assert!(
            refused.kind() == ErrorKind::Unavailable && refused.public().contains("backup target"),
            "{refused}"
        );
    }
    place.take_out_of_reach(None);
    assert_eq!(seal(&store, 300).unwrap().leaf_index, LEAVES, "what was held back is what comes");
    assert_eq!(happened(&store, Action::GrowTree), before + 1, "no attempt burns a node");
    let shipped = store.targets()[0].shipped;
    let entries = store.journal(Lsn(0), usize::MAX).unwrap();
    let grown = entries.iter().rev().find(|entry| entry.draft.action == Action::GrowTree).unwrap();
    assert!(shipped >= grown.lsn, "{shipped}, {}", grown.lsn);
}

#[test]
fn a_swapped_medium_is_a_lost_place_that_somebody_must_speak_for() {
    // Noticed before the destruction is asked for, with it, and where the place's claim went with the medium.
    for (noticed_before, claim_is_lost) in [(true, false), (false, false), (false, true)] {
        let place = FaultyDisk::new();
        let bench = bench_at(Arc::new(place.clone()));
        let store = bench.open();
        store.start_signing(signer());
        let (gone, kept) = (keep_key(&store, 1), keep_key(&store, 2));
        store.register_target(TARGET, true, false).unwrap();
        store.keep().unwrap();
        place.remove(Path::new(CELL)).unwrap();
        if claim_is_lost {
            folder(&place).delete("claim.json").unwrap();
        }
        if noticed_before {
            store.keep().unwrap();
        }
        ask(&store, &gone);
        store.keep().unwrap();
        if claim_is_lost {
            assert!(store.targets()[0].trouble.as_deref().unwrap().contains("its claim is gone"));
            assert_eq!(certificate(&store), None);
            store.register_target(TARGET, true, false).unwrap();
        }
        store.keep().unwrap();
        let places = store.places().unwrap();
        let former =
            places.iter().find(|place| place.name == format!("{TARGET}#1")).expect("the former medium");
        assert!(former.lost.is_some() && former.attested.is_none() && former.has_cell);
        assert_eq!(former.confirmed, 1);
        assert_eq!(certificate(&store), None, "nobody knows what became of the former medium");

        store.retire_cell(&former.name, attested()).unwrap();
        store.keep().unwrap();
        let certificate = certificate(&store).expect("complete").to_string();
        assert!(certificate.contains("ticket 18") && certificate.contains("keys#1"), "{certificate}");
        assert_eq!(store.targets().len(), 1, "the place itself goes on");
        store.sealer().open(&records::binding(2), &kept).unwrap();
        store.keep().unwrap();
        assert_eq!(store.places().unwrap().len(), 3, "it is noticed once");
    }
}

#[test]
fn a_swapped_cell_of_the_machine_itself_is_a_lost_place_too() {
    for has_target in [false, true] {
        let bench = bench_at(Arc::new(FaultyDisk::new()));
        let store = bench.open();
        store.start_signing(signer());
        let (gone, kept) = (keep_key(&store, 1), keep_key(&store, 2));
        if has_target {
            store.register_target(TARGET, true, false).unwrap();
        }
        store.keep().unwrap();
        bench.disk.remove(Path::new("/data.cell")).unwrap();
        ask(&store, &gone);
        store.keep().unwrap();
        let places = store.places().unwrap();
        let former = places.iter().find(|place| place.name == "machine-1#1").expect("the former medium");
        assert!(former.lost.is_some() && former.attested.is_none() && former.confirmed == 1);
        assert_eq!(certificate(&store), None, "nobody knows what became of it");

        store.retire_cell(&former.name, attested()).unwrap();
        store.keep().unwrap();
        let certificate = certificate(&store).expect("complete").to_string();
        assert!(certificate.contains("ticket 18") && certificate.contains("machine-1#1"), "{certificate}");
        drop(store);
        bench.open().sealer().open(&records::binding(2), &kept).unwrap();
    }
}

#[test]
fn the_cell_of_another_store_in_the_place_of_ours_is_left_alone() {
    let bench = bench_at(Arc::new(FaultyDisk::new()));
    let store = bench.open();
    store.start_signing(signer());
    let gone = keep_key(&store, 1);
    let other = bench_at(Arc::new(FaultyDisk::new()));
    {
        let other = other.open();
        let gone = keep_key(&other, 1);
        ask(&other, &gone);
        other.keep().unwrap();
        assert_eq!(other.generation().unwrap(), 2, "no number of ours");
    }
    let theirs = other.disk.bytes(Path::new("/data.cell"));
    let ours = bench.disk.bytes(Path::new("/data.cell"));
    let swap = |bytes: &[u8]| {
        let file = bench.disk.open(Path::new("/data.cell"), OpenMode::Write).unwrap();
        file.write_at(0, bytes).unwrap();
        file.sync().unwrap();
    };
    swap(&theirs);
    ask(&store, &gone);
    assert!(store.keep().unwrap(), "it stays pending");
    assert_eq!(bench.disk.bytes(Path::new("/data.cell")), theirs);
    swap(&ours);
    store.keep().unwrap();
    assert!(certificate(&store).is_some());
}

#[test]
fn a_target_whose_cell_is_missing_or_swapped_is_not_removed_without_a_word() {
    for (swapped, attests) in [(false, false), (true, false), (false, true), (true, true)] {
        let place = FaultyDisk::new();
        let bench = bench_at(Arc::new(place.clone()));
        let store = bench.open();
        store.start_signing(signer());
        let gone = keep_key(&store, 1);
        store.register_target(TARGET, true, false).unwrap();
        place.remove(Path::new(CELL)).unwrap();
        if swapped {
            let file = place.open(Path::new(CELL), OpenMode::CreateNew).unwrap();
            file.preallocate(8192).unwrap();
        }
        if attests {
            store.remove_target(TARGET, attested()).unwrap();
        } else {
            let refused = store.remove_target(TARGET, None).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Unavailable);
            assert!(refused.public().contains("attest"), "{refused}");
        }
        ask(&store, &gone);
        store.keep().unwrap();
        if !attests {
            assert_eq!(certificate(&store), None, "nobody knows what became of the former cell");
            assert!(store.remove_target(TARGET, None).is_ok(), "the new one is erased");
            store.keep().unwrap();
            assert_eq!(certificate(&store), None, "and speaks for itself alone");
            store.retire_cell(&format!("{TARGET}#1"), attested()).unwrap();
            store.keep().unwrap();
        }
        let certificate = certificate(&store).expect("complete").to_string();
        assert!(certificate.contains("ticket 18"), "{certificate}");
    }
}

#[test]
fn every_place_counts_however_many_media_were_lost() {
    let bench = bench_at(Arc::new(FaultyDisk::new()));
    let store = bench.open();
    keep_key(&store, 1);
    for _ in 0..300 {
        bench.disk.remove(Path::new("/data.cell")).unwrap();
        store.keep().unwrap();
    }
    let lost = store.places().unwrap().iter().filter(|place| place.lost.is_some()).count();
    assert_eq!(lost, 300);
}

#[test]
fn what_is_held_back_and_pruned_at_the_target_is_made_anew() {
    let place = RecordingDisk::new();
    let mut bench = bench_at(Arc::new(place.clone()));
    bench.options.archive.acknowledge = Acknowledge::Target;
    let store = bench.open();
    keep_key(&store, 1);
    store.register_target(TARGET, true, false).unwrap();
    place.take_out_of_reach(Some("/mnt"));
    while seal(&store, 2).is_ok() {}
    place.take_out_of_reach(None);
    let grown = store.published();
    let target = store.open_target(TARGET).unwrap();
    for id in 0..3 {
        put(&store, vec![Change::Put(records::realm(20 + id, &format!("r-{id}")))]);
        store.keep().unwrap();
        store.backup(&target, BackupKind::Full, BackupOptions::default()).unwrap();
        store
            .prune_backups(&target, Retention { full_count_min: 1, days_min: 0, entries_days_min: 0 }, false)
            .unwrap();
    }
    store.keep().unwrap();
    assert!(store.targets()[0].first > grown, "what is held back is not there any more");
    assert_eq!(seal(&store, 2).unwrap().leaf_index, 2 * LEAVES);
}

/// With a folder that is full, and cells that take nothing.
#[test]
fn a_destruction_that_waits_for_a_place_lets_the_journal_grow_by_no_nodes_and_names_it() {
    let refuse_machine =
        |bench: &Bench, _: &FaultyDisk, it| bench.disk.set_read_only(Path::new("/data.cell"), it);
    let refuse_target = |_: &Bench, place: &FaultyDisk, it| place.set_read_only(Path::new(CELL), it);
    let fill = |_: &Bench, place: &FaultyDisk, it: bool| place.set_capacity(it.then(|| place.used()));
    type Refuse = fn(&Bench, &FaultyDisk, bool);
    let cases: [(Refuse, _, _); 3] = [
        (refuse_machine, "machine-1", "cannot open the cell /data.cell"),
        (refuse_target, TARGET, "cannot open the cell /mnt/keys.cell"),
        (fill, TARGET, "file:///mnt/keys"),
    ];
    for (refuse, who, what) in cases {
        let place = FaultyDisk::new();
        let bench = bench_at(Arc::new(place.clone()));
        let store = bench.open();
        store.start_signing(signer());
        let gone = keep_key(&store, 1);
        store.register_target(TARGET, true, false).unwrap();
        ask(&store, &gone);
        refuse(&bench, &place, true);
        let before = store.published();
        (0..50).for_each(|_| assert!(store.keep().unwrap(), "{who}"));
        assert_eq!(store.published(), before, "{who}: nothing was written");
        let troubles = store.troubles();
        assert!(
            matches!(&*troubles, [one] if one.place == who && one.what.contains(what)),
            "{who}: {troubles:?}"
        );
        refuse(&bench, &place, false);
        assert!(!store.keep().unwrap() && certificate(&store).is_some(), "{who}");
        assert!(store.troubles().is_empty());
    }
}

#[test]
fn targets_that_lie_in_each_other_are_refused_and_told_where_they_do() {
    let place = FaultyDisk::new();
    let mut bench = bench_at(Arc::new(place.clone()));
    let store = bench.open();
    keep_key(&store, 1);
    store.register_target(TARGET, true, false).unwrap();
    for wrong in ["/mnt/keys/near", "/mnt", "/mnt/keys.cell"] {
        let refused = store.register_target(wrong, true, false).unwrap_err();
        assert!(refused.public().contains("lie in each other"), "{refused}");
    }
    store.register_target("/mnt/keys2", true, false).unwrap();
    assert!(store.misplaced_targets().unwrap().is_empty());
    // One that was registered before that was refused.
    let known = store.places().unwrap().into_iter().find(|known| known.name == TARGET).unwrap();
    let near = Place { name: format!("{TARGET}/near"), has_cell: false, ..(*known).clone() };
    put(&store, vec![Change::Put(Record::Place(Arc::new(near.clone())))]);
    let told = store.misplaced_targets().unwrap();
    assert!(told.len() == 2 && told.iter().all(|told| told.contains("lie in each other")), "{told:?}");
    let gone = Place { lost: Some(Time(1)), ..near };
    put(&store, vec![Change::Put(Record::Place(Arc::new(gone)))]);
    drop(store);
    // As where a cell was moved since the target was registered.
    bench.options.cell = "/mnt/keys/here.cell".into();
    bench.disk.rename(Path::new("/data.cell"), &bench.options.cell).unwrap();
    let store = bench.open();
    let told = store.misplaced_targets().unwrap();
    assert!(matches!(&*told, [one] if one.contains("this machine's epoch key lies in it")), "{told:?}");
    // One that went astray is looked at like a new one.
    folder(&place).delete("claim.json").unwrap();
    put(&store, vec![Change::Put(records::realm(20, "r"))]);
    store.keep().unwrap();
    let refused = store.register_target(TARGET, true, false).unwrap_err();
    assert!(refused.public().contains("this machine's epoch key lies in it"), "{refused}");
}

#[test]
fn a_target_that_became_a_mount_point_is_removed_with_its_epoch_key_and_not_taken_again() {
    let place = FaultyDisk::new();
    let bench = bench_at(Arc::new(place.clone()));
    let store = bench.open();
    keep_key(&store, 1);
    store.register_target(TARGET, true, false).unwrap();
    store.keep().unwrap();
    assert!(place.bytes(Path::new(CELL)).iter().any(|byte| *byte != 0));
    place.mount(Path::new("/mnt/keys"));
    let (claim, _) = folder(&place).get("claim.json").unwrap().unwrap();
    folder(&place).delete("claim.json").unwrap();
    put(&store, vec![Change::Put(records::realm(20, "r"))]);
    store.keep().unwrap();
    let refused = store.register_target(TARGET, true, false).unwrap_err();
    assert!(refused.public().contains("name a folder below it"), "{refused}");
    folder(&place).put("claim.json", &claim, PutIf::Absent).unwrap();
    store.remove_target(TARGET, None).unwrap();
    assert!(place.bytes(Path::new(CELL)).iter().all(|byte| *byte == 0));
}

#[test]
fn a_machine_whose_cell_is_not_mounted_has_lost_nothing_and_writes_its_key_nowhere_else() {
    let (usb, cell) = (Path::new("/mnt/usb"), Path::new("/mnt/usb/cell"));
    let mut bench = Bench::on(FaultyDisk::new());
    bench.options.background = false;
    bench.options.cell = cell.into();
    bench.disk.mount(usb);
    // With another one about, the disk tells file systems apart when this one is away, too.
    bench.disk.mount(Path::new("/mnt/other"));
    Store::create(&bench.options, key_file()).unwrap();
    let store = bench.open();
    store.start_signing(signer());
    let gone = keep_key(&store, 1);
    store.keep().unwrap();
    let held = bench.disk.bytes(cell);
    bench.disk.unmount(usb);
    ask(&store, &gone);
    store.keep().unwrap();
    let places: Vec<_> = store.places().unwrap().iter().map(|place| place.name.clone()).collect();
    assert_eq!(places, ["machine-1"], "no former medium");
    assert!(bench.disk.open(cell, OpenMode::Read).is_err(), "no key in the folder that it was mounted on");
    assert!(certificate(&store).is_none());
    // What lies in that folder meanwhile is not taken for it, though it is a cell of this store.
    let other = of_another_generation(held.clone());
    bench.disk.open(cell, OpenMode::CreateNew).unwrap().write_at(0, &other).unwrap();
    store.keep().unwrap();
    assert!(bench.disk.bytes(cell) == other && certificate(&store).is_none());
    // Nor is a copy of the cell itself.
    bench.disk.open(cell, OpenMode::Write).unwrap().write_at(0, &held).unwrap();
    store.keep().unwrap();
    assert!(bench.disk.bytes(cell) == held && certificate(&store).is_none());
    // Mounted again it bears another number, and is known by what it holds.
    bench.disk.mount(usb);
    store.keep().unwrap();
    assert!(certificate(&store).is_some());
}

/// The bytes of a cell as they would be with another generation in each slot.
fn of_another_generation(mut cell: Vec<u8>) -> Vec<u8> {
    for slot in cell.chunks_mut(4096).filter(|slot| slot[0] != 0) {
        slot[36] += 1;
        let digest = crypto().sha256(&[&slot[..72]]);
        slot[72..104].copy_from_slice(&digest);
    }
    cell
}

#[test]
fn a_target_that_is_a_mount_point_gets_no_epoch_key() {
    let place = FaultyDisk::new();
    place.mount(Path::new("/mnt/keys"));
    let bench = bench_at(Arc::new(place.clone()));
    let store = bench.open();
    let refused = store.register_target(TARGET, true, false).unwrap_err();
    assert!(refused.public().contains("name a folder below it"), "{refused}");
    assert_eq!((place.changes(), store.places().unwrap().len()), (0, 0));
    store.register_target("/mnt/keys/near", true, false).unwrap();
    let domain = |store: &Store| store.places().unwrap()[0].domain.clone();
    assert_eq!(domain(&store).as_deref(), Some("device 0 at /mnt/keys"), "that of the cell too");
    let store = bench_at(Arc::new(place.clone())).open();
    let archive = "file:///mnt/keys";
    store.register_target(archive, false, false).unwrap();
    assert_eq!(domain(&store).as_deref(), Some("device 0 at /mnt/keys"));
}

#[test]
fn a_retired_target_gets_nothing_more() {
    let place = FaultyDisk::new();
    let bench = bench_at(Arc::new(place.clone()));
    let store = bench.open();
    keep_key(&store, 1);
    store.register_target(TARGET, true, false).unwrap();
    store.retire_cell(TARGET, attested()).unwrap();
    let before = folder(&place).list("").unwrap();
    keep_key(&store, 2);
    store.keep().unwrap();
    assert!(store.targets().is_empty());
    assert_eq!(folder(&place).list("").unwrap(), before);
}

#[test]
fn a_target_in_the_data_folder_is_refused() {
    let place = FaultyDisk::new();
    let bench = bench_at(Arc::new(place.clone()));
    let store = bench.open();
    for wrong in ["/data", "/data/backup", "/mnt/../data/backup"] {
        let refused = store.register_target(wrong, true, false).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidField, "{wrong}");
        assert!(refused.public().contains("data folder"), "{refused}");
    }
    assert!(store.targets().is_empty());
    assert_eq!(place.changes(), 0, "nothing was written");
}

#[test]
fn a_target_that_gives_too_much_is_damaged_and_takes_no_memory() {
    let place = FaultyDisk::new();
    let bench = bench_at(Arc::new(place.clone()));
    let store = bench.open();
    keep_key(&store, 1);
    store.register_target(TARGET, true, false).unwrap();
    let target = folder(&place);
    for (path, limit) in [("claim.json", 64 << 10), ("root.json", 1 << 20), ("anchor.json", 64 << 10)] {
        target.put(path, &vec![b' '; limit], PutIf::Always).unwrap();
        assert!(target.get(path).unwrap().is_some(), "{path}");
        target.put(path, &vec![b' '; limit + 1], PutIf::Always).unwrap();
        let refused = target.get(path).map(drop).unwrap_err();
        assert!(matches!(refused, TargetError::TooLarge { bytes_max, .. } if bytes_max == limit), "{path}");
    }
    let catalogue = Catalogue::read(&*target, &crypto()).unwrap();
    let told: Vec<_> = catalogue.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert!(told.contains(&"claim.json"), "{told:?}");
    keep_key(&store, 2);
    store.keep().unwrap();
    assert!(store.targets()[0].trouble.as_deref().unwrap().contains("over 65536 bytes"));
    let status = keyreeve_store::backup::root_status(&*target, &*crypto()).unwrap_err();
    assert!(matches!(&status, BackupError::Damaged { object, .. } if object == "root.json"), "{status}");
}

#[test]
fn the_anchor_tells_what_verifying_the_journal_finds() {
    let bench = bench_at(Arc::new(FaultyDisk::new()));
    let store = bench.open();
    (1..5).for_each(|id| drop(keep_key(&store, id)));
    let anchor = signed::verify("anchor", &store.anchor(&*signer()).unwrap(), &*crypto()).unwrap().value;
    let (lsn, hash) = store.verify_journal().unwrap();
    assert_eq!((anchor["lsn"].as_u64(), anchor["hash"].as_str()), (Some(lsn.0), Some(&*hex::encode(hash))));
}
