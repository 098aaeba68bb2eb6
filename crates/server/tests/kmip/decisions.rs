//! What a decision rests on is looked at anew at each request, however often it was made before; and what a search counts. Not here:
//! who may do what (authorization), races (REST's tests of access).

use std::sync::Arc;

use keyreeve_core::ports::clock::Clock as _;
use keyreeve_kmip::Version;
use keyreeve_kmip::attributes::AttributeValue;
use keyreeve_kmip::enums::{ResultReason, ResultStatus};
use keyreeve_kmip::payloads::Response;
use keyreeve_kmip::payloads::decrypt::DecryptRequest;
use keyreeve_kmip::payloads::locate::LocateRequest;
use keyreeve_kmip::values::UniqueIdentifier;
use serde_json::{Value, json};

use crate::clock::HandClock;
use crate::harness::{Client, Server, named};

const VERSION: Version = Version::V2_1;

/// A client without any role, over one connection, and a key of the administrator's.
struct Till {
    server: Server,
    clock: Arc<HandClock>,
    client: Client,
    key: UniqueIdentifier,
}

impl Till {
    fn new() -> Self {
        let clock = HandClock::of_today();
        let server = Server::start_at(clock.clone(), |_| {});
        let made = server.post("/v1/clients", &json!({ "name": "till", "roles": [] }));
        let pem = |field: &str| made[field].as_str().unwrap().as_bytes().to_vec();
        let client = server.connect_to(server.address, &pem("certificate"), &pem("private_key"));
        let key = server.post("/v1/keys", &json!({ "name": "k1", "algorithm": "aes-256" }));
        let key = UniqueIdentifier::Text(key["versions"][0]["object_id"].as_str().unwrap().to_owned());
        Self { server, clock, client, key }
    }

    /// Whether it may decrypt: then it is told that this is no ciphertext.
    fn may(&mut self) -> bool {
        let request = DecryptRequest {
            unique_identifier: Some(self.key.clone()),
            data: Some(vec![0; 16].into()),
            iv_counter_nonce: Some(vec![0; 12]),
            authenticated_encryption_tag: Some(vec![0; 16]),
            ..DecryptRequest::default()
        };
        let answer = self.client.ask(VERSION, request);
        assert_eq!(answer.result_status, ResultStatus::OperationFailed);
        match answer.result_reason.unwrap() {
            ResultReason::CryptographicFailure => true,
            ResultReason::ObjectNotFound | ResultReason::PermissionDenied => false,
            other => panic!("{other:?} {:?}", answer.result_message),
        }
    }

    /// Asks so often that every cache is warm.
    fn is_hot(&mut self, expected: bool, what: &str) {
        for _ in 0..3 {
            assert_eq!(self.may(), expected, "{what}");
        }
    }

    fn apply(&self, text: &str) {
        self.server.post("/v1/access/rules", &json!({ "text": text }));
    }

    fn rest(&self, method: &str, path: &str, body: Value) {
        let (status, told) = self.server.rest_told(method, path, &body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {told}");
    }

    /// So many seconds from now, as a rule and a grant write it.
    fn in_seconds(&self, seconds: i64) -> String {
        keyreeve_core::model::Time(self.clock.now().0 + seconds * 1000).to_string()
    }
}

/// A rule that lets the client decrypt under this condition.
fn rule(condition: &str) -> String {
    format!(
        "@id(\"decrypts\") permit (principal == Principal::\"till\", action == Action::\"decrypt\", resource) when \
         {{ {condition} }};"
    )
}

#[test]
fn each_thing_that_a_decision_rests_on_counts_at_the_next_request() {
    let mut till = Till::new();
    till.is_hot(false, "nothing allows it");
    // What, the rule that says so, how it is taken away, and how it is given back.
    type Step = (&'static str, &'static str, Value);
    let key = "/v1/keys/k1";
    let person = "/v1/clients/till";
    let in_group = "principal in Group::\"shop\"";
    let in_role = "principal in Role::\"auditor\"";
    let tagged = "resource.hasTag(\"team\") && resource.getTag(\"team\") == \"shop\"";
    let named = "resource.name == \"k1\"";
    let active = "resource.state == \"active\"";
    let grants = "/v1/keys/k1/grants/till";
    let remove: Step = ("DELETE", "/v1/access/rules/decrypts", Value::Null);
    let again: Step = ("POST", "/v1/access/rules", json!({ "text": rule(named) }));
    let cases: Vec<(&str, &str, Step, Step)> = vec![
        ("the rule", named, remove, again),
        (
            "a group",
            in_group,
            ("PATCH", person, json!({ "groups": [] })),
            ("PATCH", person, json!({ "groups": ["shop"] })),
        ),
        (
            "a role",
            in_role,
            ("PATCH", person, json!({ "roles": [] })),
            ("PATCH", person, json!({ "roles": ["auditor"] })),
        ),
        (
            "a label",
            tagged,
            ("PATCH", key, json!({ "tags": { "team": "till" } })),
            ("PATCH", key, json!({ "tags": { "team": "shop" } })),
        ),
        (
            "the name",
            named,
            ("PATCH", key, json!({ "name": "k2" })),
            ("PATCH", "/v1/keys/k2", json!({ "name": "k1" })),
        ),
        (
            "a grant",
            "false",
            ("DELETE", grants, Value::Null),
            ("PUT", grants, json!({ "actions": ["decrypt"] })),
        ),
        (
            "the state",
            active,
            ("POST", "/v1/keys/k1/disable", Value::Null),
            ("POST", "/v1/keys/k1/enable", Value::Null),
        ),
    ];
    for (what, condition, (method, path, body), (back, back_path, back_body)) in cases {
        till.apply(&rule(condition));
        let is_there = matches!(what, "the rule" | "the name" | "the state");
        if !is_there {
            till.rest(back, back_path, back_body.clone());
        }
        for _ in 0..2 {
            till.is_hot(true, what);
            till.rest(method, path, body.clone());
            till.is_hot(false, what);
            till.rest(back, back_path, back_body.clone());
        }
        till.is_hot(true, what);
        till.rest("DELETE", "/v1/access/rules/decrypts", Value::Null);
        if !is_there {
            till.rest(method, path, body);
        }
        till.is_hot(false, what);
    }
}

#[test]
fn what_time_takes_away_is_gone_at_the_next_request() {
    let mut till = Till::new();
    // A grant that ends.
    let grant = json!({ "actions": ["decrypt"], "expires": till.in_seconds(100) });
    till.rest("PUT", "/v1/keys/k1/grants/till", grant);
    till.is_hot(true, "a grant");
    till.clock.advance(99);
    till.is_hot(true, "a grant");
    till.clock.advance(1);
    till.is_hot(false, "a grant");
    // A rule by the time of day.
    let end = till.in_seconds(100);
    till.apply(&rule(&format!("context.time < datetime(\"{end}\")")));
    till.is_hot(true, "the time");
    till.clock.advance(99);
    till.is_hot(true, "the time");
    till.clock.advance(1);
    till.is_hot(false, "the time");
    // A date that moves the key to another state.
    till.apply(&rule("resource.state == \"active\""));
    let end = till.in_seconds(100);
    till.rest("PATCH", "/v1/keys/k1", json!({ "deactivation": end }));
    till.is_hot(true, "a date of the key");
    till.clock.advance(100);
    till.is_hot(false, "a date of the key");
}

#[test]
fn who_is_revoked_is_shut_out_of_a_connection_that_was_used_before() {
    let mut till = Till::new();
    till.apply(&rule("true"));
    till.is_hot(true, "the rule");
    till.rest("POST", "/v1/clients/till/revoke", json!({}));
    let locate = LocateRequest::default();
    let (status, reason) = {
        let answer = till.client.ask(VERSION, locate);
        (answer.result_status, answer.result_reason)
    };
    assert_eq!(status, ResultStatus::OperationFailed);
    assert_eq!(reason, Some(ResultReason::AuthenticationNotSuccessful));
}

#[test]
fn a_search_counts_and_pages_what_its_client_sees_alone() {
    let mut till = Till::new();
    till.rest("PATCH", "/v1/clients/till", json!({ "roles": ["user"] }));
    for number in 0..5 {
        let key = json!({ "name": format!("seen-{number}"), "algorithm": "aes-256" });
        till.server.post("/v1/keys", &key);
        till.server.post("/v1/keys", &json!({ "name": format!("hidden-{number}"), "algorithm": "aes-256" }));
    }
    till.apply(
        "@id(\"sees\") permit (principal == Principal::\"till\", action in Action::\"read\", resource) when \
         { resource.name like \"*-*\" };
         @id(\"hides\") forbid (principal, action, resource is Key) when { resource.name like \"hidden-*\" };",
    );
    let mut search = |attributes: Option<AttributeValue>, offset: Option<i32>| {
        let request = LocateRequest {
            maximum_items: Some(2),
            offset_items: offset,
            attributes: attributes.map(|value| [value].into_iter().collect()),
            ..LocateRequest::default()
        };
        match till.client.done(VERSION, request) {
            Response::Locate(located) => (located.unique_identifiers.len(), located.located_items),
            _ => panic!("another operation was answered"),
        }
    };
    assert_eq!(search(None, None), (2, Some(5)));
    assert_eq!(search(None, Some(2)), (2, Some(5)));
    assert_eq!(search(None, Some(4)), (1, Some(5)));
    let by_name = |name: &str| Some(AttributeValue::Name(named(name)));
    assert_eq!(search(by_name("hidden-1"), None), search(by_name("nothing"), None));
}
