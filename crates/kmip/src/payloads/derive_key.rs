//! DeriveKey: makes a key or secret data out of keys and secrets that are there.

use crate::attributes::{CryptographicParameters, TemplateAttribute};
use crate::enums::{DerivationMethod, ObjectType};
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// What a derivation works with besides its base.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.12; KMIP 1.4, section 4.6.
    DerivationParameters {
        /// Pseudorandom function, or mode of operation.
        cryptographic_parameters: Option<CryptographicParameters> = CRYPTOGRAPHIC_PARAMETERS, V1_0..;
        /// IV of an encryption, or what feeds the first round back.
        initialization_vector: Option<Vec<u8>> = INITIALIZATION_VECTOR, V1_0..;
        /// What is encrypted, hashed or goes into the function as its fixed input.
        derivation_data: Vec<Vec<u8>> = DERIVATION_DATA, V1_0..;
        /// Salt of PBKDF2 and HKDF.
        salt: Option<Vec<u8>> = SALT, V1_0..;
        /// Rounds of PBKDF2.
        iteration_count: Option<i32> = ITERATION_COUNT, V1_0..;
    }
}

structure! {
    /// The request of DeriveKey.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.14; KMIP 1.4, section 4.6.
    DeriveKeyRequest {
        /// Kind of object to be made.
        object_type: ObjectType = OBJECT_TYPE, V1_0..;
        /// The base, then further objects that the method works on. Never the ID placeholder.
        unique_identifiers: Vec<UniqueIdentifier> = UNIQUE_IDENTIFIER, V1_0..;
        /// How.
        derivation_method: DerivationMethod = DERIVATION_METHOD, V1_0..;
        /// With what.
        derivation_parameters: DerivationParameters = DERIVATION_PARAMETERS, V1_0..;
        /// Attributes of the new object.
        template_attribute: TemplateAttribute = TEMPLATE_ATTRIBUTE, V1_0..;
    }
}

structure! {
    /// The response of DeriveKey.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 6.1.14; KMIP 1.4, section 4.6.
    DeriveKeyResponse {
        /// The object.
        unique_identifier: UniqueIdentifier = UNIQUE_IDENTIFIER, V1_0..;
        /// Attributes that the server set otherwise than asked (1.x).
        template_attribute: Option<TemplateAttribute> = TEMPLATE_ATTRIBUTE, V1_0..V2_0;
    }
}
