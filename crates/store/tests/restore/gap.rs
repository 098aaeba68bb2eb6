//! What is gone from a target altogether: a restore never ends early without a word, and who gives up the rest says so.

use keyreeve_core::{
    model::{Algorithm, KeySpec, ObjectType},
    ports::crypto::Generated,
};
use keyreeve_store::backup::{BackupError, BackupKind, BackupOptions, Catalogue, targets::PutIf};

use super::*;

/// A target of a lost machine with a piece for each key, each made a second after the one before.
struct Lost {
    machine: Machine,
    /// The entry that made each key.
    made: Vec<Lsn>,
}

fn start_signing(store: &Store) {
    let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
    let Ok(Generated::Pair { private, .. }) = crypto().generate(&spec) else { panic!("a pair") };
    store.start_signing(crypto().parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap());
}

impl Lost {
    /// `anchored`: the store signs how far it has come. `full_behind`: a full backup behind so many keys.
    fn new(keys: u128, anchored: bool, full_behind: Option<u128>) -> Self {
        let machine = Machine::new();
        let store = machine.created();
        if anchored {
            start_signing(&store);
        }
        let made = (1..=keys).map(|id| {
            machine.set_time(1_000_000 * id as i64);
            let lsn = put(&store, records::create(&store, id, &format!("key {id}")));
            store.keep().unwrap();
            if full_behind == Some(id) {
                store.backup(&machine.target(), BackupKind::Full, BackupOptions::default()).unwrap();
            }
            lsn
        });
        let made = made.collect();
        // A second later: the last anchor tells of all.
        machine.set_time(1_000_000 * keys as i64 + 2_000);
        store.keep().unwrap();
        drop(store);
        Self { machine, made }
    }

    fn pieces(&self) -> Vec<(Lsn, Lsn, String)> {
        let listed = self.machine.target().list("t1/pieces/").unwrap().into_iter().map(|listed| listed.path);
        let lsn = |path: &str, at: usize| Lsn(path["t1/pieces/".len() + at..][..20].parse().unwrap());
        listed.map(|path| (lsn(&path, 0), lsn(&path, 21), path)).collect()
    }

    /// Removes the pieces with these keys' entries.
    fn remove(&self, keys: RangeInclusive<u128>) {
        for id in keys {
            let lsn = self.made[id as usize - 1];
            let with = |piece: &&(Lsn, Lsn, String)| (piece.0..=piece.1).contains(&lsn);
            if let Some((.., path)) = self.pieces().iter().find(with) {
                self.machine.target().delete(path).unwrap();
            }
        }
    }

    /// Restores on a machine of its own, and leaves the target as it was.
    fn restored(&self, to: PointInTime) -> Result<(Report, Machine), StoreError> {
        let machine =
            Machine { targets: self.machine.targets.kill(), ..Machine::beside(&self.machine.targets) };
        machine.restore(to, false).map(|report| (report, machine))
    }

    /// Checks that a restore is refused; gives the last entry before the gap, and the words.
    fn refused(&self, to: PointInTime) -> (Lsn, String) {
        match self.restored(to).map(|(report, _)| report.lsn) {
            Err(StoreError::Backup(error @ BackupError::Gap { reached, .. })) => {
                (Lsn(reached), error.to_string())
            }
            other => panic!("{to:?}: {other:?}"),
        }
    }

    /// Checks which keys a state has.
    fn assert_has(&self, to: PointInTime, keys: RangeInclusive<u128>) {
        let (_, machine) = self.restored(to).unwrap_or_else(|error| panic!("{to:?}: {error}"));
        // What lies behind a gap is given up: it looks like a machine that went on.
        let store = Store::open(&StoreOptions { take_over: true, ..machine.options() }, &key_file()).unwrap();
        keys.clone().for_each(|id| records::assert_opens(&store, id));
        assert!(records::object(&store, keys.end() + 1).is_none(), "{to:?}");
    }

    fn problems(&self) -> Vec<String> {
        let catalogue = Catalogue::read(&*self.machine.target(), &crypto()).unwrap();
        catalogue.problems.into_iter().map(|problem| format!("{}: {}", problem.path, problem.what)).collect()
    }
}

fn at(id: u128) -> PointInTime {
    PointInTime::Time(Time(1_000_000 * id as i64))
}

#[test]
fn newest_pieces_that_are_gone_are_missed_by_the_anchor() {
    let lost = Lost::new(6, true, None);
    assert_eq!(lost.problems(), [] as [String; 0]);
    lost.assert_has(PointInTime::Latest, 1..=6);
    let last = lost.pieces().last().unwrap().1;
    lost.remove(5..=6);
    let end = lost.pieces().last().unwrap().1;
    let (reached, told) = lost.refused(PointInTime::Latest);
    assert_eq!(reached, end);
    for what in [format!("entries {} to {last} of timeline 1", end.0 + 1), format!("--to {end}")] {
        assert!(told.contains(&what) && told.contains("anchor"), "{told}");
    }
    // An entry before, or a time that is surely before, is what it was.
    lost.assert_has(PointInTime::Lsn(reached), 1..=4);
    lost.assert_has(at(3), 1..=3);
    for wanted in [PointInTime::Lsn(last), at(4), at(5), at(60)] {
        assert_eq!(lost.refused(wanted).0, reached, "{wanted:?}");
    }
    let problems = lost.problems();
    assert!(problems.len() == 1 && problems[0].contains(&format!("come to entry {last}")), "{problems:?}");
}

#[test]
fn a_piece_that_is_gone_from_the_middle_is_missed_by_what_lies_behind() {
    let lost = Lost::new(7, false, None);
    lost.remove(4..=4);
    let (reached, told) = lost.refused(PointInTime::Latest);
    let behind = lost.pieces().into_iter().find(|piece| piece.0 > reached).unwrap();
    assert!(told.contains(&format!("entries {} to {} of", reached.0 + 1, behind.0.0 - 1)), "{told}");
    assert!(told.contains(&behind.2), "{told}");
    lost.assert_has(PointInTime::Lsn(reached), 1..=3);
    lost.assert_has(at(2), 1..=2);
    [at(3), at(4), at(7)].into_iter().for_each(|wanted| assert_eq!(lost.refused(wanted).0, reached));
    assert!(lost.problems().iter().any(|problem| problem.contains("are missing")), "{:?}", lost.problems());
}

#[test]
fn behind_a_full_backup_a_gap_costs_only_what_lies_in_it() {
    let lost = Lost::new(7, true, Some(5));
    lost.remove(3..=4);
    lost.assert_has(PointInTime::Latest, 1..=7);
    lost.assert_has(at(6), 1..=6);
    lost.assert_has(at(1), 1..=1);
    lost.assert_has(PointInTime::Lsn(lost.made[5]), 1..=6);
    let end = Lsn(lost.pieces().into_iter().rfind(|piece| piece.0 <= lost.made[1]).unwrap().1.0);
    for wanted in [PointInTime::Lsn(lost.made[2]), at(2), at(3), at(4)] {
        assert_eq!(lost.refused(wanted).0, end, "{wanted:?}");
    }
}

#[test]
fn a_timeline_that_is_gone_is_not_passed_over_for_an_earlier_one() {
    let lost = Lost::new(3, true, None);
    let second = Machine::beside(&lost.machine.targets);
    second.set_time(50_000_000);
    second.restore(PointInTime::Latest, false).unwrap();
    let store = second.open().unwrap();
    start_signing(&store);
    fill(&store, 4..=5);
    second.set_time(50_002_000);
    keep(&store);
    drop(store);
    lost.assert_has(PointInTime::Latest, 1..=5);
    // What an earlier timeline had is older than where the next one began.
    lost.assert_has(at(2), 1..=2);
    let target = lost.machine.target();
    for folder in ["t2/full/", "t2/pieces/"] {
        target.list(folder).unwrap().iter().for_each(|listed| target.delete(&listed.path).unwrap());
        let (_, told) = lost.refused(PointInTime::Latest);
        assert!(told.contains("timeline 2"), "{told}");
        assert!(!lost.problems().is_empty());
    }
}

#[test]
fn an_anchor_that_cannot_be_read_is_told_and_refuses_nothing() {
    let lost = Lost::new(3, true, None);
    let target = lost.machine.target();
    let (bytes, _) = target.get("anchor.json").unwrap().unwrap();
    let other = Lost::new(3, true, None).machine.target().get("anchor.json").unwrap().unwrap().0;
    let altered =
        String::from_utf8(bytes).unwrap().replace("\"timeline\": 1", "\"timeline\": 7").into_bytes();
    for wrong in [b"{}".to_vec(), altered, other] {
        target.put("anchor.json", &wrong, PutIf::Always).unwrap();
        let (report, _) = lost.restored(PointInTime::Latest).unwrap();
        assert_eq!(report.damaged.len(), 1, "{:?}", report.damaged);
        assert_eq!(report.damaged[0].object, "anchor.json");
        assert_eq!(lost.problems().len(), 1, "{:?}", lost.problems());
    }
}

#[test]
fn a_drill_tells_what_is_missing_at_the_target() {
    let machine = Machine::new();
    let store = machine.created();
    start_signing(&store);
    for id in 1..=3 {
        machine.set_time(id * 1_000_000);
        fill(&store, id as u128..=id as u128);
        store.keep().unwrap();
    }
    let drill = || store.drill(&*machine.target(), Arc::new(MemoryEngine::default())).unwrap();
    assert_eq!(drill().differences, [] as [String; 0]);
    let newest = machine.target().list("t1/pieces/").unwrap().pop().unwrap().path;
    machine.target().delete(&newest).unwrap();
    let told = drill().differences;
    assert!(told.len() == 1 && told[0].contains("are missing"), "{told:?}");
}

/// Two machines that were one, each with a target of its own that was one.
fn parted() -> (Machine, Machine) {
    let machine = Machine::new();
    let store = machine.created();
    fill(&store, 1..=2);
    keep(&store);
    drop(store);
    let twin = Machine { disk: machine.disk.kill(), targets: machine.targets.kill(), ..Machine::new() };
    (machine, twin)
}

/// The piece that holds these keys, made by a machine that goes on.
fn piece_of(machine: &Machine, ids: RangeInclusive<u128>) -> (String, Vec<u8>) {
    let pieces = || machine.target().list("t1/pieces/").unwrap().into_iter().map(|listed| listed.path);
    let before: Vec<_> = pieces().collect();
    let store = machine.open().unwrap();
    fill(&store, ids);
    store.keep().unwrap();
    drop(store);
    let path = pieces().find(|path| !before.contains(path)).unwrap();
    let bytes = machine.target().get(&path).unwrap().unwrap().0;
    (path, bytes)
}

/// Restores all that the first machine has, and checks that just the other's piece is told.
fn assert_passed_over(machine: &Machine, foreign: &str, keys: RangeInclusive<u128>) {
    let other = Machine { targets: machine.targets.kill(), ..Machine::beside(&machine.targets) };
    let report = other.restore(PointInTime::Latest, false).unwrap();
    assert_eq!(report.damaged.iter().map(|damage| damage.object.as_str()).collect::<Vec<_>>(), [foreign]);
    let store = other.open().unwrap();
    keys.for_each(|id| records::assert_opens(&store, id));
    assert!(records::object(&store, 30).is_none());
}

#[test]
fn of_two_pieces_that_do_not_fit_the_one_before_may_be_the_wrong_one() {
    for _ in 0..64 {
        let (machine, twin) = parted();
        let (ours, _) = piece_of(&machine, 3..=3);
        let (foreign, bytes) = piece_of(&twin, 30..=30);
        assert_eq!(ours[..50], foreign[..50], "they hold the same entries");
        piece_of(&machine, 4..=4);
        // Of two that reach as far, the greater name is taken first.
        if foreign > ours {
            machine.target().put(&foreign, &bytes, PutIf::Always).unwrap();
            return assert_passed_over(&machine, &foreign, 1..=4);
        }
    }
    panic!("names follow from random numbers");
}

#[test]
fn a_piece_that_overlaps_others_must_continue_them_too() {
    let (machine, twin) = parted();
    piece_of(&machine, 3..=4);
    piece_of(&twin, 29..=29);
    let (foreign, bytes) = piece_of(&twin, 30..=32);
    (5..=9).for_each(|id| drop(piece_of(&machine, id..=id)));
    machine.target().put(&foreign, &bytes, PutIf::Always).unwrap();
    assert_passed_over(&machine, &foreign, 1..=9);
}

#[test]
fn a_time_is_found_where_the_first_full_backup_of_a_timeline_is_damaged() {
    let lost = Lost::new(3, false, None);
    let second = Machine::beside(&lost.machine.targets);
    second.set_time(50_000_000);
    second.restore(PointInTime::Latest, false).unwrap();
    let store = second.open().unwrap();
    let target = lost.machine.target();
    let base = target.list("t2/full/").unwrap().pop().unwrap().path;
    for id in 4..=6 {
        second.set_time(id * 20_000_000);
        fill(&store, id as u128..=id as u128);
        keep(&store);
        if id == 4 {
            store.backup(&target, BackupKind::Full, BackupOptions::default()).unwrap();
        }
    }
    drop(store);
    let then = |id: i64| PointInTime::Time(Time(id * 20_000_000));
    lost.machine.targets.rot(&Path::new(TARGET).join(&base), 90, &[4]);
    lost.assert_has(then(5), 1..=5);
    let (report, _) = lost.restored(then(5)).unwrap();
    assert_eq!(report.damaged.iter().map(|damage| &damage.object).collect::<Vec<_>>(), [&base]);
    // Whether this was before the restore, only that backup tells; an entry is told by its number.
    let refused = lost.restored(at(2)).map(drop).unwrap_err().to_string();
    assert!(refused.contains(&base), "{refused}");
    lost.assert_has(PointInTime::Lsn(lost.made[1]), 1..=2);
}

/// Whoever can write there signs what they like.
#[test]
fn an_anchor_that_no_store_can_have_come_to_is_told_by_name_and_refuses_nothing() {
    let lost = Lost::new(3, true, None);
    let target = lost.machine.target();
    let (bytes, _) = target.get("anchor.json").unwrap().unwrap();
    let mut anchor: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    anchor["anchor"]["timeline"] = 4_000_000_000_u32.into();
    let spec = KeySpec { algorithm: Algorithm::Ed25519, length_bits: 256, curve: None };
    let Ok(Generated::Pair { private, .. }) = crypto().generate(&spec) else { panic!("a pair") };
    let key = crypto().parse(ObjectType::PrivateKey, Some(&spec), &private).unwrap();
    let wild = keyreeve_store::signed::sign("anchor", anchor["anchor"].take(), &*key).unwrap();
    target.put("anchor.json", wild.as_bytes(), PutIf::Always).unwrap();
    let (report, machine) = lost.restored(PointInTime::Latest).unwrap();
    assert_eq!((report.timeline, report.damaged.len()), (2, 1), "{:?}", report.damaged);
    let damage = &report.damaged[0];
    assert!(damage.object == "anchor.json" && damage.what.contains("timeline 4000000000"), "{damage:?}");
    let store = machine.open().unwrap();
    (1..=3).for_each(|id| records::assert_opens(&store, id));
}

#[test]
fn a_target_with_full_backups_alone_has_lost_nothing() {
    let machine = Machine::new();
    let store = machine.created();
    let other = KnownTargets::new(Arc::new(machine.targets.clone()), crypto()).open("/backups/full").unwrap();
    let mut made = Vec::new();
    for id in 1..=3 {
        fill(&store, id..=id);
        let made_at = store.published();
        store.backup(&other, BackupKind::Full, BackupOptions::default()).unwrap();
        made.push(made_at);
        put(&store, Vec::new());
    }
    keep(&store);
    drop(store);
    let restored = |to| {
        let machine = Machine { targets: machine.targets.kill(), ..Machine::beside(&machine.targets) };
        let cell = Some(TARGET.to_owned());
        let plan = Plan { from: &*other, to, keep_new: false, cell };
        restore(&machine.options(), &key_file(), &plan)
    };
    assert_eq!(restored(PointInTime::Latest).unwrap().lsn, made[2]);
    assert_eq!(restored(PointInTime::Lsn(made[1])).unwrap().lsn, made[1]);
    let refused = restored(PointInTime::Lsn(Lsn(made[1].0 + 1))).map(drop).unwrap_err().to_string();
    let next = format!("full backups alone are here, and t1/full/{:020}.krm is the next one", made[2].0);
    assert!(refused.contains(&next) && !refused.contains("lost"), "{refused}");
}
