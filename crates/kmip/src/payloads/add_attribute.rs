//! AddAttribute: adds an attribute or one more value of it.

use crate::attributes::Attribute;
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of AddAttribute.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.2; KMIP 1.4, section 4.14.
    AddAttributeRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// What to add.
        attribute: Attribute = NEW_ATTRIBUTE, V1_0..;
    }
}

structure! {
    /// The response of AddAttribute.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.2; KMIP 1.4, section 4.14.
    AddAttributeResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// What was added (1.x).
        attribute: Option<Attribute> = ATTRIBUTE, V1_0..V2_0;
    }
}
