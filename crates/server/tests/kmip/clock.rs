//! A clock that a test moves. Not here: any test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keyreeve_core::model::Time;
use keyreeve_core::ports::clock::Clock;

/// Stands still until it is set.
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    /// At this second: TLS looks at the system's clock, and must find the certificates valid that this one dates.
    pub(crate) fn of_today() -> Arc<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Arc::new(Self(AtomicI64::new(since.as_secs() as i64 * 1000)))
    }

    /// To this second since 1970.
    pub(crate) fn set(&self, seconds: i64) {
        self.0.store(seconds * 1000, Ordering::SeqCst);
    }

    /// So many seconds on.
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn wait(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
