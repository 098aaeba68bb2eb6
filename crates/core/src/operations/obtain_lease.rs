//! Obtain lease: for how long a client may go on using a copy of a key before it asks again.
//!
//! # Standard
//! KMIP 2.1 section 6.1.35 (Obtain Lease).

use super::{Operation, Subject, subject};
use crate::{
    access::{Action, Permit},
    error::{Error, ErrorKind, Result},
    lifecycle,
    model::{ObjectId, State, Time},
    request::{Context, Reference, Resolved},
};

/// Obtains a lease, or renews it.
pub struct ObtainLease {
    /// Key or object.
    pub key: Reference,
}

/// A lease. Nobody is told of what happens to the object meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The object.
    pub object: ObjectId,
    /// From now on, in seconds.
    pub lease_seconds: u32,
    /// When the object was last changed: whoever saw an older one should get it again.
    pub last_change: Time,
}

impl Operation for ObtainLease {
    type Reply = Lease;

    fn action(&self) -> Action {
        Action::ObtainLease
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Lease> {
        let resolved = subject(resolved)?;
        let object = context.object(resolved.object_id()?)?;
        context.note(object.key, Some(object.id));
        let state = lifecycle::state_at(&object, context.now());
        if state.is_destroyed() {
            return Err(Error::new(ErrorKind::Destroyed, format!("object {} was destroyed", object.id)));
        }
        lifecycle::require_serving(&object)?;
        if state == State::Compromised {
            return Err(Error::new(ErrorKind::Denied, "no lease is given on a compromised key"));
        }
        let lease_seconds = resolved.key.policy.lease_seconds();
        context.note_detail(format!("{lease_seconds} seconds"));
        Ok(Lease { object: object.id, lease_seconds, last_change: object.dates.last_change })
    }
}
