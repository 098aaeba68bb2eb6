//! What is looked for in the index although it cannot be there: nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use keyreeve_core::{
    SecretBytes,
    model::{KeyFormat, KeyMaterial, KeyPolicy, KeySpec, ObjectType, Role},
    operations::{Template, create::Create, register::Register},
    ports::store::Order,
};
use keyreeve_store::engines::{Batch, Engine, EngineError, EngineSnapshot, Row, memory::MemoryEngine};

use super::bench::{House, active_key, principal};

/// An index in memory that counts, by kind of record, how often one was looked for and not there.
#[derive(Default)]
struct CountingEngine {
    rows: MemoryEngine,
    missed: Mutex<BTreeMap<u8, u64>>,
}

/// Kinds of records, as the second byte of a row's key.
const OBJECT: u8 = 2;
const MATERIAL: u8 = 3;
const KEY: u8 = 4;
const KEY_NAME: u8 = 5;

impl CountingEngine {
    fn missed(&self, kind: u8) -> u64 {
        self.missed.lock().expect("no panic").get(&kind).copied().unwrap_or(0)
    }
}

impl Engine for CountingEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let found = self.rows.get(key)?;
        if let (None, [b'r', kind, ..]) = (&found, key) {
            *self.missed.lock().expect("no panic").entry(*kind).or_default() += 1;
        }
        Ok(found)
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError> {
        Engine::scan(&self.rows, from, to, order, limit)
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        self.rows.apply(batch)
    }

    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError> {
        Engine::checkpoint(&self.rows)
    }

    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        self.rows.snapshot()
    }

    fn clear(&self) -> Result<(), EngineError> {
        self.rows.clear()
    }
}

#[test]
fn what_has_a_new_id_is_not_looked_for() {
    let index = Arc::new(CountingEngine::default());
    let house = House::on(index.clone());
    let alice = principal(&house.engine, "alice", &[Role::User]);
    let before = [OBJECT, MATERIAL, KEY].map(|kind| index.missed(kind));
    for number in 0..10 {
        house.engine.execute(&alice, &active_key(&format!("key-{number}"))).expect("makes a key");
        let pair = KeySpec::from_name("ec-p256").expect("known");
        let pair = Create { spec: pair, ..active_key(&format!("pair-{number}")) };
        house.engine.execute(&alice, &pair).expect("makes a pair");
        house.engine.execute(&alice, &registered(number)).expect("registers");
    }
    assert_eq!([OBJECT, MATERIAL, KEY].map(|kind| index.missed(kind)), before);
    assert!(index.missed(KEY_NAME) >= 30, "names are not drawn: somebody may have them");
}

fn registered(number: u8) -> Register {
    let bytes = SecretBytes::new(vec![number; 32]);
    Register {
        name: Some(format!("secret-{number}")),
        object_type: ObjectType::SecretData,
        spec: None,
        digested: None,
        material: KeyMaterial { format: KeyFormat::Raw, bytes },
        template: Template::default(),
        policy: KeyPolicy::default(),
        tags: BTreeMap::new(),
    }
}
