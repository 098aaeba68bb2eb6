//! Show: a key with its versions, without any material.

use std::sync::Arc;

use super::{Operation, Subject, subject};
use crate::{
    access::{Action, Permit},
    error::Result,
    lifecycle,
    model::{Key, ManagedObject, State},
    request::{Context, Reference, Resolved},
};

/// Shows a key.
pub struct Show {
    /// Key or object.
    pub key: Reference,
}

/// A key as it is now.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The key.
    pub key: Arc<Key>,
    /// Name of its owner.
    pub owner: String,
    /// Its objects with their states now, oldest version first, the private half before the public one.
    pub objects: Vec<(Arc<ManagedObject>, State)>,
}

impl Operation for Show {
    type Reply = Shown;

    fn action(&self) -> Action {
        Action::GetAttributes
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Shown> {
        let key = subject(resolved)?.key;
        shown(context, key)
    }
}

/// The key with its objects.
pub(super) fn shown(context: &mut Context<'_>, key: Arc<Key>) -> Result<Shown> {
    let mut objects = Vec::new();
    for id in key.objects() {
        let object = context.object(id)?;
        let state = lifecycle::shown_at(&object, context.now());
        objects.push((object, state));
    }
    let owner = super::principals::name_of(context, key.owner)?;
    Ok(Shown { key, owner, objects })
}
