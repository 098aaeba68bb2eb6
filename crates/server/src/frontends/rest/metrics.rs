//! Metrics over REST. Not here: what they are (metrics).

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use keyreeve_core::access::Action;
use keyreeve_core::operations::alerts::open_alerts;
use keyreeve_core::operations::server::Note;

use super::Api;
use super::errors::{Problem, Result};
use super::request::Authenticated;
use crate::metrics::{self, Facts};

/// `GET /metrics`: what monitoring reads.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Response> {
    let note = Note { action: Action::Inspect, detail: "asked for metrics".into(), denied: false };
    api.execute(&caller, note).await?;
    let store = api.backups.store();
    let facts = Facts {
        ready: api.health.is_ready(),
        disk_full: api.engine.store().is_full(),
        published: api.engine.store().published(),
        uptime_seconds: api.started.elapsed().as_secs_f64(),
        sinks: api.sinks.progress().collect(),
        watch: &api.watch,
        alerts_open: open_alerts(&api.engine).map_err(Problem::told)?,
        destinations: api.notifications.progress().collect(),
        endpoints: api.kmip.endpoints().collect(),
        targets: store.targets(),
        certificate_ends: api.reloader.identity().ends(),
    };
    let told =
        facts.gather().into_text().map_err(|cause| Problem::told(keyreeve_core::Error::internal(cause)))?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], told).into_response())
}
