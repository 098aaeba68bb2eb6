//! Modify attributes: adds, changes and deletes attributes of one object, all or none.

use std::sync::Arc;

use super::{Operation, Subject, create::claim_name, subject, usage_limits};
use crate::{
    access::{Action, Permit, Target, approvals::Terms},
    attributes::{AttributeEdit, Changed, edit},
    error::{Error, ErrorKind, Result},
    model::{AttributeKind, AttributeName, Key, ManagedObject, ObjectId},
    record::{Record, RecordKey},
    request::{Context, Reference, Resolved, canonical, check_attributes},
};

/// Changes attributes of an object; of a key those of its newest version.
pub struct ModifyAttributes {
    /// Key or object.
    pub key: Reference,
    /// The changes, in order.
    pub edits: Vec<AttributeEdit>,
}

/// What was changed.
pub struct Modified {
    /// The object as it is now.
    pub object: Arc<ManagedObject>,
    /// The value of each edit.
    pub changed: Vec<Changed>,
}

impl Operation for ModifyAttributes {
    type Reply = Modified;

    fn action(&self) -> Action {
        Action::ModifyAttributes
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn also(&self) -> Vec<Action> {
        amounts_to(&self.edits)
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(self.edits.iter().map(|edit| ("attribute".into(), format!("{edit:?}"))).collect()))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Modified> {
        let resolved = subject(resolved)?;
        let before = context.object(resolved.object_id()?)?;
        context.hold(&before);
        self.check_unspent(context, &before)?;
        let mut after = ManagedObject::clone(&before);
        let now = context.now();
        let changed = self.edits.iter().map(|wanted| edit(&mut after, wanted, now)).collect::<Result<_>>()?;
        if self.edits.iter().any(|edit| *edit.name() == LOCATION) {
            check_location(&after)?;
        }
        check_may_leave(&resolved.key, after.extractable && !before.extractable)?;
        if before.sensitive && !after.sensitive {
            let public = "a key that is sensitive stays so; make a new key";
            return Err(Error::new(ErrorKind::Denied, public));
        }
        // What amounts to more than a change of attributes takes the right to that as well.
        let amounts_to = [
            (after.sensitive != before.sensitive, Action::Destroy),
            (after.dates.deactivation != before.dates.deactivation, Action::Revoke),
            (after.dates.protect_stop != before.dates.protect_stop, Action::Revoke),
            (
                after.further.get(&usage_limits::NAME) != before.further.get(&usage_limits::NAME),
                Action::Revoke,
            ),
            (after.dates.activation != before.dates.activation, Action::Activate),
        ];
        for (_, action) in amounts_to.into_iter().filter(|(changed, _)| *changed) {
            context.authorize_further(action, Target::Key(&resolved.key))?;
        }
        if before.state.is_destroyed() && before.names != after.names {
            return Err(Error::new(ErrorKind::Destroyed, "the names of a destroyed object are history"));
        }
        check_attributes(&after)?;
        if before.names != after.names {
            move_names(context, &resolved.key, &before, &after)?;
        }
        let grows = canonical(&after)?.len() > canonical(&before)?.len();
        let object = context.put_changed(after)?;
        if grows {
            context.check_key(&resolved.key)?;
        }
        let names: Vec<String> = self.edits.iter().map(|edit| format!("{:?}", edit.name())).collect();
        context.note(object.key, Some(object.id));
        context.note_detail(names.join(", "));
        Ok(Modified { object, changed })
    }
}

/// What edits amount to beside a change of attributes, by the attributes that they name.
pub(super) fn amounts_to(edits: &[AttributeEdit]) -> Vec<Action> {
    let mut actions = Vec::new();
    for edit in edits {
        let action = match edit.name() {
            AttributeName::Standard(AttributeKind::Sensitive) => Action::Destroy,
            AttributeName::Standard(
                AttributeKind::DeactivationDate | AttributeKind::ProtectStopDate | AttributeKind::UsageLimits,
            ) => Action::Revoke,
            AttributeName::Standard(AttributeKind::ActivationDate) => Action::Activate,
            _ => continue,
        };
        if !actions.contains(&action) {
            actions.push(action);
        }
    }
    actions
}

impl ModifyAttributes {
    /// KMIP 1.4 section 3.21: once some of the usage limits are spent, they are no longer the client's to change.
    fn check_unspent(&self, context: &Context<'_>, object: &ManagedObject) -> Result<()> {
        if self.edits.iter().all(|edit| *edit.name() != usage_limits::NAME)
            || usage_limits::spent(context, object)? == 0
        {
            return Ok(());
        }
        let public = "some of the usage limits are spent: they can no longer be changed";
        Err(Error::new(ErrorKind::ReadOnlyAttribute, public))
    }
}

const LOCATION: AttributeName = AttributeName::Standard(AttributeKind::KeyValueLocation);

/// A key has its value here, or a word of where that is.
///
/// # Standard
/// KMIP 2.1 sections 4.27 (Key Value Location) and 4.28 (Key Value Present).
fn check_location(object: &ManagedObject) -> Result<()> {
    let is_located = object.further.contains_key(&LOCATION);
    if object.is_valueless() == is_located {
        return Ok(());
    }
    let public = match is_located {
        true => "the value of this key is kept here: it has no Key Value Location",
        false => "the value of this key is kept elsewhere: its last Key Value Location says where, and stays",
    };
    Err(Error::new(ErrorKind::InvalidField, public))
}

/// A key of this policy keeps its versions on the server, whatever a template or attribute says.
pub(super) fn check_may_leave(key: &Key, extractable: bool) -> Result<()> {
    if extractable && !key.policy.exportable {
        return Err(Error::new(
            ErrorKind::Denied,
            "this key was made to stay on the server and cannot be extractable",
        ));
    }
    Ok(())
}

/// Claims new names for the key, frees those that nothing of it bears any more, and renames the key along.
pub(super) fn move_names(
    context: &mut Context<'_>,
    key: &Arc<Key>,
    before: &ManagedObject,
    after: &ManagedObject,
) -> Result<()> {
    let bears = |object: &ManagedObject, name: &str| object.names.iter().any(|known| known.value == name);
    for name in &after.names {
        if bears(before, &name.value) {
            continue;
        }
        if borne_by_sibling(context, key, after.id, &name.value)? {
            let public = format!("another object is named {:?}; choose another name", name.value);
            return Err(Error::new(ErrorKind::AlreadyExists, public));
        }
        claim_name(context, key.id, &name.value)?;
    }
    let mut renamed = key.name.clone();
    for name in &before.names {
        if bears(after, &name.value) || borne_by_sibling(context, key, after.id, &name.value)? {
            continue;
        }
        // A destroyed key keeps its names, but may have lost them to another.
        if context.key_named(&name.value)? == Some(key.id) {
            context.delete(RecordKey::KeyName(key.realm, name.value.clone()));
        }
        if renamed == name.value {
            // A key without any name is called by its first object, as if it had never had one.
            let fallback = || key.objects().next().map_or_else(String::new, |id| id.to_string());
            renamed = after.names.first().map_or_else(fallback, |name| name.value.clone());
        }
    }
    if renamed != key.name {
        context.put(Record::Key(Arc::new(Key { name: renamed, ..Key::clone(key) })));
    }
    Ok(())
}

/// True where another object of the key bears the name.
fn borne_by_sibling(context: &mut Context<'_>, key: &Key, of: ObjectId, name: &str) -> Result<bool> {
    for id in key.objects().filter(|id| *id != of) {
        if context.object(id)?.names.iter().any(|known| known.value == name) {
            return Ok(true);
        }
    }
    Ok(false)
}
