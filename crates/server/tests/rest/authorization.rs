//! Who may do what: every action times every role, over the routes. An action without a row fails.

use std::collections::BTreeSet;

use hyper::StatusCode;
use keyreeve_core::access::{Action, ActionGroup};
use keyreeve_testkit::matrix::{Seen, WHO, check, key_for, line, lines, steps};
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64};

pub(crate) struct Row {
    pub(crate) action: Action,
    pub(crate) method: &'static str,
    /// `KEY`, `SPARE` and `TOKEN` stand for a key, a client and a token of the row's own.
    pub(crate) path: &'static str,
    pub(crate) body: Value,
}

fn row(action: Action, method: &'static str, path: &'static str, body: Value) -> Row {
    Row { action, method, path, body }
}

pub(crate) fn rows() -> Vec<Row> {
    let data = base64(b"data");
    let passphrase = || json!({ "passphrase": "correct horse battery staple" });
    let unlocking = || json!({ "old": passphrase(), "new": passphrase() });
    let create = |algorithm| json!({ "name": "NEW", "algorithm": algorithm });
    let material = || json!({ "format": "raw", "data": base64(&[7; 16]) });
    let imported = json!({ "name": "NEW", "algorithm": "aes-128", "material": material() });
    let version = json!({ "material": material() });
    vec![
        row(Action::Create, "POST", "/v1/keys", create("aes-128")),
        row(Action::CreateKeyPair, "POST", "/v1/keys", create("ed25519")),
        row(Action::ListKeys, "GET", "/v1/keys", Value::Null),
        row(Action::GetAttributes, "GET", "/v1/keys/KEY", Value::Null),
        row(Action::GetPublic, "GET", "/v1/keys/KEY/public", Value::Null),
        row(Action::ReadHistory, "GET", "/v1/journal?key=KEY", Value::Null),
        row(Action::Get, "POST", "/v1/keys/KEY/export", json!({ "wrap_with": "kek" })),
        row(Action::Rekey, "POST", "/v1/keys/KEY/rotate", Value::Null),
        row(Action::Register, "POST", "/v1/keys", imported),
        row(Action::ImportVersion, "POST", "/v1/keys/KEY/versions", version),
        row(Action::WrappingKey, "GET", "/v1/wrapping-key", Value::Null),
        row(Action::Disable, "POST", "/v1/keys/KEY/disable", Value::Null),
        row(Action::Enable, "POST", "/v1/keys/KEY/enable", Value::Null),
        row(Action::Archive, "POST", "/v1/keys/KEY/archive", Value::Null),
        row(Action::Recover, "POST", "/v1/keys/KEY/recover", Value::Null),
        row(Action::Tag, "PATCH", "/v1/keys/KEY", json!({ "tags": { "a": "b" } })),
        row(Action::SetAlias, "PUT", "/v1/aliases/to-KEY", json!({ "key": "KEY" })),
        row(Action::RemoveAlias, "DELETE", "/v1/aliases/of-KEY", Value::Null),
        row(Action::ListAliases, "GET", "/v1/aliases", Value::Null),
        row(Action::Activate, "POST", "/v1/keys/KEY/activate", Value::Null),
        row(Action::Revoke, "POST", "/v1/keys/KEY/revoke", Value::Null),
        row(Action::Destroy, "POST", "/v1/keys/KEY/destroy", Value::Null),
        row(Action::CancelDestroy, "DELETE", "/v1/keys/KEY/destroy", Value::Null),
        row(Action::RestoreKey, "POST", "/v1/keys/KEY/restore", json!({ "as_of": u64::MAX.to_string() })),
        row(Action::Erase, "POST", "/v1/erasures", json!({ "tag": "no=body", "confirm": "tag no=body" })),
        row(Action::ShowErasures, "GET", "/v1/erasures", Value::Null),
        row(Action::Grant, "PUT", "/v1/keys/KEY/grants/auditor", json!({ "actions": ["sign"] })),
        row(Action::Encrypt, "POST", "/v1/keys/KEY/encrypt", json!({ "plaintext": data })),
        row(Action::Decrypt, "POST", "/v1/keys/KEY/decrypt", json!({ "ciphertext": "CIPHERTEXT" })),
        row(Action::Sign, "POST", "/v1/keys/KEY/sign", json!({ "data": data })),
        row(Action::Verify, "POST", "/v1/keys/KEY/verify", json!({ "data": data, "signature": data })),
        row(Action::Mac, "POST", "/v1/keys/KEY/mac", json!({ "data": data })),
        row(Action::MacVerify, "POST", "/v1/keys/KEY/mac/verify", json!({ "data": data, "mac": data })),
        row(Action::Wrap, "POST", "/v1/keys/KEY/wrap", json!({ "plaintext": data })),
        row(Action::Unwrap, "POST", "/v1/keys/KEY/unwrap", json!({ "wrapped": "WRAPPED" })),
        row(Action::DataKey, "POST", "/v1/keys/KEY/datakey", json!({})),
        row(Action::DataKeyWithoutPlaintext, "POST", "/v1/keys/KEY/datakey", json!({ "plaintext": false })),
        row(
            Action::Derive,
            "POST",
            "/v1/keys/KEY/derive",
            json!({ "name": "NEW", "algorithm": "aes-128", "method": "hkdf" }),
        ),
        row(Action::Check, "POST", "/v1/keys/KEY/check", json!({ "usage": ["sign"] })),
        row(Action::ObtainLease, "POST", "/v1/keys/KEY/lease", Value::Null),
        row(Action::GetUsageAllocation, "POST", "/v1/keys/KEY/allocate", json!({ "units": 1 })),
        row(Action::ModifyAttributes, "PATCH", "/v1/keys/KEY", json!({ "name": "KEY" })),
        row(Action::ChangePolicy, "PATCH", "/v1/keys/KEY", json!({ "lease_seconds": 60 })),
        // Takes the right to get as well.
        row(
            Action::CreateSplitKey,
            "POST",
            "/v1/keys/KEY/split",
            json!({ "name": "NEW", "parts": 3, "threshold": 2 }),
        ),
        row(Action::Hash, "POST", "/v1/hash", json!({ "data": data })),
        row(Action::Random, "POST", "/v1/random", json!({ "length": 8 })),
        row(Action::Status, "GET", "/v1/status", Value::Null),
        row(Action::ReadJournal, "GET", "/v1/journal", Value::Null),
        row(Action::VerifyJournal, "POST", "/v1/journal/verify", Value::Null),
        row(Action::CreatePrincipal, "POST", "/v1/clients", json!({ "name": "NEW" })),
        row(Action::ListPrincipals, "GET", "/v1/clients", Value::Null),
        row(Action::RenewCredential, "POST", "/v1/clients/SPARE/renew", Value::Null),
        row(Action::RevokeCredential, "POST", "/v1/tokens/TOKEN/revoke", Value::Null),
        row(Action::RevokePrincipal, "POST", "/v1/clients/SPARE/revoke", Value::Null),
        row(Action::EraseSubject, "POST", "/v1/clients/SPARE/erase", Value::Null),
        row(Action::ChangePrincipal, "PATCH", "/v1/clients/SPARE", json!({ "groups": ["g"] })),
        row(Action::SetAccessRules, "POST", "/v1/access/rules", json!({ "text": HARMLESS })),
        row(Action::ShowAccessRules, "GET", "/v1/access/rules", Value::Null),
        row(Action::SetPolicies, "POST", "/v1/policies", json!({ "text": "name = 'harmless'" })),
        row(Action::ShowPolicies, "GET", "/v1/policies", Value::Null),
        row(Action::ShowAlerts, "GET", "/v1/alerts", Value::Null),
        row(
            Action::SettleAlerts,
            "POST",
            "/v1/alert-suppressions",
            json!({ "rule": "denials", "hours": 1, "reason": "tries" }),
        ),
        row(Action::ExplainAccess, "GET", "/v1/access/explain/1", Value::Null),
        row(
            Action::CheckAccess,
            "POST",
            "/v1/access/check",
            json!({ "principal": "owner", "action": "create" }),
        ),
        row(Action::Inspect, "GET", "/v1/root", Value::Null),
        row(Action::ChangeUnlock, "POST", "/v1/root/unlock", unlocking()),
        row(Action::Reload, "POST", "/v1/reload", Value::Null),
        row(Action::ReplaceRoot, "POST", "/v1/root/replace", unlocking()),
        row(Action::ListApprovals, "GET", "/v1/approvals", Value::Null),
        row(Action::ShowApprovalRules, "GET", "/v1/approval-rules", Value::Null),
        row(Action::ListRealms, "GET", "/v1/realms", Value::Null),
        row(Action::CreateRealm, "POST", "/v1/realms", json!({ "name": "NEW", "administrator": "somebody" })),
        row(Action::DeleteRealm, "POST", "/v1/realms/REALM/delete", json!({ "confirm": "realm REALM" })),
        // The last one: from here on rules change by approval alone.
        row(
            Action::SetApprovalRules,
            "PUT",
            "/v1/approval-rules/two-people",
            json!({ "actions": ["restore-key"], "needs": 1, "roles": ["user"] }),
        ),
    ]
}

const HARMLESS: &str =
    "@id(\"harmless\") permit (principal == Principal::\"nobody\", action == Action::\"sign\", resource);";

/// Rows that ask for the same over other routes. They are tried in the usual state alone.
fn further_rows() -> Vec<Row> {
    let of_key = |row: &Row| {
        row.path.strip_prefix("/v1/keys/KEY").filter(|rest| is_of_objects(row.method, rest)).is_some()
    };
    let objects = rows().into_iter().filter(of_key).map(|row| Row {
        path: Box::leak(row.path.replacen("/v1/keys/", "/v1/objects/", 1).into_boxed_str()),
        ..row
    });
    let batches = rows().into_iter().filter(|row| batched(row.path).is_some());
    let others = vec![
        row(Action::CheckAccess, "POST", "/v1/access/simulate", json!({ "remove": [] })),
        row(Action::CheckAccess, "POST", "/v1/access/test", json!({ "cases": [] })),
        row(Action::GetAttributes, "GET", "/v1/keys/KEY/attributes", Value::Null),
        row(Action::GetAttributes, "GET", "/v1/keys/KEY/grants", Value::Null),
        row(Action::ListPrincipals, "GET", "/v1/tokens", Value::Null),
        row(Action::RenewCredential, "POST", "/v1/tokens/TOKEN/renew", json!({ "days": 30 })),
        row(Action::Status, "GET", "/v1/whoami", Value::Null),
        row(Action::Inspect, "GET", "/v1/doctor", Value::Null),
        row(Action::Inspect, "GET", "/v1/places", Value::Null),
        row(Action::Inspect, "GET", "/v1/sinks", Value::Null),
        row(Action::Inspect, "GET", "/v1/notifications", Value::Null),
        row(Action::Inspect, "GET", "/v1/work", Value::Null),
        row(Action::Inspect, "GET", "/v1/audit/witnesses", Value::Null),
        row(Action::ListRealms, "GET", "/v1/realms/default", Value::Null),
        row(Action::ListKeys, "GET", "/v1/objects", Value::Null),
    ];
    objects.chain(batches).chain(others).collect()
}

/// Whether objects have this route of keys too.
fn is_of_objects(method: &str, rest: &str) -> bool {
    let known =
        ["/activate", "/disable", "/enable", "/archive", "/recover", "/revoke", "/restore", "/destroy"];
    known.contains(&rest) || rest.is_empty() && method == "GET"
}

/// The word of a batch for what this route does.
fn batched(path: &str) -> Option<&'static str> {
    let words = [
        ("encrypt", "encrypt"),
        ("decrypt", "decrypt"),
        ("sign", "sign"),
        ("verify", "verify"),
        ("mac", "mac"),
        ("mac/verify", "mac-verify"),
        ("wrap", "wrap"),
        ("unwrap", "unwrap"),
        ("datakey", "datakey"),
    ];
    let rest = path.strip_prefix("/v1/keys/KEY/")?;
    words.into_iter().find(|(known, _)| *known == rest).map(|(_, word)| word)
}

/// Routes that no row asks for, or all below a path that ends in `/`; each with the reason.
const ROUTES_WITHOUT_A_ROW: &[(&str, &str)] = &[
    ("/health/", "is open to all"),
    ("/v1/openapi.json", "is open to all"),
    ("/v1/login", "is how one proves who one is: identities.rs of the command's tests"),
    ("/v1/login/", "as the one before"),
    ("/v1/logout", "as the one before"),
    ("/kmip", "has rows of its own: authorization.rs of KMIP's tests"),
    ("/v1/batch", "is tried with each use of a key: every_role_gets_what_it_may_over_other_routes_too"),
    ("/metrics", "answers with text and no JSON: upkeep.rs tries who may"),
    ("/v1/backups", "writes folders: upkeep.rs tries who may"),
    ("/v1/backups/", "as the one before"),
    ("/v1/targets/", "needs a target: upkeep.rs tries who may"),
    ("/v1/cells/", "needs a lost place: upkeep.rs tries who may"),
    ("/v1/sinks/", "needs a sink: sinks.rs tries who may"),
    ("/v1/notifications/", "needs a destination: notifications.rs tries who may"),
    ("/v1/approvals/", "is decided by the approval rules: approvals.rs tries who may"),
    ("/v1/approval-rules/", "is the same operation as setting one: approvals.rs releases them"),
    (
        "/v1/alerts/",
        "is the same action as listing or suppressing: alerts.rs shows, acknowledges and snoozes",
    ),
    ("/v1/alert-suppressions/", "is the same action as suppressing: alerts.rs ends it"),
    ("/v1/policies/", "is the same action as applying or listing: policies.rs shows, plans and removes"),
    ("/v1/policy-attachments", "is the same action as applying a policy: policies.rs attaches"),
    ("/v1/policy-attachments/", "is the same action as applying a policy: policies.rs detaches"),
    ("/v1/keys/{name}/policy", "tells what policies say, to who sees the key: policies.rs"),
    ("/v1/access/rules/", "is the same action as applying one: access.rs removes them"),
    ("/v1/audit/", "needs a checkpoint: audit.rs of the command's tests"),
    ("/v1/tokens", "is creating a client's credential: scopes.rs"),
    ("/v1/credentials", "is creating a client's credential: identities.rs of the command's tests"),
    ("/v1/credentials/", "as the one before"),
    ("/v1/erasures/", "is one of the list that a row asks for"),
    ("/v1/join", "takes the right to get as well: split_key.rs tries who may"),
    ("/v1/objects", "takes objects that are no keys: objects.rs"),
    ("/v1/objects/", "those that keys have too are tried; the others take what is no key: objects.rs"),
    ("/v1/keys/{name}/destroy", "tells how far it has come, to who sees the key: key_life.rs"),
    ("/v1/keys/{name}/grants/{principal}", "takes back what a row gives: one operation of the core"),
];

/// The document names every route, and each is tried or says why it is not.
#[test]
fn every_route_has_a_row() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let document: Value = serde_json::from_slice(&std::fs::read(document).unwrap()).unwrap();
    let rows: Vec<Row> = rows().into_iter().chain(further_rows()).collect();
    let fits = |template: &str, path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        template.split('/').count() == path.split('/').count()
            && template
                .split('/')
                .zip(path.split('/'))
                .all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
    };
    let mut missing = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        // A stream does as the route without that word: stream.rs and message.rs try who may.
        let alone = path.replace("-stream", "");
        let path = if alone == "/v1/hash" { path } else { &alone };
        for method in methods.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
            let has_row = rows.iter().any(|row| row.method == method && fits(path, row.path));
            let is_left_out = ROUTES_WITHOUT_A_ROW
                .iter()
                .any(|(known, _)| path == known || known.ends_with('/') && path.starts_with(known));
            if !has_row && !is_left_out && path != "/v1/hash-stream" {
                missing.push(format!("{method} {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "neither a row nor a reason to have none: {missing:?}");
}

/// Actions that no row above asks for, each with the reason. What the server does by itself needs none.
const NOT_OVER_REST: &[(Action, &str)] = &[
    (Action::Locate, "KMIP's search by attributes: over REST keys are listed, with filters"),
    (Action::SetDefaults, "is asked for over KMIP alone: object_rules.rs of the house tries who may"),
    (Action::SetConstraints, "as the one before"),
    (Action::JoinSplitKey, "takes the right to get as well: split_key.rs tries who may"),
    (Action::Login, "KMIP's tickets: over REST a token is a credential of its own"),
    (Action::DelegatedLogin, "as for login"),
    (Action::Logout, "as for login"),
    (Action::ReProvision, "KMIP's Re-Provision: reprovision.rs of its tests tries who may"),
    (Action::Approve, "is open, and decided by the approval rules: approvals.rs tries who may"),
    (Action::DenyApproval, "as the one before"),
    (Action::Certify, "KMIP's Certify and Re-certify: certify.rs of its tests tries who may"),
    (Action::Query, "what a KMIP server can do: over REST the OpenAPI document tells it"),
    (Action::Backup, "POST /v1/backups writes folders: upkeep.rs tries who may"),
    (Action::RegisterTarget, "the first backup to a place does it"),
    (Action::RemoveTarget, "POST /v1/targets/remove needs a target: upkeep.rs tries who may"),
    (Action::ReplaySink, "needs a sink: sinks.rs tries who may"),
    (Action::TestNotification, "needs a destination: notifications.rs tries who may"),
    (Action::RetireCell, "POST /v1/cells/retire needs a lost place: upkeep.rs tries who may"),
];

#[test]
fn every_action_has_a_row() {
    let covered: BTreeSet<Action> = rows().iter().map(|row| row.action).collect();
    let own: BTreeSet<Action> =
        Action::ALL.iter().copied().filter(|action| action.group() == ActionGroup::System).collect();
    let left_out: BTreeSet<Action> =
        NOT_OVER_REST.iter().map(|(action, _)| *action).chain(own.iter().copied()).collect();
    assert!(covered.is_disjoint(&left_out));
    let all: BTreeSet<Action> = Action::ALL.iter().copied().collect();
    let known = covered.union(&left_out).copied().collect();
    assert_eq!(all, known, "an action has neither a row here nor a reason to have none");
    check();
    let in_matrix: BTreeSet<Action> = lines().iter().map(|line| line.action).collect();
    assert_eq!(all.difference(&own).copied().collect::<BTreeSet<_>>(), in_matrix);
}

#[tokio::test]
async fn every_role_gets_what_it_may_and_no_more() {
    try_rows(&rows(), false).await;
}

#[tokio::test]
async fn every_role_gets_what_it_may_over_other_routes_too() {
    try_rows(&further_rows(), true).await;
}

async fn try_rows(rows: &[Row], in_batches: bool) {
    let server = Server::start();
    let tokens = tokens(&server).await;
    server.admin("POST", "/v1/keys", json!({ "name": "kek", "algorithm": "aes-256" })).await;
    for wrapper in ["owner", "granted"] {
        server.admin("PUT", &format!("/v1/keys/kek/grants/{wrapper}"), json!({ "actions": ["wrap"] })).await;
    }
    for (index, row) in rows.iter().enumerate() {
        for (who, expected) in WHO.iter().zip(line(row.action).who) {
            let name = format!("k{index}-{who}");
            let state = usual_state(row.action);
            let (mut path, mut body) = prepare(&server, &tokens, row, (&name, state)).await;
            if let Some(word) = batched(row.path).filter(|_| in_batches) {
                (body["op"], body["key"]) = (json!(word), json!(name));
                (path, body) = ("/v1/batch".into(), json!({ "requests": [body] }));
            }
            let before = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
            let (status, answer) =
                server.json(Proof::Token(&tokens(who)), row.method, &path, body.clone()).await;
            let status = match answer["answers"][0]["problem"]["status"].as_u64() {
                Some(of_item) => StatusCode::from_u16(u16::try_from(of_item).unwrap()).unwrap(),
                None => status,
            };
            let seen = match status {
                StatusCode::FORBIDDEN => Seen::D,
                StatusCode::NOT_FOUND => Seen::N,
                status if status.is_success() => Seen::A,
                _ => panic!("{who} {} {path}: {status} {answer}", row.method),
            };
            assert_eq!(seen, expected, "{who} {} {path}: {status} {answer}", row.method);
            on_record(&server, before, row.action, who, expected == Seen::A).await;
            let (status, _) = server.json(Proof::Nothing, row.method, &path, body).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "a stranger: {} {path}", row.method);
        }
    }
}

/// A state in which the key lets it be done.
fn usual_state(action: Action) -> &'static str {
    match action {
        Action::Activate => "pre-active",
        Action::CancelDestroy => "waiting",
        Action::Enable => "suspended",
        Action::Recover => "archived",
        _ => "active",
    }
}

/// The token of each of `WHO`, made as clients of these roles.
pub(crate) async fn tokens(server: &Server) -> impl Fn(&str) -> String + use<> {
    let mut tokens = vec![("admin", server.admin_token())];
    for who in &WHO[1..] {
        let role = if matches!(*who, "operator" | "auditor") { who } else { "user" };
        let added = json!({ "name": who, "roles": [role], "token": true });
        let added = server.admin("POST", "/v1/clients", added).await;
        tokens.push((who, added["token"].as_str().unwrap().to_owned()));
    }
    move |who| tokens.iter().find(|(known, _)| *known == who).unwrap().1.clone()
}

/// Makes what the row works on: a key of the owner's that can do it, with a grant of just this action, in this state. Gives path
/// and body of the request.
pub(crate) async fn prepare(
    server: &Server,
    tokens: &impl Fn(&str) -> String,
    row: &Row,
    (name, state): (&str, &str),
) -> (String, Value) {
    let mut body = row.body.clone();
    if body.get("name").is_some() {
        body["name"] = json!(format!("new-{name}"));
    }
    if row.path.contains("SPARE") {
        let spare = format!("spare-{name}");
        let is_erased = row.action == Action::EraseSubject;
        let made = server.admin("POST", "/v1/clients", json!({ "name": spare, "person": is_erased })).await;
        assert!(made["certificate"].is_string());
        if is_erased {
            server.admin("POST", &format!("/v1/clients/{spare}/revoke"), json!({})).await;
        }
    }
    let mut path = row.path.replace("KEY", name).replace("SPARE", &format!("spare-{name}"));
    if path.contains("REALM") {
        let realm = format!("realm-{name}");
        server.admin("POST", "/v1/realms", json!({ "name": realm, "administrator": "somebody" })).await;
        path = path.replace("REALM", &realm);
        body["confirm"] = json!(format!("realm {realm}"));
    }
    if path.contains("TOKEN") {
        let made = server.admin("POST", "/v1/tokens", json!({ "client": "auditor" })).await;
        path = path.replace("TOKEN", made["id"].as_str().unwrap());
    }
    if body.get("key").is_some() {
        body["key"] = json!(name);
    }
    if !row.path.contains("KEY") {
        return (path, body);
    }
    let token = tokens("owner");
    let owner = async |method: &str, path: &str, body: Value| {
        let (status, answer) = server.json(Proof::Token(&token), method, path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer
    };
    owner("POST", "/v1/keys", key_for(row.action, name, state)).await;
    if !matches!(row.action, Action::Grant | Action::ImportVersion) {
        let more = (row.action == Action::CreateSplitKey).then_some(Action::Get.word());
        let actions: Vec<&str> = std::iter::once(row.action.word()).chain(more).collect();
        owner("PUT", &format!("/v1/keys/{name}/grants/granted"), json!({ "actions": actions })).await;
    }
    // What was protected before.
    let of_key = |what: &str| format!("/v1/keys/{name}/{what}");
    match row.action {
        Action::RemoveAlias => {
            owner("PUT", &format!("/v1/aliases/of-{name}"), json!({ "key": name })).await;
        }
        Action::Unwrap if state != "pre-active" => {
            let plaintext = json!({ "plaintext": base64(b"sixteen bytes is") });
            body["wrapped"] = owner("POST", &of_key("wrap"), plaintext).await["wrapped"].clone();
        }
        Action::Decrypt if state != "pre-active" => {
            let plaintext = json!({ "plaintext": base64(b"data") });
            body["ciphertext"] = owner("POST", &of_key("encrypt"), plaintext).await["ciphertext"].clone();
        }
        Action::Decrypt => body["ciphertext"] = json!(base64(&[0; 128])),
        Action::Unwrap => body["wrapped"] = json!(base64(&[0; 24])),
        _ => {}
    }
    for (method, step, body) in steps(state) {
        owner(method, &format!("/v1/keys/{name}{step}"), body).await;
    }
    (path, body)
}

/// The row tells the truth about its action: the journal says so.
async fn on_record(server: &Server, after: u64, action: Action, who: &str, done: bool) {
    let page = server.admin("GET", &format!("/v1/journal?after={after}"), Value::Null).await;
    let entries = page["entries"].as_array().unwrap();
    let found = entries.iter().find(|entry| entry["action"] == action.word() && entry["principal"] == who);
    let entry = found.unwrap_or_else(|| panic!("no entry of {} by {who}", action.word()));
    assert_eq!(entry["outcome"] == "success", done, "{entry}");
}

#[tokio::test]
async fn who_sees_a_key_reads_its_history_and_not_that_of_others() {
    let server = Server::start();
    let added = server.admin("POST", "/v1/clients", json!({ "name": "app", "token": true })).await;
    let app = Proof::Token(added["token"].as_str().unwrap());
    let kek = json!({ "name": "kek", "algorithm": "aes-256" });
    assert_eq!(server.json(app, "POST", "/v1/keys", kek).await.0, StatusCode::CREATED);
    let hidden = json!({ "name": "hidden", "algorithm": "aes-256", "exportable": true });
    server.admin("POST", "/v1/keys", hidden).await;
    server.admin("POST", "/v1/keys/hidden/export", json!({ "wrap_with": "kek" })).await;
    server.admin("POST", "/v1/keys/kek/rotate", Value::Null).await;
    let actions = |page: &Value| -> Vec<String> {
        let entries = page["entries"].as_array().unwrap();
        entries.iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    };
    let (status, page) = server.json(app, "GET", "/v1/journal?key=kek", Value::Null).await;
    assert_eq!((status, actions(&page)), (StatusCode::OK, vec!["create".to_owned(), "rekey".to_owned()]));
    let page = server.admin("GET", "/v1/journal?key=kek", Value::Null).await;
    assert!(actions(&page).contains(&"get".to_owned()), "{page}");
    for (path, expected) in [
        ("/v1/journal?key=hidden", StatusCode::NOT_FOUND),
        ("/v1/journal", StatusCode::FORBIDDEN),
        ("/v1/journal?key=kek&follow=true", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(server.json(app, "GET", path, Value::Null).await.0, expected, "{path}");
    }
}
