//! Re-Provision: clients that replace the certificates by which they prove themselves.

use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::{AttributeValue, RevocationReason};
use keyreeve_kmip::enums::{
    BatchErrorContinuationOption, CertificateRequestType, CertificateType, KeyFormatType, ObjectType,
    Operation, QueryFunction, ResultReason, ResultStatus, RevocationReasonCode,
};
use keyreeve_kmip::message::{RequestItem, RequestMessage, ResponseItem};
use keyreeve_kmip::objects::{Certificate, CertificateRequest, KeyMaterial, KeyValue, ManagedObject};
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::query::QueryRequest;
use keyreeve_kmip::payloads::reprovision::ReProvisionRequest;
use keyreeve_kmip::payloads::revoke::RevokeRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::UniqueIdentifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::certify::{OpenSsl, P256};
use crate::harness::{Client, Server};

const VERSION: Version = Version::V2_1;

/// A client's certificate and key, PEM.
struct Held(Vec<u8>, Vec<u8>);

impl Held {
    fn of(answer: &Value) -> Self {
        let field = |name: &str| answer[name].as_str().unwrap().as_bytes().to_vec();
        Self(field("certificate"), field("private_key"))
    }

    fn connect(&self, server: &Server) -> Client {
        server.connect_to(server.address, &self.0, &self.1)
    }

    fn der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(&self.0).unwrap().to_vec()
    }
}

fn enrol(server: &Server, name: &str, role: &str) -> Held {
    Held::of(&server.post("/v1/clients", &json!({"name": name, "roles": [role], "days": 30})))
}

fn by_request(der: Vec<u8>) -> ReProvisionRequest {
    let request = CertificateRequest {
        certificate_request_type: CertificateRequestType::Pkcs10,
        certificate_request_value: der,
    };
    ReProvisionRequest { certificate_request: Some(request), certificate: None }
}

fn by_certificate(der: Vec<u8>) -> ReProvisionRequest {
    let certificate = Certificate { certificate_type: CertificateType::X509, certificate_value: der };
    ReProvisionRequest { certificate_request: None, certificate: Some(certificate) }
}

fn get(format: Option<KeyFormatType>) -> Request {
    GetRequest { key_format_type: format, ..GetRequest::default() }.into()
}

fn batch(client: &mut Client, payloads: Vec<Request>) -> Vec<ResponseItem> {
    let items = payloads.into_iter().map(RequestItem::new).collect();
    client.exchange(&RequestMessage::new(VERSION, items)).items
}

fn succeeded(items: Vec<ResponseItem>) -> Vec<Response> {
    let one = |item: ResponseItem| {
        assert_eq!(item.result_status, ResultStatus::Success, "{:?}", item.result_message);
        item.payload.unwrap()
    };
    items.into_iter().map(one).collect()
}

/// Re-provisions by a request of OpenSSL; gives what the client then holds, and the object that its certificate is.
fn renew(client: &mut Client, openssl: &OpenSsl, name: &str) -> (Held, UniqueIdentifier) {
    let request = by_request(openssl.request(name, ""));
    let mut answers = succeeded(batch(client, vec![request.into(), get(None)]));
    let (Some(Response::Get(got)), Some(Response::ReProvision(made))) = (answers.pop(), answers.pop()) else {
        panic!("other operations were answered")
    };
    let certificate = certificate(got.object);
    assert_eq!(Some(got.unique_identifier.clone()), made.unique_identifier);
    (Held(certificate, std::fs::read(openssl.path(&format!("{name}.key"))).unwrap()), got.unique_identifier)
}

fn certificate(object: ManagedObject) -> Vec<u8> {
    let ManagedObject::Certificate(certificate) = object else { panic!("no certificate") };
    keyreeve_pki::pem::encode_certificate(&certificate.certificate_value.into()).into_bytes()
}

/// Who proves nothing is answered so, whatever it asks.
fn is_shut_out(client: &mut Client) -> bool {
    let answer = client.ask(VERSION, LocateRequest::default());
    answer.result_reason == Some(ResultReason::AuthenticationNotSuccessful)
}

fn refused(items: &[ResponseItem]) -> Option<ResultReason> {
    items[0].result_reason
}

#[test]
fn a_request_replaces_the_certificate_and_the_old_one_ends() {
    let (server, openssl) = (Server::start_with(|_| {}), OpenSsl::new());
    let old = enrol(&server, "device", "user");
    let mut before = old.connect(&server);
    let key = before.create(VERSION, "of the device");
    let (new, _) = renew(&mut before, &openssl, "device");
    assert!(is_shut_out(&mut before), "on the same connection");
    assert!(is_shut_out(&mut old.connect(&server)), "on another one");
    let mut after = new.connect(&server);
    after.done(VERSION, GetRequest { unique_identifier: Some(key), ..GetRequest::default() });
    // The old one is not replaced twice, and the new one once more.
    let again = by_request(openssl.request("device", ""));
    let again = batch(&mut old.connect(&server), vec![again.into(), get(None)]);
    assert_eq!(refused(&again), Some(ResultReason::AuthenticationNotSuccessful));
    renew(&mut after, &openssl, "next");
    let listed = server.rest("GET", "/v1/clients", &Value::Null);
    let device = listed["clients"].as_array().unwrap().iter().find(|client| client["name"] == "device");
    let credentials = device.unwrap()["credentials"].as_array().unwrap();
    let counting = credentials.iter().filter(|credential| credential["revoked"].is_null()).count();
    assert_eq!((credentials.len(), counting), (3, 1));
    assert_eq!(
        credentials[0]["expires"].as_str().unwrap()[..10],
        credentials[2]["expires"].as_str().unwrap()[..10]
    );
}

#[test]
fn a_key_is_made_here_where_nothing_is_given() {
    let server = Server::start_with(|_| {});
    let old = enrol(&server, "device", "user");
    let mut before = old.connect(&server);
    let newest_certificate = LocateRequest {
        maximum_items: Some(1),
        attributes: Some([AttributeValue::ObjectType(ObjectType::Certificate)].into_iter().collect()),
        ..LocateRequest::default()
    };
    let mut answers = succeeded(batch(
        &mut before,
        vec![
            ReProvisionRequest::default().into(),
            get(Some(KeyFormatType::Pkcs8)),
            newest_certificate.into(),
            get(None),
        ],
    ));
    let Some(Response::Get(got)) = answers.pop() else { panic!("another operation was answered") };
    let certificate = certificate(got.object);
    answers.pop();
    let Some(Response::Get(key)) = answers.pop() else { panic!("another operation was answered") };
    let ManagedObject::PrivateKey(key) = key.object else { panic!("no private key") };
    let Some(KeyValue::Plain(value)) = key.key_block.key_value else { panic!("it is not plain") };
    let KeyMaterial::Bytes(der) = value.key_material else { panic!("it is no PKCS#8") };
    let key = keyreeve_pki::pem::encode("PRIVATE KEY", der.expose()).as_bytes().to_vec();
    assert!(is_shut_out(&mut before));
    assert!(!is_shut_out(&mut Held(certificate, key).connect(&server)));
}

#[test]
fn a_certificate_that_an_administrator_issued_takes_the_place_of_the_old_one() {
    let (server, openssl) = (Server::start_with(|_| {}), OpenSsl::new());
    let (old, other) = (enrol(&server, "device", "user"), enrol(&server, "other", "user"));
    let new = Held::of(&server.post("/v1/clients/device/renew", &json!({"days": 30})));
    let mut before = old.connect(&server);
    let foreign = openssl.authority("foreign", P256);
    for not_another_own in [foreign, other.der(), old.der()] {
        let reason = before.refused(VERSION, by_certificate(not_another_own));
        assert_eq!(reason, ResultReason::PermissionDenied);
    }
    assert!(!is_shut_out(&mut other.connect(&server)));
    let Response::ReProvision(made) = before.done(VERSION, by_certificate(new.der())) else {
        panic!("another operation was answered")
    };
    assert!(is_shut_out(&mut before));
    let mut after = new.connect(&server);
    let Response::Get(got) = after
        .done(VERSION, GetRequest { unique_identifier: made.unique_identifier, ..GetRequest::default() })
    else {
        panic!("another operation was answered")
    };
    assert_eq!(certificate(got.object), new.0);
}

#[test]
fn a_certificate_that_is_revoked_as_an_object_proves_nobody() {
    let (server, openssl) = (Server::start_with(|_| {}), OpenSsl::new());
    let (new, object) = renew(&mut enrol(&server, "device", "user").connect(&server), &openssl, "device");
    let mut client = new.connect(&server);
    let reason = RevocationReason {
        revocation_reason_code: RevocationReasonCode::KeyCompromise,
        revocation_message: None,
    };
    client.done(
        VERSION,
        RevokeRequest {
            unique_identifier: Some(object),
            revocation_reason: reason,
            compromise_occurrence_date: None,
        },
    );
    assert!(is_shut_out(&mut client));
    assert!(is_shut_out(&mut new.connect(&server)));
}

#[test]
fn nothing_is_replaced_for_those_who_may_not_or_would_shut_themselves_out() {
    let (server, openssl) = (Server::start_with(|_| {}), OpenSsl::new());
    let held = enrol(&server, "device", "user");
    let mut client = held.connect(&server);
    let request = openssl.request("device", "");
    // Without a Get in the same batch the client would never come by its certificate.
    for alone in [by_request(request.clone()), ReProvisionRequest::default()] {
        assert_eq!(client.refused(VERSION, alone), ResultReason::InvalidMessage);
    }
    let both = ReProvisionRequest {
        certificate: by_certificate(held.der()).certificate,
        ..by_request(request.clone())
    };
    let mut forged = request.clone();
    *forged.last_mut().unwrap() ^= 1;
    for wrong in [both, by_request(forged), by_request(b"no request".to_vec())] {
        let answered = batch(&mut client, vec![wrong.into(), get(None)]);
        assert_eq!(refused(&answered), Some(ResultReason::InvalidField));
    }
    let items = [by_request(request.clone()).into(), get(None)].map(RequestItem::new).into();
    let mut undone = RequestMessage::new(VERSION, items);
    undone.header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo);
    assert_eq!(refused(&client.exchange(&undone).items), Some(ResultReason::FeatureNotSupported));
    let auditor = enrol(&server, "auditor", "auditor");
    let denied = batch(&mut auditor.connect(&server), vec![by_request(request).into(), get(None)]);
    assert_eq!(refused(&denied), Some(ResultReason::PermissionDenied));
    assert!(!is_shut_out(&mut client) && !is_shut_out(&mut auditor.connect(&server)));
    let query = QueryRequest { query_functions: vec![QueryFunction::QueryOperations], object_groups: None };
    let Response::Query(told) = client.done(VERSION, query) else { panic!("another operation was answered") };
    assert!(told.operations.contains(&Operation::ReProvision));
}
