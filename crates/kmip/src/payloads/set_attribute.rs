//! SetAttribute: sets an attribute that has one value.

use crate::attributes::Attribute;
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of SetAttribute.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.51.
    SetAttributeRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// The value.
        attribute: Attribute = NEW_ATTRIBUTE, V2_0..;
    }
}

structure! {
    /// The response of SetAttribute.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.51.
    SetAttributeResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
    }
}
