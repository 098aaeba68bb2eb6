//! Hash: hashes data.

use crate::attributes::CryptographicParameters;
use crate::schema::structure;
use crate::values::Data;

structure! {
    /// The request of Hash. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.24; KMIP 1.4, section 4.37.
    HashRequest {
        /// Which hash function.
        cryptographic_parameters: CryptographicParameters = CRYPTOGRAPHIC_PARAMETERS, V1_2..;
        /// What to hash. Holds a secret.
        data: Option<Data> = DATA, V1_2..;
        /// Names the stream that this part belongs to.
        correlation_value: Option<Vec<u8>> = CORRELATION_VALUE, V1_3..;
        /// First part of a stream.
        init_indicator: Option<bool> = INIT_INDICATOR, V1_3..;
        /// Last part of a stream.
        final_indicator: Option<bool> = FINAL_INDICATOR, V1_3..;
    }
}

structure! {
    /// The response of Hash.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.24; KMIP 1.4, section 4.37.
    HashResponse {
        /// The hash.
        data: Option<Vec<u8>> = DATA, V1_2..;
        /// Names the stream that this part belongs to.
        correlation_value: Option<Vec<u8>> = CORRELATION_VALUE, V1_3..;
    }
}
