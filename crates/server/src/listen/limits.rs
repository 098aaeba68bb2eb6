//! Limits on connections: how many, and how long a handshake, a silence and a drain may take. Not here: limits
//! on messages and requests, which each front-end keeps, since only it knows where a message ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The settings behind [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Open connections at most, over all listeners that share the limits, those in a handshake included.
    pub connections_max: usize,
    /// Seconds from accept to the end of the TLS handshake.
    pub handshake_seconds_max: u64,
    /// Seconds without a byte in either direction. A front-end that streams sends a sign of life more often.
    pub idle_seconds_max: u64,
    /// Seconds that open requests get to finish after a shutdown was asked for.
    pub drain_seconds_max: u64,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            handshake_seconds_max: 10,
            idle_seconds_max: 300,
            drain_seconds_max: 30,
        }
    }
}

/// Limits that listeners share: a clone counts the same connections.
#[derive(Clone)]
pub struct Limits {
    settings: LimitSettings,
    free: Arc<Semaphore>,
}

impl Limits {
    /// Limits with no connection open.
    pub fn new(settings: LimitSettings) -> Self {
        let free = Semaphore::new(settings.connections_max.min(Semaphore::MAX_PERMITS));
        Self { settings, free: Arc::new(free) }
    }

    /// Connections open now.
    pub fn connections_open(&self) -> usize {
        self.settings.connections_max.saturating_sub(self.free.available_permits())
    }

    pub(super) fn connections_max(&self) -> usize {
        self.settings.connections_max
    }

    pub(super) fn handshake_max(&self) -> Duration {
        Duration::from_secs(self.settings.handshake_seconds_max)
    }

    pub(super) fn idle_max(&self) -> Duration {
        Duration::from_secs(self.settings.idle_seconds_max)
    }

    pub(super) fn drain_max(&self) -> Duration {
        Duration::from_secs(self.settings.drain_seconds_max)
    }

    /// Takes a place for one connection until the permit is dropped; none where all are taken.
    pub(super) fn admit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }
}
