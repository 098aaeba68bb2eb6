//! Bits that flip in the index on a real disk: met by whoever reads the row, told by name, kept out of backups, and mended by
//! the next start.

use keyreeve_core::ports::store::Order;
use keyreeve_store::{
    backup::{BackupKind, BackupOptions},
    disk::RealDisk,
    engines::{Engine as _, embedded::EmbeddedEngine},
};
use rusqlite::{Connection, params};

use super::*;

const KEYS: u128 = 5;

/// A store with an embedded index and one target.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// With keys and a full backup.
    fn filled() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        Store::create(&place.options(), [key_file()]).unwrap();
        let store = place.open();
        store.register_target(&place.target_path(), true, false).unwrap();
        fill(&store, 1..=KEYS);
        keep(&store);
        store.backup(&place.target(), BackupKind::Full, BackupOptions::default()).unwrap();
        store.close().unwrap();
        drop(store);
        place
    }

    fn options(&self) -> StoreOptions {
        let mut options =
            StoreOptions::new(self.folder.path().join("data"), crypto(), Arc::new(HandClock::default()));
        options.background = false;
        options
    }

    fn open(&self) -> Store {
        Store::open(&self.options(), &key_file()).unwrap()
    }

    fn target_path(&self) -> String {
        self.folder.path().join("target").display().to_string()
    }

    fn target(&self) -> Arc<dyn Target> {
        KnownTargets::new(Arc::new(RealDisk), crypto()).open(&self.target_path()).unwrap()
    }

    fn index(&self) -> PathBuf {
        self.folder.path().join("data/index/index.sqlite")
    }

    /// Flips bits in a key where it lies in the file, so that the row stays among its neighbours: the second row at or
    /// behind `from`.
    fn rot_key(&self, from: &[u8], at: usize, mask: u8) {
        let file = Connection::open(self.index()).unwrap();
        file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let select = "SELECT key, value FROM rows WHERE key >= ?1 ORDER BY key LIMIT 1 OFFSET 1";
        let (key, value): (Vec<u8>, Vec<u8>) =
            file.query_row(select, [from], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        drop(file);
        let mut bytes = std::fs::read(self.index()).unwrap();
        let row = [&key[..], &value[..]].concat();
        let found: Vec<usize> =
            (0..bytes.len() - row.len()).filter(|at| bytes[*at..].starts_with(&row)).collect();
        assert!(!found.is_empty(), "the row is in the file");
        // Copies that SQLite has left in unused places do no harm.
        found.into_iter().for_each(|place| bytes[place + at] ^= mask);
        std::fs::write(self.index(), bytes).unwrap();
    }

    /// Flips one bit in the second row behind `from`: in its value or, where it has none, at the end of its key.
    fn rot(&self, from: &[u8]) {
        let file = Connection::open(self.index()).unwrap();
        let select = "SELECT key, value FROM rows WHERE key > ?1 ORDER BY key LIMIT 1 OFFSET 1";
        let (key, mut value): (Vec<u8>, Vec<u8>) =
            file.query_row(select, [from], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let mut rotten = key.clone();
        match value.len() {
            0..16 => *rotten.last_mut().unwrap() ^= 4,
            len => value[len / 2] ^= 4,
        }
        let changed = "UPDATE rows SET key = ?1, value = ?2 WHERE key = ?3";
        assert_eq!(file.execute(changed, params![rotten, value, key]).unwrap(), 1);
    }
}

#[test]
fn a_flipped_bit_is_told_comes_into_no_backup_and_is_mended_by_the_next_start() {
    let place = Place::filled();
    for (from, name) in [(b"r\x04", "key 0"), (b"r\x03", "material 0"), (b"i\x00", "secondary indexes")] {
        place.rot(from);
        let store = place.open();
        assert_eq!(store.index_damage(), None, "not met yet");
        let before = place.target().list("t1/full/").unwrap();
        let refused =
            store.backup(&place.target(), BackupKind::Full, BackupOptions::default()).map(drop).unwrap_err();
        assert!(refused.to_string().contains(name), "{refused}");
        assert!(refused.refusal().public().contains("start the server again"));
        assert_eq!(place.target().list("t1/full/").unwrap(), before);
        let told = store.index_damage().unwrap();
        assert!(told.contains(name) && told.contains("checksum"), "{told}");
        let refused = store.drill(&*place.target(), Arc::new(MemoryEngine::default())).map(drop);
        assert_eq!(
            refused.is_err(),
            from[0] == b'r',
            "the second row is read, and no other tells what it was"
        );
        match from {
            b"r\x04" => assert!(store.get(&RecordKey::Key(records::key_id(2))).is_err()),
            b"r\x03" => assert!(store.get(&RecordKey::Material(records::object_id(2))).is_err()),
            _ => {}
        }
        store.close().unwrap();
        drop(store);

        let store = place.open();
        assert_eq!(store.index_damage(), None);
        (1..=KEYS).for_each(|id| records::assert_opens(&store, id));
        keep(&store);
        store.backup(&place.target(), BackupKind::Full, BackupOptions::default()).unwrap();
        let drill = store.drill(&*place.target(), Arc::new(MemoryEngine::default())).unwrap();
        assert_eq!(drill.differences, [] as [String; 0]);
        store.close().unwrap();
        drop(store);
    }
}

#[test]
fn a_rotten_checkpoint_and_an_index_of_a_former_format_are_made_anew() {
    let place = Place::filled();
    let rows = || {
        EmbeddedEngine::open(&place.index())
            .unwrap()
            .scan(b"r\x03", b"r\x06", Order::Ascending, usize::MAX)
            .unwrap()
    };
    let before = rows();
    for change in [
        "UPDATE meta SET value = CAST(substr(value, 1, 20) || x'00' || substr(value, 22) AS BLOB)",
        // The type of a value is told by one bit.
        "UPDATE meta SET value = CAST(value AS TEXT)",
        "PRAGMA user_version = 1",
    ] {
        Connection::open(place.index()).unwrap().execute_batch(change).unwrap();
        assert!(
            EmbeddedEngine::open(&place.index()).and_then(|engine| engine.checkpoint()).is_err(),
            "{change}"
        );
        place.open().close().unwrap();
        assert_eq!(rows(), before, "{change}");
    }
}

/// A search that a rotten key misleads would pass over healthy rows: no reader may take that for the truth.
#[test]
fn a_key_that_rots_hides_no_other_row() {
    for (from, at, mask) in [
        (&b"r\x02"[..], 0, 1),
        (b"r\x02", 0, 0x40),
        (b"r\x03", 3, 0x80),
        (b"r\x04", 1, 1),
        (b"i\x00", 0, 2),
        (b"i\x00", 17, 4),
        (b"i\x00", 5, 0x80),
    ] {
        let place = Place::filled();
        place.rot_key(from, at, mask);
        let what = format!("byte {at} of a key behind {from:?}");
        let engine = EmbeddedEngine::open(&place.index()).unwrap();
        let snapshot = engine.snapshot().unwrap();
        let all = |from: &[u8], to: &[u8]| snapshot.scan(from, to, Order::Ascending, usize::MAX);
        assert!(all(b"i", b"j").is_err() || all(b"r", b"s").is_err(), "{what}: nobody notices");
        drop((snapshot, engine));
        // The next start makes the index anew.
        let store = place.open();
        let full = store.backup(&place.target(), BackupKind::Full, BackupOptions::default());
        full.unwrap_or_else(|error| panic!("{what}: {error}"));
        for id in 1..=KEYS {
            assert!(records::object(&store, id).is_some(), "{what}");
        }
    }
}

/// The cell of a target that was put back to what it held before: that is not the backup's fault.
#[test]
fn a_cell_that_lags_behind_is_named_and_no_backup_is_blamed() {
    let place = Place::filled();
    let cell = place.folder.path().join("target.cell");
    let before = std::fs::read(&cell).unwrap();
    let store = place.open();
    put(&store, records::destroy(&store, 1));
    keep(&store);
    fill(&store, 10..=12);
    keep(&store);
    store.backup(&place.target(), BackupKind::Full, BackupOptions::default()).unwrap();
    store.close().unwrap();
    drop(store);
    let now = std::fs::read(&cell).unwrap();
    assert_ne!(before, now, "a destruction changes the epoch key");
    let restore = |into: &str| {
        let options = StoreOptions { dir: place.folder.path().join(into), ..place.options() };
        let from = place.target();
        let plan = Plan { from: &*from, to: PointInTime::Latest, keep_new: false, cell: None };
        restore(&options, &key_file(), &plan)
    };
    std::fs::write(&cell, before).unwrap();
    match restore("lagging").map(drop).unwrap_err() {
        StoreError::Restore(error) => {
            assert!(error.public().contains("the cell lags behind"), "{error}");
            assert_eq!(error.kind(), keyreeve_core::ErrorKind::Unavailable);
        }
        other => panic!("{other}"),
    }
    std::fs::write(&cell, b"no cell at all").unwrap();
    let unreadable = restore("unreadable").map(drop).unwrap_err();
    assert!(matches!(&unreadable, StoreError::Restore(_)), "{unreadable}");
    std::fs::write(&cell, now).unwrap();
    assert_eq!(restore("right").unwrap().damaged, []);
}
