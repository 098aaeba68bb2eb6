//! Floods of requests that are refused: journal and log take a part of them, and the count of all.

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Client, Proof, Server, tls_from};

/// Requests of the flood.
const FLOOD: usize = 300;

/// The entries after an LSN.
async fn entries(server: &Server, mut after: u64) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = server.admin("GET", &format!("/v1/journal?after={after}&limit=1000"), Value::Null).await;
        all.extend(page["entries"].as_array().unwrap().iter().cloned());
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => return all,
        }
    }
}

/// What the counts of floods say, by whose they are.
fn counted(entries: &[Value], of: &str, what: &str) -> usize {
    let counts = entries.iter().filter(|entry| entry["action"] == "count-failures" && entry["target"] == of);
    let told = counts.map(|entry| entry["detail"].as_str().unwrap()).filter(|told| told.contains(what));
    told.map(|told| told.split(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

#[tokio::test]
async fn every_refusal_of_a_client_is_on_record_and_beyond_a_rate_nothing_of_it_is_looked_at() {
    let mut server = Server::start_with(|config| config.limits.client_failures_per_second_max = 20);
    let added = json!({ "name": "auditor", "roles": ["auditor"], "token": true });
    let added = server.admin("POST", "/v1/clients", added).await;
    let before = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
    let (token, ca) = (added["token"].as_str().unwrap(), server.files.join("ca.pem"));
    let mut client = Client::connect(server.address, &ca, Proof::Token(token)).await;
    let denied = || {
        let body = json!({ "name": "k", "algorithm": "aes-128" }).to_string();
        Request::post("/v1/keys").header("content-type", "application/json").body(Bytes::from(body)).unwrap()
    };
    let (mut refused, mut missing, mut held_up) = (0, 0, 0);
    for number in 0..FLOOD {
        // What it may do is not looked at, either: nothing is told of what is not on record.
        let request = match number % 3 {
            0 => denied(),
            1 => Request::get("/v1/keys/missing").body(Bytes::new()).unwrap(),
            _ => Request::get("/v1/status").body(Bytes::new()).unwrap(),
        };
        let answer = client.send(request).await;
        match answer.status {
            StatusCode::FORBIDDEN => refused += 1,
            StatusCode::NOT_FOUND => missing += 1,
            StatusCode::OK => {}
            status => {
                assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
                assert_eq!(answer.headers["retry-after"], "1");
                held_up += 1;
            }
        }
    }
    // A failure of a later second takes nothing of the count with it.
    loop {
        let answer = client.send(denied()).await;
        match answer.status {
            StatusCode::FORBIDDEN => break refused += 1,
            status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
        held_up += 1;
    }
    // Nobody else is held up.
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-128" })).await;
    drop(client);
    server.restart();
    let entries = entries(&server, before).await;
    let of = |reason: &str| {
        let is = |entry: &&Value| entry["principal"] == "auditor" && entry["reason"] == reason;
        entries.iter().filter(is).count()
    };
    assert_eq!((of("denied"), of("not_found")), (refused, missing), "each that was answered is on record");
    assert!(held_up > 0 && counted(&entries, "auditor", "not looked at") == held_up, "{held_up} {entries:?}");
    assert!(entries.iter().all(|entry| entry["reason"].is_null() == (entry["outcome"] == "success")));
}

#[tokio::test]
async fn who_floods_with_a_narrowed_token_holds_up_nobody_who_has_another_of_its_owner() {
    let server = Server::start_with(|config| config.limits.client_failures_per_second_max = 5);
    let scope = json!({ "actions": ["list-keys"] });
    let narrowed = server.admin("POST", "/v1/tokens", json!({ "client": "admin", "scope": scope })).await;
    let ca = server.files.join("ca.pem");
    let admin = server.admin_token();
    let mut thief =
        Client::connect(server.address, &ca, Proof::Token(narrowed["token"].as_str().unwrap())).await;
    let mut owner = Client::connect(server.address, &ca, Proof::Token(&admin)).await;
    let ask = || Request::get("/v1/clients").body(Bytes::new()).unwrap();
    let mut held_up = 0;
    for _ in 0..100 {
        held_up += u32::from(thief.send(ask()).await.status == StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(owner.send(ask()).await.status, StatusCode::OK);
    }
    assert!(held_up > 0);
}

#[tokio::test]
async fn failures_of_a_source_beyond_a_rate_are_counted_under_its_address() {
    let mut server = Server::start_with(|config| config.limits.failures_recorded_per_second_max = 1);
    let before = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
    let ca = server.files.join("ca.pem");
    for source in [[127, 0, 0, 7], [127, 0, 0, 8]] {
        let mut stranger = Client::connect_from(source, server.address, &ca, Proof::Token("wrong")).await;
        for _ in 0..3 {
            stranger.send(Request::get("/v1/status").body(Bytes::new()).unwrap()).await;
        }
    }
    server.restart();
    let entries = entries(&server, before).await;
    for source in ["127.0.0.7", "127.0.0.8"] {
        let of_it = |entry: &&Value| {
            entry["action"] == "authenticate" && entry["source"].as_str().unwrap().starts_with(source)
        };
        let told: Vec<&Value> = entries.iter().filter(of_it).collect();
        let before_it = |entry: &&Value| {
            let detail = entry["detail"].as_str().unwrap();
            let count =
                detail.split_once(" failures before it").and_then(|(told, _)| told.rsplit(' ').next());
            count.map_or(0, |count| count.parse::<usize>().unwrap())
        };
        let in_entries: usize = told.iter().map(before_it).sum();
        assert_eq!(
            told.len() + in_entries + counted(&entries, source, "failed authentications"),
            3,
            "{entries:?}"
        );
    }
}

#[tokio::test]
async fn a_certificate_that_the_handshake_refuses_is_a_failed_authentication_on_record() {
    let (server, other) = (Server::start(), Server::start());
    let before = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
    let (certificate, key) = (other.files.join("client.pem"), other.files.join("client.key"));
    let ca = server.files.join("ca.pem");
    let mut stream =
        tls_from([127, 0, 0, 1], server.address, &ca, Proof::Certificate(&certificate, &key)).await;
    assert!(stream.read_u8().await.is_err(), "another CA's certificate is taken");
    let is_failed = |entry: &Value| entry["action"] == "authenticate";
    let mut entries = entries(&server, before).await;
    while !entries.iter().any(is_failed) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        entries = self::entries(&server, before).await;
    }
    let entry = entries.iter().find(|entry| is_failed(entry)).unwrap();
    let told = ["principal", "outcome", "reason", "protocol"].map(|field| entry[field].as_str().unwrap());
    assert_eq!(told, ["anonymous", "denied", "unauthenticated", "rest"]);
    assert!(entry["detail"].as_str().unwrap().contains("certificate"), "{entry}");
}

#[tokio::test]
async fn requests_that_come_to_no_operation_are_on_record() {
    let server = Server::start();
    let before = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
    let token = server.admin_token();
    let ask = async |method: &str, path: &str, body: Value| {
        server.json(Proof::Token(&token), method, path, body).await.0
    };
    assert_eq!(ask("POST", "/v1/keys", json!({ "colour": "red" })).await, StatusCode::BAD_REQUEST);
    assert_eq!(ask("POST", "/v1/tokens/x/renew", json!({ "days": 0 })).await, StatusCode::BAD_REQUEST);
    let told: Vec<_> = entries(&server, before)
        .await
        .into_iter()
        .filter(|entry| entry["action"] == "other-request")
        .collect();
    let of = |entry: &Value| {
        ["target", "outcome", "reason"].map(|field| entry[field].as_str().unwrap().to_owned())
    };
    let told: Vec<_> = told.iter().map(of).collect();
    let wanted = ["POST /v1/keys", "POST /v1/tokens/x/renew"]
        .map(|what| [what, "failed", "invalid"].map(String::from));
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn bodies_beyond_what_may_be_under_way_are_told_to_try_again() {
    let server = Server::start_with(|config| config.limits.in_flight_bytes_max = 100_000);
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let refused = server.raw("/v1/keys/k/encrypt", vec![7; 100_001]).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["code"], "unavailable");
    assert_eq!(server.raw("/v1/keys/k/encrypt", vec![7; 99_000]).await.status, StatusCode::OK);
    assert_eq!(server.raw("/v1/keys/k/encrypt", vec![7; 99_000]).await.status, StatusCode::OK, "given back");
}

#[tokio::test]
async fn strangers_that_drip_requests_make_room_and_who_was_authenticated_stays() {
    let server = Server::start_with(|config| {
        config.limits.connections_max = 4;
        config.limits.connections_per_source_max = 3;
    });
    let (token, ca) = (server.admin_token(), server.files.join("ca.pem"));
    let crowd = [127, 0, 0, 2];
    let status = || Request::get("/v1/status").body(Bytes::new()).unwrap();
    let mut known = Client::connect_from(crowd, server.address, &ca, Proof::Token(&token)).await;
    assert_eq!(known.send(status()).await.status, StatusCode::OK);
    let mut drips = Vec::new();
    for source in [crowd, crowd, [127, 0, 0, 3]] {
        let mut drip = tls_from(source, server.address, &ca, Proof::Nothing).await;
        drip.write_all(b"GET /v1/status HTTP/1.1\r\nx: ").await.unwrap();
        drips.push(drip);
    }
    let mut new = Client::connect(server.address, &ca, Proof::Token(&token)).await;
    assert_eq!(new.send(status()).await.status, StatusCode::OK, "there is a place at once");
    assert_eq!(known.send(status()).await.status, StatusCode::OK, "though it is the oldest");
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), drips[0].read_u8()).await;
    assert!(ended.expect("the oldest stranger made room").is_err());
}
