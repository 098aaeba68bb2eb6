//! Bad input: each gets a precise answer, and the server goes on.

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64};

#[tokio::test]
async fn strangers_are_all_told_the_same() {
    let server = Server::start();
    let right = server.admin_token();
    let mut almost = right.clone();
    almost.replace_range(10..11, if &right[10..11] == "A" { "B" } else { "A" });
    let mut texts = Vec::new();
    for proof in [Proof::Nothing, Proof::Token(""), Proof::Token("kr_x"), Proof::Token(&almost)] {
        let request = Request::get("/v1/keys").body(Bytes::new()).unwrap();
        let answer = server.send(proof, request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.headers.contains_key("www-authenticate"));
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        texts.push(answer.body);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "the answer tells what was wrong: {texts:?}");
    let page = server.admin("GET", "/v1/journal", Value::Null).await;
    let entries = page["entries"].as_array().unwrap();
    let denied: Vec<_> = entries.iter().filter(|entry| entry["action"] == "authenticate").collect();
    assert_eq!(denied.len(), 4);
    assert!(denied.iter().all(|entry| entry["outcome"] == "denied" && entry["principal"] == "anonymous"));
    assert!(denied[3]["detail"].as_str().unwrap().contains("never issued"), "{}", denied[3]);
}

#[tokio::test]
async fn a_flood_of_strangers_does_not_fill_the_journal() {
    let server = Server::start();
    for _ in 0..40 {
        assert_eq!(
            server.json(Proof::Nothing, "GET", "/v1/keys", Value::Null).await.0,
            StatusCode::UNAUTHORIZED
        );
    }
    let page = server.admin("GET", "/v1/journal?limit=1000", Value::Null).await;
    let entries = page["entries"].as_array().unwrap();
    let recorded: Vec<_> = entries.iter().filter(|entry| entry["action"] == "authenticate").collect();
    let seconds: std::collections::BTreeSet<_> =
        recorded.iter().map(|entry| entry["time"].as_str().unwrap()[..19].to_owned()).collect();
    assert!(recorded.len() <= 10 * seconds.len(), "{} entries in {} seconds", recorded.len(), seconds.len());
}

#[tokio::test]
async fn a_certificate_and_a_token_of_two_principals_are_refused() {
    let server = Server::start();
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let (certificate, key) = (server.files.join("client.pem"), server.files.join("client.key"));
    let ask = async |token: &str| {
        let request = Request::get("/v1/status").header("authorization", format!("Bearer {token}"));
        let request = request.body(Bytes::new()).unwrap();
        server.send(Proof::Certificate(&certificate, &key), request).await.status
    };
    assert_eq!(ask(&server.admin_token()).await, StatusCode::OK);
    assert_eq!(ask(added["token"].as_str().unwrap()).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn each_mistake_has_its_answer() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let cases: &[(&str, &str, &str, u16, &str, &str)] = &[
        ("POST", "/v1/keys", "{", 400, "invalid", "EOF"),
        ("POST", "/v1/keys", "\u{0}\u{1}", 400, "invalid", "line 1"),
        ("POST", "/v1/keys", r#"{"name":"a"}"#, 400, "invalid", "algorithm"),
        ("POST", "/v1/keys", r#"{"name":"a","algorithm":"aes-256","color":"red"}"#, 400, "invalid", "color"),
        ("POST", "/v1/keys", r#"{"name":"a","algorithm":"rot13"}"#, 400, "invalid", "aes-256"),
        ("POST", "/v1/keys", r#"{"name":"a","algorithm":"aes-256","usage":["fly"]}"#, 400, "invalid", "fly"),
        (
            "POST",
            "/v1/keys",
            r#"{"name":"a","algorithm":"aes-256","usage":["sign"]}"#,
            400,
            "invalid_field",
            "sign",
        ),
        ("POST", "/v1/keys", r#"{"name":"k","algorithm":"aes-256"}"#, 409, "already_exists", "another name"),
        ("POST", "/v1/keys", r#"{"name":"","algorithm":"aes-256"}"#, 400, "invalid_field", "name"),
        ("GET", "/v1/keys/nobody", "", 404, "not_found", "key"),
        ("GET", "/v1/keys?after=!", "", 400, "invalid", "after"),
        ("GET", "/v1/keys?colour=red", "", 400, "invalid", "colour"),
        ("GET", "/v1/keys/%ff", "", 400, "invalid", "UTF-8"),
        ("GET", "/v1/nothing", "", 404, "not_found", "path"),
        ("DELETE", "/v1/keys", "", 405, "invalid", "method"),
        ("POST", "/v1/keys/k/encrypt", r#"{"data":"eA=="}"#, 400, "invalid", "plaintext"),
        ("POST", "/v1/keys/k/encrypt", r#"{"plaintext":"?"}"#, 400, "invalid", "plaintext"),
        ("POST", "/v1/keys/k/encrypt", r#"{"plaintext":"eA==","version":9}"#, 404, "not_found", "version"),
        (
            "POST",
            "/v1/keys/k/encrypt",
            r#"{"plaintext":"eA==","context":["a"]}"#,
            400,
            "invalid",
            "object of strings",
        ),
        ("POST", "/v1/keys/k/decrypt", r#"{"ciphertext":"eA=="}"#, 400, "invalid_field", "envelope"),
        ("POST", "/v1/keys/k/sign", r#"{"data":"eA=="}"#, 409, "wrong_usage", "sign"),
        ("POST", "/v1/keys/k/verify", r#"{"data":"eA=="}"#, 400, "invalid", "signature"),
        ("GET", "/v1/keys/k/public", "", 409, "wrong_usage", "public"),
        ("POST", "/v1/random", r#"{"length":0}"#, 413, "limit_exceeded", "1048576"),
        ("POST", "/v1/clients", r#"{"name":"a","roles":["king"]}"#, 400, "invalid", "king"),
        (
            "POST",
            "/v1/clients",
            r#"{"name":"a","csr":"-----BEGIN NOTHING"}"#,
            400,
            "invalid_field",
            "request",
        ),
        ("POST", "/v1/clients/nobody/renew", "", 404, "not_found", "principal"),
        ("POST", "/v1/clients/admin/revoke", "", 403, "denied", "yourself"),
        ("PUT", "/v1/keys/k/grants/nobody", r#"{"actions":["sign"]}"#, 404, "not_found", "principal"),
        ("PUT", "/v1/keys/k/grants/admin", r#"{"actions":["create"]}"#, 400, "invalid_field", "create"),
    ];
    let token = server.admin_token();
    let mut wrong = Vec::new();
    for (method, path, body, status, code, part) in cases {
        let request =
            Request::builder().method(*method).uri(*path).header("content-type", "application/json");
        let answer = server.send(Proof::Token(&token), request.body(Bytes::from(*body)).unwrap()).await;
        let problem = answer.json();
        let seen = (answer.status.as_u16(), problem["code"].as_str().unwrap());
        if seen != (*status, *code) || !problem["detail"].as_str().unwrap().contains(part) {
            wrong.push(format!("{method} {path} {body}: {problem}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let untyped = Request::post("/v1/keys/k/encrypt").body(Bytes::from("x")).unwrap();
    let answer = server.send(Proof::Token(&token), untyped).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_mebibyte_passes_and_more_than_the_limit_is_refused() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let data = vec![7; 1 << 20];
    let raw = server.raw("/v1/keys/k/encrypt", data.clone()).await;
    assert_eq!(raw.status, StatusCode::OK);
    assert_eq!(server.raw("/v1/keys/k/decrypt", raw.body).await.body, data);
    let encrypted = server.admin("POST", "/v1/keys/k/encrypt", json!({ "plaintext": base64(&data) })).await;
    assert!(encrypted["ciphertext"].as_str().unwrap().len() > data.len());
    let limit = server.config.limits.message_bytes_max;
    let answer = server.raw("/v1/keys/k/encrypt", vec![7; limit + 1]).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &json!("limit_exceeded"))
    );
}

#[tokio::test]
async fn health_says_nothing_else() {
    let server = Server::start();
    for (path, word) in [("/health/live", "live"), ("/health/ready", "ready")] {
        let (status, answer) = server.json(Proof::Nothing, "GET", path, Value::Null).await;
        assert_eq!((status, answer), (StatusCode::OK, json!({ "status": word })));
    }
}
