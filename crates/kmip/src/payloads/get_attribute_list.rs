//! GetAttributeList: answers which attributes there are.

use crate::attributes::AttributeReference;
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of GetAttributeList.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.21; KMIP 1.4, section 4.13.
    #[derive(Default)]
    GetAttributeListRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
    }
}

structure! {
    /// The response of GetAttributeList.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.21; KMIP 1.4, section 4.13.
    GetAttributeListResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// What the object has.
        attribute_references: Vec<AttributeReference> = ATTRIBUTE_NAME, V1_0..;
    }
}
