//! Upkeep of keys and credentials over REST: disabling, tags, aliases, single tokens.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64};

async fn create(server: &Server, name: &str) -> Value {
    server.admin("POST", "/v1/keys", json!({ "name": name, "algorithm": "aes-256" })).await
}

async fn admin_status(server: &Server, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    server.json(Proof::Token(&server.admin_token()), method, path, body).await
}

#[tokio::test]
async fn an_archived_key_serves_nobody_until_it_is_recovered() {
    let mut server = Server::start();
    let key = json!({ "name": "k", "algorithm": "aes-256", "exportable": true, "sensitive": false });
    server.admin("POST", "/v1/keys", key).await;
    let sealed = server.admin("POST", "/v1/keys/k/encrypt", json!({ "plaintext": base64(b"secret") })).await;
    let ciphertext = json!({ "ciphertext": sealed["ciphertext"] });
    server.admin("POST", "/v1/keys/k/rotate", Value::Null).await;
    let archived = server.admin("POST", "/v1/keys/k/archive", Value::Null).await;
    for version in archived["versions"].as_array().unwrap() {
        assert!(version["archived"].is_string() && version["state"] == "active", "{version}");
    }
    server.restart();
    for (path, body) in [
        ("/v1/keys/k/encrypt", json!({ "plaintext": "" })),
        ("/v1/keys/k/decrypt", ciphertext.clone()),
        ("/v1/keys/k/rotate", Value::Null),
        ("/v1/keys/k/export", json!({})),
        ("/v1/keys/k/lease", Value::Null),
        ("/v1/keys/k/archive", Value::Null),
    ] {
        let (status, problem) = admin_status(&server, "POST", path, body).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::CONFLICT, &json!("archived")),
            "{path} {problem}"
        );
        assert!(problem["detail"].as_str().unwrap().contains("key recover"), "{problem}");
    }
    let recovered = server.admin("POST", "/v1/keys/k/recover", Value::Null).await;
    assert!(recovered["versions"].as_array().unwrap().iter().all(|version| version["archived"].is_null()));
    assert_eq!(admin_status(&server, "POST", "/v1/keys/k/decrypt", ciphertext).await.0, StatusCode::OK);
    let (status, problem) = admin_status(&server, "POST", "/v1/keys/k/recover", Value::Null).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("wrong_state")));

    // What was archived can be destroyed, and is not archived any more then.
    server.admin("POST", "/v1/keys/k/archive", Value::Null).await;
    let destroyed = server.admin("POST", "/v1/keys/k/destroy", json!({ "now": true })).await;
    assert_eq!(
        (&destroyed["state"], &destroyed["versions"][0]["archived"]),
        (&json!("destroyed"), &Value::Null)
    );
    assert_eq!(admin_status(&server, "POST", "/v1/keys/k/recover", Value::Null).await.0, StatusCode::GONE);
}

#[tokio::test]
async fn a_disabled_key_serves_nothing_and_comes_back_as_it_is() {
    let mut server = Server::start();
    server
        .admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256", "exportable": true }))
        .await;
    create(&server, "other").await;
    let sealed = server.admin("POST", "/v1/keys/k/encrypt", json!({ "plaintext": base64(b"secret") })).await;
    let ciphertext = json!({ "ciphertext": sealed["ciphertext"] });
    server.admin("POST", "/v1/keys/k/rotate", Value::Null).await;
    server.admin("POST", "/v1/keys/k/revoke", Value::Null).await;
    server.admin("POST", "/v1/keys/k/rotate", Value::Null).await;

    let disabled = server.admin("POST", "/v1/keys/k/disable", Value::Null).await;
    let states = |key: &Value| -> Vec<String> {
        let versions = key["versions"].as_array().unwrap();
        versions.iter().map(|version| version["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&disabled), ["suspended"; 3]);
    let refused = |answer: (StatusCode, Value)| {
        assert_eq!(
            (answer.0, &answer.1["code"]),
            (StatusCode::CONFLICT, &json!("wrong_state")),
            "{answer:?}"
        );
    };
    refused(admin_status(&server, "POST", "/v1/keys/k/encrypt", json!({ "plaintext": "" })).await);
    refused(admin_status(&server, "POST", "/v1/keys/k/decrypt", ciphertext.clone()).await);
    refused(admin_status(&server, "POST", "/v1/keys/k/rotate", Value::Null).await);
    refused(admin_status(&server, "POST", "/v1/keys/k/disable", Value::Null).await);
    refused(admin_status(&server, "POST", "/v1/keys/k/export", json!({ "wrap_with": "other" })).await);
    refused(admin_status(&server, "POST", "/v1/keys/other/enable", Value::Null).await);

    // What happens meanwhile is not forgotten, and a compromised key does not come back as anything else.
    server.admin("POST", "/v1/keys/k/revoke", json!({ "reason": "key-compromise" })).await;
    server.restart();
    refused(admin_status(&server, "POST", "/v1/keys/k/decrypt", ciphertext.clone()).await);
    let enabled = server.admin("POST", "/v1/keys/k/enable", Value::Null).await;
    assert_eq!(states(&enabled), ["compromised"; 3]);
    assert_eq!(admin_status(&server, "POST", "/v1/keys/k/decrypt", ciphertext).await.0, StatusCode::OK);

    server.admin("POST", "/v1/keys/k/disable", Value::Null).await;
    let destroyed = server.admin("POST", "/v1/keys/k/destroy", json!({ "now": true })).await;
    assert_eq!(states(&destroyed), ["destroyed-compromised"; 3]);
    assert_eq!(admin_status(&server, "POST", "/v1/keys/k/enable", Value::Null).await.0, StatusCode::GONE);
}

#[tokio::test]
async fn tags_are_set_and_taken_away_one_by_one() {
    let server = Server::start();
    let body = json!({ "name": "k", "algorithm": "aes-128", "tags": { "a": "1", "b": "2" } });
    server.admin("POST", "/v1/keys", body).await;
    let body = json!({ "tags": { "a": null, "c": "3", "b": "two", "never": null } });
    let changed = server.admin("PATCH", "/v1/keys/k", body).await;
    assert_eq!(changed["tags"], json!({ "b": "two", "c": "3" }));
    let found = server.admin("GET", "/v1/keys?tag=b%3Dtwo", Value::Null).await;
    assert_eq!(found["keys"].as_array().unwrap().len(), 1);
    let found = server.admin("GET", "/v1/keys?tag=a%3D1", Value::Null).await;
    assert_eq!(found["keys"].as_array().unwrap().len(), 0);
    let (status, _) = admin_status(&server, "PATCH", "/v1/keys/k", json!({ "tags": { "": "x" } })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_change_to_null_is_refused_by_its_name() {
    let server = Server::start();
    let before = create(&server, "k").await;
    let fields = ["name", "tags", "activation", "deactivation", "usage_limits", "lease_seconds"];
    let policy = ["destroy_waiting_days", "destroy_at_once", "reject_duplicates"];
    for field in fields.into_iter().chain(policy) {
        let body = json!({ "tags": { "a": "b" }, "lease_seconds": 60, field: null });
        let (status, answer) = admin_status(&server, "PATCH", "/v1/keys/k", body).await;
        assert_eq!((status, &answer["code"]), (StatusCode::BAD_REQUEST, &json!("invalid")), "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(&format!("{field:?} is null")), "{answer}");
    }
    assert_eq!(server.admin("GET", "/v1/keys/k", Value::Null).await, before);
}

#[tokio::test]
async fn an_alias_leads_where_it_was_led_last() {
    let mut server = Server::start();
    let (one, two) = (create(&server, "one").await, create(&server, "two").await);
    let alias = server.admin("PUT", "/v1/aliases/current", json!({ "key": "one" })).await;
    assert_eq!(alias, json!({ "alias": "current", "key": "one", "key_id": one["id"] }));
    let encrypt = json!({ "plaintext": base64(b"x") });
    let sealed = server.admin("POST", "/v1/keys/current/encrypt", encrypt.clone()).await;
    assert_eq!(sealed["object_id"], one["versions"][0]["object_id"]);

    server.admin("PUT", "/v1/aliases/current", json!({ "key": "two" })).await;
    server.restart();
    assert_eq!(server.admin("GET", "/v1/keys/current", Value::Null).await["id"], two["id"]);
    server.admin("PUT", "/v1/aliases/z%2Fz", json!({ "key": "one" })).await;
    let listed = server.admin("GET", "/v1/aliases?limit=1", Value::Null).await;
    assert_eq!(listed["aliases"][0]["alias"], "current");
    let after = listed["next"].as_str().unwrap();
    let listed = server.admin("GET", &format!("/v1/aliases?after={after}"), Value::Null).await;
    assert_eq!(listed["aliases"], json!([{ "alias": "z/z", "key": "one", "key_id": one["id"] }]));
    let listed = server.admin("GET", "/v1/aliases?key=two", Value::Null).await;
    assert_eq!(listed["aliases"][0]["alias"], "current");

    // A name is no alias, and nobody takes it; neither can a new key take an alias.
    let taken = |answer: (StatusCode, Value)| assert_eq!(answer.1["code"], "already_exists", "{answer:?}");
    taken(admin_status(&server, "PUT", "/v1/aliases/two", json!({ "key": "one" })).await);
    let body = json!({ "name": "current", "algorithm": "aes-128" });
    taken(admin_status(&server, "POST", "/v1/keys", body).await);
    let gone = |answer: (StatusCode, Value)| assert_eq!(answer.0, StatusCode::NOT_FOUND, "{answer:?}");
    gone(admin_status(&server, "DELETE", "/v1/aliases/two", Value::Null).await);
    server.admin("DELETE", "/v1/aliases/current", Value::Null).await;
    gone(admin_status(&server, "GET", "/v1/keys/current", Value::Null).await);
    assert_eq!(server.admin("GET", "/v1/keys/two", Value::Null).await["id"], two["id"]);
}

#[tokio::test]
async fn nobody_leads_an_alias_away_from_a_key_that_is_not_theirs() {
    let server = Server::start();
    let body = json!({ "client": "mallory", "roles": ["user"] });
    let token = server.admin("POST", "/v1/tokens", body).await["token"].as_str().unwrap().to_owned();
    create(&server, "admins").await;
    server.admin("PUT", "/v1/aliases/mail", json!({ "key": "admins" })).await;
    let mallory = Proof::Token(&token);
    let body = json!({ "name": "trap", "algorithm": "aes-256" });
    assert_eq!(server.json(mallory, "POST", "/v1/keys", body).await.0, StatusCode::CREATED);
    let (status, _) = server.json(mallory, "PUT", "/v1/aliases/mail", json!({ "key": "trap" })).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = server.json(mallory, "DELETE", "/v1/aliases/mail", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, listed) = server.json(mallory, "GET", "/v1/aliases", Value::Null).await;
    assert_eq!(listed["aliases"], json!([]));
    let (_, kept) = server.json(mallory, "PUT", "/v1/aliases/own", json!({ "key": "trap" })).await;
    assert_eq!(kept["key"], "trap");
}

#[tokio::test]
async fn tokens_come_and_go_one_by_one() {
    let server = Server::start();
    let create = json!({ "client": "ci", "roles": ["user"], "days": 30 });
    let first = server.admin("POST", "/v1/tokens", create.clone()).await;
    assert!(first["expires"].is_string());
    assert_eq!(admin_status(&server, "POST", "/v1/tokens", create).await.1["code"], "already_exists");
    let second = server.admin("POST", "/v1/tokens", json!({ "client": "ci" })).await;
    assert!(second["expires"].is_null());
    let (one, two) = (first["token"].as_str().unwrap(), second["token"].as_str().unwrap());
    for token in [one, two] {
        let (status, answer) = server.json(Proof::Token(token), "GET", "/v1/status", Value::Null).await;
        assert_eq!((status, &answer["principal"]), (StatusCode::OK, &json!("ci")));
    }
    let path = format!("/v1/tokens/{}/revoke", first["id"].as_str().unwrap());
    assert!(server.admin("POST", &path, Value::Null).await["revoked"].is_string());
    let status = |token| server.json(Proof::Token(token), "GET", "/v1/status", Value::Null);
    assert_eq!(status(one).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(status(two).await.0, StatusCode::OK);

    let listed = server.admin("GET", "/v1/tokens?client=ci", Value::Null).await;
    let listed = listed["tokens"].as_array().unwrap();
    assert_eq!(listed.iter().map(|token| &token["id"]).collect::<Vec<_>>(), [&first["id"], &second["id"]]);
    assert!(listed[0]["revoked"].is_string() && listed[1]["revoked"].is_null());
    assert!(!format!("{listed:?}").contains(one));

    // Administrators alone: who has a token makes no further ones, and revokes none.
    let (status, _) = server.json(Proof::Token(two), "POST", "/v1/tokens", json!({ "client": "ci" })).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let path = format!("/v1/tokens/{}/revoke", second["id"].as_str().unwrap());
    assert_eq!(server.json(Proof::Token(two), "POST", &path, Value::Null).await.0, StatusCode::FORBIDDEN);
    let (status, _) = admin_status(&server, "POST", "/v1/tokens/00/revoke", Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let unknown = format!("/v1/tokens/{}/revoke", "0".repeat(64));
    assert_eq!(admin_status(&server, "POST", &unknown, Value::Null).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_takes_long_and_the_metrics_are_told_to_auditors_and_to_others_not_and_who_asked_is_on_record() {
    let server = Server::start();
    let before = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
    assert_eq!(server.admin("GET", "/v1/work", Value::Null).await, json!({ "work": [] }));
    let added = server.admin("POST", "/v1/clients", json!({ "name": "user", "token": true })).await;
    let user = Proof::Token(added["token"].as_str().unwrap());
    assert_eq!(server.raw_get("/metrics").await.status, StatusCode::OK, "the administrator's");
    for path in ["/v1/work", "/metrics"] {
        assert_eq!(server.json(user, "GET", path, Value::Null).await.0, StatusCode::FORBIDDEN);
    }
    let page = server.admin("GET", &format!("/v1/journal?after={before}&kind=inspect"), Value::Null).await;
    let entries = page["entries"].as_array().unwrap();
    let told = |entry: &Value| format!("{} {}", entry["principal"], entry["outcome"]).replace('"', "");
    let told: Vec<_> = entries.iter().map(told).collect();
    assert_eq!(told, ["admin success", "admin success", "user denied", "user denied"], "{page}");
}

#[tokio::test]
async fn a_start_is_on_record_with_the_configuration_that_it_puts_in_force() {
    let mut server = Server::start();
    let mut said = Vec::new();
    for seconds in [5, 5, 6] {
        server.stop().unwrap();
        server.config.limits.drain_seconds_max = seconds;
        server.restart_stopped();
        let page = server.admin("GET", "/v1/journal?kind=start&limit=1000", Value::Null).await;
        let detail = page["entries"].as_array().unwrap().last().unwrap()["detail"].clone();
        let detail = detail.as_str().unwrap().to_owned();
        assert!(detail.contains("root key locked by passphrase"), "{detail}");
        let page = server.admin("GET", "/v1/journal?kind=unseal&limit=1000", Value::Null).await;
        let unsealed = page["entries"].as_array().unwrap();
        assert_eq!(
            (unsealed.len(), &unsealed[0]["detail"]),
            (said.len() + 2, &json!("root key unlocked by a passphrase"))
        );
        said.push(detail.split_once("configuration SHA-256 ").unwrap().1.to_owned());
    }
    assert!(said[0].len() == 64 && said[0] == said[1] && said[1] != said[2], "{said:?}");
}
