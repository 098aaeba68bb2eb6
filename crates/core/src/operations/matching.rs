//! An operation on a key on condition that the key is still as the caller has seen it: decided in one step.

use super::{Operation, Subject, show::shown};
use crate::{
    access::{
        Action, Permit,
        approvals::{Person, Terms},
    },
    error::{Error, ErrorKind, Result},
    request::{Context, Resolved},
};

/// The fingerprint of any key.
pub const ANY: &str = "*";

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

    fn encryption_context(&self) -> &[u8] {
        self.operation.encryption_context()
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        self.operation.terms(context)
    }

    fn person(&self, context: &mut Context<'_>) -> Result<Option<Person>> {
        self.operation.person(context)
    }

    fn also(&self) -> Vec<Action> {
        self.operation.also()
    }

    fn spends_approval(&self) -> bool {
        self.operation.spends_approval()
    }

    fn reads_the_past(&self) -> bool {
        self.operation.reads_the_past()
    }

    fn takes_long(&self) -> bool {
        self.operation.takes_long()
    }

    fn run(
        &self,
        permit: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<O::Reply> {
        match (&self.fingerprints, &resolved) {
            (None, _) => {}
            (Some(_), None) => {
                let public = "If-Match is about a key that is there, and this request is about none";
                return Err(Error::new(ErrorKind::PreconditionFailed, public));
            }
            // What is not there is refused before this.
            (Some(known), Some(_)) if known.iter().any(|known| known == ANY) => {}
            (Some(known), Some(resolved)) => {
                let now = shown(context, resolved.key.clone())?.fingerprint(context.crypto())?;
                if !known.contains(&now) {
                    let public = "the key has changed since you read it: read it again, and decide anew";
                    return Err(Error::new(ErrorKind::PreconditionFailed, public));
                }
            }
        }
        self.operation.run(permit, context, resolved)
    }
}
