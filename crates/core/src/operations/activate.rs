//! Activate: from PreActive to Active, now.

use super::{Operation, Subject, subject};
use crate::{
    access::{Action, Permit},
    error::Result,
    lifecycle::{self, Move},
    model::{ManagedObject, ObjectId},
    request::{Context, Reference, Resolved},
};

/// Activates an object, or every version of a key that is PreActive.
pub struct Activate {
    /// Key or object.
    pub key: Reference,
}

impl Operation for Activate {
    /// The objects that were activated.
    type Reply = Vec<ObjectId>;

    fn action(&self) -> Action {
        Action::Activate
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
        let named = resolved.object.is_some();
        let newest = resolved.object_id()?;
        let objects: Vec<ObjectId> = match resolved.object {
            Some(object) => vec![object],
            None => resolved.key.objects().collect(),
        };
        let mut activated = Vec::new();
        for id in objects {
            let object = context.object(id)?;
            context.hold(&object);
            let now = context.now();
            match lifecycle::next_state(lifecycle::state_at(&object, now), Move::Activate) {
                Ok(state) => {
                    let mut object = ManagedObject::clone(&object);
                    object.state = state;
                    object.dates.activation = Some(now);
                    context.put_changed(object)?;
                    activated.push(id);
                }
                // Older versions of a key live their own lives; the one that was meant must move.
                Err(error) if named || id == newest => return Err(error),
                Err(_) => {}
            }
        }
        Ok(activated)
    }
}
