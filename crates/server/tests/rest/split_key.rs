//! Keys in parts.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64, bytes};

async fn create(server: &Server, name: &str, algorithm: &str) {
    let key = json!({ "name": name, "algorithm": algorithm, "exportable": true, "sensitive": false });
    server.admin("POST", "/v1/keys", key).await;
}

async fn split(server: &Server, key: &str, body: Value) -> Vec<String> {
    let made = server.admin("POST", &format!("/v1/keys/{key}/split"), body).await;
    let names = made["parts"].as_array().unwrap().iter().enumerate().map(|(index, part)| {
        assert_eq!(part["part"], index as u64 + 1, "{made}");
        part["name"].as_str().unwrap().to_owned()
    });
    names.collect()
}

#[tokio::test]
async fn enough_parts_make_the_key_again() {
    let mut server = Server::start();
    create(&server, "k", "aes-256").await;
    let sealed = server.admin("POST", "/v1/keys/k/encrypt", json!({ "plaintext": "", "mode": "gcm" })).await;
    let plain = server.admin("POST", "/v1/keys/k/export", json!({})).await["data"].clone();
    for (name, method, threshold) in [("a", "gf256", 2), ("b", "gf65536", 2), ("c", "xor", 3)] {
        let how = json!({ "name": name, "method": method, "parts": 3, "threshold": threshold });
        let parts = split(&server, "k", how).await;
        assert_eq!(parts, [1, 2, 3].map(|number| format!("{name}-{number}")));
        let shown = server.admin("GET", &format!("/v1/objects/{name}-2"), Value::Null).await;
        let split =
            json!({ "method": method, "parts": 3, "threshold": threshold, "part": 2, "format": "raw" });
        assert_eq!((&shown["type"], &shown["split"]), (&json!("split-key"), &split));
        let new = format!("{name}-joined");
        let body =
            json!({ "name": new, "parts": &parts[3 - threshold..], "exportable": true, "sensitive": false });
        let joined = server.admin("POST", "/v1/join", body).await;
        assert_eq!((&joined["name"], &joined["algorithm"]), (&json!(new), &json!("aes-256")));
        assert!(joined["duplicate_of"].is_string(), "the whole is here already");
        let again = server.admin("POST", &format!("/v1/keys/{new}/export"), json!({})).await;
        assert_eq!(again["data"], plain);
    }
    server.restart();
    let mut ciphertext = sealed;
    for told in ["version", "object_id"] {
        ciphertext.as_object_mut().unwrap().remove(told);
    }
    ciphertext["mode"] = json!("gcm");
    server.admin("POST", "/v1/keys/a-joined/decrypt", ciphertext).await;
    let listed = server.admin("GET", "/v1/objects?type=split-key&limit=2", Value::Null).await;
    assert_eq!(listed["objects"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_private_key_comes_back_with_its_public_half() {
    let server = Server::start();
    for algorithm in ["ec-p256", "rsa-2048", "ed25519"] {
        create(&server, algorithm, algorithm).await;
        let how = json!({ "name": format!("of-{algorithm}"), "parts": 2, "threshold": 2 });
        let parts = split(&server, algorithm, how).await;
        let name = format!("{algorithm}-joined");
        let joined = server.admin("POST", "/v1/join", json!({ "name": name, "parts": parts })).await;
        assert_eq!((&joined["type"], &joined["algorithm"]), (&json!("private-key"), &json!(algorithm)));
        let data = base64(b"data");
        let signed = server.admin("POST", &format!("/v1/keys/{name}/sign"), json!({ "data": data })).await;
        let body = json!({ "data": data, "signature": signed["signature"] });
        let verified = server.admin("POST", &format!("/v1/keys/{algorithm}/verify"), body).await;
        assert_eq!(verified["valid"], true);
    }
}

/// People keep the parts, the server keeps none, and the key is gone: enough of them bring it back.
#[tokio::test]
async fn parts_that_people_keep_are_brought_and_joined() {
    let server = Server::start();
    create(&server, "k", "aes-256").await;
    server
        .admin(
            "POST",
            "/v1/objects",
            json!({ "type": "secret-data", "name": "s", "data": base64(b"secret") }),
        )
        .await;
    for (source, algorithm) in [("k", Some("aes-256")), ("s", None)] {
        let how = json!({ "name": format!("{source}-part"), "parts": 3, "threshold": 2 });
        let parts = split(&server, source, how).await;
        let whole =
            server.admin("GET", &format!("/v1/objects/{source}/data"), Value::Null).await["data"].clone();
        for name in &parts[1..] {
            let shown = server.admin("GET", &format!("/v1/objects/{name}"), Value::Null).await;
            let data =
                server.admin("GET", &format!("/v1/objects/{name}/data"), Value::Null).await["data"].clone();
            assert_ne!(bytes(&data), bytes(&whole));
            server.admin("POST", &format!("/v1/objects/{name}/destroy"), json!({ "now": true })).await;
            let kept = json!({
                "type": "split-key", "name": format!("kept-{name}"), "data": data, "split": shown["split"],
                "algorithm": algorithm,
            });
            server.admin("POST", "/v1/objects", kept).await;
        }
        server.admin("POST", &format!("/v1/objects/{source}/destroy"), json!({ "now": true })).await;
        let body = json!({
            "name": format!("{source}-back"), "parts": [format!("kept-{}", parts[2]), format!("kept-{}", parts[1])],
            "exportable": true, "sensitive": false,
        });
        let joined = server.admin("POST", "/v1/join", body).await;
        assert_eq!(joined["type"], if source == "k" { "symmetric-key" } else { "secret-data" });
        let back = server.admin("GET", &format!("/v1/objects/{source}-back/data"), Value::Null).await;
        assert_eq!(back["data"], whole);
    }
}

#[tokio::test]
async fn what_makes_no_key_is_refused() {
    let server = Server::start();
    create(&server, "k", "aes-128").await;
    server.admin("POST", "/v1/keys", json!({ "name": "stays", "algorithm": "aes-128" })).await;
    let parts = split(&server, "k", json!({ "name": "p", "parts": 3, "threshold": 3 })).await;
    split(&server, "k", json!({ "name": "q", "parts": 3, "threshold": 3 })).await;
    let token = server.admin_token();
    let join = |parts: Value| ("/v1/join", json!({ "name": "new", "parts": parts }));
    let kept = |split: Value| {
        ("/v1/objects", json!({ "type": "split-key", "name": "new", "data": "AA==", "split": split }))
    };
    let how = json!({ "name": "r", "parts": 3, "threshold": 2 });
    for ((path, body), status, code) in [
        (join(json!([])), 400, "invalid"),
        (join(json!(["nothing"])), 404, "not_found"),
        (join(json!(["k"])), 400, "invalid_field"),
        (join(json!(parts[..2])), 422, "crypto_failed"),
        (join(json!(["p-1", "p-2", "p-2"])), 400, "invalid_field"),
        (join(json!(["p-1", "p-2", "q-3"])), 400, "invalid_field"),
        (("/v1/keys/stays/split", how.clone()), 403, "not_extractable"),
        (("/v1/keys/k/split", json!({ "name": "r", "parts": 1, "threshold": 1 })), 400, "invalid_field"),
        (
            ("/v1/keys/k/split", json!({ "name": "r", "method": "xor", "parts": 3, "threshold": 2 })),
            400,
            "invalid_field",
        ),
        (("/v1/keys/k/split", json!({ "name": "p", "parts": 3, "threshold": 2 })), 409, "already_exists"),
        (kept(Value::Null), 400, "invalid"),
        (kept(json!({ "method": "xor", "parts": 2, "threshold": 2, "part": 3 })), 400, "invalid_field"),
    ] {
        let (got, problem) = server.json(Proof::Token(&token), "POST", path, body).await;
        assert_eq!((got.as_u16(), &problem["code"]), (status, &json!(code)), "{path} {problem}");
    }
    // A name that is taken leaves no part behind.
    let (status, _) = server.json(Proof::Token(&token), "GET", "/v1/objects/r-1", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_may_split_may_get() {
    let server = Server::start();
    create(&server, "k", "aes-128").await;
    let parts = split(&server, "k", json!({ "name": "p", "parts": 2, "threshold": 2 })).await;
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let app = Proof::Token(added["token"].as_str().unwrap());
    let how = json!({ "name": "r", "parts": 2, "threshold": 2 });
    let join = json!({ "name": "new", "parts": parts });
    let ask = async |path: &str, body: &Value| server.json(app, "POST", path, body.clone()).await.0;
    assert_eq!(ask("/v1/keys/k/split", &how).await, StatusCode::NOT_FOUND);
    assert_eq!(ask("/v1/join", &join).await, StatusCode::NOT_FOUND);
    let grant = async |key: &str, actions: Value| {
        server.admin("PUT", &format!("/v1/keys/{key}/grants/app"), json!({ "actions": actions })).await;
    };
    grant("k", json!(["create-split-key"])).await;
    assert_eq!(ask("/v1/keys/k/split", &how).await, StatusCode::FORBIDDEN);
    grant("k", json!(["create-split-key", "get"])).await;
    assert_eq!(ask("/v1/keys/k/split", &how).await, StatusCode::CREATED);
    for part in &parts {
        assert_ne!(ask("/v1/join", &join).await, StatusCode::CREATED);
        grant(part, json!(["join-split-key"])).await;
        assert_eq!(ask("/v1/join", &join).await, StatusCode::FORBIDDEN);
        grant(part, json!(["join-split-key", "get"])).await;
    }
    assert_eq!(ask("/v1/join", &join).await, StatusCode::CREATED);
}
