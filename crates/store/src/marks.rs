//! A sparse map of the journal: positions from which reading can start without walking a whole segment.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::journal::{Lsn, Position};

const MARKS_MAX: usize = 4096;

/// Known positions, thinned out as they grow in number.
pub(crate) struct Marks(Mutex<Known>);

struct Known {
    /// By the entry that comes next.
    positions: BTreeMap<Lsn, Position>,
    /// Entries that lie between two marks, at least.
    stride: u64,
}

impl Marks {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Known { positions: BTreeMap::new(), stride: 64 }))
    }

    /// Remembers a position, unless there is one near before it, or somebody else is at it: a reader of low priority must not
    /// hold up who commits.
    pub(crate) fn add(&self, position: Position) {
        let Some(mut known) = self.0.try_lock() else { return };
        let near = known.positions.range(..=position.next).next_back();
        if near.is_some_and(|(lsn, _)| position.next.0 - lsn.0 < known.stride) {
            return;
        }
        known.positions.insert(position.next, position);
        if known.positions.len() > MARKS_MAX {
            known.stride *= 2;
            let stride = known.stride;
            let mut last = None;
            known.positions.retain(|lsn, _| {
                let keep = last.is_none_or(|last| lsn.0 - last >= stride);
                if keep {
                    last = Some(lsn.0);
                }
                keep
            });
        }
    }

    /// The last known position at or before `lsn`.
    pub(crate) fn before(&self, lsn: Lsn) -> Option<Position> {
        self.0.lock().positions.range(..=lsn).next_back().map(|(_, position)| *position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stay_bounded_and_lead_at_most_a_stride_astray() {
        let marks = Marks::new();
        let position = |next| Position { segment: Lsn(1), offset: next * 10, next: Lsn(next), hash: [0; 32] };
        (1..1_000_000).step_by(7).for_each(|next| marks.add(position(next)));
        let known = marks.0.lock();
        assert!(known.positions.len() <= MARKS_MAX);
        let stride = known.stride;
        drop(known);
        assert_eq!(marks.before(Lsn(0)), None);
        for lsn in [1, 500, 123_456, 999_999] {
            let found = marks.before(Lsn(lsn)).map(|position| position.next.0).unwrap();
            assert!(found <= lsn && lsn - found <= 2 * stride, "{lsn} {found} {stride}");
        }
    }
}
