//! An operation on a key, and the key as it is then: in one entry, under one permit.

use super::{
    Operation, Subject,
    show::{Shown, shown},
};
use crate::{
    access::{
        Action, Permit,
        approvals::{Person, Terms},
    },
    error::{Error, Result},
    request::{Context, Resolved},
};

/// Runs the operation, and shows the key that it made or changed.
///
/// INVARIANT: whoever may make or manage a key may also read what it is (`access::roles`), so showing it needs no
/// second decision.
pub struct ThenShow<O>(pub O);

impl<O: Operation> Operation for ThenShow<O> {
    type Reply = (O::Reply, Shown);

    fn action(&self) -> Action {
        self.0.action()
    }

    fn subject(&self) -> Subject<'_> {
        self.0.subject()
    }

    fn encryption_context(&self) -> &[u8] {
        self.0.encryption_context()
    }

    fn terms(&self, context: &mut Context<'_>) -> Result<Option<Terms>> {
        self.0.terms(context)
    }

    fn person(&self, context: &mut Context<'_>) -> Result<Option<Person>> {
        self.0.person(context)
    }

    fn also(&self) -> Vec<Action> {
        self.0.also()
    }

    fn spends_approval(&self) -> bool {
        self.0.spends_approval()
    }

    fn reads_the_past(&self) -> bool {
        self.0.reads_the_past()
    }

    fn takes_long(&self) -> bool {
        self.0.takes_long()
    }

    fn run(
        &self,
        permit: &Permit,
        context: &mut Context<'_>,
        resolved: Option<Resolved>,
    ) -> Result<Self::Reply> {
        let reply = self.0.run(permit, context, resolved)?;
        let noted =
            context.noted_key().ok_or_else(|| Error::internal("an operation on no key was to show it"))?;
        let key = context.key(noted)?;
        Ok((reply, shown(context, key)?))
    }
}
