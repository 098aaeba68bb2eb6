//! Revoke: revokes an object.

use crate::attributes::RevocationReason;
use crate::schema::structure;
use crate::values::{DateTime, UniqueIdentifier};

structure! {
    /// The request of Revoke.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.44; KMIP 1.4, section 4.20.
    RevokeRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// Why.
        revocation_reason: RevocationReason = REVOCATION_REASON, V1_0..;
        /// Since when it may have been compromised.
        compromise_occurrence_date: Option<DateTime> = COMPROMISE_OCCURRENCE_DATE, V1_0..;
    }
}

structure! {
    /// The response of Revoke.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.44; KMIP 1.4, section 4.20.
    RevokeResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
    }
}
