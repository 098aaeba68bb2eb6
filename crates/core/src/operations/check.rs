//! Check: whether a use of a key would be allowed. Uses nothing.

use super::{Operation, Subject, subject, usage_limits};
use crate::{
    access::{Action, Permit},
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{ObjectId, UsageMask},
    request::{Context, Reference, Resolved},
};

/// Checks an object.
pub struct Check {
    /// Key or object.
    pub key: Reference,
    /// Units that the client means to protect.
    pub units: Option<u64>,
    /// Uses that the client means.
    pub usage: Option<UsageMask>,
    /// Lease that the client wants, in seconds.
    pub lease_seconds: Option<u32>,
}

impl Operation for Check {
    /// The object that was checked.
    type Reply = ObjectId;

    fn action(&self) -> Action {
        Action::Check
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<ObjectId> {
        let resolved = subject(resolved)?;
        let object = context.object(resolved.object_id()?)?;
        context.note(object.key, Some(object.id));
        if lifecycle::state_at(&object, context.now()).is_destroyed() {
            return Err(Error::new(ErrorKind::Destroyed, format!("object {} was destroyed", object.id)));
        }
        lifecycle::require_serving(&object)?;
        if let Some(wanted) = self.usage.filter(|wanted| !object.usage.allows(*wanted)) {
            let public = format!("the usage mask of this key does not allow: {}", wanted.words().join(", "));
            return Err(Error::new(ErrorKind::WrongUsage, public));
        }
        if let Some(units) = self.units {
            usage_limits::check(context, &object, units)?;
        }
        let lease_seconds = resolved.key.policy.lease_seconds();
        if self.lease_seconds.is_some_and(|wanted| wanted > lease_seconds) {
            let public = format!("leases on this key are at most {lease_seconds} seconds long");
            return Err(Error::new(ErrorKind::Denied, public));
        }
        Ok(object.id)
    }
}
