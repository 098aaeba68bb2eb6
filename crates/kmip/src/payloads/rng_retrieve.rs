//! RngRetrieve: answers random bytes.

use crate::schema::structure;
use crate::secret::SecretBytes;

structure! {
    /// The request of RngRetrieve.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.49; KMIP 1.4, section 4.35.
    RngRetrieveRequest {
        /// How many bytes.
        data_length: i32 = DATA_LENGTH, V1_2..;
    }
}

structure! {
    /// The response of RngRetrieve. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.49; KMIP 1.4, section 4.35.
    RngRetrieveResponse {
        /// Random bytes; absent where they were not to be told (Ephemeral). Holds a secret.
        data: Option<SecretBytes> = DATA, V1_2..;
    }
}
