//! Destroy: the material is gone; what is known of the object stays.

use super::{Operation, Subject, subject, versions::change_each};
use crate::{
    access::{Action, Permit},
    error::Result,
    lifecycle::{self, Move},
    model::{ManagedObject, ObjectId, Revocation, RevocationReason, State, Time},
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
        let destroyed =
            change_each(context, &resolved, |context, object| self.destroyed(object, context.now()))?;
        for object in &destroyed {
            context.drop_material(*object);
        }
        Ok(destroyed)
    }
}

impl Destroy {
    fn destroyed(&self, object: &ManagedObject, now: Time) -> Result<ManagedObject> {
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
