//! Apply dates: record the moves that dates have made, and destroy what has waited for it. States are right without it
//! (`lifecycle::state_at`); it keeps the recorded state, and so the index, close behind.

use std::{collections::BTreeMap, ops::Bound};

use super::{
    Operation, Subject,
    destroy::{destroyed, new_erasure, put_erasure},
};
use crate::{
    access::{Action, Permit},
    error::{ErrorKind, Result},
    lifecycle,
    model::{ErasureId, KeyId, ManagedObject, ObjectId},
    ports::store::{IndexHit, IndexRange, Store},
    record::{IndexKind, sortable},
    request::{Context, Resolved},
};

/// Objects moved in one entry at most: few enough for the largest objects to fit one entry.
const MOVED_MAX: usize = 16;
/// Pages of as many that are looked at for them: damaged objects stay due, and lie before others.
const PAGES_MAX: usize = 256;

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
        let (mut moved, mut failed, mut ended) = (0, Vec::new(), Ended::new());
        let mut after: Option<IndexHit> = None;
        for _ in 0..PAGES_MAX {
            let wanted = MOVED_MAX - moved;
            let hits = context.find(&due(now), after.as_ref(), wanted)?;
            for hit in &hits {
                // One damaged object must not keep all others from moving.
                match move_object(context, ObjectId(hit.id), &mut ended) {
                    Ok(true) => moved += 1,
                    Ok(false) => {}
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
                    Err(error) => failed.push(format!("{}: {error}", ObjectId(hit.id))),
                }
            }
            if moved == MOVED_MAX || hits.len() < wanted {
                break;
            }
            after = hits.last().cloned();
        }
        for (key, (erasure, objects)) in ended {
            let scope = format!("key {}", context.key(key)?.name);
            put_erasure(context, erasure, scope, &objects)?;
        }
        for failure in &failed {
            tracing::error!(%failure, "an object cannot be moved by its dates");
        }
        context.note_detail(format!("{moved} objects moved by their dates, {} could not be", failed.len()));
        Ok(moved)
    }
}

/// Keys of which a waiting period has ended: their erasures, and the objects that are destroyed now.
type Ended = BTreeMap<KeyId, (ErasureId, Vec<ObjectId>)>;

/// Records what the dates of one object have made of it, if anything.
fn move_object(context: &mut Context<'_>, id: ObjectId, ended: &mut Ended) -> Result<bool> {
    let (now, object) = (context.now(), &*context.object(id)?);
    if object.dates.destruction.is_some_and(|date| date <= now) {
        // Its name is needed in the end, and must not fail for all then.
        context.key(object.key)?;
        let erasure = match ended.get(&object.key) {
            Some((erasure, _)) => *erasure,
            None => new_erasure(context)?,
        };
        context.put_changed(destroyed(object, erasure, true, now)?)?;
        ended.entry(object.key).or_insert_with(|| (erasure, Vec::new())).1.push(object.id);
        return Ok(true);
    }
    let state = lifecycle::state_at(object, now);
    if state == object.state {
        return Ok(false);
    }
    context.put_changed(ManagedObject { state, ..object.clone() })?;
    Ok(true)
}

fn due(now: crate::model::Time) -> IndexRange {
    IndexRange {
        realm: crate::model::RealmId::DEFAULT,
        kind: IndexKind::Due,
        from: Bound::Unbounded,
        to: Bound::Included(sortable(now.0).to_vec()),
    }
}
