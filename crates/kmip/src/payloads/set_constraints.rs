//! Set Constraints: says what new objects must be like.

use super::query::{ObjectGroups, ObjectTypes};
use crate::attributes::Attributes;
use crate::schema::structure;

structure! {
    /// The request of Set Constraints.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.52.
    #[derive(Default)]
    SetConstraintsRequest {
        /// The constraints from now on.
        constraints: Constraints = CONSTRAINTS, V2_1..;
    }
}

structure! {
    /// The response of Set Constraints: empty.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.52.
    #[derive(Default)]
    SetConstraintsResponse {}
}

structure! {
    /// All constraints.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.7.
    #[derive(Clone, Debug, Default, PartialEq)]
    Constraints {
        /// Each of them.
        constraints: Vec<Constraint> = CONSTRAINT, V2_1..;
    }
}

structure! {
    /// A constraint on operations that make objects.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.6.
    #[derive(Clone, Debug, Default, PartialEq)]
    Constraint {
        /// Kinds that it is about; all where absent.
        object_types: Option<ObjectTypes> = OBJECT_TYPES, V2_1..;
        /// Groups that it is about; all where absent.
        object_groups: Option<ObjectGroups> = OBJECT_GROUPS, V2_1..;
        /// What their attributes must be.
        attributes: Option<Attributes> = ATTRIBUTE, V2_1..;
    }
}
