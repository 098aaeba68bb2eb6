//! Names as XML and JSON write them, by the tag that they stand under: of enumerations, of masks, and of the attributes
//! that 1.x calls by text. Not here: the names themselves, which the enumerations have.

use crate::tags::Tag;
use crate::values::{CryptographicUsageMask, ProtectionStorageMask, StorageStatusMask};

/// Codes with the standard's names.
type Names = &'static [(u32, &'static str)];

/// One line a tag: the enumeration that stands under it.
macro_rules! by_tag {
    ($($tag:ident: $enumeration:ident,)*) => {
        fn enumeration(tag: Tag) -> Option<Names> {
            match tag {
                $(Tag::$tag => Some(super::$enumeration::NAMES),)*
                _ => None,
            }
        }

        #[cfg(test)]
        const ENUMERATIONS: &[Tag] = &[$(Tag::$tag,)*];
    };
}

by_tag! {
    ADJUSTMENT_TYPE: AdjustmentType,
    ALTERNATIVE_NAME_TYPE: AlternativeNameType,
    ASYNCHRONOUS_INDICATOR: AsynchronousIndicator,
    ATTESTATION_TYPE: AttestationType,
    BATCH_ERROR_CONTINUATION_OPTION: BatchErrorContinuationOption,
    BLOCK_CIPHER_MODE: BlockCipherMode,
    CANCELLATION_RESULT: CancellationResult,
    CERTIFICATE_REQUEST_TYPE: CertificateRequestType,
    CERTIFICATE_TYPE: CertificateType,
    CLIENT_REGISTRATION_METHOD: ClientRegistrationMethod,
    CREDENTIAL_TYPE: CredentialType,
    CRYPTOGRAPHIC_ALGORITHM: CryptographicAlgorithm,
    DERIVATION_METHOD: DerivationMethod,
    DESTROY_ACTION: DestroyAction,
    DIGITAL_SIGNATURE_ALGORITHM: DigitalSignatureAlgorithm,
    DRBG_ALGORITHM: DrbgAlgorithm,
    ENCODING_OPTION: EncodingOption,
    ENDPOINT_ROLE: EndpointRole,
    FIPS186_VARIATION: Fips186Variation,
    HASHING_ALGORITHM: HashingAlgorithm,
    INTEROP_FUNCTION: InteropFunction,
    KEY_COMPRESSION_TYPE: KeyCompressionType,
    KEY_FORMAT_TYPE: KeyFormatType,
    KEY_ROLE_TYPE: KeyRoleType,
    KEY_VALUE_LOCATION_TYPE: KeyValueLocationType,
    KEY_WRAP_TYPE: KeyWrapType,
    LINKED_OBJECT_IDENTIFIER: UniqueIdentifierReference,
    LINK_TYPE: LinkType,
    MASK_GENERATOR: MaskGenerator,
    MASK_GENERATOR_HASHING_ALGORITHM: HashingAlgorithm,
    NAME_TYPE: NameType,
    NIST_KEY_TYPE: NistKeyType,
    OBJECT_GROUP_MEMBER: ObjectGroupMember,
    OBJECT_TYPE: ObjectType,
    OPAQUE_DATA_TYPE: OpaqueDataType,
    OPERATION: Operation,
    PADDING_METHOD: PaddingMethod,
    PRIVATE_KEY_UNIQUE_IDENTIFIER: UniqueIdentifierReference,
    PROCESSING_STAGE: ProcessingStage,
    PROFILE_NAME: ProfileName,
    PROTECTION_LEVEL: ProtectionLevel,
    PUBLIC_KEY_UNIQUE_IDENTIFIER: UniqueIdentifierReference,
    PUT_FUNCTION: PutFunction,
    QUERY_FUNCTION: QueryFunction,
    RECOMMENDED_CURVE: RecommendedCurve,
    REPLACED_UNIQUE_IDENTIFIER: UniqueIdentifierReference,
    RESULT_REASON: ResultReason,
    RESULT_STATUS: ResultStatus,
    REVOCATION_REASON_CODE: RevocationReasonCode,
    RNG_ALGORITHM: RngAlgorithm,
    RNG_MODE: RngMode,
    ROTATE_NAME_TYPE: RotateNameType,
    SECRET_DATA_TYPE: SecretDataType,
    SHREDDING_ALGORITHM: ShreddingAlgorithm,
    SPLIT_KEY_METHOD: SplitKeyMethod,
    STATE: State,
    TICKET_TYPE: TicketType,
    UNIQUE_IDENTIFIER: UniqueIdentifierReference,
    UNWRAP_MODE: UnwrapMode,
    USAGE_LIMITS_UNIT: UsageLimitsUnit,
    VALIDATION_AUTHORITY_TYPE: ValidationAuthorityType,
    VALIDATION_TYPE: ValidationType,
    VALIDITY_INDICATOR: ValidityIndicator,
    WRAPPING_METHOD: WrappingMethod,
}

fn mask(tag: Tag) -> Option<Names> {
    match tag {
        Tag::CRYPTOGRAPHIC_USAGE_MASK => Some(CryptographicUsageMask::NAMES),
        Tag::PROTECTION_STORAGE_MASK => Some(ProtectionStorageMask::NAMES),
        Tag::STORAGE_STATUS_MASK => Some(StorageStatusMask::NAMES),
        _ => None,
    }
}

/// The name of a code under `tag`, as XML and JSON write it.
pub(crate) fn name(tag: Tag, code: u32) -> Option<String> {
    if tag == Tag::ATTRIBUTE_REFERENCE {
        return Tag(code).name().map(str::to_owned);
    }
    let (_, name) = enumeration(tag)?.iter().find(|(named, _)| *named == code)?;
    Some(camel_case(name))
}

/// The code that a name stands for under `tag`.
pub(crate) fn code(tag: Tag, name: &str) -> Option<u32> {
    if tag == Tag::ATTRIBUTE_REFERENCE {
        return Tag::from_name(name).map(|tag| tag.0);
    }
    find(enumeration(tag)?, name)
}

/// The names of the bits of a mask, what has no name in hexadecimal; `None` where no mask stands under `tag`.
pub(crate) fn bit_names(tag: Tag, bits: u32) -> Option<Vec<String>> {
    let names = mask(tag)?;
    let mut words: Vec<String> =
        names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| camel_case(name)).collect();
    let unnamed = names.iter().fold(bits, |left, (bit, _)| left & !bit);
    if unnamed != 0 {
        words.push(format!("0x{unnamed:08x}"));
    }
    Some(words)
}

/// The bit that a name stands for in the mask under `tag`.
pub(crate) fn bit(tag: Tag, name: &str) -> Option<u32> {
    find(mask(tag)?, name)
}

/// The tag of the attribute that 1.x calls by this text.
pub(crate) fn attribute_tag(name: &str) -> Option<Tag> {
    Tag::from_name(&camel_case(name))
}

fn find(names: Names, wanted: &str) -> Option<u32> {
    let mut word = String::with_capacity(64);
    names.iter().find_map(|(code, name)| {
        word.clear();
        write_camel_case(name, &mut word);
        (word == wanted).then_some(*code)
    })
}

fn camel_case(name: &str) -> String {
    let mut word = String::with_capacity(name.len());
    write_camel_case(name, &mut word);
    word
}

/// Makes one word of a name: `SHA-256` becomes `SHA_256`, `Re-key` `ReKey`, `3DES` `DES3`.
///
/// # Standard
///
/// KMIP Profiles 2.1, section 5.4.1.3 (Normalizing Names).
fn write_camel_case(name: &str, word: &mut String) {
    let digits = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    // INVARIANT: digits at the begin move to the end of the first part; `digits` counts those that are still to be put.
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

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
        let masks = [Tag::CRYPTOGRAPHIC_USAGE_MASK, Tag::PROTECTION_STORAGE_MASK, Tag::STORAGE_STATUS_MASK];
        for tag in masks {
            for (bit_code, _) in mask(tag).unwrap() {
                let words = bit_names(tag, *bit_code).unwrap();
                assert_eq!(words.iter().map(|word| bit(tag, word)).collect::<Vec<_>>(), [Some(*bit_code)]);
            }
        }
        for tag in ENUMERATIONS {
            let mut words = HashSet::new();
            for (number, _) in enumeration(*tag).unwrap() {
                let word = name(*tag, *number).unwrap();
                assert_eq!(code(*tag, &word), Some(*number), "{tag} {word}");
                assert!(words.insert(word));
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
