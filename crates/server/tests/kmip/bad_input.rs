//! What does not belong on a KMIP port: each gets a well-formed answer or a clean close, and the server lives on.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

use keyreeve_kmip::attributes::{AttributeValue, Attributes, TemplateAttribute};
use keyreeve_kmip::enums::{CryptographicAlgorithm, Operation, ResultReason, ResultStatus};
use keyreeve_kmip::message::{
    Authentication, Credential, RequestItem, RequestMessage, ResponseMessage, UsernameAndPassword,
};
use keyreeve_kmip::payloads::create::CreateRequest;
use keyreeve_kmip::payloads::discover_versions::DiscoverVersionsRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::ping::PingRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::ttlv::Value;
use keyreeve_kmip::{Limits, Version};

use serde_json::json;

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
fn what_comes_to_no_operation_of_the_core_is_on_record_all_the_same() {
    let server = Server::start();
    let mut client = server.connect();
    client.done(Version::V2_1, PingRequest::default());
    client.done(Version::V1_4, DiscoverVersionsRequest::default());
    // Before 1.2 there was none.
    assert_eq!(
        client.refused(Version::V1_0, DiscoverVersionsRequest::default()),
        ResultReason::OperationNotSupported
    );
    client.send(&[0x42, 0x00, 0x78, 0x01, 0, 0, 0, 0]);
    client.receive();
    let entries = server.rest("GET", "/v1/journal?kind=other-request", &serde_json::Value::Null);
    let told: Vec<[Option<&str>; 3]> = entries["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| ["target", "outcome", "reason"].map(|field| entry[field].as_str()))
        .collect();
    let versions = Operation::DiscoverVersions.to_string();
    assert_eq!(
        told,
        [
            [Some(&*Operation::Ping.to_string()), Some("success"), None],
            [Some(&*versions), Some("success"), None],
            [Some(&*versions), Some("failed"), Some("unsupported")],
            [Some("a message that cannot be read"), Some("failed"), Some("invalid")],
        ]
    );
    assert!(entries["entries"].as_array().unwrap().iter().all(|entry| entry["principal"] == "admin"));
}

/// A request with this bit changed.
fn mutant(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut mutant = bytes.to_vec();
    mutant[bit / 8] ^= 1 << (bit % 8);
    mutant
}

#[test]
fn every_changed_bit_is_answered_or_ends_the_connection_and_what_fails_changes_nothing() {
    let server = Server::start_with(|_| {});
    let message = RequestMessage::new(Version::V1_4, vec![RequestItem::new(create("mutant").into())]);
    let bytes = message.encode().unwrap();
    let is_success = |answer: &ResponseMessage| {
        assert_eq!(answer.items.len(), 1);
        answer.items[0].result_status == ResultStatus::Success
    };
    let mut made = 0;
    // The first header says how long the message is: the server may wait for more, until it is told that no more comes.
    for bit in 0..8 * 8 {
        let mut client = server.connect();
        client.send(&mutant(bytes.expose(), bit));
        client.end();
        if let Some(answer) = client.receive_bytes() {
            let answer = ResponseMessage::decode(&answer, &Limits::default()).unwrap();
            made += usize::from(is_success(&answer));
        }
    }
    // Beyond it the connection goes on.
    let mut client = server.connect();
    for bit in 8 * 8..8 * bytes.len() {
        client.send(&mutant(bytes.expose(), bit));
        made += usize::from(is_success(&client.receive()));
    }
    client.exchange(&ping());
    let Response::Locate(found) = client.done(Version::V2_1, LocateRequest::default()) else {
        panic!("another operation was answered")
    };
    assert_eq!(found.unique_identifiers.len(), made);
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
        || Request::Unknown { operation: Operation::Unnamed(0x7F), payload: Value::Structure(Vec::new()) };
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

/// The start of a message of this length.
fn announced(bytes: u32) -> Vec<u8> {
    let mut start = vec![0x42, 0x00, 0x78, 0x01];
    start.extend((bytes - 8).to_be_bytes());
    start
}

#[test]
fn a_message_that_trickles_in_ends_with_its_connection() {
    let server = Server::start_with(|config| config.limits.message_seconds_max = 1);
    let mut client = server.connect();
    client.exchange(&ping());
    // Never silent for long, and yet never done.
    client.send(&announced(1 << 10));
    let trickled = (0..1000).take_while(|_| {
        std::thread::sleep(Duration::from_millis(20));
        client.try_send(&[0])
    });
    assert!(trickled.count() < 1000, "all of the message was waited for");
    server.connect().exchange(&ping());
}

#[test]
fn a_long_message_is_taken_only_of_who_is_known() {
    let server = Server::start();
    let added = server.post("/v1/clients", &json!({ "name": "gone" }));
    let pem = |field: &str| added[field].as_str().unwrap().as_bytes();
    let connect = || server.connect_to(server.address, pem("certificate"), pem("private_key"));
    server.post("/v1/clients/gone/revoke", &json!({}));
    let mut revoked = connect();
    // The rest never comes, and the answer does.
    revoked.send(&announced(1 << 20));
    let refused = revoked.receive();
    assert_eq!(
        refused.items[0].result_reason,
        Some(ResultReason::AuthenticationNotSuccessful.for_version(Version::V1_0))
    );
    assert!(revoked.receive_bytes().is_none());
    let mut known = server.connect();
    let mut request = ping();
    request.header.client_correlation_value = Some("x".repeat(1 << 20));
    assert!(known.exchange(&request).header.client_correlation_value.is_some());
}

#[test]
fn strangers_on_http_leave_the_places_of_kmip_alone() {
    let server = Server::start_with(|config| {
        (config.limits.connections_max, config.limits.connections_per_source_max) = (3, 2);
    });
    // None of them says who it is, nor anything else.
    let strangers: Vec<_> = (0..8).map(|_| TcpStream::connect(server.http).unwrap()).collect();
    let closed = |mut stranger: &TcpStream| {
        stranger.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stranger.read(&mut [0]).is_ok_and(|read| read == 0)
    };
    assert!(strangers[2..].iter().all(closed), "one source has two places");
    for _ in 0..2 {
        server.connect().exchange(&ping());
    }
}
