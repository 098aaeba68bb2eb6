//! Destroy: the material is gone; what is known of the object stays.

use super::{Operation, Subject, subject};
use crate::{
    access::{Action, Permit},
    error::Result,
    lifecycle::{self, Move},
    model::{ManagedObject, ObjectId, Revocation, RevocationReason, State},
    request::{Context, Reference, Resolved},
};

/// Destroys an object, or all versions of a key.
pub struct Destroy {
    /// Key or object.
    pub key: Reference,
    /// Deactivate an Active object in the same entry (REST and CLI); KMIP refuses it instead.
    pub deactivate: bool,
}

impl Operation for Destroy {
    /// The objects whose material is gone.
    type Reply = Vec<ObjectId>;

    fn action(&self) -> Action {
        Action::Destroy
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(
        &self,
        _: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<Vec<ObjectId>> {
        let resolved = subject(resolved)?;
        let (named, newest) = (resolved.object.is_some(), resolved.object_id()?);
        let objects: Vec<ObjectId> = match resolved.object {
            Some(object) => vec![object],
            None => resolved.key.objects().collect(),
        };
        let mut destroyed = Vec::new();
        for id in objects {
            let object = context.object(id)?;
            context.hold(&object);
            match self.destroyed(&object, context) {
                Ok(object) => {
                    context.put_changed(object)?;
                    context.drop_material(id);
                    destroyed.push(id);
                }
                Err(error) if named || id == newest => return Err(error),
                // INVARIANT: with `deactivate` only objects destroyed before can fail here.
                Err(_) => {}
            }
        }
        Ok(destroyed)
    }
}

impl Destroy {
    fn destroyed(&self, object: &ManagedObject, context: &Context<'_>) -> Result<ManagedObject> {
        let now = context.now();
        let mut object = object.clone();
        let mut state = lifecycle::state_at(&object, now);
        if self.deactivate && matches!(state, State::Active | State::Suspended) {
            state = lifecycle::next_state(state, Move::Deactivate)?;
            object.dates.deactivation = Some(now);
            let reason = RevocationReason::CessationOfOperation;
            object.revocation.get_or_insert(Revocation { reason, message: None });
        }
        object.state = lifecycle::next_state(state, Move::Destroy)?;
        object.dates.destroy = Some(now);
        Ok(object)
    }
}
