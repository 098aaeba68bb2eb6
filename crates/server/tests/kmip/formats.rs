//! Formats of keys: numbers (transparent) both ways, and wrapped. What keys in PKCS#8 and its like do is in the other files.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{AttributeValue, Attributes, CryptographicParameters, TemplateAttribute};
use keyreeve_kmip::enums::{
    CryptographicAlgorithm, DigitalSignatureAlgorithm, EncodingOption, KeyFormatType, RecommendedCurve,
    ResultReason, ResultStatus, ValidityIndicator, WrappingMethod,
};
use keyreeve_kmip::objects::{
    KeyBlock, KeyInformation, KeyMaterial, KeyValue, KeyWrappingSpecification, ManagedObject, PlainKeyValue,
    PrivateKey, PublicKey, SymmetricKey, TransparentKey,
};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::create_key_pair::CreateKeyPairRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::payloads::sign::SignRequest;
use keyreeve_kmip::payloads::signature_verify::SignatureVerifyRequest;
use keyreeve_kmip::values::{CryptographicUsageMask, DateTime, UniqueIdentifier};

use crate::harness::{Client, Server};

fn uses(usage: CryptographicUsageMask) -> TemplateAttribute {
    let attributes =
        [AttributeValue::CryptographicUsageMask(usage), AttributeValue::ActivationDate(DateTime(1))];
    attributes.into_iter().collect::<Attributes>().into()
}

fn block(format: KeyFormatType, algorithm: CryptographicAlgorithm, key_material: KeyMaterial) -> KeyBlock {
    KeyBlock {
        key_format_type: format,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue { key_material, attributes: None })),
        cryptographic_algorithm: Some(algorithm),
        cryptographic_length: None,
        key_wrapping_data: None,
    }
}

fn register(
    client: &mut Client,
    version: Version,
    object: ManagedObject,
    usage: CryptographicUsageMask,
) -> UniqueIdentifier {
    let object_type = object.object_type();
    let template_attribute = uses(usage);
    let request = RegisterRequest { object_type, template_attribute, object, protection_storage_masks: None };
    let Response::Register(registered) = client.done(version, request) else { panic!() };
    registered.unique_identifier
}

fn key_block(
    client: &mut Client,
    version: Version,
    id: &UniqueIdentifier,
    key_format_type: Option<KeyFormatType>,
) -> KeyBlock {
    let request =
        GetRequest { unique_identifier: Some(id.clone()), key_format_type, ..GetRequest::default() };
    let Response::Get(gotten) = client.done(version, request) else { panic!() };
    match gotten.object {
        ManagedObject::PrivateKey(key) => key.key_block,
        ManagedObject::PublicKey(key) => key.key_block,
        ManagedObject::SymmetricKey(key) => key.key_block,
        _ => panic!("another kind of object"),
    }
}

fn material(block: KeyBlock) -> KeyMaterial {
    match block.key_value {
        Some(KeyValue::Plain(value)) => value.key_material,
        _ => panic!("a wrapped key, or none"),
    }
}

fn numbers(block: KeyBlock) -> TransparentKey {
    match material(block) {
        KeyMaterial::Transparent(numbers) => *numbers,
        KeyMaterial::Bytes(_) => panic!("bytes"),
    }
}

fn same_bytes(one: &KeyMaterial, other: &KeyMaterial) -> bool {
    match (one, other) {
        (KeyMaterial::Bytes(one), KeyMaterial::Bytes(other)) => one.expose() == other.expose(),
        _ => false,
    }
}

fn pair(
    client: &mut Client,
    version: Version,
    attributes: Vec<AttributeValue>,
) -> (UniqueIdentifier, UniqueIdentifier) {
    let mut common = attributes;
    let usage = CryptographicUsageMask::SIGN | CryptographicUsageMask::VERIFY;
    common
        .extend([AttributeValue::CryptographicUsageMask(usage), AttributeValue::ActivationDate(DateTime(1))]);
    let common = common.into_iter().collect::<Attributes>();
    let request = CreateKeyPairRequest {
        common_template_attribute: Some(common.into()),
        ..CreateKeyPairRequest::default()
    };
    let Response::CreateKeyPair(made) = client.done(version, request) else { panic!() };
    (made.private_key_unique_identifier, made.public_key_unique_identifier)
}

fn curve(curve: RecommendedCurve) -> AttributeValue {
    AttributeValue::CryptographicDomainParameters(keyreeve_kmip::attributes::CryptographicDomainParameters {
        recommended_curve: Some(curve),
        ..Default::default()
    })
}

/// Whether what one key signs is verified by another.
fn is_one_key(
    client: &mut Client,
    (private, public): (&UniqueIdentifier, &UniqueIdentifier),
    scheme: DigitalSignatureAlgorithm,
) -> bool {
    let version = Version::V1_4;
    let parameters = || CryptographicParameters {
        digital_signature_algorithm: Some(scheme),
        ..CryptographicParameters::default()
    };
    let data = || Some(b"a message".to_vec().into());
    let sign = SignRequest {
        unique_identifier: Some(private.clone()),
        cryptographic_parameters: Some(parameters()),
        data: data(),
        ..SignRequest::default()
    };
    let Response::Sign(signed) = client.done(version, sign) else { panic!() };
    let verify = SignatureVerifyRequest {
        unique_identifier: Some(public.clone()),
        cryptographic_parameters: Some(parameters()),
        data: data(),
        signature_data: signed.signature_data,
        ..SignatureVerifyRequest::default()
    };
    let answer = client.ask(version, verify);
    match (answer.result_status, answer.payload) {
        (ResultStatus::Success, Some(Response::SignatureVerify(verified))) => {
            verified.validity_indicator == Some(ValidityIndicator::Valid)
        }
        _ => false,
    }
}

#[test]
fn elliptic_curve_keys_go_out_and_come_in_as_numbers() {
    use KeyFormatType as Format;
    let server = Server::start();
    let mut client = server.connect();
    let formats = [
        (Version::V1_0, Format::TransparentEcdsaPrivateKey, Format::TransparentEcdsaPublicKey),
        (Version::V1_2, Format::TransparentEcdhPrivateKey, Format::TransparentEcdhPublicKey),
        (Version::V1_4, Format::TransparentEcPrivateKey, Format::TransparentEcPublicKey),
        (Version::V2_1, Format::TransparentEcPrivateKey, Format::TransparentEcPublicKey),
    ];
    let curves =
        [RecommendedCurve::P256, RecommendedCurve::P384, RecommendedCurve::P521, RecommendedCurve::Secp256k1];
    let ecdsa = CryptographicAlgorithm::Ecdsa;
    for ((version, of_private, of_public), named) in formats.into_iter().zip(curves) {
        let attributes = vec![AttributeValue::CryptographicAlgorithm(ecdsa), curve(named)];
        let (private, public) = pair(&mut client, Version::V1_4, attributes);
        let secret = numbers(key_block(&mut client, version, &private, Some(of_private)));
        assert_eq!(secret.recommended_curve, Some(named));
        assert!(secret.q_string.is_none());
        let point = numbers(key_block(&mut client, version, &public, Some(of_public)));
        assert_eq!(point.q_string.as_ref().unwrap()[0], 4, "an uncompressed point");
        let usage = CryptographicUsageMask::SIGN;
        let secret = KeyMaterial::Transparent(Box::new(secret));
        let object = PrivateKey { key_block: block(of_private, ecdsa, secret) }.into();
        let mine = register(&mut client, version, object, usage);
        let point = KeyMaterial::Transparent(Box::new(point));
        let object = PublicKey { key_block: block(of_public, ecdsa, point) }.into();
        let others = register(&mut client, version, object, CryptographicUsageMask::VERIFY);
        let scheme = match named {
            RecommendedCurve::P384 => DigitalSignatureAlgorithm::EcdsaWithSha384,
            RecommendedCurve::P521 => DigitalSignatureAlgorithm::EcdsaWithSha512,
            _ => DigitalSignatureAlgorithm::EcdsaWithSha256,
        };
        assert!(is_one_key(&mut client, (&mine, &public), scheme), "{named}");
        assert!(is_one_key(&mut client, (&private, &others), scheme), "{named}");
        // They are given as they came where nobody asks for another format, and as the same key where somebody does.
        let given = key_block(&mut client, version, &mine, None);
        assert_eq!(given.key_format_type, of_private);
        assert!(numbers(given).d.is_some());
        let pkcs8 = |client: &mut Client, id: &UniqueIdentifier| {
            material(key_block(client, version, id, Some(Format::Pkcs8)))
        };
        assert!(same_bytes(&pkcs8(&mut client, &mine), &pkcs8(&mut client, &private)));
    }
}

#[test]
fn an_elliptic_curve_key_of_wrong_numbers_is_refused() {
    let server = Server::start();
    let mut client = server.connect();
    let ecdsa = CryptographicAlgorithm::Ecdsa;
    for (d, q) in [(vec![0; 8], vec![4; 65]), (vec![0x7F; 40], vec![4; 3])] {
        let numbers = |d: Option<Vec<u8>>, q_string| {
            let d = d.map(|d| keyreeve_kmip::values::BigInteger(d.into()));
            let recommended_curve = Some(RecommendedCurve::P256);
            KeyMaterial::Transparent(Box::new(TransparentKey {
                recommended_curve,
                d,
                q_string,
                ..TransparentKey::default()
            }))
        };
        let private = block(KeyFormatType::TransparentEcPrivateKey, ecdsa, numbers(Some(d), None));
        let public = block(KeyFormatType::TransparentEcPublicKey, ecdsa, numbers(None, Some(q)));
        for object in [
            ManagedObject::from(PrivateKey { key_block: private }),
            ManagedObject::from(PublicKey { key_block: public }),
        ] {
            let request = RegisterRequest {
                object_type: object.object_type(),
                template_attribute: uses(CryptographicUsageMask::SIGN),
                object,
                protection_storage_masks: None,
            };
            assert_eq!(client.refused(Version::V2_1, request), ResultReason::InvalidField);
        }
    }
}

#[test]
fn an_rsa_key_needs_not_all_of_its_numbers() {
    let server = Server::start();
    let mut client = server.connect();
    let rsa = CryptographicAlgorithm::Rsa;
    let attributes =
        vec![AttributeValue::CryptographicAlgorithm(rsa), AttributeValue::CryptographicLength(2048)];
    let (private, public) = pair(&mut client, Version::V1_4, attributes);
    let format = KeyFormatType::TransparentRsaPrivateKey;
    let without = |numbers: TransparentKey, primes: bool, exponent: bool| TransparentKey {
        p: numbers.p.filter(|_| primes),
        q: numbers.q.filter(|_| primes),
        private_exponent: numbers.private_exponent.filter(|_| exponent),
        prime_exponent_p: None,
        prime_exponent_q: None,
        crt_coefficient: None,
        ..numbers
    };
    for (version, primes, exponent) in
        [(Version::V1_0, false, true), (Version::V1_4, true, true), (Version::V2_1, true, false)]
    {
        let whole = numbers(key_block(&mut client, version, &private, Some(format)));
        let some = KeyMaterial::Transparent(Box::new(without(whole, primes, exponent)));
        let object = PrivateKey { key_block: block(format, rsa, some) }.into();
        let mine = register(&mut client, version, object, CryptographicUsageMask::SIGN);
        let scheme = DigitalSignatureAlgorithm::Sha256WithRsaEncryption;
        assert!(is_one_key(&mut client, (&mine, &public), scheme), "{version}");
        let given = key_block(&mut client, version, &mine, None);
        assert_eq!(given.key_format_type, format);
        let given = numbers(given);
        assert!(given.crt_coefficient.is_some() && given.p.is_some() && given.private_exponent.is_some());
    }
}

#[test]
fn numbers_are_wrapped_as_numbers_and_never_bare() {
    let server = Server::start();
    let mut client = server.connect();
    let version = Version::V2_1;
    let (aes, ecdsa) = (CryptographicAlgorithm::Aes, CryptographicAlgorithm::Ecdsa);
    let bytes = KeyMaterial::Bytes(vec![7; 32].into());
    let object = SymmetricKey { key_block: block(KeyFormatType::Raw, aes, bytes) }.into();
    let usage = CryptographicUsageMask::WRAP_KEY | CryptographicUsageMask::UNWRAP_KEY;
    let by = register(&mut client, version, object, usage);
    let attributes = vec![AttributeValue::CryptographicAlgorithm(ecdsa), curve(RecommendedCurve::P256)];
    let (private, public) = pair(&mut client, version, attributes);
    let format = KeyFormatType::TransparentEcPrivateKey;
    let wrapped = |encoding_option| GetRequest {
        unique_identifier: Some(private.clone()),
        key_format_type: Some(format),
        key_wrapping_specification: Some(KeyWrappingSpecification {
            wrapping_method: WrappingMethod::Encrypt,
            encryption_key_information: Some(KeyInformation {
                unique_identifier: by.clone(),
                cryptographic_parameters: Some(CryptographicParameters {
                    block_cipher_mode: Some(keyreeve_kmip::enums::BlockCipherMode::AesKeyWrapPadding),
                    ..CryptographicParameters::default()
                }),
            }),
            mac_signature_key_information: None,
            attribute_names: Vec::new(),
            encoding_option,
        }),
        ..GetRequest::default()
    };
    let refused = client.refused(version, wrapped(Some(EncodingOption::NoEncoding)));
    assert_eq!(refused, ResultReason::InvalidField);
    let Response::Get(gotten) = client.done(version, wrapped(None)) else { panic!() };
    let ManagedObject::PrivateKey(key) = gotten.object else { panic!("another kind of object") };
    assert_eq!(key.key_block.key_format_type, format);
    assert!(matches!(key.key_block.key_value, Some(KeyValue::Wrapped(_))));
    let again = register(&mut client, version, (*key).into(), CryptographicUsageMask::SIGN);
    let scheme = DigitalSignatureAlgorithm::EcdsaWithSha256;
    assert!(is_one_key(&mut client, (&again, &public), scheme));
    assert_eq!(key_block(&mut client, version, &again, None).key_format_type, format);
}
