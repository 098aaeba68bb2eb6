//! An index that lags, and readers that are overtaken: what is answered is seen nevertheless.

use std::sync::{
    Arc,
    mpsc::{Receiver, Sender, channel},
};

use keyreeve_core::{
    ErrorKind,
    model::{ErasureId, Lsn, RealmId, StoredCertificate},
    ports::store::Order,
    ports::store::Store as _,
    record::{Change, Record, RecordKey},
};
use keyreeve_store::{
    EngineChoice,
    engines::{Batch, Engine, EngineError, EngineSnapshot, Row, memory::MemoryEngine},
};
use parking_lot::Mutex;

use crate::{Bench, commit, put, records};

/// An engine in memory that applies nothing while `gate` is held, that lets a reader pause behind its read of
/// `paused`, and that can be made to fail.
#[derive(Default)]
pub(crate) struct HeldEngine {
    inner: MemoryEngine,
    pub(crate) gate: Mutex<()>,
    paused: Mutex<Option<Pause>>,
    broken: Mutex<bool>,
    full: Mutex<bool>,
}

struct Pause {
    reached: Sender<()>,
    go_on: Receiver<()>,
}

impl HeldEngine {
    fn check(&self) -> Result<(), EngineError> {
        match *self.broken.lock() {
            true => Err(EngineError::Failed { at: "here".into(), what: "no space".into() }),
            false => Ok(()),
        }
    }
}

impl Engine for HeldEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.check()?;
        let found = self.inner.get(key);
        let pause = self.paused.lock().take();
        if let Some(pause) = pause {
            pause.reached.send(()).unwrap();
            pause.go_on.recv().unwrap();
        }
        found
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError> {
        self.inner.scan(from, to, order, limit)
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        self.check()?;
        if *self.full.lock() {
            return Err(EngineError::Full { at: "here".into() });
        }
        let _gate = self.gate.lock();
        self.inner.apply(batch)
    }

    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError> {
        self.inner.checkpoint()
    }

    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        self.inner.snapshot()
    }

    fn clear(&self) -> Result<(), EngineError> {
        self.inner.clear()
    }
}

fn held() -> (Bench, Arc<HeldEngine>) {
    let engine = Arc::new(HeldEngine::default());
    let mut bench = Bench::created();
    bench.options.engine = EngineChoice::Given(engine.clone());
    // The store's own threads read, too: one of them would pause in the place of the reader.
    bench.options.background = false;
    (bench, engine)
}

const ID: ErasureId = ErasureId(uuid::Uuid::from_u128(7));

/// Its key in the engine: `r`, 15, and the id.
const ROW: [u8; 18] = [b'r', 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

/// A record of any size that no index has a row of: publishing it waits for no reader.
fn certificate(len: usize, byte: u8) -> Record {
    let text = char::from(byte).to_string().repeat(len);
    Record::Certificate(Arc::new(StoredCertificate { id: ID, realm: RealmId::DEFAULT, text }))
}

/// The new record comes, reaches the engine and leaves the overlay while a reader holds the old one in hand.
#[test]
fn an_overtaken_reader_leaves_nothing_old_behind() {
    // Small enough to be cached, and too large for that.
    for len in [100, 1 << 20] {
        let (mut bench, engine) = held();
        bench.options.cache_bytes_max = 256 * 1024;
        put(&bench.open(), vec![Change::Put(certificate(100, 1))]);
        let store = Arc::new(bench.open());
        let (reached, is_reached) = channel();
        let (go_on, may_go_on) = channel();
        *engine.paused.lock() = Some(Pause { reached, go_on: may_go_on });
        let reader = {
            let store = store.clone();
            std::thread::spawn(move || store.get(&RecordKey::Certificate(ID)).unwrap())
        };
        is_reached.recv().unwrap();
        put(&store, vec![Change::Put(certificate(len, 2))]);
        while engine.inner.get(&ROW).unwrap().unwrap().len() < len {
            std::thread::yield_now();
        }
        go_on.send(()).unwrap();
        assert_eq!(reader.join().unwrap().as_deref(), Some(&certificate(100, 1)));
        assert_eq!(store.get(&RecordKey::Certificate(ID)).unwrap().as_deref(), Some(&certificate(len, 2)));
    }
}

/// The journal has space, the index has none: it goes on later, at the end at the latest.
#[test]
fn an_index_on_a_full_disk_lags_and_nothing_is_refused() {
    let (bench, engine) = held();
    let store = bench.open();
    put(&store, vec![Change::Put(certificate(100, 1))]);
    *engine.full.lock() = true;
    for byte in 2..20 {
        put(&store, vec![Change::Put(certificate(100, byte))]);
    }
    assert_eq!(store.get(&RecordKey::Certificate(ID)).unwrap().as_deref(), Some(&certificate(100, 19)));
    store.close().unwrap();
    drop(store);
    let store = bench.open();
    assert_eq!(store.get(&RecordKey::Certificate(ID)).unwrap().as_deref(), Some(&certificate(100, 19)));
    put(&store, vec![Change::Put(certificate(100, 20))]);
    *engine.full.lock() = false;
    store.close().unwrap();
    assert!(engine.inner.get(&ROW).unwrap().unwrap().ends_with(&[20; 100]));
    assert_eq!(*bench.failures.lock(), Vec::<String>::new());
}

/// A queue that is full slows commits down; nothing is lost.
#[test]
fn commits_wait_for_an_index_that_lags_too_far() {
    let (bench, engine) = held();
    let store = Arc::new(bench.open());
    let gate = engine.gate.lock();
    let writer = {
        let store = store.clone();
        std::thread::spawn(move || {
            for number in 1..=500 {
                put(&store, vec![Change::Put(records::realm(number, "r"))]);
            }
        })
    };
    std::thread::sleep(std::time::Duration::from_millis(300));
    let reached = store.published();
    assert!(reached < Lsn(500), "the queue has no bound: {reached}");
    for number in 1..=u128::from(reached.0) {
        assert!(store.get(&records::realm(number, "").key()).unwrap().is_some(), "{number}");
    }
    drop(gate);
    writer.join().unwrap();
    assert_eq!(store.published(), Lsn(500));
}

#[test]
fn an_index_that_fails_stops_the_store() {
    let (bench, engine) = held();
    let store = bench.open();
    put(&store, vec![Change::Put(records::realm(1, "r"))]);
    *engine.broken.lock() = true;
    let refused =
        (0..1000).find_map(|_| commit(&store, Lsn(0), &[], vec![Change::Put(records::realm(2, "r"))]).err());
    assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::Unavailable));
    assert_eq!(store.get(&records::realm(1, "").key()).unwrap_err().kind(), ErrorKind::Unavailable);
    drop(store);
    assert_eq!(bench.failures.lock().len(), 1);
    *engine.broken.lock() = false;
    let store = bench.open();
    assert!(store.get(&records::realm(1, "").key()).unwrap().is_some());
}

/// The entry is durable, but what it replaces cannot be read: readers would not see it.
#[test]
fn what_cannot_be_shown_is_not_answered_as_done() {
    let (bench, engine) = held();
    let store = bench.open();
    *engine.broken.lock() = true;
    let refused = commit(&store, Lsn(0), &[], vec![Change::Put(records::principal(1, "p"))]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    drop(store);
    assert_eq!(bench.failures.lock().len(), 1);
    *engine.broken.lock() = false;
    assert!(bench.open().get(&records::principal(1, "").key()).unwrap().is_some());
}
