//! What an entry of the journal means for an endpoint, and the message about it. Not here: how it gets there.

use std::collections::{HashMap, HashSet};
use std::fmt;

use keyreeve_core::access::{Action, Caller};
use keyreeve_core::model::{AttributeKind, AttributeName, ObjectId};
use keyreeve_core::operations::Operation;
use keyreeve_core::operations::get::{Get, Gotten, Protection};
use keyreeve_core::operations::get_attributes::GetAttributes;
use keyreeve_core::record::{Change, Entry, Record, RecordKey};
use keyreeve_core::request::Reference;
use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::AttributeReference;
use keyreeve_kmip::enums::PutFunction;
use keyreeve_kmip::payloads::Request;
use keyreeve_kmip::payloads::export::ExportRequest;
use keyreeve_kmip::payloads::notify::NotifyRequest;
use keyreeve_kmip::payloads::put::PutRequest;
use tracing::warn;

use super::super::batch::{Batch, identifier};
use super::super::errors::Failure;
use super::super::{Kmip, attributes, get};
use super::Trouble;
use crate::config::{self, Pushed};

/// Something that an endpoint is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// An object was made, in the place of another one.
    Made(ObjectId, Option<ObjectId>),
    /// Attributes of an object were set, changed or deleted.
    Changed(ObjectId, Vec<AttributeName>),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(object, _) => write!(f, "Put of {object}"),
            Self::Changed(object, _) => write!(f, "Notify of {object}"),
        }
    }
}

/// What an endpoint of this configuration is told of an entry, in the order of its changes.
pub(super) fn events(entry: &Entry, endpoint: &config::Endpoint) -> Vec<Event> {
    let draft = &entry.draft;
    // Sealing anew writes objects and materials that are what they were.
    if draft.action == Action::Reseal {
        return Vec::new();
    }
    let is_put = |change: &&Change| matches!(change, Change::Put(_));
    let put: HashSet<RecordKey> = draft.changes.iter().filter(is_put).map(Change::key).collect();
    let touched: HashMap<ObjectId, &[AttributeName]> =
        draft.touched.iter().map(|touched| (touched.object, &*touched.attributes)).collect();
    let mut seen = HashSet::new();
    let event = |change: &Change| {
        let Change::Put(Record::Object(object)) = change else { return None };
        let id = object.id;
        let is_member = endpoint.group.as_ref().is_none_or(|group| object.groups.contains(group));
        let group = AttributeName::Standard(AttributeKind::ObjectGroup);
        // Who came into the group is made for this endpoint, and who left it is told of once more.
        let regroups =
            endpoint.group.is_some() && touched.get(&id).is_some_and(|names| names.contains(&group));
        // One request may write an object more than once.
        if !seen.insert(id) || !(is_member || regroups) {
            return None;
        }
        let (kind, event) = match touched.get(&id) {
            Some(_) if regroups && is_member && endpoint.takes.contains(&Pushed::Put) => {
                (Pushed::Put, Event::Made(id, None))
            }
            Some(attributes) => {
                // Each first Get ends it, a Put's own among them: that is no news.
                let told = |name: &&AttributeName| **name != AttributeName::Standard(AttributeKind::Fresh);
                let told: Vec<_> = attributes.iter().filter(told).cloned().collect();
                if told.is_empty() {
                    return None;
                }
                (Pushed::Notify, Event::Changed(id, told))
            }
            None if put.contains(&RecordKey::Material(id)) => {
                (Pushed::Put, Event::Made(id, replaced(&draft.changes, id)))
            }
            None => return None,
        };
        endpoint.takes.contains(&kind).then_some(event)
    };
    draft.changes.iter().filter_map(event).collect()
}

/// The object whose key got this one as its next version. INVARIANT: never what a Link says, which any client may set.
fn replaced(changes: &[Change], made: ObjectId) -> Option<ObjectId> {
    changes.iter().find_map(|change| {
        let Change::Put(Record::Key(key)) = change else { return None };
        key.versions.windows(2).rev().find_map(|versions| match versions {
            [old, new] if new.primary == made => Some(old.primary),
            [old, new] if new.public == Some(made) => old.public,
            _ => None,
        })
    })
}

/// Whether the caller may not have this now: looked at beforehand, so that what is not for an endpoint is no refused request
/// in the journal each time.
pub(super) fn is_withheld(
    kmip: &Kmip,
    caller: &Caller,
    event: &Event,
    group: Option<&String>,
) -> Result<bool, Trouble> {
    if caller.principal().is_some_and(|principal| principal.revoked.is_some()) {
        return Ok(true);
    }
    match event {
        // It may have left the group meanwhile.
        Event::Made(object, _) => {
            let is_member = |gotten: &Gotten| group.is_none_or(|group| gotten.object.groups.contains(group));
            rehearsed(kmip, caller, &got(*object)).map(|gotten| !gotten.as_ref().is_some_and(is_member))
        }
        Event::Changed(object, names) => {
            rehearsed(kmip, caller, &read(*object, names)).map(|read| read.is_none())
        }
    }
}

/// The message, of what holds now, with its entries in the journal; `None` where this is not for the caller after all, or not
/// in words that the version has.
pub(super) async fn payload(
    kmip: &Kmip,
    caller: &Caller,
    version: Version,
    event: &Event,
) -> Result<Option<Request>, Trouble> {
    let mut batch = Batch::new(kmip, caller, version, None);
    let payload = match event {
        Event::Made(object, replaced) => put(&mut batch, *object, *replaced).await,
        Event::Changed(object, names) => notify(&mut batch, *object, names).await,
    };
    match payload {
        Ok(payload) => Ok(payload),
        Err(Failure { kind: Some(kind), message, .. }) => Trouble::of(kind, message).map_or(Ok(None), Err),
        Err(failure) => {
            warn!(%event, %version, cause = failure.message, "an event cannot be told in an endpoint's version");
            Ok(None)
        }
    }
}

fn got(object: ObjectId) -> Get {
    let (key, protection) = (Reference::Object(object), Protection::AsItCame);
    Get { key, version: None, public: false, format: None, protection }
}

fn read(object: ObjectId, names: &[AttributeName]) -> GetAttributes {
    GetAttributes { key: Reference::Object(object), names: Some(names.to_vec()) }
}

/// What the operation would answer; `None` where it is refused.
fn rehearsed<O: Operation>(kmip: &Kmip, caller: &Caller, operation: &O) -> Result<Option<O::Reply>, Trouble> {
    let rehearsed = tokio::task::block_in_place(|| kmip.engine.rehearse(caller).run(operation));
    match rehearsed {
        Ok(reply) => Ok(Some(reply)),
        Err(error) => Trouble::of(error.kind(), error.to_string()).map_or(Ok(None), Err),
    }
}

/// The object as Export answers it: with the rights, the policy and the entry of a Get.
async fn put(
    batch: &mut Batch<'_>,
    object: ObjectId,
    replaced: Option<ObjectId>,
) -> Result<Option<Request>, Failure> {
    let wanted = ExportRequest { unique_identifier: Some(identifier(object)), ..ExportRequest::default() };
    let exported = get::export(batch, wanted).await?;
    if exported.object_type.since() > batch.version {
        return Ok(None);
    }
    let put_function = if replaced.is_some() { PutFunction::Replace } else { PutFunction::New };
    let put = PutRequest {
        unique_identifier: exported.unique_identifier,
        put_function,
        replaced_unique_identifier: replaced.map(identifier),
        object: exported.object,
        attributes: Some(exported.attributes),
    };
    Ok(Some(put.into()))
}

async fn notify(
    batch: &mut Batch<'_>,
    object: ObjectId,
    names: &[AttributeName],
) -> Result<Option<Request>, Failure> {
    let last_change = AttributeName::Standard(AttributeKind::LastChangeDate);
    let mut names = names.to_vec();
    if !names.contains(&last_change) {
        names.push(last_change);
    }
    let read = batch.run(read(object, &names)).await?;
    let values = read.attributes;
    let version = batch.version;
    let is_defined = |reference: &AttributeReference| match reference {
        AttributeReference::Kind(kind) => kind.is_defined_in(version),
        _ => true,
    };
    let gone = names.iter().filter(|name| !values.iter().any(|(there, _)| there == *name));
    let notify = NotifyRequest {
        unique_identifier: identifier(object),
        attributes: attributes::outgoing_all(&read.object, &values, version),
        deleted: gone.filter_map(attributes::reference).filter(is_defined).collect(),
    };
    Ok(Some(notify.into()))
}
