//! Sinks over REST: how far each has come, and telling one again. Not here: who they are, which only the configuration says.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keyreeve_core::access::{Action, Caller};
use keyreeve_core::model::Lsn;
use keyreeve_core::operations::administer::Administer;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::errors::Result;
use super::request::{Authenticated, Body, Segments};

/// `GET /v1/sinks`: who is told what the journal says, and how far each is behind.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    shown(&api, &caller).await
}

/// Body of `replay`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    /// Entries behind this position.
    after: u64,
}

/// `POST /v1/sinks/{name}/replay`: it is told once more all that the journal says behind a position, by `ReplaySink` in the
/// turn of that sink.
pub(super) async fn replay(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
    Body(Replay { after }): Body<Replay>,
) -> Result<Json<Value>> {
    api.sinks.replay(&api.engine, &caller, &name, Lsn(after)).await.map_err(super::errors::Problem::told)?;
    shown(&api, &caller).await
}

async fn shown(api: &Arc<Api>, caller: &Caller) -> Result<Json<Value>> {
    let asked = Arc::clone(api);
    let look = move || Ok((asked.sinks.to_json(asked.engine.store().published()), "sinks".to_owned()));
    let sinks = api.execute(caller, Administer::new(Action::Inspect, look)).await?;
    Ok(Json(json!({ "sinks": sinks })))
}
