//! Batches: many uses in one request.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64, bytes};

#[tokio::test]
async fn each_request_of_a_batch_is_answered_in_its_place() {
    let server = Server::start();
    for (name, algorithm) in [("aes", "aes-256"), ("mac", "hmac-sha256"), ("ec", "ec-p256")] {
        server.admin("POST", "/v1/keys", json!({ "name": name, "algorithm": algorithm })).await;
    }
    let data = base64(b"data");
    let requests = json!([
        { "op": "encrypt", "key": "aes", "plaintext": data, "context": { "a": "b" } },
        { "op": "mac", "key": "mac", "data": data },
        { "op": "sign", "key": "ec", "data": data },
        { "op": "datakey", "key": "aes", "plaintext": false },
        { "op": "encrypt", "key": "nobody", "plaintext": data },
        { "op": "fly", "key": "aes" },
        { "op": "encrypt", "key": "aes", "plaintext": data, "colour": "red" },
        { "key": "aes" },
        { "op": "wrap", "key": "aes", "plaintext": data, "algorithm": "aes-kwp" },
    ]);
    let first = server.admin("POST", "/v1/batch", json!({ "requests": requests })).await;
    let answers = first["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 9);
    let codes: Vec<_> =
        answers.iter().map(|answer| answer["problem"]["code"].as_str().unwrap_or("")).collect();
    assert_eq!(codes, ["", "", "", "", "not_found", "invalid", "invalid", "invalid", ""]);
    let requests = json!([
        { "op": "decrypt", "key": "aes", "ciphertext": answers[0]["result"]["ciphertext"], "context": { "a": "b" } },
        { "op": "mac-verify", "key": "mac", "data": data, "mac": answers[1]["result"]["mac"] },
        { "op": "verify", "key": "ec", "data": data, "signature": answers[2]["result"]["signature"] },
        { "op": "decrypt", "key": "aes", "ciphertext": answers[3]["result"]["ciphertext"] },
        { "op": "unwrap", "key": "aes", "wrapped": answers[8]["result"]["wrapped"] },
    ]);
    let second = server.admin("POST", "/v1/batch", json!({ "requests": requests })).await;
    let answer = |number: usize| &second["answers"][number]["result"];
    assert_eq!(bytes(&answer(0)["plaintext"]), b"data");
    assert_eq!((&answer(1)["valid"], &answer(2)["valid"]), (&json!(true), &json!(true)));
    assert_eq!(bytes(&answer(3)["plaintext"]).len(), 32);
    assert_eq!(bytes(&answer(4)["plaintext"]), b"data");
}

#[tokio::test]
async fn every_request_of_a_batch_is_on_record() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let before = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
    let requests: Vec<_> = (0..1000)
        .map(|number: u32| json!({ "op": "encrypt", "key": "k", "plaintext": base64(&number.to_be_bytes()) }))
        .collect();
    let done = server.admin("POST", "/v1/batch", json!({ "requests": requests })).await;
    let answers = done["answers"].as_array().unwrap();
    assert!(answers.len() == 1000 && answers.iter().all(|answer| answer["result"]["ciphertext"].is_string()));
    let path = format!("/v1/journal?after={before}&limit=1000&kind=encrypt");
    let page = server.admin("GET", &path, Value::Null).await;
    assert_eq!(page["entries"].as_array().unwrap().len(), 1000);
    // In order: the last answer opens to the last plaintext.
    let body = json!({ "ciphertext": answers[999]["result"]["ciphertext"] });
    let opened = server.admin("POST", "/v1/keys/k/decrypt", body).await;
    assert_eq!(bytes(&opened["plaintext"]), 999_u32.to_be_bytes());
    let requests = vec![json!({ "op": "encrypt", "key": "k", "plaintext": "" }); 1001];
    let token = server.admin_token();
    let body = json!({ "requests": requests });
    let (status, problem) = server.json(Proof::Token(&token), "POST", "/v1/batch", body).await;
    assert_eq!((status, &problem["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large")));
}

#[tokio::test]
async fn a_list_or_object_with_too_many_entries_is_refused_before_it_takes_memory() {
    let server = Server::start();
    let many = |count: usize| (0..count).map(|number| (number.to_string(), json!(""))).collect::<Value>();
    let words = json!(vec!["sign"; 65]);
    for (method, path, body) in [
        ("POST", "/v1/batch", json!({ "requests": vec![0; 1001] })),
        ("POST", "/v1/batch", json!({ "requests": vec![0; 1_000_000] })),
        ("POST", "/v1/keys", json!({ "name": "n", "algorithm": "aes-256", "tags": many(65) })),
        ("POST", "/v1/keys", json!({ "name": "n", "algorithm": "aes-256", "usage": words })),
        ("PATCH", "/v1/keys/k", json!({ "tags": many(129) })),
        ("POST", "/v1/keys/k/encrypt", json!({ "plaintext": "", "context": many(257) })),
        ("POST", "/v1/keys/k/encrypt", many(65)),
        ("PUT", "/v1/keys/k/grants/p", json!({ "actions": words })),
        ("POST", "/v1/root/unlock", json!({ "old": { "shares": vec![""; 256] }, "new": {} })),
    ] {
        let (status, problem) = server.json(Proof::Token(&server.admin_token()), method, path, body).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("too many entries"), "{path}: {problem}");
    }
}

#[tokio::test]
async fn each_request_of_a_batch_counts_against_its_clients_limit() {
    let server = Server::start_with(|config| config.limits.client_requests_per_day_max = 10);
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let request = json!({ "op": "encrypt", "key": "k", "plaintext": base64(b"data") });
    let batch = server.admin("POST", "/v1/batch", json!({ "requests": vec![request; 12] })).await;
    let answers = batch["answers"].as_array().unwrap();
    let refused = answers.iter().filter(|answer| answer["problem"]["code"] == "rate_limited").count();
    assert_eq!((answers.len(), refused), (12, 3), "{batch}");
}
