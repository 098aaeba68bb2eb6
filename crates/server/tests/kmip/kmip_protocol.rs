//! The crate `kmip-protocol` as the client, unmodified: it writes every request, each at the oldest version that has the
//! operation, and reads every answer, of which it takes no field that it does not know. Not here: its own TLS, which needs
//! a TLS library that this house does not take.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use kmip_protocol::types::common::{
    AttributeName, AttributeValue, CompromiseOccurrenceDate, CryptographicAlgorithm, CryptographicParameters,
    CryptographicUsageMask, Data, DataLength, HashingAlgorithm, KeyCompressionType, KeyFormatType,
    KeyMaterial, ObjectType, Operation, PaddingMethod, RevocationMessage, RevocationReasonCode,
    UniqueIdentifier,
};
use kmip_protocol::types::request::{
    self, Attribute, CommonTemplateAttribute, PrivateKeyTemplateAttribute, PublicKeyTemplateAttribute,
    QueryFunction, RequestPayload, RevocationReason, TemplateAttribute,
};
use kmip_protocol::types::response::{
    ManagedObject, ResponseMessage, ResponsePayload, ResultReason, ResultStatus,
};

use crate::harness::{Client, Server};

/// What the crate reads of the answer to a request that it wrote.
fn ask(client: &mut Client, payload: RequestPayload) -> Result<ResponsePayload, ResultReason> {
    client.send(&kmip_protocol::request::to_vec(payload, None).unwrap());
    let answer = client.receive_bytes().expect("an answer");
    let mut answer: ResponseMessage = kmip_protocol::response::from_slice(&answer).unwrap();
    assert_eq!(answer.batch_items.len(), 1);
    let item = answer.batch_items.remove(0);
    match item.result_status {
        ResultStatus::Success => Ok(item.payload.unwrap()),
        _ => Err(item.result_reason.unwrap()),
    }
}

fn activate(client: &mut Client, key: &UniqueIdentifier) {
    ask(client, RequestPayload::Activate(Some(key.clone()))).unwrap();
}

fn revoke(client: &mut Client, key: &UniqueIdentifier) {
    let reason =
        RevocationReason(RevocationReasonCode::CessationOfOperation, Option::<RevocationMessage>::None);
    let since = Option::<CompromiseOccurrenceDate>::None;
    ask(client, RequestPayload::Revoke(Some(key.clone()), reason, since)).unwrap();
}

fn destroy(client: &mut Client, key: &UniqueIdentifier) {
    ask(client, RequestPayload::Destroy(Some(key.clone()))).unwrap();
    assert_eq!(get(client, key), Err(ResultReason::ItemNotFound));
}

fn get(client: &mut Client, key: &UniqueIdentifier) -> Result<Vec<u8>, ResultReason> {
    let asked = RequestPayload::Get(Some(key.clone()), None, Option::<KeyCompressionType>::None, None);
    let ResponsePayload::Get(gotten) = ask(client, asked)? else { panic!("another operation was answered") };
    let block = match gotten.cryptographic_object {
        ManagedObject::SymmetricKey(key) => key.key_block,
        ManagedObject::PublicKey(key) => key.key_block,
        ManagedObject::PrivateKey(key) => key.key_block,
        other => panic!("{other:?}"),
    };
    assert_eq!(block.key_value.attributes, None);
    match block.key_value.key_material {
        KeyMaterial::Bytes(bytes) => Ok(bytes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pair_signs() {
    let server = Server::start();
    let mut client = server.connect();
    let asked = vec![QueryFunction::QueryOperations, QueryFunction::QueryObjects];
    let Ok(ResponsePayload::Query(told)) = ask(&mut client, RequestPayload::Query(asked)) else { panic!() };
    assert!(told.operations.unwrap().contains(&Operation::Sign));
    assert!(told.object_types.unwrap().contains(&ObjectType::PrivateKey));
    let asked = RequestPayload::CreateKeyPair(
        Some(CommonTemplateAttribute::unnamed(vec![
            Attribute::CryptographicAlgorithm(CryptographicAlgorithm::RSA),
            Attribute::CryptographicLength(2048),
        ])),
        Some(PrivateKeyTemplateAttribute::unnamed(vec![
            Attribute::Name("signer (private)".into()),
            Attribute::CryptographicUsageMask(CryptographicUsageMask::Sign),
        ])),
        Some(PublicKeyTemplateAttribute::unnamed(vec![
            Attribute::Name("signer (public)".into()),
            Attribute::CryptographicUsageMask(CryptographicUsageMask::Verify),
        ])),
    );
    let Ok(ResponsePayload::CreateKeyPair(pair)) = ask(&mut client, asked) else { panic!() };
    let (private, public) = (pair.private_key_unique_identifier, pair.public_key_unique_identifier);
    let parameters = CryptographicParameters::default()
        .with_padding_method(PaddingMethod::PKCS1_v1_5)
        .with_hashing_algorithm(HashingAlgorithm::SHA256)
        .with_cryptographic_algorithm(CryptographicAlgorithm::RSA);
    let sign = || RequestPayload::Sign(Some(private.clone()), Some(parameters), Data(b"message".to_vec()));
    assert!(ask(&mut client, sign()).is_err(), "the key is not active yet");
    activate(&mut client, &private);
    let Ok(ResponsePayload::Sign(signed)) = ask(&mut client, sign()) else { panic!() };
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, get(&mut client, &public).unwrap());
    key.verify(b"message", &signed.signature_data).unwrap();
    let rename = RequestPayload::ModifyAttribute(Some(private.clone()), Attribute::Name("renamed".into()));
    assert!(matches!(ask(&mut client, rename), Ok(ResponsePayload::ModifyAttribute(_))));
    let Ok(ResponsePayload::RNGRetrieve(drawn)) =
        ask(&mut client, RequestPayload::RNGRetrieve(DataLength(32)))
    else {
        panic!()
    };
    assert_eq!(drawn.data.len(), 32);
    assert!(ask(&mut client, RequestPayload::Destroy(Some(private.clone()))).is_err(), "it is active");
    revoke(&mut client, &private);
    destroy(&mut client, &private);
    destroy(&mut client, &public);
}

#[test]
fn a_symmetric_key_is_brought_along_and_found() {
    let server = Server::start();
    let mut client = server.connect();
    let key = register(&mut client);
    let named =
        vec![Attribute::Name("brought along".into()), Attribute::ObjectType(ObjectType::SymmetricKey)];
    let Ok(ResponsePayload::Locate(found)) = ask(&mut client, RequestPayload::Locate(named)) else {
        panic!()
    };
    assert_eq!(found.unique_identifiers, std::slice::from_ref(&key));
    assert_eq!(get(&mut client, &key).unwrap(), [7; 32]);
    let asked = Some(vec![AttributeName("x-Owner".into()), AttributeName("Cryptographic Length".into())]);
    let asked = RequestPayload::GetAttributes(Some(key.clone()), asked);
    let Ok(ResponsePayload::GetAttributes(read)) = ask(&mut client, asked) else { panic!() };
    let names: Vec<String> = read.attributes.unwrap().into_iter().map(|one| one.name.0).collect();
    assert_eq!(names, ["x-Owner", "Cryptographic Length"]);
    let asked = RequestPayload::GetAttributeList(Some(key.clone()));
    let Ok(ResponsePayload::GetAttributeList(list)) = ask(&mut client, asked) else { panic!() };
    assert!(list.attributes.contains(&AttributeName("x-Owner".into())));
    activate(&mut client, &key);
    revoke(&mut client, &key);
    destroy(&mut client, &key);
}

fn register(client: &mut Client) -> UniqueIdentifier {
    let attributes = vec![
        Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES),
        Attribute::CryptographicLength(256),
        Attribute::CryptographicUsageMask(CryptographicUsageMask::Encrypt),
        Attribute::Name("brought along".into()),
        Attribute(AttributeName("x-Owner".into()), None, AttributeValue::TextString("operations".into())),
    ];
    let block = request::KeyBlock(
        KeyFormatType::Raw,
        Option::<KeyCompressionType>::None,
        Some(request::KeyValue(KeyMaterial::Bytes(vec![7; 32]), None)),
        Some(CryptographicAlgorithm::AES),
        None,
        None,
    );
    let key = request::ManagedObject::SymmetricKey(request::SymmetricKey(block));
    let template = TemplateAttribute::unnamed(attributes);
    let asked = RequestPayload::Register(ObjectType::SymmetricKey, template, Some(key));
    let Ok(ResponsePayload::Register(done)) = ask(client, asked) else { panic!() };
    assert_eq!(done.template_attributes, None);
    done.unique_identifier
}
