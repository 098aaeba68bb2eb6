//! Power failures at every change of a restore and of the first start.

use keyreeve_store::{
    backup::{BackupKind, BackupOptions},
    disk::OpenMode,
};

use super::*;

fn lost() -> Machine {
    let lost = Machine::new();
    let store = lost.created();
    fill(&store, 1..=6);
    put(&store, records::destroy(&store, 2));
    keep(&store);
    lost
}

fn assert_whole(store: &Store) {
    (1..=6).filter(|id| *id != 2).for_each(|id| records::assert_opens(store, id));
    assert!(records::material(store, 2).is_none());
}

#[test]
fn a_restore_that_was_cut_off_is_no_store_and_can_be_run_again() {
    let lost = lost();
    let mut interrupted = 0;
    for count in 1.. {
        let machine = Machine { targets: lost.targets.kill(), ..Machine::beside(&lost.targets) };
        machine.disk.fail_power_at(count);
        let whole = machine.restore(PointInTime::Latest, false).is_ok();
        for seed in 0..2 {
            let disk = machine.disk.crash(seed * 1000 + count);
            let after = Machine { disk, targets: lost.targets.kill(), clock: machine.clock.clone() };
            match after.open() {
                Ok(store) => assert_whole(&store),
                Err(StoreError::Missing(_) | StoreError::Unfinished(_)) if !whole => {
                    interrupted += 1;
                    // Nothing but a restore may fill the folder then.
                    after.restore(PointInTime::Latest, false).unwrap();
                    assert_whole(&after.open().unwrap());
                }
                Err(error) => panic!("change {count}: {error}"),
            }
        }
        if whole {
            break;
        }
    }
    assert!(interrupted > 20, "{interrupted}");
}

#[test]
fn a_first_start_that_was_cut_off_is_made_up_for() {
    let lost = lost();
    let restored = Machine { targets: lost.targets.kill(), ..Machine::beside(&lost.targets) };
    restored.restore(PointInTime::Latest, false).unwrap();
    let mut cut = 0;
    for count in 1.. {
        let targets = restored.targets.kill();
        let machine = Machine { disk: restored.disk.kill(), targets, clock: restored.clock.clone() };
        machine.disk.fail_power_at(count);
        let opened = machine.open();
        let whole = opened.is_ok();
        drop(opened);
        let disk = machine.disk.crash(count);
        let after = Machine { disk, targets: machine.targets.kill(), clock: machine.clock.clone() };
        let store = after.open().unwrap_or_else(|error| panic!("change {count}: {error}"));
        assert_whole(&store);
        put(&store, records::create(&store, 9, "after"));
        records::assert_opens(&store, 9);
        cut += u32::from(!whole);
        if whole {
            break;
        }
    }
    assert!(cut > 20, "{cut}");
}

/// The backup lies where no cell is: the machine's own, which outlived its data folder, is the only one, and stands where
/// the restored store's own comes to be.
#[test]
fn a_cell_that_outlived_its_machine_outlives_the_first_start_too() {
    let lost = Machine::new();
    Store::create(&lost.options(), [key_file()]).unwrap();
    let store = lost.open().unwrap();
    fill(&store, 1..=6);
    put(&store, records::destroy(&store, 2));
    keep(&store);
    store.backup(&lost.target(), BackupKind::Full, BackupOptions::default()).unwrap();
    drop(store);
    let cell = Path::new("/machine/data.cell");
    let mut bytes = vec![0; 8192];
    assert_eq!(lost.disk.open(cell, OpenMode::Read).unwrap().read_at(0, &mut bytes).unwrap(), bytes.len());

    let restored = Machine::beside(&lost.targets);
    let file = restored.disk.open(cell, OpenMode::CreateNew).unwrap();
    file.write_at(0, &bytes).and_then(|()| file.sync()).unwrap();
    restored.disk.sync_dir(Path::new("/machine")).unwrap();
    let from = restored.target();
    let named = Some("/machine/data.cell".to_owned());
    let plan = Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell: named };
    restore(&restored.options(), &key_file(), &plan).unwrap();
    for count in 1.. {
        let targets = restored.targets.kill();
        let machine = Machine { disk: restored.disk.kill(), targets, clock: restored.clock.clone() };
        machine.disk.fail_power_at(count);
        let whole = machine.open().is_ok();
        let disk = machine.disk.crash(count);
        let after = Machine { disk, targets: machine.targets.kill(), clock: machine.clock.clone() };
        let store = after.open().unwrap_or_else(|error| panic!("change {count}: {error}"));
        assert_whole(&store);
        if whole {
            break;
        }
    }
}
