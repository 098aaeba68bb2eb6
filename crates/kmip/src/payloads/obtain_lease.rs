//! Obtain Lease: for how long an object may be used before asking again.

use crate::schema::structure;
use crate::values::{DateTime, Interval, UniqueIdentifier};

structure! {
    /// The request of Obtain Lease.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.35; KMIP 1.4, section 4.16.
    #[derive(Default)]
    ObtainLeaseRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
    }
}

structure! {
    /// The response of Obtain Lease.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.35; KMIP 1.4, section 4.16.
    ObtainLeaseResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// How long the lease holds from now on.
        lease_time: Interval = LEASE_TIME, V1_0..;
        /// When the object was last changed.
        last_change_date: DateTime = LAST_CHANGE_DATE, V1_0..;
    }
}
