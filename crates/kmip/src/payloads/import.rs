//! Import: takes in an object with all its attributes, under an identifier that the client chooses.

use crate::attributes::Attributes;
use crate::enums::{KeyWrapType, ObjectType};
use crate::objects::ManagedObject;
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of Import. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.25; KMIP 1.4, section 4.41.
    ImportRequest {
        /// What the object is to be called.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_4..;
        /// Kind of object; in 1.4 the object alone tells it.
        object_type: Option<ObjectType> = OBJECT_TYPE, V2_0..;
        /// Whether an object of this identifier gives way.
        replace_existing: Option<bool> = REPLACE_EXISTING, V1_4..;
        /// Whether a wrapped key is unwrapped before it is stored.
        key_wrap_type: Option<KeyWrapType> = KEY_WRAP_TYPE, V1_4..;
        /// All that is known of the object.
        attributes: Attributes = ATTRIBUTE, V1_4..;
        /// The object. Holds a secret.
        object: ManagedObject = OBJECT, V1_4..;
    }
}

structure! {
    /// The response of Import.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.25; KMIP 1.4, section 4.41.
    ImportResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_4..;
    }
}
