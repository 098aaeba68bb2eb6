//! Realms over REST: what one of them sees of another, who may do what to the server that all share, and what deleting one leaves.

use hyper::{Request, StatusCode};
use keyreeve_pki::{CertificateAuthority, pem};
use serde_json::{Value, json};

use crate::harness::{Proof, Server};

/// Makes a realm, and gives the token of its administrator, who is called alike in each.
async fn realm(server: &Server, name: &str) -> String {
    let made = json!({ "name": name, "administrator": "alice", "token": true });
    let made = server.admin("POST", "/v1/realms", made).await;
    made["administrator"]["token"].as_str().unwrap().to_owned()
}

async fn ask(server: &Server, token: &str, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    server.json(Proof::Token(token), method, path, body).await
}

/// As `ask`, which must succeed.
async fn done(server: &Server, token: &str, method: &str, path: &str, body: Value) -> Value {
    let (status, answer) = ask(server, token, method, path, body).await;
    assert!(status.is_success(), "{method} {path}: {status} {answer}");
    answer
}

async fn key(server: &Server, token: &str, name: &str) -> Value {
    let key = json!({ "name": name, "algorithm": "aes-256", "destroy_waiting_days": 0 });
    done(server, token, "POST", "/v1/keys", key).await
}

/// An answer without what is another in each.
fn alike((status, mut answer): (StatusCode, Value)) -> (StatusCode, Value) {
    if let Some(fields) = answer.as_object_mut() {
        ["request", "instance", "request_id"].iter().for_each(|field| drop(fields.remove(*field)));
    }
    (status, answer)
}

#[tokio::test]
async fn ids_and_names_of_another_realm_are_those_of_nothing() {
    let server = Server::start();
    let (one, other) = (realm(&server, "one").await, realm(&server, "other").await);
    let made = key(&server, &one, "ledger").await;
    done(&server, &one, "POST", "/v1/clients", json!({ "name": "till" })).await;
    let object = made["versions"][0]["object_id"].as_str().or(made["versions"][0]["id"].as_str());
    let ids = [made["id"].as_str().unwrap(), object.unwrap_or("ledger"), "ledger"];
    let unknown = "0198c1f4-0000-7000-8000-000000000000";
    let admin = server.admin_token();
    for stranger in [&other, &admin] {
        for id in ids {
            for (method, rest, body) in [
                ("GET", "", Value::Null),
                ("POST", "/encrypt", json!({ "plaintext": "YQ==" })),
                ("POST", "/destroy", Value::Null),
                ("POST", "/rotate", Value::Null),
                ("PUT", "/grants/alice", json!({ "actions": ["get"] })),
            ] {
                let asked = |id: &str| format!("/v1/keys/{id}{rest}");
                let hidden = ask(&server, stranger, method, &asked(id), body.clone()).await;
                let absent = ask(&server, stranger, method, &asked(unknown), body).await;
                assert_eq!(hidden.0, StatusCode::NOT_FOUND, "{method} {rest}: {}", hidden.1);
                assert_eq!(alike(hidden), alike(absent), "{method} {rest}");
            }
        }
        for (method, path) in [
            ("GET", "/v1/journal?key=ledger"),
            ("GET", "/v1/journal?realm=one"),
            ("GET", "/v1/journal?realm=no-such-realm"),
            ("POST", "/v1/clients/till/revoke"),
        ] {
            let (status, answer) = ask(&server, stranger, method, path, Value::Null).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}: {answer}");
        }
    }
    assert_eq!(done(&server, &one, "GET", "/v1/keys/ledger", Value::Null).await["state"], "active");
    // The same name is another's in each, and nothing of one is in a list of another.
    key(&server, &other, "ledger").await;
    for (token, keys, clients) in [(&one, 1, 2), (&other, 1, 1), (&admin, 0, 1)] {
        let found = done(&server, token, "GET", "/v1/keys", Value::Null).await;
        assert_eq!(found["keys"].as_array().unwrap().len(), keys, "{found}");
        let found = done(&server, token, "GET", "/v1/clients", Value::Null).await;
        assert_eq!(found["clients"].as_array().unwrap().len(), clients, "{found}");
        let journal = done(&server, token, "GET", "/v1/journal?kind=create", Value::Null).await;
        assert_eq!(journal["entries"].as_array().unwrap().len(), keys, "{journal}");
    }
}

#[tokio::test]
async fn what_all_realms_share_is_the_first_realms() {
    let server = Server::start();
    let alice = realm(&server, "one").await;
    let passphrase = || json!({ "passphrase": "correct horse battery staple" });
    let unlocking = || json!({ "old": passphrase(), "new": passphrase() });
    for (method, path, body) in [
        ("GET", "/v1/root", Value::Null),
        ("POST", "/v1/root/unlock", unlocking()),
        ("POST", "/v1/root/replace", unlocking()),
        ("GET", "/v1/doctor", Value::Null),
        ("GET", "/v1/places", Value::Null),
        ("GET", "/v1/sinks", Value::Null),
        ("GET", "/v1/notifications", Value::Null),
        ("GET", "/v1/work", Value::Null),
        ("GET", "/metrics", Value::Null),
        ("GET", "/v1/audit/witnesses", Value::Null),
        ("POST", "/v1/reload", Value::Null),
        ("POST", "/v1/backups", json!({ "to": "/nowhere" })),
        ("POST", "/v1/targets/remove", json!({ "name": "/nowhere" })),
        ("POST", "/v1/cells/retire", json!({ "name": "/nowhere", "attest": "shredded" })),
        ("GET", "/v1/realms", Value::Null),
        ("GET", "/v1/realms/one", Value::Null),
        ("POST", "/v1/realms", json!({ "name": "two", "administrator": "bob" })),
        ("POST", "/v1/realms/one/delete", json!({ "confirm": "realm one", "destroy_all": true })),
    ] {
        let (status, answer) = ask(&server, &alice, method, path, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}: {answer}");
    }
    let status = done(&server, &alice, "GET", "/v1/status", Value::Null).await;
    assert!(status.get("archives").is_none(), "{status}");
    // No rule of her own realm gives her what is not her realm's.
    let rule = "@id(\"all\") permit (principal, action, resource);";
    done(&server, &alice, "DELETE", "/v1/approval-rules/two-administrators", Value::Null).await;
    done(&server, &alice, "POST", "/v1/access/rules", json!({ "text": rule })).await;
    let (status, answer) = ask(&server, &alice, "GET", "/v1/root", Value::Null).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
    let (status, answer) =
        ask(&server, &alice, "POST", "/v1/realms/one/delete", json!({ "confirm": "realm one" })).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
}

#[tokio::test]
async fn a_realm_is_deleted_where_it_is_empty() {
    let server = Server::start();
    let alice = realm(&server, "one").await;
    key(&server, &alice, "ledger").await;
    let delete = |confirm: &str| json!({ "confirm": confirm });
    let admin = server.admin_token();
    let path = "/v1/realms/one/delete";
    assert_eq!(ask(&server, &admin, "POST", path, delete("one")).await.0, StatusCode::BAD_REQUEST);
    let (status, refused) = ask(&server, &admin, "POST", path, delete("realm one")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("wrong_state")), "{refused}");
    let shown = server.admin("GET", "/v1/realms/one", Value::Null).await;
    assert_eq!((&shown["empty"], &shown["deleted"]), (&json!(false), &Value::Null), "{shown}");
    done(&server, &alice, "POST", "/v1/keys/ledger/destroy", json!({ "now": true })).await;
    let deleted = server.admin("POST", path, delete("realm one")).await;
    assert!(deleted["realm"]["deleted"].is_string() && deleted["destroyed"] == 0, "{deleted}");
    assert_eq!(ask(&server, &alice, "GET", "/v1/status", Value::Null).await.0, StatusCode::UNAUTHORIZED);
    // A name is not taken again, the first realm stays, and what is not there is not deleted.
    let again = json!({ "name": "one", "administrator": "bob" });
    assert_eq!(ask(&server, &admin, "POST", "/v1/realms", again).await.0, StatusCode::CONFLICT);
    let first = ask(&server, &admin, "POST", "/v1/realms/default/delete", delete("realm default")).await;
    assert!(first.0.is_client_error(), "{}", first.1);
    let absent = ask(&server, &admin, "POST", "/v1/realms/two/delete", delete("realm two")).await;
    assert_eq!(absent.0, StatusCode::NOT_FOUND, "{}", absent.1);
    let listed = server.admin("GET", "/v1/realms", Value::Null).await;
    let names: Vec<&str> =
        listed["realms"].as_array().unwrap().iter().map(|realm| realm["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["default", "one"]);
    for wrong in ["", "Two", "two words", "../two", "-two", &"x".repeat(65)] {
        let made = json!({ "name": wrong, "administrator": "bob" });
        assert_eq!(
            ask(&server, &admin, "POST", "/v1/realms", made).await.0,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_realm_goes_with_all_in_it_by_the_rules_of_destruction() {
    let mut server = Server::start();
    let alice = realm(&server, "one").await;
    for name in ["ledger", "payroll"] {
        key(&server, &alice, name).await;
    }
    let cautious = realm(&server, "cautious").await;
    let kept = json!({ "name": "kept", "algorithm": "aes-256", "destroy_waiting_days": 7, "destroy_at_once": false });
    done(&server, &cautious, "POST", "/v1/keys", kept).await;
    let admin = server.admin_token();
    let delete = || json!({ "confirm": "realm one", "destroy_all": true });
    let path = "/v1/realms/one/delete";
    // A waiting period is for taking it back, which nobody of a deleted realm could.
    let all = json!({ "confirm": "realm cautious", "destroy_all": true });
    let (status, refused) = ask(&server, &admin, "POST", "/v1/realms/cautious/delete", all).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("wrong_state")), "{refused}");
    assert_eq!(done(&server, &cautious, "GET", "/v1/keys/kept", Value::Null).await["state"], "active");
    // While it is there, its journal is its own people's.
    let (status, hidden) = ask(&server, &admin, "GET", "/v1/journal?realm=one", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{hidden}");
    let deleted = server.admin("POST", path, delete()).await;
    assert_eq!((&deleted["keys"], &deleted["destroyed"]), (&json!(2), &json!(2)), "{deleted}");
    let erasure = deleted["erasures"][0].as_str().unwrap();
    let complete = server.admin("GET", &format!("/v1/erasures/{erasure}?wait_seconds=30"), Value::Null).await;
    assert_eq!(complete["state"], "complete", "{complete}");
    assert_eq!(complete["certificate"]["certificate"]["realm"], deleted["realm"]["id"], "{complete}");
    // Nobody of it is let in, also after a start; those of the first realm read what is left, and asking again harms nothing.
    server.restart();
    assert_eq!(ask(&server, &alice, "GET", "/v1/keys", Value::Null).await.0, StatusCode::UNAUTHORIZED);
    let journal = server.admin("GET", "/v1/journal?realm=one&kind=erase", Value::Null).await;
    assert_eq!(journal["entries"][0]["principal"], "system", "{journal}");
    let journal = server.admin("GET", "/v1/journal?kind=delete-realm", Value::Null).await;
    assert_eq!(journal["entries"].as_array().unwrap().last().unwrap()["principal"], "admin", "{journal}");
    let again = server.admin("POST", path, delete()).await;
    assert_eq!(again["destroyed"], 0, "{again}");
}

#[tokio::test]
async fn where_there_are_two_administrators_one_alone_deletes_no_realm() {
    let server = Server::start();
    let owner = realm(&server, "shop").await;
    key(&server, &owner, "ledger").await;
    let deputy = json!({ "name": "deputy", "roles": ["admin"], "token": true });
    let deputy = server.admin("POST", "/v1/clients", deputy).await["token"].as_str().unwrap().to_owned();
    let admin = server.admin_token();
    let delete = json!({ "confirm": "realm shop", "destroy_all": true });
    let path = "/v1/realms/shop/delete";
    let (status, waits) = ask(&server, &admin, "POST", path, delete.clone()).await;
    assert_eq!((status, &waits["code"]), (StatusCode::ACCEPTED, &json!("approval_pending")), "{waits}");
    done(&server, &owner, "GET", "/v1/keys/ledger", Value::Null).await;
    let approve = format!("/v1/approvals/{}/approve", waits["approval"].as_str().unwrap());
    assert_eq!(ask(&server, &admin, "POST", &approve, Value::Null).await.0, StatusCode::FORBIDDEN);
    let told = done(&server, &deputy, "POST", &approve, Value::Null).await;
    assert!(told.to_string().contains("destroy all keys in it"), "{told}");
    // What was approved is all in it, and not another realm or way.
    let other = json!({ "confirm": "realm shop" });
    let (_, refused) = ask(&server, &admin, "POST", path, other).await;
    assert_eq!(refused["code"], "approval_pending", "{refused}");
    let gone = done(&server, &admin, "POST", path, delete.clone()).await;
    assert_eq!(gone["keys"], 1, "{gone}");
    // What is left of it is done without asking once more.
    let again = done(&server, &admin, "POST", path, delete).await;
    assert!(again["code"].is_null() && again["realm"]["deleted"].is_string(), "{again}");
}

/// Whoever says first which subject is which client has the subject: administrators of other realms must not.
#[tokio::test]
async fn an_issuer_and_an_organisation_are_for_the_realms_that_the_configuration_names() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, authorities) = (folder.path().join("keys.json"), folder.path().join("ca.pem"));
    std::fs::write(&keys, r#"{ "keys": [] }"#).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let made = CertificateAuthority::create(now).unwrap();
    std::fs::write(&authorities, pem::encode_certificate(&made.certificate)).unwrap();
    let server = Server::start_with(|config| {
        let issuer = |name: &str, realms: Value| {
            let mut issuer = json!({
                "name": name, "issuer": format!("urn:{name}"), "audiences": ["keyreeve"], "jwks_file": keys,
            });
            if realms.is_array() {
                issuer["realms"] = realms;
            }
            serde_json::from_value(issuer).unwrap()
        };
        config.authn.jwt = vec![issuer("corp", Value::Null), issuer("shops", json!(["one"]))];
        let organisation = json!({ "name": "example", "ca_file": authorities, "names": "uri" });
        config.authn.certificates = vec![serde_json::from_value(organisation).unwrap()];
    });
    let (one, other) = (realm(&server, "one").await, realm(&server, "other").await);
    let first = server.admin_token();
    let jwt = |issuer: &str| json!({ "client": "bob", "roles": ["user"], "jwt": { "issuer": issuer, "subject": "bob" } });
    let member = json!({ "organisation": "example", "name": "spiffe://example/bob" });
    let member = json!({ "client": "carol", "roles": ["user"], "certificate": member });
    for (token, asked, allowed) in [
        (&other, jwt("corp"), false),
        (&one, jwt("corp"), false),
        (&first, jwt("corp"), true),
        (&other, jwt("shops"), false),
        (&first, jwt("shops"), false),
        (&one, jwt("shops"), true),
        (&one, member.clone(), false),
        (&first, member, true),
    ] {
        let (status, told) = ask(&server, token, "POST", "/v1/credentials", asked.clone()).await;
        match allowed {
            true => assert_eq!(status, StatusCode::CREATED, "{asked}: {told}"),
            false => {
                assert_eq!(status, StatusCode::FORBIDDEN, "{asked}: {told}");
                assert!(told["detail"].as_str().unwrap().contains("is not for this realm"), "{told}");
            }
        }
    }
}

/// What KMIP answers to one operation, in XML, without the time and the number of the request.
async fn kmip(server: &Server, token: &str, operation: &str, payload: &str) -> String {
    let message = format!(
        r#"<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="2"/>
        <ProtocolVersionMinor type="Integer" value="1"/></ProtocolVersion><BatchCount type="Integer" value="1"/></RequestHeader>
        <BatchItem><Operation type="Enumeration" value="{operation}"/><RequestPayload>{payload}</RequestPayload></BatchItem>
        </RequestMessage>"#
    );
    let request = Request::post("/kmip").header("content-type", "text/xml").body(message.into()).unwrap();
    let answer = server.send(Proof::Token(token), request).await;
    assert_eq!(answer.status, StatusCode::OK);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    text.split_once("<BatchItem>").unwrap().1.to_owned()
}

#[tokio::test]
async fn kmip_finds_uses_and_changes_nothing_of_another_realm() {
    let server = Server::start();
    let (one, other) = (realm(&server, "one").await, realm(&server, "other").await);
    let made = key(&server, &one, "ledger").await;
    let object = made["versions"][0]["object_id"].as_str().unwrap();
    let unknown = "0198c1f4-0000-7000-8000-000000000000";
    let id = |id: &str| format!(r#"<UniqueIdentifier type="TextString" value="{id}"/>"#);
    let date = r#"<CurrentAttribute/><NewAttribute><DeactivationDate type="DateTime" value="2040-01-01T00:00:00Z"/></NewAttribute>"#;
    let admin = server.admin_token();
    for stranger in [&other, &admin] {
        for (operation, further) in [
            ("Get", ""),
            ("GetAttributes", ""),
            ("GetAttributeList", ""),
            ("Encrypt", r#"<Data type="ByteString" value="00"/>"#),
            ("ReKey", ""),
            ("Destroy", ""),
            ("Activate", ""),
            ("ObtainLease", ""),
            ("Check", ""),
            ("ModifyAttribute", date),
        ] {
            let hidden = kmip(&server, stranger, operation, &(id(object) + further)).await;
            let absent = kmip(&server, stranger, operation, &(id(unknown) + further)).await;
            assert!(hidden.contains("OperationFailed"), "{operation}: {hidden}");
            assert_eq!(hidden.replace(object, "ID"), absent.replace(unknown, "ID"), "{operation}");
        }
        let found = kmip(&server, stranger, "Locate", "<Attributes/>").await;
        assert!(found.contains("Success") && !found.contains("UniqueIdentifier"), "{found}");
    }
    let own = kmip(&server, &one, "Locate", "<Attributes/>").await;
    assert!(own.contains(object), "{own}");
    let own = kmip(&server, &one, "GetAttributes", &id(object)).await;
    assert!(own.contains("Success") && own.contains("Active"), "{own}");
}
