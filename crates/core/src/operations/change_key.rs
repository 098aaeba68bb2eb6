//! Change key: name, labels, dates, usage limits and policy of a key, all that is asked or nothing. Not here: attributes of
//! single objects by their KMIP names (modify attributes).

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Operation, Subject,
    create::{check_tags, claim_name},
    modify_attributes::{ModifyAttributes, amounts_to},
    subject,
};
use crate::{
    access::{Action, Permit, Target, approvals::Terms},
    attributes::AttributeEdit,
    error::{Error, ErrorKind, Result},
    model::{Key, KeyPolicy, ManagedObject, Name},
    record::{Record, RecordKey},
    request::{Context, Reference, Resolved},
};

/// Changes a key; what is not named stays as it is.
pub struct ChangeKey {
    /// The key.
    pub key: Reference,
    /// Its new name.
    pub name: Option<String>,
    /// The value that each label shall have; `None`: it shall be gone.
    pub tags: BTreeMap<String, Option<String>>,
    /// Attributes of the newest version, of each half of a pair.
    pub edits: Vec<AttributeEdit>,
    /// How it lives.
    pub policy: PolicyChange,
}

/// Changes of a policy. What protects a key from being destroyed only grows: whoever may manage it could else lift it first.
/// Since nobody can undo that, it takes the right to destroy the key as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// Longest lease, in seconds, at least 1.
    pub lease_seconds: Option<u32>,
    /// Days from the wish to destroy to the destruction, not fewer than now.
    pub destroy_waiting_days: Option<u16>,
    /// False: never without the waiting period.
    pub destroy_at_once: Option<bool>,
    /// Whether material that is here, or was, is refused.
    pub reject_duplicates: Option<bool>,
}

impl ChangeKey {
    /// A change of labels alone.
    pub fn tags(key: Reference, tags: BTreeMap<String, Option<String>>) -> Self {
        Self { key, name: None, tags, edits: Vec::new(), policy: PolicyChange::default() }
    }

    fn changes_attributes(&self) -> bool {
        self.name.is_some() || !self.edits.is_empty()
    }

    fn only_tags(&self) -> bool {
        !self.changes_attributes() && self.policy == PolicyChange::default()
    }
}

impl Operation for ChangeKey {
    type Reply = Arc<Key>;

    fn action(&self) -> Action {
        match (self.only_tags(), self.changes_attributes()) {
            (true, _) => Action::Tag,
            (false, true) => Action::ModifyAttributes,
            (false, false) => Action::ChangePolicy,
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn also(&self) -> Vec<Action> {
        let both = self.changes_attributes() && self.policy != PolicyChange::default();
        let mut also = amounts_to(&self.edits);
        also.extend(both.then_some(Action::ChangePolicy));
        also.extend((!self.only_tags() && !self.tags.is_empty()).then_some(Action::Tag));
        also
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        let mut terms = Terms::new();
        terms.extend(self.name.iter().map(|name| ("new name".into(), name.clone())));
        for (label, value) in &self.tags {
            terms.push((format!("label {label}"), format!("{value:?}")));
        }
        terms.extend(self.edits.iter().map(|edit| ("attribute".into(), format!("{edit:?}"))));
        if self.policy != PolicyChange::default() {
            terms.push(("new policy".into(), format!("{:?}", self.policy)));
        }
        Ok(Some(terms))
    }

    fn run(
        &self,
        permit: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<Arc<Key>> {
        let before = subject(resolved)?.key;
        self.edit(permit, context, &before)?;
        let mut key = Key::clone(&before);
        for (name, value) in &self.tags {
            match value {
                Some(value) => drop(key.tags.insert(name.clone(), value.clone())),
                None => drop(key.tags.remove(name)),
            }
        }
        check_tags(&key.tags)?;
        self.policy.apply(&mut key.policy, context.destroy_waiting_days())?;
        let guards = |key: &Key| (key.policy.destroy_waiting_days, key.policy.destroy_at_once);
        if guards(&key) != guards(&before) {
            // It can only be made harder: no approval of a destruction is wanted.
            context.authorize(Action::Destroy, Target::Key(&before))?;
        }
        if let Some(name) = self.name.as_ref().filter(|name| **name != key.name) {
            rename(context, &before, name)?;
            key.name.clone_from(name);
        }
        context.note(key.id, None);
        if key == *before {
            return Ok(before);
        }
        let key = Arc::new(key);
        context.put(Record::Key(Arc::clone(&key)));
        Ok(key)
    }
}

impl ChangeKey {
    fn edit(&self, permit: &Permit, context: &mut Context<'_>, key: &Arc<Key>) -> Result<()> {
        let latest = key.latest().ok_or_else(|| Error::internal("a key without versions"))?;
        let halves = [Some(latest.primary), latest.public].into_iter().flatten();
        for object in halves.filter(|_| !self.edits.is_empty()) {
            let modify = ModifyAttributes { key: Reference::Object(object), edits: self.edits.clone() };
            let half = Resolved { key: Arc::clone(key), object: Some(object) };
            modify.run(permit, context, Some(half))?;
        }
        Ok(())
    }
}

impl PolicyChange {
    fn apply(&self, policy: &mut KeyPolicy, server_waiting_days: u16) -> Result<()> {
        let weaker = |what: &str| {
            let public =
                format!("{what}: what protects a key from being destroyed can only be made stronger");
            Err(Error::new(ErrorKind::Denied, public))
        };
        if self.destroy_at_once == Some(true) && !policy.destroy_at_once {
            return weaker("destroy_at_once");
        }
        let waiting_days = policy.destroy_waiting_days.unwrap_or(server_waiting_days);
        if self.destroy_waiting_days.is_some_and(|days| days < waiting_days) {
            return weaker("destroy_waiting_days");
        }
        policy.destroy_at_once = self.destroy_at_once.unwrap_or(policy.destroy_at_once);
        policy.destroy_waiting_days = self.destroy_waiting_days.or(policy.destroy_waiting_days);
        policy.lease_seconds = self.lease_seconds.or(policy.lease_seconds);
        policy.reject_duplicates = self.reject_duplicates.unwrap_or(policy.reject_duplicates);
        Ok(())
    }
}

/// Claims the new name, frees the old one, and renames the objects that bear it. Those that are destroyed keep theirs, as
/// history.
fn rename(context: &mut Context<'_>, key: &Key, to: &str) -> Result<()> {
    claim_name(context, key.id, to)?;
    for id in key.objects() {
        let object = context.object(id)?;
        let bears = |name: &Name| name.value == key.name;
        if object.state.is_destroyed() || !object.names.iter().any(bears) {
            continue;
        }
        let mut renamed = ManagedObject::clone(&object);
        renamed.names.retain(|name| name.value != to);
        renamed.names.iter_mut().filter(|name| bears(name)).for_each(|name| to.clone_into(&mut name.value));
        context.put_changed(renamed)?;
    }
    // A destroyed key keeps its name, but may have lost it to another.
    if context.key_named(&key.name)? == Some(key.id) {
        context.delete(RecordKey::KeyName(key.realm, key.name.clone()));
    }
    Ok(())
}
