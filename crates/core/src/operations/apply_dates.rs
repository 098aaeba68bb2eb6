//! Apply dates: record the moves that dates have made, and destroy what has waited for it. States are right without it
//! (`lifecycle::state_at`); it keeps the recorded state, and so the index, close behind. One run is about one realm.

use std::{collections::BTreeMap, ops::Bound};

use super::{
    Operation, Subject,
    destroy::{destroyed, new_erasure, put_erasure},
};
use crate::{
    access::{Action, Permit},
    error::{ErrorKind, Result},
    lifecycle,
    model::{ErasureId, KeyId, ManagedObject, ObjectId, RealmId, Time},
    ports::store::{IndexHit, IndexRange, Store},
    record::{IndexKind, sortable},
    request::{Context, Resolved},
};

/// Objects moved in one entry at most: few enough for the largest objects to fit one entry.
const MOVED_MAX: usize = 16;
/// Pages of as many that are looked at for them in one entry: damaged objects stay due, and lie before others.
const PAGES_MAX: usize = 256;

/// Moves the objects whose dates have come: a few of them at a time, from the first that is due or behind another one.
#[derive(Default)]
pub struct ApplyDates {
    /// Where [`Applied::behind`] said that there is more; `None`: from the first.
    pub behind: Option<IndexHit>,
}

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub struct Applied {
    /// How many objects were moved.
    pub moved: usize,
    /// The last that was looked at; `None`: all that are due were.
    pub behind: Option<IndexHit>,
}

impl ApplyDates {
    /// True where something of the realm is due: looked up without an entry, so that an idle server writes nothing.
    ///
    /// # Errors
    /// The store's.
    pub fn is_due(store: &dyn Store, realm: RealmId, now: Time) -> Result<bool> {
        Ok(!store.find(&due(realm, now), None, 1)?.is_empty())
    }
}

impl Operation for ApplyDates {
    type Reply = Applied;

    fn action(&self) -> Action {
        Action::ApplyDates
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Applied> {
        let now = context.now();
        let (mut moved, mut failed, mut ended) = (0, Vec::new(), Ended::new());
        let mut behind = self.behind.clone();
        for _ in 0..PAGES_MAX {
            let wanted = MOVED_MAX - moved;
            let hits = context.find(&due(context.realm(), now), behind.as_ref(), wanted)?;
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
            behind = hits.last().filter(|_| hits.len() == wanted).cloned();
            if moved == MOVED_MAX || behind.is_none() {
                break;
            }
        }
        for (key, (erasure, objects)) in ended {
            let scope = format!("key {}", context.key(key)?.name);
            put_erasure(context, erasure, scope, &objects)?;
        }
        for failure in &failed {
            tracing::error!(%failure, "an object cannot be moved by its dates");
        }
        context.note_detail(format!("{moved} objects moved by their dates, {} could not be", failed.len()));
        Ok(Applied { moved, behind })
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

fn due(realm: RealmId, now: Time) -> IndexRange {
    IndexRange {
        realm,
        kind: IndexKind::Due,
        from: Bound::Unbounded,
        to: Bound::Included(sortable(now.0).to_vec()),
    }
}
