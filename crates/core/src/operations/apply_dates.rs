//! Apply dates: record the moves that dates have made. States are right without it (`lifecycle::state_at`); it keeps
//! the recorded state, and so the index, close behind.

use std::ops::Bound;

use super::{Operation, Subject};
use crate::{
    access::{Action, Permit},
    error::{ErrorKind, Result},
    lifecycle,
    model::{ManagedObject, ObjectId},
    ports::store::{IndexRange, Store},
    record::{IndexKind, sortable},
    request::{Context, Resolved},
};

/// Objects moved in one entry at most: few enough for the largest objects to fit one entry.
const MOVED_MAX: usize = 16;

/// Moves the objects whose dates have come.
pub struct ApplyDates;

impl ApplyDates {
    /// True where something is due: looked up without an entry, so that an idle server writes nothing.
    ///
    /// # Errors
    /// The store's.
    pub fn is_due(store: &dyn Store, now: crate::model::Time) -> Result<bool> {
        Ok(!store.find(&due(now), None, 1)?.is_empty())
    }
}

impl Operation for ApplyDates {
    /// How many moved.
    type Reply = usize;

    fn action(&self) -> Action {
        Action::ApplyDates
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<usize> {
        let now = context.now();
        let (mut moved, mut failed) = (0, Vec::new());
        for hit in context.find(&due(now), None, MOVED_MAX)? {
            let object = match context.object(ObjectId(hit.id)) {
                Ok(object) => object,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let state = lifecycle::state_at(&object, now);
            if state == object.state {
                continue;
            }
            // One damaged object must not keep all others from moving.
            match context.put_changed(ManagedObject { state, ..ManagedObject::clone(&object) }) {
                Ok(_) => moved += 1,
                Err(error) => failed.push(format!("{}: {error}", object.id)),
            }
        }
        for failure in &failed {
            tracing::error!(%failure, "an object cannot be moved by its dates");
        }
        context.note_detail(format!("{moved} objects moved by their dates, {} could not be", failed.len()));
        Ok(moved)
    }
}

fn due(now: crate::model::Time) -> IndexRange {
    IndexRange {
        realm: crate::model::RealmId::DEFAULT,
        kind: IndexKind::Due,
        from: Bound::Unbounded,
        to: Bound::Included(sortable(now.0).to_vec()),
    }
}
