//! Erase: destroys all keys with a tag (a data subject's, say), or all keys of the realm. One run is one entry and goes as
//! far as an entry holds; whoever asks goes on from there. Run again, it does what is left.

use std::{fmt, ops::Bound};

use super::{
    Operation, Subject,
    destroy::{destroyed, new_erasure, put_erasure, waiting, waiting_days},
};
use crate::{
    access::{Action, Permit},
    error::{Error, ErrorKind, Result},
    model::{ERASED_OBJECTS_MAX, ErasureId, Key, KeyId, ObjectId, RealmId},
    ports::store::{IndexHit, IndexRange},
    record::{IndexKind, Record, RecordKey, tag_value},
    request::{Context, Resolved, canonical},
};

/// Keys that one entry looks at, at most.
const KEYS_LOOKED_AT_MAX: usize = 4096;

/// Bytes of changed objects after which an entry takes no further one; an entry holds 8 MiB.
const CHANGED_BYTES_MAX: usize = 2 << 20;

/// Index rows that are read at a time.
const PAGE_ROWS: usize = 256;

/// Destroys many keys.
pub struct Erase {
    /// Which.
    pub scope: Scope,
    /// Without waiting periods, but for keys whose policy insists on one.
    pub at_once: bool,
    /// Where the run before ended.
    pub after: Option<IndexHit>,
}

/// The keys that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those with this tag.
    Tag {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// All of the caller's realm, which has this name.
    Realm(String),
}

/// What one run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// What is left to do; `None`: nothing was destroyed at once.
    pub erasure: Option<ErasureId>,
    /// Keys of which something was destroyed or made to wait, and nothing is left to do.
    pub keys: usize,
    /// Objects that were destroyed.
    pub destroyed: usize,
    /// Objects that wait for their destruction from now on.
    pub waiting: usize,
    /// Where the next run goes on, which may be within a key.
    pub next: Option<IndexHit>,
    /// There is more to do.
    pub more: bool,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag { name, value } => write!(f, "tag {name}={value}"),
            Self::Realm(name) => write!(f, "realm {name}"),
        }
    }
}

impl Operation for Erase {
    type Reply = Erased;

    fn action(&self) -> Action {
        Action::Erase
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, permit: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Erased> {
        context.note_target(&self.scope.to_string());
        let range = self.range(permit.realm(), context)?;
        let mut run =
            Run { id: new_erasure(context)?, bytes: 0, objects: Vec::new(), done: Erased::default() };
        run.done.next = self.walk(context, &range, &mut run)?;
        let Run { id, objects, mut done, .. } = run;
        done.destroyed = objects.len();
        context
            .note_detail(format!("{} keys, {} objects, {} waiting", done.keys, done.destroyed, done.waiting));
        if !objects.is_empty() {
            put_erasure(context, id, self.scope.to_string(), &objects)?;
            done.erasure = Some(id);
        }
        Ok(done)
    }
}

/// One entry in the making.
struct Run {
    id: ErasureId,
    bytes: usize,
    /// Objects that are destroyed.
    objects: Vec<ObjectId>,
    done: Erased,
}

impl Run {
    /// INVARIANT: true of a run that has changed nothing yet: each run gets on, within a key that no entry holds whole too.
    fn has_room(&self) -> bool {
        self.bytes < CHANGED_BYTES_MAX && self.objects.len() < ERASED_OBJECTS_MAX
    }
}

impl Erase {
    fn range(&self, realm: RealmId, context: &mut Context<'_>) -> Result<IndexRange> {
        match &self.scope {
            Scope::Tag { name, value } => {
                let value = tag_value(name, value);
                let (from, to) = (Bound::Included(value.clone()), Bound::Included(value));
                Ok(IndexRange { realm, kind: IndexKind::KeyTag, from, to })
            }
            Scope::Realm(name) => match context.get(RecordKey::Realm(realm))?.as_deref() {
                Some(Record::Realm(found)) if found.name == *name => {
                    let (from, to) = (Bound::Unbounded, Bound::Unbounded);
                    Ok(IndexRange { realm, kind: IndexKind::KeyByName, from, to })
                }
                _ => Err(Error::not_found("realm")),
            },
        }
    }

    /// Goes through the keys as far as the entry holds; where the next one goes on.
    fn walk(&self, context: &mut Context<'_>, range: &IndexRange, run: &mut Run) -> Result<Option<IndexHit>> {
        let (mut after, mut looked_at) = (self.after.clone(), 0);
        loop {
            let hits = context.find(range, after.as_ref(), PAGE_ROWS)?;
            let last = hits.len() < PAGE_ROWS;
            for hit in hits {
                let key = match context.key(KeyId(hit.id)) {
                    Ok(key) => Some(key),
                    Err(error) if error.kind() == ErrorKind::NotFound => None,
                    Err(error) => return Err(error),
                };
                if let Some(key) = key.filter(|key| self.means(key)) {
                    if looked_at == KEYS_LOOKED_AT_MAX || !self.take(context, &key, run)? {
                        run.done.more = true;
                        return Ok(after);
                    }
                    looked_at += 1;
                }
                after = Some(hit);
            }
            if last {
                return Ok(None);
            }
        }
    }

    /// An index may cut what it holds: the key decides.
    fn means(&self, key: &Key) -> bool {
        match &self.scope {
            Scope::Tag { name, value } => key.tags.get(name) == Some(value),
            Scope::Realm(_) => true,
        }
    }

    /// Takes what is left of the key; false where the entry holds no more of it.
    fn take(&self, context: &mut Context<'_>, key: &Key, run: &mut Run) -> Result<bool> {
        let (now, before) = (context.now(), (run.objects.len(), run.done.waiting));
        let days = waiting_days(context, key, self.at_once)?;
        for id in key.objects() {
            let object = context.object(id)?;
            if object.state.is_destroyed() || days > 0 && object.dates.destruction.is_some() {
                continue;
            }
            if !run.has_room() {
                return Ok(false);
            }
            context.hold(&object);
            run.bytes += canonical(&object)?.len();
            if days > 0 {
                context.put_changed(waiting(&object, days, now))?;
                run.done.waiting += 1;
            } else {
                context.put_changed(destroyed(&object, run.id, true, now)?)?;
                run.objects.push(id);
            }
        }
        run.done.keys += usize::from(before != (run.objects.len(), run.done.waiting));
        Ok(true)
    }
}
