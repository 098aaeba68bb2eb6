//! Failed authentications: how many go on record for one source. Not here: the record itself.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;

/// Sources that are counted apart in one second; those beyond are not recorded, only logged.
const SOURCES_MAX: usize = 4096;

/// Counts failures per source and second.
pub(super) struct Failures {
    per_second_max: u32,
    windows: Mutex<HashMap<IpAddr, Window>>,
}

struct Window {
    second: i64,
    recorded: u32,
    /// Not recorded since the last one that was.
    suppressed: u64,
}

impl Failures {
    pub(super) fn new(per_second_max: u32) -> Self {
        Self { per_second_max, windows: Mutex::default() }
    }

    /// Whether a failure in this second goes on record, and then how many before it did not.
    pub(super) fn admit(&self, source: IpAddr, second: i64) -> Option<u64> {
        let mut windows = self.windows.lock();
        if windows.len() >= SOURCES_MAX && !windows.contains_key(&source) {
            windows.retain(|_, window| window.second == second);
            if windows.len() >= SOURCES_MAX {
                return None;
            }
        }
        let window = windows.entry(source).or_insert(Window { second, recorded: 0, suppressed: 0 });
        if window.second != second {
            (window.second, window.recorded) = (second, 0);
        }
        if window.recorded >= self.per_second_max {
            window.suppressed += 1;
            return None;
        }
        window.recorded += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn beyond_the_limit_failures_are_counted_until_the_next_second() {
        let failures = Failures::new(2);
        assert_eq!(failures.admit(source(1), 7), Some(0));
        assert_eq!(failures.admit(source(1), 7), Some(0));
        assert_eq!(failures.admit(source(1), 7), None);
        assert_eq!(failures.admit(source(1), 7), None);
        assert_eq!(failures.admit(source(2), 7), Some(0));
        assert_eq!(failures.admit(source(1), 8), Some(2));
        assert_eq!(failures.admit(source(1), 8), Some(0));
    }

    #[test]
    fn many_sources_cannot_fill_the_memory() {
        let failures = Failures::new(1);
        let recorded = (0..10_000).filter(|number| failures.admit(source(*number), 7).is_some()).count();
        assert_eq!(recorded, SOURCES_MAX);
        assert!(failures.admit(source(9_999), 8).is_some());
        assert_eq!(failures.windows.lock().len(), 1);
    }
}
