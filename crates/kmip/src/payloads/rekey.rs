//! ReKey: makes a new key in the place of an old one.

use super::storage::ProtectionStorageMasks;
use crate::attributes::TemplateAttribute;
use crate::schema::structure;
use crate::values::{Interval, UniqueIdentifier};

structure! {
    /// The request of ReKey.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.46; KMIP 1.4, section 4.4.
    #[derive(Default)]
    ReKeyRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// Seconds between the initial and the activation date of the new key.
        offset: Option<Interval> = OFFSET, V1_0..;
        /// Attributes of the new object.
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..;
        /// Ways of storing that are acceptable.
        protection_storage_masks: Option<ProtectionStorageMasks> = PROTECTION_STORAGE_MASKS, V2_0..;
    }
}

structure! {
    /// The response of ReKey.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.46; KMIP 1.4, section 4.4.
    ReKeyResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// Attributes that the server set otherwise than asked (1.x).
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..V2_0;
    }
}
