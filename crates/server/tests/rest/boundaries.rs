//! What clients choose themselves, names and identifiers, leads around no rule; what a rule says of addresses counts at each request.
//! Not here: other faults that key managers had (regressions), and what rules open (access).

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Client, Proof, Server, base64};

async fn client(server: &Server, name: &str, roles: &[&str]) -> String {
    let added = json!({ "name": name, "roles": roles, "token": true });
    server.admin("POST", "/v1/clients", added).await["token"].as_str().unwrap().to_owned()
}

async fn ask(server: &Server, token: &str, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    server.json(Proof::Token(token), method, path, body).await
}

async fn encrypts(server: &Server, token: &str, id: &str) -> bool {
    let body = json!({ "plaintext": base64(b"data") });
    ask(server, token, "POST", &format!("/v1/keys/{id}/encrypt"), body).await.0 == StatusCode::OK
}

#[tokio::test]
async fn names_that_differ_by_case_or_look_like_patterns_are_themselves() {
    let server = Server::start();
    let admin = server.admin_token();
    let till = client(&server, "till", &[]).await;
    let other = client(&server, "Till", &[]).await;
    let text = "@id(\"one\") permit (principal == Principal::\"till\", action in Action::\"use\", resource) when \
                { resource.name == \"Payroll\" };
                @id(\"some\") permit (principal == Principal::\"till\", action in Action::\"use\", resource) when \
                { resource.name like \"app-\\**\" };";
    server.admin("POST", "/v1/access/rules", json!({ "text": text })).await;
    for (name, expected) in [
        ("Payroll", true),
        ("payroll", false),
        ("PAYROLL", false),
        ("Payroll ", false),
        ("Payroll*", false),
        ("*", false),
        ("Payroll\" || true || \"", false),
        ("app-*1", true),
        ("app-1", false),
        ("App-*1", false),
        ("app-\\*1", false),
    ] {
        let made = json!({ "name": name, "algorithm": "aes-128" });
        let (status, made) = ask(&server, &admin, "POST", "/v1/keys", made).await;
        assert_eq!(status, StatusCode::CREATED, "{name}: {made}");
        let id = made["id"].as_str().unwrap();
        assert_eq!(encrypts(&server, &till, id).await, expected, "{name}");
        assert!(!encrypts(&server, &other, id).await, "{name}: another client, by its name");
    }
    // Names of rules, groups and roles differ by more than case, and no pattern is one.
    for (method, path, body) in [
        ("POST", "/v1/access/rules", json!({ "text": "@id(\"One\") permit (principal, action, resource);" })),
        ("POST", "/v1/access/rules", json!({ "text": "@id(\"*\") permit (principal, action, resource);" })),
        ("PUT", "/v1/approval-rules/One", json!({ "actions": ["destroy"], "needs": 1, "groups": ["g"] })),
        ("PATCH", "/v1/clients/till", json!({ "groups": ["Shop"] })),
        ("PATCH", "/v1/clients/till", json!({ "groups": ["*"] })),
        ("PATCH", "/v1/clients/till", json!({ "roles": ["Admin"] })),
        ("POST", "/v1/clients", json!({ "name": "*" })),
        ("POST", "/v1/clients", json!({ "name": "a\" || \"" })),
        ("PUT", "/v1/keys/Payroll/grants/till", json!({ "actions": ["*"] })),
        ("PUT", "/v1/keys/Payroll/grants/till", json!({ "actions": ["Decrypt"] })),
        ("PUT", "/v1/keys/Payroll/grants/*", json!({ "actions": ["decrypt"] })),
        ("PUT", "/v1/keys/Payroll/grants/TILL", json!({ "actions": ["decrypt"] })),
    ] {
        let (status, told) = ask(&server, &admin, method, path, body).await;
        assert!(status.is_client_error(), "{method} {path}: {status} {told}");
    }
    // A grant for an encryption context takes that one, and no pattern of it.
    let grant = json!({ "actions": ["encrypt"], "context": { "customer": "*" } });
    server.admin("PUT", "/v1/keys/payroll/grants/till", grant).await;
    for (customer, expected) in [("42", StatusCode::FORBIDDEN), ("*", StatusCode::OK)] {
        let body = json!({ "plaintext": base64(b"data"), "context": { "customer": customer } });
        let (status, told) = ask(&server, &till, "POST", "/v1/keys/payroll/encrypt", body).await;
        assert_eq!(status, expected, "{customer}: {told}");
    }
}

#[tokio::test]
async fn an_import_takes_no_name_alias_or_id_of_anothers_key_and_adds_no_version_to_it() {
    let server = Server::start();
    let mallory = client(&server, "mallory", &["user"]).await;
    let key = json!({ "name": "ledger", "algorithm": "aes-128" });
    let made = server.admin("POST", "/v1/keys", key).await;
    server.admin("PUT", "/v1/aliases/books", json!({ "key": "ledger" })).await;
    let material = || json!({ "format": "raw", "data": base64(&[7; 16]) });
    let (id, object) = (made["id"].clone(), made["versions"][0]["object_id"].clone());
    for name in [json!("ledger"), json!("books"), id.clone(), object] {
        let import = json!({ "name": name, "algorithm": "aes-128", "material": material() });
        let (status, told) = ask(&server, &mallory, "POST", "/v1/keys", import).await;
        assert_eq!(status, StatusCode::CONFLICT, "{name}: {told}");
        let path = format!("/v1/keys/{}/versions", name.as_str().unwrap());
        let (status, told) = ask(&server, &mallory, "POST", &path, json!({ "material": material() })).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{name}: {told}");
        let renamed =
            ask(&server, &mallory, "PATCH", &path.replace("/versions", ""), json!({ "name": "x" })).await;
        assert_eq!(renamed.0, StatusCode::NOT_FOUND, "{name}: {renamed:?}");
    }
    // Nor by a rename of one's own, or an alias of one's own.
    let own = json!({ "name": "own", "algorithm": "aes-128" });
    assert_eq!(ask(&server, &mallory, "POST", "/v1/keys", own).await.0, StatusCode::CREATED);
    let (status, _) = ask(&server, &mallory, "PATCH", "/v1/keys/own", json!({ "name": "ledger" })).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, told) = ask(&server, &mallory, "PUT", "/v1/aliases/ledger", json!({ "key": "own" })).await;
    assert!(status.is_client_error(), "{told}");
    let (status, told) = ask(&server, &mallory, "PUT", "/v1/aliases/books", json!({ "key": "own" })).await;
    assert!(status.is_client_error(), "{told}");
    let shown = server.admin("GET", "/v1/keys/books", Value::Null).await;
    assert_eq!((&shown["id"], &shown["version"]), (&id, &json!(1)), "{shown}");
}

#[tokio::test]
async fn a_rule_about_addresses_looks_at_each_request() {
    let server = Server::start();
    let till = client(&server, "till", &[]).await;
    server.admin("POST", "/v1/keys", json!({ "name": "k1", "algorithm": "aes-256" })).await;
    let text = "@id(\"near\") permit (principal == Principal::\"till\", action == Action::\"encrypt\", resource) when \
                { context has source && context.source.isInRange(ip(\"127.0.0.1/32\")) };";
    server.admin("POST", "/v1/access/rules", json!({ "text": text })).await;
    let ca = server.files.join("ca.pem");
    let mut near = Client::connect_from([127, 0, 0, 1], server.address, &ca, Proof::Token(&till)).await;
    let mut far = Client::connect_from([127, 0, 0, 2], server.address, &ca, Proof::Token(&till)).await;
    let request = || {
        let body = json!({ "plaintext": base64(b"data") }).to_string();
        let request = Request::post("/v1/keys/k1/encrypt").header("content-type", "application/json");
        request.body(Bytes::from(body)).unwrap()
    };
    for _ in 0..3 {
        for _ in 0..3 {
            assert_eq!(near.send(request()).await.status, StatusCode::OK);
        }
        for _ in 0..3 {
            assert_eq!(far.send(request()).await.status, StatusCode::NOT_FOUND);
        }
    }
    // The record says that it was a refusal, and it is explained by the address that it came from, wherever the auditor is.
    let page = server.admin("GET", "/v1/journal?key=k1&limit=1000", Value::Null).await;
    let entries = page["entries"].as_array().unwrap();
    for (outcome, allowed) in [("success", true), ("denied", false)] {
        let of_till = |entry: &&Value| entry["principal"] == "till" && entry["outcome"] == outcome;
        let entry = entries.iter().find(of_till).unwrap_or_else(|| panic!("{outcome}: {page}"));
        let path = format!("/v1/access/explain/{}", entry["lsn"]);
        let explained = server.admin("GET", &path, Value::Null).await;
        assert_eq!(explained["now"]["allowed"], allowed, "{explained}");
        let detail = explained["detail"].as_str().unwrap_or_default();
        assert_eq!(detail.contains("till may not encrypt here"), !allowed, "{explained}");
    }
}
