//! Speed, told on stdout: `KEYREEVE_LONG=1 cargo test --release -p keyreeve-store --test restore speed -- --nocapture`.

use std::time::Instant;

use keyreeve_store::disk::RealDisk;

use super::*;

const KEYS: u128 = 100_000;

#[test]
fn speed_of_a_restore_with_verification() {
    if std::env::var_os("KEYREEVE_LONG").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let options = |dir: &str| {
        let mut options =
            StoreOptions::new(folder.path().join(dir), crypto(), Arc::new(HandClock::default()));
        options.disk = Arc::new(RealDisk);
        options.background = false;
        options
    };
    let (store, address) = (options("store"), folder.path().join("keys"));
    Store::create(&store, [key_file()]).unwrap();
    let store = Store::open(&store, &key_file()).unwrap();
    store.register_target(&address.to_string_lossy(), true, false).unwrap();
    let mut entries = 0;
    for id in 1..=KEYS {
        let entry = records::draft(records::create(&store, id, &format!("key {id}")));
        let commit = Commit { as_of: store.published(), reads: Vec::new(), valid_until: None, entry };
        let (sender, receiver) = mpsc::channel();
        store.commit(
            commit,
            Box::new(move |result| {
                // Only one in many is waited for.
                let _ = sender.send(result.is_ok());
            }),
        );
        entries += 1;
        if entries % 200 == 0 {
            assert!(receiver.recv().unwrap());
        }
    }
    keep(&store);
    let target = KnownTargets::new(Arc::new(RealDisk), crypto()).open(&address.to_string_lossy()).unwrap();
    for what in ["pieces alone", "a full backup"] {
        let begin = Instant::now();
        let plan = Plan { from: &*target, to: PointInTime::Latest, keep_new: false, cell: None };
        let report = restore(&options(what), &key_file(), &plan).unwrap();
        assert_eq!(u128::from(report.verified.opened), KEYS);
        println!("{KEYS} keys from {what}: {:?}, {} entries replayed", begin.elapsed(), report.replayed);
        let (kind, how) = (keyreeve_store::backup::BackupKind::Full, Default::default());
        store.backup(&target, kind, how).unwrap();
    }
    let begin = Instant::now();
    let to = PointInTime::Lsn(Lsn(store.published().0 / 2));
    restore(&options("half"), &key_file(), &Plan { from: &*target, to, keep_new: false, cell: None })
        .unwrap();
    println!("back to half of them: {:?}", begin.elapsed());
}
