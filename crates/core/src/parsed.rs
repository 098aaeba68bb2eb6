//! Parsed keys that are kept ready for use, with the nonces that may be drawn under them. Not here: opening and parsing them
//! (request), when one may stay (engine), and how many nonces there are in all (operations/nonces).

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use quick_cache::sync::Cache;

use crate::{model::ObjectId, ports::crypto::ParsedKey};

/// How many are kept.
const PARSED_KEYS_MAX: usize = 16_384;

/// The cache. Holds secrets.
///
/// INVARIANT: material of an object never changes, so the object's id is key enough. State and usage are not cached here:
/// they come from the store with every request.
#[derive(Clone)]
pub(crate) struct ParsedKeys(Arc<Cache<ObjectId, Arc<Ready>>>);

/// A key that is ready for use.
struct Ready {
    key: Arc<dyn ParsedKey>,
    /// Nonces that are on record as drawn, and were not yet.
    nonces: AtomicU64,
}

/// What one request put there. It goes with the request unless a commit proves that the objects were still there: else the
/// key of an object that was destroyed meanwhile would stay in memory.
pub(crate) struct Loaded {
    keys: ParsedKeys,
    objects: Vec<ObjectId>,
    nonces: Option<(ObjectId, u64)>,
}

impl ParsedKeys {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Cache::new(PARSED_KEYS_MAX)))
    }

    pub(crate) fn get(&self, object: ObjectId) -> Option<Arc<dyn ParsedKey>> {
        self.0.get(&object).map(|ready| Arc::clone(&ready.key))
    }

    /// Takes one of the nonces that are on record as drawn for an object; false where none is left.
    pub(crate) fn take_nonce(&self, object: ObjectId) -> bool {
        let one_less = |left: u64| left.checked_sub(1);
        self.0.get(&object).is_some_and(|ready| {
            ready.nonces.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
        })
    }

    fn add_nonces(&self, object: ObjectId, more: u64) {
        if let Some(ready) = self.0.get(&object) {
            ready.nonces.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Keeps the key of an object that is on record.
    pub(crate) fn insert(&self, object: ObjectId, key: Arc<dyn ParsedKey>) {
        self.0.insert(object, Arc::new(Ready { key, nonces: AtomicU64::new(0) }));
    }

    pub(crate) fn remove(&self, object: ObjectId) {
        self.0.remove(&object);
    }

    /// For a request that may load some.
    pub(crate) fn loading(&self) -> Loaded {
        Loaded { keys: self.clone(), objects: Vec::new(), nonces: None }
    }
}

impl Loaded {
    pub(crate) fn insert(&mut self, object: ObjectId, key: Arc<dyn ParsedKey>) {
        self.objects.push(object);
        self.keys.insert(object, key);
    }

    /// Nonces for the requests behind this one, which puts them on record.
    pub(crate) fn add_nonces(&mut self, object: ObjectId, more: u64) {
        self.nonces = Some((object, more));
    }

    /// They may stay: a commit proved that they were there when it was made. What it put on record may be drawn.
    pub(crate) fn keep(mut self) {
        self.objects.clear();
        if let Some((object, more)) = self.nonces.take() {
            self.keys.add_nonces(object, more);
        }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.objects.iter().for_each(|object| self.keys.remove(*object));
    }
}
