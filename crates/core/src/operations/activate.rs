//! Activate: from PreActive to Active, now.

use super::{Operation, Subject, subject, versions::change_each};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::Result,
    lifecycle::{self, Move},
    model::ObjectId,
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
            let now = context.now();
            let mut object = object.clone();
            object.state = lifecycle::next_state(lifecycle::state_at(&object, now), Move::Activate)?;
            object.dates.activation = Some(now);
            Ok(object)
        })
    }
}
