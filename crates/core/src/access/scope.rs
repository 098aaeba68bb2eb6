//! Scopes: the objects that a caller's power is narrowed to. Not here: who narrows it, and to which operations (front-ends).

use std::collections::BTreeSet;

use crate::model::{ManagedObject, ObjectId};

/// What is in at least one of these parts. It gives no power, it only takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(pub Vec<ScopePart>);

/// What is among these objects and in one of these groups; what is `None` takes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopePart {
    /// Objects by their ids.
    pub objects: Option<BTreeSet<ObjectId>>,
    /// Object groups, as the objects are in them when they are asked for.
    pub groups: Option<BTreeSet<String>>,
}

impl Scope {
    /// Whether the object is one of these.
    pub fn holds(&self, object: &ManagedObject) -> bool {
        self.0.iter().any(|part| {
            part.objects.as_ref().is_none_or(|objects| objects.contains(&object.id))
                && part
                    .groups
                    .as_ref()
                    .is_none_or(|groups| object.groups.iter().any(|group| groups.contains(group)))
        })
    }
}
