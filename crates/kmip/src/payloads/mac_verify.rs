//! MacVerify: verifies a MAC.

use crate::attributes::CryptographicParameters;
use crate::enums::ValidityIndicator;
use crate::schema::structure;
use crate::values::{Data, UniqueIdentifier};

structure! {
    /// The request of MacVerify. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.33; KMIP 1.4, section 4.34.
    #[derive(Default)]
    MacVerifyRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// How to use the key; the attribute of the key when absent.
        cryptographic_parameters: Option<CryptographicParameters> = CRYPTOGRAPHIC_PARAMETERS, V1_2..;
        /// What was authenticated. Holds a secret.
        data: Option<Data> = DATA, V1_2..;
        /// The MAC.
        mac_data: Option<Vec<u8>> = MAC_DATA, V1_2..;
        /// Names the stream that this part belongs to.
        correlation_value: Option<Vec<u8>> = CORRELATION_VALUE, V1_3..;
        /// First part of a stream.
        init_indicator: Option<bool> = INIT_INDICATOR, V1_3..;
        /// Last part of a stream.
        final_indicator: Option<bool> = FINAL_INDICATOR, V1_3..;
    }
}

structure! {
    /// The response of MacVerify.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.33; KMIP 1.4, section 4.34.
    MacVerifyResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// Whether it is valid; absent while a stream goes on.
        validity_indicator: Option<ValidityIndicator> = VALIDITY_INDICATOR, V1_2..;
        /// Names the stream that this part belongs to.
        correlation_value: Option<Vec<u8>> = CORRELATION_VALUE, V1_3..;
    }
}
