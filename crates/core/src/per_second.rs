//! So many events of each kind in a second, and the rest counted: what keeps a flood from filling journal and log. Not
//! here: what an event is.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::atomic::{AtomicU32, Ordering},
};

use parking_lot::Mutex;

/// Kinds that are counted apart in one second; of those beyond nothing is let through.
const KINDS_MAX: usize = 4096;
/// Counts that nothing more comes to are told after so many seconds.
const REST_SECONDS: i64 = 60;

/// Lets through so many events of each kind in a second, and so many of all together.
pub struct PerSecond<K> {
    kind_max: AtomicU32,
    total_max: u32,
    counts: Mutex<Counts<K>>,
}

struct Counts<K> {
    total: Window,
    /// Whose windows were dropped for want of room.
    forgotten: u64,
    swept_second: i64,
    kinds: HashMap<K, Window>,
}

#[derive(Clone, Copy, Default)]
struct Window {
    second: i64,
    admitted: u32,
    /// Not admitted since the last one that was.
    suppressed: u64,
}

impl<K: Copy + Eq + Hash> PerSecond<K> {
    /// So many of one kind, and so many of all.
    pub fn new(kind_max: u32, total_max: u32) -> Self {
        Self { kind_max: AtomicU32::new(kind_max), total_max, counts: Mutex::new(Counts::new()) }
    }

    /// Lets through so many of one kind from now on.
    pub fn set_kind_max(&self, kind_max: u32) {
        self.kind_max.store(kind_max, Ordering::Relaxed);
    }

    /// Whether an event in this second is told, and then how many before it were not.
    pub fn admit(&self, kind: K, second: i64) -> Option<u64> {
        let counts = &mut *self.counts.lock();
        if !counts.make_room(kind, second) {
            counts.forgotten += 1;
            return None;
        }
        let window = counts.kinds.entry(kind).or_default();
        window.turn(second);
        counts.total.turn(second);
        if window.admitted >= self.kind_max.load(Ordering::Relaxed) || counts.total.admitted >= self.total_max
        {
            window.suppressed += 1;
            return None;
        }
        window.admitted += 1;
        counts.total.admitted += 1;
        Some(std::mem::take(&mut window.suppressed) + std::mem::take(&mut counts.forgotten))
    }

    /// How many were not let through and nothing more came of their kind for a minute: told once.
    pub fn left_behind(&self, second: i64) -> u64 {
        let counts = &mut *self.counts.lock();
        let mut left = 0;
        counts.kinds.retain(|_, window| {
            let stays = second.saturating_sub(window.second) < REST_SECONDS;
            left += if stays { 0 } else { window.suppressed };
            stays
        });
        if counts.kinds.is_empty() {
            left += std::mem::take(&mut counts.forgotten);
        }
        left
    }

    /// How many were not let through so far: told once.
    pub fn take_all(&self) -> u64 {
        self.left_behind(i64::MAX)
    }
}

impl<K: Copy + Eq + Hash> Counts<K> {
    fn new() -> Self {
        Self { total: Window::default(), forgotten: 0, swept_second: 0, kinds: HashMap::new() }
    }

    /// Once a second those make room that were not seen in it.
    fn make_room(&mut self, kind: K, second: i64) -> bool {
        if self.kinds.len() < KINDS_MAX || self.kinds.contains_key(&kind) {
            return true;
        }
        if self.swept_second != second {
            self.swept_second = second;
            let forgotten = &mut self.forgotten;
            self.kinds.retain(|_, window| {
                let stays = window.second == second;
                *forgotten += if stays { 0 } else { window.suppressed };
                stays
            });
        }
        self.kinds.len() < KINDS_MAX
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

    #[test]
    fn beyond_the_limit_events_are_counted_until_the_next_second() {
        let events = PerSecond::<u32>::new(2, 100);
        assert_eq!(events.admit(1, 7), Some(0));
        assert_eq!(events.admit(1, 7), Some(0));
        assert_eq!(events.admit(1, 7), None);
        assert_eq!(events.admit(1, 7), None);
        assert_eq!(events.admit(2, 7), Some(0));
        assert_eq!(events.admit(1, 8), Some(2));
        assert_eq!(events.admit(1, 8), Some(0));
    }

    #[test]
    fn many_kinds_fill_neither_the_memory_nor_what_is_told() {
        let events = PerSecond::<u32>::new(1, 100);
        let admitted = (0..10_000).filter(|number| events.admit(*number, 7).is_some()).count();
        assert_eq!(admitted, 100);
        assert_eq!(events.counts.lock().kinds.len(), KINDS_MAX);
        assert_eq!(events.admit(9_999, 8), Some(9_900), "none is lost from the count");
        assert_eq!(events.counts.lock().kinds.len(), 1);
    }

    #[test]
    fn what_a_flood_left_behind_is_told_when_it_is_over() {
        let events = PerSecond::<u32>::new(1, 100);
        for _ in 0..5 {
            events.admit(1, 7);
        }
        assert_eq!(events.left_behind(66), 0);
        assert_eq!(events.left_behind(67), 4);
        assert_eq!(events.left_behind(67), 0);
        assert_eq!(events.admit(1, 68), Some(0));
        events.admit(1, 68);
        assert_eq!(events.take_all(), 1, "all that are counted, whatever their age");
        assert_eq!(events.take_all(), 0);
    }
}
