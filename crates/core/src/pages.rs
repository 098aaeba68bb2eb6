//! Where searches ended that were answered in part, so that the page behind goes on there and is not counted out from the
//! beginning. Not here: searching.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::{model::Time, ports::store::IndexHit};

/// Searches that are remembered, of all callers.
const ENDS_MAX: usize = 256;
/// How long.
const END_MS_MAX: i64 = 5 * 60 * 1000;

/// The newest ends. A search that is not remembered is only slower.
#[derive(Default)]
pub(crate) struct Pages(Mutex<VecDeque<End>>);

/// Where one page ended.
struct End {
    /// Hash of who searched, and for what.
    search: [u8; 32],
    /// How many had matched by then.
    matched: usize,
    /// The row that was looked at last.
    last: IndexHit,
    at: Time,
}

impl Pages {
    /// The row behind which the object number `matched` of a search is found.
    pub(crate) fn end(&self, search: &[u8; 32], matched: usize, now: Time) -> Option<IndexHit> {
        let ends = self.0.lock();
        let is_fresh = |end: &&End| now.0.saturating_sub(end.at.0) <= END_MS_MAX;
        let mut ends = ends.iter().filter(is_fresh);
        Some(ends.find(|end| end.search == *search && end.matched == matched)?.last.clone())
    }

    /// Remembers where a page ended.
    pub(crate) fn keep(&self, search: [u8; 32], matched: usize, last: IndexHit, at: Time) {
        let mut ends = self.0.lock();
        ends.retain(|end| end.search != search || end.matched != matched);
        ends.truncate(ENDS_MAX - 1);
        ends.push_front(End { search, matched, last, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ends_are_found_until_they_are_old() {
        let hit = |id| IndexHit { value: Vec::new(), id: uuid::Uuid::from_u128(id) };
        let pages = Pages::default();
        pages.keep([1; 32], 10, hit(1), Time(0));
        pages.keep([1; 32], 20, hit(2), Time(0));
        pages.keep([1; 32], 10, hit(3), Time(5));
        assert_eq!(pages.end(&[1; 32], 10, Time(5)), Some(hit(3)));
        assert_eq!(pages.end(&[1; 32], 20, Time(5)), Some(hit(2)));
        assert_eq!(pages.end(&[1; 32], 30, Time(5)), None);
        assert_eq!(pages.end(&[2; 32], 10, Time(5)), None, "another search");
        assert_eq!(pages.end(&[1; 32], 20, Time(END_MS_MAX + 1)), None, "too old");
        for number in 0..ENDS_MAX {
            pages.keep([3; 32], number, hit(4), Time(6));
        }
        assert_eq!(pages.end(&[1; 32], 10, Time(6)), None, "newer ones came");
        assert_eq!(pages.0.lock().len(), ENDS_MAX);
    }
}
