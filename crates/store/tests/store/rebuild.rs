//! An index that is made anew from the journal: the same rows as were written, whatever was lost, and whenever it is cut
//! off.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use keyreeve_core::{
    access::Action,
    model::{Counts, ObjectId, State, Time},
    ports::store::{Commit, Committed, DrawnIds, Order, Store as _},
    record::{Change, EntryDraft, Record},
};
use keyreeve_store::{
    RebuildPart, Store, StoreError, StoreOptions,
    engines::{Engine as _, EngineError, Row, embedded::EmbeddedEngine},
    journal::JournalError,
};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{HandClock, commit_whole, crypto, key_file, put, records};

const KEYS: u128 = 300;
/// Bytes of a marker in the journal.
const FRAME_WITHOUT_ENTRIES: usize = 116;

/// A store in a folder, with an index on a real disk.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn options(&self) -> StoreOptions {
        let dir = self.folder.path().join("data");
        let mut options = StoreOptions::new(dir, crypto(), Arc::new(HandClock::default()));
        (options.journal.segment_bytes_max, options.journal.reserve_bytes) = (64 << 10, 64 << 10);
        // No marker but that of a clean stop.
        options.commit.idle_delay = Duration::from_secs(3600);
        options
    }

    /// Where the index is, or what stands beside it.
    fn index(&self, suffix: &str) -> PathBuf {
        self.folder.path().join(format!("data/index/index.sqlite{suffix}"))
    }

    /// The files of the journal, the oldest first.
    fn segments(&self) -> Vec<PathBuf> {
        let journal = self.folder.path().join("data/journal");
        let mut files: Vec<_> =
            std::fs::read_dir(journal).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }

    fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.options(), &key_file())
    }

    /// Everything that the index holds, of a store that is closed.
    fn rows(&self) -> Vec<Row> {
        EmbeddedEngine::open(&self.index(""))
            .unwrap()
            .scan(&[], &[0xFF], Order::Ascending, usize::MAX)
            .unwrap()
    }

    /// The options of an opening that is cut off in this part of a rebuild.
    fn cut_off(&self, cut: RebuildPart) -> StoreOptions {
        let on_rebuild = move |at: keyreeve_store::RebuildProgress| assert!(at.part != cut, "cut off");
        StoreOptions { on_rebuild: Arc::new(on_rebuild), ..self.options() }
    }
}

fn commit(store: &Store, entry: EntryDraft) {
    let commit = Commit {
        as_of: store.published(),
        reads: Vec::new(),
        valid_until: None,
        drawn: DrawnIds::default(),
        entry,
    };
    assert!(matches!(commit_whole(store, commit), Ok(Committed::Done(_))));
}

/// A closed store with keys that came, changed, served and went; gives its index.
fn filled() -> (Place, Vec<Row>) {
    let place = Place { folder: tempfile::tempdir().unwrap() };
    Store::create(&place.options(), [key_file()]).unwrap();
    let store = place.open().unwrap();
    let put = |changes| commit(&store, records::draft(changes));
    let used = |id: u128, changes| {
        let object = Some(ObjectId(Uuid::from_u128(id)));
        let (action, time) = (Action::Encrypt, Time(id as i64));
        commit(&store, EntryDraft { action, object, time, ..records::draft(changes) });
    };
    for id in 1..=KEYS {
        let name = format!("key {id}");
        put(vec![
            Change::Put(records::object(id, State::PreActive, &[&name])),
            Change::Put(records::key_name(&name, id)),
        ]);
        used(1 + id % 7, Vec::new());
        let object = ObjectId(Uuid::from_u128(1 + id % 5));
        used(object.0.as_u128(), vec![Change::Spent { object, units: 3, of: 1_000_000 }]);
    }
    for id in (1..=KEYS).step_by(3) {
        put(vec![Change::Put(records::object(id, State::Active, &["renamed"]))]);
        put(vec![Change::Delete(records::key_name(&format!("key {id}"), id).key())]);
    }
    // The counters of one that are gone begin anew.
    put(vec![Change::Delete(Record::Counts(Counts::none(ObjectId(Uuid::from_u128(2)))).key())]);
    used(2, vec![Change::Spent { object: ObjectId(Uuid::from_u128(2)), units: 5, of: 100 }]);
    store.close().unwrap();
    drop(store);
    assert!(place.segments().len() > 2, "one segment");
    let rows = place.rows();
    assert!(rows.len() > 2 * KEYS as usize);
    (place, rows)
}

fn lose(place: &Place) {
    std::fs::remove_file(place.index("")).unwrap();
}

/// Opens and closes the store: all is as it was.
fn check(place: &Place, rows: &[Row]) {
    place.open().unwrap().close().unwrap();
    assert_eq!(place.rows(), rows);
    for suffix in [".loading", "-damaged", "-old", "-old-wal", "-old-shm"] {
        assert!(!place.index(suffix).exists(), "{suffix}");
    }
}

#[test]
fn a_lost_index_is_made_anew_row_by_row() {
    let (place, rows) = filled();
    lose(&place);
    check(&place, &rows);
}

#[test]
fn an_index_that_cannot_be_opened_is_made_anew() {
    let (place, rows) = filled();
    let bytes = std::fs::read(place.index("")).unwrap();
    for damaged in [0..64, 4096..bytes.len()] {
        let mut bytes = bytes.clone();
        bytes[damaged].fill(0xA5);
        std::fs::write(place.index(""), bytes).unwrap();
        check(&place, &rows);
    }
}

#[test]
fn damage_that_is_met_later_is_mended_by_the_next_start() {
    let (place, rows) = filled();
    let mut bytes = std::fs::read(place.index("")).unwrap();
    let deep = bytes.len() / 2 / 4096 * 4096;
    bytes[deep..deep + 4096].fill(0xA5);
    std::fs::write(place.index(""), bytes).unwrap();
    let engine = EmbeddedEngine::open(&place.index("")).unwrap();
    assert!(matches!(
        engine.scan(&[], &[0xFF], Order::Ascending, usize::MAX),
        Err(EngineError::Damaged { .. })
    ));
    drop(engine);
    check(&place, &rows);
}

/// It may be the last copy of what the journal lost.
#[test]
fn a_damaged_index_is_kept_until_another_took_its_place() {
    let (place, rows) = filled();
    let mut index = std::fs::read(place.index("")).unwrap();
    index[0..64].fill(0xA5);
    std::fs::write(place.index(""), &index).unwrap();
    let oldest = place.segments().remove(0);
    let journal = std::fs::read(&oldest).unwrap();
    let mut rotten = journal.clone();
    rotten[journal.len() / 2] ^= 1;
    std::fs::write(&oldest, rotten).unwrap();
    for _ in 0..2 {
        let refused = place.open().map(drop).unwrap_err();
        assert!(matches!(refused, StoreError::Journal(JournalError::Damaged { .. })), "{refused:?}");
        assert_eq!(std::fs::read(place.index("-old")).unwrap(), index);
    }
    std::fs::write(&oldest, journal).unwrap();
    check(&place, &rows);
}

#[test]
fn a_rebuild_that_was_cut_off_is_begun_anew() {
    let (place, rows) = filled();
    for cut in [RebuildPart::Entries, RebuildPart::Records] {
        lose(&place);
        let opening = || Store::open(&place.cut_off(cut), &key_file()).map(drop);
        assert!(catch_unwind(AssertUnwindSafe(opening)).is_err(), "{cut:?}");
        check(&place, &rows);
    }
}

#[test]
fn an_index_stays_until_the_one_that_is_made_offline_is_whole() {
    let (place, rows) = filled();
    for cut in [RebuildPart::Entries, RebuildPart::Records] {
        let rebuilding = || Store::rebuild_index_offline(&place.cut_off(cut), &key_file()).map(drop);
        assert!(catch_unwind(AssertUnwindSafe(rebuilding)).is_err(), "{cut:?}");
        assert_eq!(place.rows(), rows);
    }
    let rebuilt = Store::rebuild_index_offline(&place.options(), &key_file()).unwrap();
    assert_eq!(rebuilt.entries, rebuilt.lsn.0);
    check(&place, &rows);
    let store = place.open().unwrap();
    let refused = Store::rebuild_index_offline(&place.options(), &key_file());
    assert!(matches!(refused, Err(StoreError::Lock(_))));
    store.close().unwrap();
}

#[test]
fn what_the_index_knows_to_be_durable_is_not_given_up_by_a_rebuild() {
    let (place, rows) = filled();
    let newest = place.segments().pop().unwrap();
    // The stop's marker and the end of the last entries, as if they had never reached the disk.
    let bytes = std::fs::read(&newest).unwrap();
    let torn = &bytes[..bytes.len() - FRAME_WITHOUT_ENTRIES - 20];
    std::fs::write(&newest, torn).unwrap();
    let index = place.index("").parent().unwrap().display().to_string();
    for refused in [
        place.open().map(drop).unwrap_err(),
        Store::rebuild_index_offline(&place.options(), &key_file()).map(drop).unwrap_err(),
    ] {
        assert!(matches!(refused, StoreError::Journal(JournalError::Damaged { .. })), "{refused:?}");
        assert!(refused.to_string().contains(&index), "{refused}");
    }
    assert_eq!(place.rows(), rows);
    assert_eq!(std::fs::read(&newest).unwrap(), torn);
    // Nor where a row of it has rotted: it still tells how far it had come.
    std::fs::write(place.index("-damaged"), "a row").unwrap();
    for _ in 0..2 {
        let refused = place.open().map(drop).unwrap_err();
        assert!(matches!(refused, StoreError::Journal(JournalError::Damaged { .. })), "{refused:?}");
        assert_eq!(std::fs::read(&newest).unwrap(), torn);
    }
    // Who gives it up says so.
    std::fs::remove_dir_all(index).unwrap();
    let rebuilt = Store::rebuild_index_offline(&place.options(), &key_file()).unwrap();
    place.open().unwrap().close().unwrap();
    assert!(rebuilt.records > 0 && place.rows() != rows);
}

#[test]
fn a_rebuild_tells_no_more_than_its_total() {
    let place = Place { folder: tempfile::tempdir().unwrap() };
    Store::create(&place.options(), [key_file()]).unwrap();
    let store = place.open().unwrap();
    // Each record once, so that the total is exact.
    put(&store, vec![Change::Put(records::realm(7, "only"))]);
    for id in 1..=20 {
        let object = Some(ObjectId(Uuid::from_u128(id)));
        let spent = Change::Spent { object: ObjectId(Uuid::from_u128(100 + id)), units: 1, of: 10 };
        commit(&store, EntryDraft { action: Action::Encrypt, object, ..records::draft(vec![spent]) });
    }
    store.close().unwrap();
    drop(store);
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = told.clone();
    let on_rebuild = move |at: keyreeve_store::RebuildProgress| seen.lock().push(at);
    let options = StoreOptions { on_rebuild: Arc::new(on_rebuild), ..place.options() };
    let rebuilt = Store::rebuild_index_offline(&options, &key_file()).unwrap();
    let told = told.lock();
    let last = told.iter().rfind(|at| at.part == RebuildPart::Records).unwrap();
    assert!(told.iter().all(|at| at.done <= at.total));
    assert_eq!((last.done, last.total), (rebuilt.records, rebuilt.records));
}
