//! What can be changed of a key, and what it allows to clients that keep a copy.

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64};

async fn asked(server: &Server, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    server.json(Proof::Token(&server.admin_token()), method, path, body).await
}

async fn refused(server: &Server, path: &str, body: Value, expected: (u16, &str)) {
    let (status, answer) = asked(server, "PATCH", path, body.clone()).await;
    assert_eq!((status.as_u16(), answer["code"].as_str().unwrap()), expected, "{body}: {answer}");
}

#[tokio::test]
async fn a_key_changes_as_a_whole_or_not_at_all() {
    let server = Server::start();
    let key = json!({ "name": "orders", "algorithm": "ec-p256", "active": false, "tags": { "a": "1" } });
    server.admin("POST", "/v1/keys", key).await;
    server.admin("POST", "/v1/keys", json!({ "name": "taken", "algorithm": "aes-256" })).await;

    let change = json!({
        "name": "orders-2", "tags": { "a": null, "b": "2" }, "activation": "2990-01-01T00:00:00Z",
        "deactivation": "2999-01-01T00:00:00.000Z", "usage_limits": { "total": 5, "unit": "uses" },
        "lease_seconds": 60, "destroy_waiting_days": 7, "destroy_at_once": false, "reject_duplicates": true,
    });
    let key = server.admin("PATCH", "/v1/keys/orders", change).await;
    assert_eq!((&key["name"], &key["tags"]), (&json!("orders-2"), &json!({ "b": "2" })));
    let policy = ["lease_seconds", "destroy_waiting_days", "destroy_at_once", "reject_duplicates"];
    assert_eq!(policy.map(|field| key[field].clone()), [json!(60), json!(7), json!(false), json!(true)]);
    let version = &key["versions"][0];
    assert_eq!(version["activation"], "2990-01-01T00:00:00.000Z");
    assert_eq!(version["deactivation"], "2999-01-01T00:00:00.000Z");
    assert_eq!((&version["activated"], &version["deactivated"]), (&Value::Null, &Value::Null));
    assert_eq!(version["usage_limits"], json!({ "total": 5, "left": 5, "unit": "uses" }));

    // The old name is free, the new one leads there, and a name that is taken stays with its key.
    assert_eq!(asked(&server, "GET", "/v1/keys/orders", Value::Null).await.0, StatusCode::NOT_FOUND);
    server.admin("POST", "/v1/keys", json!({ "name": "orders", "algorithm": "aes-128" })).await;
    let path = "/v1/keys/orders-2";
    refused(&server, path, json!({ "name": "taken", "lease_seconds": 9 }), (409, "already_exists")).await;
    assert_eq!(server.admin("GET", path, Value::Null).await["lease_seconds"], 60, "half of it was done");

    // What protects from destruction only grows, and what is reached or spent is fixed.
    refused(&server, path, json!({ "destroy_at_once": true }), (403, "denied")).await;
    refused(&server, path, json!({ "destroy_waiting_days": 6 }), (403, "denied")).await;
    server.admin("PATCH", path, json!({ "destroy_waiting_days": 8 })).await;
    server.admin("POST", &format!("{path}/activate"), Value::Null).await;
    refused(&server, path, json!({ "activation": "2991-01-01T00:00:00Z" }), (409, "wrong_state")).await;
    server.admin("PATCH", path, json!({ "usage_limits": { "total": 2, "unit": "uses" } })).await;
    server.admin("POST", &format!("{path}/sign"), json!({ "data": base64(b"text") })).await;
    let more = json!({ "usage_limits": { "total": 9, "unit": "uses" } });
    let (status, _) = asked(&server, "PATCH", path, more).await;
    assert!(status.is_client_error(), "limits that are spent from were changed");
    for nonsense in [json!({}), json!({ "activation": "tomorrow" }), json!({ "lease_seconds": 0 })] {
        let (status, _) = asked(&server, "PATCH", path, nonsense.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{nonsense}");
    }
}

/// The right to label a key is not the right to rename it, nor the other way round.
#[tokio::test]
async fn each_change_needs_its_right() {
    let server = Server::start();
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let app = added["token"].as_str().unwrap();
    server.admin("POST", "/v1/keys", json!({ "name": "key", "algorithm": "aes-256" })).await;
    let (tag, lease) = (json!({ "tags": { "a": "b" } }), json!({ "lease_seconds": 60 }));
    let name = json!({ "name": "key" });
    let both = json!({ "tags": { "a": "b" }, "lease_seconds": 60 });
    let renamed = json!({ "name": "key", "lease_seconds": 61 });
    for (granted, allowed) in [
        ("tag", [true, false, false, false, false]),
        ("change-policy", [false, true, false, false, false]),
        ("modify-attributes", [false, false, true, false, false]),
    ] {
        server.admin("PUT", "/v1/keys/key/grants/app", json!({ "actions": [granted] })).await;
        let grants = server.admin("GET", "/v1/keys/key/grants", Value::Null).await;
        assert_eq!(grants, json!({ "grants": [{ "principal": "app", "actions": [granted] }] }));
        for (body, allowed) in [&tag, &lease, &name, &both, &renamed].into_iter().zip(allowed) {
            let (status, answer) =
                server.json(Proof::Token(app), "PATCH", "/v1/keys/key", body.clone()).await;
            assert_eq!(status.is_success(), allowed, "{granted} {body}: {answer}");
        }
    }
}

#[tokio::test]
async fn clients_with_copies_ask_what_is_allowed() {
    let server = Server::start();
    let limits = json!({ "total": 10, "unit": "uses" });
    let key = json!({ "name": "copy", "algorithm": "aes-256", "usage_limits": limits, "lease_seconds": 90 });
    server.admin("POST", "/v1/keys", key).await;
    let lease = server.admin("POST", "/v1/keys/copy/lease", Value::Null).await;
    assert_eq!(lease["lease_seconds"], 90);
    assert_eq!(server.admin("POST", "/v1/keys/copy/allocate", json!({ "units": 7 })).await["units"], 7);
    let left = server.admin("GET", "/v1/keys/copy", Value::Null).await;
    assert_eq!(left["versions"][0]["usage_limits"]["left"], 3);
    let check = |body: Value| asked(&server, "POST", "/v1/keys/copy/check", body);
    assert_eq!(
        check(json!({ "usage": ["encrypt"], "units": 3, "lease_seconds": 90 })).await.0,
        StatusCode::OK
    );
    for no in [json!({ "usage": ["sign"] }), json!({ "units": 4 }), json!({ "lease_seconds": 91 })] {
        let (status, answer) = check(no.clone()).await;
        assert!(status.is_client_error(), "{no}: {answer}");
    }
    let (status, _) = asked(&server, "POST", "/v1/keys/copy/allocate", json!({ "units": 4 })).await;
    assert!(status.is_client_error(), "more than was left");
    let hashed = server.admin("POST", "/v1/hash", json!({ "data": base64(b"abc") })).await;
    assert_eq!(hashed["digest"], "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

#[tokio::test]
async fn a_json_body_says_that_it_is_one() {
    let server = Server::start();
    let token = server.admin_token();
    for (kind, expected) in
        [("text/plain", 415), ("application/octet-stream", 415), ("application/JSON; charset=utf-8", 201)]
    {
        let request = Request::post("/v1/keys").header("content-type", kind);
        let body = Bytes::from_static(br#"{ "name": "key", "algorithm": "aes-256" }"#);
        let answer = server.send(Proof::Token(&token), request.body(body).unwrap()).await;
        assert_eq!(answer.status.as_u16(), expected, "{kind}: {}", answer.json());
    }
}

#[tokio::test]
async fn slh_dsa_keys_sign_and_have_no_json_form() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "slow", "algorithm": "slh-dsa-sha2-128f" })).await;
    let signed = server.admin("POST", "/v1/keys/slow/sign", json!({ "data": base64(b"text") })).await;
    let verify = json!({ "data": base64(b"text"), "signature": signed["signature"] });
    assert_eq!(server.admin("POST", "/v1/keys/slow/verify", verify).await["valid"], true);
    let (status, answer) = asked(&server, "GET", "/v1/keys/slow/public?format=jwk", Value::Null).await;
    assert_eq!((status.as_u16(), answer["code"].as_str()), (422, Some("unsupported")), "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("JSON Web Keys have no name"), "{answer}");
}

#[tokio::test]
async fn a_key_waits_365_days_at_most_and_without_waiting_it_is_destroyed_at_once() {
    let server = Server::start();
    let key = json!({ "name": "base", "algorithm": "aes-256" });
    server.admin("POST", "/v1/keys", key).await;
    let made = [
        ("/v1/keys", json!({ "algorithm": "aes-256" })),
        ("/v1/objects", json!({ "type": "secret", "data": base64(b"secret") })),
        ("/v1/keys/base/derive", json!({ "method": "hkdf", "algorithm": "aes-256" })),
    ];
    for (path, wanted) in made {
        for days in [366, 365, 0] {
            let name = format!("{}-{days}", path.replace('/', "-"));
            let mut body = wanted.clone();
            (body["name"], body["destroy_waiting_days"]) = (json!(name), json!(days));
            let (status, answer) = asked(&server, "POST", path, body).await;
            if days > 365 {
                assert_eq!((status, &answer["code"]), (StatusCode::BAD_REQUEST, &json!("invalid")), "{path}");
                assert_eq!(answer["detail"], "destroy_waiting_days is 0 to 365");
                continue;
            }
            assert!(status.is_success(), "{path}: {answer}");
            let key = format!("/v1/keys/{name}");
            let destroyed = server.admin("POST", &format!("{key}/destroy"), json!({})).await;
            assert_eq!(destroyed["state"] == "destroyed", days == 0, "{path}: {destroyed}");
            let waits = server.admin("GET", &format!("{key}/destroy"), Value::Null).await;
            assert_eq!(waits["destruction"].is_null(), days == 0, "{path}: {waits}");
        }
    }
    refused(&server, "/v1/keys/base", json!({ "destroy_waiting_days": 366 }), (400, "invalid")).await;
    let changed = server.admin("PATCH", "/v1/keys/base", json!({ "destroy_waiting_days": 365 })).await;
    assert_eq!(changed["destroy_waiting_days"], 365);
}

#[tokio::test]
async fn attributes_are_told_by_the_names_of_kmip_to_who_may_see_the_key() {
    let server = Server::start();
    let key = json!({ "name": "k", "algorithm": "aes-256", "usage_limits": { "total": 9, "unit": "uses" } });
    let made = server.admin("POST", "/v1/keys", key).await;
    let told = server.admin("GET", "/v1/keys/k/attributes", Value::Null).await;
    assert_eq!(told["object_id"], made["versions"][0]["object_id"]);
    let attributes = &told["attributes"];
    assert_eq!(attributes["Cryptographic Length"], json!([256]));
    assert_eq!(attributes["Activation Date"], json!([made["versions"][0]["activated"]]));
    assert_eq!(attributes["Sensitive"], json!([true]));
    assert_eq!(attributes["Usage Limits"][0]["UsageLimitsTotal"], 9);
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let app = Proof::Token(added["token"].as_str().unwrap());
    let (status, _) = server.json(app, "GET", "/v1/keys/k/attributes", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
