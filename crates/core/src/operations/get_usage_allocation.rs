//! Get usage allocation: takes units of a key's usage limits in advance, for a client that uses the key by itself.
//!
//! # Standard
//! KMIP 2.1 section 6.1.23 (Get Usage Allocation).

use super::{Operation, Subject, subject, usage_limits};
use crate::{
    access::{Action, Permit},
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::ObjectId,
    request::{Context, Reference, Resolved},
};

/// Takes units of an object's usage limits.
pub struct GetUsageAllocation {
    /// Key or object.
    pub key: Reference,
    /// Units, bytes or uses, as the limits count.
    pub units: u64,
}

impl Operation for GetUsageAllocation {
    /// The object.
    type Reply = ObjectId;

    fn action(&self) -> Action {
        Action::GetUsageAllocation
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<ObjectId> {
        let object = context.object(subject(resolved)?.object_id()?)?;
        context.hold(&object);
        context.note(object.key, Some(object.id));
        lifecycle::require_protect(&object, context.now())?;
        if !usage_limits::allocate(context, &object, self.units)? {
            let public = "this key has no usage limits to allocate from";
            return Err(Error::new(ErrorKind::AttributeNotFound, public));
        }
        context.note_detail(format!("{} units", self.units));
        Ok(object.id)
    }
}
