//! Searches that find little: a store that lets one search begin while another is under way.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use keyreeve_core::{
    ErrorKind, Result,
    access::Caller,
    engine::Engine,
    model::{Lsn, Role},
    operations::locate::{Locate, StorageStatus},
    ports::store::{Commit, Completion, IndexHit, IndexRange, Order, Store},
    record::{Entry, Record, RecordKey},
};

use super::bench::{House, active_key, principal};

/// Runs something when a walk of several pages reads its last one.
struct Meeting {
    inner: Arc<keyreeve_store::Store>,
    at_last_page: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
}

impl Store for Meeting {
    fn published(&self) -> Lsn {
        self.inner.published()
    }

    fn poll_published(&self, after: Lsn, context: &mut Context<'_>) -> Poll<Lsn> {
        self.inner.poll_published(after, context)
    }

    fn is_full(&self) -> bool {
        self.inner.is_full()
    }

    fn get(&self, key: &RecordKey) -> Result<Option<Arc<Record>>> {
        self.inner.get(key)
    }

    fn find_in(
        &self,
        order: Order,
        range: &IndexRange,
        beyond: Option<&IndexHit>,
        limit: usize,
    ) -> Result<Vec<IndexHit>> {
        let hits = self.inner.find_in(order, range, beyond, limit)?;
        let then = self.at_last_page.lock().unwrap().clone();
        if let Some(then) = then.filter(|_| beyond.is_some() && hits.len() < limit) {
            then();
        }
        Ok(hits)
    }

    fn commit(&self, commit: Commit, done: Completion) {
        self.inner.commit(commit, done);
    }

    fn journal_begins(&self) -> Result<Lsn> {
        self.inner.journal_begins()
    }

    fn journal_within(&self, after: Lsn, limit: usize, bytes_left: &mut usize) -> Result<Vec<Entry>> {
        self.inner.journal_within(after, limit, bytes_left)
    }

    fn verify_journal(&self) -> Result<(Lsn, [u8; 32])> {
        self.inner.verify_journal()
    }
}

fn locate_all() -> Locate {
    Locate {
        criteria: Vec::new(),
        group_member: None,
        storage: StorageStatus { online: true, archived: false, destroyed: false },
        items_max: None,
        offset: 0,
    }
}

/// Each search begins another one before it ends: how it went with them, the innermost first.
fn nested(engine: &Arc<Engine>, store: &Meeting, caller: &Caller) -> Vec<Option<ErrorKind>> {
    const DEPTH_MAX: usize = 8;
    let (ended, depth) = (Arc::new(Mutex::new(Vec::new())), AtomicUsize::new(0));
    let (weak, caller, told): (Weak<Engine>, _, _) = (Arc::downgrade(engine), caller.clone(), ended.clone());
    let search = move || {
        if depth.fetch_add(1, Ordering::SeqCst) < DEPTH_MAX {
            let searched = weak.upgrade().unwrap().execute(&caller, &locate_all());
            told.lock().unwrap().push(searched.err().map(|error| error.kind()));
        }
    };
    let search: Arc<dyn Fn() + Send + Sync> = Arc::new(search);
    *store.at_last_page.lock().unwrap() = Some(search.clone());
    search();
    *store.at_last_page.lock().unwrap() = None;
    let ended = ended.lock().unwrap();
    ended.clone()
}

#[test]
fn who_sees_nothing_walks_a_few_times_at_once_and_keeps_nobody_else_from_it() {
    let house = House::new();
    let store = Arc::new(Meeting { inner: house.store.clone(), at_last_page: Mutex::new(None) });
    let crypto = Arc::clone(house.engine.crypto());
    let engine = Arc::new(Engine::new(store.clone(), house.store.sealer(), crypto, house.clock.clone()));
    let [alice, mallory] = ["alice", "mallory"].map(|name| principal(&engine, name, &[Role::User]));
    for number in 0..1300 {
        engine.execute(&alice, &active_key(&format!("k{number}"))).unwrap();
    }
    let refused = Some(ErrorKind::LimitExceeded);
    assert_eq!(nested(&engine, &store, &mallory), [refused, None, None, None, None]);
    let all = nested(&engine, &store, &alice);
    assert!(all.iter().all(Option::is_none) && all.len() > 5, "who finds does not walk in vain: {all:?}");
    assert_eq!(engine.execute(&mallory, &locate_all()).unwrap().objects, [], "the others have ended");
}

#[test]
fn objects_are_found_newest_first_whatever_the_clock_does() {
    let house = House::new();
    let alice = principal(&house.engine, "alice", &[Role::User]);
    let mut made = Vec::new();
    for number in 0..5000 {
        match number {
            4900 => house.clock.0.fetch_sub(3_600_000, Ordering::SeqCst),
            4950 => house.clock.0.fetch_add(7_200_000, Ordering::SeqCst),
            _ => 0,
        };
        made.push(house.engine.execute(&alice, &active_key(&format!("k{number}"))).unwrap().primary);
    }
    made.reverse();
    let all = Locate { items_max: Some(5000), ..locate_all() };
    assert_eq!(house.engine.execute(&alice, &all).unwrap().objects, made);
    assert_eq!(made[0].0.get_version_num(), 7);
}
