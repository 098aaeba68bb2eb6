//! Secrets, certificates and opaque objects.

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64, bytes};

#[tokio::test]
async fn a_secret_lives_the_life_of_a_key() {
    let server = Server::start();
    let made = server
        .admin(
            "POST",
            "/v1/objects",
            json!({ "type": "secret-data", "name": "db", "data": base64(b"one"), "tags": { "a": "b" } }),
        )
        .await;
    assert_eq!((&made["type"], &made["state"]), (&json!("secret-data"), &json!("active")));
    assert!(made.get("data").is_none(), "showing tells no secret");
    let shown = server.admin("POST", "/v1/objects/db/versions", json!({ "data": base64(b"two") })).await;
    assert_eq!(shown["version"], 2);
    let data = async |query: &str| {
        bytes(&server.admin("GET", &format!("/v1/objects/db/data{query}"), Value::Null).await["data"])
    };
    assert_eq!((data("").await, data("?version=1").await), (b"two".to_vec(), b"one".to_vec()));
    let request = Request::get("/v1/objects/db/data").header("accept", "application/octet-stream");
    let raw = server.send(Proof::Token(&server.admin_token()), request.body(Bytes::new()).unwrap()).await;
    assert_eq!((&raw.body[..], &raw.headers["keyreeve-version"]), (&b"two"[..], &"2".parse().unwrap()));

    server.admin("POST", "/v1/keys", json!({ "name": "key", "algorithm": "aes-256" })).await;
    let names = async |path: &str, field: &str| {
        let page = server.admin("GET", path, Value::Null).await;
        let names =
            page[field].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("/v1/objects", "objects").await, ["db"]);
    assert_eq!(names("/v1/objects?type=secret-data&tag=a%3Db&name_prefix=d", "objects").await, ["db"]);
    assert_eq!(names("/v1/objects?type=certificate", "objects").await, [""; 0]);
    assert_eq!(names("/v1/keys", "keys").await, ["key"]);

    let changed = server.admin("PATCH", "/v1/objects/db", json!({ "tags": { "c": "d" } })).await;
    assert_eq!(changed["tags"], json!({ "a": "b", "c": "d" }));
    for (below, state, archived) in
        [("disable", "suspended", false), ("enable", "active", false), ("archive", "active", true)]
    {
        let changed = server.admin("POST", &format!("/v1/objects/db/{below}"), Value::Null).await;
        assert_eq!(
            (&changed["state"], changed["versions"][0]["archived"].is_string()),
            (&json!(state), archived)
        );
    }
    let token = server.admin_token();
    let (status, problem) =
        server.json(Proof::Token(&token), "GET", "/v1/objects/db/data", Value::Null).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("archived")));
    server.admin("POST", "/v1/objects/db/recover", Value::Null).await;
    assert_eq!(data("").await, b"two");

    server.admin("POST", "/v1/objects/db/revoke", json!({})).await;
    let gone = server.admin("POST", "/v1/objects/db/destroy", json!({ "now": true })).await;
    assert_eq!(gone["state"], "destroyed");
    let token = server.admin_token();
    let (status, _) = server.json(Proof::Token(&token), "GET", "/v1/objects/db/data", Value::Null).await;
    assert_eq!(status, StatusCode::GONE);
}

#[tokio::test]
async fn a_certificate_and_an_opaque_object_come_back_as_they_came() {
    let server = Server::start();
    let pem = std::fs::read_to_string(server.files.join("ca.pem")).unwrap();
    let body = json!({ "type": "certificate", "name": "ca", "certificate": pem });
    assert_eq!(server.admin("POST", "/v1/objects", body).await["type"], "certificate");
    let data = server.admin("GET", "/v1/objects/ca/data", Value::Null).await;
    assert_eq!(data["certificate"].as_str().unwrap().trim(), pem.trim());
    let body = json!({ "type": "opaque-object", "name": "blob", "data": base64(&[0, 255]) });
    server.admin("POST", "/v1/objects", body).await;
    assert_eq!(bytes(&server.admin("GET", "/v1/objects/blob/data", Value::Null).await["data"]), [0, 255]);
    let token = server.admin_token();
    let encrypt = json!({ "plaintext": "" });
    let (status, _) = server.json(Proof::Token(&token), "POST", "/v1/keys/blob/encrypt", encrypt).await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn only_who_may_gets_a_secret() {
    let server = Server::start();
    // The short word of before.
    server.admin("POST", "/v1/objects", json!({ "type": "secret", "name": "db", "data": "AA==" })).await;
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let app = Proof::Token(added["token"].as_str().unwrap());
    let data = async || server.json(app, "GET", "/v1/objects/db/data", Value::Null).await.0;
    assert_eq!(data().await, StatusCode::NOT_FOUND);
    server.admin("PUT", "/v1/keys/db/grants/app", json!({ "actions": ["get"] })).await;
    assert_eq!(data().await, StatusCode::OK);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let server = Server::start();
    for name in ["a/1", "a/2", "b/1"] {
        server.admin("POST", "/v1/keys", json!({ "name": name, "algorithm": "aes-256" })).await;
    }
    server.admin("POST", "/v1/keys", json!({ "name": "a/3", "algorithm": "ed25519", "active": false })).await;
    let names = async |query: &str| {
        let mut path = format!("/v1/keys?limit=1{query}");
        let mut names = Vec::new();
        loop {
            let page = server.admin("GET", &path, Value::Null).await;
            names.extend(
                page["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()),
            );
            match page["next"].as_str() {
                Some(next) => path = format!("/v1/keys?limit=1{query}&after={next}"),
                None => return names,
            }
        }
    };
    assert_eq!(names("").await, ["a/1", "a/2", "a/3", "b/1"]);
    assert_eq!(names("&name_prefix=a/").await, ["a/1", "a/2", "a/3"]);
    assert_eq!(names("&algorithm=aes").await, ["a/1", "a/2", "b/1"]);
    assert_eq!(names("&algorithm=aes-256&name_prefix=b").await, ["b/1"]);
    assert_eq!(names("&state=pre-active").await, ["a/3"]);
    assert_eq!(names("&type=private-key").await, ["a/3"]);
}
