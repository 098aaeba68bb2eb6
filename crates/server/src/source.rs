//! Sources: where peers come from, as they are counted, and how much of one source is told in a second, so that no flood
//! of one stranger fills log and journal. Not here: what is told.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

/// Sources that are counted apart in one second; of those beyond nothing is told.
const SOURCES_MAX: usize = 4096;

/// Where a peer comes from: an IPv4 address, or the /64 network of an IPv6 address, since one machine may have all of
/// its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            v4 => v4,
        })
    }
}

/// Lets through so many events of each source in a second, and so many of all together.
pub(crate) struct PerSecond {
    source_max: AtomicU32,
    total_max: u32,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    total: Window,
    /// Whose windows were dropped for want of room.
    forgotten: u64,
    swept_second: i64,
    sources: HashMap<Source, Window>,
}

#[derive(Clone, Copy, Default)]
struct Window {
    second: i64,
    admitted: u32,
    /// Not admitted since the last one that was.
    suppressed: u64,
}

impl PerSecond {
    pub(crate) fn new(source_max: u32, total_max: u32) -> Self {
        Self { source_max: AtomicU32::new(source_max), total_max, counts: Mutex::default() }
    }

    pub(crate) fn set_source_max(&self, source_max: u32) {
        self.source_max.store(source_max, Ordering::Relaxed);
    }

    /// Whether an event in this second is told, and then how many before it were not.
    pub(crate) fn admit(&self, source: Source, second: i64) -> Option<u64> {
        let counts = &mut *self.counts.lock();
        if !counts.make_room(source, second) {
            counts.forgotten += 1;
            return None;
        }
        let window = counts.sources.entry(source).or_default();
        window.turn(second);
        counts.total.turn(second);
        if window.admitted >= self.source_max.load(Ordering::Relaxed)
            || counts.total.admitted >= self.total_max
        {
            window.suppressed += 1;
            return None;
        }
        window.admitted += 1;
        counts.total.admitted += 1;
        Some(std::mem::take(&mut window.suppressed) + std::mem::take(&mut counts.forgotten))
    }
}

impl Counts {
    /// Once a second those make room that were not seen in it.
    fn make_room(&mut self, source: Source, second: i64) -> bool {
        if self.sources.len() < SOURCES_MAX || self.sources.contains_key(&source) {
            return true;
        }
        if self.swept_second != second {
            self.swept_second = second;
            let forgotten = &mut self.forgotten;
            self.sources.retain(|_, window| {
                let stays = window.second == second;
                *forgotten += if stays { 0 } else { window.suppressed };
                stays
            });
        }
        self.sources.len() < SOURCES_MAX
    }
}

impl Window {
    fn turn(&mut self, second: i64) {
        if self.second != second {
            (self.second, self.admitted) = (second, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: u32) -> Source {
        IpAddr::from(number.to_be_bytes()).into()
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }

    #[test]
    fn beyond_the_limit_events_are_counted_until_the_next_second() {
        let events = PerSecond::new(2, 100);
        assert_eq!(events.admit(source(1), 7), Some(0));
        assert_eq!(events.admit(source(1), 7), Some(0));
        assert_eq!(events.admit(source(1), 7), None);
        assert_eq!(events.admit(source(1), 7), None);
        assert_eq!(events.admit(source(2), 7), Some(0));
        assert_eq!(events.admit(source(1), 8), Some(2));
        assert_eq!(events.admit(source(1), 8), Some(0));
    }

    #[test]
    fn many_sources_fill_neither_the_memory_nor_what_is_told() {
        let events = PerSecond::new(1, 100);
        let admitted = (0..10_000).filter(|number| events.admit(source(*number), 7).is_some()).count();
        assert_eq!(admitted, 100);
        assert_eq!(events.counts.lock().sources.len(), SOURCES_MAX);
        assert_eq!(events.admit(source(9_999), 8), Some(9_900), "none is lost from the count");
        assert_eq!(events.counts.lock().sources.len(), 1);
    }
}
