//! Who may do what: every action times every role, over the routes. An action without a row fails.

use std::collections::BTreeSet;

use hyper::StatusCode;
use keyreeve_core::access::{Action, ActionGroup};
use serde_json::{Value, json};

use crate::harness::{Proof, Server, base64};

/// How an answer looks to the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Done.
    A,
    /// Denied: 403.
    D,
    /// Not found: may not even know.
    N,
}
use Expected::{A, D, N};

/// Who asks: admin, operator, the key's owner (a user), a user with a grant of this action, a user without, an auditor.
const WHO: [&str; 6] = ["admin", "operator", "owner", "granted", "other", "auditor"];

struct Row {
    action: Action,
    method: &'static str,
    /// `KEY`, `SPARE` and `TOKEN` stand for a key, a client and a token of the row's own.
    path: &'static str,
    body: Value,
    expected: [Expected; 6],
}

fn row(
    action: Action,
    method: &'static str,
    path: &'static str,
    body: Value,
    expected: [Expected; 6],
) -> Row {
    Row { action, method, path, body, expected }
}

fn rows() -> Vec<Row> {
    let data = base64(b"data");
    let using = [A, D, A, A, N, D];
    let managing = [A, A, A, A, N, D];
    let reading = [A, A, A, A, N, A];
    let making = [A, A, A, A, A, D];
    let open = [A; 6];
    let administering = [A, D, D, D, D, D];
    let auditing = [A, D, D, D, D, A];
    let passphrase = || json!({ "passphrase": "correct horse battery staple" });
    let unlocking = || json!({ "old": passphrase(), "new": passphrase() });
    let create = |algorithm| json!({ "name": "NEW", "algorithm": algorithm });
    let material = || json!({ "format": "raw", "data": base64(&[7; 16]) });
    let imported = json!({ "name": "NEW", "algorithm": "aes-128", "material": material() });
    let version = json!({ "material": material() });
    vec![
        row(Action::Create, "POST", "/v1/keys", create("aes-128"), making),
        row(Action::CreateKeyPair, "POST", "/v1/keys", create("ed25519"), making),
        row(Action::ListKeys, "GET", "/v1/keys", Value::Null, open),
        row(Action::GetAttributes, "GET", "/v1/keys/KEY", Value::Null, reading),
        row(Action::GetPublic, "GET", "/v1/keys/KEY/public", Value::Null, reading),
        row(Action::ReadHistory, "GET", "/v1/journal?key=KEY", Value::Null, reading),
        row(Action::Get, "POST", "/v1/keys/KEY/export", json!({ "wrap_with": "kek" }), using),
        row(Action::Rekey, "POST", "/v1/keys/KEY/rotate", Value::Null, managing),
        row(Action::Register, "POST", "/v1/keys", imported, making),
        row(
            Action::ImportVersion,
            "POST",
            "/v1/keys/KEY/versions",
            version,
            // Who chooses the material reads what others encrypt with it.
            [A, D, A, N, N, D],
        ),
        row(Action::WrappingKey, "GET", "/v1/wrapping-key", Value::Null, open),
        row(Action::Disable, "POST", "/v1/keys/KEY/disable", Value::Null, managing),
        row(Action::Enable, "POST", "/v1/keys/KEY/enable", Value::Null, managing),
        row(Action::Archive, "POST", "/v1/keys/KEY/archive", Value::Null, managing),
        row(Action::Recover, "POST", "/v1/keys/KEY/recover", Value::Null, managing),
        row(Action::Tag, "PATCH", "/v1/keys/KEY", json!({ "tags": { "a": "b" } }), managing),
        row(Action::SetAlias, "PUT", "/v1/aliases/to-KEY", json!({ "key": "KEY" }), managing),
        row(Action::RemoveAlias, "DELETE", "/v1/aliases/of-KEY", Value::Null, managing),
        row(Action::ListAliases, "GET", "/v1/aliases", Value::Null, open),
        row(Action::Activate, "POST", "/v1/keys/KEY/activate", Value::Null, managing),
        row(Action::Revoke, "POST", "/v1/keys/KEY/revoke", Value::Null, managing),
        row(Action::Destroy, "POST", "/v1/keys/KEY/destroy", Value::Null, managing),
        row(Action::CancelDestroy, "DELETE", "/v1/keys/KEY/destroy", Value::Null, managing),
        row(
            Action::RestoreKey,
            "POST",
            "/v1/keys/KEY/restore",
            json!({ "as_of": u64::MAX.to_string() }),
            managing,
        ),
        row(
            Action::Erase,
            "POST",
            "/v1/erasures",
            json!({ "tag": "no=body", "confirm": "tag no=body" }),
            administering,
        ),
        row(Action::ShowErasures, "GET", "/v1/erasures", Value::Null, auditing),
        row(
            Action::Grant,
            "PUT",
            "/v1/keys/KEY/grants/auditor",
            json!({ "actions": ["sign"] }),
            // An operator who could grant could grant itself the use of any key.
            [A, D, A, N, N, D],
        ),
        row(Action::Encrypt, "POST", "/v1/keys/KEY/encrypt", json!({ "plaintext": data }), using),
        row(Action::Decrypt, "POST", "/v1/keys/KEY/decrypt", json!({ "ciphertext": "CIPHERTEXT" }), using),
        row(Action::Sign, "POST", "/v1/keys/KEY/sign", json!({ "data": data }), using),
        row(Action::Verify, "POST", "/v1/keys/KEY/verify", json!({ "data": data, "signature": data }), using),
        row(Action::Mac, "POST", "/v1/keys/KEY/mac", json!({ "data": data }), using),
        row(
            Action::MacVerify,
            "POST",
            "/v1/keys/KEY/mac/verify",
            json!({ "data": data, "mac": data }),
            using,
        ),
        row(Action::Wrap, "POST", "/v1/keys/KEY/wrap", json!({ "plaintext": data }), using),
        row(Action::Unwrap, "POST", "/v1/keys/KEY/unwrap", json!({ "wrapped": "WRAPPED" }), using),
        row(Action::DataKey, "POST", "/v1/keys/KEY/datakey", json!({}), using),
        row(
            Action::DataKeyWithoutPlaintext,
            "POST",
            "/v1/keys/KEY/datakey",
            json!({ "plaintext": false }),
            using,
        ),
        row(
            Action::Derive,
            "POST",
            "/v1/keys/KEY/derive",
            json!({ "name": "NEW", "algorithm": "aes-128", "method": "hkdf" }),
            using,
        ),
        row(Action::Check, "POST", "/v1/keys/KEY/check", json!({ "usage": ["sign"] }), reading),
        row(Action::ObtainLease, "POST", "/v1/keys/KEY/lease", Value::Null, reading),
        row(Action::GetUsageAllocation, "POST", "/v1/keys/KEY/allocate", json!({ "units": 1 }), using),
        row(Action::ModifyAttributes, "PATCH", "/v1/keys/KEY", json!({ "lease_seconds": 60 }), managing),
        row(Action::Hash, "POST", "/v1/hash", json!({ "data": data }), open),
        row(Action::Random, "POST", "/v1/random", json!({ "length": 8 }), open),
        row(Action::Status, "GET", "/v1/status", Value::Null, open),
        row(Action::ReadJournal, "GET", "/v1/journal", Value::Null, auditing),
        row(Action::VerifyJournal, "POST", "/v1/journal/verify", Value::Null, auditing),
        row(Action::CreatePrincipal, "POST", "/v1/clients", json!({ "name": "NEW" }), administering),
        row(Action::ListPrincipals, "GET", "/v1/clients", Value::Null, administering),
        row(Action::RenewCredential, "POST", "/v1/clients/SPARE/renew", Value::Null, administering),
        row(Action::RevokeCredential, "POST", "/v1/tokens/TOKEN/revoke", Value::Null, administering),
        row(Action::RevokePrincipal, "POST", "/v1/clients/SPARE/revoke", Value::Null, administering),
        row(Action::ChangePrincipal, "PATCH", "/v1/clients/SPARE", json!({ "groups": ["g"] }), administering),
        row(Action::SetAccessRules, "POST", "/v1/access/rules", json!({ "text": HARMLESS }), administering),
        row(Action::ShowAccessRules, "GET", "/v1/access/rules", Value::Null, auditing),
        row(Action::ExplainAccess, "GET", "/v1/access/explain/1", Value::Null, [A, N, N, N, N, A]),
        row(
            Action::CheckAccess,
            "POST",
            "/v1/access/check",
            json!({ "principal": "owner", "action": "create" }),
            auditing,
        ),
        row(Action::Inspect, "GET", "/v1/root", Value::Null, auditing),
        row(Action::ChangeUnlock, "POST", "/v1/root/unlock", unlocking(), administering),
        row(Action::Reload, "POST", "/v1/reload", Value::Null, administering),
        row(Action::ReplaceRoot, "POST", "/v1/root/replace", unlocking(), administering),
        row(Action::ListApprovals, "GET", "/v1/approvals", Value::Null, open),
        row(Action::ShowApprovalRules, "GET", "/v1/approval-rules", Value::Null, auditing),
        // The last one: from here on rules change by approval alone.
        row(
            Action::SetApprovalRules,
            "PUT",
            "/v1/approval-rules/two-people",
            json!({ "actions": ["restore-key"], "needs": 1, "roles": ["user"] }),
            administering,
        ),
    ]
}

const HARMLESS: &str = "@id(\"harmless\") permit (principal == Principal::\"nobody\", action, resource);";

/// Actions that no row above asks for, each with the reason. What the server does by itself needs none.
const NOT_OVER_REST: &[(Action, &str)] = &[
    (Action::Locate, "KMIP's search by attributes: over REST keys are listed, with filters"),
    (Action::SetDefaults, "is asked for over KMIP alone: object_rules.rs of the house tries who may"),
    (Action::SetConstraints, "as the one before"),
    (Action::CreateSplitKey, "takes the right to get as well: split_key.rs tries who may"),
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
    (Action::RetireCell, "POST /v1/cells/retire needs a lost place: upkeep.rs tries who may"),
];

#[test]
fn every_action_has_a_row() {
    let covered: BTreeSet<Action> = rows().iter().map(|row| row.action).collect();
    let own = Action::ALL.iter().copied().filter(|action| action.group() == ActionGroup::System);
    let left_out: BTreeSet<Action> = NOT_OVER_REST.iter().map(|(action, _)| *action).chain(own).collect();
    assert!(covered.is_disjoint(&left_out));
    let all: BTreeSet<Action> = Action::ALL.iter().copied().collect();
    let known = covered.union(&left_out).copied().collect();
    assert_eq!(all, known, "an action has neither a row here nor a reason to have none");
}

#[tokio::test]
async fn every_role_gets_what_it_may_and_no_more() {
    let server = Server::start();
    let tokens = tokens(&server).await;
    server.admin("POST", "/v1/keys", json!({ "name": "kek", "algorithm": "aes-256" })).await;
    for wrapper in ["owner", "granted"] {
        server.admin("PUT", &format!("/v1/keys/kek/grants/{wrapper}"), json!({ "actions": ["wrap"] })).await;
    }
    for (index, row) in rows().iter().enumerate() {
        for (who, expected) in WHO.iter().zip(row.expected) {
            let name = format!("k{index}-{who}");
            let (path, body) = prepare(&server, &tokens, row, &name).await;
            let before = server.admin("GET", "/v1/status", Value::Null).await["lsn"].as_u64().unwrap();
            let (status, answer) =
                server.json(Proof::Token(&tokens(who)), row.method, &path, body.clone()).await;
            let seen = match status {
                StatusCode::FORBIDDEN => D,
                StatusCode::NOT_FOUND => N,
                status if status.is_success() => A,
                _ => panic!("{who} {} {path}: {status} {answer}", row.method),
            };
            assert_eq!(seen, expected, "{who} {} {path}: {status} {answer}", row.method);
            on_record(&server, before, row.action, who, expected == A).await;
            let (status, _) = server.json(Proof::Nothing, row.method, &path, body).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "a stranger: {} {path}", row.method);
        }
    }
}

/// The token of each of `WHO`, made as clients of these roles.
async fn tokens(server: &Server) -> impl Fn(&str) -> String + use<> {
    let mut tokens = vec![("admin", server.admin_token())];
    for who in &WHO[1..] {
        let role = if matches!(*who, "operator" | "auditor") { who } else { "user" };
        let added = json!({ "name": who, "roles": [role], "token": true });
        let added = server.admin("POST", "/v1/clients", added).await;
        tokens.push((who, added["token"].as_str().unwrap().to_owned()));
    }
    move |who| tokens.iter().find(|(known, _)| *known == who).unwrap().1.clone()
}

/// Makes what the row works on: a key of the owner's that can do it, with a grant of just this action. Gives path and
/// body of the request.
async fn prepare(
    server: &Server,
    tokens: &impl Fn(&str) -> String,
    row: &Row,
    name: &str,
) -> (String, Value) {
    let owner = tokens("owner");
    let owner = Proof::Token(&owner);
    let mut body = row.body.clone();
    if body.get("name").is_some() {
        body["name"] = json!(format!("new-{name}"));
    }
    if row.path.contains("SPARE") {
        let made = server.admin("POST", "/v1/clients", json!({ "name": format!("spare-{name}") })).await;
        assert!(made["certificate"].is_string());
    }
    let mut path = row.path.replace("KEY", name).replace("SPARE", &format!("spare-{name}"));
    if path.contains("TOKEN") {
        let made = server.admin("POST", "/v1/tokens", json!({ "client": "auditor" })).await;
        path = path.replace("TOKEN", made["id"].as_str().unwrap());
    }
    if row.path.contains("KEY") {
        let algorithm = match row.action {
            Action::Encrypt | Action::Decrypt | Action::Get | Action::Wrap | Action::Unwrap => "aes-128",
            Action::DataKey | Action::DataKeyWithoutPlaintext | Action::Derive | Action::ImportVersion => {
                "aes-128"
            }
            Action::Mac | Action::MacVerify => "hmac-sha256",
            _ => "ed25519",
        };
        let active = row.action != Action::Activate;
        let mut key = json!({ "name": name, "algorithm": algorithm, "exportable": true, "active": active });
        if row.action == Action::GetUsageAllocation {
            key["usage_limits"] = json!({ "total": 10, "unit": "uses" });
        }
        assert_eq!(server.json(owner, "POST", "/v1/keys", key).await.0, StatusCode::CREATED);
        if !matches!(row.action, Action::Grant | Action::ImportVersion) {
            let path = format!("/v1/keys/{name}/grants/granted");
            let grant = json!({ "actions": [row.action.word()] });
            assert_eq!(server.json(owner, "PUT", &path, grant).await.0, StatusCode::OK);
        }
    }
    if row.action == Action::CancelDestroy {
        let path = format!("/v1/keys/{name}/destroy");
        assert_eq!(server.json(owner, "POST", &path, Value::Null).await.0, StatusCode::OK);
    }
    if row.action == Action::Unwrap {
        let plaintext = json!({ "plaintext": base64(b"sixteen bytes is") });
        let (_, made) = server.json(owner, "POST", &format!("/v1/keys/{name}/wrap"), plaintext).await;
        body["wrapped"] = made["wrapped"].clone();
    }
    if row.action == Action::RemoveAlias {
        let (status, _) =
            server.json(owner, "PUT", &format!("/v1/aliases/of-{name}"), json!({ "key": name })).await;
        assert_eq!(status, StatusCode::OK);
    }
    if row.action == Action::Enable {
        let path = format!("/v1/keys/{name}/disable");
        assert_eq!(server.json(owner, "POST", &path, Value::Null).await.0, StatusCode::OK);
    }
    if row.action == Action::Recover {
        let path = format!("/v1/keys/{name}/archive");
        assert_eq!(server.json(owner, "POST", &path, Value::Null).await.0, StatusCode::OK);
    }
    if body.get("key").is_some() {
        body["key"] = json!(name);
    }
    if row.action == Action::Decrypt {
        let plaintext = json!({ "plaintext": base64(b"data") });
        let (_, made) = server.json(owner, "POST", &format!("/v1/keys/{name}/encrypt"), plaintext).await;
        body["ciphertext"] = made["ciphertext"].clone();
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
