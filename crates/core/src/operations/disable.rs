//! Disable and enable: a key is set aside for a while, whatever its state, and comes back as it was.

use super::{Operation, Subject, subject, versions::change_each};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, ErrorKind, Result},
    model::{ManagedObject, ObjectId},
    request::{Context, Reference, Resolved},
};

/// Sets an object, or all versions of a key, aside: it serves nobody, and its life goes on otherwise.
pub struct Disable {
    /// Key or object.
    pub key: Reference,
}

/// Takes an object, or all versions of a key, into use again, in the state that it has.
pub struct Enable {
    /// Key or object.
    pub key: Reference,
}

impl Operation for Disable {
    /// The objects that were set aside.
    type Reply = Vec<ObjectId>;

    fn action(&self) -> Action {
        Action::Disable
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
        change_each(context, &subject(resolved)?, |context, object| {
            let mut object = alive(object)?;
            match object.dates.suspended.replace(context.now()) {
                None => Ok(object),
                Some(since) => {
                    Err(Error::new(ErrorKind::WrongState, format!("it is disabled since {since}")))
                }
            }
        })
    }
}

impl Operation for Enable {
    /// The objects that are in use again.
    type Reply = Vec<ObjectId>;

    fn action(&self) -> Action {
        Action::Enable
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
        change_each(context, &subject(resolved)?, |_, object| {
            let mut object = alive(object)?;
            match object.dates.suspended.take() {
                Some(_) => Ok(object),
                None => Err(Error::new(ErrorKind::WrongState, "it is not disabled")),
            }
        })
    }
}

fn alive(object: &ManagedObject) -> Result<ManagedObject> {
    if object.state.is_destroyed() {
        return Err(Error::new(ErrorKind::Destroyed, format!("object {} was destroyed", object.id)));
    }
    Ok(object.clone())
}
