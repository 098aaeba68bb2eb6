//! Check: asks whether a use would be allowed.

use crate::schema::structure;
use crate::values::{CryptographicUsageMask, Interval, UniqueIdentifier};

structure! {
    /// The request of Check.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.7; KMIP 1.4, section 4.10.
    #[derive(Default)]
    CheckRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// Units that would be used.
        usage_limits_count: Option<i64> = USAGE_LIMITS_COUNT, V1_0..;
        /// Uses that are meant.
        cryptographic_usage_mask: Option<CryptographicUsageMask> = CRYPTOGRAPHIC_USAGE_MASK, V1_0..;
        /// Lease that is meant.
        lease_time: Option<Interval> = LEASE_TIME, V1_0..;
    }
}

structure! {
    /// The response of Check.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.7; KMIP 1.4, section 4.10.
    #[derive(Default)]
    CheckResponse {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// Units that may be used, if fewer than asked.
        usage_limits_count: Option<i64> = USAGE_LIMITS_COUNT, V1_0..;
        /// Uses that are allowed, if not all asked.
        cryptographic_usage_mask: Option<CryptographicUsageMask> = CRYPTOGRAPHIC_USAGE_MASK, V1_0..;
        /// Lease that would be given, if shorter.
        lease_time: Option<Interval> = LEASE_TIME, V1_0..;
    }
}
