//! The feed of the journal: what comes, from where, for whom, and when it ends.

use std::time::{Duration, Instant};

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Client, Proof, Server, Stream, base64};

const EVENTS: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson";

async fn client(server: &Server, token: &str) -> Client {
    Client::connect(server.address, &server.files.join("ca.pem"), Proof::Token(token)).await
}

async fn feed(server: &Server, token: &str, accept: &str, query: &str) -> Stream {
    let request = Request::get(format!("/v1/journal{query}")).header("accept", accept);
    client(server, token).await.open(request.body(Bytes::new()).unwrap()).await
}

/// The next entry of a feed in lines.
async fn line(stream: &mut Stream) -> Option<Value> {
    loop {
        let line = stream.part("\n").await?;
        if !line.is_empty() {
            return Some(serde_json::from_str(&line).unwrap());
        }
    }
}

/// The next event: id and entry.
async fn event(stream: &mut Stream) -> (u64, Value) {
    loop {
        let event = stream.part("\n\n").await.expect("the feed goes on");
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        if let (Some(id), Some(data)) = (field("id: "), field("data: ")) {
            return (id.parse().unwrap(), serde_json::from_str(&data).unwrap());
        }
    }
}

async fn make(server: &Server, name: &str) -> Value {
    server.admin("POST", "/v1/keys", json!({ "name": name, "algorithm": "aes-256" })).await
}

#[tokio::test]
async fn entries_come_as_they_are_made_and_a_reader_goes_on_where_it_was() {
    let server = Server::start();
    let token = server.admin_token();
    let after = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
    let mut stream = feed(&server, &token, EVENTS, &format!("?after={after}")).await;
    assert_eq!((stream.status, &stream.headers["content-type"]), (StatusCode::OK, &EVENTS.parse().unwrap()));
    let (first, opened) = event(&mut stream).await;
    assert!(first > after && opened["action"] == "read-journal", "its beginning is on record: {opened}");

    make(&server, "one").await;
    let (id, entry) = loop {
        // The store's own entries come too.
        let (id, entry) = event(&mut stream).await;
        assert_eq!(entry["lsn"].as_u64(), Some(id));
        if entry["action"] == "create" {
            break (id, entry);
        }
    };
    assert!(entry["changes"].is_u64(), "changes are counted and not shown: {entry}");
    drop(stream);

    // What happened meanwhile comes first, once it is asked for by the last id; that goes before `after`.
    make(&server, "two").await;
    let again = Request::get("/v1/journal?follow=true&kind=create&after=0").header("last-event-id", id);
    let mut stream = client(&server, &token).await.open(again.body(Bytes::new()).unwrap()).await;
    let (_, entry) = event(&mut stream).await;
    assert_eq!(entry["target"].as_str(), Some("two"), "{entry}");
}

#[tokio::test]
async fn filters_hold_for_feeds_and_pages() {
    let server = Server::start();
    let token = server.admin_token();
    for name in ["one", "two"] {
        make(&server, name).await;
        server.raw(&format!("/v1/keys/{name}/encrypt"), "data").await;
    }
    for (query, expected) in [
        ("?key=one", vec!["create", "encrypt"]),
        ("?key=one&changes=true", vec!["create"]),
        ("?kind=encrypt,create", vec!["create", "encrypt", "create", "encrypt"]),
        ("?kind=encrypt&realm=default", vec!["encrypt", "encrypt"]),
    ] {
        let mut stream = feed(&server, &token, LINES, &format!("{query}&follow=false")).await;
        let mut found = Vec::new();
        while let Some(entry) = line(&mut stream).await {
            found.push(entry["action"].as_str().unwrap().to_owned());
        }
        // Reading about a key is on record as about that key.
        found.retain(|action| action != "read-journal");
        assert_eq!(found, expected, "{query}");
        let page = server.admin("GET", &format!("/v1/journal{query}"), Value::Null).await;
        let page = page["entries"].as_array().unwrap().iter().map(|entry| &entry["action"]);
        let page: Vec<_> = page.filter(|action| *action != "read-journal").collect();
        assert_eq!(page, expected, "{query}");
    }
    for (query, status) in [
        ("?kind=nonsense", StatusCode::BAD_REQUEST),
        ("?realm=other", StatusCode::NOT_FOUND),
        ("?key=none", StatusCode::NOT_FOUND),
        ("?limit=1", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(feed(&server, &token, LINES, query).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn a_feed_ends_with_the_right_to_it() {
    let server = Server::start();
    let add = |name: &str, role: &str| json!({ "name": name, "roles": [role], "token": true });
    let auditor = server.admin("POST", "/v1/clients", add("auditor", "auditor")).await;
    let user = server.admin("POST", "/v1/clients", add("user", "user")).await;
    let refused = feed(&server, user["token"].as_str().unwrap(), LINES, "").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);

    let mut stream = feed(&server, auditor["token"].as_str().unwrap(), LINES, "?kind=revoke-principal").await;
    server.admin("POST", "/v1/clients/auditor/revoke", json!({})).await;
    let revoked = line(&mut stream).await.expect("it still sees what was done to it");
    assert_eq!(revoked["action"], "revoke-principal");
    assert_eq!(line(&mut stream).await, None);
}

#[tokio::test]
async fn a_feed_ends_with_the_token_that_it_was_asked_for_with() {
    let server = Server::start();
    let client = json!({ "client": "auditor", "roles": ["auditor"] });
    let first = server.admin("POST", "/v1/tokens", client).await;
    let second = server.admin("POST", "/v1/tokens", json!({ "client": "auditor" })).await;
    let open =
        async |token: &Value| feed(&server, token["token"].as_str().unwrap(), LINES, "?kind=create").await;
    let (mut ends, mut goes_on) = (open(&first).await, open(&second).await);
    server.admin("POST", &format!("/v1/tokens/{}/revoke", first["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(line(&mut ends).await, None);
    make(&server, "one").await;
    assert_eq!(line(&mut goes_on).await.expect("the client is not revoked")["target"], "one");
}

#[tokio::test]
async fn feeds_have_places_and_give_them_back() {
    let mut server = Server::start();
    let token = server.admin_token();
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(feed(&server, &token, LINES, "").await);
    }
    assert_eq!(feed(&server, &token, LINES, "").await.status, StatusCode::TOO_MANY_REQUESTS);
    open.pop();
    while feed(&server, &token, LINES, "").await.status != StatusCode::OK {
        tokio::task::yield_now().await;
    }
    // Open feeds do not hold the server up.
    server.restart();
    assert_eq!(feed(&server, &token, LINES, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_stops_reading_loses_the_feed_and_holds_nobody_up() {
    let server = Server::start_with(|config| {
        // Twice as long as a feed waits for its reader: a busy machine notes the feed's end before that, too.
        config.limits.message_seconds_max = 20;
        config.limits.feeds_max = 3;
    });
    let token = server.admin_token();
    // More than all buffers between the journal and the reader hold.
    let name = "k".repeat(1024);
    make(&server, &name).await;
    let encrypt = json!({ "op": "encrypt", "key": name, "plaintext": base64(b"data") });
    let batch = json!({ "requests": vec![encrypt; 1000] });
    for _ in 0..10 {
        server.admin("POST", "/v1/batch", batch.clone()).await;
    }
    let after = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
    let mut reads = feed(&server, &token, LINES, &format!("?after={after}&kind=create")).await;
    let stuck = [feed(&server, &token, EVENTS, "").await, feed(&server, &token, LINES, "").await];
    assert_eq!(feed(&server, &token, LINES, "").await.status, StatusCode::TOO_MANY_REQUESTS);
    make(&server, "meanwhile").await;
    assert_eq!(line(&mut reads).await.unwrap()["target"], "meanwhile", "others are served");

    let told = format!("/v1/journal?after={after}&kind=read-journal&limit=1000");
    let begin = Instant::now();
    loop {
        let page = server.admin("GET", &told, Value::Null).await;
        let ended = page["entries"].as_array().unwrap().iter().filter(|entry| {
            let detail = entry["detail"].as_str().unwrap_or_default();
            detail.ends_with("its reader took nothing for 10 seconds")
        });
        if ended.count() == 2 {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "the feeds have not ended: {page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for _ in 0..2 {
        let again = feed(&server, &token, LINES, "?follow=false&after=999999").await;
        assert_eq!(again.status, StatusCode::OK, "their places are free");
    }
    make(&server, "afterwards").await;
    assert_eq!(line(&mut reads).await.unwrap()["target"], "afterwards");
    for stuck in stuck {
        let (bytes, is_whole) = stuck.rest().await;
        assert!(!is_whole, "it was cut off behind {bytes} bytes");
    }
}

#[tokio::test]
async fn no_key_material_ever_comes_with_a_feed() {
    let server = Server::start();
    let token = server.admin_token();
    let material = b"a canary of thirty-two bytes!!!!";
    let in_hex: String = material.iter().map(|byte| format!("{byte:02x}")).collect();
    let told = [material.to_vec(), in_hex.into_bytes(), base64(material).into_bytes()];
    let key = json!({ "name": "canary", "algorithm": "aes-256", "material": { "format": "raw", "data": base64(material) } });
    server.admin("POST", "/v1/keys", key).await;
    server.raw("/v1/keys/canary/encrypt", "a secret plaintext").await;
    server.admin("POST", "/v1/keys/canary/rotate", json!({})).await;
    for accept in [EVENTS, LINES] {
        let mut stream = feed(&server, &token, accept, "?after=0&follow=false").await;
        let (mut bytes, mut seen) = (Vec::new(), 0);
        while let Some(part) = stream.part("\n").await {
            seen += usize::from(part.contains("canary"));
            bytes.extend_from_slice(part.as_bytes());
        }
        assert!(seen >= 2, "{}", String::from_utf8_lossy(&bytes));
        for secret in told.iter().map(Vec::as_slice).chain([&b"a secret plaintext"[..]]) {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{accept}");
        }
    }
}
