//! A commit whose reads no longer hold is refused: decided in order, also within one batch.

use std::{
    slice::from_ref,
    sync::{Arc, mpsc},
};

use keyreeve_core::{
    ErrorKind,
    model::{Lsn, Time},
    ports::store::{Commit, Committed, DrawnIds, Store as _},
    record::Change,
};
use keyreeve_store::Store;

use crate::{Bench, commit, commit_whole, put, records};

fn is_stale(result: keyreeve_core::Result<Committed>) -> bool {
    matches!(result.unwrap(), Committed::Stale)
}

#[test]
fn a_changed_read_is_refused_and_leaves_no_entry() {
    let bench = Bench::created();
    let store = bench.open();
    let read = records::realm(1, "").key();
    let as_of = put(&store, vec![Change::Put(records::realm(1, "one"))]);
    put(&store, vec![Change::Put(records::realm(2, "other"))]);
    assert!(!is_stale(commit(&store, as_of, from_ref(&read), vec![])), "another record changed");
    put(&store, vec![Change::Put(records::realm(1, "two"))]);
    assert!(is_stale(commit(&store, as_of, from_ref(&read), vec![Change::Delete(read.clone())])));
    assert_eq!(store.published(), Lsn(4));
    assert!(store.get(&read).unwrap().is_some());
    assert!(!is_stale(commit(
        &store,
        store.published(),
        from_ref(&read),
        vec![Change::Delete(read.clone())]
    )));
    assert!(is_stale(commit(&store, Lsn(4), &[read], vec![])), "it is gone");
}

#[test]
fn a_name_that_was_free_is_refused_once_taken() {
    let bench = Bench::created();
    let store = bench.open();
    let as_of = store.published();
    let name = records::key_name("n", 0).key();
    assert_eq!(store.get(&name).unwrap(), None);
    put(&store, vec![Change::Put(records::key_name("n", 1))]);
    assert!(is_stale(commit(&store, as_of, from_ref(&name), vec![Change::Put(records::key_name("n", 2))])));
    assert_eq!(store.get(&name).unwrap().as_deref(), Some(&records::key_name("n", 1)));
}

#[test]
fn reads_from_before_a_restart_are_refused_unless_there_are_none() {
    let bench = Bench::created();
    put(&bench.open(), vec![Change::Put(records::realm(1, "one"))]);
    let store = bench.open();
    assert!(is_stale(commit(&store, Lsn(0), &[records::realm(2, "").key()], vec![])));
    assert!(!is_stale(commit(&store, Lsn(0), &[], vec![])));
}

#[test]
fn a_decision_ends_at_its_time() {
    let bench = Bench::created();
    let store = bench.open();
    let until = |ms| Commit {
        as_of: Lsn(0),
        reads: Vec::new(),
        valid_until: Some(Time(ms)),
        drawn: DrawnIds::default(),
        entry: records::draft(Vec::new()),
    };
    assert!(!is_stale(commit_whole(&store, until(1_001))));
    bench.clock.set(1_001);
    assert!(is_stale(commit_whole(&store, until(1_001))));
    assert!(is_stale(commit_whole(&store, until(-5))));
}

/// Twenty writers compete for one record with commits that are all in the queue at once.
#[test]
fn of_those_that_read_the_same_only_one_gets_through() {
    let bench = Bench::created();
    let store = Arc::new(bench.open());
    let read = records::key_name("n", 0).key();
    for round in 1..=50 {
        let as_of = store.published();
        let (sender, receiver) = mpsc::channel();
        for writer in 0..20 {
            let commit = Commit {
                as_of,
                reads: vec![read.clone()],
                valid_until: None,
                drawn: DrawnIds::default(),
                entry: records::draft(vec![Change::Put(records::key_name("n", writer))]),
            };
            let sender = sender.clone();
            store.commit(commit, Box::new(move |result| sender.send(result.unwrap()).unwrap()));
        }
        drop(sender);
        let done = receiver.iter().filter(|result| matches!(result, Committed::Done(_))).count();
        assert_eq!(done, 1, "round {round}");
    }
    assert_eq!(store.published(), Lsn(50));
}

#[test]
fn what_is_answered_is_read_at_once_by_all() {
    let bench = Bench::created();
    let store: Arc<Store> = Arc::new(bench.open());
    let threads = (0..4_u128).map(|thread| {
        let store = store.clone();
        std::thread::spawn(move || {
            for round in 0..300_u128 {
                let name = format!("{thread}-{round}");
                let id = 1 + thread * 2;
                put(&store, vec![Change::Put(records::realm(id, &name))]);
                let found = store.get(&records::realm(id, "").key()).unwrap();
                assert_eq!(found.as_deref(), Some(&records::realm(id, &name)));
                // Readers of the others' records fill the cache while it is written.
                for other in 0..4 {
                    store.get(&records::realm(1 + other * 2, "").key()).unwrap();
                }
            }
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn an_entry_over_the_limit_is_refused_by_name() {
    let bench = Bench::created();
    let store = bench.open();
    let huge = "n".repeat(9 << 20);
    let refused = commit(&store, Lsn(0), &[], vec![Change::Put(records::realm(1, &huge))]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TooLarge);
    put(&store, vec![]);
}

#[test]
fn a_closed_store_says_so() {
    let bench = Bench::created();
    let store = bench.open();
    store.close().unwrap();
    let refused = commit(&store, Lsn(0), &[], vec![]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    store.close().unwrap();
}
