//! Elastic Common Schema 8.11: fields that any tool of it reads, and what is this server's own under `keyreeve`.

use keyreeve_core::access::{Action, ActionGroup};
use keyreeve_core::operations::journal::EntryShown;
use keyreeve_core::record::Outcome;
use serde_json::{Value, json};

use super::{about, peer};

/// The version of the schema.
const VERSION: &str = "8.11.0";

pub(super) fn event(entry: &EntryShown) -> Value {
    let draft = &entry.draft;
    let (category, kind) = category(draft.action);
    let mut event = json!({
        "@timestamp": draft.time.to_string(),
        "ecs": { "version": VERSION },
        "message": about(entry),
        "event": {
            "kind": "event",
            "provider": "keyreeve",
            "module": "keyreeve",
            "dataset": "keyreeve.journal",
            "action": draft.action.word(),
            "category": [category],
            "type": [if draft.outcome == Outcome::Denied { "denied" } else { kind }],
            "outcome": if draft.outcome == Outcome::Success { "success" } else { "failure" },
            "id": entry.lsn.0.to_string(),
            "sequence": entry.lsn.0,
        },
        "user": { "id": draft.principal.to_string(), "name": draft.principal_name },
        "organization": { "id": draft.realm.to_string() },
        "network": { "protocol": draft.protocol },
        "http": { "request": { "id": draft.request.to_string() } },
        "service": { "type": "keyreeve" },
        "keyreeve": {
            "lsn": entry.lsn.0,
            "key": draft.key.map(|key| key.to_string()),
            "object": draft.object.map(|object| object.to_string()),
            "target": draft.target,
            "others": draft.others.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "changes": entry.changes,
        },
    });
    if let Some(detail) = &draft.detail {
        event["event"]["reason"] = detail.as_str().into();
    }
    if let Some(reason) = draft.reason {
        event["error"] = json!({ "code": reason });
    }
    if let Some(peer) = peer(entry) {
        let (address, port) = (peer.ip().to_string(), peer.port());
        event["source"] = json!({ "address": address, "ip": address, "port": port });
    }
    event
}

/// `event.category` and `event.type`, of those that the schema allows together.
fn category(action: Action) -> (&'static str, &'static str) {
    match (action, action.group()) {
        (Action::Authenticate | Action::Login | Action::DelegatedLogin | Action::Logout, _) => {
            ("authentication", "info")
        }
        (Action::Start, _) => ("process", "start"),
        (Action::Stop, _) => ("process", "end"),
        (_, ActionGroup::Make) => ("database", "creation"),
        (_, ActionGroup::Manage | ActionGroup::Share | ActionGroup::System) => ("database", "change"),
        (_, ActionGroup::Administer) => ("configuration", "change"),
        (_, ActionGroup::Use | ActionGroup::Read | ActionGroup::Audit | ActionGroup::Open) => {
            ("database", "access")
        }
    }
}
