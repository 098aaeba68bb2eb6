//! DeleteAttribute: removes an attribute.

use crate::attributes::{Attribute, AttributeReference};
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of DeleteAttribute.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.13; KMIP 1.4, section 4.16.
    #[derive(Default)]
    DeleteAttributeRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// The value to remove, for an attribute with several.
        current_attribute: Option<Attribute> = CURRENT_ATTRIBUTE, V2_0..;
        /// The attribute; required in 1.x.
        attribute_reference: Option<AttributeReference> = ATTRIBUTE_NAME, V1_0..;
        /// Which of several values, from 0 (1.x).
        attribute_index: Option<i32> = ATTRIBUTE_INDEX, V1_0..V2_0;
    }
}

structure! {
    /// The response of DeleteAttribute.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.13; KMIP 1.4, section 4.16.
    DeleteAttributeResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// What was removed (1.x).
        attribute: Option<Attribute> = ATTRIBUTE, V1_0..V2_0;
    }
}
