//! Create: makes a symmetric key.

use super::storage::ProtectionStorageMasks;
use crate::attributes::TemplateAttribute;
use crate::enums::ObjectType;
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of Create.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.8; KMIP 1.4, section 4.1.
    CreateRequest {
        /// Kind of object.
        object_type: ObjectType = OBJECT_TYPE, V1_0..;
        /// Attributes of the new object.
        template_attribute: TemplateAttribute = TEMPLATE_ATTRIBUTE, V1_0..;
        /// Ways of storing that are acceptable.
        protection_storage_masks: Option<ProtectionStorageMasks> = PROTECTION_STORAGE_MASKS, V2_0..;
    }
}

structure! {
    /// The response of Create.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.8; KMIP 1.4, section 4.1.
    CreateResponse {
        /// Kind of object.
        object_type: ObjectType = OBJECT_TYPE, V1_0..;
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// Attributes that the server set otherwise than asked (1.x).
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..V2_0;
    }
}
