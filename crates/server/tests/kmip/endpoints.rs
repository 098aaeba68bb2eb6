//! Put and Notify, to an endpoint that only the configuration names.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyreeve_kmip::attributes::{
    Attribute, AttributeKind, AttributeReference, AttributeValue, Attributes, Link, Name, TemplateAttribute,
};
use keyreeve_kmip::enums::{
    EndpointRole, LinkType, NameType, Operation, PutFunction, QueryFunction, ResultReason, State,
};
use keyreeve_kmip::message::{RequestMessage, ResponseItem, ResponseMessage};
use keyreeve_kmip::payloads::activate::ActivateRequest;
use keyreeve_kmip::payloads::add_attribute::AddAttributeRequest;
use keyreeve_kmip::payloads::delete_attribute::DeleteAttributeRequest;
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::notify::{NotifyRequest, NotifyResponse};
use keyreeve_kmip::payloads::put::{PutRequest, PutResponse};
use keyreeve_kmip::payloads::query::QueryRequest;
use keyreeve_kmip::payloads::rekey::ReKeyRequest;
use keyreeve_kmip::payloads::set_endpoint_role::SetEndpointRoleRequest;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::{DateTime, UniqueIdentifier};
use keyreeve_kmip::{Limits, Version};
use keyreeve_pki::{CertificateAuthority, SERVER_VALIDITY_DAYS, Validity, pem};
use keyreeve_server::config::{self, Config, Pushed};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Client, Server, attribute, create};

/// Longer than any message takes on its way.
const PATIENCE: Duration = Duration::from_secs(60);

/// A KMIP server of its own, that waits for messages.
struct Endpoint {
    socket: TcpListener,
    chain: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    dir: TempDir,
}

/// A connection that came to an endpoint.
struct Line(StreamOwned<ServerConnection, TcpStream>);

impl Endpoint {
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let made = CertificateAuthority::create(now).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), pem::encode_certificate(&made.certificate)).unwrap();
        let authority = CertificateAuthority::load(made.certificate, &made.key).unwrap();
        let names = [ServerName::try_from("localhost").unwrap()];
        let validity = Validity { from_seconds: now, days: SERVER_VALIDITY_DAYS };
        let issued = authority.issue_server(&names, validity).unwrap();
        let key = PrivatePkcs8KeyDer::from(issued.key.pkcs8_der().to_vec()).into();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, chain: issued.certificate, key, dir }
    }

    /// Its table in a configuration.
    fn configured(&self, principal: &str, takes: &[Pushed], version: Version) -> config::Endpoint {
        config::Endpoint {
            name: "array".to_owned(),
            address: self.socket.local_addr().unwrap().to_string(),
            tls_name: Some("localhost".to_owned()),
            ca_file: self.dir.path().join("ca.pem"),
            principal: principal.to_owned(),
            takes: takes.to_vec(),
            version,
            group: None,
        }
    }

    fn socket(&self) -> TcpStream {
        let begin = Instant::now();
        loop {
            match self.socket.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(false).unwrap();
                    socket.set_read_timeout(Some(PATIENCE)).unwrap();
                    return socket;
                }
                Err(_) if begin.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => panic!("nobody connects: {error}"),
            }
        }
    }

    /// The next connection, from this server and nobody else.
    fn accept(&self, server: &Server) -> Line {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(server.files.join("ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![self.chain.clone()], self.key.clone_key())
            .unwrap();
        Line(StreamOwned::new(ServerConnection::new(Arc::new(tls)).unwrap(), self.socket()))
    }
}

impl Line {
    /// The next message; `None` where the server closed.
    fn receive(&mut self) -> Option<RequestMessage> {
        let mut bytes = vec![0; 8];
        self.0.read_exact(&mut bytes).ok()?;
        let length = u32::from_be_bytes(bytes[4..8].try_into().unwrap()) as usize;
        bytes.resize(8 + length, 0);
        self.0.read_exact(&mut bytes[8..]).unwrap();
        Some(RequestMessage::decode(&bytes, &Limits::default()).unwrap())
    }

    fn answer(&mut self, version: Version, item: ResponseItem) {
        let answer = ResponseMessage::new(version, DateTime(1), vec![item]).encode().unwrap();
        self.send(answer.expose());
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.flush().unwrap();
    }
}

/// The next message, whichever connection it comes by; it is taken.
fn next(endpoint: &Endpoint, server: &Server, line: &mut Option<Line>) -> Request {
    let (version, mut items) = loop {
        let open = line.get_or_insert_with(|| endpoint.accept(server));
        match open.receive() {
            Some(message) => break (message.version, message.items),
            None => *line = None,
        }
    };
    let payload = items.remove(0).payload.unwrap();
    let taken: Response = match payload.operation() {
        Operation::Put => PutResponse::default().into(),
        Operation::Notify => NotifyResponse::default().into(),
        other => panic!("{other} was sent"),
    };
    line.as_mut().unwrap().answer(version, ResponseItem::success(taken));
    payload
}

fn put(payload: Request) -> PutRequest {
    match payload {
        Request::Put(put) => put,
        other => panic!("{} was sent in the place of Put", other.operation()),
    }
}

fn notify(payload: Request) -> NotifyRequest {
    match payload {
        Request::Notify(notify) => notify,
        other => panic!("{} was sent in the place of Notify", other.operation()),
    }
}

fn get(server: &Server, path: &str) -> Value {
    server.rest("GET", path, &json!({}))
}

fn kinds(attributes: &[Attribute]) -> Vec<String> {
    attributes.iter().map(|attribute| attribute.reference().to_string()).collect()
}

/// A server whose administrator's rights this endpoint has.
fn server(endpoint: &Endpoint, takes: &[Pushed], version: Version) -> Server {
    started(endpoint.configured("admin", takes, version), |_| {})
}

fn started(configured: config::Endpoint, change: impl FnOnce(&mut Config)) -> Server {
    Server::start_with(|config| {
        config.kmip.endpoints = vec![configured];
        change(config);
    })
}

fn activate(client: &mut Client, id: &UniqueIdentifier) {
    client.done(Version::V1_4, ActivateRequest { unique_identifier: Some(id.clone()) });
}

#[test]
fn a_new_key_is_put_with_its_value_and_what_changes_is_notified() {
    for version in [Version::V1_0, Version::V1_4, Version::V2_1] {
        let endpoint = Endpoint::new();
        let server = server(&endpoint, &[Pushed::Put, Pushed::Notify], version);
        let (mut client, mut line) = (server.connect(), None);
        let id = client.create(version, "first");
        let given = put(next(&endpoint, &server, &mut line));
        assert_eq!((&given.unique_identifier, given.put_function), (&id, PutFunction::New));
        assert!(given.replaced_unique_identifier.is_none());
        let get = GetRequest { unique_identifier: Some(id.clone()), ..GetRequest::default() };
        let Response::Get(gotten) = client.done(version, get) else { panic!("another answer") };
        let encoded = |object| {
            let get = keyreeve_kmip::payloads::get::GetResponse {
                object_type: gotten.object_type,
                unique_identifier: id.clone(),
                object,
            };
            ResponseItem::success(get.into()).encode(version).unwrap().expose().to_vec()
        };
        assert_eq!(encoded(given.object), encoded(gotten.object), "as Get answers it, at {version}");
        let told = kinds(&given.attributes.unwrap().0);
        assert!(told.contains(&"Cryptographic Length".to_owned()), "{told:?}");
        // It was handed out: from now on it is not fresh.
        assert_eq!(notify(next(&endpoint, &server, &mut line)).unique_identifier, id);

        activate(&mut client, &id);
        let changed = notify(next(&endpoint, &server, &mut line));
        assert!(changed.unique_identifier == id && changed.deleted.is_empty());
        let mut told = kinds(&changed.attributes.0);
        told.sort();
        assert_eq!(told, ["Activation Date", "Last Change Date", "State"], "{version}");
        assert!(changed.attributes.0.contains(&AttributeValue::State(State::Active).into()));
    }
}

#[test]
fn what_is_deleted_is_told_without_a_value() {
    for version in [Version::V1_2, Version::V2_0] {
        let endpoint = Endpoint::new();
        let server = server(&endpoint, &[Pushed::Notify], version);
        let (mut client, mut line) = (server.connect(), None);
        let id = client.create(version, "named");
        let further = Name { name_value: "further".into(), name_type: NameType::UninterpretedTextString };
        let contact = AttributeValue::ContactInformation("people".into());
        for value in [contact, AttributeValue::Name(further)] {
            let add = AddAttributeRequest { unique_identifier: Some(id.clone()), attribute: value.into() };
            client.done(version, add);
            assert_eq!(notify(next(&endpoint, &server, &mut line)).unique_identifier, id);
        }
        let contact = AttributeReference::Kind(AttributeKind::ContactInformation);
        let delete = DeleteAttributeRequest {
            unique_identifier: Some(id.clone()),
            attribute_reference: Some(contact.clone()),
            ..DeleteAttributeRequest::default()
        };
        client.done(version, delete);
        let told = notify(next(&endpoint, &server, &mut line));
        assert_eq!(kinds(&told.attributes.0), ["Last Change Date"], "{version}");
        assert_eq!(told.deleted, [contact], "{version}");
    }
}

#[test]
fn the_new_key_of_a_rekey_replaces_the_old() {
    let endpoint = Endpoint::new();
    let server = server(&endpoint, &[Pushed::Put], Version::V1_4);
    let (mut client, mut line) = (server.connect(), None);
    let old = client.create(Version::V1_4, "rotated");
    assert_eq!(put(next(&endpoint, &server, &mut line)).unique_identifier, old);
    activate(&mut client, &old);
    let rekey = ReKeyRequest { unique_identifier: Some(old.clone()), ..ReKeyRequest::default() };
    let Response::ReKey(new) = client.done(Version::V1_4, rekey) else { panic!("another answer") };
    let given = put(next(&endpoint, &server, &mut line));
    assert_eq!(given.unique_identifier, new.unique_identifier);
    assert_eq!((given.put_function, given.replaced_unique_identifier), (PutFunction::Replace, Some(old)));
}

#[test]
fn who_is_down_talks_rubbish_or_is_silent_gets_all_of_it_in_order() {
    let endpoint = Endpoint::new();
    let configured = endpoint.configured("admin", &[Pushed::Put], Version::V2_1);
    let mut server = started(configured, |config| config.limits.message_seconds_max = 1);
    let mut client = server.connect();
    let ids: Vec<_> = (0..4).map(|number| client.create(Version::V2_1, &format!("k{number}"))).collect();
    // Gone before TLS, and another's certificate.
    drop(endpoint.socket());
    let stranger = Endpoint { socket: endpoint.socket.try_clone().unwrap(), ..Endpoint::new() };
    assert!(stranger.accept(&server).receive().is_none(), "nothing is told to who cannot prove their name");
    // Rubbish.
    let mut line = endpoint.accept(&server);
    assert!(line.receive().is_some());
    line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert!(line.receive().is_none(), "rubbish ends the connection");
    // The answer to something else.
    let mut line = endpoint.accept(&server);
    assert!(line.receive().is_some());
    line.answer(Version::V2_1, ResponseItem::success(NotifyResponse::default().into()));
    assert!(line.receive().is_none());
    // Silence.
    let mut silent = endpoint.accept(&server);
    assert!(silent.receive().is_some());
    assert!(silent.receive().is_none(), "it is not waited for for ever");
    // Nobody else is held up, and whoever asks is told.
    client.create(Version::V2_1, "meanwhile");
    let told = &get(&server, "/v1/status")["kmip_endpoints"][0];
    assert_eq!(told["reader"], json!("kmip-endpoint/array"));
    assert!(told["trouble"].is_string() && told["lag_entries"].as_u64().unwrap() > 3, "{told}");
    let doctor = get(&server, "/v1/doctor").to_string();
    assert!(doctor.contains("kmip-endpoint/array cannot be told"), "{doctor}");

    let mut line = None;
    assert_eq!(put(next(&endpoint, &server, &mut line)).unique_identifier, ids[0]);
    assert_eq!(put(next(&endpoint, &server, &mut line)).unique_identifier, ids[1]);
    // The server goes while the third is not answered.
    let mut open = line.take().unwrap_or_else(|| endpoint.accept(&server));
    assert!(open.receive().is_some());
    server.restart();
    let mut line = None;
    let mut given = Vec::new();
    while given.len() < 20 && given.last() != Some(&ids[3]) {
        given.push(put(next(&endpoint, &server, &mut line)).unique_identifier);
    }
    let after: Vec<_> = given.iter().filter(|id| ids[2..].contains(*id)).collect();
    assert_eq!(after, [&ids[2], &ids[3]], "nothing is lost, and what comes first is told first");
}

#[test]
fn after_a_crash_nothing_is_lost_and_some_of_it_comes_again() {
    let endpoint = Endpoint::new();
    let mut server = server(&endpoint, &[Pushed::Put], Version::V1_4);
    let (mut client, mut line) = (server.connect(), None);
    let ids: Vec<_> = (0..3).map(|number| client.create(Version::V1_4, &format!("k{number}"))).collect();
    for id in &ids[..2] {
        assert_eq!(&put(next(&endpoint, &server, &mut line)).unique_identifier, id);
    }
    // Two were delivered, of which no cursor on record knows yet, and the third is on its way.
    let mut open = line.take().unwrap();
    assert!(open.receive().is_some());
    server.crash();
    drop(open);
    let mut given = Vec::new();
    while given.last() != Some(&ids[2]) {
        assert!(given.len() < 3, "{given:?}");
        given.push(put(next(&endpoint, &server, &mut line)).unique_identifier);
    }
    assert_eq!(
        given, ids,
        "each again, since nothing on record says that it was delivered, in the same order"
    );
}

#[test]
fn what_a_client_says_of_another_object_replaces_nothing() {
    let endpoint = Endpoint::new();
    let server = server(&endpoint, &[Pushed::Put], Version::V1_4);
    let (mut client, mut line) = (server.connect(), None);
    let victim = client.create(Version::V1_4, "victim");
    assert_eq!(put(next(&endpoint, &server, &mut line)).unique_identifier, victim);
    let link = || {
        let link_type = LinkType::ReplacedObjectLink;
        AttributeValue::Link(Link { link_type, linked_object_identifier: victim.clone() }).into()
    };
    let mut wanted = create("usurper");
    wanted.template_attribute.attributes.0.push(link());
    let Response::Create(made) = client.done(Version::V1_4, wanted) else { panic!("another answer") };
    let given = put(next(&endpoint, &server, &mut line));
    assert_eq!(given.unique_identifier, made.unique_identifier);
    assert_eq!((given.put_function, given.replaced_unique_identifier), (PutFunction::New, None));

    activate(&mut client, &made.unique_identifier);
    let rekey = ReKeyRequest {
        unique_identifier: Some(made.unique_identifier.clone()),
        template_attribute: Some(TemplateAttribute::from(Attributes(vec![link()]))),
        ..ReKeyRequest::default()
    };
    client.done(Version::V1_4, rekey);
    let given = put(next(&endpoint, &server, &mut line));
    let replaced = Some(made.unique_identifier);
    assert_eq!((given.put_function, given.replaced_unique_identifier), (PutFunction::Replace, replaced));
}

#[test]
fn what_is_refused_is_on_record_and_not_sent_again() {
    let endpoint = Endpoint::new();
    let server = server(&endpoint, &[Pushed::Put], Version::V1_4);
    let mut client = server.connect();
    let ids: Vec<_> = ["a", "b"].map(|name| client.create(Version::V1_4, name)).into();
    let mut line = endpoint.accept(&server);
    assert!(line.receive().is_some());
    let refused = ResponseItem::failure(Some(Operation::Put), ResultReason::PermissionDenied, "no more room");
    line.answer(Version::V1_4, refused);
    let mut line = Some(line);
    assert_eq!(put(next(&endpoint, &server, &mut line)).unique_identifier, ids[1]);
    let UniqueIdentifier::Text(first) = &ids[0] else { panic!("no text") };
    let journal = get(&server, "/v1/journal?limit=1000");
    let entries: Vec<_> =
        journal["entries"].as_array().unwrap().iter().map(|entry| entry.to_string()).collect();
    let is_told = |words: &[&str]| entries.iter().any(|entry| words.iter().all(|word| entry.contains(word)));
    assert!(
        is_told(&["move-cursor", &format!("array refused Put of {first}"), "no more room"]),
        "{entries:?}"
    );
    assert!(is_told(&["\"get\"", "\"admin\"", first]), "each Put is a Get of whose rights the endpoint has");
}

#[test]
fn rights_are_those_of_the_moment_in_which_it_is_told() {
    let endpoint = Endpoint::new();
    let configured = endpoint.configured("app", &[Pushed::Put, Pushed::Notify], Version::V1_4);
    let server = started(configured, |_| {});
    let added = server.post("/v1/clients", &json!({ "name": "app" }));
    let pem = |field: &str| added[field].as_str().unwrap().as_bytes().to_vec();
    let mut app = server.connect_to(server.address, &pem("certificate"), &pem("private_key"));
    let mut admin = server.connect();
    admin.create(Version::V1_4, "not for app");
    let first = app.create(Version::V1_4, "first");
    let second = app.create(Version::V1_4, "second");
    // The first is on its way while the second goes.
    let mut line = endpoint.accept(&server);
    let message = line.receive().unwrap();
    let Ok(Request::Put(given)) = &message.items[0].payload else { panic!("another message") };
    assert_eq!(given.unique_identifier, first, "nothing of what the client may not see");
    app.done(Version::V1_4, DestroyRequest { unique_identifier: Some(second.clone()) });
    line.answer(Version::V1_4, ResponseItem::success(PutResponse::default().into()));
    let mut line = Some(line);
    let mut told = next(&endpoint, &server, &mut line);
    // That the first was handed out comes before or behind what befell the second.
    let mut destroyed = None;
    for _ in 0..2 {
        let notify = notify(told);
        if notify.unique_identifier == second {
            destroyed = Some(notify);
            break;
        }
        told = next(&endpoint, &server, &mut line);
    }
    let state = AttributeValue::State(State::Destroyed).into();
    assert!(
        destroyed.unwrap().attributes.0.contains(&state),
        "what is destroyed is not put, and its end is told"
    );

    server.post("/v1/clients/app/revoke", &json!({}));
    activate(&mut admin, &first);
    let withheld = |count: u64| {
        (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            get(&server, "/v1/status")["kmip_endpoints"][0]["withheld"].as_u64().unwrap() >= count
        })
    };
    // The administrator's key, the second key, and what came after the client was revoked.
    assert!(withheld(3), "{}", get(&server, "/v1/status"));
}

#[test]
fn what_others_must_approve_is_not_put_and_leaves_nothing_that_waits() {
    let endpoint = Endpoint::new();
    let configured = endpoint.configured("app", &[Pushed::Put], Version::V1_4);
    let server = started(configured, |_| {});
    let added = server.post("/v1/clients", &json!({ "name": "app" }));
    server.decline_approval_rule();
    server.post("/v1/clients", &json!({ "name": "deputy", "roles": ["admin"] }));
    let rule = json!({ "actions": ["get"], "needs": 1, "roles": ["admin"] });
    server.rest("PUT", "/v1/approval-rules/two-people", &rule);
    let pem = |field: &str| added[field].as_str().unwrap().as_bytes().to_vec();
    let mut app = server.connect_to(server.address, &pem("certificate"), &pem("private_key"));
    for number in 0..3 {
        app.create(Version::V1_4, &format!("ledger {number}"));
    }
    let withheld = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        get(&server, "/v1/status")["kmip_endpoints"][0]["withheld"].as_u64().unwrap() >= 3
    });
    assert!(withheld, "{}", get(&server, "/v1/status"));
    assert_eq!(get(&server, "/v1/approvals")["approvals"], json!([]));
}

#[test]
fn only_objects_of_its_group_are_told() {
    let endpoint = Endpoint::new();
    let mut configured = endpoint.configured("admin", &[Pushed::Put, Pushed::Notify], Version::V1_4);
    configured.group = Some("disks".to_owned());
    let server = started(configured, |_| {});
    let (mut client, mut line) = (server.connect(), None);
    let elsewhere = client.create(Version::V1_4, "elsewhere");
    let mut wanted = create("disk");
    wanted.template_attribute.attributes.0.push(AttributeValue::ObjectGroup("disks".into()).into());
    let Response::Create(made) = client.done(Version::V1_4, wanted) else { panic!("another answer") };
    assert_eq!(put(next(&endpoint, &server, &mut line)).unique_identifier, made.unique_identifier);
    // Who comes into the group is put then, and of who leaves it that is told.
    let group = attribute(AttributeValue::ObjectGroup("disks".into()));
    let join = AddAttributeRequest { unique_identifier: Some(elsewhere.clone()), attribute: group };
    client.done(Version::V1_4, join);
    // What is put is no longer fresh, which is told of the first one before.
    assert_eq!(notify(next(&endpoint, &server, &mut line)).unique_identifier, made.unique_identifier);
    assert_eq!(put(next(&endpoint, &server, &mut line)).unique_identifier, elsewhere);
    assert_eq!(notify(next(&endpoint, &server, &mut line)).unique_identifier, elsewhere);
    let leave = DeleteAttributeRequest {
        unique_identifier: Some(elsewhere.clone()),
        attribute_reference: Some(AttributeReference::Kind(AttributeKind::ObjectGroup)),
        ..DeleteAttributeRequest::default()
    };
    client.done(Version::V1_4, leave);
    assert_eq!(notify(next(&endpoint, &server, &mut line)).unique_identifier, elsewhere);
    // And nothing after that: the next message is about a member.
    activate(&mut client, &elsewhere);
    activate(&mut client, &made.unique_identifier);
    assert_eq!(notify(next(&endpoint, &server, &mut line)).unique_identifier, made.unique_identifier);
}

#[test]
fn the_server_stays_one_and_takes_no_messages_of_servers() {
    let server = Server::start();
    let mut client = server.connect();
    let role = |endpoint_role| SetEndpointRoleRequest { endpoint_role };
    match client.done(Version::V2_1, role(EndpointRole::Server)) {
        Response::SetEndpointRole(taken) => assert_eq!(taken.endpoint_role, EndpointRole::Server),
        _ => panic!("another operation was answered"),
    }
    let refused = client.refused(Version::V2_1, role(EndpointRole::Client));
    assert_eq!(refused, ResultReason::FeatureNotSupported);
    let id = client.create(Version::V2_1, "mine");
    let notify = NotifyRequest { unique_identifier: id, attributes: Default::default(), deleted: Vec::new() };
    assert_eq!(client.refused(Version::V2_1, notify), ResultReason::OperationNotSupported);
    let query_functions = vec![QueryFunction::QueryOperations];
    let query = QueryRequest { query_functions, ..QueryRequest::default() };
    let Response::Query(told) = client.done(Version::V2_1, query) else { panic!("another answer") };
    assert!(!told.operations.contains(&Operation::Put) && !told.operations.contains(&Operation::Notify));
    assert!(told.operations.contains(&Operation::SetEndpointRole));
}
