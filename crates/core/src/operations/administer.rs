//! Administer: puts on record what an administrator does to the store itself and not to what is in it, such as changing
//! what unlocks its root key. Not here: what is done, which whoever makes the operation knows.

use parking_lot::Mutex;

use super::{Operation, Subject};
use crate::{
    access::{Action, Permit, approvals::Terms},
    error::{Error, Result},
    request::{Context, Resolved},
};

/// What is done, once; the text goes on record with it and holds no secret.
type Deed<R> = Box<dyn FnOnce() -> Result<(R, String)> + Send>;

/// Says that something is about to be done to the store: it is on record before anything is changed, and where others must
/// approve, it waits for them and spends what they approved, once.
pub struct Announce {
    /// What is about to be done.
    pub action: Action,
    /// What is done by the way, and must be allowed and approved like it.
    pub also: &'static [Action],
    /// All that it would do. Holds no secret.
    pub terms: Terms,
}

impl Operation for Announce {
    type Reply = ();

    fn action(&self) -> Action {
        self.action
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Realm
    }

    fn also(&self) -> Vec<Action> {
        self.also.to_vec()
    }

    fn terms(&self, _: &mut Context<'_>) -> Result<Option<Terms>> {
        Ok(Some(self.terms.clone()))
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<()> {
        context.note_detail("begins");
        Ok(())
    }
}

/// Something that is done to the store by one who may. It changes no record, so that its entry never becomes stale, and
/// is on record after it was done.
pub struct Administer<R> {
    action: Action,
    is_announced: bool,
    deed: Mutex<Option<Deed<R>>>,
}

impl<R> Administer<R> {
    /// `deed` is run once, if the action is allowed; it gives the reply and a detail for the record without a secret.
    pub fn new(action: Action, deed: impl FnOnce() -> Result<(R, String)> + Send + 'static) -> Self {
        Self { action, is_announced: false, deed: Mutex::new(Some(Box::new(deed))) }
    }

    /// The same, behind an [`Announce`] of this very request that was done.
    pub fn announced(self) -> Self {
        Self { is_announced: true, ..self }
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

    fn spends_approval(&self) -> bool {
        !self.is_announced
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, _: Option<Resolved>) -> Result<R> {
        let deed = self.deed.lock().take();
        let deed = deed.ok_or_else(|| Error::internal("what can be done once was asked for twice"))?;
        let (reply, detail) = deed()?;
        context.note_detail(detail);
        Ok(reply)
    }
}
