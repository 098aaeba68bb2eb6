//! Activate: makes an object active.

use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of Activate.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.1; KMIP 1.4, section 4.19.
    #[derive(Default)]
    ActivateRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
    }
}

structure! {
    /// The response of Activate.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.1; KMIP 1.4, section 4.19.
    ActivateResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
    }
}
