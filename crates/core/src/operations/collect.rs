//! Collect: the answer to what was asked for before is fetched. Asks once more whether it may be had, and puts on record that it
//! is. Not here: the answer, which the front-end keeps.

use super::{Operation, Subject};
use crate::{
    access::{Action, Permit},
    error::{Error, ErrorKind, Result},
    request::{Context, Reference, Resolved},
};

/// Lets the answer be fetched where the caller may ask for the same now.
pub struct Collect {
    /// What was asked for.
    pub action: Action,
    /// Of which key or object.
    pub subject: Option<Reference>,
}

impl Operation for Collect {
    type Reply = ();

    fn action(&self) -> Action {
        self.action
    }

    fn subject(&self) -> Subject<'_> {
        self.subject.as_ref().map_or(Subject::Realm, Subject::Key)
    }

    // It was spent when it was done.
    fn spends_approval(&self) -> bool {
        false
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<()> {
        context.note_detail("its answer is fetched");
        if let Some(Resolved { object: Some(id), .. }) = resolved
            && context.object(id)?.state.is_destroyed()
        {
            return Err(Error::new(ErrorKind::Destroyed, "it was destroyed since this was asked for"));
        }
        Ok(())
    }
}
