//! AdjustAttribute: adds to, subtracts from or negates an attribute.

use crate::attributes::AttributeReference;
use crate::enums::AdjustmentType;
use crate::schema::structure;
use crate::ttlv::Value;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of AdjustAttribute.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.3.
    AdjustAttributeRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// The attribute.
        attribute_reference: AttributeReference = ATTRIBUTE_NAME, V2_0..;
        /// What to do.
        adjustment_type: AdjustmentType = ADJUSTMENT_TYPE, V2_0..;
        /// By how much, of the type of the attribute.
        adjustment_value: Option<Value> = ADJUSTMENT_VALUE, V2_0..;
    }
}

structure! {
    /// The response of AdjustAttribute.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.3.
    AdjustAttributeResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
    }
}
