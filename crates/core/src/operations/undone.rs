//! Undone: an operation that was not done because its batch could not be done as a whole. Puts that on record.

use super::{Operation, Subject};
use crate::{
    access::{Action, Permit},
    error::{Error, ErrorKind, Result},
    request::{Context, Reference, Resolved},
};

/// Records a failure and does nothing.
pub struct Undone {
    /// What would have been done.
    pub action: Action,
    /// To which key or object.
    pub subject: Option<Reference>,
    /// Why it was not. Holds no secret.
    pub detail: String,
}

impl Operation for Undone {
    type Reply = ();

    fn action(&self) -> Action {
        self.action
    }

    fn subject(&self) -> Subject<'_> {
        self.subject.as_ref().map_or(Subject::Realm, Subject::Key)
    }

    fn run(&self, _: &Permit, _: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        Err(Error::new(ErrorKind::Conflict, self.detail.clone()))
    }
}
