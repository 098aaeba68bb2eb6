//! Destroy: the material is gone, at once or after a waiting period; what is known of the object stays. Not here: erasing
//! the material everywhere, which the store does from the erasure that this puts on record.

use super::{Operation, Subject, subject, versions::change_each};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, ErrorKind, Result},
    lifecycle::{self, Move},
    model::{
        ErasedObject, Erasure, ErasureId, Key, ManagedObject, ObjectId, Revocation, RevocationReason, State,
        Time,
    },
    record::Record,
    request::{Context, Reference, Resolved},
};

/// Destroys an object, or all versions of a key.
pub struct Destroy {
    /// Key or object.
    pub key: Reference,
    /// Deactivate an Active object in the same entry (REST and CLI); KMIP refuses it instead.
    pub deactivate: bool,
    /// Without the waiting period, where the key's policy lets it (KMIP always asks for that).
    pub at_once: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destroyed {
    /// The objects whose material is gone, or waits for that.
    pub objects: Vec<ObjectId>,
    /// What is left to do, where the material is gone.
    pub erasure: Option<ErasureId>,
}

impl Operation for Destroy {
    type Reply = Destroyed;

    fn action(&self) -> Action {
        Action::Destroy
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(vec![
            ("at once".into(), self.at_once.to_string()),
            ("deactivate".into(), self.deactivate.to_string()),
        ]))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Destroyed> {
        let resolved = subject(resolved)?;
        let days = self.days(context, &resolved.key)?;
        let erasure = new_erasure(context)?;
        let objects = change_each(context, &resolved, |context, object| {
            let destroyed = destroyed(object, erasure, self.deactivate, context.now())?;
            Ok(if days == 0 { destroyed } else { waiting(object, days, context.now()) })
        })?;
        if days > 0 {
            context.note_detail(format!("in {days} days, unless it is taken back"));
            return Ok(Destroyed { objects, erasure: None });
        }
        let scope = match resolved.object {
            Some(object) => format!("object {object}"),
            None => format!("key {}", resolved.key.name),
        };
        put_erasure(context, erasure, scope, &objects)?;
        context.note_detail(format!("erasure {erasure}"));
        Ok(Destroyed { objects, erasure: Some(erasure) })
    }
}

impl Destroy {
    fn days(&self, context: &mut Context<'_>, key: &Key) -> Result<u16> {
        match waiting_days(context, key, self.at_once)? {
            0 => Ok(0),
            days if !self.at_once => Ok(days),
            days => {
                let public = format!(
                    "this key's policy lets it be destroyed only after a waiting period of {days} days: \
                     `keyreeve key destroy NAME` without --now"
                );
                Err(Error::new(ErrorKind::WrongUsage, public))
            }
        }
    }
}

/// How many days a key waits for its destruction: as it says itself, and at least as the policies that hold for it want.
///
/// # Errors
/// The store's.
pub(super) fn waiting_days(context: &mut Context<'_>, key: &Key, at_once: bool) -> Result<u16> {
    let least = context.waiting_days_by_policy(key)?;
    if at_once && key.policy.destroy_at_once {
        return Ok(least);
    }
    Ok(key.policy.destroy_waiting_days.unwrap_or_else(|| context.destroy_waiting_days()).max(least))
}

/// A new id for what one request destroys.
pub(super) fn new_erasure(context: &mut Context<'_>) -> Result<ErasureId> {
    Ok(ErasureId(context.new_object_id()?.0))
}

/// The object once its material is gone.
///
/// # Errors
/// `WrongState` or `Destroyed` where its state does not allow it.
pub(super) fn destroyed(
    object: &ManagedObject,
    erasure: ErasureId,
    deactivate: bool,
    now: Time,
) -> Result<ManagedObject> {
    let mut object = object.clone();
    let mut state = lifecycle::state_at(&object, now);
    if deactivate && state == State::Active {
        state = lifecycle::next_state(state, Move::Deactivate)?;
        object.dates.deactivation = Some(now);
        let reason = RevocationReason::CessationOfOperation;
        object.revocation.get_or_insert(Revocation { reason, message: None });
    }
    object.state = lifecycle::next_state(state, Move::Destroy)?;
    object.dates.destroy = Some(now);
    (object.dates.destruction, object.dates.suspended) = (None, None);
    object.erasure = Some(erasure);
    Ok(object)
}

/// The object while it waits; one that waits already keeps its date.
pub(super) fn waiting(object: &ManagedObject, days: u16, now: Time) -> ManagedObject {
    let mut object = object.clone();
    object.dates.destruction.get_or_insert(now.plus_days(days));
    object
}

/// Drops the material of objects that this request has made `destroyed`, and puts what is left to do on record.
///
/// INVARIANT: the erasure stands in the entry that destroys its objects, so that no crash comes between the two.
pub(super) fn put_erasure(
    context: &mut Context<'_>,
    id: ErasureId,
    scope: String,
    destroyed: &[ObjectId],
) -> Result<()> {
    let mut objects = Vec::with_capacity(destroyed.len());
    for id in destroyed {
        let object = context.object(*id)?;
        objects.push(context.drop_material(&object)?);
    }
    put_erased(context, id, scope, objects);
    Ok(())
}

/// Puts on record what must be erased of these, whose sealed material the same request drops.
pub(super) fn put_erased(
    context: &mut Context<'_>,
    id: ErasureId,
    scope: String,
    objects: Vec<ErasedObject>,
) {
    let caller = context.caller();
    context.put(Record::Erasure(std::sync::Arc::new(Erasure {
        id,
        realm: context.realm(),
        asked: context.now(),
        principal: caller.id(),
        principal_name: caller.name().to_owned(),
        scope,
        objects,
        switched: None,
        switched_at: None,
    })));
}
