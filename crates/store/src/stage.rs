//! What the commit thread decides for each entry, in order: whether what was read still holds; and what readers and
//! index get to know once the entry is durable.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crossbeam_channel::Sender;
use keyreeve_core::{
    model::{Lsn, ObjectId, Time},
    ports::{
        clock::Clock,
        store::{Committed, DrawnIds},
    },
    record::{Change, RecordKey},
};

use crate::{
    failure::Failure,
    feed::Watchers,
    index::{Index, applier::Message, encoding::EncodedEntry, uses::Use},
    journal,
    marks::Marks,
    root,
    sealing::RootKey,
};

/// Changed keys that are remembered; reads from before the oldest of them are stale.
const RECENT_CHANGES_MAX: usize = 65_536;
/// Entries without changes after which the index is told how far the journal has come.
const UNTOLD_ENTRIES_MAX: u64 = 4096;

/// A commit, encoded but for its position.
pub(crate) struct Prepared {
    pub(crate) as_of: Lsn,
    pub(crate) reads: Vec<RecordKey>,
    pub(crate) valid_until: Option<Time>,
    pub(crate) drawn: DrawnIds,
    pub(crate) entry: EncodedEntry,
    pub(crate) changes: Vec<Change>,
    /// The use that the entry is, where it is one.
    pub(crate) used: Option<Use>,
    /// Whether it goes on where the disk is full.
    pub(crate) urgent: bool,
}

/// The stage of the store's committer.
pub(crate) struct StoreStage {
    pub(crate) root: RootKey,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) index: Arc<Index>,
    pub(crate) applier: Sender<Message>,
    pub(crate) failure: Arc<Failure>,
    pub(crate) published: Arc<AtomicU64>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) marks: Arc<Marks>,
    pub(crate) recent: Recent,
    /// Changes of entries that are written but not yet durable.
    pub(crate) staged: Vec<(Lsn, Vec<Change>, DrawnIds)>,
    /// Uses in these entries.
    pub(crate) staged_uses: Vec<(Lsn, Use)>,
    /// Units of usage limits that these entries use up.
    pub(crate) staged_spent: HashMap<ObjectId, u64>,
    /// The last entry that the applier knows of.
    pub(crate) told: u64,
}

impl journal::Stage for StoreStage {
    type Request = Prepared;
    type Reply = Committed;

    fn demand(request: &Prepared) -> journal::Demand {
        journal::Demand { bytes: request.entry.len(), urgent: request.urgent }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().0).unwrap_or(0)
    }

    fn stage(
        &mut self,
        lsn: journal::Lsn,
        time_ms: u64,
        request: Prepared,
        entry: &mut Vec<u8>,
    ) -> Result<Committed, Committed> {
        let expired = request.valid_until.is_some_and(|until| i128::from(until.0) <= i128::from(time_ms));
        // Once the index has failed, nothing more may be promised; the caller sees the failure.
        let outdated = root::is_outdated(&self.root, &request.changes);
        if expired
            || outdated
            || self.recent.moved(request.as_of, &request.reads)
            || self.failure.check().is_err()
            || !self.spend(&request.changes)
        {
            return Err(Committed::Stale);
        }
        let lsn = Lsn(lsn.0);
        request.entry.write(lsn, entry);
        self.staged_uses.extend(request.used.map(|used| (lsn, used)));
        if !request.changes.is_empty() {
            self.recent
                .record(lsn, request.changes.iter().filter(|change| !change.commutes()).map(Change::key));
            self.staged.push((lsn, request.changes, request.drawn));
        }
        Ok(Committed::Done(lsn))
    }

    fn publish(&mut self, committed: &journal::Committed) {
        let mut published = Vec::with_capacity(self.staged.len());
        for (lsn, changes, drawn) in self.staged.drain(..) {
            match self.index.publish(lsn, changes, &drawn) {
                Ok(one) => published.push(one),
                Err(error) => return self.failure.report(format!("entry {lsn} cannot be indexed: {error}")),
            }
        }
        // Published by now: what is asked for next is measured by the counters.
        self.staged_spent.clear();
        self.index.uses.add(self.staged_uses.drain(..));
        self.marks.add(committed.end);
        self.published.store(committed.last.0, Ordering::Release);
        self.watchers.wake();
        if !published.is_empty() || committed.last.0 - self.told >= UNTOLD_ENTRIES_MAX {
            self.told = committed.last.0;
            if self.applier.send(Message::new(&self.index, published, committed.end)).is_err() {
                self.failure.report("the index has stopped".into());
            }
        }
    }

    fn discard(&mut self) {
        self.staged.clear();
        self.staged_uses.clear();
        self.staged_spent.clear();
    }
}

impl StoreStage {
    /// Uses up the units of usage limits that the changes ask for; false, and nothing is used up, where fewer are left.
    ///
    /// INVARIANT: a request that is refused here runs again after the entries that were in its way are published, and sees
    /// by itself that too little is left: that failure then goes on record. The limits themselves are as the request read
    /// them, or it is stale.
    fn spend(&mut self, changes: &[Change]) -> bool {
        let mut wanted: Vec<(ObjectId, u64)> = Vec::new();
        for change in changes {
            let Change::Spent { object, units, of } = change else { continue };
            let own: u64 = wanted.iter().filter(|(known, _)| known == object).map(|(_, units)| units).sum();
            let staged = self.staged_spent.get(object).copied().unwrap_or(0);
            // What cannot be read, the request cannot read either, and says so.
            let Ok(counts) = self.index.counts(*object) else { return false };
            let spent = counts.spent.saturating_add(staged).saturating_add(own);
            if *units > of.saturating_sub(spent) {
                return false;
            }
            wanted.push((*object, *units));
        }
        for (object, units) in wanted {
            *self.staged_spent.entry(object).or_default() += units;
        }
        true
    }
}

/// When keys changed last, for the newest changes.
pub(crate) struct Recent {
    changed: HashMap<RecordKey, Lsn>,
    order: VecDeque<(Lsn, RecordKey)>,
    /// INVARIANT: every change after this position is in `changed`.
    horizon: Lsn,
    changes_max: usize,
}

impl Recent {
    /// Knows nothing of changes up to `horizon`.
    pub(crate) fn new(horizon: Lsn) -> Self {
        Self { changed: HashMap::new(), order: VecDeque::new(), horizon, changes_max: RECENT_CHANGES_MAX }
    }

    /// True where one of `reads` changed after `as_of`, or may have.
    fn moved(&self, as_of: Lsn, reads: &[RecordKey]) -> bool {
        let changed_later = |key| self.changed.get(key).is_some_and(|lsn| *lsn > as_of);
        !reads.is_empty() && (as_of < self.horizon || reads.iter().any(changed_later))
    }

    fn record(&mut self, lsn: Lsn, keys: impl Iterator<Item = RecordKey>) {
        for key in keys {
            self.changed.insert(key.clone(), lsn);
            self.order.push_back((lsn, key));
        }
        while self.order.len() > self.changes_max
            && let Some((lsn, key)) = self.order.pop_front()
        {
            self.horizon = lsn;
            if self.changed.get(&key) == Some(&lsn) {
                self.changed.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> RecordKey {
        RecordKey::Server(name.into())
    }

    #[test]
    fn a_read_is_stale_once_its_key_changed_after_it() {
        let mut recent = Recent::new(Lsn(10));
        recent.record(Lsn(11), [key("a")].into_iter());
        assert!(recent.moved(Lsn(10), &[key("b"), key("a")]));
        assert!(!recent.moved(Lsn(11), &[key("a")]));
        assert!(!recent.moved(Lsn(10), &[key("b")]));
        assert!(recent.moved(Lsn(9), &[key("b")]), "before the horizon nothing is known");
        assert!(!recent.moved(Lsn(9), &[]), "who read nothing is never stale");
    }

    #[test]
    fn forgotten_changes_move_the_horizon() {
        let mut recent = Recent::new(Lsn(0));
        recent.changes_max = 2;
        recent.record(Lsn(1), [key("a")].into_iter());
        recent.record(Lsn(2), [key("a")].into_iter());
        recent.record(Lsn(3), [key("b")].into_iter());
        assert_eq!((recent.horizon, recent.changed.len()), (Lsn(1), 2));
        assert!(recent.moved(Lsn(0), &[key("c")]));
        assert!(recent.moved(Lsn(1), &[key("a")]), "its later change is still known");
        recent.record(Lsn(4), [key("b")].into_iter());
        assert_eq!((recent.horizon, recent.changed.len()), (Lsn(2), 1));
    }
}
