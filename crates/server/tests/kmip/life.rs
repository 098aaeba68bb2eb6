//! The life of a key at every version, and what each version calls things.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{
    AttributeKind, AttributeReference, AttributeValue, CryptographicParameters, RevocationReason,
};
use keyreeve_kmip::enums::{
    HashingAlgorithm, KeyFormatType, ObjectType, Operation, PaddingMethod, QueryFunction,
};
use keyreeve_kmip::enums::{ResultReason, RevocationReasonCode, State};
use keyreeve_kmip::objects::{KeyMaterial, KeyValue, ManagedObject, OpaqueObject};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::decrypt::DecryptRequest;
use keyreeve_kmip::payloads::delete_attribute::DeleteAttributeRequest;
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::export::ExportRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::modify_attribute::ModifyAttributeRequest;
use keyreeve_kmip::payloads::query::QueryRequest;
use keyreeve_kmip::payloads::register::RegisterRequest;
use keyreeve_kmip::payloads::rekey::ReKeyRequest;
use keyreeve_kmip::payloads::revoke::RevokeRequest;
use keyreeve_kmip::ttlv::Value;
use keyreeve_kmip::values::UniqueIdentifier;

use crate::harness::{Client, Server, attribute, create, named};

fn get(id: &UniqueIdentifier) -> GetRequest {
    GetRequest { unique_identifier: Some(id.clone()), ..GetRequest::default() }
}

fn state(client: &mut Client, version: Version, id: &UniqueIdentifier) -> State {
    let attribute_references = vec![AttributeReference::Kind(AttributeKind::State)];
    let request = GetAttributesRequest { unique_identifier: Some(id.clone()), attribute_references };
    let Response::GetAttributes(read) = client.done(version, request) else { panic!() };
    match read.attributes.0[..] {
        [ref only] => match only.value {
            AttributeValue::State(state) => state,
            ref other => panic!("{other:?}"),
        },
        ref other => panic!("{other:?}"),
    }
}

fn finds(client: &mut Client, version: Version, criteria: AttributeValue, expected: &[&UniqueIdentifier]) {
    let found = located(client, version, criteria);
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);
}

fn located(client: &mut Client, version: Version, criteria: AttributeValue) -> Vec<UniqueIdentifier> {
    let attributes = Some([criteria].into_iter().collect());
    let request = LocateRequest { attributes, ..LocateRequest::default() };
    match client.done(version, request) {
        Response::Locate(located) => located.unique_identifiers,
        _ => panic!("another operation was answered"),
    }
}

fn revoke(id: &UniqueIdentifier) -> RevokeRequest {
    RevokeRequest {
        unique_identifier: Some(id.clone()),
        revocation_reason: RevocationReason {
            revocation_reason_code: RevocationReasonCode::CessationOfOperation,
            revocation_message: None,
        },
        compromise_occurrence_date: None,
    }
}

#[test]
fn a_symmetric_key_lives_at_every_version() {
    let server = Server::start();
    let mut client = server.connect();
    for version in Version::ALL {
        let name = format!("life at {version}");
        let id = client.create(version, &name);
        assert_eq!(state(&mut client, version, &id), State::PreActive);
        finds(&mut client, version, AttributeValue::Name(named(&name)), &[&id]);
        let Response::Get(gotten) = client.done(version, get(&id)) else { panic!() };
        let ManagedObject::SymmetricKey(key) = gotten.object else { panic!() };
        match key.key_block.key_value.unwrap() {
            KeyValue::Plain(value) => match value.key_material {
                KeyMaterial::Bytes(bytes) => assert_eq!(bytes.len(), 32),
                KeyMaterial::Transparent(_) => panic!("a transparent key"),
            },
            KeyValue::Wrapped(_) => panic!("a wrapped key"),
        }
        client.done(version, ActivateRequest { unique_identifier: Some(id.clone()) });
        assert_eq!(state(&mut client, version, &id), State::Active);
        if version >= Version::V1_2 {
            let data = Some(b"plain".to_vec().into());
            let encrypt =
                EncryptRequest { unique_identifier: Some(id.clone()), data, ..EncryptRequest::default() };
            let Response::Encrypt(sealed) = client.done(version, encrypt) else { panic!() };
            // 1.2 and 1.3 have no field for the tag of an AEAD mode: it is the end of the data.
            assert_eq!(sealed.authenticated_encryption_tag.is_some(), version >= Version::V1_4);
            let decrypt = DecryptRequest {
                unique_identifier: Some(id.clone()),
                data: sealed.data.map(Into::into),
                iv_counter_nonce: sealed.iv_counter_nonce,
                authenticated_encryption_tag: sealed.authenticated_encryption_tag,
                ..DecryptRequest::default()
            };
            let Response::Decrypt(opened) = client.done(version, decrypt) else { panic!() };
            assert_eq!(opened.data.unwrap().expose(), b"plain");
        }
        let wrong_state = client.refused(version, DestroyRequest { unique_identifier: Some(id.clone()) });
        assert_eq!(wrong_state, ResultReason::WrongKeyLifecycleState.for_version(version));
        client.done(version, revoke(&id));
        client.done(version, DestroyRequest { unique_identifier: Some(id.clone()) });
        assert_eq!(client.refused(version, get(&id)), ResultReason::ObjectDestroyed.for_version(version));
        assert_eq!(state(&mut client, version, &id), State::Destroyed);
        finds(&mut client, version, AttributeValue::Name(named(&name)), &[]);
    }
}

#[test]
fn pages_of_a_search_go_on_where_the_one_before_ended() {
    let server = Server::start();
    let mut client = server.connect();
    let version = Version::V2_1;
    (0..9).for_each(|number| drop(client.create(version, &format!("paged {number}"))));
    let page = |client: &mut Client, offset, items| {
        let (offset_items, maximum_items) = (Some(offset), Some(items));
        match client.done(version, LocateRequest { offset_items, maximum_items, ..LocateRequest::default() })
        {
            Response::Locate(located) => (located.unique_identifiers, located.located_items),
            _ => panic!("another operation was answered"),
        }
    };
    let (all, total) = page(&mut client, 0, 100);
    assert_eq!(total, Some(9));
    assert_eq!(page(&mut client, 0, 3), (all[..3].to_vec(), Some(9)));
    // What goes from the first page moves nothing out of the second one.
    for id in &all[..3] {
        client.done(version, DestroyRequest { unique_identifier: Some(id.clone()) });
    }
    for _ in 0..2 {
        assert_eq!(page(&mut client, 3, 3), (all[3..6].to_vec(), Some(9)));
    }
    assert_eq!(page(&mut client, 6, 10), (all[6..].to_vec(), Some(9)));
    // Where no page ended, it is counted from the beginning.
    assert_eq!(page(&mut client, 1, 10), (all[4..].to_vec(), Some(6)));
}

#[test]
fn an_answer_names_no_attribute_that_its_version_lacks() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(Version::V2_1, "seen by all");
    for version in Version::ALL {
        let request =
            GetAttributesRequest { unique_identifier: Some(id.clone()), attribute_references: Vec::new() };
        let Response::GetAttributes(read) = client.done(version, request) else { panic!() };
        let kinds: Vec<AttributeKind> = read.attributes.0.iter().filter_map(|one| one.value.kind()).collect();
        assert!(kinds.iter().all(|kind| kind.is_defined_in(version)), "{version}: {kinds:?}");
        assert!(kinds.contains(&AttributeKind::State));
        assert_eq!(kinds.contains(&AttributeKind::Fresh), version >= Version::V1_1);
        assert_eq!(kinds.contains(&AttributeKind::ShortUniqueIdentifier), version >= Version::V2_0);
    }
}

#[test]
fn an_answer_holds_no_value_that_came_with_a_later_version() {
    let server = Server::start();
    let mut client = server.connect();
    let parameters = |hash| {
        let padding_method = Some(PaddingMethod::None);
        Box::new(CryptographicParameters { padding_method, hashing_algorithm: hash, ..Default::default() })
    };
    let mut made = create("told to each in its own words");
    let newer = AttributeValue::CryptographicParameters(parameters(Some(HashingAlgorithm::Sha3_256)));
    made.template_attribute.attributes.0.push(attribute(newer));
    let Response::Create(made) = client.done(Version::V2_1, made) else { panic!() };
    for version in Version::ALL {
        let kind = AttributeReference::Kind(AttributeKind::CryptographicParameters);
        let request = GetAttributesRequest {
            unique_identifier: Some(made.unique_identifier.clone()),
            attribute_references: vec![kind],
        };
        let Response::GetAttributes(read) = client.done(version, request) else { panic!() };
        let hash = (version >= Version::V1_4).then_some(HashingAlgorithm::Sha3_256);
        let told = AttributeValue::CryptographicParameters(parameters(hash));
        assert_eq!(read.attributes.0, [attribute(told)], "{version}");
    }
}

#[test]
fn everything_has_the_key_format_type_that_the_standard_gives_it() {
    let server = Server::start();
    let mut client = server.connect();
    let opaque = OpaqueObject { opaque_data_type: 1.into(), opaque_data_value: vec![1, 2, 3].into() };
    let register = RegisterRequest {
        object_type: ObjectType::OpaqueObject,
        object: opaque.into(),
        template_attribute: Default::default(),
        protection_storage_masks: None,
    };
    let Response::Register(kept) = client.done(Version::V2_1, register) else { panic!() };
    let request = GetAttributesRequest {
        unique_identifier: Some(kept.unique_identifier),
        attribute_references: vec![AttributeReference::Kind(AttributeKind::KeyFormatType)],
    };
    let Response::GetAttributes(read) = client.done(Version::V2_1, request) else { panic!() };
    assert_eq!(read.attributes.0, [attribute(AttributeValue::KeyFormatType(KeyFormatType::Opaque))]);
}

#[test]
fn a_custom_attribute_is_one_thing_at_every_version() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(Version::V1_0, "custom");
    let custom = |text: &str| AttributeValue::Vendor {
        vendor: "x".into(),
        name: "Owner".into(),
        value: Value::TextString(text.into()),
    };
    let unique_identifier = Some(id.clone());
    let add = AddAttributeRequest {
        unique_identifier: unique_identifier.clone(),
        attribute: attribute(custom("one")),
    };
    let Response::AddAttribute(added) = client.done(Version::V1_0, add) else { panic!() };
    assert_eq!(added.attribute.unwrap().value, custom("one"));
    finds(&mut client, Version::V2_1, custom("one"), &[&id]);
    let modify = ModifyAttributeRequest {
        unique_identifier: unique_identifier.clone(),
        current_attribute: None,
        attribute: attribute(custom("two")),
    };
    client.done(Version::V2_1, modify);
    finds(&mut client, Version::V1_4, custom("two"), &[&id]);
    finds(&mut client, Version::V1_4, custom("one"), &[]);
    let reference = AttributeReference::Vendor { vendor: "x".into(), name: "Owner".into() };
    let delete = || DeleteAttributeRequest {
        unique_identifier: unique_identifier.clone(),
        attribute_reference: Some(reference.clone()),
        ..DeleteAttributeRequest::default()
    };
    client.done(Version::V2_0, delete());
    assert_eq!(client.refused(Version::V2_0, delete()), ResultReason::AttributeNotFound);
    assert_eq!(client.refused(Version::V1_2, delete()), ResultReason::ItemNotFound);
}

#[test]
fn a_new_name_finds_the_key_and_the_old_one_is_free() {
    let server = Server::start();
    let mut client = server.connect();
    let version = Version::V1_4;
    let first = client.create(version, "first");
    let modify = ModifyAttributeRequest {
        unique_identifier: Some(first.clone()),
        current_attribute: None,
        attribute: attribute(AttributeValue::Name(named("renamed"))),
    };
    client.done(version, modify);
    let second = client.create(version, "first");
    finds(&mut client, version, AttributeValue::Name(named("renamed")), &[&first]);
    finds(&mut client, version, AttributeValue::Name(named("first")), &[&second]);
    let taken = || AddAttributeRequest {
        unique_identifier: Some(second.clone()),
        attribute: attribute(AttributeValue::Name(named("renamed"))),
    };
    assert_eq!(client.refused(version, taken()), ResultReason::InvalidField);
    assert_eq!(client.refused(Version::V2_1, taken()), ResultReason::NonUniqueNameAttribute);
}

#[test]
fn rekey_moves_the_name_and_leaves_the_old_key_active() {
    let server = Server::start();
    let mut client = server.connect();
    let version = Version::V1_2;
    let old = client.create(version, "turning");
    client.done(version, ActivateRequest { unique_identifier: Some(old.clone()) });
    let request = ReKeyRequest { unique_identifier: Some(old.clone()), ..ReKeyRequest::default() };
    let Response::ReKey(new) = client.done(version, request) else { panic!() };
    assert_ne!(new.unique_identifier, old);
    finds(&mut client, version, AttributeValue::Name(named("turning")), &[&new.unique_identifier]);
    assert_eq!(state(&mut client, version, &old), State::Active);
    assert_eq!(state(&mut client, version, &new.unique_identifier), State::Active);
}

#[test]
fn query_tells_the_operations_of_its_version() {
    let server = Server::start_with(|_| {});
    let mut client = server.connect();
    for version in Version::ALL {
        let query_functions = vec![QueryFunction::QueryOperations, QueryFunction::QueryObjects];
        let request = QueryRequest { query_functions, ..QueryRequest::default() };
        let Response::Query(told) = client.done(version, request) else { panic!() };
        assert!(told.operations.contains(&Operation::Create));
        assert!(told.operations.iter().all(|operation| operation.since() <= version));
        assert!(told.object_types.iter().all(|kind| kind.since() <= version));
        assert!(!told.operations.contains(&Operation::Interop), "Interop is off unless it is configured");
    }
}

#[test]
fn an_export_is_what_get_and_get_attributes_answer() {
    let server = Server::start();
    let mut client = server.connect();
    for version in [Version::V1_4, Version::V2_1] {
        let id = client.create(version, &format!("exported {version}"));
        let unique_identifier = || Some(id.clone());
        let Response::Export(exported) = client
            .done(version, ExportRequest { unique_identifier: unique_identifier(), ..Default::default() })
        else {
            panic!("another operation was answered")
        };
        let Response::Get(gotten) =
            client.done(version, GetRequest { unique_identifier: unique_identifier(), ..Default::default() })
        else {
            panic!("another operation was answered")
        };
        let value = |object: &ManagedObject| object.key_block().unwrap().to_ttlv(version).unwrap();
        assert_eq!(value(&exported.object).expose(), value(&gotten.object).expose());
        let name = AttributeValue::Name(named(&format!("exported {version}")));
        assert!(exported.attributes.0.iter().any(|attribute| attribute.value == name));
        let gone = ExportRequest { unique_identifier: Some("nothing".into()), ..Default::default() };
        assert_eq!(client.refused(version, gone), ResultReason::ObjectNotFound.for_version(version));
    }
}
