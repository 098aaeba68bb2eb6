//! The whole life of keys over REST.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64, bytes, segment};

#[tokio::test]
async fn a_symmetric_key_from_birth_to_destruction() {
    let mut server = Server::start();
    let name = "rechnungen/2026 ä?#%";
    let path = format!("/v1/keys/{}", segment(name));
    let made = server
        .admin(
            "POST",
            "/v1/keys",
            json!({ "name": name, "algorithm": "aes-256", "tags": { "team": "billing" } }),
        )
        .await;
    assert_eq!((&made["name"], &made["algorithm"]), (&json!(name), &json!("aes-256")));
    assert_eq!((&made["state"], &made["version"]), (&json!("active"), &json!(1)));
    assert_eq!((&made["type"], &made["owner"]), (&json!("symmetric-key"), &json!("admin")));
    assert_eq!(made["usage"], json!(["encrypt", "decrypt", "wrap", "unwrap", "derive"]));
    let encrypted = encrypt(&server, &path, b"first").await;
    assert_eq!(encrypted["version"], 1);

    let rotated = server.admin("POST", &format!("{path}/rotate"), Value::Null).await;
    assert_eq!(rotated["version"], 2);
    assert_eq!(encrypt(&server, &path, b"second").await["version"], 2);
    assert_eq!(decrypt(&server, &path, &encrypted).await, (StatusCode::OK, b"first".to_vec()));

    server.restart();
    let listed = server.admin("GET", "/v1/keys?tag=team%3Dbilling", Value::Null).await;
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
    assert_eq!(listed["keys"][0]["id"], made["id"]);
    assert_eq!(decrypt(&server, &path, &encrypted).await, (StatusCode::OK, b"first".to_vec()));

    let revoked = server.admin("POST", &format!("{path}/revoke"), json!({ "reason": "superseded" })).await;
    for version in revoked["versions"].as_array().unwrap() {
        assert_eq!(version["state"], "deactivated");
        assert!(version["deactivated"].is_string());
    }
    let token = server.admin_token();
    let body = json!({ "plaintext": base64(b"no") });
    let (status, problem) = server.json(Proof::Token(&token), "POST", &format!("{path}/encrypt"), body).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("wrong_state")));
    assert_eq!(decrypt(&server, &path, &encrypted).await, (StatusCode::OK, b"first".to_vec()));

    let destroyed = server.admin("POST", &format!("{path}/destroy"), json!({ "now": true })).await;
    assert_eq!(destroyed["state"], "destroyed");
    assert_eq!(decrypt(&server, &path, &encrypted).await.0, StatusCode::GONE);

    let history =
        server.admin("GET", &format!("/v1/journal?key={}", made["id"].as_str().unwrap()), Value::Null).await;
    let actions: Vec<_> =
        history["entries"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    for action in ["create", "encrypt", "decrypt", "rekey", "revoke", "destroy"] {
        assert!(actions.contains(&&json!(action)), "{action} is missing in {actions:?}");
    }
    let verified = server.admin("POST", "/v1/journal/verify", Value::Null).await;
    assert_eq!(verified["valid"], true);
}

#[tokio::test]
async fn destroying_an_active_key_deactivates_it_in_one_entry() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-128" })).await;
    let before = lsn(&server).await;
    let destroyed = server.admin("POST", "/v1/keys/k/destroy", json!({ "now": true })).await;
    assert!(destroyed["versions"][0]["deactivated"].is_string());
    assert!(destroyed["versions"][0]["destroyed"].is_string());
    let entries = server.admin("GET", &format!("/v1/journal?after={before}"), Value::Null).await;
    let changing =
        entries["entries"].as_array().unwrap().iter().filter(|entry| entry["changes"] != 0).count();
    assert_eq!(changing, 1);
}

#[tokio::test]
async fn an_encryption_context_binds_whichever_way_it_is_written() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let context = json!({ "b": "2", "a": "1" });
    let body = json!({ "plaintext": base64(b"data"), "context": context });
    let encrypted = server.admin("POST", "/v1/keys/k/encrypt", body).await;
    let query = segment(r#"{"a":"1","b":"2"}"#);
    let raw =
        server.raw(&format!("/v1/keys/k/decrypt?context={query}"), bytes(&encrypted["ciphertext"])).await;
    assert_eq!((raw.status, &raw.body[..]), (StatusCode::OK, &b"data"[..]));
    assert_eq!(raw.headers["keyreeve-version"], "1");
    let without = server.raw("/v1/keys/k/decrypt", bytes(&encrypted["ciphertext"])).await;
    assert_eq!(
        (without.status, &without.json()["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("crypto_failed"))
    );
}

#[tokio::test]
async fn signatures_survive_rotation_and_name_their_version() {
    let server = Server::start();
    for algorithm in ["ec-p256", "rsa-2048", "ed25519"] {
        let path = format!("/v1/keys/{algorithm}");
        server.admin("POST", "/v1/keys", json!({ "name": algorithm, "algorithm": algorithm })).await;
        let signed =
            server.admin("POST", &format!("{path}/sign"), json!({ "data": base64(b"message") })).await;
        server.admin("POST", &format!("{path}/rotate"), Value::Null).await;
        let verify = |data: &[u8]| json!({ "data": base64(data), "signature": signed["signature"] });
        let verdict = server.admin("POST", &format!("{path}/verify"), verify(b"message")).await;
        assert_eq!((&verdict["valid"], &verdict["version"]), (&json!(true), &json!(1)), "{algorithm}");
        let verdict = server.admin("POST", &format!("{path}/verify"), verify(b"massage")).await;
        assert_eq!(verdict["valid"], false, "{algorithm}");
        let raw = server.raw(&format!("{path}/sign"), &b"message"[..]).await;
        let signature = segment(&base64(&raw.body));
        let verdict =
            server.raw(&format!("{path}/verify?signature={signature}"), &b"message"[..]).await.json();
        assert_eq!((&verdict["valid"], &verdict["version"]), (&json!(true), &json!(2)), "{algorithm}");
        let public = server.raw_get(&format!("{path}/public")).await;
        assert!(public.body.starts_with(b"-----BEGIN PUBLIC KEY-----"), "{algorithm}");
    }
}

#[tokio::test]
async fn macs_verify_and_random_bytes_differ() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "m", "algorithm": "hmac-sha256" })).await;
    let made = server.admin("POST", "/v1/keys/m/mac", json!({ "data": base64(b"x") })).await;
    assert_eq!(bytes(&made["mac"]).len(), 32);
    let verify = |data: &[u8]| json!({ "data": base64(data), "mac": made["mac"] });
    assert_eq!(server.admin("POST", "/v1/keys/m/mac/verify", verify(b"x")).await["valid"], true);
    assert_eq!(server.admin("POST", "/v1/keys/m/mac/verify", verify(b"y")).await["valid"], false);
    let random = server.admin("POST", "/v1/random", json!({ "length": 32 })).await;
    assert_eq!(bytes(&random["random"]).len(), 32);
    assert_ne!(random, server.admin("POST", "/v1/random", json!({ "length": 32 })).await);
}

#[tokio::test]
async fn material_leaves_only_wrapped_and_only_where_allowed() {
    let server = Server::start();
    let token = server.admin_token();
    server.admin("POST", "/v1/keys", json!({ "name": "kek", "algorithm": "aes-256" })).await;
    server.admin("POST", "/v1/keys", json!({ "name": "stays", "algorithm": "aes-256" })).await;
    let made = json!({ "name": "leaves", "algorithm": "ec-p256", "exportable": true });
    server.admin("POST", "/v1/keys", made).await;
    let exported = server.admin("POST", "/v1/keys/leaves/export", json!({ "wrap_with": "kek" })).await;
    assert_eq!(exported["format"], "pkcs8");
    assert!(bytes(&exported["wrapped"]).len() > 60);
    let export = json!({ "wrap_with": "kek" });
    let (status, problem) = server.json(Proof::Token(&token), "POST", "/v1/keys/stays/export", export).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("not_extractable")));
    let (status, problem) =
        server.json(Proof::Token(&token), "POST", "/v1/keys/leaves/export", json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("sensitive")));
}

#[tokio::test]
async fn a_list_is_paged_to_its_end() {
    let server = Server::start();
    for number in 0..7 {
        let made = json!({ "name": format!("k{number}"), "algorithm": "aes-128" });
        server.admin("POST", "/v1/keys", made).await;
    }
    let (mut names, mut path) = (Vec::new(), "/v1/keys?limit=3".to_owned());
    loop {
        let page = server.admin("GET", &path, Value::Null).await;
        names.extend(
            page["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/keys?limit=3&after={next}");
    }
    assert_eq!(names, ["k0", "k1", "k2", "k3", "k4", "k5", "k6"]);
}

#[tokio::test]
async fn a_key_that_waits_is_activated() {
    let server = Server::start();
    let made = json!({ "name": "k", "algorithm": "aes-128", "active": false });
    assert_eq!(server.admin("POST", "/v1/keys", made).await["state"], "pre-active");
    assert_eq!(server.admin("POST", "/v1/keys/k/activate", Value::Null).await["state"], "active");
}

#[tokio::test]
async fn clients_prove_themselves_by_certificate_and_token_until_revoked() {
    let server = Server::start();
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let (certificate, key) = (server.files.join("app.pem"), server.files.join("app.key"));
    std::fs::write(&certificate, added["certificate"].as_str().unwrap()).unwrap();
    std::fs::write(&key, added["private_key"].as_str().unwrap()).unwrap();
    let by_certificate = Proof::Certificate(&certificate, &key);
    let by_token = Proof::Token(added["token"].as_str().unwrap());
    for proof in [by_certificate, by_token] {
        let (status, answer) = server.json(proof, "GET", "/v1/status", Value::Null).await;
        assert_eq!((status, &answer["principal"]), (StatusCode::OK, &json!("app")));
    }
    let renewed =
        server.admin("POST", "/v1/clients/app/renew", json!({ "p12_password": "p", "replace": true })).await;
    assert!(renewed["pkcs12"].is_string() && renewed["private_key"].is_null());
    assert_eq!(
        server.json(by_certificate, "GET", "/v1/status", Value::Null).await.0,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(server.json(by_token, "GET", "/v1/status", Value::Null).await.0, StatusCode::OK);
    server.admin("POST", "/v1/clients/app/revoke", Value::Null).await;
    assert_eq!(server.json(by_token, "GET", "/v1/status", Value::Null).await.0, StatusCode::UNAUTHORIZED);
    let listed = server.admin("GET", "/v1/clients", Value::Null).await;
    assert!(
        listed["clients"]
            .as_array()
            .unwrap()
            .iter()
            .any(|client| client["name"] == "app" && client["revoked"].is_string())
    );
}

async fn encrypt(server: &Server, path: &str, plaintext: &[u8]) -> Value {
    server.admin("POST", &format!("{path}/encrypt"), json!({ "plaintext": base64(plaintext) })).await
}

async fn decrypt(server: &Server, path: &str, encrypted: &Value) -> (StatusCode, Vec<u8>) {
    let answer = server.raw(&format!("{path}/decrypt"), bytes(&encrypted["ciphertext"])).await;
    (answer.status, answer.body.to_vec())
}

async fn lsn(server: &Server) -> u64 {
    server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap()
}
