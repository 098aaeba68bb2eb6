//! What an answer must not tell: that a key is there, what others' keys are named, how the server is kept; nor a public key
//! as if it were a secret.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64};

async fn client(server: &Server, name: &str) -> String {
    let added = server.admin("POST", "/v1/clients", json!({ "name": name, "token": true })).await;
    added["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_cursor_tells_nothing_and_serves_one_caller_and_one_search() {
    let mut server = Server::start();
    let app = client(&server, "app").await;
    for name in ["hidden-1", "hidden-2", "hidden-3"] {
        server.admin("POST", "/v1/keys", json!({ "name": name, "algorithm": "aes-256" })).await;
        let alias = format!("/v1/aliases/of-{name}");
        server.admin("PUT", &alias, json!({ "key": name })).await;
    }
    let admin = server.admin_token();
    for list in ["keys", "aliases"] {
        let page = server.admin("GET", &format!("/v1/{list}?limit=1"), Value::Null).await;
        let next = page["next"].as_str().unwrap().to_owned();
        let again = server.admin("GET", &format!("/v1/{list}?limit=1"), Value::Null).await;
        assert_ne!(again["next"], next.as_str(), "{list}: the same row looks the same");
        let ask = async |token: &str, query: &str| {
            server
                .json(Proof::Token(token), "GET", &format!("/v1/{list}?after={next}{query}"), Value::Null)
                .await
        };
        let (status, rest) = ask(&admin, "").await;
        assert_eq!((status, rest[list].as_array().unwrap().len()), (StatusCode::OK, 2), "{list}: {rest}");
        let (status, told) = ask(&app, "").await;
        assert_eq!((status, &told["code"]), (StatusCode::BAD_REQUEST, &json!("invalid")), "{list}: {told}");
        let other = if list == "keys" { "&algorithm=aes" } else { "&key=hidden-1" };
        assert_eq!(ask(&admin, other).await.0, StatusCode::BAD_REQUEST, "{list}: another search");
    }
    let objects = server.admin("GET", "/v1/keys?limit=1", Value::Null).await["next"].clone();
    let path = format!("/v1/objects?after={}", objects.as_str().unwrap());
    assert_eq!(server.json(Proof::Token(&admin), "GET", &path, Value::Null).await.0, StatusCode::BAD_REQUEST);
    let path = format!("/v1/keys?after={}", objects.as_str().unwrap());
    assert_eq!(server.json(Proof::Token(&admin), "GET", &path, Value::Null).await.0, StatusCode::OK);
    server.restart();
    let (status, told) = server.json(Proof::Token(&admin), "GET", &path, Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(told["detail"].as_str().unwrap().contains("begin anew"), "{told}");
}

#[tokio::test]
async fn aliases_of_a_hidden_key_are_those_of_no_key() {
    let server = Server::start();
    let app = client(&server, "app").await;
    server.admin("POST", "/v1/keys", json!({ "name": "hidden", "algorithm": "aes-256" })).await;
    let ask = async |key: &str| {
        server.json(Proof::Token(&app), "GET", &format!("/v1/aliases?key={key}"), Value::Null).await
    };
    let (hidden, nothing) = (ask("hidden").await, ask("nothing").await);
    assert_eq!((hidden.0, &hidden.1["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    assert_eq!(hidden, nothing);
    server.admin("PUT", "/v1/keys/hidden/grants/app", json!({ "actions": ["encrypt"] })).await;
    assert_eq!(ask("hidden").await.0, StatusCode::OK);
}

#[tokio::test]
async fn how_the_server_is_kept_is_for_who_may_see_its_places() {
    let server = Server::start();
    let app = client(&server, "app").await;
    let (status, told) = server.json(Proof::Token(&app), "GET", "/v1/status", Value::Null).await;
    assert_eq!((status, &told["principal"]), (StatusCode::OK, &json!("app")));
    let seen = server.admin("GET", "/v1/status", Value::Null).await;
    for field in ["archives", "troubles", "erasures_pending"] {
        assert!(told.get(field).is_none() && seen.get(field).is_some(), "{field}: {told} {seen}");
    }
}

/// `None`: refused. A JSON Web Key by its `kty` and whether it has secret parts, PEM by its label.
type Forms = (&'static str, Option<(&'static str, bool)>, Option<&'static str>);

#[tokio::test]
async fn every_object_leaves_as_what_it_is() {
    let server = Server::start();
    let open = |name: &str, algorithm: &str| json!({ "name": name, "algorithm": algorithm, "exportable": true, "sensitive": false });
    for (name, algorithm) in [("aes", "aes-256"), ("rsa", "rsa-2048"), ("ec", "ec-p256")] {
        server.admin("POST", "/v1/keys", open(name, algorithm)).await;
    }
    let spki = base64(&server.raw_get("/v1/keys/rsa/public?format=spki").await.body);
    let public = json!({ "name": "rsa-spki", "material": { "format": "spki", "data": spki } });
    server.admin("POST", "/v1/keys", public).await;
    let pkcs1 = server.admin("POST", "/v1/keys/rsa-spki/export", json!({ "format": "pkcs1" })).await;
    let public = json!({ "name": "rsa-pkcs1", "material": { "format": "pkcs1", "data": pkcs1["data"] } });
    server.admin("POST", "/v1/keys", public).await;
    let pem = std::fs::read_to_string(server.files.join("ca.pem")).unwrap();
    for object in [
        json!({ "type": "certificate", "name": "certificate", "certificate": pem }),
        json!({ "type": "secret", "name": "secret", "data": base64(b"secret") }),
        json!({ "type": "opaque", "name": "opaque", "data": base64(b"opaque") }),
    ] {
        server.admin("POST", "/v1/objects", object).await;
    }
    let token = server.admin_token();
    let rows: [Forms; 8] = [
        ("aes", Some(("oct", true)), None),
        ("secret", Some(("oct", true)), None),
        ("rsa", Some(("RSA", true)), Some("RSA PRIVATE KEY")),
        ("ec", Some(("EC", true)), Some("PRIVATE KEY")),
        ("rsa-spki", Some(("RSA", false)), Some("PUBLIC KEY")),
        ("rsa-pkcs1", Some(("RSA", false)), Some("PUBLIC KEY")),
        ("certificate", None, None),
        ("opaque", None, None),
    ];
    for (name, jwk, pem) in rows {
        let export = async |format: &str| {
            let path = format!("/v1/keys/{name}/export");
            server.json(Proof::Token(&token), "POST", &path, json!({ "format": format })).await
        };
        let (status, answer) = export("jwk").await;
        let told = answer["data"]["kty"]
            .as_str()
            .map(|kty| (kty, answer["data"].get("k").is_some() || answer["data"].get("d").is_some()));
        assert_eq!(told, jwk, "{name}: {status} {answer}");
        assert!(told.is_some() || answer["code"] == "unsupported", "{name}: {answer}");
        let (status, answer) = export("pem").await;
        let label =
            answer["data"].as_str().and_then(|text| text.strip_prefix("-----BEGIN ")?.split("-----").next());
        assert_eq!(label, pem, "{name}: {status} {answer}");
        assert!(label.is_some() || answer["code"] == "unsupported", "{name}: {answer}");
    }
    for format in ["pem", "spki", "jwk"] {
        let path = format!("/v1/keys/certificate/public?format={format}");
        let (status, answer) = server.json(Proof::Token(&token), "GET", &path, Value::Null).await;
        assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("wrong_usage")), "{answer}");
    }
}
