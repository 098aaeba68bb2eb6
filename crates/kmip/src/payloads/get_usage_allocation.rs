//! Get Usage Allocation: takes units of an object's Usage Limits in advance.

use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of Get Usage Allocation.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.23; KMIP 1.4, section 4.17.
    GetUsageAllocationRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// Units to be protected.
        usage_limits_count: i64 = USAGE_LIMITS_COUNT, V1_0..;
    }
}

structure! {
    /// The response of Get Usage Allocation.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.23; KMIP 1.4, section 4.17.
    GetUsageAllocationResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
    }
}
