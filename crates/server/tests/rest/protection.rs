//! What protects the store, over REST: waiting for a target, targets in the wrong place, changing the root key's unlock.

use hyper::StatusCode;
use keyreeve_server::config::Ack;
use serde_json::{Value, json};

use crate::harness::{Proof, Server};

const PASSPHRASE: &str = "correct horse battery staple";

#[tokio::test]
async fn with_ack_target_a_new_server_begins_and_answers_changes_once_there_is_a_target() {
    let server = Server::start_with(|config| config.backup.ack = Ack::Target);
    let token = server.admin_token();
    let key = json!({ "name": "one", "algorithm": "aes-256" });
    let create = async || server.json(Proof::Token(&token), "POST", "/v1/keys", key.clone()).await;
    let (status, told) = create().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{told}");
    assert!(told.to_string().contains("backup target"), "{told}");

    let inside = json!({ "to": server.config.data.dir.join("backup") });
    let (status, told) = server.json(Proof::Token(&token), "POST", "/v1/backups", inside).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{told}");
    assert!(told.to_string().contains("data folder"), "{told}");

    let target = server.files.with_file_name("target");
    server.admin("POST", "/v1/backups", json!({ "to": target })).await;
    let (status, told) = create().await;
    assert_eq!(status, StatusCode::CREATED, "{told}");
}

#[tokio::test]
async fn a_destruction_that_waits_says_for_which_place_and_why() {
    let server = Server::start();
    let (target, away) = (server.files.with_file_name("target"), server.files.with_file_name("away"));
    server.admin("POST", "/v1/backups", json!({ "to": target })).await;
    server.admin("POST", "/v1/keys", json!({ "name": "one", "algorithm": "aes-256" })).await;
    std::fs::rename(&target, &away).unwrap();
    server.admin("POST", "/v1/keys/one/destroy", json!({ "now": true })).await;
    let erasure = async |seconds: u64| {
        let path = format!("/v1/keys/one/destroy?wait_seconds={seconds}");
        server.admin("GET", &path, Value::Null).await["erasures"][0].clone()
    };
    let mut pending = erasure(0).await;
    while pending["troubles"] == json!([]) {
        pending = erasure(1).await;
    }
    let trouble = &pending["troubles"][0];
    let place = trouble["place"].as_str().unwrap();
    assert!(place.ends_with("/target") && pending["pending"].to_string().contains(place), "{pending}");
    assert!(trouble["what"].as_str().unwrap().len() > 10 && trouble["at"].is_string(), "{pending}");
    let status = server.admin("GET", "/v1/status", Value::Null).await;
    assert!(status["erasures_pending"] == 1 && status["troubles"][0]["place"] == place, "{status}");
    let doctor = server.admin("GET", "/v1/doctor", Value::Null).await.to_string();
    assert!(doctor.contains(&format!("Destructions wait for {place} (")), "{doctor}");
    std::fs::rename(&away, &target).unwrap();
    while erasure(60).await["state"] != "complete" {}
    let status = server.admin("GET", "/v1/status", Value::Null).await;
    assert!(status["erasures_pending"] == 0 && status["troubles"] == json!([]), "{status}");
}

#[tokio::test]
async fn a_change_of_the_unlock_is_on_record_before_it_is_done() {
    let server = Server::start();
    let token = server.admin_token();
    let change = |old: &str| json!({ "old": { "passphrase": old }, "new": { "passphrase": "another one" } });
    let ask = async |old| server.json(Proof::Token(&token), "POST", "/v1/root/unlock", change(old)).await.0;
    assert_eq!(ask("this one is wrong").await, StatusCode::FORBIDDEN);
    assert_eq!(ask(PASSPHRASE).await, StatusCode::OK);
    let page = server.admin("GET", "/v1/journal?kind=change-unlock", Value::Null).await;
    let told = |entry: &Value| {
        format!("{}: {}", entry["outcome"].as_str().unwrap(), entry["detail"].as_str().unwrap())
    };
    let told: Vec<_> = page["entries"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!((&*told[0], &*told[2]), ("success: begins", "success: begins"), "{told:?}");
    assert!(told[1].starts_with("denied") && told[3].contains("unlocked by"), "{told:?}");
}

#[tokio::test]
async fn the_target_of_another_store_is_told_by_its_code() {
    let (one, two) = (Server::start(), Server::start());
    let target = json!({ "to": one.files.with_file_name("target") });
    one.admin("POST", "/v1/backups", target.clone()).await;
    let token = two.admin_token();
    for take_over in [false, true] {
        let mut asked = target.clone();
        asked["take_over"] = take_over.into();
        let (status, told) = two.json(Proof::Token(&token), "POST", "/v1/backups", asked).await;
        assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("archive_mismatch")), "{told}");
    }
}
