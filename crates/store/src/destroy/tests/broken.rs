//! Rules of destroying, each broken on purpose: the check that holds with the rule finds the harm without it.

use super::*;
use crate::faults::{Fault, Harm, assert_noticed, while_broken};

/// Whether a leaf derives from nodes that were ever on record, with one of these whole epoch keys. A node that was written
/// twice under one id counts in both forms.
fn derives(bench: &Bench, held: &[CellEntry], sealed: &SealedMaterial) -> bool {
    let mut entries = bench.store.journal(Lsn(0), usize::MAX).unwrap();
    let newest = Nodes::of(&entries);
    entries.reverse();
    let leaf = (sealed.leaf_index, sealed.leaf_check);
    let opens = |nodes: &Nodes, entry: &CellEntry| {
        verify(&*crypto(), entry.store, nodes, &entry.key, [leaf], &[]).is_ok()
    };
    let oldest = Nodes::of(&entries);
    held.iter().any(|entry| opens(&newest, entry) || opens(&oldest, entry))
}

fn held(cells: &[Arc<dyn Cell>]) -> Vec<CellEntry> {
    cells.iter().flat_map(|cell| cell.read().unwrap()).collect()
}

/// What is wrong where this key's destruction is certified, and these epoch keys bring it back.
fn back(bench: &Bench, id: ErasureId, held: &[CellEntry], gone: &SealedMaterial) -> Option<Harm> {
    (bench.certificate(id).is_some() && derives(bench, held, gone)).then_some(Harm::Back)
}

fn lost(comes_back: bool) -> Option<Harm> {
    (!comes_back).then_some(Harm::Lost)
}

/// Whether a target alone, with its own cell, brings a key back.
fn comes_back_from(target: &Depot, sealed: &SealedMaterial) -> bool {
    opens(&Nodes::of(&target.entries.lock()), &*target.cell, sealed)
}

#[test]
fn an_epoch_key_that_is_erased_too_early_is_missing_after_a_failure() {
    assert_noticed(Fault::EraseBeforePut, Harm::Lost, || {
        let bench = Bench::new(1);
        let kept = bench.keep_key(2);
        bench.keep_key(3);
        bench.destroy(&[3]);
        bench.targets[0].cell.refuses_put.store(true, Ordering::Relaxed);
        assert!(bench.store.keep().unwrap());
        lost(opens(&bench.all_nodes(), &*bench.machine_cell(), &kept))
    });
}

#[test]
fn a_target_that_gets_the_key_before_the_nodes_brings_nothing_back_alone() {
    assert_noticed(Fault::PutBeforeReplicate, Harm::Lost, || {
        let bench = Bench::new(1);
        let kept = bench.keep_key(2);
        bench.keep_key(3);
        bench.store.eraser.places.replica("file:///target-0").unwrap().ship(bench.store.published()).unwrap();
        bench.destroy(&[3]);
        bench.store.keep().unwrap();
        lost(comes_back_from(&bench.targets[0], &kept))
    });
}

#[test]
fn a_target_that_is_believed_brings_nothing_back_where_it_lost_what_it_took() {
    assert_noticed(Fault::SkipReadBack, Harm::Lost, || {
        let bench = Bench::new(1);
        let kept = bench.keep_key(2);
        bench.keep_key(3);
        bench.store.eraser.places.replica("file:///target-0").unwrap().ship(bench.store.published()).unwrap();
        bench.targets[0].loses.store(true, Ordering::Relaxed);
        bench.destroy(&[3]);
        bench.store.keep().unwrap();
        lost(comes_back_from(&bench.targets[0], &kept))
    });
}

#[test]
fn an_old_epoch_key_that_is_kept_brings_the_destroyed_back() {
    assert_noticed(Fault::KeepOldKey, Harm::Back, || {
        let bench = Bench::new(1);
        let gone = bench.keep_key(2);
        let id = bench.destroy(&[2]);
        bench.store.keep().unwrap();
        assert!(bench.certificate(id).is_some());
        back(&bench, id, &held(&bench.cells()), &gone)
    });
}

/// Variant leave_abandoned.
#[test]
fn an_epoch_key_that_was_taken_back_and_stays_brings_the_destroyed_back() {
    assert_noticed(Fault::LeaveAbandoned, Harm::Back, || {
        let bench = Bench::new(2);
        let gone = bench.keep_key(2);
        bench.keep_key(3);
        let [first, second] = [&bench.targets[0], &bench.targets[1]];
        // One target has the new key and breaks, the other takes none: that is too few.
        let cell = first.cell.clone();
        let breaks: Happening = Box::new(move || cell.dies.store(true, Ordering::Relaxed));
        *first.cell.meanwhile.lock() = Some(breaks);
        second.cell.refuses_put.store(true, Ordering::Relaxed);
        bench.destroy(&[3]);
        assert!(bench.store.keep().unwrap());
        assert_eq!(bench.actions().last(), Some(&Action::AbandonEpoch));
        first.cell.dies.store(false, Ordering::Relaxed);
        second.cell.refuses_put.store(false, Ordering::Relaxed);
        // It is away when the next one comes, and back when that is in force.
        first.go(false);
        let id = bench.destroy(&[2]);
        bench.wait(1);
        bench.store.keep().unwrap();
        first.go(true);
        bench.wait(60);
        bench.store.keep().unwrap();
        assert!(bench.certificate(id).is_some());
        back(&bench, id, &held(&bench.cells()), &gone)
    });
}

/// Variant restore_online.
#[test]
fn a_tree_that_grows_while_a_restored_store_draws_slots_anew_loses_what_is_made_then() {
    assert_noticed(Fault::GrowInRestore, Harm::Lost, || {
        let bench = Bench::new(1);
        bench.keep_key(2);
        let made = Arc::new(Mutex::new(Vec::new()));
        let (store, racing) = (bench.store.clone(), made.clone());
        let creates: Happening = Box::new(move || {
            let seal = |id| store.sealer().seal(&binding(id), &SecretBytes::new(vec![3; 32]));
            racing.lock().extend((3..1_000).map_while(|id| Some((id, seal(id).ok()?))));
        });
        *bench.targets[0].cell.meanwhile.lock() = Some(creates);
        bench.store.eraser.refresh().unwrap();
        let (made, sealer) = (made.lock(), bench.store.sealer());
        assert!(made.len() > 60, "creates go on meanwhile");
        lost(made.iter().all(|(id, sealed)| sealer.open(&binding(*id), sealed).is_ok()))
    });
}

#[test]
fn a_target_that_is_not_waited_for_brings_the_destroyed_back() {
    assert_noticed(Fault::IgnoreOffline, Harm::Back, || {
        let bench = Bench::new(2);
        let gone = bench.keep_key(2);
        bench.targets[1].go(false);
        let id = bench.destroy(&[2]);
        bench.store.keep().unwrap();
        back(&bench, id, &held(&bench.cells()), &gone)
    });
}

/// Variant ignore_offline_if_younger: what it never had is no reason not to wait for it, since the slots of its nodes were
/// filled before.
#[test]
fn a_target_that_is_not_waited_for_brings_back_what_is_younger_than_all_that_it_has() {
    assert_noticed(Fault::IgnoreOffline, Harm::Back, || {
        let bench = Bench::new(2);
        bench.targets[1].go(false);
        let younger = bench.keep_key(2);
        let had = bench.targets[1].entries.lock().clone();
        let is_younger = |entry: &Entry| !entry.draft.changes.iter().any(|change| is_material(change, 2));
        assert!(had.iter().all(is_younger));
        let id = bench.destroy(&[2]);
        bench.store.keep().unwrap();
        back(&bench, id, &held(&bench.cells()), &younger)
    });
}

fn is_material(change: &Change, id: u128) -> bool {
    matches!(change, Change::Put(Record::Material(sealed)) if sealed.object.0 == Uuid::from_u128(id))
}

#[test]
fn a_lost_machine_that_is_forgotten_brings_the_destroyed_back() {
    assert_noticed(Fault::ForgetLost, Harm::Back, || {
        let bench = Bench::new(1);
        let gone = bench.keep_key(2);
        let new = NewPlace {
            name: "machine-0".into(),
            kind: PlaceKind::Machine,
            has_cell: true,
            domain: None,
            confirmed: 1,
        };
        bench.store.eraser.places.register(Action::Restored, new).unwrap();
        bench.store.retire_cell("machine-0", None).unwrap();
        // Its cell holds what this machine's does now.
        let stolen = bench.machine_cell().read().unwrap();
        let id = bench.destroy(&[2]);
        bench.store.keep().unwrap();
        back(&bench, id, &stolen, &gone)
    });
}

#[test]
fn a_create_that_races_with_a_destroy_needs_the_unused_slots() {
    assert_noticed(Fault::DropUnused, Harm::Lost, || {
        let bench = Bench::new(1);
        bench.keep_key(2);
        // It has its leaf, and is not on record yet.
        let racing = bench.store.sealer().seal(&binding(3), &SecretBytes::new(vec![3; 32])).unwrap();
        bench.destroy(&[2]);
        bench.store.keep().unwrap();
        lost(bench.store.sealer().open(&binding(3), &racing).is_ok())
    });
}

#[test]
fn a_leaf_that_is_filled_when_it_is_taken_is_lost_where_an_epoch_change_runs_meanwhile() {
    assert_noticed(Fault::LazyLeaf, Harm::Lost, || {
        let bench = Bench::new(1);
        bench.keep_key(2);
        let racing = Arc::new(Mutex::new(None));
        let (store, sealed) = (bench.store.clone(), racing.clone());
        let creates: Happening = Box::new(move || {
            let secret = SecretBytes::new(vec![3; 32]);
            *sealed.lock() = Some(store.sealer().seal(&binding(3), &secret).unwrap());
        });
        *bench.targets[0].cell.meanwhile.lock() = Some(creates);
        bench.destroy(&[2]);
        bench.store.keep().unwrap();
        let racing = racing.lock().take().expect("sealed between the new nodes and the switch");
        lost(bench.store.sealer().open(&binding(3), &racing).is_ok())
    });
}

#[test]
fn a_leaf_from_a_node_that_is_not_on_record_is_lost_with_the_power() {
    assert_noticed(Fault::GiveUnsynced, Harm::Lost, || {
        let mut bench = Bench::new(0);
        // A realm gets leaf nodes of its own past 64 keys.
        let keys: Vec<_> = (2..70).map(|id| (id, bench.keep_key(id))).collect();
        bench.reopen();
        let sealer = bench.store.sealer();
        lost(keys.iter().all(|(id, sealed)| sealer.open(&binding(*id), sealed).is_ok()))
    });
}

#[test]
fn an_old_epoch_key_under_the_new_one_brings_the_destroyed_back() {
    assert_noticed(Fault::SealOldUnderNew, Harm::Back, || {
        let bench = Bench::new(1);
        let gone = bench.keep_key(2);
        let id = bench.destroy(&[2]);
        bench.store.keep().unwrap();
        let mut held = held(&bench.cells());
        let entries = bench.store.journal(Lsn(0), usize::MAX).unwrap();
        let found: Vec<CellEntry> = held.iter().flat_map(|new| sealed_under(new, &entries)).collect();
        held.extend(found);
        back(&bench, id, &held, &gone)
    });
}

/// What opens under an epoch key itself, taken for another one.
fn sealed_under(new: &CellEntry, entries: &[Entry]) -> Vec<CellEntry> {
    let CellEntry { store, timeline, generation, threshold, share, .. } = *new;
    let changes = entries.iter().flat_map(|entry| &entry.draft.changes);
    let nodes = changes.filter_map(|change| match change {
        Change::Put(Record::Node(node)) => Some(node),
        _ => None,
    });
    let opened = nodes.flat_map(|node| crypto().aead_open(new.key.expose(), &[0; 12], &[], &node.bytes));
    opened.map(|key| CellEntry { store, timeline, generation, threshold, share, key }).collect()
}

#[test]
fn a_leaf_node_that_is_let_go_with_a_live_leaf_is_noticed_before_the_old_key_goes() {
    let mut bench = Bench::new(0);
    let kept = bench.keep_key(2);
    bench.keep_key(3);
    bench.reopen();
    let id = bench.destroy(&[3]);
    assert!(while_broken(Fault::DropLive, || bench.store.keep().unwrap()));
    assert_eq!(bench.actions().last(), Some(&Action::AbandonEpoch));
    assert!(bench.certificate(id).is_none() && opens(&bench.all_nodes(), &*bench.machine_cell(), &kept));
    bench.wait(1);
    assert!(!bench.store.keep().unwrap());
    assert!(bench.certificate(id).is_some() && opens(&bench.all_nodes(), &*bench.machine_cell(), &kept));
}

#[test]
fn a_node_key_that_stays_opens_the_node_from_before() {
    assert_noticed(Fault::KeepNodeKey, Harm::Back, || {
        let bench = Bench::new(1);
        let gone = bench.keep_key(2);
        let id = bench.destroy(&[2]);
        bench.store.keep().unwrap();
        assert!(bench.certificate(id).is_some());
        back(&bench, id, &held(&bench.cells()), &gone)
    });
}

#[test]
fn a_node_that_is_known_by_its_address_serves_the_destroyed() {
    assert_noticed(Fault::NodeByAddress, Harm::Back, || {
        let bench = Bench::new(1);
        let gone = bench.keep_key(2);
        bench.destroy(&[2]);
        bench.store.keep().unwrap();
        bench.store.sealer().open(&binding(2), &gone).is_ok().then_some(Harm::Back)
    });
}

#[test]
fn shares_of_two_epoch_keys_under_one_number_give_none() {
    assert_noticed(Fault::ReuseGeneration, Harm::Lost, || {
        let bench = Bench::with(3, |options| options.cells_threshold = 2);
        let kept = bench.keep_key(2);
        bench.keep_key(3);
        let refuse = |put: bool| {
            for target in &bench.targets[1..] {
                target.cell.refuses_put.store(put, Ordering::Relaxed);
            }
        };
        // One target takes a share, too few others do, and it cannot be reached when all is taken back.
        refuse(true);
        let cell = bench.targets[0].cell.clone();
        let breaks: Happening = Box::new(move || cell.refuses_erase.store(true, Ordering::Relaxed));
        *bench.targets[0].cell.meanwhile.lock() = Some(breaks);
        bench.destroy(&[3]);
        assert!(bench.store.keep().unwrap());
        assert_eq!(bench.actions().last(), Some(&Action::AbandonEpoch));
        bench.targets[0].go(false);
        refuse(false);
        bench.wait(1);
        bench.store.keep().unwrap();
        let head = bench.head();
        assert!(head.generation > 2, "it was done again");
        let nodes = bench.all_nodes();
        let leaf = (kept.leaf_index, kept.leaf_check);
        let whole = epoch_key(bench.store.id(), head.generation, &held(&bench.cells()));
        let opens =
            |key: &SecretBytes| verify(&*crypto(), bench.store.id(), &nodes, key, [leaf], &[]).is_ok();
        lost(whole.is_some_and(|(key, _)| opens(&key)))
    });
}
