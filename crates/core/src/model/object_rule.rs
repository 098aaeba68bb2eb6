//! What an administrator says about new objects of a realm: what they get by default, and what they must be like.

use serde::{Deserialize, Serialize};

use super::{AttributeName, ObjectType, Value};

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// Values for attributes that a request leaves out.
    Defaults,
    /// Values that attributes must have.
    Constraints,
}

/// Attributes of new objects of some kinds, in some groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectRule {
    /// Kinds of object; none: all.
    pub object_types: Vec<ObjectType>,
    /// Groups, of which an object is in one; none: all objects.
    pub groups: Vec<String>,
    /// The attributes; of one that stands there several times a constraint takes any of the values.
    pub attributes: Vec<(AttributeName, Value)>,
}

impl ObjectRule {
    /// Whether it is about such an object.
    pub fn is_about(&self, object_type: ObjectType, groups: &[String]) -> bool {
        (self.object_types.is_empty() || self.object_types.contains(&object_type))
            && (self.groups.is_empty() || self.groups.iter().any(|group| groups.contains(group)))
    }
}
