//! Names as XML and JSON write them, by the tag that they stand under: of enumerations, of masks, and of the attributes
//! that 1.x calls by text. Not here: the names themselves, which the enumerations have.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::schema::Version;
use crate::tags::Tag;
use crate::values::{CryptographicUsageMask, ProtectionStorageMask, StorageStatusMask};

/// Codes with the standard's names.
type Names = &'static [(u32, &'static str)];

/// No attribute of the standard has a longer name.
const ATTRIBUTE_NAME_BYTES_MAX: usize = 64;

/// Codes with their names as XML and JSON write them, and the version that brought each.
struct Words {
    in_order: Vec<(u32, String)>,
    codes: HashMap<String, u32>,
    since: fn(u32) -> Version,
}

impl Words {
    fn new(names: Names, since: fn(u32) -> Version) -> Self {
        let in_order: Vec<_> = names.iter().map(|(code, name)| (*code, camel_case(name))).collect();
        let codes = in_order.iter().map(|(code, word)| (word.clone(), *code)).collect();
        Self { in_order, codes, since }
    }
}

macro_rules! of_enumeration {
    ($names:path) => {
        Words::new(<$names>::NAMES, |code| <$names>::from(code).since())
    };
}

macro_rules! of_mask {
    ($names:path) => {
        Words::new(<$names>::NAMES, |_| Version::V1_0)
    };
}

/// One line a tag: the enumeration that stands under it, or the mask.
macro_rules! by_tag {
    ($find:ident, $all:ident, $words:ident: $($tag:ident: $names:path,)*) => {
        fn $find(tag: Tag) -> Option<&'static Words> {
            match tag {
                $(Tag::$tag => {
                    static WORDS: LazyLock<Words> = LazyLock::new(|| $words!($names));
                    Some(&WORDS)
                })*
                _ => None,
            }
        }

        #[cfg(test)]
        const $all: &[Tag] = &[$(Tag::$tag,)*];
    };
}

by_tag! {
    enumeration, ENUMERATIONS, of_enumeration:
    ADJUSTMENT_TYPE: super::AdjustmentType,
    ALTERNATIVE_NAME_TYPE: super::AlternativeNameType,
    ASYNCHRONOUS_INDICATOR: super::AsynchronousIndicator,
    ATTESTATION_TYPE: super::AttestationType,
    BATCH_ERROR_CONTINUATION_OPTION: super::BatchErrorContinuationOption,
    BLOCK_CIPHER_MODE: super::BlockCipherMode,
    CANCELLATION_RESULT: super::CancellationResult,
    CERTIFICATE_REQUEST_TYPE: super::CertificateRequestType,
    CERTIFICATE_TYPE: super::CertificateType,
    CLIENT_REGISTRATION_METHOD: super::ClientRegistrationMethod,
    CREDENTIAL_TYPE: super::CredentialType,
    CRYPTOGRAPHIC_ALGORITHM: super::CryptographicAlgorithm,
    DATA: super::DataReference,
    DERIVATION_METHOD: super::DerivationMethod,
    DESTROY_ACTION: super::DestroyAction,
    DIGITAL_SIGNATURE_ALGORITHM: super::DigitalSignatureAlgorithm,
    DRBG_ALGORITHM: super::DrbgAlgorithm,
    ENCODING_OPTION: super::EncodingOption,
    ENDPOINT_ROLE: super::EndpointRole,
    FIPS186_VARIATION: super::Fips186Variation,
    HASHING_ALGORITHM: super::HashingAlgorithm,
    INTEROP_FUNCTION: super::InteropFunction,
    KEY_COMPRESSION_TYPE: super::KeyCompressionType,
    KEY_FORMAT_TYPE: super::KeyFormatType,
    KEY_ROLE_TYPE: super::KeyRoleType,
    KEY_VALUE_LOCATION_TYPE: super::KeyValueLocationType,
    KEY_WRAP_TYPE: super::KeyWrapType,
    LINKED_OBJECT_IDENTIFIER: super::UniqueIdentifierReference,
    LINK_TYPE: super::LinkType,
    MASK_GENERATOR: super::MaskGenerator,
    MASK_GENERATOR_HASHING_ALGORITHM: super::HashingAlgorithm,
    NAME_TYPE: super::NameType,
    NIST_KEY_TYPE: super::NistKeyType,
    OBJECT_GROUP_MEMBER: super::ObjectGroupMember,
    OBJECT_TYPE: super::ObjectType,
    OPAQUE_DATA_TYPE: super::OpaqueDataType,
    OPERATION: super::Operation,
    PADDING_METHOD: super::PaddingMethod,
    PKCS11_FUNCTION: super::Pkcs11Function,
    PKCS11_RETURN_CODE: super::Pkcs11ReturnCode,
    PRIVATE_KEY_UNIQUE_IDENTIFIER: super::UniqueIdentifierReference,
    PROCESSING_STAGE: super::ProcessingStage,
    PROFILE_NAME: super::ProfileName,
    PROTECTION_LEVEL: super::ProtectionLevel,
    PUBLIC_KEY_UNIQUE_IDENTIFIER: super::UniqueIdentifierReference,
    PUT_FUNCTION: super::PutFunction,
    QUERY_FUNCTION: super::QueryFunction,
    RECOMMENDED_CURVE: super::RecommendedCurve,
    REPLACED_UNIQUE_IDENTIFIER: super::UniqueIdentifierReference,
    RESULT_REASON: super::ResultReason,
    RESULT_STATUS: super::ResultStatus,
    REVOCATION_REASON_CODE: super::RevocationReasonCode,
    RNG_ALGORITHM: super::RngAlgorithm,
    RNG_MODE: super::RngMode,
    ROTATE_NAME_TYPE: super::RotateNameType,
    SECRET_DATA_TYPE: super::SecretDataType,
    SHREDDING_ALGORITHM: super::ShreddingAlgorithm,
    SPLIT_KEY_METHOD: super::SplitKeyMethod,
    STATE: super::State,
    TICKET_TYPE: super::TicketType,
    UNIQUE_IDENTIFIER: super::UniqueIdentifierReference,
    UNWRAP_MODE: super::UnwrapMode,
    USAGE_LIMITS_UNIT: super::UsageLimitsUnit,
    VALIDATION_AUTHORITY_TYPE: super::ValidationAuthorityType,
    VALIDATION_TYPE: super::ValidationType,
    VALIDITY_INDICATOR: super::ValidityIndicator,
    WRAPPING_METHOD: super::WrappingMethod,
}

by_tag! {
    mask, MASKS, of_mask:
    CRYPTOGRAPHIC_USAGE_MASK: CryptographicUsageMask,
    PROTECTION_STORAGE_MASK: ProtectionStorageMask,
    STORAGE_STATUS_MASK: StorageStatusMask,
}

/// The name of a code under `tag`, as XML and JSON write it.
pub(crate) fn name(tag: Tag, code: u32) -> Option<&'static str> {
    if tag == Tag::ATTRIBUTE_REFERENCE {
        return Tag(code).name();
    }
    enumeration(tag)?.in_order.iter().find(|(named, _)| *named == code).map(|(_, word)| word.as_str())
}

/// The code that a name stands for under `tag`.
pub(crate) fn code(tag: Tag, name: &str) -> Option<u32> {
    if tag == Tag::ATTRIBUTE_REFERENCE {
        return Tag::from_name(name).map(|tag| tag.0);
    }
    enumeration(tag)?.codes.get(name).copied()
}

/// Whether this code under `tag` is one of that version. What has no name here is an extension, which any version may have.
pub(crate) fn is_defined_in(tag: Tag, code: u32, version: Version) -> bool {
    enumeration(tag).is_none_or(|words| (words.since)(code) <= version)
}

/// Whether codes under `tag` have names.
pub(crate) fn has_names(tag: Tag) -> bool {
    tag == Tag::ATTRIBUTE_REFERENCE || enumeration(tag).is_some()
}

/// The names of the bits of a mask, what has no name in hexadecimal; `None` where no mask stands under `tag`.
pub(crate) fn bit_names(tag: Tag, bits: u32) -> Option<Vec<Cow<'static, str>>> {
    let words = &mask(tag)?.in_order;
    let unnamed = words.iter().fold(bits, |left, (bit, _)| left & !bit);
    let named = words.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, word)| word.as_str().into());
    let unnamed = (unnamed != 0).then(|| format!("0x{unnamed:08x}").into());
    Some(named.chain(unnamed).collect())
}

/// The bit that a name stands for in the mask under `tag`.
pub(crate) fn bit(tag: Tag, name: &str) -> Option<u32> {
    mask(tag)?.codes.get(name).copied()
}

/// The tag of the attribute that 1.x calls by this text.
pub(crate) fn attribute_tag(name: &str) -> Option<Tag> {
    // A client's own name may be of any length.
    if name.len() > ATTRIBUTE_NAME_BYTES_MAX { None } else { Tag::from_name(&camel_case(name)) }
}

/// Makes one word of a name: `SHA-256` becomes `SHA_256`, `Re-key` `ReKey`, `3DES` `DES3`.
///
/// # Standard
///
/// KMIP Profiles 2.1, section 5.4.1.3 (Normalizing Names).
fn camel_case(name: &str) -> String {
    let mut word = String::with_capacity(name.len());
    let digits = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    // Digits at the begin move to the end of the first part; these are still to be put.
    let mut moved = &name[..digits];
    let mut begins = true;
    let rest = &name[digits..];
    for (at, c) in rest.char_indices() {
        let splits = match c {
            '(' | ')' => true,
            c if c.is_whitespace() => true,
            c if c.is_alphanumeric() || c == '_' => false,
            c => {
                let mut next = rest[at + c.len_utf8()..].chars();
                next.next().is_some_and(char::is_alphabetic) && next.next().is_some_and(char::is_lowercase)
            }
        };
        if splits {
            word.push_str(std::mem::take(&mut moved));
            begins = true;
        } else if !c.is_alphanumeric() {
            word.push('_');
            begins = false;
        } else if std::mem::take(&mut begins) {
            word.extend(c.to_uppercase());
        } else {
            word.push(c);
        }
    }
    word.push_str(moved);
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words_as_the_profiles_write_them() {
        for (name, word) in [
            ("3DES", "DES3"),
            ("SHA-256", "SHA_256"),
            ("Re-key Key Pair", "ReKeyKeyPair"),
            ("PKCS#12", "PKCS_12"),
            ("X.509 Certificate Issuer", "X_509CertificateIssuer"),
            ("SHA-1 with RSA Encryption", "SHA_1WithRSAEncryption"),
            ("Dual-EC", "Dual_EC"),
            ("x-Change Notice", "XChangeNotice"),
            ("Polynomial Sharing GF (2^8)", "PolynomialSharingGF2_8"),
            ("On-line storage", "OnLineStorage"),
            ("HTTPS Server KMIP v1.4", "HTTPSServerKMIPV1_4"),
        ] {
            assert_eq!(camel_case(name), word);
        }
    }

    #[test]
    fn every_name_stands_for_one_code() {
        for tag in MASKS {
            for (one, _) in &mask(*tag).unwrap().in_order {
                let words = bit_names(*tag, *one).unwrap();
                assert_eq!(words.iter().map(|word| bit(*tag, word)).collect::<Vec<_>>(), [Some(*one)]);
            }
        }
        for tag in ENUMERATIONS {
            for (number, _) in &enumeration(*tag).unwrap().in_order {
                let word = name(*tag, *number).unwrap();
                assert_eq!(code(*tag, word), Some(*number), "{tag} {word}");
            }
        }
    }

    #[test]
    fn every_attribute_of_the_standard_leads_from_its_text_to_its_tag() {
        for kind in crate::attributes::AttributeKind::ALL {
            assert_eq!(attribute_tag(kind.name()), Some(kind.tag()), "{}", kind.name());
        }
    }
}
