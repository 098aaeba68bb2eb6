//! What comes back of a full backup, what is written again, and that nothing altered goes through.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use keyreeve_core::{
    SecretBytes,
    access::Action,
    model::{PrincipalId, RealmId, RequestId, Time},
    ports::{
        cell::Cell,
        clock::Clock,
        store::{Commit, Committed, DrawnIds, Store as _},
    },
    record::{Change, EntryDraft, Outcome, ServerData},
};
use keyreeve_crypto::SoftwareCrypto;
use parking_lot::Mutex;

use super::*;
use crate::{
    EngineChoice, Store, StoreOptions, Unlock,
    backup::{
        BackupKind, BackupOptions,
        targets::{Listed, TargetError, Version},
    },
    engines::{Batch, Engine, embedded::EmbeddedEngine, memory::MemoryEngine},
    journal::Lsn,
};

/// A target in memory.
#[derive(Default)]
struct Depot(Mutex<BTreeMap<String, Vec<u8>>>);

impl Target for Depot {
    fn address(&self) -> &str {
        "file:///depot"
    }

    fn put(&self, path: &str, bytes: &[u8], when: PutIf<'_>) -> Result<bool, TargetError> {
        let mut objects = self.0.lock();
        let fits = match when {
            PutIf::Always => true,
            PutIf::Absent => !objects.contains_key(path),
            PutIf::Unchanged(version) => objects.get(path).is_some_and(|there| version_of(there) == *version),
        };
        if fits {
            objects.insert(path.to_owned(), bytes.to_vec());
        }
        Ok(fits)
    }

    fn get(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, TargetError> {
        Ok(self.0.lock().get(path).map(|bytes| (bytes.clone(), version_of(bytes))))
    }

    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Option<Vec<u8>>, TargetError> {
        let cut = |bytes: &Vec<u8>| bytes.iter().skip(offset as usize).take(len as usize).copied().collect();
        Ok(self.0.lock().get(path).map(cut))
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>, TargetError> {
        let objects = self.0.lock();
        let found = objects.iter().filter(|(path, _)| path.starts_with(prefix));
        Ok(found.map(|(path, bytes)| Listed { path: path.clone(), bytes: bytes.len() as u64 }).collect())
    }

    fn delete(&self, path: &str) -> Result<(), TargetError> {
        self.0.lock().remove(path);
        Ok(())
    }

    fn cell(&self) -> Result<Arc<dyn Cell>, TargetError> {
        Err(TargetError::KeepsVersions { target: self.address().into(), what: "no cell here".into() })
    }

    fn domain(&self) -> Option<String> {
        None
    }
}

fn version_of(bytes: &[u8]) -> Version {
    Version(hex::encode(SoftwareCrypto::new().sha256(&[bytes])))
}

struct Keys(u8);

impl ArchiveKeys for Keys {
    fn current(&self) -> keyreeve_core::Result<ArchiveKey> {
        self.get(1)
    }

    fn get(&self, root_version: u32) -> keyreeve_core::Result<ArchiveKey> {
        let root = SecretBytes::new(vec![self.0; 32]);
        Ok(ArchiveKey::derive(&SoftwareCrypto::new(), &root, Uuid::from_u128(1), root_version))
    }
}

fn fulls<'a>(target: &'a Depot, keys: &'a Keys) -> Fulls<'a> {
    Fulls { target, crypto: Arc::new(SoftwareCrypto::new()), keys }
}

fn point(lsn: u64) -> FullPoint {
    FullPoint { store: Uuid::from_u128(1), timeline: 1, lsn: Lsn(lsn), hash: [7; 32], time: Time(5_000) }
}

fn row(number: u32, fill: u8) -> Row {
    // Too random to get shorter, so that sizes at the target are those of the rows.
    let hash = SoftwareCrypto::new().sha256(&[&number.to_be_bytes(), &[fill]]);
    ([b"r\x03".as_slice(), &number.to_be_bytes()].concat(), hash.repeat(6))
}

fn engine(rows: impl Iterator<Item = Row>) -> MemoryEngine {
    let engine = MemoryEngine::default();
    let writes = rows.map(|(key, value)| (key, Some(value))).collect();
    engine.apply(&Batch { writes, checkpoint: Vec::new() }).unwrap();
    engine
}

fn write(fulls: &Fulls<'_>, lsn: u64, engine: &dyn Engine) -> (Manifest, Progress) {
    let mut last = Progress::default();
    let mut step = |progress| {
        last = progress;
        Ok(())
    };
    let manifest = fulls.write(point(lsn), &*engine.snapshot().unwrap(), &mut step).unwrap();
    (manifest, last)
}

fn read(fulls: &Fulls<'_>, manifest: &Manifest) -> Result<Vec<Row>, BackupError> {
    let mut all = Vec::new();
    let read = fulls.read(&manifest.path(), |_, rows| {
        all.extend(rows);
        Ok(())
    })?;
    assert_eq!(read, *manifest);
    Ok(all)
}

#[test]
fn all_rows_come_back_in_order() {
    let (depot, keys) = (Depot::default(), Keys(1));
    let fulls = fulls(&depot, &keys);
    for count in [0, 1, 300, 40_000] {
        let rows: Vec<_> = (0..count).map(|number| row(number, 0)).collect();
        let (manifest, progress) = write(&fulls, u64::from(count) + 1, &engine(rows.iter().cloned()));
        assert_eq!(read(&fulls, &manifest).unwrap(), rows, "{count}");
        assert_eq!((manifest.rows, progress.rows), (u64::from(count), u64::from(count)));
        assert!(manifest.chunks.iter().all(|chunk| chunk.plain_bytes as usize <= CHUNK_BYTES_MAX + 250));
        assert!(count < 40_000 || manifest.chunks.len() > 1);
    }
}

#[test]
fn only_what_has_changed_is_written_again() {
    let (depot, keys) = (Depot::default(), Keys(1));
    let fulls = fulls(&depot, &keys);
    let rows = |changed: u32| (0..150_000).map(move |number| row(number, u8::from(number == changed)));
    let (first, all) = write(&fulls, 1, &engine(rows(u32::MAX)));
    assert_eq!(all.bytes, all.bytes_written);
    assert!(first.chunks.len() >= 4, "{} chunks", first.chunks.len());
    let (second, some) = write(&fulls, 2, &engine(rows(100).filter(|(key, _)| *key != row(101, 0).0)));
    let new = second.chunks.iter().filter(|chunk| !first.chunks.contains(chunk)).count();
    assert_eq!(new, 1, "a row that changed and one that went are in one chunk");
    assert_eq!(read(&fulls, &second).unwrap().len(), 149_999);
    assert!(some.bytes_written < all.bytes / 2 && some.bytes > all.bytes / 2);
    let (_, none) = write(&fulls, 3, &engine(rows(u32::MAX)));
    assert_eq!(none.bytes_written, 0);
}

#[test]
fn an_interrupted_backup_is_none_and_the_next_goes_on_from_there() {
    let (depot, keys) = (Depot::default(), Keys(1));
    let fulls = fulls(&depot, &keys);
    let engine = engine((0..80_000).map(|number| row(number, 0)));
    let (mut chunks, mut written) = (0, 0);
    let mut step = |progress: Progress| {
        (chunks, written) = (chunks + 1, progress.bytes_written);
        if chunks < 3 { Ok(()) } else { Err(BackupError::Stopped) }
    };
    let stopped = fulls.write(point(1), &*engine.snapshot().unwrap(), &mut step);
    assert!(matches!(stopped, Err(BackupError::Stopped)));
    assert!(depot.0.lock().keys().all(|path| path.ends_with(".krc")), "no manifest");
    let (manifest, progress) = write(&fulls, 2, &engine);
    assert_eq!(progress.bytes_written, progress.bytes - written);
    assert_eq!(read(&fulls, &manifest).unwrap().len(), 80_000);
}

#[test]
fn every_altered_byte_is_noticed() {
    let (depot, keys) = (Depot::default(), Keys(1));
    let fulls = fulls(&depot, &keys);
    let (manifest, _) = write(&fulls, 1, &engine((0..3).map(|number| row(number, 0))));
    let whole = depot.0.lock().clone();
    assert_eq!(whole.len(), 2);
    for (path, bytes) in &whole {
        for at in 0..bytes.len() {
            depot.0.lock().get_mut(path).unwrap()[at] ^= 1;
            assert!(read(&fulls, &manifest).is_err(), "byte {at} of {path}");
            depot.0.lock().get_mut(path).unwrap()[at] ^= 1;
        }
        for altered in [&bytes[..bytes.len() - 1], &[bytes.as_slice(), &[0]].concat(), &[]] {
            depot.0.lock().insert(path.clone(), altered.to_vec());
            assert!(read(&fulls, &manifest).is_err(), "{} bytes of {path}", altered.len());
        }
        depot.0.lock().insert(path.clone(), bytes.clone());
    }
    read(&fulls, &manifest).unwrap();
    assert!(read(&super::Fulls { keys: &Keys(2), ..fulls.clone() }, &manifest).is_err(), "another root key");
}

/// Checksums can be made anew by anybody; what is below them cannot.
#[test]
fn who_has_no_key_can_make_no_manifest() {
    let (depot, keys) = (Depot::default(), Keys(1));
    let fulls = fulls(&depot, &keys);
    let (manifest, _) = write(&fulls, 1, &engine((0..3).map(|number| row(number, 0))));
    let crypto = SoftwareCrypto::new();
    let forged = Manifest { rows: 0, chunks: Vec::new(), ..manifest.clone() };
    let bytes = forged.encode(&crypto, &Keys(2).get(1).unwrap());
    depot.put(&manifest.path(), &bytes, PutIf::Always).unwrap();
    assert_eq!(fulls.manifest(&manifest.path()).unwrap().0, forged, "it looks right");
    assert!(fulls.read(&manifest.path(), |_, _| Ok(())).is_err());
    let other = Manifest { point: FullPoint { lsn: Lsn(9), ..manifest.point }, ..manifest.clone() };
    let bytes = other.encode(&crypto, &keys.get(1).unwrap());
    depot.put(&manifest.path(), &bytes, PutIf::Always).unwrap();
    assert!(fulls.manifest(&manifest.path()).is_err(), "it belongs elsewhere");
}

#[test]
fn no_backup_rests_on_a_rotten_chunk() {
    let (depot, keys) = (Depot::default(), Keys(1));
    let fulls = fulls(&depot, &keys);
    let engine = engine((0..3).map(|number| row(number, 0)));
    let (first, _) = write(&fulls, 1, &engine);
    depot.0.lock().get_mut(&first.chunk_path(&first.chunks[0])).unwrap()[100] ^= 1;
    let (second, progress) = write(&fulls, 2, &engine);
    assert_eq!(progress.bytes_written, progress.bytes);
    assert_eq!(read(&fulls, &second).unwrap().len(), 3);
    assert!(read(&fulls, &first).is_err());
}

#[test]
fn a_backup_whose_chunks_were_pruned_meanwhile_fails() {
    let (depot, keys) = (Depot::default(), Keys(1));
    let engine = engine((0..3).map(|number| row(number, 0)));
    let mut step = |_| {
        depot.0.lock().clear();
        Ok(())
    };
    let failed = fulls(&depot, &keys).write(point(1), &*engine.snapshot().unwrap(), &mut step);
    assert!(matches!(failed, Err(BackupError::Damaged { .. })));
    assert!(depot.0.lock().is_empty());
}

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Time {
        Time(1_700_000_000_000)
    }

    fn wait(&self, _: std::time::Duration) {}
}

fn opened(dir: &std::path::Path, choice: EngineChoice) -> Store {
    let mut options =
        StoreOptions::new(dir.join("data"), Arc::new(SoftwareCrypto::new()), Arc::new(StandingClock));
    options.engine = choice;
    options.background = false;
    let unlock = || Unlock::KeyFile(SecretBytes::copy_from("5a".repeat(32).as_bytes()));
    Store::create(&options, [unlock()]).unwrap();
    Store::open(&options, &unlock()).unwrap()
}

fn server(name: String, data: Vec<u8>) -> Change {
    Change::Put(Record::Server(Arc::new(ServerData { name, data, sealed: None })))
}

fn draft(changes: Vec<Change>) -> EntryDraft {
    EntryDraft {
        time: Time(1_700_000_000_000),
        realm: RealmId::DEFAULT,
        principal: PrincipalId::SYSTEM,
        principal_name: "system".into(),
        protocol: "test".into(),
        request: RequestId(Uuid::nil()),
        source: None,
        action: Action::Create,
        key: None,
        object: None,
        target: None,
        others: Vec::new(),
        canary: false,
        outcome: Outcome::Success,
        reason: None,
        detail: None,
        changes,
        touched: Vec::new(),
        personal: None,
    }
}

fn commit(store: &Store, changes: Vec<Change>) -> u64 {
    let (sender, receiver) = mpsc::channel();
    let commit = Commit {
        as_of: store.published(),
        reads: Vec::new(),
        valid_until: None,
        drawn: DrawnIds::default(),
        entry: draft(changes),
    };
    store.commit(commit, Box::new(move |result| sender.send(result).unwrap()));
    match receiver.recv().unwrap().unwrap() {
        Committed::Done(lsn) => lsn.0,
        Committed::Stale => panic!("nothing was read"),
    }
}

/// Each thread counts in two records that change together: a backup holds as many as its entry says, and no halves.
#[test]
fn a_full_backup_is_the_state_at_its_entry_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), EngineChoice::Embedded);
    let before = commit(&store, vec![server("first".into(), vec![])]);
    let (done, answered) = (AtomicBool::new(false), AtomicU64::new(before));
    let depot = Arc::new(Depot::default());
    let target: Arc<dyn Target> = depot.clone();
    thread::scope(|scope| {
        let (store, done, answered) = (&store, &done, &answered);
        for thread in 0..4 {
            scope.spawn(move || {
                for count in 1_u32.. {
                    let half = |half| server(format!("{thread}{half}"), count.to_be_bytes().to_vec());
                    let lsn = commit(store, vec![half('a'), half('b')]);
                    answered.fetch_max(lsn, Ordering::SeqCst);
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                }
            });
        }
        for _ in 0..5 {
            let known = answered.load(Ordering::SeqCst);
            let report = store.backup(&target, BackupKind::Full, BackupOptions::default()).unwrap();
            assert!(report.lsn.0 >= known, "what was answered before is in it");
        }
        done.store(true, Ordering::SeqCst);
    });
    let pieces = &store.targets.shared().source.pieces;
    let fulls = Fulls { target: &*depot, crypto: pieces.crypto.clone(), keys: &*pieces.keys };
    let manifests = depot.list("t1/full/").unwrap();
    assert!(!manifests.is_empty());
    for listed in manifests {
        let (mut counts, mut all) = (BTreeMap::new(), Vec::new());
        let manifest = fulls.read(&listed.path, |_, rows| {
            all.extend(rows);
            Ok(())
        });
        let manifest = manifest.unwrap();
        for (key, record) in all {
            if let Record::Server(server) = encoding::decode_row(&key, &record).unwrap()
                && let Some(count) = server.data.first_chunk()
            {
                counts.insert(server.name.clone(), u64::from(u32::from_be_bytes(*count)));
            }
        }
        let halves = |half: char| counts.iter().filter(move |(name, _)| name.ends_with(half));
        assert_eq!(halves('a').map(|(_, count)| count).sum::<u64>(), manifest.point.lsn.0 - before);
        assert!(halves('a').map(|(_, count)| count).eq(halves('b').map(|(_, count)| count)));
    }
}

/// Speed, told on stdout: `KEYREEVE_LONG=1 cargo test --release -p keyreeve-store full_backup_of -- --nocapture`.
#[test]
fn a_full_backup_of_a_hundred_thousand_keys() {
    let keys_count: u32 = if std::env::var_os("KEYREEVE_LONG").is_some() { 100_000 } else { 1_000 };
    let folder = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::open(&folder.path().join("index.sqlite")).unwrap();
    // What a key takes: its own record, its object's and its material's, its name.
    for (kind, len) in [(2_u8, 900), (3, 320), (4, 350), (5, 90)] {
        for first in (0..keys_count).step_by(1000) {
            let writes = (first..first + 1000).map(|number| {
                let hash = SoftwareCrypto::new().sha256(&[&number.to_be_bytes(), &[kind]]);
                let id = [&[b'r', kind], &number.to_be_bytes()[..], &hash[..12]].concat();
                // A third of a record is ids, nonces and ciphertext; the rest says the same in all.
                let text = b"state active algorithm AES length 256 usage encrypt decrypt ".repeat(len / 90);
                (id, Some([hash.repeat(len / 96).as_slice(), &text].concat()))
            });
            engine.apply(&Batch { writes: writes.collect(), checkpoint: Vec::new() }).unwrap();
        }
    }
    let (depot, keys) = (Depot::default(), Keys(1));
    let fulls = fulls(&depot, &keys);
    let begin = std::time::Instant::now();
    let (manifest, _) = write(&fulls, 1, &engine);
    let wrote = begin.elapsed();
    let rows = read(&fulls, &manifest).unwrap().len();
    assert_eq!(rows, 4 * keys_count as usize);
    #[allow(clippy::print_stdout)]
    {
        println!(
            "{rows} rows, {} bytes: written in {wrote:?}, read in {:?}",
            manifest.bytes(),
            begin.elapsed() - wrote
        );
    }
}
