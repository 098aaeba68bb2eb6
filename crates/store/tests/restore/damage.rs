//! Damage at a target: while there is another way to the same state, it is taken and told; where none is left, all of the
//! damage is named.

use keyreeve_core::ports::store::Order;
use keyreeve_store::{
    backup::{BackupError, BackupKind, BackupOptions},
    engines::{Batch, Engine as _},
};

use super::*;

/// A target of a lost machine: keys 1 to 10, a full backup, keys to 20, another, keys to 30.
struct Lost {
    machine: Machine,
    /// Their entries.
    fulls: [Lsn; 2],
}

impl Lost {
    fn new() -> Self {
        let machine = Machine::new();
        let store = machine.created();
        let target = machine.target();
        let full = |ids| {
            fill(&store, ids);
            keep(&store);
            let report = store.backup(&target, BackupKind::Full, BackupOptions::default()).unwrap();
            Lsn(report.lsn.0)
        };
        let fulls = [full(1..=10), full(11..=20)];
        fill(&store, 21..=30);
        put(&store, records::destroy(&store, 4));
        keep(&store);
        drop(store);
        Self { machine, fulls }
    }

    fn paths(&self, folder: &str) -> Vec<String> {
        let listed = self.machine.target().list(folder).unwrap();
        listed.into_iter().map(|listed| listed.path).collect()
    }

    fn manifest(&self, at: usize) -> String {
        format!("t1/full/{:020}.krm", self.fulls[at].0)
    }

    fn rot(&self, path: &str) {
        let path = Path::new(TARGET).join(path);
        let middle = self.machine.targets.bytes(&path).len() as u64 / 2;
        self.machine.targets.rot(&path, middle, &[4]);
    }

    /// Restores on a machine of its own, and leaves the target as it was.
    fn restored(&self, to: PointInTime) -> Result<(Report, Machine), StoreError> {
        let machine =
            Machine { targets: self.machine.targets.kill(), ..Machine::beside(&self.machine.targets) };
        machine.restore(to, false).map(|report| (report, machine))
    }

    /// Checks that all comes back, and that just this damage is told.
    fn assert_whole(&self, full: Option<Lsn>, damaged: &[&str]) {
        let (report, machine) = self.restored(PointInTime::Latest).unwrap();
        let told: Vec<_> = report.damaged.iter().map(|damage| damage.object.as_str()).collect();
        assert_eq!((report.full, told.as_slice()), (full, damaged));
        let store = machine.open().unwrap();
        (1..=30).filter(|id| *id != 4).for_each(|id| records::assert_opens(&store, id));
        assert!(records::material(&store, 4).is_none());
        let (then, machine) = self.restored(PointInTime::Lsn(self.fulls[1])).unwrap();
        assert_eq!((then.lsn, then.preview.disappears.count), (self.fulls[1], 10));
        let store = machine.open().unwrap();
        (1..=20).filter(|id| *id != 4).for_each(|id| records::assert_opens(&store, id));
        assert!(records::material(&store, 4).is_none() && records::object(&store, 21).is_none());
    }
}

#[test]
fn nothing_is_told_where_nothing_is_damaged() {
    let lost = Lost::new();
    lost.assert_whole(Some(lost.fulls[1]), &[]);
}

#[test]
fn an_older_full_backup_stands_in_for_a_damaged_manifest_and_then_the_whole_journal() {
    let lost = Lost::new();
    let [older, newer] = [lost.manifest(0), lost.manifest(1)];
    lost.rot(&newer);
    lost.assert_whole(Some(lost.fulls[0]), &[&newer]);
    lost.rot(&older);
    lost.assert_whole(None, &[&newer, &older]);
    // And where a piece is damaged as well, there is no way left.
    let first = lost.paths("t1/pieces/").remove(0);
    lost.rot(&first);
    for to in [PointInTime::Latest, PointInTime::Lsn(lost.fulls[1])] {
        match lost.restored(to).map(drop) {
            Err(error @ StoreError::Backup(BackupError::NoWay { .. })) => {
                let told = error.to_string();
                assert!([&newer, &older, &first].iter().all(|path| told.contains(path.as_str())), "{told}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_full_backup_whose_chunk_is_damaged_or_gone_is_gone_round() {
    let lost = Lost::new();
    let target = lost.machine.target();
    let before: std::collections::BTreeSet<_> = lost.paths("t1/chunks/").into_iter().collect();
    assert_eq!(before.len(), 2, "one each");
    for chunk in &before {
        let (bytes, _) = target.get(chunk).unwrap().unwrap();
        lost.rot(chunk);
        let (report, machine) = lost.restored(PointInTime::Latest).unwrap();
        match report.full {
            // That of the older one is not read.
            Some(full) if full == lost.fulls[1] => assert_eq!(report.damaged, []),
            full => assert_eq!((full, &report.damaged[0].object), (Some(lost.fulls[0]), chunk)),
        }
        (21..=30).for_each(|id| records::assert_opens(&machine.open().unwrap(), id));
        target.put(chunk, &bytes, keyreeve_store::backup::targets::PutIf::Always).unwrap();
    }
    before.iter().for_each(|chunk| target.delete(chunk).unwrap());
    let (report, _) = lost.restored(PointInTime::Latest).unwrap();
    assert_eq!((report.full, report.damaged.len()), (None, 2));
}

#[test]
fn pieces_that_overlap_stand_in_for_one_another() {
    let machine = Machine::new();
    let store = machine.created();
    let target = machine.target();
    let pieces = || target.list("t1/pieces/").unwrap().into_iter().map(|listed| listed.path);
    let mut kept = std::collections::BTreeMap::new();
    let mut id = 0;
    // Until small ones are merged.
    let merged = loop {
        id += 1;
        fill(&store, id..=id);
        store.keep().unwrap();
        let there: Vec<_> = pieces().collect();
        let gone = kept.keys().find(|path: &&String| !there.contains(path)).cloned();
        if let Some(gone) = gone {
            let first = &gone["t1/pieces/".len()..][..20];
            break there.into_iter().find(|path| path.contains(first)).unwrap();
        }
        for path in there {
            let (bytes, _) = target.get(&path).unwrap().unwrap();
            kept.insert(path, bytes);
        }
        assert!(id < 1000, "nothing is ever merged");
    };
    // The newest state needs no pieces.
    store.backup(&target, BackupKind::Full, BackupOptions::default()).unwrap();
    drop(store);
    machine.targets.rot(&Path::new(TARGET).join(&merged), 300, &[1]);
    let last = |path: &String| path["t1/pieces/".len() + 21..][..20].parse().unwrap();
    let then = Lsn(kept.keys().map(last).max().unwrap());
    let restore = || {
        let other = Machine { targets: machine.targets.kill(), ..Machine::beside(&machine.targets) };
        other.restore(PointInTime::Lsn(then), false)
    };
    let refused = restore().map(drop);
    assert!(
        matches!(&refused, Err(StoreError::Backup(BackupError::Damaged { object, .. })) if *object == merged),
        "{refused:?}"
    );
    for (path, bytes) in &kept {
        target.put(path, bytes, keyreeve_store::backup::targets::PutIf::Always).unwrap();
    }
    let report = restore().unwrap();
    assert_eq!(report.damaged.iter().map(|damage| &damage.object).collect::<Vec<_>>(), [&merged]);
    assert_eq!((report.lsn, report.preview.disappears.count), (then, 1));
}

/// What bit rot in the index once brought into a full backup: there, everything is authentic.
#[test]
fn a_full_backup_with_a_key_that_does_not_open_is_gone_round_and_a_drill_names_the_key() {
    let machine = Machine::new();
    let engine = Arc::new(MemoryEngine::default());
    let options = StoreOptions { engine: EngineChoice::Given(engine.clone()), ..machine.options() };
    Store::create(&options, [key_file()]).unwrap();
    let store = Store::open(&options, &key_file()).unwrap();
    let target = machine.target();
    store.register_target(TARGET, true, false).unwrap();
    fill(&store, 1..=3);
    keep(&store);
    let whole = store.backup(&target, BackupKind::Full, BackupOptions::default()).unwrap();
    put(&store, records::regroup(&store, 1, &["later"]));
    keep(&store);
    // A clean stop brings everything into the engine.
    drop(store);
    let store = Store::open(&options, &key_file()).unwrap();
    let (key, mut row) = engine.scan(b"r\x03", b"r\x04", Order::Ascending, 9).unwrap().swap_remove(1);
    let ciphertext = records::material(&store, 2).unwrap().ciphertext.clone();
    drop(store);
    let at = row.windows(ciphertext.len()).position(|window| window == ciphertext).unwrap();
    row[at] ^= 1;
    let checkpoint = engine.checkpoint().unwrap().unwrap();
    engine.apply(&Batch { writes: [(key, Some(row))].into(), checkpoint }).unwrap();
    let store = Store::open(&options, &key_file()).unwrap();
    let rotten = store.backup(&target, BackupKind::Full, BackupOptions::default()).unwrap();
    assert!(rotten.lsn > whole.lsn);
    let drill = store.drill(&*target, Arc::new(MemoryEngine::default())).unwrap();
    let told = drill.differences.join("; ");
    assert!(told.contains("version 1 of key key 2") && drill.verified.opened == 3, "{told}");
    drop(store);
    let report = machine.restore_elsewhere();
    assert_eq!((report.full, report.verified.opened), (Some(Lsn(whole.lsn.0)), 3));
    assert_eq!(report.damaged[0].object, format!("t1/full/{:020}.krm", rotten.lsn.0));
    assert!(report.damaged[0].what.contains("version 1 of key key 2"), "{:?}", report.damaged);
}

impl Machine {
    fn restore_elsewhere(&self) -> Report {
        let other = Self { targets: self.targets.kill(), ..Self::beside(&self.targets) };
        other.restore(PointInTime::Latest, false).unwrap()
    }
}
