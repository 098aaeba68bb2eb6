//! Random commits against a plain model: a map of records whose index rows are counted out by hand. The store is
//! reopened, killed and stripped of its index on the way, over both engines. A failing seed replays.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use keyreeve_core::{
    model::{RealmId, State},
    ports::store::{IndexHit, IndexRange, Order, Store as _},
    record::{Change, IndexKind, Record, RecordKey, index_terms},
};
use keyreeve_store::{EngineChoice, Store, StoreOptions};
use keyreeve_testkit::random::Random;

use crate::{Bench, HandClock, crypto, key_file, lag::HeldEngine, put, records};

const NAMES: [&str; 7] = ["", "a", "a\0", "a\0\u{1}", "ab", "b", "\u{10ffff}"];
const KINDS: [IndexKind; 7] = [
    IndexKind::Object,
    IndexKind::ObjectName,
    IndexKind::State,
    IndexKind::Group,
    IndexKind::Date,
    IndexKind::Principal,
    IndexKind::Algorithm,
];

type Model = BTreeMap<RecordKey, Record>;

fn record(random: &mut Random) -> Record {
    let id = u128::from(random.below(12));
    let name = |random: &mut Random| NAMES[random.below(NAMES.len() as u64) as usize];
    match random.below(6) {
        0 => records::realm(id, name(random)),
        1 => records::key_name(name(random), id),
        2 => records::principal(id.wrapping_sub(1), name(random)),
        _ => {
            let names: Vec<_> = (0..random.below(4)).map(|_| name(random)).collect();
            records::object(id, State::ALL[random.below(7) as usize], &names)
        }
    }
}

fn step(random: &mut Random, store: &Store, model: &mut Model) {
    let changes: Vec<_> = (0..random.below(4))
        .map(|_| match random.one_in(3) {
            true => Change::Delete(record(random).key()),
            false => Change::Put(record(random)),
        })
        .collect();
    for change in &changes {
        match change {
            Change::Put(record) => model.insert(record.key(), record.clone()),
            Change::Delete(key) => model.remove(key),
            Change::Exported(..) | Change::Spent { .. } | Change::Drawn(..) => {
                unreachable!("the history counts nothing")
            }
        };
    }
    put(store, changes);
}

fn bound(random: &mut Random) -> Bound<Vec<u8>> {
    let value = match random.below(3) {
        0 => vec![random.below(4) as u8],
        _ => NAMES[random.below(NAMES.len() as u64) as usize].as_bytes().to_vec(),
    };
    match random.below(3) {
        0 => Bound::Included(value),
        1 => Bound::Excluded(value),
        _ => Bound::Unbounded,
    }
}

fn check(random: &mut Random, store: &Store, model: &Model) {
    for _ in 0..8 {
        let key = record(random).key();
        assert_eq!(store.get(&key).unwrap().as_deref(), model.get(&key), "{key:?}");
    }
    let rows: BTreeSet<(u8, Vec<u8>, uuid::Uuid)> =
        model.values().flat_map(index_terms).map(|term| (term.kind as u8, term.value, term.id)).collect();
    for _ in 0..6 {
        let kind = KINDS[random.below(KINDS.len() as u64) as usize];
        let range = IndexRange { realm: RealmId::DEFAULT, kind, from: bound(random), to: bound(random) };
        let inside = |value: &Vec<u8>| {
            let from = match &range.from {
                Bound::Included(from) => value >= from,
                Bound::Excluded(from) => value > from,
                Bound::Unbounded => true,
            };
            let to = match &range.to {
                Bound::Included(to) => value <= to,
                Bound::Excluded(to) => value < to,
                Bound::Unbounded => true,
            };
            from && to
        };
        let expected: Vec<_> = rows
            .iter()
            .filter(|(of, value, _)| *of == kind as u8 && inside(value))
            .map(|(_, value, id)| IndexHit { value: value.clone(), id: *id })
            .collect();
        // In pages, the smallest first.
        let page_len = 1 + random.below(5) as usize;
        let mut found: Vec<IndexHit> = Vec::new();
        loop {
            let page = store.find(&range, found.last(), page_len).unwrap();
            let is_last = page.len() < page_len;
            found.extend(page);
            if is_last {
                break;
            }
        }
        assert_eq!(found, expected, "{range:?}, pages of {page_len}");
        let mut back: Vec<IndexHit> = Vec::new();
        loop {
            let page = store.find_in(Order::Descending, &range, back.last(), page_len).unwrap();
            let is_last = page.len() < page_len;
            back.extend(page);
            if is_last {
                break;
            }
        }
        back.reverse();
        assert_eq!(back, expected, "{range:?}, from the last, pages of {page_len}");
    }
}

#[test]
fn random_commits_give_what_a_map_would_in_memory() {
    for seed in 0..60 {
        println!("seed {seed}");
        let random = &mut Random::new(seed);
        let mut bench = Bench::created();
        let mut model = Model::new();
        for _ in 0..6 {
            let store = bench.open();
            check(random, &store, &model);
            for _ in 0..random.below(25) {
                step(random, &store, &mut model);
                check(random, &store, &model);
            }
            match random.below(3) {
                0 => drop(store),
                // The power fails; what was answered is on the medium, the index is gone.
                1 => bench = Bench::on(bench.disk.crash(random.next_u64())),
                _ => {
                    drop(store);
                    bench = bench.without_index();
                }
            }
        }
    }
}

/// As above, but nothing reaches the engine in every other round: all is read from the overlay, over what is older.
#[test]
fn random_commits_give_what_a_map_would_while_the_index_lags() {
    for seed in 200..350 {
        println!("seed {seed}");
        let random = &mut Random::new(seed);
        let mut bench = Bench::created();
        let engine = Arc::new(HeldEngine::default());
        bench.options.engine = EngineChoice::Given(engine.clone());
        if random.one_in(2) {
            // Too small to hold anything.
            bench.options.cache_bytes_max = 1;
        }
        let mut model = Model::new();
        let store = bench.open();
        for round in 0..6 {
            let gate = (round % 2 == 1).then(|| engine.gate.lock());
            // Fewer in all than the 64 messages that may wait for the index: on a busy machine it may get nowhere
            // between two rounds, and a full queue would wait for the gate that this thread holds.
            for _ in 0..random.below(11) {
                step(random, &store, &mut model);
                check(random, &store, &model);
            }
            drop(gate);
        }
    }
}

#[test]
fn random_commits_give_what_a_map_would_on_the_embedded_engine() {
    for seed in 100..106 {
        println!("seed {seed}");
        let random = &mut Random::new(seed);
        let folder = tempfile::tempdir().unwrap();
        let mut options =
            StoreOptions::new(folder.path().join("store"), crypto(), Arc::new(HandClock::default()));
        options.engine = EngineChoice::Embedded;
        Store::create(&options, key_file()).unwrap();
        let mut model = Model::new();
        for _ in 0..4 {
            let store = Store::open(&options, &key_file()).unwrap();
            for _ in 0..random.below(25) {
                step(random, &store, &mut model);
                check(random, &store, &model);
            }
            drop(store);
            if random.one_in(2) {
                std::fs::remove_dir_all(folder.path().join("store/index")).unwrap();
            }
        }
        check(random, &Store::open(&options, &key_file()).unwrap(), &model);
    }
}
