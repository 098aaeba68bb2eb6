//! Notifications over REST: who is told of alerts, and trying whether that works. Not here: who they are, which only the
//! configuration says.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keyreeve_core::Error;
use keyreeve_core::access::Action;
use keyreeve_core::operations::administer::Administer;
use serde_json::{Value, json};

use super::Api;
use super::errors::{Problem, Result};
use super::request::{Authenticated, Segments};

/// `GET /v1/notifications`: who is told of alerts, of which, and how the last messages went.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let asked = Arc::clone(&api);
    let look = move || {
        let published = asked.engine.store().published();
        Ok((asked.notifications.to_json(published), "notifications".to_owned()))
    };
    let destinations = api.execute(&caller, Administer::new(Action::Inspect, look)).await?;
    Ok(Json(json!({ "destinations": destinations })))
}

/// `POST /v1/notifications/{name}/test`: a message that says nothing goes there now, once, and what became of it is told.
pub(super) async fn test(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
) -> Result<Json<Value>> {
    // Who may not test does not learn whether there is such a destination.
    let (asked, wanted) = (Arc::clone(&api), name.clone());
    let look = move || {
        let known = asked.notifications.has(&wanted);
        known.then(|| ((), format!("notify/{wanted}"))).ok_or_else(|| Error::not_found("destination"))
    };
    api.execute(&caller, Administer::new(Action::TestNotification, look)).await?;
    let tested = api.notifications.test(&api.engine, &name).await.map_err(Problem::told)?;
    let tested = tested.ok_or_else(|| Problem::told(Error::not_found("destination")))?;
    Ok(Json(json!({ "name": name, "sent": tested.sent, "said": tested.said })))
}
