//! Defaults and constraints of new objects.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{
    Attribute, AttributeKind, AttributeReference, AttributeValue, Attributes, TemplateAttribute,
};
use keyreeve_kmip::enums::{CryptographicAlgorithm, ObjectType, QueryFunction, ResultReason};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::create::CreateRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::get_constraints::GetConstraintsRequest;
use keyreeve_kmip::payloads::query::{
    DefaultsInformation, ObjectDefaults, ObjectGroups, ObjectTypes, QueryRequest,
};
use keyreeve_kmip::payloads::rekey::ReKeyRequest;
use keyreeve_kmip::payloads::set_constraints::{Constraint, Constraints, SetConstraintsRequest};
use keyreeve_kmip::payloads::set_defaults::SetDefaultsRequest;
use keyreeve_kmip::values::CryptographicUsageMask;

use crate::harness::{Client, Server, named};

const VERSION: Version = Version::V2_1;
const USES: CryptographicUsageMask = CryptographicUsageMask::ENCRYPT;

fn attributes(values: Vec<AttributeValue>) -> Attributes {
    Attributes(values.into_iter().map(Attribute::from).collect())
}

fn create(values: Vec<AttributeValue>) -> CreateRequest {
    CreateRequest {
        object_type: ObjectType::SymmetricKey,
        template_attribute: TemplateAttribute::from(attributes(values)),
        protection_storage_masks: None,
    }
}

fn aes(bits: i32) -> Vec<AttributeValue> {
    vec![
        AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Aes),
        AttributeValue::CryptographicLength(bits),
        AttributeValue::CryptographicUsageMask(USES),
    ]
}

fn defaults(object_defaults: Vec<ObjectDefaults>) -> SetDefaultsRequest {
    SetDefaultsRequest { defaults_information: Some(DefaultsInformation { object_defaults }) }
}

fn of_keys(values: Vec<AttributeValue>, group: Option<&str>) -> ObjectDefaults {
    ObjectDefaults {
        object_type: Some(ObjectType::SymmetricKey),
        object_types: None,
        attributes: attributes(values),
        object_groups: group.map(|group| ObjectGroups { object_groups: vec![group.to_owned()] }),
    }
}

fn constraints(values: Vec<Vec<AttributeValue>>) -> SetConstraintsRequest {
    let constraint = |values| Constraint {
        object_types: Some(ObjectTypes { object_types: vec![ObjectType::SymmetricKey] }),
        object_groups: None,
        attributes: Some(attributes(values)),
    };
    let constraints = values.into_iter().map(constraint).collect();
    SetConstraintsRequest { constraints: Constraints { constraints } }
}

fn told(client: &mut Client, version: Version) -> Option<DefaultsInformation> {
    let query =
        QueryRequest { query_functions: vec![QueryFunction::QueryDefaultsInformation], object_groups: None };
    let Response::Query(answer) = client.done(version, query) else { panic!() };
    answer.defaults_information
}

fn made(client: &mut Client, values: Vec<AttributeValue>) -> Vec<AttributeValue> {
    let Response::Create(created) = client.done(VERSION, create(values)) else { panic!() };
    let kinds = [
        AttributeKind::CryptographicAlgorithm,
        AttributeKind::CryptographicLength,
        AttributeKind::CryptographicUsageMask,
        AttributeKind::Comment,
    ];
    let request = GetAttributesRequest {
        unique_identifier: Some(created.unique_identifier),
        attribute_references: kinds.into_iter().map(AttributeReference::Kind).collect(),
    };
    let Response::GetAttributes(read) = client.done(VERSION, request) else { panic!() };
    read.attributes.0.into_iter().map(|attribute| attribute.value).collect()
}

#[test]
fn what_a_request_leaves_out_comes_from_the_defaults() {
    let server = Server::start();
    let mut client = server.connect();
    assert_eq!(client.refused(VERSION, create(Vec::new())), ResultReason::InvalidField);
    assert_eq!(told(&mut client, VERSION), None);
    let of_group = vec![AttributeValue::Comment("of the group".to_owned())];
    let mut of_all = aes(256);
    of_all.push(AttributeValue::Comment("of all".to_owned()));
    let rules = || vec![of_keys(of_group.clone(), Some("group")), of_keys(of_all.clone(), None)];
    client.done(VERSION, defaults(rules()));
    assert_eq!(told(&mut client, VERSION).unwrap().object_defaults, rules());
    assert_eq!(told(&mut client, Version::V2_0).unwrap().object_defaults.len(), 2);

    assert_eq!(made(&mut client, Vec::new()), of_all);
    let in_group = made(&mut client, vec![AttributeValue::ObjectGroup("group".to_owned())]);
    assert_eq!(in_group[3], of_group[0], "the first rule that says something counts");
    assert_eq!(in_group[..3], of_all[..3]);
    let own = made(&mut client, vec![AttributeValue::CryptographicLength(128)]);
    assert_eq!(own[1], AttributeValue::CryptographicLength(128), "the request's own counts");
    // Another algorithm has no use for the length of this one.
    let other = vec![AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::HmacSha256)];
    assert_eq!(client.refused(VERSION, create(other)), ResultReason::InvalidField);

    for wrong in [
        vec![AttributeValue::Name(named("one for all"))],
        vec![AttributeValue::AlwaysSensitive(true)],
        vec![AttributeValue::Extractable(false)],
        vec![AttributeValue::ActivationDate(keyreeve_kmip::values::DateTime(0))],
        Vec::new(),
    ] {
        let request = defaults(vec![of_keys(wrong, None)]);
        assert_ne!(client.refused(VERSION, request), ResultReason::GeneralFailure);
    }
    let long = vec![AttributeValue::Comment("x".repeat(20_000))];
    let request = defaults(vec![of_keys(long, None)]);
    assert_eq!(client.refused(VERSION, request), ResultReason::ServerLimitExceeded);
    assert_eq!(
        told(&mut client, VERSION).unwrap().object_defaults,
        rules(),
        "what was refused changed nothing"
    );
    client.done(VERSION, SetDefaultsRequest::default());
    assert_eq!(told(&mut client, VERSION), None);
}

#[test]
fn what_violates_a_constraint_is_not_made() {
    let server = Server::start();
    let mut client = server.connect();
    let Response::Create(old) = client.done(VERSION, create(aes(128))) else { panic!() };
    let either = vec![
        AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Aes),
        AttributeValue::CryptographicLength(192),
        AttributeValue::CryptographicLength(256),
    ];
    let uses = CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT;
    let request = || constraints(vec![either.clone(), vec![AttributeValue::CryptographicUsageMask(uses)]]);
    client.done(VERSION, request());
    let Response::GetConstraints(answer) = client.done(VERSION, GetConstraintsRequest::default()) else {
        panic!()
    };
    assert_eq!(answer.constraints, request().constraints);

    client.done(VERSION, create(aes(192)));
    client.done(VERSION, create(aes(256)));
    let mut wide = aes(256);
    wide[2] = AttributeValue::CryptographicUsageMask(CryptographicUsageMask::WRAP_KEY);
    for wrong in [aes(128), wide] {
        assert_eq!(client.refused(VERSION, create(wrong)), ResultReason::ConstraintViolation);
    }
    assert_eq!(
        client.refused(Version::V1_4, create(aes(128))),
        ResultReason::ConstraintViolation.for_version(Version::V1_4)
    );
    let rekey = ReKeyRequest { unique_identifier: Some(old.unique_identifier), ..ReKeyRequest::default() };
    assert_eq!(client.refused(VERSION, rekey), ResultReason::ConstraintViolation);
    client.done(VERSION, constraints(Vec::new()));
    client.done(VERSION, create(aes(128)));
}
