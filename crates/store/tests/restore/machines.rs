//! Lost machines and living ones; what a restored store is, and does before it serves anybody.

use keyreeve_core::{
    model::{PlaceKind, State},
    ports::store::Order,
    record::{Change, Record, RecordKey},
};

use std::sync::atomic::AtomicBool;

use keyreeve_core::ports::cell::Cell;
use keyreeve_store::{
    backup::{
        BackupKind, BackupOptions,
        targets::{Listed, PutIf, TargetError, Version},
    },
    engines::{Batch, Engine},
};
use keyreeve_testkit::recorder::RecordingDisk;

use super::*;

fn head_generation(store: &Store) -> u64 {
    match get(store, &RecordKey::Tree) {
        Some(Record::Tree(head)) => head.generation,
        _ => 0,
    }
}

#[test]
fn a_lost_machine_comes_back_whole() {
    let lost = Machine::new();
    let store = lost.created();
    for id in 1..=300 {
        put(&store, records::create(&store, id, &format!("key {id}")));
    }
    put(&store, records::destroy(&store, 7));
    put(&store, vec![Change::Exported(records::object_id(8), 3)]);
    keep(&store);
    let (id, last) = (store.id(), store.published());
    drop(store);

    let machine = Machine::beside(&lost.targets);
    let report = machine.restore(PointInTime::Latest, false).unwrap();
    assert_eq!((report.store, report.timeline, report.head), (id, 2, last));
    assert_eq!(report.verified.opened, 299);
    let store = machine.open().unwrap();
    assert_eq!(store.id(), id);
    assert!(store.published() > last, "the restore is on record");
    (1..=300).filter(|id| *id != 7).for_each(|id| records::assert_opens(&store, id));
    assert_eq!(records::object(&store, 7).unwrap().state, State::Destroyed);
    assert!(records::material(&store, 7).is_none());
    assert!(head_generation(&store) > report.generation, "unused slots are fresh");
    let counts = get(&store, &RecordKey::Counts(records::object_id(8)));
    assert!(matches!(counts, Some(Record::Counts(counts)) if counts.exported == 3));
    // The old machine is a place that nobody has answered for.
    let places = store.places().unwrap();
    let machines: Vec<_> = places.iter().filter(|place| place.kind == PlaceKind::Machine).collect();
    assert_eq!(
        machines.iter().map(|place| place.name.as_str()).collect::<Vec<_>>(),
        ["machine-1", "machine-2"]
    );
    assert!(machines[0].lost.is_some() && machines[0].attested.is_none() && machines[1].lost.is_none());
    // What was before lies in the archive, and nobody is told that there was nothing.
    let pruned = store.journal(Lsn(0), 1).unwrap_err().to_string();
    assert!(pruned.contains(&format!("ask for entries after {last}")), "{pruned}");
    assert!(!store.journal(last, 10).unwrap().is_empty());
    // It goes on like any store, without its index too.
    put(&store, records::create(&store, 301, "after"));
    keep(&store);
    drop(store);
    let store = machine.open().unwrap();
    (1..=301).filter(|id| *id != 7).for_each(|id| records::assert_opens(&store, id));
    drop(store);
    // And is restored itself, from what it has shipped since.
    let third = Machine::beside(&lost.targets);
    assert_eq!(third.restore(PointInTime::Latest, false).unwrap().timeline, 3);
    let store = third.open().unwrap();
    (1..=301).filter(|id| *id != 7).for_each(|id| records::assert_opens(&store, id));
}

#[test]
fn a_store_that_never_sealed_anything_comes_back() {
    let lost = Machine::new();
    let store = lost.created();
    put(
        &store,
        vec![Change::Put(Record::KeyName {
            realm: keyreeve_core::model::RealmId::DEFAULT,
            name: "n".into(),
            key: records::key_id(1),
            alias: false,
        })],
    );
    keep(&store);
    drop(store);
    let machine = Machine::beside(&lost.targets);
    assert_eq!(machine.restore(PointInTime::Latest, false).unwrap().generation, 0);
    let store = machine.open().unwrap();
    // It has changed nothing yet: a full backup now is the one that the timeline begins with.
    store.backup(&machine.target(), BackupKind::Full, BackupOptions::default()).unwrap();
    put(&store, records::create(&store, 1, "first"));
    records::assert_opens(&store, 1);
    keep(&store);
    let verified = store.verify_backup(&*machine.target(), &mut |_| {}).unwrap();
    assert_eq!(verified.problems, []);
    drop(store);
    let third = Machine::beside(&lost.targets);
    third.restore(PointInTime::Latest, false).unwrap();
    records::assert_opens(&third.open().unwrap(), 1);
}

#[test]
fn uses_from_before_a_restore_are_still_counted_where_the_index_is_made_anew() {
    let lost = Machine::new();
    let store = lost.created();
    fill(&store, 1..=2);
    let uses = |store: &Store, id| match get(store, &RecordKey::Uses(records::object_id(id))) {
        Some(Record::Uses(uses)) => (uses.protect, uses.first.0, uses.last.0),
        _ => (0, 0, 0),
    };
    (10..15).for_each(|time| records::serve(&store, 1, time));
    // Uses reach the index with the next change.
    fill(&store, 3..=3);
    store.backup(&lost.target(), BackupKind::Full, BackupOptions::default()).unwrap();
    keep(&store);
    drop(store);
    let machine = Machine::beside(&lost.targets);
    machine.restore(PointInTime::Latest, false).unwrap();
    // Each opening finds no index, and makes it anew.
    let store = machine.open().unwrap();
    assert_eq!((uses(&store, 1), uses(&store, 2)), ((5, 10, 14), (0, 0, 0)));
    (20..22).for_each(|time| records::serve(&store, 1, time));
    records::serve(&store, 2, 30);
    let expected = ((7, 10, 21), (1, 30, 30));
    assert_eq!((uses(&store, 1), uses(&store, 2)), expected);
    drop(store);
    let store = machine.open().unwrap();
    assert_eq!((uses(&store, 1), uses(&store, 2)), expected);
}

#[test]
fn what_is_shipped_continues_a_full_backup_that_was_made_behind_a_marker() {
    let lost = Machine::new();
    let store = lost.created();
    fill(&store, 1..=3);
    keep(&store);
    store.close().unwrap();
    drop(store);
    // The index, made anew, has come to the marker of the stop.
    let store = lost.open().unwrap();
    store.backup(&lost.target(), BackupKind::Full, BackupOptions::default()).unwrap();
    fill(&store, 4..=6);
    keep(&store);
    assert_eq!(store.verify_backup(&*lost.target(), &mut |_| {}).unwrap().problems, []);
    drop(store);
    let machine = Machine::beside(&lost.targets);
    machine.restore(PointInTime::Latest, false).unwrap();
    let store = machine.open().unwrap();
    (1..=6).for_each(|id| records::assert_opens(&store, id));
}

#[test]
fn a_machine_that_goes_on_is_noticed_and_fenced_only_by_taking_over() {
    let old = Machine::new();
    let alive = old.created();
    put(&alive, records::create(&alive, 1, "one"));
    keep(&alive);
    let machine = Machine::beside(&old.targets);
    machine.restore(PointInTime::Latest, false).unwrap();
    put(&alive, records::create(&alive, 2, "two"));
    keep(&alive);
    let refused = machine.open().map(drop).unwrap_err().to_string();
    assert!(refused.contains("the old machine is alive"), "{refused}");
    // It harmed nobody: the old one still ships.
    put(&alive, records::create(&alive, 3, "three"));
    keep(&alive);

    let options = StoreOptions { take_over: true, ..machine.options() };
    let store = Store::open(&options, &key_file()).unwrap();
    records::assert_opens(&store, 1);
    assert!(records::object(&store, 2).is_none(), "it was written after the restore");
    put(&alive, records::destroy(&alive, 1));
    let _ = alive.keep();
    let fenced = alive.get(&RecordKey::Tree).map(drop).unwrap_err();
    assert!(fenced.to_string().contains("must be started again"), "{fenced}");
    records::assert_opens(&store, 1);
}

#[test]
fn restores_that_know_nothing_of_each_other_are_told_apart() {
    const FAR: &str = "/backups/far";
    let targets = RecordingDisk::new();
    make_dir(targets.disk(), "/backups");
    let known = || KnownTargets::new(Arc::new(targets.clone()), crypto());
    let options = |machine: &Machine| StoreOptions { targets: Some(Arc::new(known())), ..machine.options() };
    let restored = |from: &str| {
        let (machine, from) = (Machine::beside(targets.disk()), known().open(from).unwrap());
        let plan = Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell: None };
        let report = restore(&options(&machine), &key_file(), &plan).unwrap();
        (options(&machine), report.timeline)
    };
    let lost = options(&Machine::beside(targets.disk()));
    Store::create(&lost, [key_file()]).unwrap();
    let store = Store::open(&lost, &key_file()).unwrap();
    for target in [TARGET, FAR] {
        store.register_target(target, true, false).unwrap();
    }
    fill(&store, 1..=3);
    keep(&store);
    drop(store);

    targets.take_out_of_reach(Some(FAR));
    let (first, timeline) = restored(TARGET);
    assert_eq!(timeline, 2);
    let store = Store::open(&first, &key_file()).unwrap();
    fill(&store, 4..=4);
    keep(&store);
    drop(store);
    // Whoever restores from the far target and cannot reach the other one begins the same timeline, and finds out.
    targets.take_out_of_reach(Some(TARGET));
    let (second, timeline) = restored(FAR);
    assert_eq!(timeline, 2);
    targets.take_out_of_reach(None);
    for take_over in [false, true] {
        let refused = Store::open(&StoreOptions { take_over, ..second.clone() }, &key_file()).map(drop);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("another restore has begun timeline 2 there"), "{refused}");
    }
    // Whoever can reach it begins a later one, and leaves behind what the first one did only where that is wanted.
    let (third, timeline) = restored(FAR);
    assert_eq!(timeline, 3);
    let refused = Store::open(&third, &key_file()).map(drop).unwrap_err().to_string();
    assert!(refused.contains("restore from there"), "{refused}");
    let store = Store::open(&StoreOptions { take_over: true, ..third }, &key_file()).unwrap();
    (1..=3).for_each(|id| records::assert_opens(&store, id));
    assert!(records::object(&store, 4).is_none());
    keep(&store);
    drop(store);
    let store = Store::open(&first, &key_file()).unwrap();
    assert!(store.keep().is_err() || store.get(&RecordKey::Tree).is_err(), "the first one is fenced");
}

#[test]
fn a_target_that_invents_timelines_is_named() {
    let lost = Machine::new();
    let store = lost.created();
    fill(&store, 1..=2);
    keep(&store);
    drop(store);
    let target = lost.target();
    let ours = String::from_utf8(target.get("claim.json").unwrap().unwrap().0).unwrap();
    let claim = |timeline: u32| {
        let text = ours.replace("\"timeline\": 1", &format!("\"timeline\": {timeline}"));
        target.put("claim.json", text.as_bytes(), PutIf::Always).unwrap();
    };
    let restored = || Machine::beside(&lost.targets).restore(PointInTime::Latest, false);
    let refused = |timeline: u32| {
        let refused = restored().unwrap_err().to_string();
        assert!(refused.contains(&format!("timeline {timeline},")) && refused.contains(TARGET), "{refused}");
    };
    for invented in [u32::MAX, u32::MAX - 1, 1 << 21] {
        claim(invented);
        refused(invented);
    }
    claim(5);
    assert_eq!(restored().unwrap().timeline, 6);
    claim(1);
    let first = format!("{:020}", 1);
    let piece = format!("t{}/pieces/{first}-{first}-{}.krp", u32::MAX, "0".repeat(64));
    target.put(&piece, b"nothing", PutIf::Always).unwrap();
    refused(u32::MAX);
}

#[test]
fn a_destruction_that_no_place_has_settled_is_done_again() {
    let lost = Machine::new();
    let store = lost.created();
    fill(&store, 1..=20);
    keep(&store);
    let before = head_generation(&store);
    put(&store, records::destroy(&store, 4));
    // Shipped, but the epoch is never changed.
    store.backup(&lost.target(), BackupKind::Incremental, BackupOptions::default()).unwrap();
    drop(store);
    let machine = Machine::beside(&lost.targets);
    machine.restore(PointInTime::Latest, false).unwrap();
    let store = machine.open().unwrap();
    assert!(head_generation(&store) > before);
    assert!(records::material(&store, 4).is_none());
    (1..=20).filter(|id| *id != 4).for_each(|id| records::assert_opens(&store, id));
    match get(&store, &RecordKey::Erasure(keyreeve_core::model::ErasureId(uuid::Uuid::from_u128(4)))) {
        Some(Record::Erasure(erasure)) => assert!(erasure.switched.is_some(), "pending: the lost machine"),
        _ => panic!("it cannot be complete: nobody has answered for the lost machine"),
    }
}

#[test]
fn a_folder_that_holds_anything_is_refused() {
    let lost = Machine::new();
    let store = lost.created();
    put(&store, records::create(&store, 1, "one"));
    keep(&store);
    let refused = lost.restore(PointInTime::Latest, false);
    assert!(matches!(refused, Err(StoreError::Exists(_))));
    let machine = Machine::beside(&lost.targets);
    let disk = &machine.disk;
    make_dir(disk, "/machine/data");
    keyreeve_store::disk::replace_file(disk, Path::new("/machine/data/letters.txt"), b"dear").unwrap();
    let refused = machine.restore(PointInTime::Latest, false);
    assert!(matches!(refused, Err(StoreError::NotEmpty { .. })), "{refused:?}");
}

#[test]
fn a_preview_leaves_no_store_and_a_restore_goes_on_there() {
    let lost = Machine::new();
    let store = lost.created();
    let first = put(&store, records::create(&store, 1, "one"));
    put(&store, records::create(&store, 2, "two"));
    keep(&store);
    let machine = Machine::beside(&lost.targets);
    let from = machine.target();
    let plan = Plan { from: &*from, to: PointInTime::Lsn(first), keep_new: false, cell: None };
    let report = keyreeve_store::restore::preview(&machine.options(), &key_file(), &plan).unwrap();
    let gone: Vec<_> = report.preview.disappears.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(gone, ["two"]);
    assert!(matches!(machine.open(), Err(StoreError::Unfinished(_))));
    machine.restore(PointInTime::Latest, false).unwrap();
    records::assert_opens(&machine.open().unwrap(), 2);
}

#[test]
fn a_cell_ahead_of_the_archive_opens_the_epoch_that_was_prepared() {
    let lost = Machine::new();
    let store = lost.created();
    fill(&store, 1..=20);
    keep(&store);
    let shipped = store.published();
    let before = head_generation(&store);
    put(&store, records::destroy(&store, 4));
    // The entries up to the nodes of the new epoch, and no further: its switch is lost with the machine.
    let target = lost.target();
    keep(&store);
    let switched = (shipped.0 + 1..=store.published().0)
        .find(|lsn| {
            let entries = store.journal(Lsn(lsn - 1), 1).unwrap();
            entries[0].draft.action == keyreeve_core::access::Action::SwitchEpoch
        })
        .expect("the epoch was switched");
    drop(store);
    let pieces = target.list("t1/pieces/").unwrap();
    let late = pieces.iter().filter(|listed| {
        let last: u64 = listed.path["t1/pieces/".len() + 21..][..20].parse().unwrap();
        last >= switched
    });
    late.for_each(|listed| target.delete(&listed.path).unwrap());
    let machine = Machine::beside(&lost.targets);
    let report = machine.restore(PointInTime::Latest, false).unwrap();
    assert!(report.generation > before && report.head.0 < switched, "{report:?}");
    let store = machine.open().unwrap();
    assert!(records::material(&store, 4).is_none());
    (1..=20).filter(|id| *id != 4).for_each(|id| records::assert_opens(&store, id));
}

#[test]
fn a_drill_opens_and_compares_everything_and_changes_nothing() {
    let machine = Machine::new();
    let store = machine.created();
    fill(&store, 1..=20);
    put(&store, records::destroy(&store, 4));
    keep(&store);
    let target = machine.target();
    let before = target.list("").unwrap();
    put(&store, records::regroup(&store, 5, &["meanwhile"]));
    let report = store.drill(&*target, Arc::new(MemoryEngine::default())).unwrap();
    assert_eq!((report.verified.opened, &report.differences), (19, &Vec::new()));
    assert!(report.compared >= report.verified.records && report.generation.is_some());
    assert_eq!(target.list("").unwrap(), before);
}

#[test]
fn a_drill_tells_a_record_that_the_running_store_has_otherwise() {
    let machine = Machine::new();
    let engine = Arc::new(MemoryEngine::default());
    let options = StoreOptions { engine: EngineChoice::Given(engine.clone()), ..machine.options() };
    Store::create(&options, [key_file()]).unwrap();
    let store = Store::open(&options, &key_file()).unwrap();
    store.register_target(TARGET, true, false).unwrap();
    fill(&store, 1..=3);
    keep(&store);
    // A clean stop brings everything into the engine.
    drop(store);
    let store = Store::open(&options, &key_file()).unwrap();
    let rows = engine.scan(b"r\x05", b"r\x06", Order::Ascending, 9).unwrap();
    let lost = rows[1].0.clone();
    let checkpoint = engine.checkpoint().unwrap().unwrap();
    engine.apply(&Batch { writes: [(lost, None)].into(), checkpoint }).unwrap();
    let report = store.drill(&*machine.target(), Arc::new(MemoryEngine::default())).unwrap();
    assert_eq!(report.differences, ["the name of key key 2"]);
}

/// A target whose cell cannot be reached while `sulks` is set.
struct Sulking {
    target: Arc<dyn Target>,
    sulks: Arc<AtomicBool>,
}

impl Target for Sulking {
    fn address(&self) -> &str {
        self.target.address()
    }
    fn put(&self, path: &str, bytes: &[u8], when: PutIf<'_>) -> Result<bool, TargetError> {
        self.target.put(path, bytes, when)
    }
    fn get(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, TargetError> {
        self.target.get(path)
    }
    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Option<Vec<u8>>, TargetError> {
        self.target.get_range(path, offset, len)
    }
    fn list(&self, prefix: &str) -> Result<Vec<Listed>, TargetError> {
        self.target.list(prefix)
    }
    fn delete(&self, path: &str) -> Result<(), TargetError> {
        self.target.delete(path)
    }
    fn cell(&self) -> Result<Arc<dyn Cell>, TargetError> {
        let target = self.address().to_owned();
        match self.sulks.load(Ordering::SeqCst) {
            true => Err(TargetError::Unreachable { target, what: "not now".into() }),
            false => self.target.cell(),
        }
    }
    fn domain(&self) -> Option<String> {
        self.target.domain()
    }
}

/// Opens folders; the one at `address` may sulk.
struct SometimesSulking {
    known: KnownTargets,
    address: &'static str,
    sulks: Arc<AtomicBool>,
}

impl Targets for SometimesSulking {
    fn open(&self, address: &str) -> Result<Arc<dyn Target>, TargetError> {
        let target = self.known.open(address)?;
        let sulks = self.sulks.clone();
        Ok(if target.address().ends_with(self.address) {
            Arc::new(Sulking { target, sulks })
        } else {
            target
        })
    }
}

#[test]
fn a_root_key_file_from_before_a_replacement_is_told_apart_from_damage() {
    let machine = Machine::new();
    let store = machine.created();
    fill(&store, 1..=3);
    keep(&store);
    let target = machine.target();
    let (before, _) = target.get("root.json").unwrap().unwrap();
    store.replace_root(&key_file(), &[key_file()]).unwrap();
    fill(&store, 4..=6);
    keep(&store);
    drop(store);
    // As whoever reads it first, and the pieces once the running store has shipped more.
    target.put("root.json", &before, PutIf::Always).unwrap();
    let elsewhere = Machine::beside(&machine.targets);
    let refused = elsewhere.restore(PointInTime::Latest, false).unwrap_err().to_string();
    assert!(refused.contains("root key 2") && refused.contains("begin again"), "{refused}");
}

#[test]
fn a_cell_behind_the_journal_voids_the_switch_and_the_destruction_is_done_again() {
    const BEHIND: &str = "/backups/behind";
    let lost = Machine::new();
    let sulks = Arc::new(AtomicBool::new(false));
    let known = KnownTargets::new(Arc::new(lost.targets.clone()), crypto());
    let opener = SometimesSulking { known, address: BEHIND, sulks: sulks.clone() };
    let options = StoreOptions { targets: Some(Arc::new(opener)), ..lost.options() };
    Store::create(&options, [key_file()]).unwrap();
    let store = Store::open(&options, &key_file()).unwrap();
    store.register_target(TARGET, true, false).unwrap();
    store.register_target(BEHIND, true, false).unwrap();
    fill(&store, 1..=20);
    keep(&store);
    let before = head_generation(&store);
    sulks.store(true, Ordering::SeqCst);
    put(&store, records::destroy(&store, 4));
    keep(&store);
    put(&store, records::create(&store, 21, "under the new epoch"));
    keep(&store);
    assert!(head_generation(&store) > before, "the other target was enough");
    drop(store);

    let machine = Machine::beside(&lost.targets);
    let from = KnownTargets::new(Arc::new(lost.targets.clone()), crypto()).open(BEHIND).unwrap();
    let plan = Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell: None };
    let report = restore(&machine.options(), &key_file(), &plan).unwrap();
    assert_eq!(report.generation, before);
    let store = machine.open().unwrap();
    assert!(records::material(&store, 4).is_none());
    (1..=21).filter(|id| *id != 4).for_each(|id| records::assert_opens(&store, id));
    let id = keyreeve_core::model::ErasureId(uuid::Uuid::from_u128(4));
    match get(&store, &RecordKey::Erasure(id)) {
        Some(Record::Erasure(erasure)) => {
            assert!(erasure.switched.is_some_and(|switched| switched > before + 1))
        }
        _ => panic!("the lost machine is not cleared"),
    }
}

#[test]
fn a_target_that_is_behind_for_too_long_is_a_breach_until_it_has_caught_up() {
    let machine = Machine::new();
    machine.created().close().unwrap();
    let mut options = machine.options();
    options.archive.rpo_seconds_max = Some(5);
    let store = Store::open(&options, &key_file()).unwrap();
    keep(&store);
    machine.targets.set_capacity(Some(0));
    fill(&store, 1..=1);
    for (after_ms, breached) in [(0, false), (5_000, false), (5_001, true)] {
        machine.set_time(1_000 + after_ms);
        let _ = store.keep();
        let status = store.targets().remove(0);
        assert_eq!((status.lag_ms, status.breached), (after_ms as u64, breached));
        assert!(status.lag_entries > 0 && status.trouble.is_some());
    }
    machine.targets.set_capacity(None);
    keep(&store);
    let status = store.targets().remove(0);
    assert_eq!((status.lag_entries, status.breached, status.trouble), (0, false, None));
}
