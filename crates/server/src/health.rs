//! Health: whether the process lives and whether it takes requests. Not here: anything about what it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The readiness flag, shared by all who set or tell it. Not ready from the start.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<AtomicBool>);

impl Health {
    /// Takes requests from now on, or no longer.
    pub fn set_ready(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether requests are taken.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
