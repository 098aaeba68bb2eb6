//! Locate by some fields of a structure alone.

use keyreeve_kmip::attributes::{
    AlternativeName, ApplicationSpecificInformation, AttributeKind, AttributeReference, AttributeValue, Link,
};
use keyreeve_kmip::enums::{AlternativeNameType, LinkType, ResultReason};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::ttlv::{Node, Value};
use keyreeve_kmip::values::UniqueIdentifier;
use keyreeve_kmip::{Tag, Version};

use crate::harness::{Client, Server, attribute};

/// What there is of a structure.
fn some(kind: AttributeKind, fields: &[(Tag, Value)]) -> AttributeValue {
    let nodes = fields.iter().map(|(tag, value)| Node::new(*tag, value.clone())).collect();
    let (reference, value) = (AttributeReference::Kind(kind), Value::Structure(nodes));
    AttributeValue::Unknown { reference, value }
}

fn text(text: &str) -> Value {
    Value::TextString(text.to_owned())
}

fn found(client: &mut Client, version: Version, wanted: AttributeValue) -> Vec<UniqueIdentifier> {
    let request =
        LocateRequest { attributes: Some([wanted].into_iter().collect()), ..LocateRequest::default() };
    let Response::Locate(located) = client.done(version, request) else { panic!() };
    located.unique_identifiers
}

#[test]
fn a_field_of_a_structure_alone_finds_what_has_it() {
    let server = Server::start();
    let mut client = server.connect();
    let other = client.create(Version::V2_1, "other");
    let wanted = client.create(Version::V2_1, "wanted");
    let mut add = |id: &UniqueIdentifier, value| {
        let id = Some(id.clone());
        client
            .done(Version::V2_1, AddAttributeRequest { unique_identifier: id, attribute: attribute(value) });
    };
    let link = |to: &UniqueIdentifier| {
        AttributeValue::Link(Link { link_type: LinkType::ParentLink, linked_object_identifier: to.clone() })
    };
    let alternative = |value: &str| {
        AttributeValue::AlternativeName(AlternativeName {
            alternative_name_value: value.to_owned(),
            alternative_name_type: AlternativeNameType::UninterpretedTextString,
        })
    };
    let application = |namespace: &str, data: &str| {
        AttributeValue::ApplicationSpecificInformation(ApplicationSpecificInformation {
            application_namespace: namespace.to_owned(),
            application_data: Some(data.to_owned()),
        })
    };
    for (id, to, name, namespace, data) in
        [(&wanted, &other, "w", "ssl", "www"), (&other, &wanted, "o", "vpn", "ftp")]
    {
        add(id, link(to));
        add(id, alternative(name));
        add(id, application(namespace, data));
    }
    let id = |id: &UniqueIdentifier| match id {
        UniqueIdentifier::Text(id) => text(id),
        other => panic!("{other:?}"),
    };
    let parts = [
        some(AttributeKind::Name, &[(Tag::NAME_VALUE, text("wanted"))]),
        some(AttributeKind::Link, &[(Tag::LINKED_OBJECT_IDENTIFIER, id(&other))]),
        some(AttributeKind::AlternativeName, &[(Tag::ALTERNATIVE_NAME_VALUE, text("w"))]),
        some(AttributeKind::ApplicationSpecificInformation, &[(Tag::APPLICATION_NAMESPACE, text("ssl"))]),
        some(AttributeKind::ApplicationSpecificInformation, &[(Tag::APPLICATION_DATA, text("www"))]),
    ];
    for part in parts {
        for version in [Version::V1_4, Version::V2_1] {
            assert_eq!(
                found(&mut client, version, part.clone()),
                std::slice::from_ref(&wanted),
                "{version}: {part:?}"
            );
        }
    }
    // The type alone finds both.
    let parent = Value::Enumeration(LinkType::ParentLink.into());
    let by_type = some(AttributeKind::Link, &[(Tag::LINK_TYPE, parent)]);
    assert_eq!(found(&mut client, Version::V2_1, by_type).len(), 2);
    // A field of another type is no part of the structure, and a structure of nothing none either.
    let wrong = some(AttributeKind::Name, &[(Tag::NAME_VALUE, Value::Integer(1))]);
    let nothing = some(AttributeKind::Name, &[]);
    for (bad, expected) in [(wrong, ResultReason::InvalidField), (nothing, ResultReason::MissingData)] {
        let attributes = Some([bad].into_iter().collect());
        let reason = client.refused(Version::V2_1, LocateRequest { attributes, ..LocateRequest::default() });
        assert_eq!(reason, expected);
    }
    // Elsewhere a structure is whole.
    let part = some(AttributeKind::Name, &[(Tag::NAME_VALUE, text("half"))]);
    let add = AddAttributeRequest { unique_identifier: Some(wanted), attribute: attribute(part) };
    assert_eq!(client.refused(Version::V2_1, add), ResultReason::MissingData);
}
