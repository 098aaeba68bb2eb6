//! Enumerations of managed objects and their attributes. Codes and names only; what they mean is the caller's business.

use super::enumeration;

enumeration! {
    /// Object Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.34.
    ObjectType {
        Certificate = 1, "Certificate", V1_0;
        SymmetricKey = 2, "Symmetric Key", V1_0;
        PublicKey = 3, "Public Key", V1_0;
        PrivateKey = 4, "Private Key", V1_0;
        SplitKey = 5, "Split Key", V1_0;
        Template = 6, "Template", V1_0;
        SecretData = 7, "Secret Data", V1_0;
        OpaqueObject = 8, "Opaque Object", V1_0;
        PgpKey = 9, "PGP Key", V1_2;
        CertificateRequest = 10, "Certificate Request", V2_0;
    }
}

enumeration! {
    /// State.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.55.
    State {
        PreActive = 1, "Pre-Active", V1_0;
        Active = 2, "Active", V1_0;
        Deactivated = 3, "Deactivated", V1_0;
        Compromised = 4, "Compromised", V1_0;
        Destroyed = 5, "Destroyed", V1_0;
        DestroyedCompromised = 6, "Destroyed Compromised", V1_0;
    }
}

enumeration! {
    /// Key Format Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.25.
    KeyFormatType {
        Raw = 1, "Raw", V1_0;
        Opaque = 2, "Opaque", V1_0;
        Pkcs1 = 3, "PKCS#1", V1_0;
        Pkcs8 = 4, "PKCS#8", V1_0;
        X509 = 5, "X.509", V1_0;
        EcPrivateKey = 6, "ECPrivateKey", V1_0;
        TransparentSymmetricKey = 7, "Transparent Symmetric Key", V1_0;
        TransparentDsaPrivateKey = 8, "Transparent DSA Private Key", V1_0;
        TransparentDsaPublicKey = 9, "Transparent DSA Public Key", V1_0;
        TransparentRsaPrivateKey = 10, "Transparent RSA Private Key", V1_0;
        TransparentRsaPublicKey = 11, "Transparent RSA Public Key", V1_0;
        TransparentDhPrivateKey = 12, "Transparent DH Private Key", V1_0;
        TransparentDhPublicKey = 13, "Transparent DH Public Key", V1_0;
        TransparentEcdsaPrivateKey = 14, "Transparent ECDSA Private Key", V1_0;
        TransparentEcdsaPublicKey = 15, "Transparent ECDSA Public Key", V1_0;
        TransparentEcdhPrivateKey = 16, "Transparent ECDH Private Key", V1_0;
        TransparentEcdhPublicKey = 17, "Transparent ECDH Public Key", V1_0;
        TransparentEcmqvPrivateKey = 18, "Transparent ECMQV Private Key", V1_0;
        TransparentEcmqvPublicKey = 19, "Transparent ECMQV Public Key", V1_0;
        TransparentEcPrivateKey = 20, "Transparent EC Private Key", V1_3;
        TransparentEcPublicKey = 21, "Transparent EC Public Key", V1_3;
        Pkcs12 = 22, "PKCS#12", V1_4;
        Pkcs10 = 23, "PKCS#10", V2_1;
    }
}

enumeration! {
    /// Key Compression Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.24.
    KeyCompressionType {
        EcPublicKeyTypeUncompressed = 1, "EC Public Key Type Uncompressed", V1_0;
        EcPublicKeyTypeX9_62CompressedPrime = 2, "EC Public Key Type X9.62 Compressed Prime", V1_0;
        EcPublicKeyTypeX9_62CompressedChar2 = 3, "EC Public Key Type X9.62 Compressed Char2", V1_0;
        EcPublicKeyTypeX9_62Hybrid = 4, "EC Public Key Type X9.62 Hybrid", V1_0;
    }
}

enumeration! {
    /// Certificate Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.9.
    CertificateType {
        X509 = 1, "X.509", V1_0;
        Pgp = 2, "PGP", V1_0;
    }
}

enumeration! {
    /// Certificate Request Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.8.
    CertificateRequestType {
        Crmf = 1, "CRMF", V1_0;
        Pkcs10 = 2, "PKCS#10", V1_0;
        Pem = 3, "PEM", V1_0;
        Pgp = 4, "PGP", V1_0;
    }
}

enumeration! {
    /// Secret Data Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.52.
    SecretDataType {
        Password = 1, "Password", V1_0;
        Seed = 2, "Seed", V1_0;
    }
}

enumeration! {
    /// Opaque Data Type (the standard defines no value: all are extensions).
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.35.
    OpaqueDataType {
    }
}

enumeration! {
    /// Name Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.31.
    NameType {
        UninterpretedTextString = 1, "Uninterpreted Text String", V1_0;
        Uri = 2, "URI", V1_0;
    }
}

enumeration! {
    /// Rotate Name Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.51.
    RotateNameType {
        UninterpretedTextString = 1, "Uninterpreted Text String", V2_1;
        Uri = 2, "URI", V2_1;
    }
}

enumeration! {
    /// Alternative Name Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.2.
    AlternativeNameType {
        UninterpretedTextString = 1, "Uninterpreted Text String", V1_2;
        Uri = 2, "URI", V1_2;
        ObjectSerialNumber = 3, "Object Serial Number", V1_2;
        EmailAddress = 4, "Email Address", V1_2;
        DnsName = 5, "DNS Name", V1_2;
        X500DistinguishedName = 6, "X.500 Distinguished Name", V1_2;
        IpAddress = 7, "IP Address", V1_2;
    }
}

enumeration! {
    /// Link Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.28.
    LinkType {
        CertificateLink = 0x101, "Certificate Link", V1_0;
        PublicKeyLink = 0x102, "Public Key Link", V1_0;
        PrivateKeyLink = 0x103, "Private Key Link", V1_0;
        DerivationBaseObjectLink = 0x104, "Derivation Base Object Link", V1_0;
        DerivedKeyLink = 0x105, "Derived Key Link", V1_0;
        ReplacementObjectLink = 0x106, "Replacement Object Link", V1_0;
        ReplacedObjectLink = 0x107, "Replaced Object Link", V1_0;
        ParentLink = 0x108, "Parent Link", V1_2;
        ChildLink = 0x109, "Child Link", V1_2;
        PreviousLink = 0x10a, "Previous Link", V1_2;
        NextLink = 0x10b, "Next Link", V1_2;
        Pkcs12CertificateLink = 0x10c, "PKCS#12 Certificate Link", V1_4;
        Pkcs12PasswordLink = 0x10d, "PKCS#12 Password Link", V1_4;
        WrappingKeyLink = 0x10e, "Wrapping Key Link", V2_0;
    }
}

enumeration! {
    /// Key Value Location Type.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.27.
    KeyValueLocationType {
        UninterpretedTextString = 1, "Uninterpreted Text String", V1_2;
        Uri = 2, "URI", V1_2;
    }
}

enumeration! {
    /// Object Group Member.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.33.
    ObjectGroupMember {
        GroupMemberFresh = 1, "Group Member Fresh", V1_1;
        GroupMemberDefault = 2, "Group Member Default", V1_1;
    }
}

enumeration! {
    /// NIST Key Type (SP 800-57).
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.32.
    NistKeyType {
        PrivateSignatureKey = 1, "Private signature key", V2_0;
        PublicSignatureVerificationKey = 2, "Public signature verification key", V2_0;
        SymmetricAuthenticationKey = 3, "Symmetric authentication key", V2_0;
        PrivateAuthenticationKey = 4, "Private authentication key", V2_0;
        PublicAuthenticationKey = 5, "Public authentication key", V2_0;
        SymmetricDataEncryptionKey = 6, "Symmetric data encryption key", V2_0;
        SymmetricKeyWrappingKey = 7, "Symmetric key wrapping key", V2_0;
        SymmetricRandomNumberGenerationKey = 8, "Symmetric random number generation key", V2_0;
        SymmetricMasterKey = 9, "Symmetric master key", V2_0;
        PrivateKeyTransportKey = 10, "Private key transport key", V2_0;
        PublicKeyTransportKey = 11, "Public key transport key", V2_0;
        SymmetricKeyAgreementKey = 12, "Symmetric key agreement key", V2_0;
        PrivateStaticKeyAgreementKey = 13, "Private static key agreement key", V2_0;
        PublicStaticKeyAgreementKey = 14, "Public static key agreement key", V2_0;
        PrivateEphemeralKeyAgreementKey = 15, "Private ephemeral key agreement key", V2_0;
        PublicEphemeralKeyAgreementKey = 16, "Public ephemeral key agreement key", V2_0;
        SymmetricAuthorizationKey = 17, "Symmetric authorization key", V2_0;
        PrivateAuthorizationKey = 18, "Private authorization key", V2_0;
        PublicAuthorizationKey = 19, "Public authorization key", V2_0;
    }
}

enumeration! {
    /// Protection Level.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.42.
    ProtectionLevel {
        High = 1, "High", V2_0;
        Low = 2, "Low", V2_0;
    }
}

enumeration! {
    /// Revocation Reason Code.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.48.
    RevocationReasonCode {
        Unspecified = 1, "Unspecified", V1_0;
        KeyCompromise = 2, "Key Compromise", V1_0;
        CaCompromise = 3, "CA Compromise", V1_0;
        AffiliationChanged = 4, "Affiliation Changed", V1_0;
        Superseded = 5, "Superseded", V1_0;
        CessationOfOperation = 6, "Cessation of Operation", V1_0;
        PrivilegeWithdrawn = 7, "Privilege Withdrawn", V1_0;
    }
}

enumeration! {
    /// Usage Limits Unit.
    ///
    /// # Standard
    ///
    /// KMIP 2.1, section 11.60.
    UsageLimitsUnit {
        Byte = 1, "Byte", V1_0;
        Object = 2, "Object", V1_0;
    }
}
