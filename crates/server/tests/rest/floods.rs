//! Floods of requests that are refused: journal and log take a part of them, and the count of all.

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Client, Proof, Server};

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
    assert!(entries.iter().any(|entry| entry["outcome"] == "denied"), "{entries:?}");
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
