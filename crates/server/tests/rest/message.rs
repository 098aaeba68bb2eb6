//! Messages of any size: hashed, signed, verified and authenticated as streams.

use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::harness::{Proof, Server, base64, segment, tls_from};

/// More than a body may have.
const LONG_BYTES: usize = (8 << 20) + 77;

fn message(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7) as u8).collect()
}

async fn create(server: &Server, name: &str, algorithm: &str, more: Value) {
    let mut key = json!({ "name": name, "algorithm": algorithm });
    key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.admin("POST", "/v1/keys", key).await;
}

#[tokio::test]
async fn a_streamed_message_is_signed_as_one_in_one_piece() {
    let server = Server::start();
    let short = message(100_000);
    for (algorithm, scheme) in [
        ("ec-p256", ""),
        ("ec-p384", "hash=sha512"),
        ("secp256k1", ""),
        ("rsa-2048", ""),
        ("rsa-2048", "padding=pkcs1&hash=sha384"),
    ] {
        let name = format!("{algorithm}-{}", scheme.len());
        create(&server, &name, algorithm, json!({})).await;
        let path = |below: &str, query: &str| format!("/v1/keys/{name}/{below}?{scheme}&{query}");
        let streamed = server.raw(&path("sign-stream", ""), short.clone()).await;
        assert_eq!(streamed.status, StatusCode::OK, "{name} {}", streamed.json());
        assert_eq!(streamed.headers["keyreeve-version"], "1");
        let whole = server.raw(&path("sign", ""), short.clone()).await;
        for signature in [streamed.body, whole.body] {
            let query = format!("signature={}", segment(&base64(&signature)));
            for (below, data, valid) in [
                ("verify", short.clone(), true),
                ("verify-stream", short.clone(), true),
                ("verify-stream", message(99_999), false),
            ] {
                let verdict = server.raw(&path(below, &query), data).await;
                assert_eq!(verdict.json()["valid"], valid, "{name} {below}");
            }
        }
    }
}

#[tokio::test]
async fn a_message_beyond_the_limit_of_a_body_is_signed_after_a_rotation_too() {
    let server = Server::start();
    create(&server, "k", "ec-p256", json!({})).await;
    let whole = server.raw("/v1/keys/k/sign", message(LONG_BYTES)).await;
    assert_eq!(whole.json()["code"], "too_large");
    let signature = server.raw("/v1/keys/k/sign-stream", message(LONG_BYTES)).await.body;
    server.admin("POST", "/v1/keys/k/rotate", Value::Null).await;
    let path = format!("/v1/keys/k/verify-stream?signature={}", segment(&base64(&signature)));
    let verdict = server.raw(&path, message(LONG_BYTES)).await.json();
    assert_eq!((&verdict["valid"], &verdict["version"]), (&json!(true), &json!(1)));
    let second = server.raw(&format!("{path}&version=2"), message(LONG_BYTES)).await.json();
    assert_eq!(second["valid"], false);
}

#[tokio::test]
async fn a_streamed_mac_and_a_streamed_hash_are_those_of_the_whole() {
    let server = Server::start();
    let usage = json!({ "usage": ["mac", "mac-verify"] });
    create(&server, "hmac", "hmac-sha384", json!({})).await;
    create(&server, "aes", "aes-256", usage).await;
    for length in [0, 1, 64, 70_000] {
        for key in ["hmac", "aes", "aes?algorithm=hmac-sha256"] {
            let (name, query) = key.split_once('?').unwrap_or((key, ""));
            let path = |below: &str| format!("/v1/keys/{name}/{below}?{query}");
            let whole = server.raw(&path("mac"), message(length)).await;
            let streamed = server.raw(&path("mac-stream"), message(length)).await;
            assert_eq!((whole.status, streamed.status), (StatusCode::OK, StatusCode::OK), "{key}");
            assert_eq!(whole.body, streamed.body, "{key} {length}");
            let mac = segment(&base64(&streamed.body));
            let verify = format!("{}&mac={mac}", path("mac-stream/verify"));
            assert_eq!(server.raw(&verify, message(length)).await.json()["valid"], true);
            assert_eq!(server.raw(&verify, message(length + 1)).await.json()["valid"], false);
        }
        for hash in ["sha256", "sha384", "sha512"] {
            let whole = server.raw(&format!("/v1/hash?hash={hash}"), message(length)).await;
            let streamed = server.raw(&format!("/v1/hash-stream?hash={hash}"), message(length)).await;
            assert!(streamed.status == StatusCode::OK && whole.body == streamed.body, "{hash} {length}");
        }
    }
}

#[tokio::test]
async fn what_signs_whole_messages_only_says_so() {
    let server = Server::start();
    for algorithm in ["ed25519", "ml-dsa-44", "slh-dsa-sha2-128f"] {
        create(&server, algorithm, algorithm, json!({})).await;
        let problem = server.raw(&format!("/v1/keys/{algorithm}/sign-stream"), message(3)).await.json();
        assert_eq!(problem["code"], "unsupported", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("whole messages"), "{problem}");
    }
    create(&server, "aes", "aes-256", json!({})).await;
    create(&server, "ec", "ec-p256", json!({})).await;
    for (path, code) in [
        ("/v1/keys/aes/sign-stream", "wrong_usage"),
        ("/v1/keys/ec/mac-stream", "wrong_usage"),
        ("/v1/keys/ec/sign-stream?input=digest", "invalid"),
        ("/v1/keys/ec/sign-stream?signature=AA%3D%3D", "invalid"),
        ("/v1/keys/ec/verify-stream", "invalid"),
        ("/v1/keys/aes/mac-stream/verify", "invalid"),
        ("/v1/keys/nothing/sign-stream", "not_found"),
        ("/v1/hash-stream?hash=md5", "invalid"),
    ] {
        assert_eq!(server.raw(path, message(3)).await.json()["code"], code, "{path}");
    }
}

/// A stream is one use: of as many bytes as it has, on record, and not before its end.
#[tokio::test]
async fn a_stream_is_one_use_and_counts_all_of_its_bytes() {
    let server = Server::start();
    let limits = |unit: &str, total: u64| json!({ "usage_limits": { "unit": unit, "total": total } });
    create(&server, "bytes", "ec-p256", limits("bytes", 250_000)).await;
    create(&server, "uses", "hmac-sha256", limits("uses", 2)).await;
    for (path, allowed) in [
        ("/v1/keys/bytes/sign-stream", [true, true, false]),
        ("/v1/keys/uses/mac-stream", [true, true, false]),
    ] {
        for allowed in allowed {
            let answer = server.raw(path, message(100_000)).await;
            assert_eq!(answer.status.is_success(), allowed, "{path}");
            if !allowed {
                assert_eq!(answer.json()["code"], "usage_limit_exceeded");
            }
        }
    }
    for name in ["bytes", "uses"] {
        let shown = server.admin("GET", &format!("/v1/keys/{name}"), Value::Null).await;
        assert_eq!(shown["versions"][0]["uses"]["protect"], 2, "{shown}");
    }
    let shown = server.admin("GET", "/v1/keys/bytes", Value::Null).await;
    assert_eq!(shown["versions"][0]["usage_limits"]["left"], 50_000);
}

#[tokio::test]
async fn who_may_not_and_what_may_not_does_not() {
    let server = Server::start();
    create(&server, "k", "ec-p256", json!({})).await;
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let app = Proof::Token(added["token"].as_str().unwrap());
    let sign = async || {
        let request = hyper::Request::post("/v1/keys/k/sign-stream");
        let request = request.header("content-type", "application/octet-stream");
        server.send(app, request.body(message(9).into()).unwrap()).await.status
    };
    assert_eq!(sign().await, StatusCode::NOT_FOUND);
    server.admin("PUT", "/v1/keys/k/grants/app", json!({ "actions": ["verify"] })).await;
    assert_eq!(sign().await, StatusCode::FORBIDDEN);
    server.admin("PUT", "/v1/keys/k/grants/app", json!({ "actions": ["sign"] })).await;
    assert_eq!(sign().await, StatusCode::OK);
    server.admin("POST", "/v1/keys/k/archive", Value::Null).await;
    assert_eq!(server.raw("/v1/keys/k/sign-stream", message(9)).await.json()["code"], "archived");
    let page = server.admin("GET", "/v1/journal?key=k&kind=sign", Value::Null).await;
    let outcomes: Vec<_> =
        page["entries"].as_array().unwrap().iter().map(|entry| &entry["outcome"]).collect();
    // Denied; begun and ended; refused. What nobody may see leaves no entry with the key.
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "success").count(), 2, "{page}");
    assert!(outcomes.len() >= 4, "{page}");
}

/// Whoever waits to be asked for a long body is refused before sending any of it.
#[tokio::test]
async fn who_waits_to_be_asked_is_refused_first() {
    let server = Server::start();
    create(&server, "k", "ed25519", json!({})).await;
    let (ca, token) = (server.files.join("ca.pem"), server.admin_token());
    for (path, status) in [
        ("/v1/keys/nothing/sign-stream", "404"),
        ("/v1/keys/k/sign-stream", "422"),
        ("/v1/keys/nothing/encrypt-stream", "404"),
        ("/v1/hash-stream", "100"),
    ] {
        let mut stream = tls_from([127, 0, 0, 1], server.address, &ca, Proof::Nothing).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nexpect: 100-continue\r\n\
             content-type: application/octet-stream\r\ncontent-length: 100000000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&String::from_utf8_lossy(&answer)[9..], status, "{path}");
    }
}

/// The head of a message as a stream, and its first byte; all behind it comes later.
async fn begin(server: &Server, path: &str, token: &str) -> TlsStream<TcpStream> {
    let ca = server.files.join("ca.pem");
    let mut stream = tls_from([127, 0, 0, 1], server.address, &ca, Proof::Nothing).await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/octet-stream\r\ncontent-length: 2\r\n\r\na"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn wait_for_entry(server: &Server, query: &str) {
    let path = format!("/v1/journal?{query}");
    while server.admin("GET", &path, Value::Null).await["entries"].as_array().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

async fn rest_of(mut stream: TlsStream<TcpStream>) -> String {
    let mut answer = Vec::new();
    // Whether the server says that it closes is not what is asked here.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_token_that_is_revoked_on_the_way_signs_nothing() {
    let server = Server::start();
    create(&server, "k", "ec-p256", json!({})).await;
    let token = server.admin("POST", "/v1/tokens", json!({ "client": "app", "roles": ["user"] })).await;
    server.admin("PUT", "/v1/keys/k/grants/app", json!({ "actions": ["sign"] })).await;
    let mut stream = begin(&server, "/v1/keys/k/sign-stream", token["token"].as_str().unwrap()).await;
    wait_for_entry(&server, "key=k&kind=sign").await;
    server.admin("POST", &format!("/v1/tokens/{}/revoke", token["id"].as_str().unwrap()), json!({})).await;
    stream.write_all(b"b").await.unwrap();
    let answer = rest_of(stream).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

/// The client goes silent; without a look at the key, the answer would be that it is late.
#[tokio::test]
async fn a_key_that_goes_on_the_way_is_let_go_of_before_the_end() {
    let server = Server::start_with(|config| config.limits.message_seconds_max = 6);
    create(&server, "k", "hmac-sha256", json!({})).await;
    let stream = begin(&server, "/v1/keys/k/mac-stream", &server.admin_token()).await;
    wait_for_entry(&server, "key=k&kind=mac").await;
    server.admin("POST", "/v1/keys/k/archive", Value::Null).await;
    let answer = rest_of(stream).await;
    assert!(answer.contains("archived"), "{answer}");
}
