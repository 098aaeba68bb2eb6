//! Administer: puts on record what an administrator does to the store itself and not to what is in it, such as changing
//! what unlocks its root key. Not here: what is done, which whoever makes the operation knows.

use parking_lot::Mutex;

use super::{Operation, Subject};
use crate::{
    access::{Action, Permit},
    error::{Error, Result},
    request::{Context, Resolved},
};

/// What is done, once; the text goes on record with it and holds no secret.
type Deed<R> = Box<dyn FnOnce() -> Result<(R, String)> + Send>;

/// Something that is done to the store by one who may. It changes no record, so that its entry never becomes stale, and
/// is on record after it was done.
pub struct Administer<R> {
    action: Action,
    deed: Mutex<Option<Deed<R>>>,
}

impl<R> Administer<R> {
    /// `deed` is run once, if the action is allowed; it gives the reply and a detail for the record without a secret.
    pub fn new(action: Action, deed: impl FnOnce() -> Result<(R, String)> + Send + 'static) -> Self {
        Self { action, deed: Mutex::new(Some(Box::new(deed))) }
    }
}

impl<R: Send + 'static> Operation for Administer<R> {
    type Reply = R;

    fn action(&self) -> Action {
        self.action
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<R> {
        let deed = self.deed.lock().take();
        let deed = deed.ok_or_else(|| Error::internal("what can be done once was asked for twice"))?;
        let (reply, detail) = deed()?;
        context.note_detail(detail);
        Ok(reply)
    }
}
