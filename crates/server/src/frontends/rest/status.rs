//! Status and health. Health is told to everybody and says nothing else.

use std::ops::Bound;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keyreeve_core::access::{Action, Target};
use keyreeve_core::model::RealmId;
use keyreeve_core::operations::server::Note;
use keyreeve_core::ports::store::IndexRange;
use keyreeve_core::record::IndexKind;
use keyreeve_store::backup::Acknowledge;
use serde_json::{Value, json};

use super::errors::{Problem, Result};
use super::request::Authenticated;
use super::{Api, destruction, places};

/// Erasures under way that are counted.
const ERASURES_COUNTED_MAX: usize = 1000;

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// `GET /health/ready`: requests are taken, or not.
pub(super) async fn ready(State(api): State<Arc<Api>>) -> (StatusCode, Json<Value>) {
    match (api.health.is_ready(), api.engine.store().is_full()) {
        (true, false) => (StatusCode::OK, Json(json!({ "status": "ready" }))),
        (true, true) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "disk full" }))),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready" }))),
    }
}

/// `GET /v1/status`: the server's state, and who the caller is to it.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let note = Note { action: Action::Status, detail: "asked for the status".into(), denied: false };
    api.execute(&caller, note).await?;
    let roles: Vec<_> = caller.principal().into_iter().flat_map(|principal| &principal.roles).collect();
    let acknowledged_by = match api.backups.acknowledge() {
        Acknowledge::Local => "local",
        Acknowledge::Target => "target",
    };
    let mut status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "ready": api.health.is_ready(),
        "uptime_seconds": api.started.elapsed().as_secs(),
        "lsn": api.engine.store().published().0,
        "principal": caller.name(),
        "roles": roles,
        "disk_full": api.engine.store().is_full(),
        "acknowledged_by": acknowledged_by,
    });
    if api.engine.authorize(&caller, Action::Inspect, Target::Realm(caller.realm())).is_ok() {
        inspect(&api, &mut status)?;
    }
    Ok(Json(status))
}

/// `GET /v1/work`: what the server is at that takes long.
pub(super) async fn work(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let note = Note { action: Action::Inspect, detail: "asked for the work".into(), denied: false };
    api.execute(&caller, note).await?;
    let mut works: Vec<Value> = api.backups.store().works().iter().map(|work| json!(work)).collect();
    let sealed = api.resealing.progress().map_err(Problem::told)?;
    works.extend(sealed.map(
        |done| json!({ "kind": "reseal", "doing": "sealing objects anew", "done": done, "total": null }),
    ));
    Ok(Json(json!({ "work": works })))
}

/// What of the status tells of all realms, and of where the server keeps what: for who may see the places.
fn inspect(api: &Api, status: &mut Value) -> Result<()> {
    let (from, to) = (Bound::Unbounded, Bound::Unbounded);
    let pending = IndexRange { realm: RealmId::DEFAULT, kind: IndexKind::Erasure, from, to };
    let pending = api.engine.store().find(&pending, None, ERASURES_COUNTED_MAX).map_err(Problem::told)?;
    let store = api.backups.store();
    status["erasures_pending"] = pending.len().into();
    status["troubles"] = destruction::troubles(&store.troubles());
    let published = api.engine.store().published();
    let endpoints: Vec<Value> = api.kmip.endpoints().map(|told| told.to_json(published)).collect();
    if !endpoints.is_empty() {
        status["kmip_endpoints"] = endpoints.into();
    }
    status["archives"] = store.targets().iter().map(places::archive).collect();
    Ok(())
}
