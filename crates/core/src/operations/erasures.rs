//! Erasures: how far the destruction of what was asked for has come, and its certificate once it is complete.

use std::{collections::BTreeSet, ops::Bound, sync::Arc};

use super::{Operation, Subject, realms, subject};
use crate::{
    access::{Action, Permit},
    engine::damaged,
    error::{Error, Result},
    model::{Erasure, ErasureId, Place, RealmId, StoredCertificate, Time},
    ports::store::{IndexHit, IndexRange},
    record::{IndexKind, Record, RecordKey},
    request::{Context, Reference, Resolved},
};

/// Erasures in one page at most.
pub const PAGE_ERASURES_MAX: usize = 1000;

/// Shows one erasure of the caller's realm.
pub struct ShowErasure {
    /// Which.
    pub id: ErasureId,
}

/// Lists the erasures of the caller's realm that are not complete, oldest first.
pub struct ListErasures {
    /// Where the page before ended.
    pub after: Option<IndexHit>,
    /// Erasures in this page at most, 1 to `PAGE_ERASURES_MAX`.
    pub limit: usize,
}

/// Shows how far the destruction of a key has come: open to all who may see the key.
pub struct ShowDestruction {
    /// Key or object.
    pub key: Reference,
}

/// How far an erasure has come.
#[derive(Clone, Debug, PartialEq)]
pub enum ErasureStatus {
    /// Something is left to do.
    Pending {
        /// What was asked.
        erasure: Arc<Erasure>,
        /// Names of the places that may still hold a key to it.
        places: Vec<String>,
    },
    /// Nothing is left to do.
    Complete(Arc<StoredCertificate>),
}

/// One page.
pub struct Page {
    /// The erasures.
    pub erasures: Vec<ErasureStatus>,
    /// Where the next page starts; `None`: this was the last.
    pub next: Option<IndexHit>,
}

/// The destruction of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Destruction {
    /// The latest end of a waiting period, where versions wait.
    pub waits_until: Option<Time>,
    /// The erasures of its versions, oldest first.
    pub erasures: Vec<ErasureStatus>,
}

impl ErasureStatus {
    /// The erasure's id.
    pub fn id(&self) -> ErasureId {
        match self {
            Self::Pending { erasure, .. } => erasure.id,
            Self::Complete(certificate) => certificate.id,
        }
    }

    /// True where nothing is left to do.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete(_))
    }
}

impl Operation for ShowErasure {
    type Reply = ErasureStatus;

    fn action(&self) -> Action {
        Action::ShowErasures
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<ErasureStatus> {
        context.note_target(&self.id.to_string());
        let places = places(context)?;
        status(context, self.id, &places)?.ok_or_else(|| Error::not_found("erasure"))
    }
}

impl Operation for ListErasures {
    type Reply = Page;

    fn action(&self) -> Action {
        Action::ShowErasures
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<Page> {
        let limit = self.limit.clamp(1, PAGE_ERASURES_MAX);
        let places = places(context)?;
        let hits = context.find(&whole(IndexKind::Erasure), self.after.as_ref(), limit)?;
        let next = if hits.len() < limit { None } else { hits.last().cloned() };
        let mut erasures = Vec::new();
        for hit in hits {
            // One that was completed meanwhile, or is of another realm, is left out.
            let found = status(context, ErasureId(hit.id), &places)?;
            erasures.extend(found.filter(|status| !status.is_complete()));
        }
        Ok(Page { erasures, next })
    }
}

impl Operation for ShowDestruction {
    type Reply = Destruction;

    fn action(&self) -> Action {
        Action::GetAttributes
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Destruction> {
        let resolved = subject(resolved)?;
        let objects = match resolved.object {
            Some(object) => vec![object],
            None => resolved.key.objects().collect(),
        };
        let (mut waits_until, mut ids) = (None, BTreeSet::new());
        for id in objects {
            let object = context.object(id)?;
            waits_until = waits_until.max(object.dates.destruction);
            ids.extend(object.erasure);
        }
        let places = places(context)?;
        // Ids are made in the order of time.
        let statuses = ids.into_iter().map(|id| status(context, id, &places));
        Ok(Destruction {
            waits_until,
            erasures: statuses.filter_map(Result::transpose).collect::<Result<_>>()?,
        })
    }
}

fn status(context: &mut Context<'_>, id: ErasureId, places: &[Arc<Place>]) -> Result<Option<ErasureStatus>> {
    let key = RecordKey::Certificate(id);
    match context.get(key.clone())?.as_deref() {
        Some(Record::Certificate(found)) if realms::is_in_sight(context, found.realm)? => {
            return Ok(Some(ErasureStatus::Complete(Arc::clone(found))));
        }
        Some(Record::Certificate(_)) => return Ok(None),
        Some(other) => return Err(damaged(&key, other)),
        None => {}
    }
    let key = RecordKey::Erasure(id);
    match context.get(key.clone())?.as_deref() {
        Some(Record::Erasure(found)) if realms::is_in_sight(context, found.realm)? => {
            // Before the switch, every epoch key that there is reaches it.
            let generation = found.switched.unwrap_or(u64::MAX);
            let pending = places.iter().filter(|place| !place.is_clear_of_older_than(generation));
            let places = pending.map(|place| place.name.clone()).collect();
            Ok(Some(ErasureStatus::Pending { erasure: Arc::clone(found), places }))
        }
        Some(Record::Erasure(_)) | None => Ok(None),
        Some(other) => Err(damaged(&key, other)),
    }
}

/// All places: there are few.
fn places(context: &mut Context<'_>) -> Result<Vec<Arc<Place>>> {
    const PLACES_MAX: usize = 1000;
    let mut places = Vec::new();
    for hit in context.find(&whole(IndexKind::Place), None, PLACES_MAX)? {
        let name = String::from_utf8(hit.value).map_err(Error::internal)?;
        if let Some(Record::Place(place)) = context.get(RecordKey::Place(name))?.as_deref() {
            places.push(Arc::clone(place));
        }
    }
    Ok(places)
}

fn whole(kind: IndexKind) -> IndexRange {
    IndexRange { realm: RealmId::DEFAULT, kind, from: Bound::Unbounded, to: Bound::Unbounded }
}
