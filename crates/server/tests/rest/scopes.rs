//! Bearer tokens that are narrowed to actions and keys, over REST. Not here: which actions a scope may hold at all (core).

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64};

async fn key(server: &Server, name: &str) -> Value {
    server.admin("POST", "/v1/keys", json!({ "name": name, "algorithm": "aes-256" })).await
}

/// A token of the administrator, narrowed.
async fn narrowed(server: &Server, scope: Value) -> Value {
    server.admin("POST", "/v1/tokens", json!({ "client": "admin", "scope": scope })).await
}

async fn status(server: &Server, token: &Value, (method, path): (&str, &str), body: Value) -> StatusCode {
    server.json(Proof::Token(token["token"].as_str().unwrap()), method, path, body).await.0
}

fn plaintext() -> Value {
    json!({ "plaintext": base64(b"abc") })
}

const WHO: (&str, &str) = ("GET", "/v1/whoami");

#[tokio::test]
async fn a_narrowed_token_does_its_actions_with_its_keys_and_nothing_else() {
    let server = Server::start();
    let (ours, _) = (key(&server, "ours").await, key(&server, "theirs").await);
    let sealed = server.admin("POST", "/v1/keys/ours/encrypt", plaintext()).await;
    let ciphertext = json!({ "ciphertext": sealed["ciphertext"] });

    let token = narrowed(&server, json!({ "actions": ["decrypt", "list-keys"], "keys": ["ours"] })).await;
    let scope =
        json!({ "actions": ["list-keys", "decrypt"], "keys": [{ "id": ours["id"], "name": "ours" }] });
    assert_eq!(token["scope"], scope);
    assert_eq!(
        status(&server, &token, ("POST", "/v1/keys/ours/decrypt"), ciphertext.clone()).await,
        StatusCode::OK
    );
    assert_eq!(
        status(&server, &token, ("POST", "/v1/keys/ours/encrypt"), plaintext()).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        status(&server, &token, ("POST", "/v1/keys/theirs/decrypt"), ciphertext.clone()).await,
        StatusCode::NOT_FOUND
    );
    let body = json!({ "name": "new", "algorithm": "aes-256" });
    assert_eq!(status(&server, &token, ("POST", "/v1/keys"), body).await, StatusCode::FORBIDDEN);

    // Who asks who it is sees what its token is narrowed to; so does who lists.
    let proof = Proof::Token(token["token"].as_str().unwrap());
    let (_, who) = server.json(proof, WHO.0, WHO.1, Value::Null).await;
    assert_eq!((&who["name"], &who["scope"]), (&json!("admin"), &scope));
    let listed = server.admin("GET", "/v1/tokens?client=admin", Value::Null).await;
    assert!(listed["tokens"].as_array().unwrap().iter().any(|listed| listed["scope"] == scope), "{listed}");

    // Another key of the same name is not the one that the token was made for.
    server.admin("POST", "/v1/keys/ours/destroy", json!({ "now": true })).await;
    assert_ne!(
        status(&server, &token, ("POST", "/v1/keys/ours/decrypt"), ciphertext).await,
        StatusCode::OK,
        "of a destroyed key"
    );
    let path = format!("/v1/tokens/{}/revoke", token["id"].as_str().unwrap());
    server.admin("POST", &path, Value::Null).await;
    assert_eq!(status(&server, &token, WHO, Value::Null).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_that_is_narrowed_to_keys_finds_these_alone() {
    let mut server = Server::start();
    for name in ["ours", "theirs"] {
        key(&server, name).await;
    }
    let token = narrowed(&server, json!({ "keys": ["ours"] })).await;
    server.restart();
    let proof = Proof::Token(token["token"].as_str().unwrap());
    let (_, listed) = server.json(proof, "GET", "/v1/keys", Value::Null).await;
    let names: Vec<_> = listed["keys"].as_array().unwrap().iter().map(|key| &key["name"]).collect();
    assert_eq!(names, ["ours"]);
    for (asked, expected) in [
        (("GET", "/v1/keys/ours"), StatusCode::OK),
        (("POST", "/v1/keys/ours/rotate"), StatusCode::OK),
        (("GET", "/v1/keys/theirs"), StatusCode::NOT_FOUND),
        (("POST", "/v1/keys/theirs/rotate"), StatusCode::NOT_FOUND),
        (("GET", "/v1/journal"), StatusCode::FORBIDDEN),
        (("GET", "/v1/clients"), StatusCode::FORBIDDEN),
        (("GET", "/v1/approvals"), StatusCode::FORBIDDEN),
    ] {
        assert_eq!(status(&server, &token, asked, Value::Null).await, expected, "{asked:?}");
    }
}

#[tokio::test]
async fn a_narrowed_token_never_makes_itself_wider() {
    let server = Server::start();
    key(&server, "ours").await;
    for scope in
        [json!({ "keys": ["ours"] }), json!({ "actions": ["get-attributes", "list-keys", "encrypt"] })]
    {
        let token = narrowed(&server, scope.clone()).await;
        for (method, path, body) in [
            ("POST", "/v1/tokens", json!({ "client": "admin" })),
            ("POST", "/v1/tokens", json!({ "client": "admin", "scope": scope })),
            ("POST", "/v1/tokens", json!({ "client": "new", "roles": ["admin"] })),
            ("POST", "/v1/clients", json!({ "name": "new", "roles": ["admin"] })),
            ("POST", "/v1/clients/admin/renew", json!({})),
            ("PATCH", "/v1/clients/admin", json!({ "groups": ["g"] })),
            ("PUT", "/v1/keys/ours/grants/admin", json!({ "actions": ["decrypt"] })),
            ("POST", "/v1/credentials", json!({ "client": "admin", "secret_id": {} })),
        ] {
            let answer = status(&server, &token, (method, path), body).await;
            assert_eq!(answer, StatusCode::FORBIDDEN, "{method} {path} by {scope}");
        }
    }
    // Nor is one made that could.
    for scope in [
        json!({}),
        json!({ "actions": [], "keys": [] }),
        json!({ "actions": ["renew-credential"] }),
        json!({ "actions": ["encrypt", "grant"] }),
        json!({ "actions": ["start"] }),
        json!({ "actions": ["no-such-action"] }),
        json!({ "action": ["encrypt"] }),
    ] {
        let body = json!({ "client": "admin", "scope": scope });
        let (answer, _) = server.json(Proof::Token(&server.admin_token()), "POST", "/v1/tokens", body).await;
        assert_eq!(answer, StatusCode::BAD_REQUEST, "{scope}");
    }
    let body = json!({ "client": "admin", "scope": { "keys": ["nothing"] } });
    let (answer, _) = server.json(Proof::Token(&server.admin_token()), "POST", "/v1/tokens", body).await;
    assert_eq!(answer, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_scope_gives_nothing_that_its_holder_has_not() {
    let server = Server::start();
    key(&server, "ours").await;
    let body =
        json!({ "client": "app", "roles": ["user"], "scope": { "actions": ["encrypt"], "keys": ["ours"] } });
    let token = server.admin("POST", "/v1/tokens", body).await;
    let encrypt = ("POST", "/v1/keys/ours/encrypt");
    assert_eq!(status(&server, &token, encrypt, plaintext()).await, StatusCode::NOT_FOUND);
    let grant = json!({ "actions": ["encrypt", "decrypt"] });
    server.admin("PUT", "/v1/keys/ours/grants/app", grant).await;
    assert_eq!(status(&server, &token, encrypt, plaintext()).await, StatusCode::OK);
    assert_eq!(
        status(&server, &token, ("POST", "/v1/keys/ours/decrypt"), json!({ "ciphertext": "" })).await,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_token_that_counts_is_renewed_as_it_is_and_one_that_was_revoked_does_not_come_back() {
    let server = Server::start();
    key(&server, "ours").await;
    let body = json!({
        "client": "app", "roles": ["user"], "days": 1, "scope": { "actions": ["list-keys"], "keys": ["ours"] }
    });
    let token = server.admin("POST", "/v1/tokens", body).await;
    let path = |what: &str| format!("/v1/tokens/{}/{what}", token["id"].as_str().unwrap());
    // Its holder makes it last no longer.
    let renew = json!({ "days": 30 });
    let own = ("POST", &*path("renew"));
    assert_eq!(status(&server, &token, own, renew.clone()).await, StatusCode::FORBIDDEN);
    let renewed = server.admin("POST", &path("renew"), renew.clone()).await;
    assert!(renewed["expires"].as_str() > token["expires"].as_str(), "{renewed}");
    assert_eq!((&renewed["scope"], &renewed["client"]), (&token["scope"], &json!("app")), "{renewed}");
    assert_eq!(status(&server, &token, WHO, Value::Null).await, StatusCode::OK);
    let admin = server.admin_token();
    let ask = async |path: String, body| server.json(Proof::Token(&admin), "POST", &path, body).await;
    assert_eq!(ask(path("renew"), json!({ "days": 0 })).await.0, StatusCode::BAD_REQUEST);
    let unknown = format!("/v1/tokens/{}/renew", "0".repeat(64));
    assert_eq!(ask(unknown, renew.clone()).await.0, StatusCode::NOT_FOUND);
    server.admin("POST", &path("revoke"), Value::Null).await;
    let (status_of, refused) = ask(path("renew"), renew).await;
    assert_eq!((status_of, &refused["code"]), (StatusCode::CONFLICT, &json!("wrong_state")), "{refused}");
    assert_eq!(status(&server, &token, WHO, Value::Null).await, StatusCode::UNAUTHORIZED);
}
