//! Attributes by name: the uniform view of what is known of an object.

use serde::{Deserialize, Serialize};

use super::Time;

/// A value of any attribute that has no field of its own in `ManagedObject`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// 32-bit integer or mask.
    Integer(i32),
    /// 64-bit integer.
    LongInteger(i64),
    /// Two's complement, big-endian.
    BigInteger(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Code of a standard's list.
    Enumeration(u32),
    /// True or false.
    Boolean(bool),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Point in time, whole seconds where the protocol has no finer.
    Date(Time),
    /// Point in time in microseconds since 1970 UTC, of attributes that are given with that precision.
    DateMicroseconds(i64),
    /// Duration in seconds.
    IntervalSeconds(u32),
    /// Fields with their standard names, in order.
    Structure(Vec<(String, Value)>),
}

impl Value {
    /// About how many bytes it takes in memory beyond its own size.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Structure(fields) => {
                fields.iter().map(|(name, value)| 64 + name.len() + value.bytes()).sum()
            }
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) | Self::BigInteger(bytes) => bytes.len(),
            _ => 0,
        }
    }

    /// How deep structures are nested in it; 1 for a plain value.
    pub fn depth(&self) -> usize {
        match self {
            Self::Structure(fields) => 1 + fields.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 1,
        }
    }
}

/// Name of an attribute: one of a standard's, or one of a vendor's or user's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AttributeName {
    /// Defined by the standard.
    Standard(AttributeKind),
    /// Vendor attribute (KMIP 2.x) or custom attribute (KMIP 1.x `x-NAME`: vendor `x`).
    Vendor {
        /// Vendor identification.
        vendor: String,
        /// Name within the vendor's.
        name: String,
    },
}

macro_rules! kinds {
    ($($kind:ident $word:literal)*) => {
        /// The attributes of KMIP 1.0 to 2.1, under their names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[allow(missing_docs)]
        pub enum AttributeKind { $($kind,)* }

        impl AttributeKind {
            /// Every attribute.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The attribute's name as KMIP 1.x writes it, e.g. `Cryptographic Usage Mask`.
            pub fn word(self) -> &'static str {
                match self { $(Self::$kind => $word,)* }
            }

            /// The attribute of this name.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    ActivationDate "Activation Date"
    AlternativeName "Alternative Name"
    AlwaysSensitive "Always Sensitive"
    ApplicationSpecificInformation "Application Specific Information"
    ArchiveDate "Archive Date"
    CertificateIdentifier "Certificate Identifier"
    CertificateIssuer "Certificate Issuer"
    CertificateIssuerCn "Certificate Issuer CN"
    CertificateIssuerO "Certificate Issuer O"
    CertificateIssuerOu "Certificate Issuer OU"
    CertificateIssuerEmail "Certificate Issuer Email"
    CertificateIssuerC "Certificate Issuer C"
    CertificateIssuerSt "Certificate Issuer ST"
    CertificateIssuerL "Certificate Issuer L"
    CertificateIssuerUid "Certificate Issuer UID"
    CertificateIssuerSerialNumber "Certificate Issuer Serial Number"
    CertificateIssuerTitle "Certificate Issuer Title"
    CertificateIssuerDc "Certificate Issuer DC"
    CertificateIssuerDnQualifier "Certificate Issuer DN Qualifier"
    CertificateLength "Certificate Length"
    CertificateSubject "Certificate Subject"
    CertificateSubjectCn "Certificate Subject CN"
    CertificateSubjectO "Certificate Subject O"
    CertificateSubjectOu "Certificate Subject OU"
    CertificateSubjectEmail "Certificate Subject Email"
    CertificateSubjectC "Certificate Subject C"
    CertificateSubjectSt "Certificate Subject ST"
    CertificateSubjectL "Certificate Subject L"
    CertificateSubjectUid "Certificate Subject UID"
    CertificateSubjectSerialNumber "Certificate Subject Serial Number"
    CertificateSubjectTitle "Certificate Subject Title"
    CertificateSubjectDc "Certificate Subject DC"
    CertificateSubjectDnQualifier "Certificate Subject DN Qualifier"
    CertificateType "Certificate Type"
    Comment "Comment"
    CompromiseDate "Compromise Date"
    CompromiseOccurrenceDate "Compromise Occurrence Date"
    ContactInformation "Contact Information"
    CryptographicAlgorithm "Cryptographic Algorithm"
    CryptographicDomainParameters "Cryptographic Domain Parameters"
    CryptographicLength "Cryptographic Length"
    CryptographicParameters "Cryptographic Parameters"
    CryptographicUsageMask "Cryptographic Usage Mask"
    DeactivationDate "Deactivation Date"
    Description "Description"
    DestroyDate "Destroy Date"
    Digest "Digest"
    DigitalSignatureAlgorithm "Digital Signature Algorithm"
    Extractable "Extractable"
    Fresh "Fresh"
    InitialDate "Initial Date"
    KeyFormatType "Key Format Type"
    KeyValueLocation "Key Value Location"
    KeyValuePresent "Key Value Present"
    LastChangeDate "Last Change Date"
    LeaseTime "Lease Time"
    Link "Link"
    Name "Name"
    NeverExtractable "Never Extractable"
    NistKeyType "NIST Key Type"
    ObjectGroup "Object Group"
    ObjectGroupMember "Object Group Member"
    ObjectType "Object Type"
    OpaqueDataType "Opaque Data Type"
    OperationPolicyName "Operation Policy Name"
    OriginalCreationDate "Original Creation Date"
    Pkcs12FriendlyName "PKCS#12 Friendly Name"
    ProcessStartDate "Process Start Date"
    ProtectStopDate "Protect Stop Date"
    ProtectionLevel "Protection Level"
    ProtectionPeriod "Protection Period"
    ProtectionStorageMask "Protection Storage Mask"
    QuantumSafe "Quantum Safe"
    RandomNumberGenerator "Random Number Generator"
    RevocationReason "Revocation Reason"
    RotateAutomatic "Rotate Automatic"
    RotateDate "Rotate Date"
    RotateGeneration "Rotate Generation"
    RotateInterval "Rotate Interval"
    RotateLatest "Rotate Latest"
    RotateName "Rotate Name"
    RotateOffset "Rotate Offset"
    Sensitive "Sensitive"
    ShortUniqueIdentifier "Short Unique Identifier"
    State "State"
    UniqueIdentifier "Unique Identifier"
    UsageLimits "Usage Limits"
    X509CertificateIdentifier "X.509 Certificate Identifier"
    X509CertificateIssuer "X.509 Certificate Issuer"
    X509CertificateSubject "X.509 Certificate Subject"
}
