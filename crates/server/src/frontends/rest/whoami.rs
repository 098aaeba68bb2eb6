//! Who asks, over REST. Not here: what the caller may do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keyreeve_core::access::Action;
use keyreeve_core::operations::server::Note;
use keyreeve_core::record::{Record, RecordKey};
use serde_json::{Value, json};

use super::Api;
use super::clients::credential;
use super::errors::{Problem, Result};
use super::request::Authenticated;
use super::tokens;

/// `GET /v1/whoami`: who the caller is to this server, by which credentials, and until when.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let note = Note { action: Action::Status, detail: "asked who it is".into(), denied: false };
    api.execute(&caller, note).await?;
    let roles: Vec<_> = caller.principal().into_iter().flat_map(|principal| &principal.roles).collect();
    let (mut proven_by, mut expires, mut scope) = (Vec::new(), caller.expires(), None);
    for id in caller.credentials() {
        if let Some(Record::Credential(known)) =
            api.engine.store().get(&RecordKey::Credential(id)).map_err(Problem::told)?.as_deref()
        {
            expires = [expires, known.expires].into_iter().flatten().min();
            scope = scope.or_else(|| known.kind.scope().map(|scope| tokens::scope(scope)));
            let known = match caller.principal() {
                Some(principal) => api.engine.opened_credential(principal, known).map_err(Problem::told)?,
                None => Arc::clone(known),
            };
            proven_by.push(credential(&known));
        }
    }
    let name = match caller.principal() {
        Some(principal) => api.engine.name_for_people(principal).map_err(Problem::told)?,
        None => caller.name().to_owned(),
    };
    Ok(Json(json!({
        "name": name,
        "id": caller.id().to_string(),
        "realm": caller.realm().to_string(),
        "roles": roles,
        "proven_by": proven_by,
        "scope": scope,
        "expires": expires.map(|time| time.to_string()),
        "source": caller.source.map(|address| address.ip().to_string()),
    })))
}
