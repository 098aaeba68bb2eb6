//! The clock port.

use crate::model::Time;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in milliseconds since 1970 UTC. May jump; who needs order uses LSNs.
    fn now(&self) -> Time;
}
