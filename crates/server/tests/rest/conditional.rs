//! Conditional requests, and the document that tells of all requests.

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, Proof, Server};

async fn ask(server: &Server, method: &str, path: &str, header: (&str, &str)) -> Answer {
    let request = Request::builder().method(method).uri(path).header(header.0, header.1);
    server.send(Proof::Token(&server.admin_token()), request.body(Bytes::new()).unwrap()).await
}

#[tokio::test]
async fn an_etag_changes_with_the_key_and_binds_changes() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let path = "/v1/keys/k";
    let etag =
        async || ask(&server, "GET", path, ("x", "")).await.headers["etag"].to_str().unwrap().to_owned();
    let first = etag().await;
    assert_eq!(first, etag().await);
    let known = ask(&server, "GET", path, ("if-none-match", &format!("\"other\", W/{first}"))).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(ask(&server, "GET", path, ("if-none-match", "\"other\"")).await.status, StatusCode::OK);

    let rotated = ask(&server, "POST", "/v1/keys/k/rotate", ("if-match", &first)).await;
    assert_eq!((rotated.status, rotated.json()["version"].as_u64()), (StatusCode::OK, Some(2)));
    let second = etag().await;
    assert_eq!(rotated.headers["etag"], second.as_str());
    assert_ne!(first, second);
    for (method, path) in
        [("POST", "/v1/keys/k/rotate"), ("POST", "/v1/keys/k/revoke"), ("POST", "/v1/keys/k/destroy")]
    {
        let refused = ask(&server, method, path, ("if-match", &first)).await;
        assert_eq!(refused.json()["code"], "precondition_failed", "{path}");
        assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED);
    }
    assert_eq!(etag().await, second, "nothing was done");
    assert_eq!(ask(&server, "POST", "/v1/keys/k/rotate", ("if-match", "*")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_condition_is_passed_over() {
    let server = Server::start();
    for name in ["k", "other"] {
        server.admin("POST", "/v1/keys", json!({ "name": name, "algorithm": "aes-256" })).await;
    }
    let etag = async |name: &str| {
        let path = format!("/v1/keys/{name}");
        ask(&server, "GET", &path, ("x", "")).await.headers["etag"].to_str().unwrap().to_owned()
    };
    let (known, other) = (etag("k").await, etag("other").await);
    let send = async |method: &str, path: &str, condition: &str, body: Value| {
        let request = Request::builder().method(method).uri(path).header("if-match", condition);
        let request = request.header("content-type", "application/json");
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        server.send(Proof::Token(&server.admin_token()), request.body(body).unwrap()).await
    };
    // There is no key yet that any condition could hold of.
    for condition in ["*", known.as_str()] {
        let key = json!({ "name": "new", "algorithm": "aes-256" });
        let secret = json!({ "type": "secret", "name": "new", "data": "AA==" });
        for (path, body) in [("/v1/keys", key), ("/v1/objects", secret)] {
            let refused = send("POST", path, condition, body).await;
            assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED, "{path} {condition}");
        }
    }
    let set =
        async |condition: &str| send("PUT", "/v1/aliases/a", condition, json!({ "key": "k" })).await.status;
    assert_eq!(set(&other).await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(set(&known).await, StatusCode::OK);
    let remove = async |condition: &str| send("DELETE", "/v1/aliases/a", condition, Value::Null).await.status;
    assert_eq!(remove(&other).await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(remove(&etag("k").await).await, StatusCode::NO_CONTENT);
    for empty in ["", " ", ","] {
        let refused = send("POST", "/v1/keys/k/rotate", empty, Value::Null).await;
        assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::BAD_REQUEST, &json!("invalid")));
    }
    assert_eq!(server.admin("GET", "/v1/keys/k", Value::Null).await["version"], 1);
}

#[tokio::test]
async fn of_two_who_saw_the_same_one_changes_it() {
    let server = Server::start();
    server.admin("POST", "/v1/keys", json!({ "name": "k", "algorithm": "aes-256" })).await;
    let etag =
        ask(&server, "GET", "/v1/keys/k", ("x", "")).await.headers["etag"].to_str().unwrap().to_owned();
    let rotate = async || ask(&server, "POST", "/v1/keys/k/rotate", ("if-match", &etag)).await.status;
    let seen = tokio::join!(rotate(), rotate(), rotate(), rotate());
    let seen = [seen.0, seen.1, seen.2, seen.3];
    assert_eq!(seen.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{seen:?}");
    assert_eq!(
        seen.iter().filter(|status| **status == StatusCode::PRECONDITION_FAILED).count(),
        3,
        "{seen:?}"
    );
    assert_eq!(server.admin("GET", "/v1/keys/k", Value::Null).await["version"], 2);
}

#[tokio::test]
async fn the_document_is_told_to_everybody() {
    let server = Server::start();
    let (status, document) = server.json(Proof::Nothing, "GET", "/v1/openapi.json", Value::Null).await;
    assert_eq!((status, &document["openapi"]), (StatusCode::OK, &json!("3.1.1")));
    assert!(document["paths"]["/v1/keys"]["post"].is_object());
}
