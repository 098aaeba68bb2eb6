//! Dual control over REST: what others must approve waits, is done once and exactly as approved, and by nobody alone.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64};

async fn client(server: &Server, name: &str, roles: &[&str]) -> String {
    let added = json!({ "name": name, "roles": roles, "token": true });
    let added = server.admin("POST", "/v1/clients", added).await;
    added["token"].as_str().unwrap().to_owned()
}

/// Wants no rule with the second administrator.
async fn decline(server: &Server) {
    server.admin("DELETE", "/v1/approval-rules/two-administrators", Value::Null).await;
}

/// A server with two administrators more, where destroying and exporting need one approval of an administrator.
async fn controlled(needs: u8) -> (Server, String, String) {
    let server = Server::start();
    decline(&server).await;
    let (deputy, third) =
        (client(&server, "deputy", &["admin"]).await, client(&server, "third", &["admin"]).await);
    for key in ["k1", "k2"] {
        let key = json!({ "name": key, "algorithm": "aes-256", "exportable": true });
        server.admin("POST", "/v1/keys", key).await;
    }
    let rule = json!({
        "actions": ["destroy", "get", "set-access-rules", "change-principal"], "needs": needs, "roles": ["admin"]
    });
    server.admin("PUT", "/v1/approval-rules/two-people", rule).await;
    (server, deputy, third)
}

async fn ask(server: &Server, token: &str, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    server.json(Proof::Token(token), method, path, body).await
}

async fn approve(server: &Server, token: &str, id: &Value) -> (StatusCode, Value) {
    ask(server, token, "POST", &format!("/v1/approvals/{}/approve", id.as_str().unwrap()), Value::Null).await
}

const DESTROY: &str = "/v1/keys/k1/destroy";

#[tokio::test]
async fn what_needs_approval_waits_and_is_done_once_by_the_same_request() {
    let (server, deputy, _) = controlled(1).await;
    let admin = server.admin_token();
    let (status, waits) = ask(&server, &admin, "POST", DESTROY, Value::Null).await;
    assert_eq!((status, &waits["code"]), (StatusCode::ACCEPTED, &json!("approval_pending")), "{waits}");
    let id = &waits["approval"];
    // Asked for again, it is the same that waits, and nothing was done.
    let (status, again) = ask(&server, &admin, "POST", DESTROY, Value::Null).await;
    assert_eq!((status, &again["approval"]), (StatusCode::ACCEPTED, id), "{again}");
    assert_eq!(server.admin("GET", "/v1/keys/k1", Value::Null).await["state"], "active");
    // Nobody approves what they asked for.
    let (status, own) = approve(&server, &admin, id).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{own}");
    let (status, approved) = approve(&server, &deputy, id).await;
    assert_eq!((status, &approved["state"]), (StatusCode::OK, &json!("approved")), "{approved}");
    // Neither another key, nor another way, nor another person.
    for (token, path, body) in [
        (&admin, "/v1/keys/k2/destroy", Value::Null),
        (&admin, DESTROY, json!({ "now": true })),
        (&deputy, DESTROY, Value::Null),
    ] {
        let (status, other) = ask(&server, token, "POST", path, body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{path}: {other}");
        assert_ne!(&other["approval"], id, "{path}");
    }
    let (status, done) = ask(&server, &admin, "POST", DESTROY, Value::Null).await;
    assert!(status.is_success() && done["code"].is_null(), "{status} {done}");
    // Spent: the next one is a new request.
    let (_, listed) = ask(&server, &deputy, "GET", "/v1/approvals", Value::Null).await;
    assert!(listed["approvals"].as_array().unwrap().iter().all(|one| &one["id"] != id), "{listed}");
    let page = server.admin("GET", "/v1/journal?limit=1000", Value::Null).await;
    let told: Vec<(&str, &str)> = page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["detail"].as_str().unwrap_or_default().contains(id.as_str().unwrap()))
        .map(|entry| (entry["action"].as_str().unwrap(), entry["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(told[0], ("propose", "success"));
    assert!(told.contains(&("destroy", "success")), "{told:?}");
}

#[tokio::test]
async fn two_approvals_are_two_people_who_may_approve_when_it_is_done() {
    let (server, deputy, third) = controlled(2).await;
    let admin = server.admin_token();
    let (_, waits) = ask(&server, &admin, "POST", DESTROY, Value::Null).await;
    let id = &waits["approval"];
    for _ in 0..2 {
        assert_eq!(approve(&server, &deputy, id).await.1["missing"], 1);
    }
    let user = client(&server, "user", &["user"]).await;
    assert_eq!(approve(&server, &user, id).await.0, StatusCode::NOT_FOUND, "may not even know");
    let auditor = client(&server, "auditor", &["auditor"]).await;
    assert_eq!(approve(&server, &auditor, id).await.0, StatusCode::FORBIDDEN);
    assert_eq!(approve(&server, &third, id).await.1["missing"], 0);
    // Whoever is revoked meanwhile approves nothing any more.
    let admin_asks = async |body| ask(&server, &admin, "POST", "/v1/clients/deputy/revoke", body).await;
    let (status, stuck) = admin_asks(Value::Null).await;
    assert_eq!((status, &stuck["code"]), (StatusCode::CONFLICT, &json!("wrong_state")), "{stuck}");
    assert_eq!(admin_asks(json!({ "leave_rules_stuck": true })).await.0, StatusCode::OK);
    let (status, waits) = ask(&server, &admin, "POST", DESTROY, Value::Null).await;
    assert_eq!((status, &waits["approval"]), (StatusCode::ACCEPTED, id), "{waits}");
    assert_eq!(server.admin("GET", "/v1/keys/k1", Value::Null).await["state"], "active");
}

#[tokio::test]
async fn what_is_denied_stays_denied_and_what_is_taken_back_is_gone() {
    let (server, deputy, third) = controlled(1).await;
    let admin = server.admin_token();
    let (_, waits) = ask(&server, &admin, "POST", DESTROY, Value::Null).await;
    let path = format!("/v1/approvals/{}/deny", waits["approval"].as_str().unwrap());
    assert_eq!(ask(&server, &deputy, "POST", &path, Value::Null).await.1["state"], "denied");
    assert_eq!(approve(&server, &third, &waits["approval"]).await.0, StatusCode::CONFLICT);
    assert_eq!(ask(&server, &admin, "POST", DESTROY, Value::Null).await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(&server, &admin, "POST", &path, Value::Null).await.0, StatusCode::OK);
    assert_eq!(approve(&server, &third, &waits["approval"]).await.0, StatusCode::NOT_FOUND);
    let (status, anew) = ask(&server, &admin, "POST", DESTROY, Value::Null).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_ne!(anew["approval"], waits["approval"]);
}

#[tokio::test]
async fn nobody_gets_around_a_rule() {
    let (server, deputy, _) = controlled(1).await;
    let admin = server.admin_token();
    let rule = |needs: u8| json!({ "actions": ["restore-key"], "needs": needs, "roles": ["admin"] });
    for (method, path, body) in [
        // The rule itself, replaced or taken away.
        ("DELETE", "/v1/approval-rules/two-people", Value::Null),
        ("PUT", "/v1/approval-rules/two-people", rule(1)),
        ("PUT", "/v1/approval-rules/another", rule(1)),
        // What it names, by other routes.
        ("POST", "/v1/keys/k1/export", json!({ "format": "raw" })),
        ("PATCH", "/v1/clients/deputy", json!({ "groups": ["g"] })),
        ("POST", "/v1/access/rules", json!({ "text": "@id(\"a\") permit (principal, action, resource);" })),
    ] {
        let (status, waits) = ask(&server, &admin, method, path, body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{method} {path}: {waits}");
        assert!(waits["approval"].is_string(), "{waits}");
    }
    // What cannot be told to others whole is refused.
    let erase = json!({ "tag": "a=b", "confirm": "tag a=b" });
    assert_eq!(ask(&server, &admin, "POST", "/v1/erasures", erase).await.0, StatusCode::FORBIDDEN);
    let split = json!({ "parts": 3, "threshold": 2, "method": "polynomial-gf256" });
    let (status, answer) = ask(&server, &admin, "POST", "/v1/keys/k1/split", split).await;
    assert!(!status.is_success(), "{answer}");
    // What waits is told whole, and approved by whoever may.
    let (_, listed) = ask(&server, &deputy, "GET", "/v1/approvals", Value::Null).await;
    let waiting = listed["approvals"].as_array().unwrap();
    let removal = waiting.iter().find(|one| one["terms"][0]["name"] == "remove rule").unwrap();
    assert_eq!(removal["terms"][0]["value"], "two-people");
    approve(&server, &deputy, &removal["id"]).await;
    let (status, _) = ask(&server, &admin, "DELETE", "/v1/approval-rules/two-people", Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, done) = ask(&server, &admin, "POST", DESTROY, Value::Null).await;
    assert!(status.is_success() && done["code"].is_null(), "{status} {done}");
}

#[tokio::test]
async fn of_two_requests_with_one_approval_one_is_done() {
    let (server, deputy, _) = controlled(1).await;
    let server = std::sync::Arc::new(server);
    let export = json!({ "wrap_with": "k1" });
    for _ in 0..5 {
        let admin = server.admin_token();
        let (_, waits) = ask(&server, &admin, "POST", "/v1/keys/k2/export", export.clone()).await;
        approve(&server, &deputy, &waits["approval"]).await;
        let racing: Vec<_> = (0..4)
            .map(|_| {
                let (server, admin, export) = (server.clone(), admin.clone(), export.clone());
                tokio::spawn(async move {
                    ask(&server, &admin, "POST", "/v1/keys/k2/export", export).await.0 == StatusCode::OK
                })
            })
            .collect();
        let mut done = 0;
        for task in racing {
            done += usize::from(task.await.unwrap());
        }
        assert_eq!(done, 1);
        // The others asked anew.
        let (_, listed) = ask(&server, &admin, "GET", "/v1/approvals", Value::Null).await;
        for one in listed["approvals"].as_array().unwrap() {
            let path = format!("/v1/approvals/{}/deny", one["id"].as_str().unwrap());
            ask(&server, &admin, "POST", &path, Value::Null).await;
        }
    }
}

#[tokio::test]
async fn a_rule_that_too_few_could_satisfy_is_refused() {
    let server = Server::start();
    let admin = server.admin_token();
    decline(&server).await;
    client(&server, "user", &["user"]).await;
    for (others, needs) in [1, 2].into_iter().enumerate() {
        let rule = json!({ "actions": ["destroy"], "needs": needs, "roles": ["admin"] });
        let (status, told) = ask(&server, &admin, "PUT", "/v1/approval-rules/people", rule).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{told}");
        assert!(told["detail"].as_str().unwrap().contains(&format!("there are {others} others")), "{told}");
        client(&server, &format!("admin-{needs}"), &["admin"]).await;
    }
    let rule = json!({ "actions": ["destroy"], "needs": 2, "roles": ["admin"] });
    let (status, told) = ask(&server, &admin, "PUT", "/v1/approval-rules/people", rule).await;
    assert_eq!(status, StatusCode::OK, "{told}");
}

#[tokio::test]
async fn what_a_key_says_of_its_destruction_is_part_of_what_is_approved() {
    let (server, deputy, _) = controlled(1).await;
    let admin = server.admin_token();
    let (_, waits) = ask(&server, &admin, "POST", DESTROY, Value::Null).await;
    assert_eq!(approve(&server, &deputy, &waits["approval"]).await.1["missing"], 0);
    server.admin("PATCH", "/v1/keys/k1", json!({ "destroy_waiting_days": 30 })).await;
    let (status, other) = ask(&server, &admin, "POST", DESTROY, Value::Null).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{other}");
    assert_ne!(other["approval"], waits["approval"]);
}

/// The answer to what must wait: its id and what it tells.
async fn waits(server: &Server, token: &str, (method, path, body): (&str, &str, Value)) -> Value {
    let (status, told) = ask(server, token, method, path, body).await;
    assert_eq!(
        (status, &told["code"]),
        (StatusCode::ACCEPTED, &json!("approval_pending")),
        "{method} {path}: {told}"
    );
    told["approval"].clone()
}

async fn terms(server: &Server, token: &str, id: &Value) -> Vec<(String, String)> {
    let (_, shown) =
        ask(server, token, "GET", &format!("/v1/approvals/{}", id.as_str().unwrap()), Value::Null).await;
    let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    shown["terms"].as_array().unwrap().iter().map(|one| (text(one, "name"), text(one, "value"))).collect()
}

#[tokio::test]
async fn power_by_an_access_rule_comes_after_it_is_said_whether_two_must_agree() {
    let server = Server::start();
    let all = r#"@id("ops") permit (principal in Group::"ops", action, resource);"#;
    let some = r#"@id("ops") permit (principal in Group::"ops", action in [Action::"reload", Action::"encrypt"], resource);"#;
    let use_alone = r#"@id("ops") permit (principal in Group::"ops", action in [Action::"use", Action::"read"], resource);"#;
    let admin = server.admin_token();
    let apply =
        async |text: &str| ask(&server, &admin, "POST", "/v1/access/rules", json!({ "text": text })).await;
    for text in [all, some] {
        let (status, told) = apply(text).await;
        assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("wrong_state")), "{told}");
        assert!(told["detail"].as_str().unwrap().contains("release two-administrators"), "{told}");
    }
    assert_eq!(apply(use_alone).await.0, StatusCode::OK);
    let (status, told) =
        ask(&server, &admin, "DELETE", "/v1/approval-rules/two-administrators", Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{told}");
    assert_eq!(apply(all).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_changes_a_key_waits_where_a_rule_says_so_and_says_all_that_it_would_do() {
    let (server, deputy, _) = controlled(1).await;
    let admin = server.admin_token();
    client(&server, "app", &["user"]).await;
    let actions = ["grant", "revoke", "disable", "enable", "modify-attributes", "change-policy"];
    let rule = json!({ "actions": actions, "needs": 1, "roles": ["admin"] });
    let id = waits(&server, &admin, ("PUT", "/v1/approval-rules/changes", rule.clone())).await;
    approve(&server, &deputy, &id).await;
    assert_eq!(ask(&server, &admin, "PUT", "/v1/approval-rules/changes", rule).await.0, StatusCode::OK);
    let grant = |actions: &[&str]| ("PUT", "/v1/keys/k1/grants/app", json!({ "actions": actions }));
    let requests = [
        (grant(&["decrypt"]), grant(&["decrypt", "get"]), "decrypt"),
        (
            ("PATCH", "/v1/keys/k1", json!({ "lease_seconds": 60 })),
            ("PATCH", "/v1/keys/k1", json!({ "lease_seconds": 61 })),
            "60",
        ),
        (
            ("PATCH", "/v1/keys/k1", json!({ "name": "k8" })),
            ("PATCH", "/v1/keys/k1", json!({ "name": "k9" })),
            "k8",
        ),
        (("POST", "/v1/keys/k2/disable", Value::Null), ("POST", "/v1/keys/k8/disable", Value::Null), ""),
        (("POST", "/v1/keys/k2/enable", Value::Null), ("POST", "/v1/keys/k8/enable", Value::Null), ""),
        (
            ("POST", "/v1/keys/k2/revoke", json!({ "reason": "superseded" })),
            ("POST", "/v1/keys/k2/revoke", json!({ "reason": "key-compromise" })),
            "Superseded",
        ),
    ];
    for (asked, other, told) in requests {
        let id = waits(&server, &admin, asked.clone()).await;
        let path = format!("/v1/approvals/{}", id.as_str().unwrap());
        let shown = ask(&server, &deputy, "GET", &path, Value::Null).await.1;
        assert!(shown["terms"].to_string().contains(told), "{shown}");
        approve(&server, &deputy, &id).await;
        // What was approved serves nothing else.
        assert_ne!(waits(&server, &admin, other).await, id);
        let (method, path, body) = asked;
        let (status, done) = ask(&server, &admin, method, path, body).await;
        assert!(status.is_success() && status != StatusCode::ACCEPTED, "{method} {path}: {status} {done}");
    }
}

#[tokio::test]
async fn a_signature_and_a_decryption_wait_for_others_each_for_one_message() {
    let (server, deputy, _) = controlled(1).await;
    let admin = server.admin_token();
    server.admin("POST", "/v1/keys", json!({ "name": "release", "algorithm": "ed25519" })).await;
    let sealed =
        server.admin("POST", "/v1/keys/k1/encrypt", json!({ "plaintext": base64(b"payroll") })).await;
    let rule = json!({ "actions": ["sign", "decrypt"], "needs": 1, "roles": ["admin"] });
    let id = waits(&server, &admin, ("PUT", "/v1/approval-rules/uses", rule.clone())).await;
    approve(&server, &deputy, &id).await;
    assert_eq!(ask(&server, &admin, "PUT", "/v1/approval-rules/uses", rule).await.0, StatusCode::OK);
    let sign = |message: &[u8]| ("POST", "/v1/keys/release/sign", json!({ "data": base64(message) }));
    let decrypt = ("POST", "/v1/keys/k1/decrypt", json!({ "ciphertext": sealed["ciphertext"] }));
    for (asked, field) in [(sign(b"v1.0"), "signature"), (decrypt, "plaintext")] {
        let id = waits(&server, &admin, asked.clone()).await;
        assert_ne!(waits(&server, &admin, sign(b"v1.0, altered")).await, id);
        approve(&server, &deputy, &id).await;
        let (method, path, body) = asked.clone();
        let (status, done) = ask(&server, &admin, method, path, body).await;
        assert!(status == StatusCode::OK && done[field].is_string(), "{status} {done}");
        assert_ne!(waits(&server, &admin, asked).await, id, "it is spent");
    }
    // What protects waits for nobody, and a stream cannot be told to others.
    server.admin("POST", "/v1/keys/k1/encrypt", json!({ "plaintext": base64(b"more") })).await;
    assert_eq!(
        server.raw("/v1/keys/release/sign-stream", b"v1.0".to_vec()).await.status,
        StatusCode::FORBIDDEN
    );
    // Once it is released the next use sees it.
    let release = || ("DELETE", "/v1/approval-rules/uses", Value::Null);
    let id = waits(&server, &admin, release()).await;
    approve(&server, &deputy, &id).await;
    assert_eq!(ask(&server, &admin, release().0, release().1, Value::Null).await.0, StatusCode::NO_CONTENT);
    let (method, path, body) = sign(b"v1.1");
    assert_eq!(ask(&server, &admin, method, path, body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn whatever_makes_or_uses_a_key_can_wait_for_others_and_only_what_they_saw_is_done() {
    let (server, deputy, _) = controlled(1).await;
    let admin = server.admin_token();
    let key = async |name: &str, algorithm: &str| {
        server.admin("POST", "/v1/keys", json!({ "name": name, "algorithm": algorithm })).await
    };
    key("wrapping", "aes-256").await;
    key("codes", "hmac-sha256").await;
    key("release", "ed25519").await;
    key("base", "hmac-sha256").await;
    let post = async |path: &str, body: Value| server.admin("POST", path, body).await;
    let code = post("/v1/keys/codes/mac", json!({ "data": base64(b"one") })).await["mac"].clone();
    let signature =
        post("/v1/keys/release/sign", json!({ "data": base64(b"one") })).await["signature"].clone();
    let wrapped =
        post("/v1/keys/wrapping/wrap", json!({ "plaintext": base64(&[7; 32]) })).await["wrapped"].clone();
    let actions = [
        "create",
        "register",
        "rekey",
        "import-version",
        "encrypt",
        "verify",
        "mac",
        "mac-verify",
        "wrap",
        "unwrap",
        "derive",
        "datakey",
        "datakey-without-plaintext",
        "tag",
        "set-alias",
        "remove-alias",
        "create-realm",
    ];
    let rule = json!({ "actions": actions, "needs": 1, "roles": ["admin"] });
    let id = waits(&server, &admin, ("PUT", "/v1/approval-rules/all", rule.clone())).await;
    approve(&server, &deputy, &id).await;
    assert_eq!(ask(&server, &admin, "PUT", "/v1/approval-rules/all", rule).await.0, StatusCode::OK);
    let aes = |name: &str| json!({ "name": name, "algorithm": "aes-256" });
    let data = |bytes: &[u8]| json!({ "data": base64(bytes) });
    let brought = |name: &str, byte: u8| {
        let material = json!({ "format": "raw", "data": base64(&[byte; 32]) });
        json!({ "name": name, "algorithm": "aes-256", "material": material })
    };
    let version = |byte: u8| json!({ "material": { "format": "raw", "data": base64(&[byte; 32]) } });
    let checked = |field: &str, proof: &Value, bytes: &[u8]| json!({ "data": base64(bytes), field: proof });
    let derived = |info: &[u8]| json!({ "name": "derived", "algorithm": "aes-256", "method": "hkdf", "info": base64(info) });
    let secret = |byte: u8| json!({ "plaintext": base64(&[byte; 32]) });
    let realm = |name: &str| json!({ "name": name, "administrator": "first" });
    let requests = [
        ("POST", "/v1/keys", aes("made"), aes("other")),
        ("POST", "/v1/keys", brought("brought", 1), brought("brought", 2)),
        ("POST", "/v1/keys/k1/rotate", Value::Null, Value::Null),
        ("POST", "/v1/keys/k1/versions", version(3), version(4)),
        ("POST", "/v1/keys/k1/encrypt", secret(1), secret(2)),
        (
            "POST",
            "/v1/keys/release/verify",
            checked("signature", &signature, b"one"),
            checked("signature", &signature, b"two"),
        ),
        ("POST", "/v1/keys/codes/mac", data(b"one"), data(b"two")),
        ("POST", "/v1/keys/codes/mac/verify", checked("mac", &code, b"one"), checked("mac", &code, b"two")),
        ("POST", "/v1/keys/wrapping/wrap", secret(3), secret(4)),
        (
            "POST",
            "/v1/keys/wrapping/unwrap",
            json!({ "wrapped": wrapped }),
            json!({ "wrapped": base64(&[1; 40]) }),
        ),
        ("POST", "/v1/keys/base/derive", derived(b"one"), derived(b"two")),
        ("POST", "/v1/keys/k1/datakey", json!({ "bits": 128 }), json!({ "bits": 256 })),
        ("PATCH", "/v1/keys/k1", json!({ "tags": { "team": "a" } }), json!({ "tags": { "team": "b" } })),
        ("PUT", "/v1/aliases/front", json!({ "key": "k1" }), json!({ "key": "k2" })),
        ("DELETE", "/v1/aliases/front", Value::Null, Value::Null),
        ("POST", "/v1/realms", realm("north"), realm("south")),
    ];
    for (method, path, asked, other) in requests {
        let id = waits(&server, &admin, (method, path, asked.clone())).await;
        approve(&server, &deputy, &id).await;
        if other != asked {
            let another = waits(&server, &admin, (method, path, other)).await;
            assert_ne!(another, id, "{method} {path}");
            let deny = format!("/v1/approvals/{}/deny", another.as_str().unwrap());
            ask(&server, &admin, "POST", &deny, Value::Null).await;
        }
        let (status, done) = ask(&server, &admin, method, path, asked).await;
        assert!(status.is_success() && status != StatusCode::ACCEPTED, "{method} {path}: {status} {done}");
    }
}

#[tokio::test]
async fn an_access_rule_that_looks_at_approvals_lets_a_request_wait_for_as_many() {
    let (server, deputy, third) = controlled(1).await;
    let admin = server.admin_token();
    let ops = client(&server, "ops", &["user"]).await;
    let rule = r#"@id("two") permit (principal == Principal::"ops", action in [Action::"disable", Action::"rekey", Action::"create-principal"], resource)
        when { context.approvals >= 2 };"#;
    let apply = || ("POST", "/v1/access/rules", json!({ "text": rule }));
    let id = waits(&server, &admin, apply()).await;
    approve(&server, &deputy, &id).await;
    assert_eq!(ask(&server, &admin, "POST", "/v1/access/rules", apply().2).await.0, StatusCode::OK);
    let disable = || ("POST", "/v1/keys/k1/disable", Value::Null);
    let id = waits(&server, &ops, disable()).await;
    assert_eq!(server.admin("GET", "/v1/keys/k1", Value::Null).await["state"], "active");
    // Who asks is no administrator: one administrator more than the rule wants, lest one of them made who asks.
    for (approver, missing) in [(&admin, 2), (&deputy, 1)] {
        assert_eq!(approve(&server, approver, &id).await.1["missing"], missing);
        assert_eq!(waits(&server, &ops, disable()).await, id);
    }
    assert_eq!(approve(&server, &third, &id).await.1["missing"], 0);
    assert_eq!(ask(&server, &ops, "POST", "/v1/keys/k1/disable", Value::Null).await.0, StatusCode::OK);
    // What the rule does not allow with any number stays denied or hidden.
    for (path, status) in
        [("/v1/keys/k2/destroy", StatusCode::NOT_FOUND), ("/v1/keys/k2/rotate", StatusCode::ACCEPTED)]
    {
        let (found, told) = ask(&server, &ops, "POST", path, Value::Null).await;
        assert_eq!(found, status, "{path}: {told}");
    }
    // Also what is looked at before its body is read.
    waits(&server, &ops, ("POST", "/v1/clients", json!({ "name": "new", "token": true }))).await;
    let case = |approvals: u8, expect: &str| json!({ "principal": "ops", "action": "disable", "key": { "name": "k9" }, "approvals": approvals, "expect": expect });
    let cases = json!({ "cases": [case(0, "deny"), case(1, "deny"), case(2, "allow")] });
    assert_eq!(server.admin("POST", "/v1/access/test", cases).await["passed"], true);
}

#[tokio::test]
async fn doctor_goes_on_where_there_are_rules_and_knows_of_them() {
    let (server, ..) = controlled(1).await;
    let doctor = server.admin("GET", "/v1/doctor", Value::Null).await;
    assert!(doctor["findings"].is_array(), "{doctor}");
}

#[tokio::test]
async fn what_waits_is_explained_by_the_rules_that_hold_it_up() {
    let (server, deputy, _) = controlled(1).await;
    let admin = server.admin_token();
    let id = waits(&server, &admin, ("POST", DESTROY, Value::Null)).await;
    let journal = server.admin("GET", "/v1/journal?kind=propose&limit=1000", Value::Null).await;
    let entry = journal["entries"].as_array().unwrap().last().unwrap().clone();
    assert!(entry["detail"].as_str().unwrap().contains(id.as_str().unwrap()), "{entry}");
    let explain = async || {
        let path = format!("/v1/access/explain/{}", entry["lsn"]);
        let explained = server.admin("GET", &path, Value::Null).await;
        assert_eq!(explained["now"], Value::Null, "{explained}");
        explained["waits_for"].as_array().unwrap().len()
    };
    assert_eq!(explain().await, 1);
    approve(&server, &deputy, &id).await;
    assert_eq!(ask(&server, &admin, "POST", DESTROY, Value::Null).await.0, StatusCode::OK);
    assert_eq!(explain().await, 0);
}

#[tokio::test]
async fn the_second_administrator_brings_a_rule_and_no_third_self() {
    let server = Server::start();
    let admin = server.admin_token();
    for key in ["k1", "k2"] {
        server
            .admin("POST", "/v1/keys", json!({ "name": key, "algorithm": "aes-256", "exportable": true }))
            .await;
    }
    let user = server.admin("POST", "/v1/clients", json!({ "name": "user", "roles": ["user"] })).await;
    assert!(user["approval_rule"].is_null(), "{user}");
    let deputy = json!({ "name": "deputy", "roles": ["admin"], "token": true });
    let made = server.admin("POST", "/v1/clients", deputy).await;
    assert_eq!(made["approval_rule"], "two-administrators");
    let deputy = made["token"].as_str().unwrap();
    let secret = |text: &str| json!({ "passphrase": text });
    let unlocks =
        json!({ "old": secret("correct horse battery staple"), "new": secret("correct horse battery") });
    let one_rule = json!({ "actions": ["backup"], "needs": 1, "roles": ["user"] });
    for request in [
        ("POST", DESTROY, Value::Null),
        ("POST", "/v1/keys/k1/export", json!({ "wrap_with": "k2" })),
        ("POST", "/v1/keys/k1/restore", json!({ "as_of": u64::MAX.to_string() })),
        ("POST", "/v1/access/rules", json!({ "text": "@id(\"a\") permit (principal, action, resource);" })),
        ("PATCH", "/v1/keys/k1", json!({ "lease_seconds": 60 })),
        ("POST", "/v1/backups", json!({ "to": "/tmp/keyreeve-nowhere", "cell": false })),
        ("POST", "/v1/root/unlock", unlocks.clone()),
        ("POST", "/v1/root/replace", unlocks),
        ("DELETE", "/v1/approval-rules/two-administrators", Value::Null),
        ("PUT", "/v1/approval-rules/mine", one_rule),
        // A second self, by each way to get one.
        ("POST", "/v1/clients", json!({ "name": "self", "roles": ["admin"] })),
        ("PATCH", "/v1/clients/user", json!({ "roles": ["admin"] })),
        ("PATCH", "/v1/clients/deputy", json!({ "roles": ["user"] })),
        ("POST", "/v1/clients/deputy/renew", json!({})),
        ("POST", "/v1/tokens", json!({ "client": "deputy" })),
        ("POST", "/v1/tokens", json!({ "client": "self", "roles": ["admin"] })),
        ("POST", "/v1/credentials", json!({ "client": "deputy", "secret_id": {} })),
    ] {
        waits(&server, &admin, request).await;
        // One client has room for sixteen.
        let (_, listed) = ask(&server, &admin, "GET", "/v1/approvals", Value::Null).await;
        for one in listed["approvals"].as_array().unwrap() {
            let path = format!("/v1/approvals/{}/deny", one["id"].as_str().unwrap());
            ask(&server, &admin, "POST", &path, Value::Null).await;
        }
    }
    // Everyday work, one's own credentials and shutting others out wait for nobody.
    for (method, path, body) in [
        ("POST", "/v1/clients", json!({ "name": "app" })),
        ("PATCH", "/v1/keys/k1", json!({ "name": "k3" })),
        ("PATCH", "/v1/keys/k3", json!({ "name": "k1" })),
        ("PUT", "/v1/keys/k1/grants/app", json!({ "actions": ["encrypt"] })),
        ("POST", "/v1/keys/k2/disable", Value::Null),
        ("PATCH", "/v1/clients/app", json!({ "groups": ["shop"] })),
        ("POST", "/v1/tokens", json!({ "client": "app" })),
        ("POST", "/v1/tokens", json!({ "client": "admin" })),
        ("POST", "/v1/clients/app/revoke", Value::Null),
    ] {
        let (status, told) = ask(&server, &admin, method, path, body).await;
        assert!(status.is_success() && status != StatusCode::ACCEPTED, "{method} {path}: {told}");
    }
    let (status, stuck) = ask(&server, &admin, "POST", "/v1/clients/deputy/revoke", Value::Null).await;
    assert_eq!(status, StatusCode::CONFLICT, "{stuck}");
    // Two agree that each may act alone from now on, and no rule comes back by itself.
    let release = || ("DELETE", "/v1/approval-rules/two-administrators", Value::Null);
    let id = waits(&server, &admin, release()).await;
    approve(&server, deputy, &id).await;
    let (method, path, body) = release();
    assert_eq!(ask(&server, &admin, method, path, body).await.0, StatusCode::NO_CONTENT);
    let third = json!({ "name": "third", "roles": ["admin"] });
    assert!(server.admin("POST", "/v1/clients", third).await["approval_rule"].is_null());
    let (status, _) = ask(&server, &admin, "POST", DESTROY, Value::Null).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn what_concerns_approvers_is_done_once_another_of_them_approves() {
    let server = Server::start();
    let admin = server.admin_token();
    server.admin("POST", "/v1/clients", json!({ "name": "user", "roles": ["user"] })).await;
    let deputy = json!({ "name": "deputy", "roles": ["admin"], "token": true });
    let made = server.admin("POST", "/v1/clients", deputy).await;
    let deputy = made["token"].as_str().unwrap();
    let become_one = || ("PATCH", "/v1/clients/user", json!({ "roles": ["admin"] }));
    let id = waits(&server, &admin, become_one()).await;
    let (_, listed) = ask(&server, deputy, "GET", "/v1/approvals", Value::Null).await;
    assert_eq!(listed["approvals"][0]["missing"], 1, "{listed}");
    // Another credential of theirs, and it is another request.
    assert_eq!(
        ask(&server, &admin, "POST", "/v1/tokens", json!({ "client": "user" })).await.0,
        StatusCode::CREATED
    );
    approve(&server, deputy, &id).await;
    let id = waits(&server, &admin, become_one()).await;
    approve(&server, deputy, &id).await;
    let (method, path, body) = become_one();
    let (status, told) = ask(&server, &admin, method, path, body).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    for request in [
        || ("POST", "/v1/clients/deputy/renew", json!({})),
        || ("POST", "/v1/clients", json!({ "name": "third", "roles": ["admin"] })),
        || ("PATCH", "/v1/clients/user", json!({ "roles": ["user"] })),
    ] {
        let id = waits(&server, &admin, request()).await;
        approve(&server, deputy, &id).await;
        let (method, path, body) = request();
        let (status, told) = ask(&server, &admin, method, path, body).await;
        assert!(status.is_success() && status != StatusCode::ACCEPTED, "{path}: {told}");
    }
}

#[tokio::test]
async fn who_becomes_the_second_administrator_brings_the_rule_too_and_who_declined_it_gets_none() {
    let server = Server::start();
    let change = json!({ "roles": ["admin"] });
    server.admin("POST", "/v1/clients", json!({ "name": "user", "roles": ["user"] })).await;
    let changed = server.admin("PATCH", "/v1/clients/user", change).await;
    assert_eq!(changed["approval_rule"], "two-administrators");
    let rules = server.admin("GET", "/v1/approval-rules", Value::Null).await;
    assert_eq!(rules["rules"][0]["name"], "two-administrators");
    let server = Server::start();
    decline(&server).await;
    let made = server.admin("POST", "/v1/tokens", json!({ "client": "other", "roles": ["admin"] })).await;
    assert!(made["approval_rule"].is_null(), "{made}");
    let rules = server.admin("GET", "/v1/approval-rules", Value::Null).await;
    assert_eq!(rules["rules"], json!([]));
}

#[tokio::test]
async fn a_rule_about_certain_keys_and_groups_holds_for_these_alone() {
    let server = Server::start();
    let admin = server.admin_token();
    decline(&server).await;
    let board = client(&server, "board", &["user"]).await;
    server.admin("PATCH", "/v1/clients/board", json!({ "groups": ["board"] })).await;
    for key in ["k1", "k2"] {
        server.admin("POST", "/v1/keys", json!({ "name": key, "algorithm": "aes-256" })).await;
    }
    let rule = json!({ "actions": ["destroy"], "keys": ["k1"], "needs": 1, "groups": ["board"] });
    server.admin("PUT", "/v1/approval-rules/k1-alone", rule).await;
    assert_eq!(ask(&server, &admin, "POST", "/v1/keys/k2/destroy", Value::Null).await.0, StatusCode::OK);
    let id = waits(&server, &admin, ("POST", DESTROY, Value::Null)).await;
    let operator = client(&server, "operator", &["operator"]).await;
    assert_eq!(approve(&server, &operator, &id).await.0, StatusCode::NOT_FOUND, "not in the group");
    // Who leaves the group approves no more, and to take it out of it or into it waits as well.
    let outsider = json!({ "groups": ["board"] });
    waits(&server, &admin, ("PATCH", "/v1/clients/operator", outsider)).await;
    assert_eq!(approve(&server, &board, &id).await.1["missing"], 0);
    assert_eq!(ask(&server, &admin, "POST", DESTROY, Value::Null).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_part_that_a_rule_guards_is_joined_nowhere_in_the_list_without_approval() {
    let server = Server::start();
    let admin = server.admin_token();
    decline(&server).await;
    let deputy = client(&server, "deputy", &["admin"]).await;
    let key = json!({ "name": "whole", "algorithm": "aes-256", "exportable": true, "sensitive": false });
    server.admin("POST", "/v1/keys", key).await;
    let split = json!({ "name": "part", "parts": 3, "threshold": 2 });
    server.admin("POST", "/v1/keys/whole/split", split).await;
    let rule = json!({ "actions": ["get"], "keys": ["part-3"], "needs": 1, "roles": ["admin"] });
    server.admin("PUT", "/v1/approval-rules/vault", rule).await;
    let join = |name: &str, parts: [&str; 2]| ("POST", "/v1/join", json!({ "name": name, "parts": parts }));
    // About further parts nobody is asked.
    let (method, path, body) = join("again", ["part-1", "part-3"]);
    let (status, refused) = ask(&server, &admin, method, path, body).await;
    assert_eq!((status, &refused["code"]), (StatusCode::FORBIDDEN, &json!("denied")), "{refused}");
    let guarded = || join("approved", ["part-3", "part-1"]);
    let id = waits(&server, &admin, guarded()).await;
    assert_ne!(waits(&server, &admin, join("approved", ["part-3", "part-2"])).await, id);
    approve(&server, &deputy, &id).await;
    let (method, path, body) = guarded();
    let (status, joined) = ask(&server, &admin, method, path, body).await;
    assert!(status.is_success() && status != StatusCode::ACCEPTED, "{joined}");
    let (method, path, body) = join("again", ["part-1", "part-2"]);
    let (status, joined) = ask(&server, &admin, method, path, body).await;
    assert!(status.is_success() && status != StatusCode::ACCEPTED, "{joined}");
}

/// Whoever may not do something alone does not do it by a way that has another name.
#[tokio::test]
async fn what_amounts_to_what_a_rule_is_about_waits_as_that_or_is_refused() {
    let server = Server::start();
    let admin = server.admin_token();
    decline(&server).await;
    let deputy = client(&server, "deputy", &["admin"]).await;
    for name in ["k1", "k2", "late"] {
        let key =
            json!({ "name": name, "algorithm": "aes-256", "exportable": true, "active": name != "late" });
        server.admin("POST", "/v1/keys", key).await;
    }
    server.admin("PUT", "/v1/aliases/front", json!({ "key": "k1" })).await;
    let material = json!({ "format": "raw", "data": base64(&[1; 40]), "wrapped_with": "k1" });
    let counter = json!({ "mode": "ctr", "iv": base64(&[1; 16]), "plaintext": base64(b"a ciphertext") });
    let (asked, refused) = (StatusCode::ACCEPTED, StatusCode::FORBIDDEN);
    for (ruled, method, path, body, expected) in [
        ("change-policy", "PATCH", "/v1/keys/k1", json!({ "name": "k", "lease_seconds": 60 }), asked),
        ("tag", "PATCH", "/v1/keys/k1", json!({ "name": "k", "tags": { "a": "b" } }), asked),
        ("tag", "PATCH", "/v1/keys/k1", json!({ "tags": { "a": "b" }, "lease_seconds": 60 }), asked),
        ("revoke", "PATCH", "/v1/keys/k1", json!({ "deactivation": "2099-01-01T00:00:00Z" }), asked),
        ("revoke", "PATCH", "/v1/keys/k1", json!({ "usage_limits": { "total": 1, "unit": "uses" } }), asked),
        ("activate", "PATCH", "/v1/keys/late", json!({ "activation": "2099-01-01T00:00:00Z" }), asked),
        (
            "unwrap",
            "POST",
            "/v1/keys",
            json!({ "name": "in", "algorithm": "aes-256", "material": material }),
            refused,
        ),
        ("wrap", "POST", "/v1/keys/k2/export", json!({ "wrap_with": "k1" }), refused),
        ("remove-alias", "PUT", "/v1/aliases/front", json!({ "key": "k2" }), refused),
        ("decrypt", "POST", "/v1/keys/k1/encrypt", counter, refused),
    ] {
        let rule = json!({ "actions": [ruled], "keys": ["k1", "late"], "needs": 1, "roles": ["admin"] });
        server.admin("PUT", "/v1/approval-rules/alone", rule).await;
        let (status, told) = ask(&server, &admin, method, path, body.clone()).await;
        assert_eq!(status, expected, "{ruled}: {method} {path} {body}: {told}");
        if expected == refused {
            let detail = told["detail"].as_str().unwrap();
            assert!(detail.contains(ruled) && detail.contains("approval"), "{told}");
        } else {
            approve(&server, &deputy, &told["approval"]).await;
            let (status, done) = ask(&server, &admin, method, path, body).await;
            assert_eq!(status, StatusCode::OK, "{ruled}: {done}");
            if done["name"] == "k" {
                let back = json!({ "name": "k1" });
                assert_eq!(ask(&server, &admin, "PATCH", "/v1/keys/k", back).await.0, StatusCode::OK);
            }
        }
        release(&server, &admin, &deputy).await;
    }
    // One rule about both: who approves the one has seen the other.
    let rule = json!({ "actions": ["get", "wrap"], "needs": 1, "roles": ["admin"] });
    server.admin("PUT", "/v1/approval-rules/alone", rule).await;
    let export = ("POST", "/v1/keys/k2/export", json!({ "wrap_with": "k1" }));
    let id = waits(&server, &admin, export.clone()).await;
    approve(&server, &deputy, &id).await;
    let (status, exported) = ask(&server, &admin, export.0, export.1, export.2).await;
    assert_eq!(status, StatusCode::OK, "{exported}");
}

/// Takes the rule `alone` away, as another approves.
async fn release(server: &Server, admin: &str, deputy: &str) {
    let path = "/v1/approval-rules/alone";
    let id = waits(server, admin, ("DELETE", path, Value::Null)).await;
    approve(server, deputy, &id).await;
    let (status, told) = ask(server, admin, "DELETE", path, Value::Null).await;
    assert!(status.is_success() && status != StatusCode::ACCEPTED, "{told}");
}

#[tokio::test]
async fn what_proves_a_new_client_is_part_of_what_is_approved() {
    let server = Server::start();
    let admin = server.admin_token();
    decline(&server).await;
    let deputy = client(&server, "deputy", &["admin"]).await;
    client(&server, "app", &["user"]).await;
    let rule = json!({ "actions": ["renew-credential", "create-principal"], "needs": 1, "roles": ["admin"] });
    // Two certificates of another authority.
    let other = Server::start();
    let mut pins = Vec::new();
    for name in ["one", "two"] {
        pins.push(other.admin("POST", "/v1/clients", json!({ "name": name })).await["certificate"].clone());
    }
    server.admin("PUT", "/v1/approval-rules/people", rule).await;
    let renew = |pin: &Value| ("POST", "/v1/clients/app/renew", json!({ "pin": pin }));
    let id = waits(&server, &admin, renew(&pins[0])).await;
    approve(&server, &deputy, &id).await;
    assert_ne!(waits(&server, &admin, renew(&pins[1])).await, id, "another certificate");
    let (method, path, body) = renew(&pins[0]);
    assert_eq!(ask(&server, &admin, method, path, body).await.0, StatusCode::OK);
    // What the server makes anew each time is told to be so, and can be approved all the same.
    let token = |days: u32| ("POST", "/v1/tokens", json!({ "client": "app", "days": days }));
    let id = waits(&server, &admin, token(1)).await;
    let told = terms(&server, &deputy, &id).await;
    assert!(told.contains(&("credential".into(), "token, made when it is done, 1 days".into())), "{told:?}");
    approve(&server, &deputy, &id).await;
    assert_ne!(waits(&server, &admin, token(30)).await, id, "for longer");
    let (method, path, body) = token(1);
    assert_eq!(ask(&server, &admin, method, path, body).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn rules_too_long_to_be_told_are_approved_by_their_hash() {
    let (server, deputy, _) = controlled(1).await;
    let admin = server.admin_token();
    let long = |last: &str| {
        let rules = (0..400).map(|number| {
            format!(
                "@id(\"r{number}\") permit (principal == Principal::\"nobody-{number}\", action, resource);"
            )
        });
        let text = rules.chain([last.to_owned()]).collect::<Vec<_>>().join("\n");
        assert!(text.len() > 16 * 1024);
        ("POST", "/v1/access/rules", json!({ "text": text }))
    };
    let id = waits(&server, &admin, long("")).await;
    let told = terms(&server, &deputy, &id).await;
    assert!(
        told.iter().any(|(name, value)| name == "apply the text of SHA-256" && value.len() == 64),
        "{told:?}"
    );
    assert!(told.contains(&("rules".into(), "400".into())));
    approve(&server, &deputy, &id).await;
    assert_ne!(waits(&server, &admin, long("@id(\"x\") permit (principal, action, resource);")).await, id);
    let (method, path, body) = long("");
    assert_eq!(ask(&server, &admin, method, path, body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_is_done_to_the_store_waits_and_is_done_once() {
    let (server, deputy, _) = controlled(1).await;
    let admin = server.admin_token();
    let rule =
        json!({ "actions": ["backup", "remove-target", "retire-cell"], "needs": 1, "roles": ["admin"] });
    let put = ("PUT", "/v1/approval-rules/store", rule);
    let id = waits(&server, &admin, put.clone()).await;
    approve(&server, &deputy, &id).await;
    assert_eq!(ask(&server, &admin, put.0, put.1, put.2).await.0, StatusCode::OK);
    let folder = tempfile::tempdir().unwrap();
    let backup =
        |name: &str| ("POST", "/v1/backups", json!({ "to": folder.path().join(name), "cell": false }));
    let id = waits(&server, &admin, backup("one")).await;
    assert!(!folder.path().join("one").exists());
    approve(&server, &deputy, &id).await;
    waits(&server, &admin, backup("two")).await;
    let (method, path, body) = backup("one");
    let (status, told) = ask(&server, &admin, method, path, body).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_ne!(waits(&server, &admin, backup("one")).await, id, "it is spent");
    let name = told["target"].clone();
    waits(&server, &admin, ("POST", "/v1/targets/remove", json!({ "name": name }))).await;
    waits(&server, &admin, ("POST", "/v1/backups/drill", json!({}))).await;
}

#[tokio::test]
async fn a_first_backup_to_a_new_place_waits_and_later_ones_to_it_do_not() {
    let (server, deputy, _) = controlled(1).await;
    let admin = server.admin_token();
    let rule = json!({ "actions": ["register-target"], "needs": 1, "roles": ["admin"] });
    let put = ("PUT", "/v1/approval-rules/places", rule);
    let id = waits(&server, &admin, put.clone()).await;
    approve(&server, &deputy, &id).await;
    assert_eq!(ask(&server, &admin, put.0, put.1, put.2).await.0, StatusCode::OK);
    let folder = tempfile::tempdir().unwrap();
    let backup =
        |name: &str| ("POST", "/v1/backups", json!({ "to": folder.path().join(name), "cell": false }));
    let id = waits(&server, &admin, backup("one")).await;
    approve(&server, &deputy, &id).await;
    assert_ne!(waits(&server, &admin, backup("two")).await, id, "another place");
    assert!(!folder.path().join("one").exists());
    for _ in 0..2 {
        let (method, path, body) = backup("one");
        let (status, told) = ask(&server, &admin, method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{told}");
    }
}

#[tokio::test]
async fn an_administrator_alone_approves_nothing_that_a_client_of_their_making_asks() {
    let (server, deputy, _) = controlled(1).await;
    let admin = server.admin_token();
    let puppet = client(&server, "puppet", &["user"]).await;
    server.admin("PUT", "/v1/keys/k1/grants/puppet", json!({ "actions": ["destroy"] })).await;
    let id = waits(&server, &puppet, ("POST", DESTROY, Value::Null)).await;
    assert_eq!(approve(&server, &admin, &id).await.1["missing"], 1);
    assert_eq!(waits(&server, &puppet, ("POST", DESTROY, Value::Null)).await, id);
    assert_eq!(approve(&server, &deputy, &id).await.1["missing"], 0);
    assert_eq!(ask(&server, &puppet, "POST", DESTROY, Value::Null).await.0, StatusCode::OK);
}
