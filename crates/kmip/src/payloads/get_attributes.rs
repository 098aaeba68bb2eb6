//! GetAttributes: answers attributes.

use crate::attributes::{AttributeReference, Attributes};
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of GetAttributes.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.20; KMIP 1.4, section 4.12.
    #[derive(Default)]
    GetAttributesRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// Which attributes; all when empty.
        attribute_references: Vec<AttributeReference> = ATTRIBUTE_NAME, V1_0..;
    }
}

structure! {
    /// The response of GetAttributes.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.20; KMIP 1.4, section 4.12.
    GetAttributesResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// The attributes.
        attributes: Attributes = ATTRIBUTE, V1_0..;
    }
}
