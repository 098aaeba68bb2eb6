//! Bytes of long requests that are under way, of all connections together: what is beyond the limit is refused, so that no
//! number of peers fills the memory. Not here: the limit of one request, which each front-end keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shorter requests are not counted: the limit on connections bounds them.
const SHORT_BYTES: usize = 64 * 1024;

/// What all long requests take together.
pub struct InFlight {
    bytes_max: AtomicUsize,
    bytes: AtomicUsize,
}

/// What one request takes, given back when dropped.
pub struct Reserved {
    of: Arc<InFlight>,
    bytes: usize,
}

impl InFlight {
    /// Room for so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max: AtomicUsize::new(bytes_max), bytes: AtomicUsize::new(0) }
    }

    /// Room for so many bytes from now on; what is under way stays.
    pub fn set(&self, bytes_max: usize) {
        self.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    /// Nothing yet, for one request.
    pub fn reserve(self: &Arc<Self>) -> Reserved {
        Reserved { of: Arc::clone(self), bytes: 0 }
    }
}

impl Reserved {
    /// Whether there is room for a request of so many bytes, of which some may be reserved already.
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        if bytes <= SHORT_BYTES || more == 0 {
            return true;
        }
        let bytes_max = self.of.bytes_max.load(Ordering::Relaxed);
        let grown = |taken: usize| taken.checked_add(more).filter(|taken| *taken <= bytes_max);
        let has_room = self.of.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok();
        if has_room {
            self.bytes = bytes;
        }
        has_room
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.of.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_requests_take_stays_within_the_limit() {
        let in_flight = Arc::new(InFlight::new(300_000));
        let (mut first, mut second) = (in_flight.reserve(), in_flight.reserve());
        assert!(first.grow_to(100_000) && first.grow_to(200_000) && second.grow_to(100_000));
        assert!(!first.grow_to(200_001) && !in_flight.reserve().grow_to(70_000));
        assert!(in_flight.reserve().grow_to(SHORT_BYTES), "short ones always pass");
        drop(first);
        assert!(second.grow_to(300_000));
        drop(second);
        assert_eq!(in_flight.bytes.load(Ordering::Relaxed), 0);
    }
}
