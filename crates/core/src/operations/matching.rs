//! An operation on a key on condition that the key is still as the caller has seen it: decided in one step.

use super::{Operation, Subject, show::shown};
use crate::{
    access::{Action, Permit},
    error::{Error, ErrorKind, Result},
    request::{Context, Resolved},
};

/// Runs the operation where the key's fingerprint is one of those that the caller knows.
///
/// INVARIANT: whoever may change a key may also read what it is (`access::roles`), so comparing needs no second decision.
pub struct Matching<O> {
    /// The operation.
    pub operation: O,
    /// Fingerprints; see [`super::show::Shown::fingerprint`]. `None`: no condition.
    pub fingerprints: Option<Vec<String>>,
}

impl<O: Operation> Operation for Matching<O> {
    type Reply = O::Reply;

    fn action(&self) -> Action {
        self.operation.action()
    }

    fn subject(&self) -> Subject<'_> {
        self.operation.subject()
    }

    fn reads_the_past(&self) -> bool {
        self.operation.reads_the_past()
    }

    fn run(
        &self,
        permit: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<O::Reply> {
        if let (Some(known), Some(resolved)) = (&self.fingerprints, &resolved) {
            let now = shown(context, resolved.key.clone())?.fingerprint(context.crypto())?;
            if !known.contains(&now) {
                let public = "the key has changed since you read it: read it again, and decide anew";
                return Err(Error::new(ErrorKind::PreconditionFailed, public));
            }
        }
        self.operation.run(permit, context, resolved)
    }
}
