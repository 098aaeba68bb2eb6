//! The index in SQLite's files after a power loss: it holds what the first batches made of it, whole, no less than what
//! was synced, and takes more. So whoever simulates an index that lost its newest batches (`lagging`) simulates this one.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use keyreeve_core::ports::store::Order;
use keyreeve_store::engines::{Batch, Engine};
use keyreeve_testkit::{file_index::FileIndex, random::Random};

use super::bench::each_seed;

const BATCHES: u64 = 12;
const CRASHES: u64 = 8;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Some rows come, some change and some go; what is there then.
fn batch(random: &mut Random, number: u64, rows: &mut Rows) -> Batch {
    let mut batch = Batch { checkpoint: number.to_be_bytes().to_vec(), ..Batch::default() };
    for _ in 0..1 + random.below(8) {
        let key = vec![b'r', random.below(40) as u8];
        let len = random.below(3_000) as usize;
        let value = (!random.one_in(4)).then(|| random.bytes(len));
        match &value {
            Some(value) => rows.insert(key.clone(), value.clone()),
            None => rows.remove(&key),
        };
        batch.writes.insert(key, value);
    }
    batch
}

/// How many batches it holds; all of these and nothing else.
fn held(index: &FileIndex, after: &[Rows], seed: u64) -> usize {
    let checkpoint = index.checkpoint().expect("is read");
    let held =
        checkpoint.map_or(0, |number| u64::from_be_bytes(number.try_into().expect("8 bytes")) as usize);
    let rows: Rows =
        index.scan(&[], &[0xff], Order::Ascending, usize::MAX).expect("is read").into_iter().collect();
    assert!(rows == after[held], "seed {seed}: not what {held} batches made of it");
    assert!(index.damage().is_none(), "seed {seed}: {:?}", index.damage());
    held
}

#[test]
fn a_power_loss_leaves_of_the_index_what_its_first_batches_made_of_it() {
    let seeds = if std::env::var_os("KEYREEVE_LONG").is_some() { 1_000 } else { 30 };
    let [none, some, all, kept] = [const { AtomicU64::new(0) }; 4];
    each_seed(seeds, |seed| {
        let (mut random, mut index) = (Random::new(seed), FileIndex::new(seed));
        // What is there after so many batches.
        let mut after = vec![Rows::new()];
        for _ in 0..CRASHES {
            for _ in 0..random.below(BATCHES) {
                let mut rows = after.last().expect("the first").clone();
                let batch = batch(&mut random, after.len() as u64, &mut rows);
                index.apply(&batch).expect("is applied");
                after.push(rows);
            }
            assert_eq!(held(&index, &after, seed), after.len() - 1, "seed {seed}: nothing was lost yet");
            index = index.crash(random.next_u64());
            let held = held(&index, &after, seed);
            assert!(
                held as u64 >= index.least(),
                "seed {seed}: what was synced is lost: {held} of {}",
                index.least()
            );
            let counter = match held {
                0 => &none,
                _ if held + 1 == after.len() => &all,
                _ => &some,
            };
            counter.fetch_add(1, Ordering::SeqCst);
            kept.fetch_add(u64::from(index.least() > 0), Ordering::SeqCst);
            after.truncate(held + 1);
            index.holds(held as u64);
        }
    });
    if std::env::var_os("KEYREEVE_SEED").is_none() {
        let [none, some, all, kept] = [none, some, all, kept].map(AtomicU64::into_inner);
        eprintln!(
            "power losses that left nothing: {none}; some: {some}; all: {all}; something was synced: {kept}"
        );
        assert!([none, some, all, kept].into_iter().all(|count| count > seeds / 4), "one kind is lost");
    }
}
