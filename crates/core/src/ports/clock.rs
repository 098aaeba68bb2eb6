//! The clock port.

use std::time::Duration;

use crate::model::Time;

/// Tells the time, and lets it pass.
pub trait Clock: Send + Sync {
    /// Now, in milliseconds since 1970 UTC. May jump; who needs order uses LSNs.
    fn now(&self) -> Time;

    /// Waits so long. A clock that is moved by hand may move instead.
    fn wait(&self, duration: Duration);
}
