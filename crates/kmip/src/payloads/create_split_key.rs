//! CreateSplitKey: makes the parts of a key.

use super::storage::ProtectionStorageMasks;
use crate::attributes::TemplateAttribute;
use crate::enums::{ObjectType, SplitKeyMethod};
use crate::schema::structure;
use crate::values::{BigInteger, UniqueIdentifier};

structure! {
    /// The request of CreateSplitKey.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.10; KMIP 1.4, section 4.38.
    CreateSplitKeyRequest {
        /// Kind of object to be made.
        object_type: ObjectType = OBJECT_TYPE, V1_2..;
        /// The key to be split; a new one when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// Parts in all.
        split_key_parts: i32 = SPLIT_KEY_PARTS, V1_0..;
        /// Parts that are needed.
        split_key_threshold: i32 = SPLIT_KEY_THRESHOLD, V1_0..;
        /// How.
        split_key_method: SplitKeyMethod = SPLIT_KEY_METHOD, V1_0..;
        /// The prime of a prime field.
        prime_field_size: Option<BigInteger> = PRIME_FIELD_SIZE, V1_0..;
        /// Attributes of the parts.
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..;
        /// Ways of storing that are acceptable.
        protection_storage_masks: Option<ProtectionStorageMasks> = PROTECTION_STORAGE_MASKS, V2_0..;
    }
}

structure! {
    /// The response of CreateSplitKey.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.10; KMIP 1.4, section 4.38.
    CreateSplitKeyResponse {
        /// The parts, in the order of their numbers.
        unique_identifiers: Vec<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// Attributes that the server set otherwise than asked (1.x).
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..V2_0;
    }
}
