//! Archive: sets an object aside.

use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// The request of Archive.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.4; KMIP 1.4, section 4.22.
    #[derive(Default)]
    ArchiveRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
    }
}

structure! {
    /// The response of Archive.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.4; KMIP 1.4, section 4.22.
    ArchiveResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
    }
}
