//! Alerts over REST: raised once by the running server, whatever restarts; looked at, snoozed and suppressed by those who may.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64};

/// A client with this role, by its token.
async fn client(server: &Server, name: &str, role: &str) -> String {
    let body = json!({ "name": name, "roles": [role], "token": true });
    let made = server.admin("POST", "/v1/clients", body).await;
    made["token"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

async fn canary(server: &Server) {
    let body = json!({ "name": "root-password", "algorithm": "aes-256", "canary": true });
    server.admin("POST", "/v1/keys", body).await;
}

/// Somebody tries the canary.
async fn touch(server: &Server, token: &str) {
    let body = json!({ "plaintext": base64(b"what is this?") });
    let (status, _) = server.json(Proof::Token(token), "POST", "/v1/keys/root-password/encrypt", body).await;
    assert!(status.is_client_error());
}

/// The alerts, newest first, once there are so many by the rule on canaries.
async fn alerts(server: &Server, count: usize) -> Vec<Value> {
    for _ in 0..600 {
        let listed = server.admin("GET", "/v1/alerts?state=all", Value::Null).await;
        let found = listed["alerts"].as_array().unwrap().iter().filter(|alert| alert["rule"] == "canary");
        let found: Vec<Value> = found.cloned().collect();
        assert!(found.len() <= count, "{found:?}");
        if found.len() == count {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there are no {count} alerts");
}

#[tokio::test]
async fn what_the_rules_find_is_raised_once_and_survives_restarts() {
    let mut server = Server::start();
    canary(&server).await;
    let (mallory, trent) = (client(&server, "mallory", "user").await, client(&server, "trent", "user").await);
    touch(&server, &mallory).await;
    let alert = alerts(&server, 1).await.remove(0);
    assert_eq!(alert["severity"], "page");
    assert_eq!((&alert["subject"], &alert["raised"]), (&json!("mallory"), &json!(1)));
    assert_eq!((&alert["suppressed"], &alert["acknowledged"]), (&json!(false), &Value::Null));
    let lsn = alert["entries"][0].as_u64().unwrap();
    let page = server.admin("GET", &format!("/v1/journal?after={}&limit=1", lsn - 1), Value::Null).await;
    let entry = &page["entries"][0];
    assert_eq!((&entry["principal"], &entry["action"]), (&json!("mallory"), &json!("encrypt")), "{entry}");
    // The rules see it again after a start, and what they had found is not raised again.
    server.restart();
    touch(&server, &mallory).await;
    touch(&server, &trent).await;
    let both = alerts(&server, 2).await;
    assert_eq!((&both[0]["subject"], &both[1]["subject"]), (&json!("trent"), &json!("mallory")));
    assert_eq!(both[1]["raised"], 1, "the same within a day");
    server.restart();
    assert_eq!(alerts(&server, 2).await, both);
    let raised = server.admin("GET", "/v1/journal?kind=raise-alert", Value::Null).await;
    let raised: Vec<&str> =
        raised["entries"].as_array().unwrap().iter().filter_map(|entry| entry["detail"].as_str()).collect();
    let of_canaries = raised.iter().filter(|detail| detail.starts_with("page: canary: "));
    assert_eq!(of_canaries.count(), 2, "{raised:?}");
}

#[tokio::test]
async fn whoever_may_use_a_canary_is_not_told_that_it_is_one() {
    let server = Server::start();
    canary(&server).await;
    let user = client(&server, "user", "user").await;
    let grant = json!({ "actions": ["encrypt"] });
    server.admin("PUT", "/v1/keys/root-password/grants/user", grant).await;
    let told = |value: &Value| value.to_string().contains("canary");
    for path in ["/v1/keys/root-password", "/v1/journal?key=root-password", "/v1/keys"] {
        let (status, answer) = server.json(Proof::Token(&user), "GET", path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(!told(&answer), "{path}: {answer}");
    }
    let history = server.admin("GET", "/v1/journal?key=root-password", Value::Null).await;
    assert!(told(&history), "who reads the journal sees it: {history}");
}

#[tokio::test]
async fn an_alert_is_looked_at_and_a_rule_suppressed_by_administrators_with_an_end_and_a_reason() {
    let server = Server::start();
    canary(&server).await;
    let (auditor, user) =
        (client(&server, "auditor", "auditor").await, client(&server, "user", "user").await);
    touch(&server, &user).await;
    let number = alerts(&server, 1).await[0]["number"].as_u64().unwrap();
    let of = |what: &str| format!("/v1/alerts/{number}/{what}");
    let (status, _) = server.json(Proof::Token(&user), "GET", "/v1/alerts", Value::Null).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, shown) =
        server.json(Proof::Token(&auditor), "GET", &format!("/v1/alerts/{number}"), Value::Null).await;
    assert_eq!((status, &shown["subject"]), (StatusCode::OK, &json!("user")));
    for what in ["acknowledge", "snooze"] {
        let body = json!({ "hours": 1, "reason": "no" });
        let body = if what == "snooze" { body } else { json!({}) };
        let (status, _) = server.json(Proof::Token(&auditor), "POST", &of(what), body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{what}");
    }
    let admin = server.admin_token();
    let refused = |path: String, body: Value, expected: StatusCode| {
        let (server, admin) = (&server, &admin);
        async move {
            let (status, answer) = server.json(Proof::Token(admin), "POST", &path, body).await;
            assert_eq!(status, expected, "{answer}");
        }
    };
    let suppressions = || "/v1/alert-suppressions".to_owned();
    refused(of("snooze"), json!({ "hours": 0, "reason": "r" }), StatusCode::BAD_REQUEST).await;
    refused(of("snooze"), json!({ "hours": 2161, "reason": "r" }), StatusCode::BAD_REQUEST).await;
    refused(of("snooze"), json!({ "hours": 1, "reason": " " }), StatusCode::BAD_REQUEST).await;
    refused("/v1/alerts/99/acknowledge".into(), json!({}), StatusCode::NOT_FOUND).await;
    refused(suppressions(), json!({ "rule": "none", "hours": 1, "reason": "r" }), StatusCode::NOT_FOUND)
        .await;
    let unknown = json!({ "rule": "canary", "subject": "user" });
    refused("/v1/alert-suppressions/end".into(), unknown.clone(), StatusCode::NOT_FOUND).await;

    server.admin("POST", &of("snooze"), json!({ "hours": 1, "reason": "we know" })).await;
    let listed = server.admin("GET", "/v1/alerts", Value::Null).await;
    let [snoozed] = &listed["suppressions"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((&snoozed["rule"], &snoozed["subject"]), (&json!("canary"), &json!("user")));
    server.admin("POST", "/v1/alert-suppressions/end", unknown).await;
    let looked = server.admin("POST", &of("acknowledge"), json!({ "note": "a test" })).await;
    assert_eq!(
        (&looked["acknowledged"]["by"], &looked["acknowledged"]["note"]),
        (&json!("admin"), &json!("a test"))
    );
    let open = server.admin("GET", "/v1/alerts?severity=page", Value::Null).await;
    assert_eq!(open["alerts"], json!([]));
    let body = json!({ "rule": "canary", "hours": 24, "reason": "an exercise" });
    server.admin("POST", "/v1/alert-suppressions", body).await;
    let other = client(&server, "other", "user").await;
    touch(&server, &other).await;
    assert_eq!(alerts(&server, 2).await[0]["suppressed"], true, "it is raised, and nobody is told");
}
