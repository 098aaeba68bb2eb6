//! The table of attributes: value type, tag, 1.x name, versions and how many. Who may set them is not known here.

use super::structures::*;
use crate::enums::{
    CertificateType, CryptographicAlgorithm, DigitalSignatureAlgorithm, KeyFormatType, NistKeyType,
    ObjectType, OpaqueDataType, ProtectionLevel, State,
};
use crate::error::DecodeError;
use crate::schema::{Version, Wire};
use crate::tags::Tag;
use crate::ttlv::Value;
use crate::ttlv::binary::Writer;
use crate::values::{CryptographicUsageMask, DateTime, Interval, ProtectionStorageMask, UniqueIdentifier};

/// How many values of an attribute an object may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instances {
    /// One.
    Single,
    /// Any number; 1.x numbers them by the attribute index.
    Multiple,
}

/// One line an attribute: `Kind(value type) = TAG, "1.x name", versions, instances;`.
macro_rules! attributes {
    ($($kind:ident($type:ty) = $tag:ident, $name:literal, $range:expr, $instances:ident;)*) => {
        /// An attribute of the standard.
        ///
        /// # Standard
        ///
        /// KMIP 2.1, section 4; KMIP 1.4, section 3.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AttributeKind {
            $(
                #[doc = concat!($name, ".")]
                $kind,
            )*
        }

        /// The value of an attribute.
        ///
        /// # Standard
        ///
        /// KMIP 2.1, section 4; KMIP 1.4, section 3.
        #[derive(Clone, Debug, PartialEq)]
        pub enum AttributeValue {
            $(
                #[doc = concat!($name, ".")]
                $kind($type),
            )*
            /// An attribute of a vendor or a client: a 1.x custom attribute `x-foo` is vendor `x`, name `foo`.
            Vendor {
                /// Vendor identification.
                vendor: String,
                /// Name among the vendor's.
                name: String,
                /// Value of any type.
                value: Value,
            },
            /// An attribute that this crate does not know, kept so that it can be named in the answer.
            Unknown {
                /// What it was called.
                reference: super::AttributeReference,
                /// Its value, as it came.
                value: Value,
            },
        }

        impl AttributeKind {
            /// Every attribute of the standard.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The tag that names it in 2.x.
            pub fn tag(self) -> Tag {
                match self {
                    $(Self::$kind => Tag::$tag,)*
                }
            }

            /// The text that names it in 1.x.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// The attribute that a tag names.
            pub fn from_tag(tag: Tag) -> Option<Self> {
                match tag {
                    $(Tag::$tag => Some(Self::$kind),)*
                    _ => None,
                }
            }

            /// The attribute that a 1.x text names.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$kind),)*
                    _ => None,
                }
            }

            /// Whether `version` has the attribute.
            pub fn is_defined_in(self, version: Version) -> bool {
                use Version::*;
                match self {
                    $(Self::$kind => std::ops::RangeBounds::contains(&($range), &version),)*
                }
            }

            /// How many values an object may have of it.
            pub fn instances(self) -> Instances {
                match self {
                    $(Self::$kind => Instances::$instances,)*
                }
            }

            /// Takes the value out of a node.
            pub(super) fn read(self, value: &mut Value, version: Version) -> Result<AttributeValue, DecodeError> {
                match self {
                    $(Self::$kind => <$type>::read(value, version).map(AttributeValue::$kind),)*
                }
            }
        }

        impl AttributeValue {
            /// Which attribute of the standard this is; `None` for vendor and unknown ones.
            pub fn kind(&self) -> Option<AttributeKind> {
                match self {
                    $(Self::$kind(_) => Some(AttributeKind::$kind),)*
                    Self::Vendor { .. } | Self::Unknown { .. } => None,
                }
            }

            /// Writes the bare value under `tag`.
            pub(super) fn write(&self, writer: &mut Writer, tag: Tag) {
                match self {
                    $(Self::$kind(value) => value.write(writer, tag),)*
                    Self::Vendor { value, .. } | Self::Unknown { value, .. } => writer.value(tag, value),
                }
            }
        }

        /// One value of every attribute.
        #[cfg(test)]
        pub(crate) fn samples() -> Vec<AttributeValue> {
            use crate::schema::Sample;
            vec![$(AttributeValue::$kind(<$type>::sample()),)*]
        }
    };
}

attributes! {
    UniqueIdentifier(UniqueIdentifier) = UNIQUE_IDENTIFIER, "Unique Identifier", V1_0.., Single;
    Name(Name) = NAME, "Name", V1_0.., Multiple;
    ObjectType(ObjectType) = OBJECT_TYPE, "Object Type", V1_0.., Single;
    CryptographicAlgorithm(CryptographicAlgorithm) = CRYPTOGRAPHIC_ALGORITHM, "Cryptographic Algorithm", V1_0.., Single;
    CryptographicLength(i32) = CRYPTOGRAPHIC_LENGTH, "Cryptographic Length", V1_0.., Single;
    CryptographicParameters(Box<CryptographicParameters>) = CRYPTOGRAPHIC_PARAMETERS, "Cryptographic Parameters", V1_0.., Multiple;
    CryptographicDomainParameters(CryptographicDomainParameters) = CRYPTOGRAPHIC_DOMAIN_PARAMETERS, "Cryptographic Domain Parameters", V1_0.., Single;
    CertificateType(CertificateType) = CERTIFICATE_TYPE, "Certificate Type", V1_0.., Single;
    CertificateIdentifier(CertificateIdentifier) = CERTIFICATE_IDENTIFIER, "Certificate Identifier", V1_0..V2_0, Single;
    CertificateSubject(CertificateSubject) = CERTIFICATE_SUBJECT, "Certificate Subject", V1_0..V2_0, Single;
    CertificateIssuer(CertificateIssuer) = CERTIFICATE_ISSUER, "Certificate Issuer", V1_0..V2_0, Single;
    Digest(Digest) = DIGEST, "Digest", V1_0.., Multiple;
    OperationPolicyName(String) = OPERATION_POLICY_NAME, "Operation Policy Name", V1_0..V2_0, Single;
    CryptographicUsageMask(CryptographicUsageMask) = CRYPTOGRAPHIC_USAGE_MASK, "Cryptographic Usage Mask", V1_0.., Single;
    LeaseTime(Interval) = LEASE_TIME, "Lease Time", V1_0.., Single;
    UsageLimits(UsageLimits) = USAGE_LIMITS, "Usage Limits", V1_0.., Single;
    State(State) = STATE, "State", V1_0.., Single;
    InitialDate(DateTime) = INITIAL_DATE, "Initial Date", V1_0.., Single;
    ActivationDate(DateTime) = ACTIVATION_DATE, "Activation Date", V1_0.., Single;
    ProcessStartDate(DateTime) = PROCESS_START_DATE, "Process Start Date", V1_0.., Single;
    ProtectStopDate(DateTime) = PROTECT_STOP_DATE, "Protect Stop Date", V1_0.., Single;
    DeactivationDate(DateTime) = DEACTIVATION_DATE, "Deactivation Date", V1_0.., Single;
    DestroyDate(DateTime) = DESTROY_DATE, "Destroy Date", V1_0.., Single;
    CompromiseOccurrenceDate(DateTime) = COMPROMISE_OCCURRENCE_DATE, "Compromise Occurrence Date", V1_0.., Single;
    CompromiseDate(DateTime) = COMPROMISE_DATE, "Compromise Date", V1_0.., Single;
    RevocationReason(RevocationReason) = REVOCATION_REASON, "Revocation Reason", V1_0.., Single;
    ArchiveDate(DateTime) = ARCHIVE_DATE, "Archive Date", V1_0.., Single;
    ObjectGroup(String) = OBJECT_GROUP, "Object Group", V1_0.., Multiple;
    Link(Link) = LINK, "Link", V1_0.., Multiple;
    ApplicationSpecificInformation(ApplicationSpecificInformation) = APPLICATION_SPECIFIC_INFORMATION, "Application Specific Information", V1_0.., Multiple;
    ContactInformation(String) = CONTACT_INFORMATION, "Contact Information", V1_0.., Single;
    LastChangeDate(DateTime) = LAST_CHANGE_DATE, "Last Change Date", V1_0.., Single;
    CertificateLength(i32) = CERTIFICATE_LENGTH, "Certificate Length", V1_1.., Single;
    X509CertificateIdentifier(X509CertificateIdentifier) = X509_CERTIFICATE_IDENTIFIER, "X.509 Certificate Identifier", V1_1.., Single;
    X509CertificateSubject(X509CertificateSubject) = X509_CERTIFICATE_SUBJECT, "X.509 Certificate Subject", V1_1.., Single;
    X509CertificateIssuer(X509CertificateIssuer) = X509_CERTIFICATE_ISSUER, "X.509 Certificate Issuer", V1_1.., Single;
    DigitalSignatureAlgorithm(DigitalSignatureAlgorithm) = DIGITAL_SIGNATURE_ALGORITHM, "Digital Signature Algorithm", V1_1.., Multiple;
    Fresh(bool) = FRESH, "Fresh", V1_1.., Single;
    AlternativeName(AlternativeName) = ALTERNATIVE_NAME, "Alternative Name", V1_2.., Multiple;
    KeyValuePresent(bool) = KEY_VALUE_PRESENT, "Key Value Present", V1_2.., Single;
    KeyValueLocation(KeyValueLocation) = KEY_VALUE_LOCATION, "Key Value Location", V1_2.., Multiple;
    OriginalCreationDate(DateTime) = ORIGINAL_CREATION_DATE, "Original Creation Date", V1_2.., Single;
    RandomNumberGenerator(RngParameters) = RANDOM_NUMBER_GENERATOR, "Random Number Generator", V1_3.., Single;
    Pkcs12FriendlyName(String) = PKCS12_FRIENDLY_NAME, "PKCS#12 Friendly Name", V1_4.., Single;
    Description(String) = DESCRIPTION, "Description", V1_4.., Single;
    Comment(String) = COMMENT, "Comment", V1_4.., Single;
    Sensitive(bool) = SENSITIVE, "Sensitive", V1_4.., Single;
    AlwaysSensitive(bool) = ALWAYS_SENSITIVE, "Always Sensitive", V1_4.., Single;
    Extractable(bool) = EXTRACTABLE, "Extractable", V1_4.., Single;
    NeverExtractable(bool) = NEVER_EXTRACTABLE, "Never Extractable", V1_4.., Single;
    CertificateSubjectCn(String) = CERTIFICATE_SUBJECT_CN, "Certificate Subject CN", V1_4.., Multiple;
    CertificateSubjectO(String) = CERTIFICATE_SUBJECT_O, "Certificate Subject O", V1_4.., Multiple;
    CertificateSubjectOu(String) = CERTIFICATE_SUBJECT_OU, "Certificate Subject OU", V1_4.., Multiple;
    CertificateSubjectEmail(String) = CERTIFICATE_SUBJECT_EMAIL, "Certificate Subject Email", V1_4.., Multiple;
    CertificateSubjectC(String) = CERTIFICATE_SUBJECT_C, "Certificate Subject C", V1_4.., Multiple;
    CertificateSubjectSt(String) = CERTIFICATE_SUBJECT_ST, "Certificate Subject ST", V1_4.., Multiple;
    CertificateSubjectL(String) = CERTIFICATE_SUBJECT_L, "Certificate Subject L", V1_4.., Multiple;
    CertificateSubjectUid(String) = CERTIFICATE_SUBJECT_UID, "Certificate Subject UID", V1_4.., Multiple;
    CertificateSubjectSerialNumber(String) = CERTIFICATE_SUBJECT_SERIAL_NUMBER, "Certificate Subject Serial Number", V1_4.., Multiple;
    CertificateSubjectTitle(String) = CERTIFICATE_SUBJECT_TITLE, "Certificate Subject Title", V1_4.., Multiple;
    CertificateSubjectDc(String) = CERTIFICATE_SUBJECT_DC, "Certificate Subject DC", V1_4.., Multiple;
    CertificateSubjectDnQualifier(String) = CERTIFICATE_SUBJECT_DN_QUALIFIER, "Certificate Subject DN Qualifier", V1_4.., Multiple;
    CertificateIssuerCn(String) = CERTIFICATE_ISSUER_CN, "Certificate Issuer CN", V1_4.., Multiple;
    CertificateIssuerO(String) = CERTIFICATE_ISSUER_O, "Certificate Issuer O", V1_4.., Multiple;
    CertificateIssuerOu(String) = CERTIFICATE_ISSUER_OU, "Certificate Issuer OU", V1_4.., Multiple;
    CertificateIssuerEmail(String) = CERTIFICATE_ISSUER_EMAIL, "Certificate Issuer Email", V1_4.., Multiple;
    CertificateIssuerC(String) = CERTIFICATE_ISSUER_C, "Certificate Issuer C", V1_4.., Multiple;
    CertificateIssuerSt(String) = CERTIFICATE_ISSUER_ST, "Certificate Issuer ST", V1_4.., Multiple;
    CertificateIssuerL(String) = CERTIFICATE_ISSUER_L, "Certificate Issuer L", V1_4.., Multiple;
    CertificateIssuerUid(String) = CERTIFICATE_ISSUER_UID, "Certificate Issuer UID", V1_4.., Multiple;
    CertificateIssuerSerialNumber(String) = CERTIFICATE_ISSUER_SERIAL_NUMBER, "Certificate Issuer Serial Number", V1_4.., Multiple;
    CertificateIssuerTitle(String) = CERTIFICATE_ISSUER_TITLE, "Certificate Issuer Title", V1_4.., Multiple;
    CertificateIssuerDc(String) = CERTIFICATE_ISSUER_DC, "Certificate Issuer DC", V1_4.., Multiple;
    CertificateIssuerDnQualifier(String) = CERTIFICATE_ISSUER_DN_QUALIFIER, "Certificate Issuer DN Qualifier", V1_4.., Multiple;
    KeyFormatType(KeyFormatType) = KEY_FORMAT_TYPE, "Key Format Type", V2_0.., Single;
    NistKeyType(NistKeyType) = NIST_KEY_TYPE, "NIST Key Type", V2_0.., Multiple;
    OpaqueDataType(OpaqueDataType) = OPAQUE_DATA_TYPE, "Opaque Data Type", V2_0.., Single;
    ProtectionLevel(ProtectionLevel) = PROTECTION_LEVEL, "Protection Level", V2_0.., Single;
    ProtectionPeriod(Interval) = PROTECTION_PERIOD, "Protection Period", V2_0.., Single;
    ProtectionStorageMask(ProtectionStorageMask) = PROTECTION_STORAGE_MASK, "Protection Storage Mask", V2_0.., Single;
    QuantumSafe(bool) = QUANTUM_SAFE, "Quantum Safe", V2_0.., Single;
    ShortUniqueIdentifier(Vec<u8>) = SHORT_UNIQUE_IDENTIFIER, "Short Unique Identifier", V2_0.., Single;
    RotateAutomatic(bool) = ROTATE_AUTOMATIC, "Rotate Automatic", V2_1.., Single;
    RotateDate(DateTime) = ROTATE_DATE, "Rotate Date", V2_1.., Single;
    RotateGeneration(i32) = ROTATE_GENERATION, "Rotate Generation", V2_1.., Single;
    RotateInterval(Interval) = ROTATE_INTERVAL, "Rotate Interval", V2_1.., Single;
    RotateLatest(bool) = ROTATE_LATEST, "Rotate Latest", V2_1.., Single;
    RotateName(RotateName) = ROTATE_NAME, "Rotate Name", V2_1.., Single;
    RotateOffset(Interval) = ROTATE_OFFSET, "Rotate Offset", V2_1.., Single;
}
