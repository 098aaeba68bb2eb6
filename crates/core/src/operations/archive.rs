//! Archive and recover: an object is set aside for later, and comes back as it was. While it is archived it serves nobody
//! and is not handed out; what is known of it can be read, and its life goes on.
//!
//! # Standard
//! KMIP 1.4 sections 4.22 and 4.23; KMIP 2.1 sections 6.1.4 and 6.1.42.

use super::{Operation, Subject, subject, versions::change_each};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{ManagedObject, ObjectId},
    request::{Context, Reference, Resolved},
};

/// Sets an object, or all versions of a key, aside.
pub struct Archive {
    /// Key or object.
    pub key: Reference,
}

/// Takes an object, or all versions of a key, back.
pub struct Recover {
    /// Key or object.
    pub key: Reference,
}

impl Operation for Archive {
    /// The objects that were set aside. One that was already stays as it is.
    type Reply = Vec<ObjectId>;

    fn action(&self) -> Action {
        Action::Archive
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
            lifecycle::require_online(&object)?;
            object.dates.archive = Some(context.now());
            Ok(object)
        })
    }
}

impl Operation for Recover {
    /// The objects that are back.
    type Reply = Vec<ObjectId>;

    fn action(&self) -> Action {
        Action::Recover
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
            match object.dates.archive.take() {
                Some(_) => Ok(object),
                None => Err(Error::new(ErrorKind::WrongState, "it is not archived")),
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
