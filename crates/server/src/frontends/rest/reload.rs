//! Reloading the configuration over REST. Not here: what that is (reload).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Api;
use super::errors::{Problem, Result};
use super::request::Authenticated;

/// `POST /v1/reload`: the configuration is read anew, checked, and taken over as far as that goes without a restart.
pub(super) async fn reload(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let reloaded = api.reloader.reload(caller).await.map_err(Problem::told)?;
    Ok(Json(json!({
        "changed": reloaded.changed,
        "needs_restart": reloaded.needs_restart,
        "certificate": reloaded.certificate,
    })))
}
