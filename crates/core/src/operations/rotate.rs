//! Rotate: the successor that Rotate Automatic asks the server for, once the Rotate Interval is over. One rotation an entry,
//! and one successor however long the server was down: the next interval begins with it.
//!
//! # Standard
//! KMIP 2.1 sections 4.48, 4.51 and 4.54; the successor is that of section 6.1.46 (Re-key) and 6.1.47 (Re-key Key Pair).

use std::ops::Bound;

use super::{
    Activation, Operation, Subject,
    create::Created,
    rekey::{Rekey, dated_as, generate},
};
use crate::{
    access::{Action, Permit},
    attributes::{next_rotation, rotation_intervals},
    engine::Engine,
    error::Result,
    model::{KeyId, ManagedObject, ObjectId, RealmId, Time},
    policy,
    ports::store::{IndexHit, IndexRange, Store},
    record::{IndexKind, Record, RecordKey, sortable},
    request::{
        Context, Reference, Resolved,
        policy::{rotating, rotation_days},
    },
};

/// Rotates one object whose time has come.
pub struct Rotate {
    /// A symmetric key, or the private key of a pair.
    pub object: ObjectId,
}

impl Rotate {
    /// When the server rotates the object by itself; `None`: it does not.
    pub fn due_at(object: &ManagedObject) -> Option<Time> {
        next_rotation(object)
    }

    /// Objects that are due, the longest due first: at most `limit` of those behind `behind`. Looked up without an entry, so
    /// that an idle server writes nothing.
    ///
    /// # Errors
    /// The store's.
    pub fn due(
        store: &dyn Store,
        now: Time,
        behind: Option<&IndexHit>,
        limit: usize,
    ) -> Result<Vec<IndexHit>> {
        let to = Bound::Included(sortable(now.0).to_vec());
        let range =
            IndexRange { realm: RealmId::DEFAULT, kind: IndexKind::Rotation, from: Bound::Unbounded, to };
        store.find(&range, behind, limit)
    }
}

/// Gives the newest version of a key the rotation that policies want which were attached to its tags or its realm: the server's
/// own doing, after each change of policies.
pub struct AdoptRotation {
    /// The key.
    pub key: KeyId,
}

impl AdoptRotation {
    /// The revision of a realm's policies; 0: it has none of its own.
    ///
    /// # Errors
    /// The store's; `Internal` where they cannot be read.
    pub fn revision(engine: &Engine, realm: RealmId) -> Result<u64> {
        let record = engine.store().get(&policy::address(realm))?;
        Ok(engine.policies().ready(realm, record.as_deref())?.revision())
    }

    /// Of a page of the realm's keys behind `behind` those whose newest version lacks a rotation that is wanted, and where the next
    /// page begins. Looked up without an entry.
    ///
    /// # Errors
    /// The store's; `Internal` where policies cannot be read.
    pub fn wanted(
        engine: &Engine,
        realm: RealmId,
        behind: Option<&IndexHit>,
        limit: usize,
    ) -> Result<(Vec<KeyId>, Option<IndexHit>)> {
        let store = engine.store();
        let ready = engine.policies().ready(realm, store.get(&policy::address(realm))?.as_deref())?;
        let (from, to) = (Bound::Unbounded, Bound::Unbounded);
        let page = store.find(&IndexRange { realm, kind: IndexKind::KeyByName, from, to }, behind, limit)?;
        let mut wanted = Vec::new();
        for hit in &page {
            let record = store.get(&RecordKey::Key(KeyId(hit.id)))?;
            let Some(Record::Key(key)) = record.as_deref() else { continue };
            let Some(days) = rotation_days(&ready, key.id, &key.tags) else { continue };
            let Some(latest) = key.latest() else { continue };
            if let Some(Record::Object(object)) = store.get(&RecordKey::Object(latest.primary))?.as_deref()
                && rotating(object, days).is_some()
            {
                wanted.push(key.id);
            }
        }
        let next = page.into_iter().next_back().filter(|_| limit > 0);
        Ok((wanted, next))
    }
}

impl Operation for AdoptRotation {
    type Reply = ();

    fn action(&self) -> Action {
        Action::Rotate
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        let key = context.key(self.key)?;
        context.note(key.id, key.latest().map(|latest| latest.primary));
        context.note_detail("not yet: from now on it is rotated as its policies want");
        context.rotate_newest_by_policy(&key)
    }
}

impl Operation for Rotate {
    type Reply = Option<Created>;

    fn action(&self) -> Action {
        Action::Rotate
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn takes_long(&self) -> bool {
        true
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Option<Created>> {
        let (now, object) = (context.now(), context.object(self.object)?);
        context.note(object.key, Some(object.id));
        if next_rotation(&object).is_none_or(|due| due > now) {
            context.note_detail("it is not due any more");
            return Ok(None);
        }
        let [interval, offset] = rotation_intervals(&object);
        let detail = format!("{} is over its Rotate Interval of {} s", object.id, interval.unwrap_or(0));
        context.note_detail(detail);
        let activation = offset.map(|seconds| Activation::At(now.plus_seconds(seconds)));
        let key = context.key(object.key)?;
        let public = key.latest().and_then(|latest| latest.public);
        let public = public.map(|id| context.object(id)).transpose()?;
        let rekey = Rekey {
            key: Reference::Object(object.id),
            activation,
            template: dated_as(None, activation, &object.dates, now),
            public: public.and_then(|public| dated_as(None, activation, &public.dates, now)),
        };
        let created = generate(context, &Resolved { key, object: Some(object.id) }, &rekey)?;
        Ok(Some(created))
    }
}
