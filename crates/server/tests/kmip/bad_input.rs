//! What does not belong on a KMIP port: each gets a well-formed answer or a clean close, and the server lives on.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{AttributeValue, Attributes, TemplateAttribute};
use keyreeve_kmip::enums::{CryptographicAlgorithm, Operation, ResultReason};
use keyreeve_kmip::message::{Authentication, Credential, RequestItem, RequestMessage, UsernameAndPassword};
use keyreeve_kmip::payloads::Request;
use keyreeve_kmip::payloads::create::CreateRequest;
use keyreeve_kmip::payloads::discover_versions::DiscoverVersionsRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::ping::PingRequest;
use keyreeve_kmip::ttlv::Value;

use crate::harness::{Server, create};

fn ping() -> RequestMessage {
    RequestMessage::new(Version::V2_1, vec![RequestItem::new(PingRequest::default().into())])
}

#[test]
fn requests_may_come_before_the_answers_and_in_pieces() {
    let server = Server::start();
    let mut client = server.connect();
    let one = ping().encode().unwrap();
    let three = [one.expose(), one.expose(), one.expose()].concat();
    client.send(&three);
    for _ in 0..3 {
        assert_eq!(client.receive().items.len(), 1);
    }
    for byte in one.expose() {
        client.send(&[*byte]);
    }
    assert_eq!(client.receive().items.len(), 1);
}

#[test]
fn what_is_no_message_is_answered_once_and_closed() {
    let server = Server::start();
    let huge = [0x42, 0x00, 0x78, 0x01, 0xFF, 0xFF, 0xFF, 0xF8];
    for garbage in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], &huge] {
        let mut client = server.connect();
        client.send(garbage);
        let answer = client.receive();
        assert_eq!(answer.items[0].result_reason, Some(ResultReason::InvalidMessage));
        assert!(client.receive_bytes().is_none());
    }
    server.connect().exchange(&ping());
}

#[test]
fn every_changed_byte_is_answered() {
    let server = Server::start();
    let mut client = server.connect();
    let message = RequestMessage::new(Version::V1_4, vec![RequestItem::new(create("mutant").into())]);
    let bytes = message.encode().unwrap();
    // Beyond the first header, whose length the stream is cut by.
    for position in 8..bytes.len() {
        let mut mutant = bytes.expose().to_vec();
        mutant[position] ^= 0x11;
        client.send(&mutant);
        let answer = client.receive();
        assert_eq!(answer.items.len(), 1, "byte {position}");
    }
    client.exchange(&ping());
}

#[test]
fn an_unknown_version_is_answered_in_the_nearest() {
    let server = Server::start();
    let mut client = server.connect();
    let bytes = ping().encode().unwrap();
    let mut future = bytes.expose().to_vec();
    // ProtocolVersionMajor stands behind the headers of message, header and version: 2 becomes 3.
    let major = future.windows(4).position(|window| window == [0x42, 0x00, 0x6A, 0x02]).unwrap() + 11;
    future[major] = 3;
    client.send(&future);
    let answer = client.receive();
    assert_eq!(answer.version, Version::V2_1);
    assert_eq!(answer.items[0].result_reason, Some(ResultReason::UnsupportedProtocolVersion));
}

#[test]
fn what_cannot_be_done_is_refused_in_the_versions_own_terms() {
    let server = Server::start();
    let mut client = server.connect();
    let unknown =
        || Request::Unknown { operation: Operation::Archive, payload: Value::Structure(Vec::new()) };
    assert_eq!(client.refused(Version::V1_0, unknown()), ResultReason::OperationNotSupported);
    // Newer than the version that is spoken.
    let discover = DiscoverVersionsRequest::default();
    assert_eq!(client.refused(Version::V1_0, discover), ResultReason::OperationNotSupported);
    let get = || GetRequest { unique_identifier: Some("AAABBBCCC".into()), ..GetRequest::default() };
    assert_eq!(client.refused(Version::V1_0, get()), ResultReason::ItemNotFound);
    assert_eq!(client.refused(Version::V2_1, get()), ResultReason::ObjectNotFound);
    let incomplete = || CreateRequest {
        template_attribute: TemplateAttribute::from(
            [AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::Aes)]
                .into_iter()
                .collect::<Attributes>(),
        ),
        ..create("incomplete")
    };
    assert_eq!(client.refused(Version::V2_1, incomplete()), ResultReason::InvalidField);
    client.create(Version::V2_1, "taken");
    assert_eq!(client.refused(Version::V2_1, create("taken")), ResultReason::NonUniqueNameAttribute);
    assert_eq!(client.refused(Version::V1_4, create("taken")), ResultReason::InvalidField);
}

#[test]
fn credentials_that_nobody_checks_are_refused() {
    let strict = Server::start_with(|_| {});
    let mut request = ping();
    request.header.authentication = Some(Authentication {
        credentials: vec![Credential::UsernameAndPassword(UsernameAndPassword {
            username: "Fred".into(),
            password: Some("password1".to_owned().into()),
        })],
    });
    let refused = strict.connect().exchange(&request);
    assert_eq!(refused.items[0].result_reason, Some(ResultReason::AuthenticationNotSuccessful));
    let taken = Server::start().connect().exchange(&request);
    assert_eq!(taken.items[0].result_reason, None);
}
