//! The attributes that are structures, and the structures they share with payloads.

use crate::enums::{
    AlternativeNameType, BlockCipherMode, CryptographicAlgorithm, DigitalSignatureAlgorithm, DrbgAlgorithm,
    Fips186Variation, HashingAlgorithm, KeyFormatType, KeyRoleType, KeyValueLocationType, LinkType,
    MaskGenerator, NameType, PaddingMethod, RecommendedCurve, RevocationReasonCode, RngAlgorithm,
    RotateNameType, UsageLimitsUnit,
};
use crate::schema::structure;
use crate::values::UniqueIdentifier;

structure! {
    /// A name of an object, unique in its namespace.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.32.
    #[derive(Clone, Debug, PartialEq)]
    Name {
        /// The name.
        name_value: String = NAME_VALUE, V1_0..;
        /// Free text or URI.
        name_type: NameType = NAME_TYPE, V1_0..;
    }
}

structure! {
    /// How a key is used by an algorithm.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.16.
    #[derive(Clone, Debug, Default, PartialEq)]
    CryptographicParameters {
        /// Mode of a block cipher.
        block_cipher_mode: Option<BlockCipherMode> = BLOCK_CIPHER_MODE, V1_0..;
        /// Padding.
        padding_method: Option<PaddingMethod> = PADDING_METHOD, V1_0..;
        /// Hash function.
        hashing_algorithm: Option<HashingAlgorithm> = HASHING_ALGORITHM, V1_0..;
        /// Role of the key (TR-31).
        key_role_type: Option<KeyRoleType> = KEY_ROLE_TYPE, V1_0..;
        /// Signature algorithm with its hash.
        digital_signature_algorithm: Option<DigitalSignatureAlgorithm> = DIGITAL_SIGNATURE_ALGORITHM, V1_2..;
        /// Algorithm.
        cryptographic_algorithm: Option<CryptographicAlgorithm> = CRYPTOGRAPHIC_ALGORITHM, V1_2..;
        /// The server makes the IV.
        random_iv: Option<bool> = RANDOM_IV, V1_2..;
        /// Length of the IV in bytes.
        iv_length: Option<i32> = IV_LENGTH, V1_2..;
        /// Length of the authentication tag in bytes.
        tag_length: Option<i32> = TAG_LENGTH, V1_2..;
        /// Length of the fixed field of a deterministic IV in bytes.
        fixed_field_length: Option<i32> = FIXED_FIELD_LENGTH, V1_2..;
        /// Length of the invocation field of a deterministic IV in bytes.
        invocation_field_length: Option<i32> = INVOCATION_FIELD_LENGTH, V1_2..;
        /// Length of the counter of CTR mode in bits.
        counter_length: Option<i32> = COUNTER_LENGTH, V1_2..;
        /// First value of the counter of CTR mode.
        initial_counter_value: Option<i32> = INITIAL_COUNTER_VALUE, V1_2..;
        /// Length of the PSS salt in bytes.
        salt_length: Option<i32> = SALT_LENGTH, V1_4..;
        /// Mask generation function of OAEP and PSS.
        mask_generator: Option<MaskGenerator> = MASK_GENERATOR, V1_4..;
        /// Hash function of the mask generation function.
        mask_generator_hashing_algorithm: Option<HashingAlgorithm> = MASK_GENERATOR_HASHING_ALGORITHM, V1_4..;
        /// Label of OAEP.
        p_source: Option<Vec<u8>> = P_SOURCE, V1_4..;
        /// Trailer field of PSS.
        trailer_field: Option<i32> = TRAILER_FIELD, V1_4..;
    }
}

structure! {
    /// Parameters of an asymmetric key pair.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.14.
    #[derive(Clone, Debug, Default, PartialEq)]
    CryptographicDomainParameters {
        /// Length of Q in bits (DSA, DH).
        qlength: Option<i32> = QLENGTH, V1_0..;
        /// Curve.
        recommended_curve: Option<RecommendedCurve> = RECOMMENDED_CURVE, V1_0..;
    }
}

structure! {
    /// Issuer and serial number as text, replaced by [`X509CertificateIdentifier`].
    ///
    /// # Standard
    ///
    /// KMIP 1.0, section 3.9.
    #[derive(Clone, Debug, PartialEq)]
    CertificateIdentifier {
        /// Distinguished name of the issuer.
        issuer: String = ISSUER, V1_0..V2_0;
        /// Serial number.
        serial_number: Option<String> = SERIAL_NUMBER, V1_0..V2_0;
    }
}

structure! {
    /// Subject as text, replaced by [`X509CertificateSubject`].
    ///
    /// # Standard
    ///
    /// KMIP 1.0, section 3.10.
    #[derive(Clone, Debug, PartialEq)]
    CertificateSubject {
        /// Distinguished name.
        distinguished_name: String = CERTIFICATE_SUBJECT_DISTINGUISHED_NAME, V1_0..V2_0;
        /// Other names.
        alternative_names: Vec<String> = CERTIFICATE_SUBJECT_ALTERNATIVE_NAME, V1_0..V2_0;
    }
}

structure! {
    /// Issuer as text, replaced by [`X509CertificateIssuer`].
    ///
    /// # Standard
    ///
    /// KMIP 1.0, section 3.11.
    #[derive(Clone, Debug, PartialEq)]
    CertificateIssuer {
        /// Distinguished name.
        distinguished_name: String = CERTIFICATE_ISSUER_DISTINGUISHED_NAME, V1_0..V2_0;
        /// Other names.
        alternative_names: Vec<String> = CERTIFICATE_ISSUER_ALTERNATIVE_NAME, V1_0..V2_0;
    }
}

structure! {
    /// Issuer and serial number of an X.509 certificate, both DER.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.61.
    #[derive(Clone, Debug, PartialEq)]
    X509CertificateIdentifier {
        /// Distinguished name of the issuer, DER.
        issuer_distinguished_name: Vec<u8> = ISSUER_DISTINGUISHED_NAME, V1_1..;
        /// Serial number, DER.
        certificate_serial_number: Vec<u8> = CERTIFICATE_SERIAL_NUMBER, V1_1..;
    }
}

structure! {
    /// Subject of an X.509 certificate, DER.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.63.
    #[derive(Clone, Debug, PartialEq)]
    X509CertificateSubject {
        /// Distinguished name, DER; may be empty.
        subject_distinguished_name: Vec<u8> = SUBJECT_DISTINGUISHED_NAME, V1_1..;
        /// Other names, DER.
        subject_alternative_names: Vec<Vec<u8>> = SUBJECT_ALTERNATIVE_NAME, V1_1..;
    }
}

structure! {
    /// Issuer of an X.509 certificate, DER.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.62.
    #[derive(Clone, Debug, PartialEq)]
    X509CertificateIssuer {
        /// Distinguished name, DER.
        issuer_distinguished_name: Vec<u8> = ISSUER_DISTINGUISHED_NAME, V1_1..;
        /// Other names, DER.
        issuer_alternative_names: Vec<Vec<u8>> = ISSUER_ALTERNATIVE_NAME, V1_1..;
    }
}

structure! {
    /// A hash of the key material.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.21.
    #[derive(Clone, Debug, PartialEq)]
    Digest {
        /// Hash function.
        hashing_algorithm: HashingAlgorithm = HASHING_ALGORITHM, V1_0..;
        /// The hash.
        digest_value: Option<Vec<u8>> = DIGEST_VALUE, V1_0..;
        /// Format of the key that was hashed.
        key_format_type: Option<KeyFormatType> = KEY_FORMAT_TYPE, V1_1..;
    }
}

structure! {
    /// How much a key may still be used.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.59.
    #[derive(Clone, Debug, PartialEq)]
    UsageLimits {
        /// Units allowed in all.
        usage_limits_total: i64 = USAGE_LIMITS_TOTAL, V1_0..;
        /// Units left.
        usage_limits_count: Option<i64> = USAGE_LIMITS_COUNT, V1_0..;
        /// Bytes or operations.
        usage_limits_unit: UsageLimitsUnit = USAGE_LIMITS_UNIT, V1_0..;
    }
}

structure! {
    /// Why an object was revoked.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.47.
    #[derive(Clone, Debug, PartialEq)]
    RevocationReason {
        /// The reason.
        revocation_reason_code: RevocationReasonCode = REVOCATION_REASON_CODE, V1_0..;
        /// Words about it.
        revocation_message: Option<String> = REVOCATION_MESSAGE, V1_0..;
    }
}

structure! {
    /// How an object belongs to another.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.31.
    #[derive(Clone, Debug, PartialEq)]
    Link {
        /// The relation.
        link_type: LinkType = LINK_TYPE, V1_0..;
        /// The other object.
        linked_object_identifier: UniqueIdentifier = LINKED_OBJECT_IDENTIFIER, V1_0..;
    }
}

structure! {
    /// Data that an application keeps with an object.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.4.
    #[derive(Clone, Debug, PartialEq)]
    ApplicationSpecificInformation {
        /// Name space of the application.
        application_namespace: String = APPLICATION_NAMESPACE, V1_0..;
        /// The data; the server may make it when it is absent.
        application_data: Option<String> = APPLICATION_DATA, V1_0..;
    }
}

structure! {
    /// Another name, not unique.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.2.
    #[derive(Clone, Debug, PartialEq)]
    AlternativeName {
        /// The name.
        alternative_name_value: String = ALTERNATIVE_NAME_VALUE, V1_2..;
        /// Its kind.
        alternative_name_type: AlternativeNameType = ALTERNATIVE_NAME_TYPE, V1_2..;
    }
}

structure! {
    /// Where the key value of an object without key value is.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.27.
    #[derive(Clone, Debug, PartialEq)]
    KeyValueLocation {
        /// The place.
        key_value_location_value: String = KEY_VALUE_LOCATION_VALUE, V1_2..;
        /// Free text or URI.
        key_value_location_type: KeyValueLocationType = KEY_VALUE_LOCATION_TYPE, V1_2..;
    }
}

structure! {
    /// A random number generator.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 7.36.
    #[derive(Clone, Debug, PartialEq)]
    RngParameters {
        /// The generator.
        rng_algorithm: RngAlgorithm = RNG_ALGORITHM, V1_3..;
        /// Cipher in it.
        cryptographic_algorithm: Option<CryptographicAlgorithm> = CRYPTOGRAPHIC_ALGORITHM, V1_3..;
        /// Key length of the cipher in bits.
        cryptographic_length: Option<i32> = CRYPTOGRAPHIC_LENGTH, V1_3..;
        /// Hash function in it.
        hashing_algorithm: Option<HashingAlgorithm> = HASHING_ALGORITHM, V1_3..;
        /// Kind of DRBG.
        drbg_algorithm: Option<DrbgAlgorithm> = DRBG_ALGORITHM, V1_3..;
        /// Curve in it.
        recommended_curve: Option<RecommendedCurve> = RECOMMENDED_CURVE, V1_3..;
        /// Variation of FIPS 186-2.
        fips186_variation: Option<Fips186Variation> = FIPS186_VARIATION, V1_3..;
        /// Whether it resists prediction.
        prediction_resistance: Option<bool> = PREDICTION_RESISTANCE, V1_3..;
    }
}

structure! {
    /// The name that the newest of a rotated series of keys has.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 4.53.
    #[derive(Clone, Debug, PartialEq)]
    RotateName {
        /// The name.
        rotate_name_value: String = ROTATE_NAME_VALUE, V2_1..;
        /// Free text or URI.
        rotate_name_type: RotateNameType = ROTATE_NAME_TYPE, V2_1..;
    }
}
