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
    error::Result,
    model::{ObjectId, RealmId, Time},
    ports::store::{IndexHit, IndexRange, Store},
    record::{IndexKind, sortable},
    request::{Context, Reference, Resolved},
};

/// Rotates one object whose time has come.
pub struct Rotate {
    /// A symmetric key, or the private key of a pair.
    pub object: ObjectId,
}

impl Rotate {
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
