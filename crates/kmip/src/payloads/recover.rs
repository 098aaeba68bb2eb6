//! Recover: takes an archived object back.

use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of Recover.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.42; KMIP 1.4, section 4.23.
    #[derive(Default)]
    RecoverRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
    }
}

structure! {
    /// The response of Recover.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.42; KMIP 1.4, section 4.23.
    RecoverResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
    }
}
