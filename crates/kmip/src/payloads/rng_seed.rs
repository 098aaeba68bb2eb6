//! RngSeed: adds to the seed of the random number generator.

use crate::schema::structure;
use crate::values::Data;

structure! {
    /// The request of RngSeed. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.50; KMIP 1.4, section 4.36.
    RngSeedRequest {
        /// The seed. Holds a secret.
        data: Data = DATA, V1_2..;
    }
}

structure! {
    /// The response of RngSeed.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.50; KMIP 1.4, section 4.36.
    RngSeedResponse {
        /// How many bytes of it were used.
        data_length: i32 = DATA_LENGTH, V1_2..;
    }
}
