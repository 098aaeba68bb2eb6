//! So many events of each kind in a second, and the rest counted: what keeps a flood from filling journal and log. Not
//! here: what an event is.

use std::{
    cmp::Reverse,
    collections::HashMap,
    hash::Hash,
    sync::atomic::{AtomicI64, AtomicU32, Ordering},
};

use parking_lot::Mutex;

/// Kinds that are counted apart in one second; of those beyond nothing is let through.
const KINDS_MAX: usize = 4096;
/// A count is told so many seconds after it began, whether more comes or not.
const TELL_SECONDS: i64 = 10;
/// Kinds that are told one by one at a time, those of the largest counts; the others are told together.
const TOLD_MAX: usize = 64;

/// Lets through so many events of each kind in a second, and so many of all together.
pub struct PerSecond<K> {
    kind_max: AtomicU32,
    total_max: u32,
    /// The newest second in which some kind came to its limit.
    full_second: AtomicI64,
    counts: Mutex<Counts<K>>,
}

/// Events that were not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppressed<K> {
    /// None: of several kinds.
    pub kind: Option<K>,
    /// How many, from 1 on.
    pub count: u64,
    /// Unix second of the first of them.
    pub first: i64,
    /// Unix second of the last of them.
    pub last: i64,
}

struct Counts<K> {
    total: Window,
    /// Those whose windows were dropped for want of room, or had none.
    forgotten: Option<Suppressed<K>>,
    swept_second: i64,
    kinds: HashMap<K, Window>,
}

#[derive(Clone, Copy, Default)]
struct Window {
    second: i64,
    admitted: u32,
    /// Not admitted since the last one that was, or since they were told.
    suppressed: u64,
    first: i64,
}

impl<K: Copy + Eq + Hash> PerSecond<K> {
    /// So many of one kind, and so many of all.
    pub fn new(kind_max: u32, total_max: u32) -> Self {
        let (kind_max, full_second) = (AtomicU32::new(kind_max), AtomicI64::new(i64::MIN));
        Self { kind_max, total_max, full_second, counts: Mutex::new(Counts::new()) }
    }

    /// Lets through so many of one kind from now on.
    pub fn set_kind_max(&self, kind_max: u32) {
        self.kind_max.store(kind_max, Ordering::Relaxed);
    }

    /// Whether an event in this second is told, and then how many of its kind before it were not.
    pub fn admit(&self, kind: K, second: i64) -> Option<u64> {
        let kind_max = self.kind_max.load(Ordering::Relaxed);
        let counts = &mut *self.counts.lock();
        let Some(window) = counts.window(kind, second) else {
            counts.forget(1, second, second);
            return None;
        };
        let (window, total) = window;
        if window.admitted >= kind_max || total.admitted >= self.total_max {
            window.suppress(second);
            return None;
        }
        window.admitted += 1;
        total.admitted += 1;
        if window.admitted >= kind_max {
            self.full_second.fetch_max(second, Ordering::Relaxed);
        }
        Some(std::mem::take(&mut window.suppressed))
    }

    /// Counts an event that is told whatever came before it, beside those that are held up for it.
    pub fn count(&self, kind: K, second: i64) {
        let kind_max = self.kind_max.load(Ordering::Relaxed);
        let counts = &mut *self.counts.lock();
        let Some((window, _)) = counts.window(kind, second) else { return };
        window.admitted = window.admitted.saturating_add(1);
        if window.admitted >= kind_max {
            self.full_second.fetch_max(second, Ordering::Relaxed);
        }
    }

    /// Whether as many events of this kind came in this second as may: then what is held up for it is counted. Takes no
    /// lock in a second in which no kind came to its limit.
    pub fn holds_up(&self, kind: K, second: i64) -> bool {
        if self.full_second.load(Ordering::Relaxed) != second {
            return false;
        }
        let kind_max = self.kind_max.load(Ordering::Relaxed);
        let counts = &mut *self.counts.lock();
        let full = counts.kinds.get_mut(&kind);
        let full = full.filter(|window| window.second == second && window.admitted >= kind_max);
        full.map(|window| window.suppress(second)).is_some()
    }

    /// What was not let through, and was counted for some seconds: told once.
    pub fn suppressed(&self, second: i64) -> Vec<Suppressed<K>> {
        self.counts.lock().told(second, second.saturating_sub(TELL_SECONDS))
    }

    /// What was not let through so far: told once.
    pub fn take_all(&self) -> Vec<Suppressed<K>> {
        self.counts.lock().told(i64::MAX, i64::MAX)
    }
}

impl<K: Copy + Eq + Hash> Counts<K> {
    fn new() -> Self {
        Self { total: Window::default(), forgotten: None, swept_second: 0, kinds: HashMap::new() }
    }

    /// The windows of a kind and of all, where there is room for it.
    fn window(&mut self, kind: K, second: i64) -> Option<(&mut Window, &mut Window)> {
        if !self.make_room(kind, second) {
            return None;
        }
        let window = self.kinds.entry(kind).or_default();
        window.turn(second);
        self.total.turn(second);
        Some((window, &mut self.total))
    }

    /// Once a second those make room that were not seen in it.
    fn make_room(&mut self, kind: K, second: i64) -> bool {
        if self.kinds.len() < KINDS_MAX || self.kinds.contains_key(&kind) {
            return true;
        }
        if self.swept_second != second {
            self.swept_second = second;
            let gone: Vec<_> =
                self.kinds.extract_if(|_, window| window.second != second).map(|(_, gone)| gone).collect();
            for gone in gone.into_iter().filter(|gone| gone.suppressed > 0) {
                self.forget(gone.suppressed, gone.first, gone.second);
            }
        }
        self.kinds.len() < KINDS_MAX
    }

    fn forget(&mut self, count: u64, first: i64, last: i64) {
        let known = self.forgotten.take();
        self.forgotten = Some(match known {
            None => Suppressed { kind: None, count, first, last },
            Some(known) => Suppressed {
                kind: None,
                count: known.count.saturating_add(count),
                first: known.first.min(first),
                last: known.last.max(last),
            },
        });
    }

    /// Takes what was counted from this second or earlier on.
    fn told(&mut self, now: i64, first_max: i64) -> Vec<Suppressed<K>> {
        let mut told = Vec::new();
        self.kinds.retain(|kind, window| {
            if window.suppressed > 0 && window.first <= first_max {
                let (count, first, last) = (window.suppressed, window.first, window.second);
                told.push(Suppressed { kind: Some(*kind), count, first, last });
                window.suppressed = 0;
            }
            window.suppressed > 0 || now.saturating_sub(window.second) < TELL_SECONDS
        });
        told.sort_by_key(|told| (Reverse(told.count), told.first));
        for one in told.split_off(told.len().min(TOLD_MAX)) {
            self.forget(one.count, one.first, one.last);
        }
        if self.forgotten.as_ref().is_some_and(|forgotten| forgotten.first <= first_max) {
            told.extend(self.forgotten.take());
        }
        told
    }
}

impl Window {
    fn turn(&mut self, second: i64) {
        if self.second != second {
            (self.second, self.admitted) = (second, 0);
        }
    }

    fn suppress(&mut self, second: i64) {
        if self.suppressed == 0 {
            self.first = second;
        }
        self.suppressed = self.suppressed.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flood(events: &PerSecond<u32>, kind: u32, second: i64, count: u32) {
        for _ in 0..count {
            events.admit(kind, second);
        }
    }

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
        assert_eq!(events.admit(9_999, 8), Some(0), "others' counts are not its own");
        assert_eq!(events.counts.lock().kinds.len(), 1);
        let all = Suppressed { kind: None, count: 9_900, first: 7, last: 7 };
        assert_eq!(events.suppressed(16), []);
        assert_eq!(events.suppressed(17), [all], "none is lost from the count");
    }

    #[test]
    fn each_count_is_told_with_its_kind_while_the_flood_goes_on_and_when_it_is_over() {
        let events = PerSecond::<u32>::new(1, 100);
        for second in 7..=20 {
            flood(&events, 1, second, 3);
            if second == 12 {
                flood(&events, 2, second, 9);
            }
        }
        let told = |kind, count, first, last| Suppressed { kind: Some(kind), count, first, last };
        assert_eq!(events.suppressed(16), []);
        // The next that is let through of the same kind tells of those before it.
        assert_eq!(events.suppressed(22), [told(2, 8, 12, 12)]);
        assert_eq!(events.suppressed(30), [told(1, 2, 20, 20)]);
        assert_eq!((events.suppressed(31), events.take_all()), (vec![], vec![]));
        assert!(events.counts.lock().kinds.is_empty());
        flood(&events, 3, 31, 2);
        assert_eq!(events.take_all(), [told(3, 1, 31, 31)], "all that are counted, whatever their age");
    }

    #[test]
    fn of_very_many_kinds_the_largest_are_told_one_by_one() {
        let events = PerSecond::<u32>::new(0, u32::MAX);
        for kind in 1..=100 {
            flood(&events, kind, 7, kind);
        }
        let told = events.suppressed(17);
        assert_eq!(told.len(), TOLD_MAX + 1);
        assert_eq!((told[0].kind, told[0].count), (Some(100), 100));
        assert_eq!((told[TOLD_MAX].kind, told[TOLD_MAX].count), (None, (1..=36).sum()));
    }

    #[test]
    fn who_came_to_the_limit_is_held_up_until_the_next_second_and_nobody_else_is() {
        let events = PerSecond::<u32>::new(2, u32::MAX);
        assert!(!events.holds_up(1, 7));
        events.admit(1, 7);
        assert!(!events.holds_up(1, 7));
        events.admit(1, 7);
        assert!(events.holds_up(1, 7) && events.holds_up(1, 7) && !events.holds_up(2, 7));
        assert!(!events.holds_up(1, 8));
        assert_eq!(events.take_all(), [Suppressed { kind: Some(1), count: 2, first: 7, last: 7 }]);
    }
}
