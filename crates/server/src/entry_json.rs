//! An entry of the journal as JSON, the same wherever one is shown. Not here: who may see it.

use keyreeve_core::operations::journal::EntryShown;
use serde_json::{Value, json};

/// An entry as JSON: who, what, when and how it ended.
pub(crate) fn entry_json(entry: &EntryShown) -> Value {
    let draft = &entry.draft;
    json!({
        "lsn": entry.lsn.0,
        "time": draft.time.to_string(),
        "realm": draft.realm.to_string(),
        "principal": draft.principal_name,
        "principal_id": draft.principal.to_string(),
        "protocol": draft.protocol,
        "request": draft.request.to_string(),
        "source": draft.source,
        "action": draft.action.word(),
        "key": draft.key.map(|key| key.to_string()),
        "object": draft.object.map(|object| object.to_string()),
        "target": draft.target,
        "outcome": draft.outcome,
        "reason": draft.reason,
        "detail": draft.detail,
        "changes": entry.changes,
    })
}
