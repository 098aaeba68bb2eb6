//! How often objects served, of entries that the engine does not count yet. The rest stands in the engine, one row an
//! object, which the applier brings up to date. No entry changes these rows: they follow from all entries.

use std::{collections::HashMap, sync::Arc};

use keyreeve_core::model::{Lsn, ObjectId, Time, UseKind, Uses};
use parking_lot::Mutex;

/// Uses of a run of entries, by object.
pub(crate) type Tally = HashMap<ObjectId, Uses>;

/// One use, as an entry tells it.
pub(crate) type Use = (ObjectId, UseKind, Time);

/// The tallies on their way to the engine.
#[derive(Default)]
pub(crate) struct Pending(Mutex<Tallies>);

#[derive(Default)]
struct Tallies {
    /// Of entries that the applier does not know of yet. Bounded by how many entries it is not told of.
    newest: Tally,
    /// What the applier has and the engine has not. Bounded by the applier's queue.
    handed: Vec<Arc<Tally>>,
}

impl Pending {
    /// Counts durable uses, in the order of their entries.
    pub(crate) fn add(&self, uses: impl IntoIterator<Item = (Lsn, Use)>) {
        let mut uses = uses.into_iter().peekable();
        // Most entries of a busy server are uses, but a quiet start or a restore has none.
        if uses.peek().is_none() {
            return;
        }
        let mut tallies = self.0.lock();
        for (lsn, (object, kind, time)) in uses {
            add(&mut tallies.newest, &Uses::one(object, kind, time, lsn));
        }
    }

    /// What was added since the last time, for the applier; it goes on being seen here until it is forgotten.
    pub(super) fn hand_over(&self) -> Option<Arc<Tally>> {
        let mut tallies = self.0.lock();
        if tallies.newest.is_empty() {
            return None;
        }
        let tally = Arc::new(std::mem::take(&mut tallies.newest));
        tallies.handed.push(tally.clone());
        Some(tally)
    }

    /// The engine has the first so many of those that were handed over.
    pub(super) fn forget(&self, count: usize) {
        drop(self.0.lock().handed.drain(..count));
    }

    /// An object's uses that the engine may lack, oldest first.
    pub(super) fn of(&self, object: ObjectId) -> Vec<Uses> {
        let tallies = self.0.lock();
        let all = tallies.handed.iter().map(|tally| &**tally).chain([&tallies.newest]);
        all.filter_map(|tally| tally.get(&object).copied()).collect()
    }
}

/// Adds uses of one object to a tally.
pub(crate) fn add(tally: &mut Tally, uses: &Uses) {
    tally.entry(uses.object).and_modify(|known| known.add(uses)).or_insert(*uses);
}

/// The uses in a row with later ones.
///
/// INVARIANT: a tally is applied as a whole, so that a row that has reached its last entry has all of it: whoever reads
/// tallies first and the row after counts nothing twice.
pub(crate) fn total(row: Option<Uses>, pending: impl IntoIterator<Item = Uses>) -> Option<Uses> {
    pending.into_iter().fold(row, |total, uses| match total {
        None => Some(uses),
        Some(total) if uses.lsn <= total.lsn => Some(total),
        Some(mut total) => {
            total.add(&uses);
            Some(total)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(number: u128) -> ObjectId {
        ObjectId(uuid::Uuid::from_u128(number))
    }

    fn used(lsn: u64, number: u128, kind: UseKind) -> (Lsn, Use) {
        (Lsn(lsn), (object(number), kind, Time(lsn as i64 * 10)))
    }

    #[test]
    fn uses_are_seen_once_wherever_they_are() {
        let pending = Pending::default();
        assert!(pending.hand_over().is_none());
        pending.add([used(1, 1, UseKind::Protect), used(2, 2, UseKind::Protect)]);
        pending.add([used(3, 1, UseKind::Process)]);
        let first = pending.hand_over().unwrap();
        pending.add([used(4, 1, UseKind::Protect)]);
        let seen = |row| total(row, pending.of(object(1)));
        let all =
            Uses { object: object(1), protect: 2, process: 1, first: Time(10), last: Time(40), lsn: Lsn(4) };
        assert_eq!(seen(None), Some(all));
        // Applied and not forgotten yet, and then forgotten.
        let row = first.get(&object(1)).copied();
        assert_eq!(seen(row), Some(all));
        pending.forget(1);
        assert_eq!(total(row, pending.of(object(1))), Some(all));
        // Read before the applier wrote the row that holds them all.
        let before = pending.of(object(1));
        assert_eq!(total(Some(all), before), Some(all));
        assert_eq!(total(None, pending.of(object(2))), None);
    }
}
