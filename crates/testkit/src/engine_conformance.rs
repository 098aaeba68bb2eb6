//! What every engine of the store must do; one call runs it all against a new, empty one.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use keyreeve_core::ports::store::Order;
use keyreeve_store::engines::{Batch, Engine};

use crate::random::Random;

/// Runs the suite; `make` gives an empty engine, each time another.
///
/// # Panics
/// Where the engine does not conform.
pub fn check(make: impl Fn() -> Box<dyn Engine>) {
    starts_empty(&*make());
    keeps_order_and_bounds(&*make());
    applies_batches_whole(&*make());
    clears_everything(&*make());
    loads_from_nothing(&*make());
    takes_any_bytes(&*make());
    follows_a_map(&*make(), 11);
    shows_readers_whole_batches(&*make());
    keeps_snapshots_as_they_were(&*make());
    takes_snapshots_while_others_write(&*make());
}

/// A batch of these rows, `None` removing them.
pub fn batch(rows: &[(&[u8], Option<&[u8]>)], checkpoint: &[u8]) -> Batch {
    let writes = rows.iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect();
    Batch { writes, checkpoint: checkpoint.to_vec() }
}

fn keys(engine: &dyn Engine, from: &[u8], to: &[u8], limit: usize) -> Vec<Vec<u8>> {
    engine.scan(from, to, Order::Ascending, limit).unwrap().into_iter().map(|(key, _)| key).collect()
}

fn starts_empty(engine: &dyn Engine) {
    assert_eq!(engine.checkpoint().unwrap(), None);
    assert_eq!(engine.get(b"a").unwrap(), None);
    assert!(engine.scan(b"", &[0xFF; 4], Order::Ascending, 10).unwrap().is_empty());
}

fn keeps_order_and_bounds(engine: &dyn Engine) {
    let rows: [&[u8]; 6] = [b"b", b"a\0", b"\xFF", b"a", b"", b"a\0\0"];
    engine.apply(&batch(&rows.map(|key| (key, Some(key))), b"1")).unwrap();
    let all: [&[u8]; 5] = [b"", b"a", b"a\0", b"a\0\0", b"b"];
    assert_eq!(keys(engine, b"", b"\xFF", 10), all, "the end is excluded");
    assert_eq!(keys(engine, b"a", b"a\0\0", 10), all[1..3], "the beginning is included");
    assert_eq!(keys(engine, b"a\0", b"\xFF\0", 2), all[2..4], "no more than asked for");
    assert!(keys(engine, b"b", b"a", 10).is_empty(), "an inverted range is empty");
    assert!(keys(engine, b"a", b"a", 10).is_empty());
    assert!(keys(engine, b"", b"\xFF", 0).is_empty());
    assert_eq!(engine.scan(b"\xFF", b"\xFF\xFF", Order::Ascending, 1).unwrap(), [(vec![0xFF], vec![0xFF])]);
}

fn applies_batches_whole(engine: &dyn Engine) {
    engine.apply(&batch(&[(b"a", Some(b"1")), (b"b", Some(b"2"))], b"one")).unwrap();
    engine
        .apply(&batch(&[(b"a", None), (b"b", Some(b"3")), (b"none", None), (b"c", Some(b""))], b"two"))
        .unwrap();
    assert_eq!(engine.checkpoint().unwrap().as_deref(), Some(b"two".as_slice()));
    assert_eq!(engine.get(b"a").unwrap(), None);
    assert_eq!(engine.get(b"b").unwrap().as_deref(), Some(b"3".as_slice()));
    assert_eq!(engine.get(b"c").unwrap().as_deref(), Some(b"".as_slice()), "an empty value is a value");
    engine.apply(&batch(&[], b"three")).unwrap();
    assert_eq!(engine.checkpoint().unwrap().as_deref(), Some(b"three".as_slice()));
}

fn clears_everything(engine: &dyn Engine) {
    engine.apply(&batch(&[(b"a", Some(b"1"))], b"one")).unwrap();
    engine.clear().unwrap();
    starts_empty(engine);
}

fn loads_from_nothing(engine: &dyn Engine) {
    for round in 0..2 {
        engine.apply(&batch(&[(b"before", Some(b"1"))], b"before")).unwrap();
        engine.begin_load().unwrap();
        starts_empty(engine);
        if round == 1 {
            // It is begun anew.
            engine.apply(&batch(&[(b"cut off", Some(b"1"))], b"unfinished")).unwrap();
            engine.begin_load().unwrap();
            starts_empty(engine);
        }
        engine.apply(&batch(&[(b"b", Some(b"2")), (b"a", Some(b"1"))], b"unfinished")).unwrap();
        engine.apply(&batch(&[(b"b", None), (b"c", Some(b"3"))], b"one")).unwrap();
        assert_eq!(engine.get(b"a").unwrap().as_deref(), Some(b"1".as_slice()));
        assert_eq!(keys(engine, b"", b"\xFF", 9), [b"a", b"c"]);
        engine.end_load().unwrap();
        assert_eq!(keys(engine, b"", b"\xFF", 9), [b"a", b"c"]);
        assert_eq!(engine.checkpoint().unwrap().as_deref(), Some(b"one".as_slice()));
        let snapshot = engine.snapshot().unwrap();
        engine.apply(&batch(&[(b"d", Some(b"4"))], b"two")).unwrap();
        assert_eq!(snapshot.scan(b"", b"\xFF", Order::Ascending, 9).unwrap().len(), 2);
        assert_eq!(keys(engine, b"", b"\xFF", 9), [b"a", b"c", b"d"]);
    }
}

fn takes_any_bytes(engine: &dyn Engine) {
    let key: Vec<u8> = (0..=255).cycle().take(1500).collect();
    let value = vec![0xA5; 9 << 20];
    engine.apply(&batch(&[(&key, Some(&value))], &[0; 300])).unwrap();
    assert_eq!(engine.get(&key).unwrap(), Some(value));
}

fn follows_a_map(engine: &dyn Engine, seed: u64) {
    let random = &mut Random::new(seed);
    let mut model = BTreeMap::new();
    let key = |random: &mut Random| {
        let len = random.below(3) as usize;
        random.bytes(len).iter().map(|byte| byte % 4).collect::<Vec<u8>>()
    };
    for round in 0..300_u64 {
        let mut batch = Batch { writes: BTreeMap::new(), checkpoint: round.to_be_bytes().to_vec() };
        for _ in 0..random.below(6) {
            let value = (!random.one_in(3)).then(|| random.bytes(5));
            batch.writes.insert(key(random), value);
        }
        engine.apply(&batch).unwrap();
        for (key, value) in batch.writes {
            match value {
                Some(value) => model.insert(key, value),
                None => model.remove(&key),
            };
        }
        let (from, to, limit) = (key(random), key(random), random.below(8) as usize);
        let expected: Vec<_> =
            model.iter().filter(|(key, _)| **key >= from && **key < to).take(limit).collect();
        let found = engine.scan(&from, &to, Order::Ascending, limit).unwrap();
        assert_eq!(
            found.iter().map(|(key, value)| (key, value)).collect::<Vec<_>>(),
            expected,
            "seed {seed}"
        );
        let expected: Vec<_> =
            model.iter().rev().filter(|(key, _)| **key >= from && **key < to).take(limit).collect();
        let found = engine.scan(&from, &to, Order::Descending, limit).unwrap();
        assert_eq!(
            found.iter().map(|(key, value)| (key, value)).collect::<Vec<_>>(),
            expected,
            "seed {seed}, from the last"
        );
        let one = key(random);
        assert_eq!(engine.get(&one).unwrap().as_ref(), model.get(&one), "seed {seed}");
    }
}

fn shows_readers_whole_batches(engine: &dyn Engine) {
    let write =
        |number: u8| engine.apply(&batch(&[(b"x", Some(&[number])), (b"y", Some(&[number]))], b"")).unwrap();
    write(0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let rows = engine.scan(b"x", b"z", Order::Ascending, 2).unwrap();
                    assert_eq!(rows[0].1, rows[1].1, "half a batch was seen");
                }
            });
        }
        for number in 1..=200 {
            write(number);
            assert_eq!(engine.get(b"y").unwrap(), Some(vec![number]), "a later read sees what was applied");
        }
        done.store(true, Ordering::Relaxed);
    });
}

fn keeps_snapshots_as_they_were(engine: &dyn Engine) {
    let empty = engine.snapshot().unwrap();
    engine.apply(&batch(&[(b"a", Some(b"1")), (b"b", Some(b"2"))], b"one")).unwrap();
    let snapshot = engine.snapshot().unwrap();
    engine.apply(&batch(&[(b"a", Some(b"9")), (b"b", None), (b"c", Some(b"3"))], b"two")).unwrap();
    let rows = [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"2".to_vec())];
    assert_eq!(snapshot.scan(b"", b"z", Order::Ascending, 10).unwrap(), rows);
    assert_eq!(snapshot.scan(b"", b"z", Order::Ascending, 1).unwrap(), rows[..1]);
    assert_eq!(snapshot.scan(b"a\0", b"b\0", Order::Ascending, 9).unwrap(), rows[1..]);
    assert!(snapshot.scan(b"z", b"a", Order::Ascending, 9).unwrap().is_empty());
    assert_eq!(snapshot.checkpoint().unwrap().as_deref(), Some(b"one".as_slice()));
    engine.clear().unwrap();
    assert_eq!(snapshot.scan(b"", b"z", Order::Ascending, 10).unwrap(), rows, "clearing is a write as well");
    assert_eq!(empty.checkpoint().unwrap(), None);
    assert!(empty.scan(b"", b"z", Order::Ascending, 10).unwrap().is_empty());
    assert_eq!(engine.snapshot().unwrap().checkpoint().unwrap(), None);
}

fn takes_snapshots_while_others_write(engine: &dyn Engine) {
    let row = |number: u16| [b"k".as_slice(), &number.to_be_bytes()].concat();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..400_u16 {
                let key = row(number);
                engine.apply(&batch(&[(&key, Some(b""))], &number.to_be_bytes())).unwrap();
            }
        });
        for _ in 0..20 {
            let snapshot = engine.snapshot().unwrap();
            let last = snapshot.checkpoint().unwrap();
            let rows = snapshot.scan(b"k", b"l", Order::Ascending, 1000).unwrap();
            assert_eq!(
                rows.last().map(|(key, _)| key[1..].to_vec()),
                last,
                "rows and checkpoint of one moment"
            );
        }
    });
}
