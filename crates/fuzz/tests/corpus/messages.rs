//! Requests of KMIP, each of which a house answers with success, and the answers.

use keyreeve_fuzz::house::House;
use keyreeve_kmip::attributes::{
    AttributeValue, Attributes, CryptographicParameters, Name, TemplateAttribute,
};
use keyreeve_kmip::enums::{
    BlockCipherMode, CryptographicAlgorithm, HashingAlgorithm, KeyFormatType, KeyWrapType, NameType,
    ObjectType, QueryFunction, State,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage};
use keyreeve_kmip::objects::{KeyBlock, KeyMaterial, KeyValue, PlainKeyValue, SymmetricKey};
use keyreeve_kmip::payloads::Request;
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::create::CreateRequest;
use keyreeve_kmip::payloads::create_key_pair::CreateKeyPairRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::hash::HashRequest;
use keyreeve_kmip::payloads::import::ImportRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::query::QueryRequest;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::payloads::rekey::ReKeyRequest;
use keyreeve_kmip::payloads::sign::SignRequest;
use keyreeve_kmip::values::{CryptographicUsageMask, UniqueIdentifier};
use keyreeve_kmip::{Encoding, Version};

use crate::{Seeds, seed};

fn template(
    algorithm: CryptographicAlgorithm,
    bits: i32,
    usage: CryptographicUsageMask,
) -> TemplateAttribute {
    let name = Name { name_value: "new".into(), name_type: NameType::UninterpretedTextString };
    let attributes = [
        AttributeValue::CryptographicAlgorithm(algorithm),
        AttributeValue::CryptographicLength(bits),
        AttributeValue::CryptographicUsageMask(usage),
        AttributeValue::Name(name),
    ];
    TemplateAttribute::from(attributes.into_iter().collect::<Attributes>())
}

fn aes() -> TemplateAttribute {
    let usage = CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT;
    template(CryptographicAlgorithm::Aes, 256, usage)
}

fn create() -> Request {
    let object_type = ObjectType::SymmetricKey;
    CreateRequest { object_type, template_attribute: aes(), protection_storage_masks: None }.into()
}

fn register() -> Request {
    let material = KeyMaterial::Bytes((0..32).collect::<Vec<u8>>().into());
    let key_block = KeyBlock {
        key_format_type: KeyFormatType::Raw,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue { key_material: material, attributes: None })),
        cryptographic_algorithm: Some(CryptographicAlgorithm::Aes),
        cryptographic_length: Some(256),
        key_wrapping_data: None,
    };
    RegisterRequest {
        object_type: ObjectType::SymmetricKey,
        template_attribute: aes(),
        object: SymmetricKey { key_block }.into(),
        protection_storage_masks: None,
    }
    .into()
}

fn import() -> Request {
    let Request::Register(RegisterRequest { object, .. }) = register() else { panic!("another request") };
    ImportRequest {
        unique_identifier: UniqueIdentifier::Text("chosen".into()),
        object_type: Some(ObjectType::SymmetricKey),
        replace_existing: Some(false),
        key_wrap_type: Some(KeyWrapType::NotWrapped),
        attributes: [AttributeValue::State(State::Active)].into_iter().collect(),
        object,
    }
    .into()
}

fn encrypt() -> Request {
    let parameters = CryptographicParameters {
        block_cipher_mode: Some(BlockCipherMode::Gcm),
        random_iv: Some(true),
        tag_length: Some(16),
        ..CryptographicParameters::default()
    };
    EncryptRequest {
        cryptographic_parameters: Some(parameters),
        data: Some(b"hello".to_vec().into()),
        ..EncryptRequest::default()
    }
    .into()
}

fn pair() -> Request {
    let usage = CryptographicUsageMask::SIGN | CryptographicUsageMask::VERIFY;
    CreateKeyPairRequest {
        common_template_attribute: Some(template(CryptographicAlgorithm::Ecdsa, 256, usage)),
        ..CreateKeyPairRequest::default()
    }
    .into()
}

fn locate() -> Request {
    let name = Name { name_value: "aes".into(), name_type: NameType::UninterpretedTextString };
    let attributes = [AttributeValue::ObjectType(ObjectType::SymmetricKey), AttributeValue::Name(name)];
    LocateRequest {
        maximum_items: Some(1),
        attributes: Some(attributes.into_iter().collect()),
        ..LocateRequest::default()
    }
    .into()
}

fn hash() -> Request {
    let parameters = CryptographicParameters {
        hashing_algorithm: Some(HashingAlgorithm::Sha256),
        ..CryptographicParameters::default()
    };
    HashRequest {
        cryptographic_parameters: parameters,
        data: Some(b"hello".to_vec().into()),
        correlation_value: None,
        init_indicator: None,
        final_indicator: None,
    }
    .into()
}

fn batches() -> Vec<(&'static str, Version, Vec<Request>)> {
    let activate = || ActivateRequest::default().into();
    let sign = || SignRequest { data: Some(b"hello".to_vec().into()), ..SignRequest::default() }.into();
    let query = || {
        QueryRequest {
            query_functions: vec![QueryFunction::QueryOperations, QueryFunction::QueryObjects],
            object_groups: None,
        }
        .into()
    };
    vec![
        ("query", Version::V1_0, vec![query()]),
        ("create", Version::V1_2, vec![create()]),
        ("create-and-get", Version::V2_1, vec![create(), GetRequest::default().into()]),
        ("encrypt", Version::V2_1, vec![create(), activate(), encrypt()]),
        ("register", Version::V1_4, vec![register(), GetAttributesRequest::default().into()]),
        ("import", Version::V2_1, vec![import(), GetAttributesRequest::default().into()]),
        ("sign", Version::V2_0, vec![pair(), activate(), sign()]),
        ("rekey", Version::V1_4, vec![create(), ReKeyRequest::default().into()]),
        ("locate", Version::V2_1, vec![locate()]),
        ("hash", Version::V1_4, vec![hash()]),
    ]
}

pub(crate) fn add(seeds: &mut Seeds) {
    for (name, version, payloads) in batches() {
        let items = payloads.into_iter().map(RequestItem::new).collect();
        let request = RequestMessage::new(version, items).encode().unwrap();
        let answer = House::new().kmip(Encoding::Ttlv, request.expose());
        for target in ["ttlv", "kmip_request", "kmip"] {
            seed(seeds, target, name, request.expose());
        }
        for (target, encoding) in [("kmip_xml", Encoding::Xml), ("kmip_json", Encoding::Json)] {
            let text = |bytes: &[u8]| encoding.translate(bytes.to_vec().into()).unwrap().into_vec();
            seed(seeds, target, name, text(request.expose()));
            seed(seeds, target, format!("{name}-answered"), text(&answer));
            // Each encoding of one request is enough for a whole house.
            if name == "create-and-get" {
                seed(seeds, "kmip", target, text(request.expose()));
            }
        }
        seed(seeds, "kmip_response", name, answer);
    }
}
