//! Destroy: destroys the key material of an object.

use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of Destroy.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.15; KMIP 1.4, section 4.21.
    #[derive(Default)]
    DestroyRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
    }
}

structure! {
    /// The response of Destroy.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.15; KMIP 1.4, section 4.21.
    DestroyResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
    }
}
