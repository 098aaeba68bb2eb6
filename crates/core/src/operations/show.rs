//! Show: a key with its versions, without any material.

use std::{collections::BTreeMap, sync::Arc};

use super::{Operation, Subject, subject, usage_limits};
use crate::{
    access::{Action, Permit},
    error::{Error, Result},
    lifecycle,
    model::{Key, ManagedObject, ObjectId, State, UsageLimits, Uses},
    ports::crypto::Crypto,
    record::{Record, RecordKey},
    request::{Context, Reference, Resolved},
};

/// Shows a key.
pub struct Show {
    /// Key or object.
    pub key: Reference,
}

/// A key as it is now.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The key.
    pub key: Arc<Key>,
    /// Name of its owner.
    pub owner: String,
    /// Its objects with their states now, oldest version first, the private half before the public one.
    pub objects: Vec<(Arc<ManagedObject>, State)>,
    /// What is counted of them as of now; nothing where the key is shown as it was.
    pub counted: BTreeMap<ObjectId, Counted>,
}

/// What is counted of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// How often it served, where it did.
    pub uses: Option<Uses>,
    /// How much it may protect, where that is limited.
    pub limits: Option<UsageLimits>,
    /// How often its secret material left the server.
    pub exported: u64,
}

impl Operation for Show {
    type Reply = Shown;

    fn action(&self) -> Action {
        Action::GetAttributes
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Shown> {
        let key = subject(resolved)?.key;
        shown(context, key)
    }
}

impl Shown {
    /// 32 hexadecimal digits that change when the key, one of its objects or their states do.
    ///
    /// # Errors
    /// `Internal` where the key cannot be encoded.
    pub fn fingerprint(&self, crypto: &dyn Crypto) -> Result<String> {
        let mut bytes = Vec::new();
        ciborium::into_writer(&*self.key, &mut bytes).map_err(Error::internal)?;
        for (object, state) in &self.objects {
            bytes.extend_from_slice(object.id.as_bytes());
            bytes.extend_from_slice(&object.revision.to_be_bytes());
            bytes.push(*state as u8);
        }
        Ok(crypto.sha256(&[&bytes])[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The key with its objects.
pub(super) fn shown(context: &mut Context<'_>, key: Arc<Key>) -> Result<Shown> {
    let (mut objects, mut all) = (Vec::new(), BTreeMap::new());
    for id in key.objects() {
        let object = context.object(id)?;
        let state = lifecycle::shown_at(&object, context.now());
        all.insert(id, counted(context, &object)?);
        objects.push((object, state));
    }
    let owner = super::principals::name_of(context, key.owner)?;
    Ok(Shown { key, owner, objects, counted: all })
}

/// Nothing depends on what others use meanwhile: none of it is bound.
fn counted(context: &Context<'_>, object: &ManagedObject) -> Result<Counted> {
    let uses = match context.store().get(&RecordKey::Uses(object.id))?.as_deref() {
        Some(Record::Uses(uses)) => Some(*uses),
        _ => None,
    };
    let exported = match context.store().get(&RecordKey::Counts(object.id))?.as_deref() {
        Some(Record::Counts(counts)) => counts.exported,
        _ => 0,
    };
    Ok(Counted { uses, limits: usage_limits::limits(context, object)?, exported })
}
