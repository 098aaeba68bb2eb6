//! Rotation by the server itself: Rotate Automatic, Interval, Offset and Name, on a clock that the test moves.

use std::time::{Duration, Instant};

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{
    Attribute, AttributeKind, AttributeReference, AttributeValue, Attributes, RotateName, TemplateAttribute,
};
use keyreeve_kmip::enums::{
    CryptographicAlgorithm, LinkType, ObjectType, ResultReason, RevocationReasonCode, RotateNameType, State,
};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::create_key_pair::CreateKeyPairRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::rekey_key_pair::ReKeyKeyPairRequest;
use keyreeve_kmip::payloads::set_attribute::SetAttributeRequest;
use keyreeve_kmip::values::{Interval, UniqueIdentifier};
use serde_json::{Value, json};

use crate::clock::HandClock;
use crate::harness::{Client, Server, attribute, create, named};

const V: Version = Version::V2_1;
/// Short: what starts anew dates its certificate by the clock, which the system must find valid by its own.
const INTERVAL: i64 = 20;
const WAIT: Duration = Duration::from_secs(30);

fn read(client: &mut Client, id: &UniqueIdentifier, kind: AttributeKind) -> Vec<AttributeValue> {
    let request = GetAttributesRequest {
        unique_identifier: Some(id.clone()),
        attribute_references: vec![AttributeReference::Kind(kind)],
    };
    let Response::GetAttributes(told) = client.done(V, request) else { panic!() };
    told.attributes.0.into_iter().map(|attribute| attribute.value).collect()
}

/// Every interval, with this offset.
fn rotating(offset: Option<u32>) -> Vec<Attribute> {
    let mut attributes = vec![
        attribute(AttributeValue::RotateAutomatic(true)),
        attribute(AttributeValue::RotateInterval(Interval(INTERVAL as u32))),
    ];
    attributes.extend(offset.map(|seconds| attribute(AttributeValue::RotateOffset(Interval(seconds)))));
    attributes
}

/// What the object leads to by this link, once it does.
fn linked(client: &mut Client, id: &UniqueIdentifier, wanted: LinkType) -> UniqueIdentifier {
    let begin = Instant::now();
    loop {
        let links = read(client, id, AttributeKind::Link);
        let target = links.into_iter().find_map(|value| match value {
            AttributeValue::Link(link) if link.link_type == wanted => Some(link.linked_object_identifier),
            _ => None,
        });
        if let Some(target) = target {
            return target;
        }
        assert!(begin.elapsed() < WAIT, "nothing was rotated");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn the_one(client: &mut Client, with: AttributeValue) -> UniqueIdentifier {
    let request =
        LocateRequest { attributes: Some([with].into_iter().collect()), ..LocateRequest::default() };
    let Response::Locate(mut found) = client.done(V, request) else { panic!() };
    assert_eq!(found.unique_identifiers.len(), 1);
    found.unique_identifiers.remove(0)
}

/// Entries of rotations that the server did by itself.
fn rotations(server: &Server) -> Vec<Value> {
    let told = server.rest("GET", "/v1/journal?changes=true&limit=500", &Value::Null);
    let entries = told["entries"].as_array().unwrap();
    entries.iter().filter(|entry| entry["action"] == "rotate").cloned().collect()
}

#[test]
fn a_key_rotates_by_itself_once_for_each_time_it_is_due_also_after_downtime() {
    let clock = HandClock::of_today();
    let mut server = Server::start_at(clock.clone(), |_| {});
    let mut client = server.connect();
    let mut request = create("turning");
    let rotate_name = RotateName {
        rotate_name_value: "the turning ones".to_owned(),
        rotate_name_type: RotateNameType::UninterpretedTextString,
    };
    request.template_attribute.attributes.0.extend(rotating(Some(5)));
    request.template_attribute.attributes.0.push(attribute(AttributeValue::RotateName(rotate_name.clone())));
    let Response::Create(first) = client.done(V, request) else { panic!() };
    let first = first.unique_identifier;
    client.create(V, "by hand");
    assert!(rotations(&server).is_empty());
    // Five intervals pass while the server is down: one successor.
    drop(client);
    clock.advance(5 * INTERVAL);
    server.restart();
    let mut client = server.connect();
    let second = linked(&mut client, &first, LinkType::ReplacementObjectLink);
    assert_eq!(linked(&mut client, &second, LinkType::ReplacedObjectLink), first);
    let told = |client: &mut Client, kind| read(client, &second, kind);
    assert_eq!(told(&mut client, AttributeKind::RotateGeneration), [AttributeValue::RotateGeneration(1)]);
    assert_eq!(told(&mut client, AttributeKind::RotateLatest), [AttributeValue::RotateLatest(true)]);
    assert_eq!(told(&mut client, AttributeKind::RotateAutomatic), [AttributeValue::RotateAutomatic(true)]);
    assert_eq!(told(&mut client, AttributeKind::RotateName), [AttributeValue::RotateName(rotate_name)]);
    assert_eq!(told(&mut client, AttributeKind::State), [AttributeValue::State(State::PreActive)]);
    assert_eq!(read(&mut client, &first, AttributeKind::RotateLatest), [AttributeValue::RotateLatest(false)]);
    assert_eq!(the_one(&mut client, AttributeValue::Name(named("turning"))), second, "the name moved");
    // It counts from its Initial Date, which is when it was made.
    clock.advance(INTERVAL - 1);
    let [AttributeValue::State(State::Active)] = told(&mut client, AttributeKind::State)[..] else {
        panic!()
    };
    assert_eq!(rotations(&server).len(), 1);
    clock.advance(1);
    let third = linked(&mut client, &second, LinkType::ReplacementObjectLink);
    assert_eq!(
        read(&mut client, &third, AttributeKind::RotateGeneration),
        [AttributeValue::RotateGeneration(2)]
    );
    let entries = rotations(&server);
    assert_eq!(entries.len(), 2);
    for entry in entries {
        let detail = entry["detail"].as_str().unwrap();
        assert!(detail.contains("is over its Rotate Interval of 20 s"), "{entry}");
        assert_eq!((&entry["protocol"], &entry["outcome"]), (&json!("system"), &json!("success")));
    }
}

#[test]
fn what_was_revoked_rotates_no_more_and_what_cannot_rotate_is_told_so() {
    let clock = HandClock::of_today();
    let server = Server::start_at(clock.clone(), |_| {});
    let mut client = server.connect();
    let mut make = |name: &str| {
        let mut request = create(name);
        request.template_attribute.attributes.0.extend(rotating(None));
        let Response::Create(made) = client.done(V, request) else { panic!() };
        made.unique_identifier
    };
    let (revoked, living) = (make("revoked"), make("living"));
    let revoke = keyreeve_kmip::payloads::revoke::RevokeRequest {
        unique_identifier: Some(revoked.clone()),
        revocation_reason: keyreeve_kmip::attributes::RevocationReason {
            revocation_reason_code: RevocationReasonCode::CessationOfOperation,
            revocation_message: None,
        },
        compromise_occurrence_date: None,
    };
    client.done(
        V,
        keyreeve_kmip::payloads::activate::ActivateRequest { unique_identifier: Some(revoked.clone()) },
    );
    client.done(V, revoke);
    // Given later, it counts from the Initial Date as well.
    let later = client.create(V, "later");
    for value in rotating(None) {
        let add = AddAttributeRequest { unique_identifier: Some(later.clone()), attribute: value };
        client.done(V, add);
    }
    clock.advance(INTERVAL);
    linked(&mut client, &living, LinkType::ReplacementObjectLink);
    linked(&mut client, &later, LinkType::ReplacementObjectLink);
    assert_eq!(rotations(&server).len(), 2);
    assert_eq!(read(&mut client, &revoked, AttributeKind::Link), []);
    server.post("/v1/objects", &json!({"name": "blob", "type": "opaque-object", "data": "AAAA"}));
    let id = the_one(&mut client, AttributeValue::ObjectType(ObjectType::OpaqueObject));
    let promise = SetAttributeRequest {
        unique_identifier: Some(id.clone()),
        attribute: attribute(AttributeValue::RotateAutomatic(true)),
    };
    assert_eq!(client.refused(V, promise), ResultReason::InvalidField);
    assert_eq!(read(&mut client, &id, AttributeKind::RotateAutomatic), []);
}

#[test]
fn a_pair_rotates_as_one_by_hand_and_by_itself() {
    let clock = HandClock::of_today();
    let server = Server::start_at(clock.clone(), |_| {});
    let mut client = server.connect();
    let common = [
        attribute(AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Ecdsa)),
        attribute(AttributeValue::CryptographicLength(256)),
    ];
    let common = common.into_iter().chain(rotating(None)).collect::<Vec<_>>();
    let request = CreateKeyPairRequest {
        common_template_attribute: Some(TemplateAttribute::from(Attributes(common))),
        ..CreateKeyPairRequest::default()
    };
    let Response::CreateKeyPair(made) = client.done(V, request) else { panic!() };
    let first = [made.private_key_unique_identifier, made.public_key_unique_identifier];
    clock.advance(INTERVAL);
    let second = first.each_ref().map(|id| linked(&mut client, id, LinkType::ReplacementObjectLink));
    assert_eq!(linked(&mut client, &second[0], LinkType::PublicKeyLink), second[1]);
    assert_eq!(rotations(&server).len(), 1, "one for both");
    let rekey = ReKeyKeyPairRequest {
        private_key_unique_identifier: Some(second[0].clone()),
        ..ReKeyKeyPairRequest::default()
    };
    let Response::ReKeyKeyPair(third) = client.done(V, rekey) else { panic!() };
    let third = [third.private_key_unique_identifier, third.public_key_unique_identifier];
    for (generation, pair) in [&first, &second, &third].into_iter().enumerate() {
        for id in pair {
            let expected = (generation > 0).then_some(AttributeValue::RotateGeneration(generation as i32));
            assert_eq!(read(&mut client, id, AttributeKind::RotateGeneration), Vec::from_iter(expected));
            let latest = AttributeValue::RotateLatest(generation == 2);
            assert_eq!(read(&mut client, id, AttributeKind::RotateLatest), [latest]);
            let [AttributeValue::InitialDate(made)] = read(&mut client, id, AttributeKind::InitialDate)[..]
            else {
                panic!()
            };
            let expected = (generation > 0).then_some(AttributeValue::RotateDate(made));
            assert_eq!(read(&mut client, id, AttributeKind::RotateDate), Vec::from_iter(expected));
        }
    }
    // A public key whose private half is elsewhere goes with nobody.
    assert_eq!(
        read(&mut client, &first[1], AttributeKind::ObjectType),
        [AttributeValue::ObjectType(ObjectType::PublicKey)]
    );
}
