//! Creating, opening, using, closing and opening again; who may not, and what they are told.

use std::{ops::Bound, path::Path, sync::Arc};

use keyreeve_core::{
    SecretBytes,
    model::{Lsn, RealmId, State},
    ports::store::{IndexHit, IndexRange, Store as _},
    record::{Change, IndexKind, Record},
};
use keyreeve_store::{
    EngineChoice, Store, StoreError, StoreOptions, Unlock, UnlockError,
    disk::{Disk, LockError, OpenMode, RealDisk},
    new_key_file,
};

use crate::{Bench, HandClock, crypto, key_file, put, records};

fn names(store: &Store) -> Vec<(String, u128)> {
    let range = IndexRange {
        realm: RealmId::DEFAULT,
        kind: IndexKind::ObjectName,
        from: Bound::Unbounded,
        to: Bound::Unbounded,
    };
    let hits: Vec<IndexHit> = store.find(&range, None, 100).unwrap();
    hits.into_iter().map(|hit| (String::from_utf8(hit.value).unwrap(), hit.id.as_u128())).collect()
}

fn fill(store: &Store) {
    put(store, vec![Change::Put(records::object(1, State::PreActive, &["b", "a"]))]);
    put(
        store,
        vec![Change::Put(records::object(2, State::Active, &["c"])), Change::Put(records::key_name("c", 2))],
    );
    put(store, vec![]);
    put(store, vec![Change::Put(records::object(1, State::Active, &["a", "d"]))]);
    put(store, vec![Change::Put(records::realm(3, "gone")), Change::Delete(records::realm(3, "").key())]);
}

fn check(store: &Store) {
    assert_eq!(store.published(), Lsn(5));
    let read = |record: Record| store.get(&record.key()).unwrap().as_deref().cloned();
    assert_eq!(
        read(records::object(1, State::Active, &[])),
        Some(records::object(1, State::Active, &["a", "d"]))
    );
    assert_eq!(read(records::key_name("c", 0)), Some(records::key_name("c", 2)));
    assert_eq!(read(records::realm(3, "")), None);
    assert_eq!(names(store), [("a".into(), 1), ("c".into(), 2), ("d".into(), 1)]);
    let journal = store.journal(Lsn(1), 3).unwrap();
    assert_eq!(journal.iter().map(|entry| entry.lsn).collect::<Vec<_>>(), [Lsn(2), Lsn(3), Lsn(4)]);
    assert_eq!(
        journal[0].draft,
        records::draft(vec![
            Change::Put(records::object(2, State::Active, &["c"])),
            Change::Put(records::key_name("c", 2)),
        ])
    );
    assert_eq!(store.journal(Lsn(5), 10).unwrap(), []);
    assert_eq!(store.verify_journal().unwrap().0, Lsn(5));
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let bench = Bench::created();
    let store = bench.open();
    let id = store.id();
    fill(&store);
    check(&store);
    store.close().unwrap();
    drop(store);
    let store = bench.open();
    assert_eq!(store.id(), id);
    check(&store);
    drop(store);
    check(&bench.without_index().open());
    assert!(bench.failures.lock().is_empty());
}

#[test]
fn the_embedded_index_is_kept_caught_up_and_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("store");
    let options = StoreOptions::new(&dir, crypto(), Arc::new(HandClock::default()));
    Store::create(&options, key_file()).unwrap();
    let store = Store::open(&options, &key_file()).unwrap();
    fill(&store);
    check(&store);
    drop(store);
    check(&Store::open(&options, &key_file()).unwrap());
    std::fs::remove_dir_all(dir.join("index")).unwrap();
    check(&Store::open(&options, &key_file()).unwrap());
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.join(format!("index/index.sqlite{suffix}")));
    }
    std::fs::write(dir.join("index/index.sqlite"), [7; 8192]).unwrap();
    check(&Store::open(&options, &key_file()).unwrap());
}

#[test]
fn an_index_of_another_store_is_not_used() {
    let other = Bench::created();
    put(&other.open(), vec![Change::Put(records::realm(9, "other"))]);
    let mut bench = Bench::created();
    let EngineChoice::Given(engine) = &other.options.engine else { panic!() };
    bench.options.engine = EngineChoice::Given(engine.clone());
    let store = bench.open();
    assert_eq!(store.get(&records::realm(9, "").key()).unwrap(), None);
    fill(&store);
    check(&store);
}

#[test]
fn a_folder_is_created_once_and_opened_only_if_created() {
    let bench = Bench::created();
    assert!(matches!(Store::create(&bench.options, key_file()), Err(StoreError::Exists(_))));
    let empty = Bench::on(Default::default());
    assert!(matches!(Store::open(&empty.options, &key_file()), Err(StoreError::Missing(_))));
    // Entries without a store.json are somebody's: their root key is not overwritten.
    fill(&bench.open());
    bench.disk.remove(Path::new("/data/store.json")).unwrap();
    let root = bench.disk.bytes(Path::new("/data/root.json"));
    assert!(matches!(Store::create(&bench.options, key_file()), Err(StoreError::Journal(_))));
    assert_eq!(bench.disk.bytes(Path::new("/data/root.json")), root);
}

#[test]
fn a_second_opener_is_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions::new(folder.path().join("store"), crypto(), Arc::new(HandClock::default()));
    Store::create(&options, key_file()).unwrap();
    let store = Store::open(&options, &key_file()).unwrap();
    let Err(StoreError::Lock(LockError::Held { pid, .. })) = Store::open(&options, &key_file()) else {
        panic!("opened twice");
    };
    assert_eq!(pid, Some(std::process::id()));
    drop(store);
    Store::open(&options, &key_file()).unwrap();
}

#[test]
fn a_wrong_unlock_is_told_from_a_damaged_root_key() {
    let bench = Bench::created();
    let open = |unlock: &Unlock| Store::open(&bench.options, unlock).map(drop);
    let other = Unlock::KeyFile(new_key_file(&*crypto()).unwrap());
    assert!(matches!(open(&other), Err(StoreError::Unlock(UnlockError::Wrong("key file")))));
    let passphrase = Unlock::Passphrase(SecretBytes::copy_from(b"correct horse"));
    assert!(matches!(open(&passphrase), Err(StoreError::Unlock(UnlockError::Kind { .. }))));
    let short = Unlock::KeyFile(SecretBytes::copy_from(b"abcd"));
    assert!(matches!(open(&short), Err(StoreError::Unlock(UnlockError::Malformed(_)))));

    let path = Path::new("/data/root.json");
    for offset in 0..bench.disk.bytes(path).len() as u64 {
        for mask in [1, 2, 64] {
            bench.disk.rot(path, offset, &[mask]);
            match open(&key_file()) {
                Err(StoreError::Unlock(UnlockError::Damaged(_))) => {}
                // A blank became another blank, or a digit its capital: the content is the same.
                Ok(()) => assert!(mask == 64 || b"\n ".contains(&bench.disk.bytes(path)[offset as usize])),
                other => panic!("byte {offset}: {other:?}"),
            }
            bench.disk.rot(path, offset, &[mask]);
        }
    }
    open(&key_file()).unwrap();
    bench.disk.remove(path).unwrap();
    assert!(matches!(open(&key_file()), Err(StoreError::Unlock(UnlockError::Damaged(_)))));
}

#[test]
fn a_passphrase_opens_what_it_closed() {
    let bench = Bench::on(Default::default());
    let passphrase = |text: &str| Unlock::Passphrase(SecretBytes::copy_from(text.as_bytes()));
    let short = Store::create(&bench.options, passphrase("short"));
    assert!(matches!(short, Err(StoreError::Unlock(UnlockError::Malformed(_)))));
    Store::create(&bench.options, passphrase("correct horse")).unwrap();
    let wrong = Store::open(&bench.options, &passphrase("correct house")).map(drop);
    assert!(matches!(wrong, Err(StoreError::Unlock(UnlockError::Wrong("passphrase")))));
    Store::open(&bench.options, &passphrase("correct horse")).unwrap();
}

#[test]
fn key_files_may_be_hexadecimal_or_base64() {
    let bench = Bench::created();
    // 32 bytes of 0x5a.
    let base64 = Unlock::KeyFile(SecretBytes::copy_from(b" WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=\n"));
    Store::open(&bench.options, &base64).unwrap();
}

#[test]
fn files_of_a_real_store_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("store");
    let options = StoreOptions::new(&dir, crypto(), Arc::new(HandClock::default()));
    Store::create(&options, key_file()).unwrap();
    let _store = Store::open(&options, &key_file()).unwrap();
    for name in ["", "root.json", "store.json", "lock", "journal", "index", "index/index.sqlite"] {
        let mode = std::fs::metadata(dir.join(name)).unwrap().permissions().mode();
        // SQLite makes its file by the umask, inside a folder that nobody else enters.
        let allowed = if name == "index/index.sqlite" { 0o644 } else { 0o700 };
        assert_eq!(mode & 0o777 & !allowed, 0, "{name}: {mode:o}");
    }
    assert!(RealDisk.open(&dir.join("none"), OpenMode::Read).is_err());
}
