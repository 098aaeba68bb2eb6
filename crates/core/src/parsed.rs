//! Parsed keys that are kept ready for use. Not here: opening and parsing them (request), and when one may stay (engine).

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::{model::ObjectId, ports::crypto::ParsedKey};

/// How many are kept.
const PARSED_KEYS_MAX: usize = 16_384;

/// The cache. Holds secrets.
///
/// INVARIANT: material of an object never changes, so the object's id is key enough. State and usage are not cached here:
/// they come from the store with every request.
#[derive(Clone)]
pub(crate) struct ParsedKeys(Arc<Cache<ObjectId, Arc<dyn ParsedKey>>>);

/// What one request put there. It goes with the request unless a commit proves that the objects were still there: else the
/// key of an object that was destroyed meanwhile would stay in memory.
pub(crate) struct Loaded {
    keys: ParsedKeys,
    objects: Vec<ObjectId>,
}

impl ParsedKeys {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Cache::new(PARSED_KEYS_MAX)))
    }

    pub(crate) fn get(&self, object: ObjectId) -> Option<Arc<dyn ParsedKey>> {
        self.0.get(&object)
    }

    /// Keeps the key of an object that is on record.
    pub(crate) fn insert(&self, object: ObjectId, key: Arc<dyn ParsedKey>) {
        self.0.insert(object, key);
    }

    pub(crate) fn remove(&self, object: ObjectId) {
        self.0.remove(&object);
    }

    /// For a request that may load some.
    pub(crate) fn loading(&self) -> Loaded {
        Loaded { keys: self.clone(), objects: Vec::new() }
    }
}

impl Loaded {
    pub(crate) fn insert(&mut self, object: ObjectId, key: Arc<dyn ParsedKey>) {
        self.objects.push(object);
        self.keys.insert(object, key);
    }

    /// They may stay: a commit proved that they were there when it was made.
    pub(crate) fn keep(mut self) {
        self.objects.clear();
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.objects.iter().for_each(|object| self.keys.remove(*object));
    }
}
