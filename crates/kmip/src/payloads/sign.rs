//! Sign: signs data.

use crate::attributes::CryptographicParameters;
use crate::schema::structure;
use crate::values::{Data, UniqueIdentifier};

structure! {
    /// The request of Sign. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.55; KMIP 1.4, section 4.31.
    #[derive(Default)]
    SignRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// How to use the key; the attribute of the key when absent.
        cryptographic_parameters: Option<CryptographicParameters> = CRYPTOGRAPHIC_PARAMETERS, V1_2..;
        /// What to sign. Holds a secret.
        data: Option<Data> = DATA, V1_2..;
        /// Hash of the data, instead of the data.
        digested_data: Option<Vec<u8>> = DIGESTED_DATA, V1_4..;
        /// Names the stream that this part belongs to.
        correlation_value: Option<Vec<u8>> = CORRELATION_VALUE, V1_3..;
        /// First part of a stream.
        init_indicator: Option<bool> = INIT_INDICATOR, V1_3..;
        /// Last part of a stream.
        final_indicator: Option<bool> = FINAL_INDICATOR, V1_3..;
    }
}

structure! {
    /// The response of Sign.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.55; KMIP 1.4, section 4.31.
    SignResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// The signature.
        signature_data: Option<Vec<u8>> = SIGNATURE_DATA, V1_2..;
        /// Names the stream that this part belongs to.
        correlation_value: Option<Vec<u8>> = CORRELATION_VALUE, V1_3..;
    }
}
