//! ReKeyKeyPair: makes a new pair in the place of an old one.

use super::storage::ProtectionStorageMasks;
use crate::attributes::TemplateAttribute;
use crate::schema::structure;
use crate::values::{Interval, UniqueIdentifier};

structure! {
    /// The request of ReKeyKeyPair.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.47; KMIP 1.4, section 4.5.
    #[derive(Default)]
    ReKeyKeyPairRequest {
        /// The private key of the old pair; the ID placeholder when absent.
        private_key_unique_identifier: Option<UniqueIdentifier> = PRIVATE_KEY_UNIQUE_IDENTIFIER, V1_0..;
        /// Seconds between the initial and the activation date of the new key.
        offset: Option<Interval> = OFFSET, V1_0..;
        /// Attributes of both keys.
        common_template_attribute: Option<TemplateAttribute> = COMMON_TEMPLATE_ATTRIBUTE, V1_0..;
        /// Attributes of the private key.
        private_key_template_attribute: Option<TemplateAttribute> = PRIVATE_KEY_TEMPLATE_ATTRIBUTE, V1_0..;
        /// Attributes of the public key.
        public_key_template_attribute: Option<TemplateAttribute> = PUBLIC_KEY_TEMPLATE_ATTRIBUTE, V1_0..;
        /// Ways of storing that are acceptable for both keys.
        common_protection_storage_masks: Option<ProtectionStorageMasks> = COMMON_PROTECTION_STORAGE_MASKS, V2_0..;
        /// Ways of storing that are acceptable for the private key.
        private_protection_storage_masks: Option<ProtectionStorageMasks> = PRIVATE_PROTECTION_STORAGE_MASKS, V2_0..;
        /// Ways of storing that are acceptable for the public key.
        public_protection_storage_masks: Option<ProtectionStorageMasks> = PUBLIC_PROTECTION_STORAGE_MASKS, V2_0..;
    }
}

structure! {
    /// The response of ReKeyKeyPair.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.47; KMIP 1.4, section 4.5.
    ReKeyKeyPairResponse {
        /// The private key.
        private_key_unique_identifier: UniqueIdentifier = PRIVATE_KEY_UNIQUE_IDENTIFIER, V1_0..;
        /// The public key.
        public_key_unique_identifier: UniqueIdentifier = PUBLIC_KEY_UNIQUE_IDENTIFIER, V1_0..;
        /// Attributes that the server set otherwise than asked (1.x).
        private_key_template_attribute: Option<TemplateAttribute> = PRIVATE_KEY_TEMPLATE_ATTRIBUTE, V1_0..V2_0;
        /// Attributes that the server set otherwise than asked (1.x).
        public_key_template_attribute: Option<TemplateAttribute> = PUBLIC_KEY_TEMPLATE_ATTRIBUTE, V1_0..V2_0;
    }
}
