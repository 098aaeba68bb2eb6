//! Cancel destroy: what waits for its destruction comes back into use, in the state that it has.

use super::{Operation, Subject, subject, versions::change_each};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{ManagedObject, ObjectId, Time},
    request::{Context, Reference, Resolved},
};

/// Takes the wish to destroy an object, or the versions of a key, back.
pub struct CancelDestroy {
    /// Key or object.
    pub key: Reference,
}

impl Operation for CancelDestroy {
    /// The objects that no longer wait.
    type Reply = Vec<ObjectId>;

    fn action(&self) -> Action {
        Action::CancelDestroy
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        // The action and the key say all.
        Ok(Some(Terms::new()))
    }

    fn run(
        &self,
        _: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<Vec<ObjectId>> {
        change_each(context, &subject(resolved)?, |context, object| cancelled(object, context.now()))
    }
}

/// The object once it no longer waits.
///
/// # Errors
/// `Destroyed`; `WrongState` where it does not wait, or has waited to the end.
pub(super) fn cancelled(object: &ManagedObject, now: Time) -> Result<ManagedObject> {
    if object.state.is_destroyed() {
        return Err(Error::new(ErrorKind::Destroyed, format!("object {} was destroyed", object.id)));
    }
    let refuse = |why: String| Err(Error::new(ErrorKind::WrongState, why));
    match object.dates.destruction {
        None => refuse("it does not wait for a destruction".to_owned()),
        Some(date) if date <= now => refuse(format!("its waiting period ended on {date}")),
        Some(_) => {
            let mut object = object.clone();
            object.dates.destruction = None;
            Ok(object)
        }
    }
}
