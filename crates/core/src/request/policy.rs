//! What a running request asks of lifecycle policies: whether a key may be made, used, given out or destroyed so soon. Not here:
//! what documents say (policy).
//!
//! INVARIANT: every use of a key comes through `usable`, every export through Get, every new object and name through the changes
//! that a request leaves. These ask here, so that each protocol is held to the same documents.

use std::{collections::BTreeMap, sync::Arc};

use super::Context;
use crate::{
    access::Action,
    engine::damaged,
    error::{Error, ErrorKind, Result},
    model::{AttributeKind, AttributeName, Key, KeyId, ManagedObject, RealmId, Value},
    policy::{self, Decision, Deed, Document, Facts, Ready, Reason},
    record::{Change, Record, RecordKey},
};

/// Seconds of a day.
const DAY_SECONDS: u32 = 24 * 60 * 60;

impl Context<'_> {
    /// The realm's policies. What a request makes of them is bound to their staying so.
    ///
    /// # Errors
    /// The store's; `Internal` where they cannot be read.
    pub(crate) fn policies(&mut self) -> Result<Arc<Ready>> {
        self.policies_of(self.realm())
    }

    fn policies_of(&mut self, realm: RealmId) -> Result<Arc<Ready>> {
        let record = self.get(policy::address(realm))?;
        self.engine.policies().ready(realm, record.as_deref())
    }

    /// Refuses what a document that holds for the key refuses, and lets what is allowed count only until that changes by time.
    ///
    /// # Errors
    /// `ConstraintViolation` for what is made, `NotExtractable` or `Sensitive` for what would leave, else `WrongUsage`; each with
    /// the document, the rule and the way out.
    pub(crate) fn require_by_policy(&mut self, key: &Key, object: &ManagedObject, deed: Deed) -> Result<()> {
        let ready = self.policies_of(object.realm)?;
        let facts = Facts::of(object, Some(key), self.caller.id() == key.owner);
        for document in ready.holding(key.id, &key.tags) {
            if let Decision::Refused(reason) = policy::decide(document, &facts, deed, self.now) {
                return Err(refused(&reason, deed));
            }
            let until = policy::next_change(document, &facts, self.now);
            self.valid_until = [self.valid_until, until].into_iter().flatten().min();
        }
        Ok(())
    }

    /// Days that the key's destruction waits by its documents at least; 0 where none says so.
    ///
    /// # Errors
    /// As `policies`.
    pub(crate) fn waiting_days_by_policy(&mut self, key: &Key) -> Result<u16> {
        let ready = self.policies_of(key.realm)?;
        let days = ready
            .holding(key.id, &key.tags)
            .into_iter()
            .filter_map(|document| document.destruction.map(|end| end.waiting_days));
        Ok(days.max().unwrap_or(0))
    }

    /// Holds what the request has made so far to the documents: new objects, and names and tags that are new. New versions that
    /// a document wants rotated are told so.
    ///
    /// # Errors
    /// `ConstraintViolation`; the store's.
    pub(crate) fn hold_changes_to_policy(&mut self) -> Result<()> {
        let made: Vec<Record> = self
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Put(record @ (Record::Object(_) | Record::Key(_))) => Some(record.clone()),
                _ => None,
            })
            .collect();
        for record in made {
            match record {
                Record::Object(object) if self.before(&RecordKey::Object(object.id))?.is_none() => {
                    let key = self.key_of(&object)?;
                    self.require_by_policy(&key, &object, Deed::Make)?;
                    self.rotate_by_policy(&key, &object)?;
                }
                Record::Key(key) => self.hold_name_to_policy(&key)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The record as it is stored. What bears an id that this request drew is not looked for: it is nowhere.
    fn before(&self, address: &RecordKey) -> Result<Option<Arc<Record>>> {
        if self.drawn.cover(address) { Ok(None) } else { self.engine.store().get(address) }
    }

    /// The key of an object that this request makes, whose record it may not have put.
    fn key_of(&mut self, object: &ManagedObject) -> Result<Arc<Key>> {
        let address = RecordKey::Key(object.key);
        match self.get(address.clone())?.as_deref() {
            Some(Record::Key(key)) => Ok(Arc::clone(key)),
            Some(other) => Err(damaged(&address, other)),
            None => Err(Error::internal("an object was made without a key")),
        }
    }

    fn hold_name_to_policy(&mut self, key: &Key) -> Result<()> {
        let address = RecordKey::Key(key.id);
        if let Some(Record::Key(before)) = self.before(&address)?.as_deref()
            && (&before.name, &before.tags) == (&key.name, &key.tags)
        {
            return Ok(());
        }
        let ready = self.policies_of(key.realm)?;
        let against = |document: &Arc<Document>| policy::against_names(document, &key.name, &key.tags);
        if let Some(reason) = ready.holding(key.id, &key.tags).into_iter().find_map(against) {
            return Err(refused(&reason, Deed::Make));
        }
        // With another tag it may be another policy's.
        self.rotate_newest_by_policy(key)
    }

    /// Gives a key's newest version the rotation that its documents want.
    ///
    /// # Errors
    /// As `rotate_by_policy`.
    pub(crate) fn rotate_newest_by_policy(&mut self, key: &Key) -> Result<()> {
        let Some(latest) = key.latest() else { return Ok(()) };
        let object = self.object(latest.primary)?;
        self.rotate_by_policy(key, &object)
    }

    /// Gives an object the rotation that its documents want, where it has none that is as frequent.
    ///
    /// # Errors
    /// The store's; those of a change of the object.
    pub(crate) fn rotate_by_policy(&mut self, key: &Key, object: &ManagedObject) -> Result<()> {
        let ready = self.policies_of(key.realm)?;
        let days = rotation_days(&ready, key.id, &key.tags);
        if let Some(changed) = days.and_then(|days| rotating(object, days)) {
            self.put_changed(changed)?;
        }
        Ok(())
    }
}

/// Days after which the key is rotated, by the document that wants it soonest.
pub(crate) fn rotation_days(ready: &Ready, key: KeyId, tags: &BTreeMap<String, String>) -> Option<u16> {
    let days = ready.holding(key, tags).into_iter().filter_map(|document| document.rotation);
    days.map(|rotation| rotation.every_days).min()
}

/// The object as it is to be rotated after so many days; `None` where it is already, sooner, or cannot be: the server rotates
/// symmetric keys and pairs.
pub(crate) fn rotating(object: &ManagedObject, days: u16) -> Option<ManagedObject> {
    if !policy::can_rotate(object) {
        return None;
    }
    let [automatic, interval] =
        [AttributeKind::RotateAutomatic, AttributeKind::RotateInterval].map(AttributeName::Standard);
    let seconds = u32::from(days) * DAY_SECONDS;
    let sooner = match object.further.get(&interval).and_then(|values| values.first()) {
        Some(Value::IntervalSeconds(own)) => *own > 0 && *own <= seconds,
        _ => false,
    };
    let is_automatic = object.further.get(&automatic).is_some_and(|values| *values == [Value::Boolean(true)]);
    if sooner && is_automatic {
        return None;
    }
    let mut object = object.clone();
    object.further.insert(automatic, vec![Value::Boolean(true)]);
    if !sooner {
        object.further.insert(interval, vec![Value::IntervalSeconds(seconds)]);
    }
    Some(object)
}

/// True where what the action leaves is held to documents. Sealing anew, dates and destructions make nothing.
pub(crate) fn makes(action: Action) -> bool {
    !matches!(action, Action::Reseal | Action::ApplyDates | Action::Destroy | Action::Erase)
}

fn refused(reason: &Reason, deed: Deed) -> Error {
    let kind = match deed {
        Deed::Make => ErrorKind::ConstraintViolation,
        Deed::Export { plain: true } => ErrorKind::Sensitive,
        Deed::Export { plain: false } => ErrorKind::NotExtractable,
        Deed::Protect | Deed::Process => ErrorKind::WrongUsage,
    };
    Error::new(kind, reason.to_string())
}
