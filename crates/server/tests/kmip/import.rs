//! Import: objects under identifiers that clients choose, with what they have been through elsewhere.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{
    Attribute, AttributeKind, AttributeReference, AttributeValue, Attributes, RevocationReason, UsageLimits,
};
use keyreeve_kmip::enums::{
    CryptographicAlgorithm, EncodingOption, KeyFormatType, KeyWrapType, ObjectType, RecommendedCurve,
    ResultReason, RevocationReasonCode, State, UniqueIdentifierReference, UsageLimitsUnit, WrappingMethod,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage};
use keyreeve_kmip::objects::{
    KeyBlock, KeyInformation, KeyMaterial, KeyValue, KeyWrappingSpecification, ManagedObject, PlainKeyValue,
    SymmetricKey,
};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::create_key_pair::CreateKeyPairRequest;
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::export::{ExportRequest, ExportResponse};
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::import::ImportRequest;
use keyreeve_kmip::payloads::modify_attribute::ModifyAttributeRequest;
use keyreeve_kmip::payloads::revoke::RevokeRequest;
use keyreeve_kmip::values::{CryptographicUsageMask, DateTime, UniqueIdentifier};

use crate::harness::{Client, Server, attribute, named};

fn text(id: &str) -> UniqueIdentifier {
    UniqueIdentifier::Text(id.to_owned())
}

fn plain() -> ManagedObject {
    let material = KeyMaterial::Bytes((0..32).collect::<Vec<u8>>().into());
    let key_block = KeyBlock {
        key_format_type: KeyFormatType::Raw,
        key_compression_type: None,
        key_value: Some(KeyValue::Plain(PlainKeyValue { key_material: material, attributes: None })),
        cryptographic_algorithm: Some(CryptographicAlgorithm::Aes),
        cryptographic_length: Some(256),
        key_wrapping_data: None,
    };
    SymmetricKey { key_block }.into()
}

fn import(id: &str, object: ManagedObject, attributes: Vec<Attribute>) -> ImportRequest {
    ImportRequest {
        unique_identifier: text(id),
        object_type: Some(object.object_type()),
        replace_existing: None,
        key_wrap_type: None,
        attributes: Attributes(attributes),
        object,
    }
}

fn imported(client: &mut Client, version: Version, request: ImportRequest) -> UniqueIdentifier {
    let Response::Import(imported) = client.done(version, request) else { panic!() };
    imported.unique_identifier
}

fn export(client: &mut Client, version: Version, id: &UniqueIdentifier) -> ExportResponse {
    let request = ExportRequest { unique_identifier: Some(id.clone()), ..ExportRequest::default() };
    let Response::Export(exported) = client.done(version, request) else { panic!() };
    exported
}

fn state(client: &mut Client, id: &UniqueIdentifier) -> AttributeValue {
    let attribute_references = vec![AttributeReference::Kind(AttributeKind::State)];
    let request = GetAttributesRequest { unique_identifier: Some(id.clone()), attribute_references };
    let Response::GetAttributes(read) = client.done(Version::V2_1, request) else { panic!() };
    read.attributes.0[0].value.clone()
}

/// An active key with a name, a group, an attribute of its own, and limits of which some are spent.
fn used_key(client: &mut Client, version: Version) -> UniqueIdentifier {
    let id = client.create(version, &format!("used at {version}"));
    let some = Some(id.clone());
    let limits = AttributeValue::UsageLimits(UsageLimits {
        usage_limits_total: 100,
        usage_limits_count: None,
        usage_limits_unit: UsageLimitsUnit::Byte,
    });
    for value in [limits, AttributeValue::ObjectGroup("group".into()), AttributeValue::Comment("old".into())]
    {
        if value.kind().is_some_and(|kind| kind.is_defined_in(version)) {
            let add = AddAttributeRequest { unique_identifier: some.clone(), attribute: attribute(value) };
            client.done(version, add);
        }
    }
    client.done(version, ActivateRequest { unique_identifier: some.clone() });
    let data = Some(vec![7; 10].into());
    client.done(version, EncryptRequest { unique_identifier: some, data, ..EncryptRequest::default() });
    id
}

/// The private key of a pair, revoked since others may have it.
fn compromised_key(client: &mut Client, version: Version) -> UniqueIdentifier {
    let usage = CryptographicUsageMask::SIGN | CryptographicUsageMask::VERIFY;
    let curve = keyreeve_kmip::attributes::CryptographicDomainParameters {
        recommended_curve: Some(RecommendedCurve::P256),
        ..Default::default()
    };
    let attributes = [
        AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Ecdsa),
        AttributeValue::CryptographicLength(256),
        AttributeValue::CryptographicDomainParameters(curve),
        AttributeValue::CryptographicUsageMask(usage),
    ];
    let common = attributes.into_iter().collect::<Attributes>();
    let request = CreateKeyPairRequest {
        common_template_attribute: Some(common.into()),
        ..CreateKeyPairRequest::default()
    };
    let Response::CreateKeyPair(made) = client.done(version, request) else { panic!() };
    let id = made.private_key_unique_identifier;
    let revoke = RevokeRequest {
        unique_identifier: Some(id.clone()),
        revocation_reason: RevocationReason {
            revocation_reason_code: RevocationReasonCode::KeyCompromise,
            revocation_message: Some("a laptop is gone".to_owned()),
        },
        compromise_occurrence_date: Some(DateTime(1_000_000)),
    };
    client.done(version, revoke);
    id
}

#[test]
fn what_one_server_exports_another_imports_with_all_that_it_was() {
    let (old, new) = (Server::start(), Server::start());
    let (mut from, mut to) = (old.connect(), new.connect());
    for version in [Version::V1_4, Version::V2_0, Version::V2_1] {
        for make in [used_key, compromised_key] {
            let id = make(&mut from, version);
            let exported = export(&mut from, version, &id);
            let attributes = exported.attributes.clone();
            let request = ImportRequest {
                unique_identifier: exported.unique_identifier,
                object_type: Some(exported.object_type),
                replace_existing: Some(false),
                key_wrap_type: None,
                attributes: exported.attributes,
                object: exported.object,
            };
            assert_eq!(imported(&mut to, version, request), id);
            let again = export(&mut to, version, &id);
            assert_eq!(again.attributes, attributes, "{version}");
            assert!(attributes.0.len() > 20, "{version}: {attributes:?}");
        }
    }
}

#[test]
fn an_identifier_is_of_ones_own_choice_and_never_given_again() {
    let server = Server::start();
    let mut client = server.connect();
    for version in [Version::V1_4, Version::V2_1] {
        let chosen = format!("array 7, slot 3, {version}");
        let active = || vec![attribute(AttributeValue::State(State::Active))];
        let id = imported(&mut client, version, import(&chosen, plain(), active()));
        assert_eq!(state(&mut client, &text(&chosen)), AttributeValue::State(State::Active));
        assert_eq!(state(&mut client, &id), AttributeValue::State(State::Active));
        for replace_existing in [None, Some(false), Some(true)] {
            let again = ImportRequest { replace_existing, ..import(&chosen, plain(), Vec::new()) };
            assert_eq!(client.refused(version, again), ResultReason::ObjectAlreadyExists);
        }
        let revoke = RevokeRequest {
            unique_identifier: Some(id.clone()),
            revocation_reason: RevocationReason {
                revocation_reason_code: RevocationReasonCode::CessationOfOperation,
                revocation_message: None,
            },
            compromise_occurrence_date: None,
        };
        client.done(version, revoke);
        client.done(version, DestroyRequest { unique_identifier: Some(text(&chosen)) });
        let again = client.refused(version, import(&chosen, plain(), Vec::new()));
        assert_eq!(again, ResultReason::ObjectAlreadyExists);
    }
    let get = GetRequest { unique_identifier: Some(text("nothing of that name")), ..GetRequest::default() };
    assert_eq!(client.refused(Version::V2_1, get), ResultReason::ObjectNotFound);
}

#[test]
fn later_items_of_a_batch_find_what_was_imported() {
    let server = Server::start();
    let mut client = server.connect();
    let by_name = GetRequest {
        unique_identifier: Some(UniqueIdentifier::Reference(UniqueIdentifierReference::Import)),
        ..GetRequest::default()
    };
    let items = vec![
        RequestItem::new(import("in a batch", plain(), Vec::new()).into()),
        RequestItem::new(GetRequest::default().into()),
        RequestItem::new(by_name.into()),
    ];
    let answer = client.exchange(&RequestMessage::new(Version::V2_1, items));
    let gotten = answer.items.iter().filter(|item| matches!(item.payload, Some(Response::Get(_)))).count();
    assert_eq!(gotten, 2);
}

#[test]
fn attributes_that_contradict_each_other_are_refused() {
    let server = Server::start();
    let mut client = server.connect();
    let past = DateTime(1_000_000_000);
    let future = DateTime(32_000_000_000);
    let revoked = AttributeValue::RevocationReason(RevocationReason {
        revocation_reason_code: RevocationReasonCode::KeyCompromise,
        revocation_message: None,
    });
    let wrong: Vec<Vec<AttributeValue>> = vec![
        vec![AttributeValue::State(State::Active), AttributeValue::ActivationDate(future)],
        vec![AttributeValue::State(State::Active), AttributeValue::CompromiseDate(past)],
        vec![AttributeValue::State(State::Active), revoked.clone()],
        vec![AttributeValue::State(State::Destroyed)],
        vec![AttributeValue::DestroyDate(past)],
        vec![AttributeValue::AlwaysSensitive(true)],
        vec![AttributeValue::NeverExtractable(true)],
        vec![AttributeValue::InitialDate(past), AttributeValue::InitialDate(past)],
        vec![AttributeValue::UsageLimits(UsageLimits {
            usage_limits_total: 10,
            usage_limits_count: Some(11),
            usage_limits_unit: UsageLimitsUnit::Byte,
        })],
    ];
    for values in wrong {
        let told = format!("{values:?}");
        let request = import("contradiction", plain(), values.into_iter().map(attribute).collect());
        assert_eq!(client.refused(Version::V2_1, request), ResultReason::InvalidField, "{told}");
    }
    let other_type = ImportRequest {
        object_type: Some(ObjectType::SecretData),
        ..import("contradiction", plain(), Vec::new())
    };
    assert_eq!(client.refused(Version::V2_1, other_type), ResultReason::InvalidField);
    // Nothing of what failed has the identifier, and the state follows from the reason.
    let id = imported(&mut client, Version::V2_1, import("contradiction", plain(), vec![attribute(revoked)]));
    assert_eq!(state(&mut client, &id), AttributeValue::State(State::Compromised));
    // What came in is under the rules of every object from then on.
    let attribute = attribute(AttributeValue::State(State::Active));
    let back = ModifyAttributeRequest { unique_identifier: Some(id), attribute, current_attribute: None };
    assert_eq!(client.refused(Version::V2_1, back), ResultReason::AttributeReadOnly);
}

#[test]
fn a_wrapped_key_comes_in_unwrapped_or_as_it_is() {
    let server = Server::start();
    let mut client = server.connect();
    let version = Version::V2_1;
    let wraps = CryptographicUsageMask::WRAP_KEY | CryptographicUsageMask::UNWRAP_KEY;
    let attributes = vec![
        attribute(AttributeValue::CryptographicUsageMask(wraps)),
        attribute(AttributeValue::State(State::Active)),
        attribute(AttributeValue::Name(named("wrapping key"))),
    ];
    let by = imported(&mut client, version, import("wrapping key", plain(), attributes));
    let subject = client.create(version, "wrapped");
    let export = || ExportRequest {
        unique_identifier: Some(subject.clone()),
        key_wrapping_specification: Some(KeyWrappingSpecification {
            wrapping_method: WrappingMethod::Encrypt,
            encryption_key_information: Some(KeyInformation {
                unique_identifier: by.clone(),
                cryptographic_parameters: None,
            }),
            mac_signature_key_information: None,
            attribute_names: Vec::new(),
            encoding_option: Some(EncodingOption::NoEncoding),
        }),
        ..ExportRequest::default()
    };
    for (identifier, key_wrap_type) in [
        ("unwrapped", Some(KeyWrapType::NotWrapped)),
        ("as it is", Some(KeyWrapType::AsRegistered)),
        ("so", None),
    ] {
        let Response::Export(exported) = client.done(version, export()) else { panic!() };
        let usage = AttributeValue::CryptographicUsageMask(CryptographicUsageMask::ENCRYPT);
        let request = import(identifier, exported.object, vec![attribute(usage)]);
        let id = imported(&mut client, version, ImportRequest { key_wrap_type, ..request });
        let get = GetRequest { unique_identifier: Some(id), ..GetRequest::default() };
        let Response::Get(gotten) = client.done(version, get) else { panic!() };
        let ManagedObject::SymmetricKey(key) = gotten.object else { panic!("another kind of object") };
        let is_plain = key_wrap_type == Some(KeyWrapType::NotWrapped);
        assert_eq!(key.key_block.key_wrapping_data.is_none(), is_plain, "{identifier}");
    }
}
