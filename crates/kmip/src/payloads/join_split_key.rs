//! JoinSplitKey: makes a key of its parts.

use super::storage::ProtectionStorageMasks;
use crate::attributes::TemplateAttribute;
use crate::enums::{ObjectType, SecretDataType};
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of JoinSplitKey.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.27; KMIP 1.4, section 4.39.
    JoinSplitKeyRequest {
        /// Kind of object to be made.
        object_type: ObjectType = OBJECT_TYPE, V1_2..;
        /// The parts.
        unique_identifiers: Vec<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// Password or seed, of secret data.
        secret_data_type: Option<SecretDataType> = SECRET_DATA_TYPE, V1_2..;
        /// Attributes of the new object.
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..;
        /// Ways of storing that are acceptable.
        protection_storage_masks: Option<ProtectionStorageMasks> = PROTECTION_STORAGE_MASKS, V2_0..;
    }
}

structure! {
    /// The response of JoinSplitKey.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.27; KMIP 1.4, section 4.39.
    JoinSplitKeyResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// Attributes that the server set otherwise than asked (1.x).
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..V2_0;
    }
}
