//! An index engine that loses its newest batches in a crash, as a real one may that lags behind the journal. Not here: the
//! journal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyreeve_core::ports::store::Order;
use keyreeve_store::engines::{Batch, Engine, EngineError, EngineSnapshot, Row, memory::MemoryEngine};

use crate::random::Random;

/// Batches that a crash may undo at most.
const LOST_MAX: u64 = 30;

/// An engine in memory that knows in which order its rows came.
#[derive(Default)]
pub struct LaggingEngine {
    rows: MemoryEngine,
    done: Mutex<Vec<Done>>,
}

/// What was done to the rows.
#[derive(Clone)]
enum Done {
    Cleared,
    Applied(Arc<Batch>),
}

impl LaggingEngine {
    /// An empty engine.
    pub fn new() -> Self {
        Self::default()
    }

    /// The engine as the next process finds it after a crash now: without some of its newest batches.
    pub fn crash(&self, seed: u64) -> Self {
        let done = self.done();
        let lost = Random::new(seed).below(LOST_MAX + 1).min(done.len() as u64);
        Self::after(&done[..done.len() - lost as usize])
    }

    /// The engine as the next process finds it when this one ended well.
    pub fn copy(&self) -> Self {
        Self::after(&self.done())
    }

    fn after(done: &[Done]) -> Self {
        let rows = MemoryEngine::default();
        let apply = |done: &Done| match done {
            Done::Cleared => rows.clear(),
            Done::Applied(batch) => rows.apply(batch),
        };
        done.iter().try_for_each(apply).expect("memory does not fail");
        Self { rows, done: Mutex::new(done.to_vec()) }
    }

    fn done(&self) -> MutexGuard<'_, Vec<Done>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for LaggingEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.rows.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError> {
        Engine::scan(&self.rows, from, to, order, limit)
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        self.done().push(Done::Applied(Arc::new(batch.clone())));
        self.rows.apply(batch)
    }

    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError> {
        Engine::checkpoint(&self.rows)
    }

    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        self.rows.snapshot()
    }

    fn clear(&self) -> Result<(), EngineError> {
        self.done().push(Done::Cleared);
        self.rows.clear()
    }
}
