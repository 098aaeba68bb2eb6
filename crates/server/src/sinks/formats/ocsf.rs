//! Open Cybersecurity Schema Framework 1.3: class API Activity (6003), for what proves nobody the class Authentication (3002).

use keyreeve_core::access::{Action, ActionGroup};
use keyreeve_core::operations::journal::EntryShown;
use keyreeve_core::record::Outcome;
use serde_json::{Value, json};

use super::{about, peer};

/// The version of the schema.
const VERSION: &str = "1.3.0";

const AUTHENTICATION: u32 = 3002;
const API_ACTIVITY: u32 = 6003;

pub(super) fn event(entry: &EntryShown) -> Value {
    let draft = &entry.draft;
    let is_login = matches!(draft.action, Action::Authenticate | Action::Login | Action::DelegatedLogin);
    let (class, activity) =
        if is_login { (AUTHENTICATION, 1) } else { (API_ACTIVITY, activity(draft.action)) };
    let (severity, status) = match draft.outcome {
        Outcome::Success => (1, 1),
        Outcome::Failed => (2, 2),
        Outcome::Denied => (3, 2),
    };
    let user = json!({ "name": draft.principal_name, "uid": draft.principal.to_string() });
    let mut event = json!({
        "metadata": {
            "version": VERSION,
            "product": { "name": "Keyreeve", "vendor_name": "Keyreeve", "version": env!("CARGO_PKG_VERSION") },
            "uid": entry.lsn.0.to_string(),
            "sequence": entry.lsn.0,
            "correlation_uid": draft.request.to_string(),
        },
        "time": draft.time.0,
        "class_uid": class,
        "category_uid": class / 1000,
        "activity_id": activity,
        "type_uid": class * 100 + activity,
        "severity_id": severity,
        "status_id": status,
        "status_code": draft.reason.map_or_else(|| json!(draft.outcome), |reason| json!(reason)),
        "message": about(entry),
        "actor": { "user": user },
        "src_endpoint": match peer(entry) {
            Some(peer) => json!({ "ip": peer.ip().to_string(), "port": peer.port() }),
            None => json!({ "name": "keyreeve" }),
        },
        "unmapped": { "realm": draft.realm.to_string(), "protocol": draft.protocol, "changes": entry.changes },
    });
    if let Some(detail) = &draft.detail {
        event["status_detail"] = detail.as_str().into();
    }
    if is_login {
        event["user"] = user;
    } else {
        event["api"] = json!({ "operation": draft.action.word(), "service": { "name": draft.protocol } });
        event["resources"] = resources(entry);
    }
    event
}

/// `activity_id` of API Activity: 1 create, 2 read, 3 update, 4 delete, 99 other.
fn activity(action: Action) -> u32 {
    match (action, action.group()) {
        (Action::Destroy | Action::Erase | Action::RevokePrincipal | Action::RevokeCredential, _) => 4,
        (Action::CreatePrincipal, _) | (_, ActionGroup::Make) => 1,
        (_, ActionGroup::Read | ActionGroup::Audit | ActionGroup::Open) => 2,
        (_, ActionGroup::Manage | ActionGroup::Share | ActionGroup::Administer) => 3,
        (_, ActionGroup::Use | ActionGroup::System) => 99,
    }
}

/// What it was about: the object or the key, under the name that it was asked for by, and further keys.
fn resources(entry: &EntryShown) -> Value {
    let draft = &entry.draft;
    let mut resources = Vec::new();
    let asked =
        [("object", draft.object.map(|id| id.to_string())), ("key", draft.key.map(|id| id.to_string()))];
    let found = asked.into_iter().find_map(|(kind, id)| id.map(|id| (kind, id)));
    match (found, &draft.target) {
        (Some((kind, uid)), Some(name)) => resources.push(json!({ "type": kind, "uid": uid, "name": name })),
        (Some((kind, uid)), None) => resources.push(json!({ "type": kind, "uid": uid })),
        (None, Some(name)) => resources.push(json!({ "name": name })),
        (None, None) => {}
    }
    resources.extend(draft.others.iter().map(|key| json!({ "type": "key", "uid": key.to_string() })));
    resources.into()
}
