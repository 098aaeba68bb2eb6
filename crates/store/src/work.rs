//! What an open store is at that takes long, and how far it has come, for whoever asks meanwhile. Not here: the work, and
//! what is done before a store is open (rebuild).

use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkKind {
    /// A backup is made.
    Backup,
    /// A restore is tried.
    Drill,
    /// A target is pruned.
    Prune,
    /// The journal is verified.
    VerifyJournal,
}

/// How far one piece of work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Work {
    /// What is done.
    pub kind: WorkKind,
    /// The part that is done now, in words.
    pub doing: &'static str,
    /// How many of that part are done.
    pub done: u64,
    /// Of how many, where that is known.
    pub total: Option<u64>,
}

/// All that is under way.
#[derive(Default)]
pub(crate) struct Works(Mutex<Vec<Arc<Mutex<Work>>>>);

/// One piece of work, which ends when this is dropped.
pub(crate) struct Working<'a> {
    works: &'a Works,
    work: Arc<Mutex<Work>>,
}

impl Works {
    /// Begins one.
    pub(crate) fn begin(&self, kind: WorkKind) -> Working<'_> {
        let work = Arc::new(Mutex::new(Work { kind, doing: "beginning", done: 0, total: None }));
        self.0.lock().push(work.clone());
        Working { works: self, work }
    }

    /// What is under way now, the oldest first.
    pub(crate) fn now(&self) -> Vec<Work> {
        self.0.lock().iter().map(|work| *work.lock()).collect()
    }
}

impl Working<'_> {
    /// It has come so far.
    pub(crate) fn tell(&self, doing: &'static str, done: u64, total: Option<u64>) {
        let mut work = self.work.lock();
        *work = Work { doing, done, total, ..*work };
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.works.0.lock().retain(|work| !Arc::ptr_eq(work, &self.work));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_is_told_until_it_ends() {
        let works = Works::default();
        let (backup, drill) = (works.begin(WorkKind::Backup), works.begin(WorkKind::Drill));
        backup.tell("writing rows", 7, Some(9));
        let told = Work { kind: WorkKind::Backup, doing: "writing rows", done: 7, total: Some(9) };
        assert_eq!((works.now()[0], works.now()[1].kind), (told, WorkKind::Drill));
        drop(backup);
        assert_eq!(works.now().len(), 1);
        drop(drill);
        assert!(works.now().is_empty());
    }
}
