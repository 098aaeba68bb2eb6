//! Secrets that stand where something else belongs: neither answer nor log repeats them.

use hyper::Request;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::harness::{Client, Proof, Server};

/// Looks like no field's name.
const SECRET: &str = "Correct-Horse, expected Battery`Staple";

/// A number that nobody shall see.
const NUMBER: u64 = 867_530_986_753;

/// Routes with bodies, and whole bodies of theirs.
fn bodies() -> Vec<(&'static str, &'static str, Value)> {
    let unlocks = json!({
        "old": { "passphrase": SECRET, "key_file": SECRET, "shares": [SECRET] },
        "new": { "passphrase": SECRET, "key_file": SECRET, "shares": [SECRET] },
    });
    let material =
        json!({ "format": "raw", "data": SECRET, "wrapped_with": "k", "wrap_algorithm": "aes-kwp" });
    let policy =
        json!({ "usage_limits": { "total": 1, "unit": "uses" }, "lease_seconds": 1, "active": true });
    let named = json!({ "name": "n", "algorithm": "aes-256", "usage": ["sign"], "tags": { "a": "b" } });
    let beside = json!({ "context": { "a": "b" }, "version": 1, "mode": "gcm", "iv": SECRET, "aad": SECRET });
    let joined = |parts: &[&Value]| {
        let parts = parts.iter().flat_map(|part| part.as_object().unwrap().clone());
        Value::Object(parts.collect())
    };
    let data = |name: &str| joined(&[&beside, &json!({ name: SECRET })]);
    let derive = json!({
        "name": "d", "method": "hkdf", "bytes": 32, "salt": SECRET, "info": SECRET, "peer": SECRET, "data": SECRET,
        "iv": SECRET, "iterations": 1, "hash": "sha256",
    });
    let client = json!({ "name": "c", "roles": ["user"], "csr": SECRET, "p12_password": SECRET, "days": 1 });
    let object = json!({ "type": "secret", "name": "o", "data": SECRET, "certificate": SECRET, "tags": {} });
    let batch =
        |op: &str| json!({ "requests": [joined(&[&data("plaintext"), &json!({ "op": op, "key": "k" })])] });
    vec![
        ("POST", "/v1/keys", joined(&[&named, &policy, &json!({ "material": material })])),
        ("POST", "/v1/keys/k/versions", json!({ "material": material })),
        ("POST", "/v1/keys/k/export", json!({ "format": "raw", "wrap_with": "k", "version": 1 })),
        ("POST", "/v1/keys/k/derive", derive),
        ("POST", "/v1/keys/k/encrypt", data("plaintext")),
        ("POST", "/v1/keys/k/decrypt", data("ciphertext")),
        ("POST", "/v1/keys/k/wrap", data("plaintext")),
        ("POST", "/v1/keys/k/unwrap", data("wrapped")),
        ("POST", "/v1/keys/k/sign", data("data")),
        ("POST", "/v1/keys/k/verify", joined(&[&data("data"), &json!({ "signature": SECRET })])),
        ("POST", "/v1/keys/k/mac", data("data")),
        ("POST", "/v1/keys/k/mac/verify", joined(&[&data("data"), &json!({ "mac": SECRET })])),
        ("POST", "/v1/keys/k/datakey", json!({ "context": { "a": "b" }, "bits": 256, "plaintext": true })),
        ("PATCH", "/v1/keys/k", json!({ "tags": { "a": "b" } })),
        ("POST", "/v1/batch", batch("encrypt")),
        ("POST", "/v1/batch", batch("sign")),
        ("POST", "/v1/objects", object),
        ("POST", "/v1/objects/k/versions", json!({ "data": SECRET, "certificate": SECRET })),
        ("POST", "/v1/clients", client),
        ("POST", "/v1/clients/c/renew", json!({ "csr": SECRET, "p12_password": SECRET, "days": 1 })),
        ("POST", "/v1/tokens", json!({ "client": "c", "days": 1, "roles": ["user"] })),
        ("POST", "/v1/root/unlock", unlocks.clone()),
        ("POST", "/v1/root/replace", unlocks),
        ("POST", "/v1/random", json!({ "length": 1 })),
    ]
}

/// The value with each of its parts, in turn, replaced by each of these.
fn mistaken(value: &Value) -> Vec<Value> {
    let wrong = [json!(SECRET), json!(NUMBER), json!([SECRET]), json!({ SECRET: SECRET }), json!([[NUMBER]])];
    let mut all = wrong.to_vec();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                // What a text of its own says wrong is told by core, and logged as what was asked for.
                let keeps = |new: &Value| !(new.is_string() && field.is_string());
                let new = mistaken(field).into_iter().filter(keeps);
                all.extend(new.map(|new| {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), new);
                    Value::Object(fields)
                }));
            }
            let mut fields = fields.clone();
            fields.insert(SECRET.to_owned(), json!(SECRET));
            all.push(Value::Object(fields));
        }
        Value::Array(elements) => all.extend(elements.iter().flat_map(mistaken).map(|new| json!([new]))),
        _ => {}
    }
    all
}

fn tells(text: &str) -> bool {
    ["Horse", "Battery", "Staple", &NUMBER.to_string()].iter().any(|secret| text.contains(secret))
}

#[tokio::test]
async fn no_answer_repeats_a_secret_that_stands_in_the_wrong_place() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let token = server.admin_token();
    let ca = server.files.join("ca.pem");
    let connect = || Client::connect(server.address, &ca, Proof::Token(&token));
    let mut client = connect().await;
    let mut refused = 0;
    for (method, path, body) in bodies() {
        for wrong in mistaken(&body) {
            let request =
                Request::builder().method(method).uri(path).header("content-type", "application/json");
            let answer = client.send(request.body(Bytes::from(wrong.to_string())).unwrap()).await;
            if answer.headers.contains_key("connection") {
                client = connect().await;
            }
            let text = String::from_utf8_lossy(&answer.body);
            refused += usize::from(answer.status.is_client_error());
            assert!(!answer.status.is_client_error() || !tells(&text), "{method} {path} {wrong}: {text}");
        }
    }
    assert!(refused > 400, "{refused} bodies were refused");
}

#[tokio::test]
async fn no_answer_repeats_a_secret_of_a_query_or_of_a_text_within_a_body() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    for query in [
        "Horse%20Battery=1",
        "version=Horse",
        "mode=Horse",
        "context=Horse",
        "context={%22Horse%22:1}",
        "context={%22a%22:[%22Horse%22]}",
        "tag_length=Horse",
        "iv=Horse!",
    ] {
        let answer = server.raw(&format!("/v1/keys/k/encrypt?{query}"), "data").await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status.is_client_error() && !tells(&text), "{query}: {text}");
    }
    let told = server.raw("/v1/keys/k/encrypt?version=Horse", "data").await.json()["detail"].to_string();
    assert!(told.contains("version: "), "which argument is wrong is told: {told}");

    let pem = "-----BEGIN PRIVATE KEY-----SG9yc2U-----END PRIVATE KEY-----";
    let bytes = format!("{:?}", pem.as_bytes());
    let bytes = &bytes[1..bytes.len() - 1];
    for material in [
        json!({ "format": "pem", "data": pem }),
        json!({ "format": "jwk", "data": { "kty": "oct", "k": "Horse!Battery" } }),
        json!({ "format": "jwk", "data": { "kty": "oct", "k": ["Horse"] } }),
        json!({ "format": "jwk", "data": { "kty": ["Horse"], "k": "" } }),
    ] {
        let body = json!({ "name": "n", "material": material });
        let (status, problem) =
            server.json(Proof::Token(&server.admin_token()), "POST", "/v1/keys", body).await;
        let text = problem.to_string();
        assert!(status.is_client_error() && !tells(&text) && !text.contains(bytes), "{material}: {text}");
    }
    for (path, field) in [("/v1/clients", "csr"), ("/v1/objects", "certificate")] {
        let body = json!({ "name": "n", "type": "certificate", field: pem });
        let mut body = body.as_object().unwrap().clone();
        if field == "csr" {
            body.remove("type");
        }
        let proof = server.admin_token();
        let (status, problem) = server.json(Proof::Token(&proof), "POST", path, body.into()).await;
        assert!(status.is_client_error() && !problem.to_string().contains(bytes), "{problem}");
    }
}
