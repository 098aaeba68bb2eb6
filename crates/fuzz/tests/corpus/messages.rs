//! Requests of KMIP, each of which a house answers with success, and the answers.

use keyreeve_fuzz::targets::furnished;
use keyreeve_kmip::attributes::{
    AttributeKind, AttributeReference, AttributeValue, Attributes, CryptographicParameters, Name,
    TemplateAttribute,
};
use keyreeve_kmip::enums::{
    BlockCipherMode, CertificateType, CryptographicAlgorithm, DataReference, EndpointRole, HashingAlgorithm,
    KeyFormatType, KeyWrapType, NameType, ObjectType, Operation, Pkcs11Function, PutFunction, QueryFunction,
    State, TicketType, UniqueIdentifierReference,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage, Ticket};
use keyreeve_kmip::objects::{Certificate, KeyBlock, KeyMaterial, KeyValue, PlainKeyValue, SymmetricKey};
use keyreeve_kmip::payloads::Request;
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::certify::CertifyRequest;
use keyreeve_kmip::payloads::create::CreateRequest;
use keyreeve_kmip::payloads::create_key_pair::CreateKeyPairRequest;
use keyreeve_kmip::payloads::delegated_login::{DelegatedLoginRequest, Objects, Right, Rights};
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::get_constraints::GetConstraintsRequest;
use keyreeve_kmip::payloads::hash::HashRequest;
use keyreeve_kmip::payloads::import::ImportRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::login::{LeaseTime, LoginRequest};
use keyreeve_kmip::payloads::logout::LogoutRequest;
use keyreeve_kmip::payloads::notify::NotifyRequest;
use keyreeve_kmip::payloads::pkcs11::Pkcs11Request;
use keyreeve_kmip::payloads::put::PutRequest;
use keyreeve_kmip::payloads::query::{DefaultsInformation, ObjectDefaults, ObjectTypes, QueryRequest};
use keyreeve_kmip::payloads::query_asynchronous_requests::Operations;
use keyreeve_kmip::payloads::recertify::ReCertifyRequest;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::payloads::rekey::ReKeyRequest;
use keyreeve_kmip::payloads::reprovision::ReProvisionRequest;
use keyreeve_kmip::payloads::set_constraints::{Constraint, Constraints, SetConstraintsRequest};
use keyreeve_kmip::payloads::set_defaults::SetDefaultsRequest;
use keyreeve_kmip::payloads::set_endpoint_role::SetEndpointRoleRequest;
use keyreeve_kmip::payloads::sign::SignRequest;
use keyreeve_kmip::payloads::validate::ValidateRequest;
use keyreeve_kmip::values::{CryptographicUsageMask, Data, Interval, UniqueIdentifier};
use keyreeve_kmip::{Encoding, Version};
use keyreeve_pki::CertificateAuthority;

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
    hash_of(b"hello".to_vec().into())
}

fn hash_of(data: Data) -> Request {
    let parameters = CryptographicParameters {
        hashing_algorithm: Some(HashingAlgorithm::Sha256),
        ..CryptographicParameters::default()
    };
    HashRequest {
        cryptographic_parameters: parameters,
        data: Some(data),
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
    let set_role = || SetEndpointRoleRequest { endpoint_role: EndpointRole::Server }.into();
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
        ("data-of-an-item-before", Version::V2_1, vec![hash(), hash_of(Data::Index(-1))]),
        ("data-by-name", Version::V2_0, vec![hash(), hash_of(Data::Reference(DataReference::Hash))]),
        ("certify", Version::V2_1, certify()),
        ("validate", Version::V1_4, vec![validate()]),
        ("login", Version::V2_0, vec![LoginRequest::default().into()]),
        ("delegated-login", Version::V2_1, vec![delegated_login()]),
        ("set-defaults", Version::V2_1, vec![set_defaults()]),
        ("set-constraints", Version::V2_1, vec![set_constraints(), GetConstraintsRequest::default().into()]),
        ("pkcs11", Version::V2_0, vec![pkcs11()]),
        ("set-endpoint-role", Version::V2_0, vec![set_role()]),
        (
            "reprovision",
            Version::V2_1,
            vec![ReProvisionRequest::default().into(), GetRequest::default().into()],
        ),
    ]
}

/// A certificate for a public key made before, and another one in its place.
fn certify() -> Vec<Request> {
    let public = UniqueIdentifier::Reference(UniqueIdentifierReference::CreateKeyPairPublicKey);
    let subject = [AttributeValue::CertificateSubjectCn("holder".into())];
    let certify = CertifyRequest {
        unique_identifier: Some(public),
        template_attribute: Some(TemplateAttribute::from(subject.into_iter().collect::<Attributes>())),
        ..CertifyRequest::default()
    };
    vec![pair(), certify.into(), ReCertifyRequest::default().into()]
}

fn validate() -> Request {
    let authority = CertificateAuthority::create(1_700_000_000).unwrap().certificate;
    let certificate =
        Certificate { certificate_type: CertificateType::X509, certificate_value: authority.to_vec() };
    ValidateRequest { certificates: vec![certificate], ..ValidateRequest::default() }.into()
}

fn delegated_login() -> Request {
    let objects = Objects { unique_identifiers: vec![UniqueIdentifier::Text("chosen".into())] };
    let right = Right {
        operations: Some(Operations { operations: vec![Operation::Get, Operation::Encrypt] }),
        objects: Some(objects),
        ..Right::default()
    };
    DelegatedLoginRequest {
        lease_time: Some(LeaseTime::For(Interval(60))),
        request_count: Some(3),
        usage_limits: None,
        rights: Rights { rights: vec![right] },
    }
    .into()
}

fn kinds() -> ObjectTypes {
    ObjectTypes { object_types: vec![ObjectType::SymmetricKey] }
}

fn lengths() -> Attributes {
    [AttributeValue::CryptographicLength(256)].into_iter().collect()
}

fn set_defaults() -> Request {
    let defaults = ObjectDefaults {
        object_type: None,
        object_types: Some(kinds()),
        attributes: lengths(),
        object_groups: None,
    };
    let defaults_information = Some(DefaultsInformation { object_defaults: vec![defaults] });
    SetDefaultsRequest { defaults_information }.into()
}

fn set_constraints() -> Request {
    let constraint =
        Constraint { object_types: Some(kinds()), object_groups: None, attributes: Some(lengths()) };
    SetConstraintsRequest { constraints: Constraints { constraints: vec![constraint] } }.into()
}

fn pkcs11() -> Request {
    let function = Pkcs11Function::Initialize;
    Pkcs11Request { interface: None, function, correlation_value: None, input_parameters: None }.into()
}

/// What is said between servers, and the end of a ticket, which nobody has beforehand: read, and not done.
fn only_read() -> Vec<(&'static str, Version, Request)> {
    let Request::Register(RegisterRequest { object, .. }) = register() else { panic!("another request") };
    let put = PutRequest {
        unique_identifier: UniqueIdentifier::Text("made".into()),
        put_function: PutFunction::Replace,
        replaced_unique_identifier: Some(UniqueIdentifier::Text("replaced".into())),
        object,
        attributes: Some(lengths()),
    };
    let notify = NotifyRequest {
        unique_identifier: UniqueIdentifier::Text("changed".into()),
        attributes: lengths(),
        deleted: vec![AttributeReference::Kind(AttributeKind::ContactInformation)],
    };
    let ticket = Ticket { ticket_type: TicketType::Login, ticket_value: vec![7; 32].into() };
    vec![
        ("put", Version::V1_4, put.into()),
        ("notify", Version::V2_1, notify.into()),
        ("logout", Version::V2_1, LogoutRequest { ticket }.into()),
    ]
}

pub(crate) fn add(seeds: &mut Seeds) {
    for (name, version, payload) in only_read() {
        let request = RequestMessage::new(version, vec![RequestItem::new(payload)]).encode().unwrap();
        for target in ["ttlv", "kmip_request"] {
            seed(seeds, target, name, request.expose());
        }
    }
    for (name, version, payloads) in batches() {
        let items = payloads.into_iter().map(RequestItem::new).collect();
        let request = RequestMessage::new(version, items).encode().unwrap();
        let answer = furnished().kmip(Encoding::Ttlv, request.expose());
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
