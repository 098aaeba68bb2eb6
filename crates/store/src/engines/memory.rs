//! The engine in memory: a `BTreeMap`, for tests and for stores that are rebuilt from their journal on every start.

use std::{collections::BTreeMap, iter, ops::Bound, sync::Arc};

use keyreeve_core::ports::store::Order;
use parking_lot::RwLock;

use super::{Batch, Engine, EngineError, EngineSnapshot, Row};

/// The rows in memory; lost with the process.
#[derive(Debug, Default)]
pub struct MemoryEngine {
    /// Shared with snapshots; who writes beside one copies first.
    content: RwLock<Arc<Content>>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    checkpoint: Option<Vec<u8>>,
}

impl Engine for MemoryEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.content.read().rows.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError> {
        self.content.read().scan(from, to, order, limit)
    }

    fn apply(&self, batch: &Batch) -> Result<(), EngineError> {
        let mut content = self.content.write();
        let content = Arc::make_mut(&mut *content);
        for (key, value) in &batch.writes {
            match value {
                Some(value) => content.rows.insert(key.clone(), value.clone()),
                None => content.rows.remove(key),
            };
        }
        content.checkpoint = Some(batch.checkpoint.clone());
        Ok(())
    }

    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.content.read().checkpoint.clone())
    }

    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>, EngineError> {
        Ok(Box::new(self.content.read().clone()))
    }

    fn clear(&self) -> Result<(), EngineError> {
        *self.content.write() = Arc::default();
        Ok(())
    }
}

impl EngineSnapshot for Arc<Content> {
    fn checkpoint(&self) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.checkpoint.clone())
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Row>, EngineError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let mut range = self.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        let next = || match order {
            Order::Ascending => range.next(),
            Order::Descending => range.next_back(),
        };
        Ok(iter::from_fn(next).take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
