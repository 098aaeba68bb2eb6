//! Access rules over REST: what they open and shut, that a change counts at once, and that what is shut is not seen.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64};

async fn client(server: &Server, name: &str, roles: &[&str]) -> String {
    let added = json!({ "name": name, "roles": roles, "token": true });
    let added = server.admin("POST", "/v1/clients", added).await;
    added["token"].as_str().unwrap().to_owned()
}

async fn apply(server: &Server, text: &str) -> Value {
    server.admin("POST", "/v1/access/rules", json!({ "text": text })).await
}

async fn encrypt(server: &Server, token: &str, key: &str) -> StatusCode {
    let body = json!({ "plaintext": base64(b"data") });
    server.json(Proof::Token(token), "POST", &format!("/v1/keys/{key}/encrypt"), body).await.0
}

const USE_K1: &str = "@id(\"use-k1\") permit (principal in Group::\"shop\", action in [Action::\"use\", \
                      Action::\"read\"], resource) when { resource.name == \"k1\" };";

#[tokio::test]
async fn a_group_with_a_rule_on_one_key_reaches_that_key_alone() {
    let server = Server::start();
    let till = client(&server, "till", &[]).await;
    for key in ["k1", "k2"] {
        server.admin("POST", "/v1/keys", json!({ "name": key, "algorithm": "aes-256" })).await;
    }
    assert_eq!(encrypt(&server, &till, "k1").await, StatusCode::NOT_FOUND);
    let applied = apply(&server, USE_K1).await;
    assert_eq!(applied["added"], json!(["use-k1"]));
    assert_eq!(encrypt(&server, &till, "k1").await, StatusCode::NOT_FOUND, "not in the group yet");
    server.admin("PATCH", "/v1/clients/till", json!({ "groups": ["shop"] })).await;
    assert_eq!(encrypt(&server, &till, "k1").await, StatusCode::OK);
    assert_eq!(encrypt(&server, &till, "k2").await, StatusCode::NOT_FOUND);
    // Use is not management.
    for (method, path, body) in [
        ("POST", "/v1/keys/k1/activate", Value::Null),
        ("PATCH", "/v1/keys/k1", json!({ "lease_seconds": 60 })),
        ("PATCH", "/v1/keys/k1", json!({ "tags": { "a": "b" } })),
        ("POST", "/v1/keys/k1/destroy", Value::Null),
        ("PUT", "/v1/keys/k1/grants/till", json!({ "actions": ["destroy"] })),
    ] {
        let (status, answer) = server.json(Proof::Token(&till), method, path, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}: {answer}");
    }
    // Gone at the next request, each way.
    server.admin("PATCH", "/v1/clients/till", json!({ "groups": [] })).await;
    assert_eq!(encrypt(&server, &till, "k1").await, StatusCode::NOT_FOUND);
    server.admin("PATCH", "/v1/clients/till", json!({ "groups": ["shop"] })).await;
    assert_eq!(encrypt(&server, &till, "k1").await, StatusCode::OK);
    server.admin("DELETE", "/v1/access/rules/use-k1", Value::Null).await;
    assert_eq!(encrypt(&server, &till, "k1").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_rule_about_state_or_labels_follows_them_at_once() {
    let server = Server::start();
    let till = client(&server, "till", &["user"]).await;
    let made = json!({ "name": "own", "algorithm": "aes-256" });
    assert_eq!(server.json(Proof::Token(&till), "POST", "/v1/keys", made).await.0, StatusCode::CREATED);
    apply(
        &server,
        "@id(\"frozen\") forbid (principal, action in Action::\"use\", resource) \
         when { resource.hasTag(\"frozen\") || resource.state == \"compromised\" };",
    )
    .await;
    for _ in 0..3 {
        assert_eq!(encrypt(&server, &till, "own").await, StatusCode::OK);
        server.admin("PATCH", "/v1/keys/own", json!({ "tags": { "frozen": "yes" } })).await;
        assert_eq!(encrypt(&server, &till, "own").await, StatusCode::FORBIDDEN);
        server.admin("PATCH", "/v1/keys/own", json!({ "tags": { "frozen": null } })).await;
    }
    let (_, answer) = server
        .json(Proof::Token(&till), "POST", "/v1/keys/own/encrypt", json!({ "plaintext": base64(b"data") }))
        .await;
    let decrypt = json!({ "ciphertext": answer["ciphertext"] });
    let decrypts =
        async || server.json(Proof::Token(&till), "POST", "/v1/keys/own/decrypt", decrypt.clone()).await;
    assert_eq!(decrypts().await.0, StatusCode::OK);
    server.admin("POST", "/v1/keys/own/revoke", json!({ "reason": "key-compromise" })).await;
    let (status, problem) = decrypts().await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("frozen"), "{problem}");
    // Whoever may see the key, and auditors, are told what decided; for others there is no such entry.
    let page = server.admin("GET", "/v1/journal?key=own&limit=1000", Value::Null).await;
    let denied =
        page["entries"].as_array().unwrap().iter().rfind(|entry| entry["outcome"] == "denied").unwrap();
    let path = format!("/v1/access/explain/{}", denied["lsn"]);
    for token in [&till, &server.admin_token()] {
        let (status, explained) = server.json(Proof::Token(token), "GET", &path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{explained}");
        assert_eq!(explained["now"], json!({ "allowed": false, "by": "rule frozen forbids" }), "{explained}");
        assert!(explained["detail"].as_str().unwrap().contains("frozen"), "{explained}");
    }
    let other = client(&server, "other", &["user"]).await;
    let (status, _) = server.json(Proof::Token(&other), "GET", &path, Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn lists_and_pages_do_not_tell_of_what_a_rule_hides() {
    let server = Server::start();
    let auditor = client(&server, "auditor", &["auditor"]).await;
    for number in 0..6 {
        let key = json!({ "name": format!("k{number}"), "algorithm": "aes-256", "tags": { "n": number.to_string() } });
        server.admin("POST", "/v1/keys", key).await;
    }
    apply(
        &server,
        "@id(\"hide\") forbid (principal in Role::\"auditor\", action, resource is Key) \
         when { resource.name == \"k1\" || resource.name == \"k2\" };",
    )
    .await;
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/v1/keys?limit=2&after={after}");
        let (status, page) =
            server.json(Proof::Token(&auditor), "GET", path.trim_end_matches("&after="), Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        names.extend(
            page["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(names, ["k0", "k3", "k4", "k5"]);
    // What is hidden looks as what is not there, to the letter.
    let ask = async |name: &str| {
        let (status, problem) =
            server.json(Proof::Token(&auditor), "GET", &format!("/v1/keys/{name}"), Value::Null).await;
        (status, problem["detail"].clone(), problem["code"].clone())
    };
    assert_eq!(ask("k1").await, ask("none").await);
}

#[tokio::test]
async fn what_is_no_rule_or_would_lock_everybody_out_is_refused() {
    let server = Server::start();
    let admin = server.admin_token();
    let refuse = async |text: &str| {
        let body = json!({ "text": text });
        let (status, problem) = server.json(Proof::Token(&admin), "POST", "/v1/access/rules", body).await;
        (status, problem["detail"].as_str().unwrap_or_default().to_owned())
    };
    let (status, text) = refuse("@id(\"a\")\npermit (principal action);").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("line 2, column 19"), "{text}");
    // Names that differ by case alone cannot be.
    let (status, _) = refuse("@id(\"Freeze\") permit (principal, action, resource);").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    for scope in ["action", "action in Action::\"administer\"", "action == Action::\"set-access-rules\""] {
        let rule = format!(
            "@id(\"shut\") forbid (principal, {scope}, resource) when {{ context.protocol == \"x\" }};"
        );
        let (status, text) = refuse(&rule).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{scope}: {text}");
        assert!(text.contains("shut"), "{text}");
    }
    let (status, _) = refuse("@id(\"shut\") forbid (principal in Group::\"g\", action, resource);").await;
    assert_eq!(status, StatusCode::OK);
    // The last administrator stays one, outside of the group.
    for body in [json!({ "groups": ["g"] }), json!({ "roles": ["user"] })] {
        let (status, text) = server.json(Proof::Token(&admin), "PATCH", "/v1/clients/admin", body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{text}");
    }
    let rules = server.admin("GET", "/v1/access/rules", Value::Null).await;
    assert_eq!(rules["rules"].as_array().unwrap().len(), 1, "{rules}");
}

#[tokio::test]
async fn a_permission_that_is_revoked_is_gone_at_the_next_request_whoever_races() {
    let server = std::sync::Arc::new(Server::start());
    let till = client(&server, "till", &[]).await;
    server.admin("POST", "/v1/keys", json!({ "name": "k1", "algorithm": "aes-256" })).await;
    server.admin("PATCH", "/v1/clients/till", json!({ "groups": ["shop"] })).await;
    for round in 0..20 {
        apply(&server, USE_K1).await;
        let racing: Vec<_> = (0..4)
            .map(|_| {
                let (server, till) = (server.clone(), till.clone());
                tokio::spawn(async move { while encrypt(&server, &till, "k1").await == StatusCode::OK {} })
            })
            .collect();
        assert_eq!(encrypt(&server, &till, "k1").await, StatusCode::OK, "round {round}");
        server.admin("DELETE", "/v1/access/rules/use-k1", Value::Null).await;
        // Answered: from here on nobody gets through.
        for _ in 0..5 {
            assert_eq!(encrypt(&server, &till, "k1").await, StatusCode::NOT_FOUND, "round {round}");
        }
        for task in racing {
            task.await.unwrap();
        }
    }
}

#[tokio::test]
async fn rules_are_tested_and_simulated_by_what_decides() {
    let server = Server::start();
    client(&server, "till", &[]).await;
    server.admin("PATCH", "/v1/clients/till", json!({ "groups": ["shop"] })).await;
    server.admin("POST", "/v1/keys", json!({ "name": "k1", "algorithm": "aes-256" })).await;
    let case = |action: &str, key: &str, expect: &str| json!({ "principal": "till", "groups": ["shop"], "action": action, "key": { "name": key }, "expect": expect });
    let cases =
        [case("encrypt", "k1", "allow"), case("encrypt", "k2", "deny"), case("destroy", "k1", "allow")];
    let tested = server.admin("POST", "/v1/access/test", json!({ "text": USE_K1, "cases": cases })).await;
    let passed: Vec<_> =
        tested["results"].as_array().unwrap().iter().map(|one| one["passed"].clone()).collect();
    assert_eq!(passed, [true, true, false], "{tested}");
    let simulated = server.admin("POST", "/v1/access/simulate", json!({ "text": USE_K1 })).await;
    let differences = simulated["differences"].as_array().unwrap();
    assert!(!differences.is_empty() && simulated["complete"] == true, "{simulated}");
    for difference in differences {
        assert_eq!(difference["principal"], "till", "{difference}");
        assert_eq!(difference["key"], "k1", "{difference}");
        assert_eq!(difference["allowed"], true, "{difference}");
    }
    let who = json!({ "action": "encrypt", "key": "k1" });
    assert_eq!(
        server.admin("POST", "/v1/access/check", who.clone()).await["principals"].as_array().unwrap().len(),
        1
    );
    apply(&server, USE_K1).await;
    let holders = server.admin("POST", "/v1/access/check", who).await;
    assert_eq!(
        holders["principals"][1],
        json!({ "principal": "till", "by": "rule use-k1 permits" }),
        "{holders}"
    );
}

#[tokio::test]
async fn what_hangs_on_how_a_request_comes_is_asked_about_as_it_would_come() {
    let server = Server::start();
    client(&server, "till", &[]).await;
    server.admin("POST", "/v1/keys", json!({ "name": "k1", "algorithm": "aes-256" })).await;
    let text = r#"@id("by-kmip") permit (principal == Principal::"till", action == Action::"decrypt", resource)
        when { context.protocol == "kmip" && context has source && context.source.isInRange(ip("192.0.2.0/24")) };"#;
    let simulate = async |way: Value| {
        let mut body = json!({ "text": text });
        body.as_object_mut().unwrap().extend(way.as_object().unwrap().clone());
        let told = server.admin("POST", "/v1/access/simulate", body).await;
        assert_eq!(told["hang_on_requests"], json!(["by-kmip"]), "{told}");
        told["differences"].as_array().unwrap().len()
    };
    assert_eq!(simulate(json!({})).await, 0);
    assert_eq!(simulate(json!({ "protocol": "kmip" })).await, 0);
    assert_eq!(simulate(json!({ "protocol": "kmip", "source": "192.0.2.7" })).await, 1);
    apply(&server, text).await;
    let check = async |way: Value| {
        let mut body = json!({ "principal": "till", "action": "decrypt", "key": "k1" });
        body.as_object_mut().unwrap().extend(way.as_object().unwrap().clone());
        server.admin("POST", "/v1/access/check", body).await["allowed"] == true
    };
    assert!(!check(json!({ "source": "192.0.2.7" })).await);
    assert!(check(json!({ "protocol": "kmip", "source": "192.0.2.7" })).await);
    let removed = server.admin("POST", "/v1/access/simulate", json!({ "remove": ["by-kmip"] })).await;
    assert_eq!(removed["hang_on_requests"], json!(["by-kmip"]));
    for wrong in [json!({ "protocol": "smoke" }), json!({ "source": "home" })] {
        let mut body = json!({ "action": "create" });
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let (status, told) =
            server.json(Proof::Token(&server.admin_token()), "POST", "/v1/access/check", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{told}");
    }
}

#[tokio::test]
async fn who_was_refused_is_told_why_and_of_what_they_may_not_know_nothing() {
    let server = Server::start();
    let [till, other] = ["till", "other"].map(|name| (name, json!(["user"])));
    let mut tokens = Vec::new();
    for (name, roles) in [till, other] {
        let made =
            server.admin("POST", "/v1/clients", json!({ "name": name, "roles": roles, "token": true })).await;
        tokens.push(made["token"].as_str().unwrap().to_owned());
    }
    server.admin("POST", "/v1/keys", json!({ "name": "k1", "algorithm": "aes-256" })).await;
    let no =
        r#"@id("no-keys") forbid (principal == Principal::"till", action == Action::"create", resource);"#;
    apply(&server, no).await;
    let ask = async |token: &str, method: &str, path: &str, body: Value| {
        server.json(Proof::Token(token), method, path, body).await
    };
    let new = json!({ "name": "k2", "algorithm": "aes-256" });
    let (status, refused) = ask(&tokens[0], "POST", "/v1/keys", new).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let path = format!("/v1/access/explain/{}", refused["entry"]);
    let (status, explained) = ask(&tokens[0], "GET", &path, Value::Null).await;
    assert_eq!(
        (status, &explained["now"]["by"]),
        (StatusCode::OK, &json!("rule no-keys forbids")),
        "{explained}"
    );
    assert_eq!(ask(&tokens[1], "GET", &path, Value::Null).await.0, StatusCode::NOT_FOUND, "another's");
    // What may not be known is not told to be on record, nor explained to who asks for it by guessing.
    let (status, hidden) = ask(&tokens[0], "GET", "/v1/keys/k1", Value::Null).await;
    assert_eq!((status, &hidden["entry"]), (StatusCode::NOT_FOUND, &Value::Null));
    let journal = server.admin("GET", "/v1/journal?principal=till&limit=1000", Value::Null).await;
    let entries = journal["entries"].as_array().unwrap();
    let hidden = entries.iter().rfind(|entry| entry["target"] == "k1").unwrap();
    let path = format!("/v1/access/explain/{}", hidden["lsn"]);
    assert_eq!(ask(&tokens[0], "GET", &path, Value::Null).await.0, StatusCode::NOT_FOUND);
}
