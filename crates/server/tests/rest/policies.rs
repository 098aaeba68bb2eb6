//! Lifecycle policies over REST: what each refuses, with the rule and the way out, where it holds, and what is foretold.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64};

/// As the administrator, whatever comes of it.
async fn ask(server: &Server, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    server.json(Proof::Token(&server.admin_token()), method, path, body).await
}

async fn apply(server: &Server, text: &str) -> Value {
    server.admin("POST", "/v1/policies", json!({ "text": text })).await
}

async fn attach(server: &Server, policy: &str, mut to: Value) {
    to["policy"] = policy.into();
    server.admin("POST", "/v1/policy-attachments", to).await;
}

async fn create(server: &Server, name: &str, algorithm: &str, tags: Value) -> (StatusCode, Value) {
    let body = json!({ "name": name, "algorithm": algorithm, "tags": tags });
    ask(server, "POST", "/v1/keys", body).await
}

async fn encrypt(server: &Server, key: &str) -> (StatusCode, Value) {
    let path = format!("/v1/keys/{key}/encrypt");
    ask(server, "POST", &path, json!({ "plaintext": base64(b"data") })).await
}

fn told(answer: &Value, words: &[&str]) {
    let detail = answer["detail"].as_str().unwrap_or_default();
    for word in words {
        assert!(detail.contains(word), "{word:?} is not in {answer}");
    }
}

const STRONG: &str = "name = 'strong'\n\
    [[algorithms]]\nrule = 'no-aes-128'\nkinds = ['aes-128']\nthen = 'process-only'\nrefuse-new = true\n\
    instead = 'make a key of aes-256'\n";

#[tokio::test]
async fn a_policy_of_a_tag_holds_for_new_keys_and_for_uses_from_the_next_request_on() {
    let server = Server::start();
    assert_eq!(apply(&server, STRONG).await, json!({ "name": "strong", "version": 1, "changed": true }));
    assert_eq!(apply(&server, STRONG).await, json!({ "name": "strong", "version": 1, "changed": false }));
    assert_eq!(create(&server, "old", "aes-128", json!({})).await.0, StatusCode::CREATED);
    let (status, sealed) = encrypt(&server, "old").await;
    assert_eq!(status, StatusCode::OK);
    attach(&server, "strong", json!({ "tag": "env", "value": "prod" })).await;
    // Where the tag is not, nothing changes.
    assert_eq!(encrypt(&server, "old").await.0, StatusCode::OK);
    assert_eq!(create(&server, "other", "aes-128", json!({ "env": "test" })).await.0, StatusCode::CREATED);
    let (status, answer) = create(&server, "new", "aes-128", json!({ "env": "prod" })).await;
    assert!(status.is_client_error(), "{answer}");
    told(&answer, &["policy strong", "rule no-aes-128", "no new keys", "make a key of aes-256"]);
    assert_eq!(create(&server, "new", "aes-256", json!({ "env": "prod" })).await.0, StatusCode::CREATED);
    // With the tag: nothing new is protected, and what was is opened.
    server.admin("PATCH", "/v1/keys/old", json!({ "tags": { "env": "prod" } })).await;
    let (status, answer) = encrypt(&server, "old").await;
    assert!(status.is_client_error(), "{answer}");
    told(&answer, &["policy strong", "rule no-aes-128", "protects nothing new", "make a key of aes-256"]);
    let opened =
        ask(&server, "POST", "/v1/keys/old/decrypt", json!({ "ciphertext": sealed["ciphertext"] })).await;
    assert_eq!(opened.0, StatusCode::OK, "{}", opened.1);
    let checked = server.admin("GET", "/v1/keys/old/policy", Value::Null).await;
    let said = checked["said"].as_array().unwrap();
    let of = |policy: &str, action: &str| {
        let found = said.iter().find(|said| said["policy"] == policy && said["action"] == action);
        found.unwrap_or_else(|| panic!("{policy} says nothing of {action}: {checked}"))["outcome"].clone()
    };
    assert_eq!(of("strong", "protect"), "refused");
    assert_eq!(of("strong", "process"), "warned");
    assert_eq!(of("default", "protect"), "allowed");
    server.admin("POST", "/v1/policy-attachments/detach", json!({ "tag": "env", "value": "prod" })).await;
    assert_eq!(encrypt(&server, "old").await.0, StatusCode::OK);
}

#[tokio::test]
async fn exports_destructions_names_and_tags_are_held_to_the_realms_policy() {
    let server = Server::start();
    let body = json!({ "name": "out", "algorithm": "aes-256", "exportable": true, "sensitive": false });
    assert_eq!(ask(&server, "POST", "/v1/keys", body).await.0, StatusCode::CREATED);
    let text = json!({
        "name": "house", "export": "never", "names": ["prod-*", "test-?"], "tags": { "owner": "*@example.org" },
        "destruction": { "waiting-days": 30 }
    });
    apply(&server, &text.to_string()).await;
    attach(&server, "house", json!({ "realm": true })).await;
    let (status, answer) = ask(&server, "POST", "/v1/keys/out/export", json!({})).await;
    assert!(status.is_client_error(), "{answer}");
    told(&answer, &["policy house", "rule export"]);
    let owner = || json!({ "owner": "ann@example.org" });
    for (name, tags, rule) in
        [("dev", owner(), "names"), ("prod-1", json!({}), "tags"), ("test-10", owner(), "names")]
    {
        let (status, answer) = create(&server, name, "aes-256", tags).await;
        assert!(status.is_client_error(), "{name}: {answer}");
        told(&answer, &["policy house", &format!("rule {rule}")]);
    }
    assert_eq!(create(&server, "prod-1", "aes-256", owner()).await.0, StatusCode::CREATED);
    assert_eq!(encrypt(&server, "out").await.0, StatusCode::OK, "a name from before stays");
    let (status, answer) =
        ask(&server, "PATCH", "/v1/keys/prod-1", json!({ "tags": { "owner": null } })).await;
    assert!(status.is_client_error(), "{answer}");
    let (_, answer) = ask(&server, "POST", "/v1/keys/prod-1/destroy", json!({ "now": true })).await;
    told(&answer, &["waiting period of 30 days"]);
    server.admin("POST", "/v1/keys/prod-1/destroy", json!({})).await;
    let key = server.admin("GET", "/v1/keys/prod-1", Value::Null).await;
    assert!(key["versions"][0]["destruction"].is_string(), "{key}");
}

#[tokio::test]
async fn rotation_is_foretold_and_given_to_what_it_is_attached_to_and_to_new_keys() {
    let server = Server::start();
    let next = async |key: &str| server.admin("GET", &format!("/v1/keys/{key}/policy"), Value::Null).await;
    create(&server, "before", "aes-256", json!({})).await;
    assert_eq!(next("before").await["next_rotation"], Value::Null);
    apply(&server, "name = 'quarterly'\n[rotation]\nevery-days = 90").await;
    let plan = server.admin("GET", "/v1/policies/quarterly/plan?days=365", Value::Null).await;
    let rotations: Vec<&Value> =
        plan["events"].as_array().unwrap().iter().filter(|event| event["key"] == "before").collect();
    assert_eq!(rotations.len(), 4, "{plan}");
    assert!(rotations.iter().all(|event| event["action"] == "rotate"));
    assert_eq!((&rotations[0]["version"], &rotations[3]["version"]), (&json!(2), &json!(5)));
    assert_eq!(plan["complete"], true);
    assert_eq!(next("before").await["next_rotation"], Value::Null, "a plan changes nothing");
    attach(&server, "quarterly", json!({ "key": "before" })).await;
    assert_eq!(next("before").await["next_rotation"], rotations[0]["time"]);
    attach(&server, "quarterly", json!({ "tag": "rotated", "value": "yes" })).await;
    create(&server, "after", "ec-p256", json!({ "rotated": "yes" })).await;
    assert!(next("after").await["next_rotation"].is_string());
    create(&server, "free", "aes-256", json!({})).await;
    assert_eq!(next("free").await["next_rotation"], Value::Null);
    // A successor is rotated in its turn.
    server.admin("POST", "/v1/keys/before/rotate", json!({})).await;
    assert!(next("before").await["next_rotation"].is_string());
}

#[tokio::test]
async fn documents_have_versions_and_what_is_shipped_or_attached_stays() {
    let server = Server::start();
    apply(&server, "name = 'a'").await;
    apply(&server, "name = 'a'\nexport = 'never'").await;
    let shown = async |query: &str| server.admin("GET", &format!("/v1/policies/a{query}"), Value::Null).await;
    assert_eq!(
        shown("").await,
        json!({ "name": "a", "version": 2, "versions": [1, 2], "text": "name = 'a'\nexport = 'never'" })
    );
    assert_eq!(shown("?version=1").await["text"], "name = 'a'");
    attach(&server, "a", json!({ "realm": true })).await;
    let listed = server.admin("GET", "/v1/policies", Value::Null).await;
    assert_eq!(listed["attached"][0]["policy"], "a");
    let refused = async |method: &str, path: &str, body: Value| {
        let (status, answer) = ask(&server, method, path, body).await;
        assert!(status.is_client_error(), "{method} {path}: {answer}");
        answer
    };
    told(&refused("DELETE", "/v1/policies/a", Value::Null).await, &["detach it first"]);
    told(&refused("POST", "/v1/policies", json!({ "text": "name = 'pci'" })).await, &["another name"]);
    refused("DELETE", "/v1/policies/pci", Value::Null).await;
    refused("GET", "/v1/policies/none", Value::Null).await;
    refused("GET", "/v1/policies/a?version=3", Value::Null).await;
    refused("POST", "/v1/policy-attachments", json!({ "policy": "none", "realm": true })).await;
    refused("POST", "/v1/policy-attachments", json!({ "policy": "a", "realm": true, "key": "k" })).await;
    refused("POST", "/v1/policy-attachments/detach", json!({ "tag": "a" })).await;
    refused("GET", "/v1/policies/a/plan?days=4000", Value::Null).await;
    server.admin("POST", "/v1/policy-attachments/detach", json!({ "realm": true })).await;
    assert_eq!(server.admin("DELETE", "/v1/policies/a", Value::Null).await, json!({ "removed": "a" }));
}

/// Keys that were there before are told by the server itself; the test waits for it.
#[tokio::test]
async fn keys_from_before_are_rotated_as_a_policy_of_their_realm_wants() {
    let server = Server::start();
    create(&server, "before", "aes-256", json!({})).await;
    create(&server, "tagged", "aes-256", json!({})).await;
    apply(&server, "name = 'yearly'\n[rotation]\nevery-days = 365").await;
    attach(&server, "yearly", json!({ "realm": true })).await;
    for key in ["before", "tagged"] {
        let path = format!("/v1/keys/{key}/policy");
        while !server.admin("GET", &path, Value::Null).await["next_rotation"].is_string() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    // A tag that comes later brings its policy with it, and of two rotations the more frequent counts.
    let next =
        async || server.admin("GET", "/v1/keys/tagged/policy", Value::Null).await["next_rotation"].clone();
    let yearly = next().await;
    apply(&server, "name = 'monthly'\n[rotation]\nevery-days = 30").await;
    attach(&server, "monthly", json!({ "tag": "fast", "value": "yes" })).await;
    server.admin("PATCH", "/v1/keys/tagged", json!({ "tags": { "fast": "yes" } })).await;
    let monthly = next().await;
    assert!(monthly.as_str().unwrap() < yearly.as_str().unwrap(), "{monthly} {yearly}");
}

#[tokio::test]
async fn a_policy_too_long_to_be_told_is_approved_by_its_hash() {
    let server = Server::start();
    let deputy = json!({ "name": "deputy", "roles": ["admin"], "token": true });
    let deputy = server.admin("POST", "/v1/clients", deputy).await;
    let deputy = Proof::Token(deputy["token"].as_str().unwrap());
    // As long as a policy may be.
    let long = |name: &str| format!("name = '{name}'\n# {}", "x".repeat(16 * 1024 - 16));
    let body = json!({ "text": long("long") });
    assert_eq!(long("long").len(), 16 * 1024);
    let (status, told) = ask(&server, "POST", "/v1/policies", body.clone()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{told}");
    let id = told["approval"].as_str().unwrap();
    let (_, shown) = server.json(deputy, "GET", &format!("/v1/approvals/{id}"), Value::Null).await;
    let terms: Vec<_> = shown["terms"].as_array().unwrap().iter().map(|term| &term["name"]).collect();
    assert_eq!(terms, ["apply the text of SHA-256", "bytes", "policies", "names"], "{shown}");
    let (status, told) =
        server.json(deputy, "POST", &format!("/v1/approvals/{id}/approve"), Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let (status, told) = ask(&server, "POST", "/v1/policies", json!({ "text": long("gnol") })).await;
    assert_eq!(status, StatusCode::ACCEPTED, "another text waits: {told}");
    let (status, told) = ask(&server, "POST", "/v1/policies", body).await;
    assert!(status.is_success(), "{told}");
}
