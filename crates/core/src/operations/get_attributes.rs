//! Get attributes: what is known of one object, by name.

use std::sync::Arc;

use super::{Operation, Subject, subject, usage_limits};
use crate::{
    access::{Action, Permit},
    attributes::View,
    error::Result,
    model::{AttributeName, ManagedObject, Value},
    request::{Context, Reference, Resolved},
};

/// Reads attributes of an object, destroyed ones too; of a key those of its newest version.
pub struct GetAttributes {
    /// Key or object.
    pub key: Reference,
    /// Which; `None`: all that it has.
    pub names: Option<Vec<AttributeName>>,
}

/// Attributes of an object at one instant.
pub struct Attributes {
    /// The object.
    pub object: Arc<ManagedObject>,
    /// Those that were asked for and are there, in that order, each with its values by index.
    pub attributes: Vec<(AttributeName, Vec<Value>)>,
}

impl Operation for GetAttributes {
    type Reply = Attributes;

    fn action(&self) -> Action {
        Action::GetAttributes
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Attributes> {
        let resolved = subject(resolved)?;
        let object = context.object(resolved.object_id()?)?;
        let view = View {
            object: &object,
            spent: usage_limits::spent(context, &object)?,
            lease_seconds: resolved.key.policy.lease_seconds(),
            now: context.now(),
            crypto: context.crypto(),
        };
        let names = match &self.names {
            Some(names) => names.clone(),
            None => view.present(),
        };
        let read = names.into_iter().map(|name| {
            let values = view.read(&name);
            (name, values)
        });
        let attributes = read.filter(|(_, values)| !values.is_empty()).collect();
        context.note(object.key, Some(object.id));
        Ok(Attributes { object, attributes })
    }
}
