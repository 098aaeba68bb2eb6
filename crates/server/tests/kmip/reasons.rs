//! Result reasons that say what the standard's error tables have, and what Export tells of an object that is gone.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{
    ApplicationSpecificInformation, AttributeKind, AttributeReference, AttributeValue,
    CryptographicParameters,
};
use keyreeve_kmip::enums::{BlockCipherMode, KeyCompressionType, ResultReason, RevocationReasonCode, State};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::delete_attribute::DeleteAttributeRequest;
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::encrypt::EncryptRequest;
use keyreeve_kmip::payloads::export::ExportRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::revoke::RevokeRequest;
use keyreeve_kmip::ttlv::Value;
use keyreeve_kmip::values::DateTime;

use crate::harness::{Server, attribute, named};

const V: Version = Version::V2_1;

#[test]
fn what_was_destroyed_is_exported_without_its_value() {
    let server = Server::start();
    let mut client = server.connect();
    for version in [Version::V1_4, V] {
        let id = client.create(version, &format!("gone at {version}"));
        client.done(version, DestroyRequest { unique_identifier: Some(id.clone()) });
        let gone = ResultReason::ObjectDestroyed.for_version(version);
        let get = GetRequest { unique_identifier: Some(id.clone()), ..GetRequest::default() };
        assert_eq!(client.refused(version, get), gone);
        let export = ExportRequest { unique_identifier: Some(id.clone()), ..ExportRequest::default() };
        let Response::Export(told) = client.done(version, export) else { panic!() };
        assert_eq!(told.unique_identifier, id);
        assert!(told.object.key_block().unwrap().key_value.is_none(), "no key material");
        let state = AttributeValue::State(State::Destroyed);
        assert!(told.attributes.0.iter().any(|attribute| attribute.value == state));
    }
}

#[test]
fn parameters_that_are_not_offered_are_a_general_failure_as_in_the_published_cases() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(V, "modes");
    client.done(V, ActivateRequest { unique_identifier: Some(id.clone()) });
    let unknown = BlockCipherMode::Unnamed(0x8000_0042);
    let encrypt = |mode| EncryptRequest {
        unique_identifier: Some(id.clone()),
        cryptographic_parameters: Some(CryptographicParameters {
            block_cipher_mode: Some(mode),
            ..CryptographicParameters::default()
        }),
        data: Some(vec![7; 16].into()),
        ..EncryptRequest::default()
    };
    for version in [Version::V1_4, V] {
        for mode in [unknown, BlockCipherMode::Pcbc] {
            assert_eq!(client.refused(version, encrypt(mode)), ResultReason::GeneralFailure, "{mode:?}");
        }
    }
}

#[test]
fn a_value_that_is_not_there_is_told_from_an_attribute_that_is_not() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(V, "first");
    let delete = |reference, current| DeleteAttributeRequest {
        unique_identifier: Some(id.clone()),
        attribute_reference: reference,
        attribute_index: None,
        current_attribute: current,
    };
    let contact = AttributeReference::Kind(AttributeKind::ContactInformation);
    assert_eq!(client.refused(V, delete(Some(contact), None)), ResultReason::AttributeNotFound);
    let other = attribute(AttributeValue::Name(named("other")));
    assert_eq!(client.refused(V, delete(None, Some(other))), ResultReason::AttributeInstanceNotFound);
}

#[test]
fn values_that_the_standard_rules_out_are_refused() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(V, "ruled");
    let add =
        |value| AddAttributeRequest { unique_identifier: Some(id.clone()), attribute: attribute(value) };
    let information = |data: Option<&str>| {
        AttributeValue::ApplicationSpecificInformation(ApplicationSpecificInformation {
            application_namespace: "ssl".to_owned(),
            application_data: data.map(str::to_owned),
        })
    };
    assert_eq!(client.refused(V, add(information(None))), ResultReason::ApplicationNamespaceNotSupported);
    client.done(V, add(information(Some("www.example"))));
    let vendor = |vendor: &str| AttributeValue::Vendor {
        vendor: vendor.to_owned(),
        name: "shelf".to_owned(),
        value: Value::Integer(7),
    };
    assert_eq!(client.refused(V, add(vendor("Acme Corp"))), ResultReason::InvalidField);
    client.done(V, add(vendor("Acme_Corp.1")));
    let uncompressed = Some(KeyCompressionType::EcPublicKeyTypeUncompressed);
    let get = GetRequest {
        unique_identifier: Some(id.clone()),
        key_compression_type: uncompressed,
        ..GetRequest::default()
    };
    client.done(V, get);
}

#[test]
fn a_key_that_was_compromised_at_no_date_was_from_its_first() {
    let server = Server::start();
    let mut client = server.connect();
    let id = client.create(V, "stolen");
    let revoke = RevokeRequest {
        unique_identifier: Some(id.clone()),
        revocation_reason: keyreeve_kmip::attributes::RevocationReason {
            revocation_reason_code: RevocationReasonCode::KeyCompromise,
            revocation_message: None,
        },
        compromise_occurrence_date: None,
    };
    client.done(V, revoke);
    let mut date = |kind| -> Option<DateTime> {
        let request = GetAttributesRequest {
            unique_identifier: Some(id.clone()),
            attribute_references: vec![AttributeReference::Kind(kind)],
        };
        let Response::GetAttributes(told) = client.done(V, request) else { panic!() };
        match told.attributes.0.first()?.value {
            AttributeValue::InitialDate(date) | AttributeValue::CompromiseOccurrenceDate(date) => Some(date),
            _ => None,
        }
    };
    let initial = date(AttributeKind::InitialDate);
    assert!(initial.is_some());
    assert_eq!(date(AttributeKind::CompromiseOccurrenceDate), initial);
}
