//! Bad input: each gets a precise answer, and the server goes on.

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Proof, Server, base64};

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
        ("DELETE", "/v1/keys", "", 405, "method_not_allowed", "method"),
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
        ("POST", "/v1/random", r#"{"length":0}"#, 400, "invalid_field", "1048576"),
        ("POST", "/v1/random", r#"{"length":1048577}"#, 413, "too_large", "1048576"),
        ("GET", "/v1/keys?limit=1&limit=2", "", 400, "invalid", "limit"),
        ("GET", "/v1/keys?state=sleepy", "", 400, "invalid", "active"),
        ("GET", "/v1/keys?type=secret-data", "", 400, "invalid", "symmetric-key"),
        ("POST", "/v1/keys/k/datakey", r#"{"bits":100}"#, 400, "invalid_field", "128"),
        ("POST", "/v1/keys/k/derive", r#"{"name":"d","method":"hkdf"}"#, 400, "invalid", "bytes"),
        (
            "POST",
            "/v1/keys/k/derive",
            r#"{"name":"d","method":"pbkdf2","bytes":32}"#,
            400,
            "invalid",
            "iterations",
        ),
        ("POST", "/v1/objects", r#"{"name":"o","type":"secret"}"#, 400, "invalid", "base64"),
        ("POST", "/v1/objects", r#"{"name":"o","type":"secret","data":""}"#, 400, "invalid_field", "empty"),
        (
            "POST",
            "/v1/objects",
            r#"{"name":"o","type":"certificate","certificate":"x"}"#,
            400,
            "invalid_field",
            "certificate",
        ),
        ("POST", "/v1/clients", r#"{"name":"a","roles":["king"]}"#, 400, "invalid", "`admin`"),
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
async fn an_argument_that_would_count_for_nothing_is_refused() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let token = server.admin_token();
    let cases = [
        ("POST", "/v1/keys?colour=red", r#"{"name":"a","algorithm":"aes-256"}"#, 400),
        ("POST", "/v1/keys/k/encrypt?version=1", r#"{"plaintext":"eA=="}"#, 400),
        ("POST", "/v1/keys/k/encrypt?", r#"{"plaintext":"eA=="}"#, 200),
        ("POST", "/v1/keys/k/rotate?version=1", "", 400),
        ("POST", "/v1/batch?op=encrypt", r#"{"requests":[]}"#, 400),
        ("GET", "/v1/keys/k?version=1", "", 400),
        ("GET", "/v1/status?colour=red", "", 400),
        ("GET", "/v1/status?", "", 200),
        ("GET", "/health/live?colour=red", "", 400),
        ("DELETE", "/v1/aliases/a?colour=red", "", 400),
        ("GET", "/v1/keys?limit=1000", "", 200),
        ("GET", "/v1/keys?limit=1001", "", 400),
        ("GET", "/v1/objects?limit=0", "", 400),
        ("GET", "/v1/aliases?limit=1001", "", 400),
        ("GET", "/v1/journal?limit=5000", "", 400),
        ("GET", "/v1/clients?limit=0", "", 400),
        ("GET", "/v1/tokens?limit=1001", "", 400),
        ("GET", "/v1/erasures?limit=1001", "", 400),
    ];
    for (method, path, body, status) in cases {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let answer = server.send(Proof::Token(&token), request.body(Bytes::from(body)).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.json());
        assert!(status == 200 || answer.json()["code"] == "invalid", "{method} {path}: {}", answer.json());
    }
    assert_eq!(server.raw("/v1/keys/k/encrypt?version=1", "x").await.status, StatusCode::OK);
    assert_eq!(server.raw("/v1/keys/k/encrypt?colour=red", "x").await.status, StatusCode::BAD_REQUEST);
    let keys = server.admin("GET", "/v1/keys", Value::Null).await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1, "a refused request did something: {keys}");
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
    assert_eq!((answer.status, &answer.json()["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large")));
}

#[tokio::test]
async fn health_says_nothing_else() {
    let server = Server::start();
    for (path, word) in [("/health/live", "live"), ("/health/ready", "ready")] {
        let (status, answer) = server.json(Proof::Nothing, "GET", path, Value::Null).await;
        assert_eq!((status, answer), (StatusCode::OK, json!({ "status": word })));
    }
}

#[tokio::test]
async fn a_stranger_cannot_keep_a_connection() {
    let server = Server::start();
    let ca = server.files.join("ca.pem");
    let get = |path: &str| Request::get(path).body(Bytes::new()).unwrap();
    let closes = |answer: &Answer| answer.headers.get("connection").is_some_and(|value| value == "close");
    for path in ["/health/live", "/nothing", "/v1/keys"] {
        let mut stranger = Client::connect(server.address, &ca, Proof::Nothing).await;
        let mut answered = 1;
        while !closes(&stranger.send(get(path)).await) {
            answered += 1;
        }
        assert_eq!(answered, 16, "{path}");
    }
    let token = server.admin_token();
    let mut known = Client::connect(server.address, &ca, Proof::Token(&token)).await;
    for _ in 0..40 {
        let answer = known.send(get("/v1/status")).await;
        assert!(answer.status == StatusCode::OK && !closes(&answer));
    }
}

#[tokio::test]
async fn a_long_head_is_refused() {
    let server = Server::start();
    let short = Request::get("/health/live").header("x-long", "x".repeat(32 << 10));
    let long = Request::get("/health/live").header("x-long", "x".repeat(128 << 10));
    let answer = server.send(Proof::Nothing, short.body(Bytes::new()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let mut client = Client::connect(server.address, &server.files.join("ca.pem"), Proof::Nothing).await;
    // The answer may be lost where the server closes before all was sent.
    if let Ok(answer) = client.try_send(long.body(Bytes::new()).unwrap()).await {
        assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
}

#[tokio::test]
async fn a_field_given_twice_is_refused() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let token = server.admin_token();
    let encrypt = async |body: &str| {
        let request = Request::post("/v1/keys/k/encrypt").header("content-type", "application/json");
        server.send(Proof::Token(&token), request.body(Bytes::from(body.to_owned())).unwrap()).await
    };
    let once = encrypt(r#"{"plaintext":"eA==","version":1,"context":{"a":"1","b":"2"}}"#).await;
    assert_eq!(once.status, StatusCode::OK);
    for twice in [
        r#"{"plaintext":"eA==","plaintext":"eQ=="}"#,
        r#"{"plaintext":"eA==","version":1,"version":1}"#,
        r#"{"plaintext":"eA==","context":{"a":"1"},"context":{"a":"2"}}"#,
        r#"{"plaintext":"eA==","context":{"a":"1","a":"2"}}"#,
        r#"{"plaintext":"eA==","context":"{\"a\":\"1\",\"a\":\"2\"}"}"#,
    ] {
        let answer = encrypt(twice).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{twice}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("duplicate field"), "{twice}");
    }
    let query = "/v1/keys/k/encrypt?context=%7B%22a%22%3A%221%22%2C%22a%22%3A%222%22%7D";
    assert_eq!(server.raw(query, "x").await.status, StatusCode::BAD_REQUEST);
    let query = "/v1/keys/k/encrypt?context=%7B%22a%22%3A%221%22%7D";
    assert_eq!(server.raw(query, "x").await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_may_not_certify_gets_no_request_read() {
    let server = Server::start();
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let token = added["token"].as_str().unwrap();
    for (path, action) in [("/v1/clients/app/renew", "renew-credential"), ("/v1/clients", "create-principal")]
    {
        let body = json!({ "name": "other", "csr": "no request at all" });
        let body = if path.ends_with("renew") { json!({ "csr": body["csr"] }) } else { body };
        let (status, problem) = server.json(Proof::Token(token), "POST", path, body).await;
        assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("denied")), "{path}");
        let page = server.admin("GET", "/v1/journal", Value::Null).await;
        let denied = |entry: &Value| entry["action"] == action && entry["outcome"] == "denied";
        assert_eq!(page["entries"].as_array().unwrap().iter().filter(|entry| denied(entry)).count(), 1);
    }
}

#[tokio::test]
async fn a_problem_quotes_little_of_what_was_sent() {
    let server = Server::start();
    let long = "x".repeat(1 << 20);
    let unknown = json!({ "name": "a", "algorithm": long });
    let duplicate = format!(r#"{{"plaintext":"eA==","{long}":1}}"#);
    let token = server.admin_token();
    for (path, body) in [("/v1/keys", unknown.to_string()), ("/v1/keys/k/encrypt", duplicate)] {
        let request = Request::post(path).header("content-type", "application/json");
        let answer = server.send(Proof::Token(&token), request.body(Bytes::from(body)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.body.len() < 2048, "{path}: {} bytes", answer.body.len());
    }
}
