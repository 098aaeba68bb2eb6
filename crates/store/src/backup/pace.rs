//! The rate at which a target is written to: who has written waits before writing more. Not here: what is written.

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use keyreeve_core::ports::clock::Clock;

/// Who waits is asked so often whether they go on.
const STEP: Duration = Duration::from_millis(100);

/// Keeps what is written to a rate, by the store's clock.
pub(super) struct Pace {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) bytes_per_second_max: Option<NonZeroU64>,
}

impl Pace {
    /// Waits as long as bytes that were written take at the rate, or until who waits does not go on; gives the bytes that
    /// were not waited for.
    pub(super) fn wait(&self, bytes: u64, mut goes_on: impl FnMut() -> bool) -> u64 {
        let Some(rate) = self.bytes_per_second_max else { return 0 };
        let time = Duration::try_from_secs_f64(bytes as f64 / rate.get() as f64);
        let mut left = time.unwrap_or(Duration::MAX);
        while !left.is_zero() && goes_on() {
            let step = left.min(STEP);
            self.clock.wait(step);
            left -= step;
        }
        (left.as_secs_f64() * rate.get() as f64) as u64
    }
}
