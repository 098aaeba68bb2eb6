//! ModifyAttribute: changes the value of an attribute.

use crate::attributes::Attribute;
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of ModifyAttribute.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.34; KMIP 1.4, section 4.15.
    ModifyAttributeRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// The value to change, for an attribute with several.
        current_attribute: Option<Attribute> = CURRENT_ATTRIBUTE, V2_0..;
        /// The new value; in 1.x its index says which one is changed.
        attribute: Attribute = NEW_ATTRIBUTE, V1_0..;
    }
}

structure! {
    /// The response of ModifyAttribute.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.34; KMIP 1.4, section 4.15.
    ModifyAttributeResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// The attribute as changed (1.x).
        attribute: Option<Attribute> = ATTRIBUTE, V1_0..V2_0;
    }
}
