//! Dual control over KMIP: what others must approve fails and says so, and is done once they have.

use keyreeve_kmip::Version;
use keyreeve_kmip::enums::{EncodingOption, ResultReason, ResultStatus, WrappingMethod};
use keyreeve_kmip::message::{Authentication, Credential, RequestItem, RequestMessage, UsernameAndPassword};
use keyreeve_kmip::objects::{KeyInformation, KeyWrappingSpecification};
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::values::UniqueIdentifier;
use keyreeve_server::config::Credentials;
use serde_json::{Value, json};

use crate::clock::HandClock;
use crate::harness::Server;

const VERSION: Version = Version::V1_4;

#[test]
fn what_waits_for_approval_fails_with_its_id_and_is_done_once_it_is_approved() {
    let server = Server::start();
    server.decline_approval_rule();
    let deputy = server.post("/v1/clients", &json!({ "name": "deputy", "roles": ["admin"] }));
    let pem = |field: &str| deputy[field].as_str().unwrap().as_bytes().to_vec();
    let mut client = server.connect_to(server.address, &pem("certificate"), &pem("private_key"));
    let rule = json!({ "actions": ["destroy", "get"], "needs": 1, "roles": ["admin"] });
    server.rest("PUT", "/v1/approval-rules/two-people", &rule);
    let mut last = None;
    for version in Version::ALL {
        let id = client.create(version, &format!("ledger {version}"));
        let destroy = || DestroyRequest { unique_identifier: Some(id.clone()) };
        let answer = client.ask(version, destroy());
        assert_eq!(answer.result_status, ResultStatus::OperationFailed);
        assert_eq!(answer.result_reason, Some(ResultReason::PermissionDenied));
        let waiting = server.rest("GET", "/v1/approvals", &Value::Null);
        let waiting = waiting["approvals"].as_array().unwrap();
        assert_eq!(waiting.len(), 1, "what was approved before is spent: {waiting:?}");
        let approval = waiting[0]["id"].as_str().unwrap();
        let told = answer.result_message.unwrap();
        assert!(told.contains(approval), "{told}");
        server.post(&format!("/v1/approvals/{approval}/approve"), &json!({}));
        client.done(version, destroy());
        last = Some(id);
    }
    let version = Version::ALL[0];
    let again = client.refused(version, DestroyRequest { unique_identifier: last });
    assert_eq!(again, ResultReason::PermissionDenied, "an approval is spent");
    let id = client.create(version, "read alone");
    let get = GetRequest { unique_identifier: Some(id), ..GetRequest::default() };
    assert_eq!(client.refused(version, get), ResultReason::PermissionDenied);
}

#[test]
fn who_holds_the_connection_does_not_approve_what_came_over_it() {
    let server = Server::start_with(|config| config.kmip.credentials = Credentials::Check);
    server.decline_approval_rule();
    let deputy = server.post("/v1/tokens", &json!({ "client": "deputy", "roles": ["admin"] }));
    let rule = json!({ "actions": ["destroy"], "needs": 1, "roles": ["admin"] });
    server.rest("PUT", "/v1/approval-rules/two-people", &rule);
    let mut client = server.connect();
    let id = client.create(Version::V2_1, "ledger");
    let destroy = DestroyRequest { unique_identifier: Some(id) };
    let mut message = RequestMessage::new(Version::V2_1, vec![RequestItem::new(destroy.into())]);
    let password = Some(deputy["token"].as_str().unwrap().to_owned().into());
    let credential = UsernameAndPassword { username: "deputy".to_owned(), password };
    message.header.authentication =
        Some(Authentication { credentials: vec![Credential::UsernameAndPassword(credential)] });
    let answer = client.exchange(&message).items.remove(0);
    assert_eq!(answer.result_reason, Some(ResultReason::PermissionDenied));
    let waiting = server.rest("GET", "/v1/approvals", &Value::Null);
    let approval = &waiting["approvals"][0];
    assert_eq!(approval["asked_by"], "deputy", "{waiting}");
    let path = format!("/v1/approvals/{}/approve", approval["id"].as_str().unwrap());
    let (status, told) = server.rest_told("POST", &path, &json!({}));
    assert_eq!(status, 403, "the administrator has sent it, and approves it: {told}");
    assert_eq!(client.exchange(&message).items[0].result_status, ResultStatus::OperationFailed);
}

#[test]
fn what_waited_too_long_is_asked_for_anew() {
    let clock = HandClock::of_today();
    let server = Server::start_at(clock.clone(), |_| {});
    server.decline_approval_rule();
    let app = server.post("/v1/clients", &json!({ "name": "deputy", "roles": ["admin"] }));
    let pem = |field: &str| app[field].as_str().unwrap().as_bytes().to_vec();
    let rule = json!({ "actions": ["destroy"], "needs": 1, "roles": ["admin"], "hours": 2 });
    server.rest("PUT", "/v1/approval-rules/two-people", &rule);
    let mut client = server.connect_to(server.address, &pem("certificate"), &pem("private_key"));
    let id = client.create(Version::V2_1, "ledger");
    let destroy = || DestroyRequest { unique_identifier: Some(id.clone()) };
    client.refused(Version::V2_1, destroy());
    let waiting = || server.rest("GET", "/v1/approvals", &Value::Null)["approvals"].clone();
    let first = waiting()[0]["id"].clone();
    let approve =
        |id: &Value| server.post(&format!("/v1/approvals/{}/approve", id.as_str().unwrap()), &json!({}));
    approve(&first);
    clock.advance(2 * 3600);
    assert_eq!(waiting(), json!([]), "neither the request nor its approval counts");
    client.refused(Version::V2_1, destroy());
    let second = waiting()[0]["id"].clone();
    assert_ne!(second, first);
    approve(&second);
    clock.advance(2 * 3600 - 1);
    client.done(Version::V2_1, destroy());
}

#[test]
fn what_is_wrapped_along_with_a_key_is_part_of_what_is_approved() {
    let server = Server::start();
    server.decline_approval_rule();
    let app = server.post("/v1/clients", &json!({ "name": "deputy", "roles": ["admin"] }));
    let pem = |field: &str| app[field].as_str().unwrap().as_bytes().to_vec();
    let mut client = server.connect_to(server.address, &pem("certificate"), &pem("private_key"));
    let id = client.create(VERSION, "ledger");
    let owner = (pem("certificate"), pem("private_key"));
    let kek = json!({ "name": "kek", "algorithm": "aes-256", "usage": ["wrap"] });
    let (_, kek) = server.rest_by((&owner.0, &owner.1), "POST", "/v1/keys", &kek);
    let kek = UniqueIdentifier::Text(kek["versions"][0]["object_id"].as_str().unwrap().to_owned());
    let rule = json!({ "actions": ["get"], "needs": 1, "roles": ["admin"] });
    server.rest("PUT", "/v1/approval-rules/two-people", &rule);
    let get = |attribute_names: &[&str], encoding_option| GetRequest {
        unique_identifier: Some(id.clone()),
        key_wrapping_specification: Some(KeyWrappingSpecification {
            wrapping_method: WrappingMethod::Encrypt,
            encryption_key_information: Some(KeyInformation {
                unique_identifier: kek.clone(),
                cryptographic_parameters: None,
            }),
            mac_signature_key_information: None,
            attribute_names: attribute_names.iter().map(|name| (*name).to_owned()).collect(),
            encoding_option,
        }),
        ..GetRequest::default()
    };
    let ways = [
        get(&[], None),
        get(&[], Some(EncodingOption::NoEncoding)),
        get(&["Name"], None),
        get(&["Name", "State"], None),
    ];
    for (number, way) in ways.into_iter().enumerate() {
        assert_eq!(client.refused(VERSION, way), ResultReason::PermissionDenied);
        let waiting = server.rest("GET", "/v1/approvals", &Value::Null);
        assert_eq!(waiting["approvals"].as_array().unwrap().len(), number + 1, "{waiting}");
    }
    let waiting = server.rest("GET", "/v1/approvals", &Value::Null);
    let approval = waiting["approvals"][2]["id"].as_str().unwrap();
    server.post(&format!("/v1/approvals/{approval}/approve"), &json!({}));
    assert_eq!(client.refused(VERSION, get(&[], None)), ResultReason::PermissionDenied);
    client.done(VERSION, get(&["Name"], None));
}
