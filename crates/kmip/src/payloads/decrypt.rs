//! Decrypt: decrypts data.

use crate::attributes::CryptographicParameters;
use crate::schema::structure;
use crate::secret::SecretBytes;
use crate::values::{Data, UniqueIdentifier};

structure! {
    /// The request of Decrypt.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.11; KMIP 1.4, section 4.30.
    #[derive(Default)]
    DecryptRequest {
        /// The object; the ID placeholder when absent.
        unique_identifier: Option<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// How to use the key; the attribute of the key when absent.
        cryptographic_parameters: Option<CryptographicParameters> = CRYPTOGRAPHIC_PARAMETERS, V1_2..;
        /// Ciphertext.
        data: Option<Data> = DATA, V1_2..;
        /// IV, counter or nonce.
        iv_counter_nonce: Option<Vec<u8>> = IV_COUNTER_NONCE, V1_2..;
        /// Names the stream that this part belongs to.
        correlation_value: Option<Vec<u8>> = CORRELATION_VALUE, V1_3..;
        /// First part of a stream.
        init_indicator: Option<bool> = INIT_INDICATOR, V1_3..;
        /// Last part of a stream.
        final_indicator: Option<bool> = FINAL_INDICATOR, V1_3..;
        /// Data that is authenticated, not encrypted.
        authenticated_encryption_additional_data: Option<Vec<u8>> = AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA, V1_4..;
        /// Authentication tag.
        authenticated_encryption_tag: Option<Vec<u8>> = AUTHENTICATED_ENCRYPTION_TAG, V1_4..;
    }
}

structure! {
    /// The response of Decrypt. Holds a secret.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.11; KMIP 1.4, section 4.30.
    DecryptResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// Plaintext. Holds a secret.
        data: Option<SecretBytes> = DATA, V1_2..;
        /// Names the stream that this part belongs to.
        correlation_value: Option<Vec<u8>> = CORRELATION_VALUE, V1_3..;
    }
}
