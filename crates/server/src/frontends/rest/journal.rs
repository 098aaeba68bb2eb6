//! The journal over REST: read it, have it verified.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keyreeve_core::model::Lsn;
use keyreeve_core::operations::journal::{ReadJournal, VerifyJournal};
use keyreeve_core::record::Entry;
use keyreeve_core::request::Reference;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::answer;
use super::errors::Result;
use super::request::{Arguments, Authenticated};

/// Entries in a page where nobody says how many.
const LIMIT_DEFAULT: usize = 100;

/// Query of `show`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Show {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
    key: Option<String>,
}

/// `GET /v1/journal?after=&limit=&key=`: entries, oldest first.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(show): Arguments<Show>,
) -> Result<Json<Value>> {
    let key = show.key.map(Reference::text);
    let read = ReadJournal { after: Lsn(show.after), limit: show.limit.unwrap_or(LIMIT_DEFAULT), key };
    let page = api.execute(&caller, read).await?;
    Ok(answer::page("entries", page.entries.iter().map(entry).collect(), page.next.map(|lsn| lsn.0.into())))
}

/// `POST /v1/journal/verify`: checksums and hash chain of the whole journal.
pub(super) async fn verify(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let verified = api.execute(&caller, VerifyJournal).await?;
    let head: String = verified.head.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Json(json!({ "valid": true, "lsn": verified.lsn.0, "head": head })))
}

fn entry(entry: &Entry) -> Value {
    let draft = &entry.draft;
    json!({
        "lsn": entry.lsn.0,
        "time": draft.time.to_string(),
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
        "detail": draft.detail,
        "changes": draft.changes.len(),
    })
}
