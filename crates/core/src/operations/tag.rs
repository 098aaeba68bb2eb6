//! Tag: sets and removes free labels of a key.

use std::{collections::BTreeMap, sync::Arc};

use super::{Operation, Subject, create::check_tags, subject};
use crate::{
    access::{Action, Permit},
    error::Result,
    model::Key,
    record::Record,
    request::{Context, Reference, Resolved},
};

/// Changes the tags of a key; those that are not named stay.
pub struct Tag {
    /// The key.
    pub key: Reference,
    /// The value that each shall have; `None`: it shall be gone.
    pub tags: BTreeMap<String, Option<String>>,
}

impl Operation for Tag {
    type Reply = Arc<Key>;

    fn action(&self) -> Action {
        Action::Tag
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Key(&self.key)
    }

    fn run(&self, _: &Permit, context: &mut Context<'_>, resolved: Option<Resolved>) -> Result<Arc<Key>> {
        let before = subject(resolved)?.key;
        let mut key = Key::clone(&before);
        for (name, value) in &self.tags {
            match value {
                Some(value) => drop(key.tags.insert(name.clone(), value.clone())),
                None => drop(key.tags.remove(name)),
            }
        }
        check_tags(&key.tags)?;
        if key == *before {
            return Ok(before);
        }
        let key = Arc::new(key);
        context.put(Record::Key(Arc::clone(&key)));
        Ok(key)
    }
}
