//! Who asks by a credential in the header, on a connection that somebody has proven; and tickets.

use keyreeve_core::ports::clock::Clock as _;
use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::AttributeValue;
use keyreeve_kmip::enums::{
    AsynchronousIndicator, AttestationType, BatchErrorContinuationOption, Operation, QueryFunction,
    ResultReason, ResultStatus,
};
use keyreeve_kmip::message::{
    AttestationCredential, Authentication, Credential, DeviceCredential, Nonce, OneTimePasswordCredential,
    RequestItem, RequestMessage, ResponseItem, Ticket, TicketCredential, UsernameAndPassword,
};
use keyreeve_kmip::payloads::create::CreateRequest;
use keyreeve_kmip::payloads::delegated_login::{DelegatedLoginRequest, Objects, Right, Rights};
use keyreeve_kmip::payloads::destroy::DestroyRequest;
use keyreeve_kmip::payloads::get::GetRequest;
use keyreeve_kmip::payloads::get_attributes::GetAttributesRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::payloads::login::{LeaseTime, LoginRequest};
use keyreeve_kmip::payloads::logout::LogoutRequest;
use keyreeve_kmip::payloads::ping::PingRequest;
use keyreeve_kmip::payloads::poll::PollRequest;
use keyreeve_kmip::payloads::process::ProcessRequest;
use keyreeve_kmip::payloads::query::{ObjectGroups, QueryRequest};
use keyreeve_kmip::payloads::query_asynchronous_requests::Operations;
use keyreeve_kmip::payloads::{Request, Response};
use keyreeve_kmip::values::{Interval, UniqueIdentifier};
use keyreeve_server::config::Credentials;
use serde_json::{Value, json};

use crate::clock::HandClock;
use crate::harness::{Client, Server, attribute, create};

const VERSION: Version = Version::V2_1;

fn server() -> Server {
    Server::start_with(|config| config.kmip.credentials = Credentials::Check)
}

/// Makes a client that has a token and no certificate; the token, and its id.
fn user(server: &Server, name: &str) -> (String, String) {
    let made = server.post("/v1/tokens", &json!({ "client": name, "roles": ["user"] }));
    (made["token"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
}

fn password(username: &str, password: &str) -> Credential {
    let password = Some(password.to_owned().into());
    Credential::UsernameAndPassword(UsernameAndPassword { username: username.to_owned(), password })
}

fn ticket(value: &[u8]) -> Ticket {
    Ticket { ticket_type: keyreeve_kmip::enums::TicketType::Login, ticket_value: value.to_vec().into() }
}

fn by_ticket(value: &[u8]) -> Credential {
    Credential::Ticket(TicketCredential { ticket: ticket(value) })
}

fn message(credential: Credential, payload: impl Into<Request>) -> RequestMessage {
    let mut message = RequestMessage::new(VERSION, vec![RequestItem::new(payload.into())]);
    message.header.authentication = Some(Authentication { credentials: vec![credential] });
    message
}

fn ask(client: &mut Client, credential: Credential, payload: impl Into<Request>) -> ResponseItem {
    client.exchange(&message(credential, payload)).items.remove(0)
}

/// What must be done.
fn done(client: &mut Client, credential: Credential, payload: impl Into<Request>) -> Response {
    let answer = ask(client, credential, payload);
    assert_eq!(answer.result_status, ResultStatus::Success, "{:?}", answer.result_message);
    answer.payload.unwrap()
}

fn refused(client: &mut Client, credential: Credential, payload: impl Into<Request>) -> ResultReason {
    ask(client, credential, payload).result_reason.expect("it was done")
}

fn made(answer: Response) -> UniqueIdentifier {
    match answer {
        Response::Create(created) => created.unique_identifier,
        _ => panic!("another operation was answered"),
    }
}

fn ticket_of(answer: Response) -> Vec<u8> {
    match answer {
        Response::Login(login) => login.ticket.ticket_value.expose().to_vec(),
        Response::DelegatedLogin(login) => login.ticket.ticket_value.expose().to_vec(),
        _ => panic!("another operation was answered"),
    }
}

fn get(id: &UniqueIdentifier) -> GetRequest {
    GetRequest { unique_identifier: Some(id.clone()), ..GetRequest::default() }
}

fn entries(server: &Server, action: &str) -> Vec<Value> {
    let page = server.rest("GET", "/v1/journal?limit=1000", &json!({}));
    let entries = page["entries"].as_array().unwrap().iter();
    entries.filter(|entry| entry["action"] == action).cloned().collect()
}

/// Revokes by this path as the administrator.
fn revoke(server: &Server, path: &str) {
    server.post(path, &json!({}));
}

#[test]
fn a_name_and_a_token_say_who_asks_and_the_connection_is_on_record_beside() {
    let server = server();
    let (token, id) = user(&server, "fred");
    let mut client = server.connect();
    let fred = || password("fred", &token);
    let key = made(done(&mut client, fred(), create("freds")));
    done(&mut client, fred(), get(&key));
    let device = DeviceCredential {
        device_serial_number: Some("fred".to_owned()),
        password: Some(token.clone().into()),
        machine_identifier: Some("that nobody looks at".to_owned()),
        ..DeviceCredential::default()
    };
    done(&mut client, Credential::Device(device), get(&key));
    let created = entries(&server, "create").pop().unwrap();
    assert_eq!(created["principal"], "fred");
    assert!(created["detail"].as_str().unwrap().starts_with("on a connection of admin"), "{created}");
    let (barney, _) = user(&server, "barney");
    assert_eq!(refused(&mut client, password("barney", &barney), get(&key)), ResultReason::ObjectNotFound);
    revoke(&server, &format!("/v1/tokens/{id}/revoke"));
    assert_eq!(refused(&mut client, fred(), get(&key)), ResultReason::AuthenticationNotSuccessful);
    revoke(&server, "/v1/clients/barney/revoke");
    let refusal = refused(&mut client, password("barney", &barney), PingRequest::default());
    assert_eq!(refusal, ResultReason::AuthenticationNotSuccessful);
}

#[test]
fn what_proves_nothing_is_refused_in_one_text_and_on_record() {
    let server = server();
    let (token, _) = user(&server, "fred");
    let (others, _) = user(&server, "barney");
    let mut client = server.connect();
    let unknown = format!("kr_{}", "A".repeat(43));
    let wrong = [
        password("fred", "password1"),
        password("fred", &unknown),
        password("fred", &others),
        password("nobody", &unknown),
        password("nobody", &token),
        Credential::UsernameAndPassword(UsernameAndPassword { username: "fred".to_owned(), password: None }),
        by_ticket(&[7; 32]),
        by_ticket(b"short"),
    ];
    let count = wrong.len();
    let told: Vec<_> = wrong
        .into_iter()
        .map(|credential| {
            let answer = ask(&mut client, credential, PingRequest::default());
            assert_eq!(answer.result_reason, Some(ResultReason::AuthenticationNotSuccessful));
            answer.result_message.unwrap()
        })
        .collect();
    assert!(told.iter().all(|text| *text == told[0]), "{told:?}");
    let noted = entries(&server, "authenticate");
    assert_eq!(noted.len(), count, "{noted:?}");
    let connection =
        |entry: &Value| entry["detail"].as_str().unwrap().starts_with("on a connection of admin");
    assert!(noted.iter().all(|entry| entry["outcome"] == "denied" && connection(entry)), "{noted:?}");
    // What no proof could be.
    let attestation = Credential::Attestation(AttestationCredential {
        nonce: Nonce { nonce_id: vec![1], nonce_value: vec![2] },
        attestation_type: AttestationType::TpmQuote,
        attestation_measurement: None,
        attestation_assertion: None,
    });
    let answer = ask(&mut client, attestation, PingRequest::default());
    assert!(answer.result_message.unwrap().contains("Attestation"));
    done(&mut client, password("fred", &token), PingRequest::default());
}

/// One request with these credentials in its header.
fn ask_by(
    client: &mut Client,
    credentials: Vec<Credential>,
    payload: impl Into<Request>,
) -> Option<ResultReason> {
    let mut message = RequestMessage::new(VERSION, vec![RequestItem::new(payload.into())]);
    message.header.authentication = Some(Authentication { credentials });
    client.exchange(&message).items.remove(0).result_reason
}

#[test]
fn of_several_credentials_all_must_prove_the_same_principal() {
    let server = server();
    let (token, id) = user(&server, "fred");
    let (others, _) = user(&server, "barney");
    let mut client = server.connect();
    let device = |machine: &str| {
        Credential::Device(DeviceCredential {
            machine_identifier: Some(machine.to_owned()),
            media_identifier: Some("that nobody looks at".to_owned()),
            password: Some(token.clone().into()),
            ..DeviceCredential::default()
        })
    };
    let fred = || password("fred", &token);
    let key = made(done(&mut client, fred(), create("freds")));
    let value = ticket_of(done(&mut client, fred(), LoginRequest::default()));
    for both in
        [vec![fred(), device("fred")], vec![by_ticket(&value), fred()], vec![fred(), by_ticket(&value)]]
    {
        assert_eq!(ask_by(&mut client, both, get(&key)), None);
    }
    let of_connection = client.done(VERSION, LoginRequest::default());
    let of_connection = ticket_of(of_connection);
    let wrong = [
        vec![],
        vec![fred(), fred(), fred()],
        vec![fred(), password("barney", &others)],
        vec![fred(), password("fred", &others)],
        vec![password("fred", "wrong"), fred()],
        vec![fred(), by_ticket(&of_connection)],
        vec![by_ticket(&value), by_ticket(&value)],
        vec![device("barney"), fred()],
    ];
    for credentials in wrong {
        let many = credentials.len();
        let reason = ask_by(&mut client, credentials, PingRequest::default());
        assert_eq!(reason, Some(ResultReason::AuthenticationNotSuccessful), "{many}");
    }
    revoke(&server, &format!("/v1/tokens/{id}/revoke"));
    let reason = ask_by(&mut client, vec![fred(), device("fred")], get(&key));
    assert_eq!(reason, Some(ResultReason::AuthenticationNotSuccessful));
}

#[test]
fn a_one_time_password_proves_its_principal_once() {
    let clock = HandClock::of_today();
    let server = Server::start_at(clock.clone(), |config| config.kmip.credentials = Credentials::Check);
    const PASSWORD: &str = "a password of otto's own";
    let asked =
        json!({ "client": "otto", "roles": ["user"], "password": { "text": PASSWORD, "totp": true } });
    let made_here = server.post("/v1/credentials", &asked);
    let uri = made_here["totp_uri"].as_str().unwrap();
    let seed = uri.split_once("secret=").unwrap().1.split('&').next().unwrap().to_owned();
    let code = |steps_on: i64| code_of(&seed, clock.now().seconds() / 30 + steps_on);
    let by = |password: &str, code: &str| {
        Credential::OneTimePassword(OneTimePasswordCredential {
            username: "otto".to_owned(),
            password: Some(password.to_owned().into()),
            one_time_password: code.to_owned().into(),
        })
    };
    let mut client = server.connect();
    let first = code(0);
    let value = ticket_of(done(&mut client, by(PASSWORD, &first), LoginRequest::default()));
    let key = made(done(&mut client, by_ticket(&value), create("ottos")));
    assert_eq!(entries(&server, "create").pop().unwrap()["principal"], "otto");
    let again = refused(&mut client, by(PASSWORD, &first), PingRequest::default());
    assert_eq!(again, ResultReason::AuthenticationNotSuccessful, "a code is taken once");
    clock.advance(600);
    for (password, code) in [(PASSWORD, "000000x"), ("not the password", &code(0)), (PASSWORD, &first)] {
        let reason = refused(&mut client, by(password, code), PingRequest::default());
        assert_eq!(reason, ResultReason::AuthenticationNotSuccessful);
        clock.advance(600);
    }
    done(&mut client, by(PASSWORD, &code(0)), get(&key));
    // A password without codes is nothing to prove somebody by alone here.
    let asked = json!({ "client": "bert", "roles": ["user"], "password": { "text": PASSWORD } });
    server.post("/v1/credentials", &asked);
    let bert = Credential::OneTimePassword(OneTimePasswordCredential {
        username: "bert".to_owned(),
        password: Some(PASSWORD.to_owned().into()),
        one_time_password: "000000".to_owned().into(),
    });
    let reason = refused(&mut client, bert, PingRequest::default());
    assert_eq!(reason, ResultReason::AuthenticationNotSuccessful);
}

/// The code of a time step, by RFC 6238.
fn code_of(seed: &str, step: i64) -> String {
    let seed = data_encoding::BASE32_NOPAD.decode(seed.as_bytes()).unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &seed);
    let mac = aws_lc_rs::hmac::sign(&key, &step.to_be_bytes());
    let offset = usize::from(mac.as_ref()[19] & 0xF);
    let word = u32::from_be_bytes(mac.as_ref()[offset..offset + 4].try_into().unwrap());
    format!("{:06}", (word & 0x7FFF_FFFF) % 1_000_000)
}

#[test]
fn a_ticket_stands_for_who_logged_in_until_it_ends() {
    let server = server();
    let (token, id) = user(&server, "fred");
    let mut client = server.connect();
    let fred = || password("fred", &token);
    let key = made(done(&mut client, fred(), create("freds")));
    let value = ticket_of(done(&mut client, fred(), LoginRequest::default()));
    assert_eq!(value.len(), 32);
    done(&mut client, by_ticket(&value), get(&key));
    let got = entries(&server, "get").pop().unwrap();
    assert_eq!(got["principal"], "fred");
    // Of the principal of another connection it proves nothing.
    let added = server.post("/v1/clients", &json!({ "name": "other" }));
    let pem = |field: &str| added[field].as_str().unwrap().as_bytes();
    let mut other = server.connect_to(server.address, pem("certificate"), pem("private_key"));
    let stolen = refused(&mut other, by_ticket(&value), get(&key));
    assert_eq!(stolen, ResultReason::AuthenticationNotSuccessful);
    // No ticket for a ticket, and nothing that nobody would check later.
    assert_eq!(
        refused(&mut client, by_ticket(&value), LoginRequest::default()),
        ResultReason::PermissionDenied
    );
    let mut later = message(by_ticket(&value), get(&key));
    later.header.asynchronous_indicator = Some(AsynchronousIndicator::Mandatory);
    assert_eq!(client.exchange(&later).items[0].result_reason, Some(ResultReason::FeatureNotSupported));
    // Who proved the connection did not log in by it.
    let logout = || LogoutRequest { ticket: ticket(&value) };
    assert_eq!(client.refused(VERSION, logout()), ResultReason::InvalidTicket);
    done(&mut client, fred(), logout());
    assert_eq!(refused(&mut client, by_ticket(&value), get(&key)), ResultReason::AuthenticationNotSuccessful);
    assert_eq!(entries(&server, "login").len(), 1);
    assert_eq!(entries(&server, "logout").len(), 1);
    // So many requests, and none after the token is revoked.
    let login = |count| LoginRequest { request_count: Some(count), ..LoginRequest::default() };
    let twice = ticket_of(done(&mut client, fred(), login(2)));
    let outcomes = [0; 3].map(|_| ask(&mut client, by_ticket(&twice), get(&key)).result_status);
    use ResultStatus::{OperationFailed, Success};
    assert_eq!(outcomes, [Success, Success, OperationFailed]);
    let often = ticket_of(done(&mut client, fred(), login(9)));
    revoke(&server, &format!("/v1/tokens/{id}/revoke"));
    let after = refused(&mut client, by_ticket(&often), get(&key));
    assert_eq!(after, ResultReason::AuthenticationNotSuccessful);
}

#[test]
fn a_lease_has_bounds_and_a_limit_that_nobody_keeps_is_not_promised() {
    let server = server();
    let mut client = server.connect();
    let lease = |seconds| LoginRequest {
        lease_time: Some(LeaseTime::For(Interval(seconds))),
        ..LoginRequest::default()
    };
    client.done(VERSION, lease(86_400));
    for seconds in [0, 86_401, u32::MAX] {
        assert_eq!(client.refused(VERSION, lease(seconds)), ResultReason::InvalidField);
    }
    let until = |seconds| LoginRequest {
        lease_time: Some(LeaseTime::Until(keyreeve_kmip::values::DateTime(seconds))),
        ..LoginRequest::default()
    };
    for past in [i64::MIN, 0, i64::MAX] {
        assert_eq!(client.refused(VERSION, until(past)), ResultReason::InvalidField);
    }
    let none = LoginRequest { request_count: Some(0), ..LoginRequest::default() };
    assert_eq!(client.refused(VERSION, none), ResultReason::InvalidField);
    let limited = Right {
        usage_limits: Some(keyreeve_kmip::attributes::UsageLimits {
            usage_limits_total: 5,
            usage_limits_count: None,
            usage_limits_unit: keyreeve_kmip::enums::UsageLimitsUnit::Object,
        }),
        ..Right::default()
    };
    assert_eq!(client.refused(VERSION, delegated(vec![limited])), ResultReason::FeatureNotSupported);
    assert_eq!(client.refused(VERSION, delegated(Vec::new())), ResultReason::InvalidField);
}

#[test]
fn a_ticket_is_over_with_its_lease() {
    let clock = HandClock::of_today();
    let server = Server::start_at(clock.clone(), |config| config.kmip.credentials = Credentials::Check);
    let mut client = server.connect();
    let lease = LoginRequest { lease_time: Some(LeaseTime::For(Interval(60))), ..LoginRequest::default() };
    let value = ticket_of(client.done(VERSION, lease));
    clock.advance(59);
    done(&mut client, by_ticket(&value), PingRequest::default());
    clock.advance(1);
    let over = refused(&mut client, by_ticket(&value), PingRequest::default());
    assert_eq!(over, ResultReason::AuthenticationNotSuccessful);
}

fn delegated(rights: Vec<Right>) -> DelegatedLoginRequest {
    DelegatedLoginRequest {
        lease_time: None,
        request_count: None,
        usage_limits: None,
        rights: Rights { rights },
    }
}

fn grouped(name: &str, group: &str) -> CreateRequest {
    let mut request = create(name);
    request.template_attribute.attributes.0.push(attribute(AttributeValue::ObjectGroup(group.to_owned())));
    request
}

#[test]
fn a_delegated_ticket_reaches_what_its_rights_name_and_nothing_else() {
    let server = server();
    let mut client = server.connect();
    let named = made(client.done(VERSION, create("named")));
    let member = made(client.done(VERSION, grouped("member", "team")));
    let other = made(client.done(VERSION, create("other")));
    let operations = |operations: &[Operation]| Some(Operations { operations: operations.to_vec() });
    let one = Right {
        operations: operations(&[Operation::Get, Operation::Locate, Operation::Create]),
        objects: Some(Objects { unique_identifiers: vec![named.clone()] }),
        ..Right::default()
    };
    let team = Right {
        operations: operations(&[Operation::GetAttributes]),
        object_groups: Some(ObjectGroups { object_groups: vec!["team".to_owned()] }),
        ..Right::default()
    };
    let ticket = ticket_of(client.done(VERSION, delegated(vec![one, team])));
    let by = || by_ticket(&ticket);
    let attributes = |id: &UniqueIdentifier| GetAttributesRequest {
        unique_identifier: Some(id.clone()),
        ..GetAttributesRequest::default()
    };
    done(&mut client, by(), get(&named));
    done(&mut client, by(), attributes(&member));
    for beyond in [get(&member), get(&other)] {
        assert_eq!(refused(&mut client, by(), beyond), ResultReason::ObjectNotFound);
    }
    assert_eq!(refused(&mut client, by(), attributes(&named)), ResultReason::ObjectNotFound);
    assert_eq!(refused(&mut client, by(), PingRequest::default()), ResultReason::PermissionDenied);
    // A right about objects makes none and finds none.
    assert_eq!(refused(&mut client, by(), LocateRequest::default()), ResultReason::PermissionDenied);
    assert_eq!(refused(&mut client, by(), create("new")), ResultReason::PermissionDenied);
    assert_eq!(refused(&mut client, by(), delegated(vec![Right::default()])), ResultReason::PermissionDenied);
    let mut undo = message(by(), get(&named));
    undo.items.push(RequestItem::new(get(&named).into()));
    undo.header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Undo);
    assert_eq!(client.exchange(&undo).items[0].result_reason, Some(ResultReason::FeatureNotSupported));
    assert!(
        entries(&server, "delegated-login")[0]["detail"].as_str().unwrap().contains("Get Locate Create with")
    );
}

#[test]
fn tickets_are_offered_where_they_are_taken() {
    let query =
        || QueryRequest { query_functions: vec![QueryFunction::QueryOperations], ..QueryRequest::default() };
    let offered = |server: &Server| match server.connect().done(VERSION, query()) {
        Response::Query(told) => told.operations.contains(&Operation::Login),
        _ => panic!("another operation was answered"),
    };
    assert!(offered(&server()));
    let ignoring = Server::start();
    assert!(!offered(&ignoring));
    let refused = ignoring.connect().refused(VERSION, LoginRequest::default());
    assert_eq!(refused, ResultReason::FeatureNotSupported);
}

#[test]
fn a_narrowed_token_is_held_to_its_actions_and_keys_over_kmip() {
    let server = server();
    let (token, _) = user(&server, "fred");
    let mut client = server.connect();
    let ours = made(done(&mut client, password("fred", &token), create("ours")));
    let theirs = made(done(&mut client, password("fred", &token), create("theirs")));
    let scope = json!({ "actions": ["get", "create", "login"], "keys": ["ours"] });
    let narrowed = server.post("/v1/tokens", &json!({ "client": "fred", "scope": scope }));
    let narrowed = || password("fred", narrowed["token"].as_str().unwrap());
    done(&mut client, narrowed(), get(&ours));
    assert_eq!(refused(&mut client, narrowed(), get(&theirs)), ResultReason::ObjectNotFound);
    let attributes =
        GetAttributesRequest { unique_identifier: Some(ours), ..GetAttributesRequest::default() };
    assert_eq!(refused(&mut client, narrowed(), attributes), ResultReason::PermissionDenied);
    assert_eq!(refused(&mut client, narrowed(), create("new")), ResultReason::PermissionDenied);
    // Nor does it get a ticket, behind which its keys would be forgotten.
    assert_eq!(refused(&mut client, narrowed(), LoginRequest::default()), ResultReason::PermissionDenied);
}

#[test]
fn an_answer_that_waits_is_for_the_credential_that_asked_and_only_as_long_as_it_may_have_it() {
    let server = server();
    let (token, _) = user(&server, "fred");
    let mut client = server.connect();
    let whole = || password("fred", &token);
    let id = made(done(&mut client, whole(), create("ours")));
    let narrowed = json!({ "client": "fred", "scope": { "actions": ["list-keys"] } });
    let narrowed = server.post("/v1/tokens", &narrowed);
    let narrowed = || password("fred", narrowed["token"].as_str().unwrap());
    let submit = |client: &mut Client| {
        let mut message = RequestMessage::new(VERSION, vec![RequestItem::new(get(&id).into())]);
        message.header.authentication = Some(Authentication { credentials: vec![whole()] });
        message.header.asynchronous_indicator = Some(AsynchronousIndicator::Mandatory);
        client.exchange(&message).items.remove(0).asynchronous_correlation_value.unwrap()
    };
    let poll = |name: &Vec<u8>| PollRequest { asynchronous_correlation_value: name.clone() };
    let unknown = ResultReason::InvalidAsynchronousCorrelationValue;
    let name = submit(&mut client);
    assert_eq!(refused(&mut client, narrowed(), poll(&name)), unknown);
    let process = ProcessRequest { asynchronous_correlation_value: name.clone() };
    assert_eq!(refused(&mut client, narrowed(), process), unknown);
    assert!(matches!(done(&mut client, whole(), poll(&name)), Response::Get(_)));

    // Done, and fetched only after the key has gone: the answer goes too.
    let name = submit(&mut client);
    done(&mut client, whole(), ProcessRequest { asynchronous_correlation_value: name.clone() });
    let destroy = DestroyRequest { unique_identifier: Some(id.clone()) };
    done(&mut client, whole(), destroy);
    let gone = refused(&mut client, whole(), poll(&name));
    assert!(matches!(gone, ResultReason::ObjectDestroyed | ResultReason::ObjectNotFound), "{gone:?}");
    assert_eq!(refused(&mut client, whole(), poll(&name)), unknown);
}

#[test]
fn what_a_header_names_counts_for_its_own_client_item_by_item() {
    let server = Server::start_with(|config| {
        config.kmip.credentials = Credentials::Check;
        // The administrator's connection sends fewer: enrolment, these messages, and what is asked for at the end.
        config.limits.client_requests_per_day_max = 12;
    });
    let (token, _) = user(&server, "fred");
    let mut client = server.connect();
    let ping = || RequestItem::new(PingRequest::default().into());
    let mut ask = |items: usize| {
        let mut message = RequestMessage::new(VERSION, (0..items).map(|_| ping()).collect());
        message.header.authentication = Some(Authentication { credentials: vec![password("fred", &token)] });
        message.header.batch_error_continuation_option = Some(BatchErrorContinuationOption::Continue);
        let answer = client.exchange(&message);
        answer
            .items
            .iter()
            .filter(|item| item.result_reason == Some(ResultReason::ServerLimitExceeded))
            .count()
    };
    assert_eq!(ask(10), 0);
    assert_eq!(ask(4), 2, "two of them were the eleventh and twelfth");
    assert_eq!(ask(1), 1);
}
