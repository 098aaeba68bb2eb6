//! Keys in parts, and keys whose value is kept elsewhere.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{
    Attribute, AttributeKind, AttributeReference, AttributeValue, Attributes, KeyValueLocation,
    TemplateAttribute,
};
use keyreeve_kmip::enums::{
    CryptographicAlgorithm, KeyFormatType, KeyValueLocationType, ObjectType, ResultReason, SplitKeyMethod,
};
use keyreeve_kmip::objects::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, SymmetricKey};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::create_split_key::CreateSplitKeyRequest;
use keyreeve_kmip::payloads::delete_attribute::DeleteAttributeRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::get::{GetRequest, GetResponse};
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::join_split_key::JoinSplitKeyRequest;
use keyreeve_kmip::payloads::modify_attribute::ModifyAttributeRequest;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::payloads::rekey::ReKeyRequest;
use keyreeve_kmip::values::{BigInteger, CryptographicUsageMask, UniqueIdentifier};

use crate::harness::{Client, Server, attribute};

const VERSION: Version = Version::V1_4;

fn gotten(client: &mut Client, id: &UniqueIdentifier) -> GetResponse {
    let get = GetRequest { unique_identifier: Some(id.clone()), ..GetRequest::default() };
    match client.done(VERSION, get) {
        Response::Get(gotten) => gotten,
        _ => panic!("another operation was answered"),
    }
}

fn bytes(object: &ManagedObject) -> Vec<u8> {
    let Some(KeyValue::Plain(value)) = &object.key_block().unwrap().key_value else { panic!("no value") };
    let KeyMaterial::Bytes(bytes) = &value.key_material else { panic!("no bytes") };
    bytes.expose().to_vec()
}

/// The least prime above 2^256, which is 2^256 + 297.
fn prime() -> BigInteger {
    let mut bytes = vec![0; 40];
    bytes[7] = 1;
    bytes[38..].copy_from_slice(&297u16.to_be_bytes());
    BigInteger(bytes.into())
}

fn split(id: &UniqueIdentifier, method: SplitKeyMethod, parts: i32, threshold: i32) -> CreateSplitKeyRequest {
    CreateSplitKeyRequest {
        object_type: ObjectType::SplitKey,
        unique_identifier: Some(id.clone()),
        split_key_parts: parts,
        split_key_threshold: threshold,
        split_key_method: method,
        prime_field_size: (method == SplitKeyMethod::PolynomialSharingPrimeField).then(prime),
        template_attribute: None,
        protection_storage_masks: None,
    }
}

fn parts(client: &mut Client, request: CreateSplitKeyRequest) -> Vec<UniqueIdentifier> {
    match client.done(VERSION, request) {
        Response::CreateSplitKey(made) => made.unique_identifiers,
        _ => panic!("another operation was answered"),
    }
}

fn join(parts: &[&UniqueIdentifier]) -> JoinSplitKeyRequest {
    JoinSplitKeyRequest {
        object_type: ObjectType::SymmetricKey,
        unique_identifiers: parts.iter().copied().cloned().collect(),
        secret_data_type: None,
        template_attribute: None,
        protection_storage_masks: None,
    }
}

#[test]
fn enough_parts_make_the_key_again() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(VERSION, "whole");
    let secret = bytes(&gotten(&mut client, &id).object);
    let ways = [
        (SplitKeyMethod::Xor, 3),
        (SplitKeyMethod::PolynomialSharingGf2_8, 2),
        (SplitKeyMethod::PolynomialSharingGf2_16, 2),
        (SplitKeyMethod::PolynomialSharingPrimeField, 2),
    ];
    for (method, threshold) in ways {
        let parts = parts(&mut client, split(&id, method, 3, threshold));
        let [one, two, three] = &parts[..] else { panic!("{} parts", parts.len()) };
        let ManagedObject::SplitKey(part) = gotten(&mut client, two).object else { panic!("no split key") };
        assert_eq!((part.key_part_identifier, part.split_key_parts), (2, 3));
        assert_eq!((part.split_key_threshold, part.split_key_method), (threshold, method));
        assert_ne!(bytes(&ManagedObject::SplitKey(part)), secret);
        let enough = if threshold == 3 { vec![three, one, two] } else { vec![three, one] };
        let Response::JoinSplitKey(joined) = client.done(VERSION, join(&enough)) else { panic!() };
        assert_eq!(bytes(&gotten(&mut client, &joined.unique_identifier).object), secret);
        assert_eq!(client.refused(VERSION, join(&enough[1..])), ResultReason::CryptographicFailure);
        assert_eq!(client.refused(VERSION, join(&[one, one, two])), ResultReason::InvalidField);
        assert_eq!(client.refused(VERSION, join(&[one, &id, two])), ResultReason::InvalidField);
    }
}

#[test]
fn what_may_not_leave_is_not_split() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(VERSION, "kept");
    let method = SplitKeyMethod::PolynomialSharingGf2_8;
    for (parts, threshold) in [(1, 1), (256, 2), (3, 4), (3, 0), (-1, 2)] {
        assert_eq!(
            client.refused(VERSION, split(&id, method, parts, threshold)),
            ResultReason::InvalidField,
            "{parts} {threshold}"
        );
    }
    let prime_field = SplitKeyMethod::PolynomialSharingPrimeField;
    for wrong in [None, Some(BigInteger(vec![1, 0].into())), Some(BigInteger(vec![0x80; 8].into()))] {
        let request = CreateSplitKeyRequest { prime_field_size: wrong, ..split(&id, prime_field, 3, 2) };
        assert_eq!(client.refused(VERSION, request), ResultReason::InvalidField);
    }
    let others = parts(&mut client, split(&id, method, 3, 2));
    let again = parts(&mut client, split(&id, method, 4, 2));
    let mixed = join(&[&others[0], &again[1]]);
    assert_eq!(client.refused(VERSION, mixed), ResultReason::InvalidField);
    let same_shape = parts(&mut client, split(&id, method, 3, 2));
    let mixed = join(&[&others[0], &same_shape[1]]);
    assert_eq!(client.refused(VERSION, mixed), ResultReason::InvalidField, "a wrong key would come out");
    let modify = ModifyAttributeRequest {
        unique_identifier: Some(id.clone()),
        current_attribute: None,
        attribute: attribute(AttributeValue::Sensitive(true)),
    };
    client.done(VERSION, modify);
    assert_eq!(client.refused(VERSION, split(&id, method, 3, 2)), ResultReason::Sensitive);
}

fn register(located: bool) -> RegisterRequest {
    let mut attributes =
        vec![Attribute::from(AttributeValue::CryptographicUsageMask(CryptographicUsageMask::ENCRYPT))];
    if located {
        attributes.push(Attribute::from(AttributeValue::KeyValueLocation(KeyValueLocation {
            key_value_location_value: "HSM-12345".to_owned(),
            key_value_location_type: KeyValueLocationType::UninterpretedTextString,
        })));
    }
    let key_block = KeyBlock {
        key_format_type: KeyFormatType::Raw,
        key_compression_type: None,
        key_value: None,
        cryptographic_algorithm: Some(CryptographicAlgorithm::Aes),
        cryptographic_length: Some(128),
        key_wrapping_data: None,
    };
    RegisterRequest {
        object_type: ObjectType::SymmetricKey,
        template_attribute: TemplateAttribute::from(Attributes(attributes)),
        object: SymmetricKey { key_block }.into(),
        protection_storage_masks: None,
    }
}

#[test]
fn a_key_without_its_value_is_known_and_not_used() {
    let server = Server::start();
    let mut client = server.connect();
    assert_eq!(client.refused(VERSION, register(false)), ResultReason::MissingData.for_version(VERSION));
    let Response::Register(registered) = client.done(VERSION, register(true)) else { panic!() };
    let id = registered.unique_identifier;
    assert!(gotten(&mut client, &id).object.key_block().unwrap().key_value.is_none());
    let names = [AttributeKind::KeyValuePresent, AttributeKind::Digest];
    let asked = GetAttributesRequest {
        unique_identifier: Some(id.clone()),
        attribute_references: names.map(AttributeReference::Kind).into(),
    };
    let Response::GetAttributes(read) = client.done(VERSION, asked) else { panic!() };
    assert!(matches!(
        read.attributes.0[..],
        [Attribute { value: AttributeValue::KeyValuePresent(false), .. }]
    ));
    client.done(VERSION, ActivateRequest { unique_identifier: Some(id.clone()) });
    let encrypt = EncryptRequest {
        unique_identifier: Some(id.clone()),
        data: Some(vec![0; 16].into()),
        ..EncryptRequest::default()
    };
    let reason = ResultReason::KeyValueNotPresent.for_version(VERSION);
    assert_eq!(client.refused(VERSION, encrypt), reason);
    // The place where the value is goes, or comes, with the value alone.
    let location = AttributeReference::Kind(AttributeKind::KeyValueLocation);
    let delete = DeleteAttributeRequest {
        unique_identifier: Some(id.clone()),
        attribute_reference: Some(location),
        attribute_index: None,
        current_attribute: None,
    };
    assert_eq!(client.refused(VERSION, delete), ResultReason::InvalidField);
    let whole = client.create(VERSION, "has its value");
    let add = AddAttributeRequest {
        unique_identifier: Some(whole),
        attribute: attribute(AttributeValue::KeyValueLocation(KeyValueLocation {
            key_value_location_value: "elsewhere".to_owned(),
            key_value_location_type: KeyValueLocationType::UninterpretedTextString,
        })),
    };
    assert_eq!(client.refused(VERSION, add), ResultReason::InvalidField);
    client.refused(VERSION, ReKeyRequest { unique_identifier: Some(id), ..ReKeyRequest::default() });
}
