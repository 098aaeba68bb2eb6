//! Operations in several parts, and keys derived from others.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{
    Attribute, AttributeValue, Attributes, CryptographicParameters, TemplateAttribute, UsageLimits,
};
use keyreeve_kmip::enums::{
    BatchErrorContinuationOption, BlockCipherMode, CryptographicAlgorithm, DerivationMethod,
    HashingAlgorithm, KeyFormatType, ObjectType, ResultReason, ResultStatus, SecretDataType, UsageLimitsUnit,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage};
use keyreeve_kmip::objects::{KeyBlock, KeyMaterial, KeyValue, PlainKeyValue, SecretData};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::decrypt::DecryptRequest;
use keyreeve_kmip::payloads::derive_key::{DerivationParameters, DeriveKeyRequest};
use keyreeve_kmip::payloads::encrypt::{EncryptRequest, EncryptResponse};
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::hash::HashRequest;
use keyreeve_kmip::payloads::mac::MacRequest;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::values::{CryptographicUsageMask, UniqueIdentifier};
use serde_json::json;

use crate::harness::{Client, Server, attribute};

const VERSION: Version = Version::V1_4;

fn key(client: &mut Client, name: &str) -> UniqueIdentifier {
    let id = client.create(VERSION, name);
    client.done(VERSION, ActivateRequest { unique_identifier: Some(id.clone()) });
    id
}

fn gcm(id: &UniqueIdentifier, data: &[u8]) -> EncryptRequest {
    let parameters =
        CryptographicParameters { block_cipher_mode: Some(BlockCipherMode::Gcm), ..Default::default() };
    EncryptRequest {
        unique_identifier: Some(id.clone()),
        cryptographic_parameters: Some(parameters),
        data: Some(data.to_vec().into()),
        iv_counter_nonce: Some(vec![3; 12]),
        ..EncryptRequest::default()
    }
}

fn encrypted(client: &mut Client, request: EncryptRequest) -> EncryptResponse {
    match client.done(VERSION, request) {
        Response::Encrypt(answer) => answer,
        _ => panic!("another operation was answered"),
    }
}

fn first(id: &UniqueIdentifier, data: &[u8]) -> EncryptRequest {
    EncryptRequest { init_indicator: Some(true), ..gcm(id, data) }
}

fn later(data: &[u8], correlation_value: &Option<Vec<u8>>) -> EncryptRequest {
    EncryptRequest {
        data: Some(data.to_vec().into()),
        correlation_value: correlation_value.clone(),
        ..EncryptRequest::default()
    }
}

#[test]
fn parts_make_what_one_piece_makes() {
    let server = Server::start();
    let mut client = server.connect();
    let id = key(&mut client, "parts");
    let message: Vec<u8> = (0..100).collect();
    let whole = encrypted(&mut client, gcm(&id, &message));
    let mut parts = encrypted(&mut client, first(&id, &message[..7]));
    let mut data = parts.data.take().unwrap();
    assert_eq!(data.len(), 7);
    parts = encrypted(&mut client, later(&message[7..50], &parts.correlation_value));
    data.extend(parts.data.take().unwrap());
    assert!(parts.authenticated_encryption_tag.is_none(), "a tag of a part would be one of another message");
    let last = later(&message[50..], &parts.correlation_value);
    let last = encrypted(&mut client, EncryptRequest { final_indicator: Some(true), ..last });
    data.extend(last.data.unwrap());
    assert_eq!(
        (Some(data), last.authenticated_encryption_tag),
        (whole.data.clone(), whole.authenticated_encryption_tag.clone())
    );
    // Plaintext that has not proven right does not leave.
    let decrypt = |data: &[u8], tag: Option<Vec<u8>>, last: bool, value: Option<Vec<u8>>| DecryptRequest {
        unique_identifier: Some(id.clone()),
        cryptographic_parameters: gcm(&id, &[]).cryptographic_parameters,
        data: Some(data.to_vec().into()),
        iv_counter_nonce: Some(vec![3; 12]),
        authenticated_encryption_tag: tag,
        init_indicator: value.is_none().then_some(true),
        final_indicator: last.then_some(true),
        correlation_value: value,
        ..DecryptRequest::default()
    };
    let ciphertext = whole.data.unwrap();
    for (tag, right) in [(whole.authenticated_encryption_tag, true), (Some(vec![0; 16]), false)] {
        let begun = client.done(VERSION, decrypt(&ciphertext[..64], None, false, None));
        let Response::Decrypt(begun) = begun else { panic!() };
        assert!(begun.data.is_none());
        let ended = client.ask(VERSION, decrypt(&ciphertext[64..], tag, true, begun.correlation_value));
        match ended.payload {
            Some(Response::Decrypt(ended)) if right => assert_eq!(ended.data.unwrap().expose(), message),
            Some(_) => panic!("a wrong tag was taken"),
            None => assert!(!right, "{:?}", ended.result_message),
        }
    }
}

#[test]
fn a_stream_is_its_owners_and_of_one_kind() {
    let server = Server::start();
    let mut client = server.connect();
    let (id, other) = (key(&mut client, "one"), key(&mut client, "other"));
    let begin = |client: &mut Client| encrypted(client, first(&id, b"begun")).correlation_value;
    let unknown = ResultReason::InvalidCorrelationValue.for_version(VERSION);
    // Another principal.
    let added = server.post("/v1/clients", &json!({ "name": "stranger", "roles": ["operator"] }));
    let pem = |field: &str| added[field].as_str().unwrap().as_bytes();
    let mut stranger = server.connect_to(server.address, pem("certificate"), pem("private_key"));
    let value = begin(&mut client);
    assert_eq!(stranger.refused(VERSION, later(b"mine", &value)), unknown);
    encrypted(&mut client, EncryptRequest { final_indicator: Some(true), ..later(b"ended", &value) });
    assert_eq!(client.refused(VERSION, later(b"after the end", &value)), unknown);
    // Another key, and another way of using it: whatever limits them would be gone around.
    let value = begin(&mut client);
    let change = EncryptRequest { unique_identifier: Some(other), ..later(b"", &value) };
    assert_eq!(client.refused(VERSION, change), ResultReason::InvalidField);
    assert_eq!(client.refused(VERSION, later(b"", &value)), unknown, "what failed has ended");
    let value = begin(&mut client);
    let change = EncryptRequest { iv_counter_nonce: Some(vec![4; 12]), ..later(b"", &value) };
    assert_eq!(client.refused(VERSION, change), ResultReason::InvalidField);
    // Another operation.
    let value = begin(&mut client);
    let hash = HashRequest {
        cryptographic_parameters: CryptographicParameters {
            hashing_algorithm: Some(HashingAlgorithm::Sha256),
            ..CryptographicParameters::default()
        },
        data: Some(b"x".to_vec().into()),
        correlation_value: value,
        init_indicator: None,
        final_indicator: None,
    };
    assert_eq!(client.refused(VERSION, hash), unknown);
    // None of it can be undone.
    let items = vec![RequestItem::new(first(&id, b"x").into()), RequestItem::new(first(&id, b"x").into())];
    let mut undo = RequestMessage::new(VERSION, items);
    undo.header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo);
    assert!(client.exchange(&undo).items.iter().all(|item| item.result_status != ResultStatus::Success));
}

#[test]
fn parts_are_many_but_bounded_and_counted_once() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(VERSION, "limited");
    let limits = |usage_limits_unit, usage_limits_total| {
        attribute(AttributeValue::UsageLimits(UsageLimits {
            usage_limits_total,
            usage_limits_count: None,
            usage_limits_unit,
        }))
    };
    let attribute = limits(UsageLimitsUnit::Byte, 10);
    client.done(VERSION, AddAttributeRequest { unique_identifier: Some(id.clone()), attribute });
    client.done(VERSION, ActivateRequest { unique_identifier: Some(id.clone()) });
    let value = encrypted(&mut client, first(&id, b"123456")).correlation_value;
    let last = EncryptRequest { final_indicator: Some(true), ..later(b"7890", &value) };
    encrypted(&mut client, last);
    assert_eq!(client.refused(VERSION, gcm(&id, b"1")), ResultReason::PermissionDenied);
    let id = key(&mut client, "streams");
    let mut values = Vec::new();
    let refused = loop {
        let answer = client.ask(VERSION, first(&id, b"x"));
        match answer.payload {
            Some(Response::Encrypt(answer)) => values.push(answer.correlation_value),
            _ => break answer.result_reason,
        }
        assert!(values.len() <= 64, "streams without end");
    };
    assert_eq!(refused, Some(ResultReason::ServerLimitExceeded.for_version(VERSION)));
    let value = values.pop().unwrap();
    let long = client.refused(VERSION, later(&vec![0; 1 << 20], &value));
    assert_eq!(long, ResultReason::ServerLimitExceeded.for_version(VERSION));
}

#[test]
fn a_password_becomes_a_key_at_every_version() {
    let server = Server::start();
    let mut client = server.connect();
    for version in Version::ALL {
        let key_block = KeyBlock {
            key_format_type: KeyFormatType::Opaque,
            key_compression_type: None,
            key_value: Some(KeyValue::Plain(PlainKeyValue {
                key_material: KeyMaterial::Bytes(b"password".to_vec().into()),
                attributes: None,
            })),
            cryptographic_algorithm: None,
            cryptographic_length: None,
            key_wrapping_data: None,
        };
        let secret = SecretData { secret_data_type: SecretDataType::Password, key_block };
        let usage = AttributeValue::CryptographicUsageMask(CryptographicUsageMask::DERIVE_KEY);
        let register = RegisterRequest {
            object_type: ObjectType::SecretData,
            template_attribute: template([usage]),
            object: secret.into(),
            protection_storage_masks: None,
        };
        let Response::Register(base) = client.done(version, register) else { panic!() };
        client.done(version, ActivateRequest { unique_identifier: Some(base.unique_identifier.clone()) });
        let attributes = [
            AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Aes),
            AttributeValue::CryptographicLength(128),
            AttributeValue::CryptographicUsageMask(CryptographicUsageMask::ENCRYPT),
        ];
        let derive = |iteration_count| DeriveKeyRequest {
            object_type: ObjectType::SymmetricKey,
            unique_identifiers: vec![base.unique_identifier.clone()],
            derivation_method: DerivationMethod::Pbkdf2,
            derivation_parameters: DerivationParameters {
                cryptographic_parameters: None,
                initialization_vector: None,
                derivation_data: Vec::new(),
                salt: Some(b"salt".to_vec()),
                iteration_count,
            },
            template_attribute: template(attributes.clone()),
        };
        let Response::DeriveKey(derived) = client.done(version, derive(Some(2))) else { panic!() };
        let get = GetRequest { unique_identifier: Some(derived.unique_identifier), ..GetRequest::default() };
        let Response::Get(gotten) = client.done(version, get) else { panic!() };
        let Some(KeyValue::Plain(value)) = &gotten.object.key_block().unwrap().key_value else {
            panic!("wrapped")
        };
        let KeyMaterial::Bytes(bytes) = &value.key_material else { panic!() };
        // RFC 6070, the second case, cut to the length.
        assert_eq!(hex::encode(bytes.expose()), "ea6c014dc72d6f8ccd1ed92ace1d41f0");
        assert_eq!(client.refused(version, derive(None)), ResultReason::MissingData.for_version(version));
    }
}

fn template<const N: usize>(values: [AttributeValue; N]) -> TemplateAttribute {
    let attributes = values.map(Attribute::from);
    TemplateAttribute::from(Attributes(attributes.into()))
}

#[test]
fn who_may_not_use_a_key_gets_no_part_in() {
    let server = Server::start();
    let mut client = server.connect();
    let id = key(&mut client, "encrypts only");
    let first = |id: UniqueIdentifier| MacRequest {
        unique_identifier: Some(id),
        cryptographic_parameters: None,
        data: Some(b"part".to_vec().into()),
        correlation_value: None,
        init_indicator: Some(true),
        final_indicator: None,
    };
    let refused = client.refused(VERSION, first(id));
    assert_eq!(refused, ResultReason::IncompatibleCryptographicUsageMask.for_version(VERSION));
    let refused = client.refused(VERSION, first("no such object".into()));
    assert_eq!(refused, ResultReason::ObjectNotFound.for_version(VERSION));
}
