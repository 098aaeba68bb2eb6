//! Floods of requests that are refused: journal and log take a part of them, and the count of all.

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Client, Proof, Server, tls_from};

/// Requests of the flood.
const FLOOD: usize = 500;

/// Entries of the action after an LSN, and the failures that those entries say are not on record.
async fn on_record(server: &Server, mut after: u64, action: &str) -> (usize, usize) {
    let (mut entries, mut counted) = (0, 0);
    loop {
        let page = server.admin("GET", &format!("/v1/journal?after={after}&limit=1000"), Value::Null).await;
        for entry in page["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == action) {
            entries += 1;
            let detail = entry["detail"].as_str().unwrap_or_default();
            let count =
                detail.split_once(" failures before it").and_then(|(text, _)| text.rsplit(' ').next());
            counted += count.map_or(0, |count| count.parse::<usize>().unwrap());
        }
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => return (entries, counted),
        }
    }
}

#[tokio::test]
async fn denials_of_a_principal_are_counted_where_they_come_in_floods() {
    let server = Server::start();
    let added = json!({ "name": "auditor", "roles": ["auditor"], "token": true });
    let added = server.admin("POST", "/v1/clients", added).await;
    let token = added["token"].as_str().unwrap();
    let before = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
    let ca = server.files.join("ca.pem");
    let mut client = Client::connect(server.address, &ca, Proof::Token(token)).await;
    let denied = || {
        let body = json!({ "name": "k", "algorithm": "aes-128" }).to_string();
        Request::post("/v1/keys").header("content-type", "application/json").body(Bytes::from(body)).unwrap()
    };
    let begin = std::time::Instant::now();
    for _ in 0..FLOOD {
        assert_eq!(client.send(denied()).await.status, StatusCode::FORBIDDEN);
    }
    let seconds = begin.elapsed().as_secs() as usize + 2;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    client.send(denied()).await;
    let (entries, counted) = on_record(&server, before, "create").await;
    assert_eq!(entries + counted, FLOOD + 1, "each is on record or counted");
    assert!(entries <= 100 * seconds + 1, "{entries} entries in {seconds} seconds");
    // Others are recorded one by one meanwhile, and what is allowed always is.
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-128" })).await;
    assert_eq!(on_record(&server, before, "create").await.0, entries + 1);
}

#[tokio::test]
async fn a_flood_of_other_failures_hides_no_denial() {
    let server = Server::start_with(|config| config.limits.denials_recorded_per_second_max = 1);
    let added = json!({ "name": "auditor", "roles": ["auditor"], "token": true });
    let added = server.admin("POST", "/v1/clients", added).await;
    let before = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
    let (token, ca) = (added["token"].as_str().unwrap(), server.files.join("ca.pem"));
    let mut client = Client::connect(server.address, &ca, Proof::Token(token)).await;
    for _ in 0..50 {
        let missing = client.send(Request::get("/v1/keys/missing").body(Bytes::new()).unwrap()).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
    }
    let body = Bytes::from(json!({ "name": "new", "algorithm": "aes-128" }).to_string());
    let denied = Request::post("/v1/keys").header("content-type", "application/json").body(body).unwrap();
    assert_eq!(client.send(denied).await.status, StatusCode::FORBIDDEN);
    let page = server.admin("GET", &format!("/v1/journal?after={before}&limit=1000"), Value::Null).await;
    let entries = page["entries"].as_array().unwrap();
    let denied = |entry: &Value| entry["outcome"] == "denied" && entry["reason"] == "denied";
    assert!(entries.iter().any(denied), "{entries:?}");
    assert!(entries.iter().any(|entry| entry["reason"] == "not_found"), "{entries:?}");
    assert!(entries.iter().all(|entry| entry["reason"].is_null() == (entry["outcome"] == "success")));
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
