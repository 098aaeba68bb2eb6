//! Alerts over REST: what should be looked at, and what became of it. Not here: what is noticed (core/alerts), and who is told
//! of it without asking.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keyreeve_core::alerts::{Alert, Severity, Suppression};
use keyreeve_core::operations::alerts::{Settle, SettleAlert, ShowAlerts};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::errors::{Problem, Result};
use super::request::{Arguments, Authenticated, Body, Segments};
use crate::reason::told;

/// Query of `list`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListArguments {
    /// `open`, `acknowledged` or `all`; without it those that are open.
    state: Option<String>,
    /// `inform`, `warn` or `page`: only those that matter as much or more.
    severity: Option<String>,
}

/// `GET /v1/alerts`: the realm's alerts, newest first, and what is suppressed.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(ListArguments { state, severity }): Arguments<ListArguments>,
) -> Result<Json<Value>> {
    let wanted: fn(&Alert) -> bool = match state.as_deref() {
        None | Some("open") => |alert| alert.acknowledged.is_none(),
        Some("acknowledged") => |alert| alert.acknowledged.is_some(),
        Some("all") => |_| true,
        Some(other) => {
            let detail = format!("state: {} is none of open, acknowledged and all", told(other));
            return Err(Problem::invalid(detail));
        }
    };
    let least = severity.as_deref().map_or(Ok(Severity::Inform), |word| {
        let unknown =
            || Problem::invalid(format!("severity: {} is none of inform, warn and page", told(word)));
        Severity::from_word(word).ok_or_else(unknown)
    })?;
    let all = api.execute(&caller, ShowAlerts).await?;
    let shown = all.alerts.iter().rev().filter(|alert| wanted(alert) && alert.severity >= least);
    Ok(Json(json!({
        "alerts": shown.map(alert_json).collect::<Vec<_>>(),
        "suppressions": all.suppressions.iter().map(suppression_json).collect::<Vec<_>>(),
    })))
}

/// `GET /v1/alerts/{number}`: one of them.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(number): Segments<u64>,
) -> Result<Json<Value>> {
    let all = api.execute(&caller, ShowAlerts).await?;
    Ok(Json(alert_json(all.numbered(number).map_err(Problem::told)?)))
}

/// Body of `acknowledge`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AcknowledgeRequest {
    /// What was found, for those who come later.
    #[serde(default)]
    note: String,
}

/// `POST /v1/alerts/{number}/acknowledge`: somebody has looked at it. The same from then on is a new alert.
pub(super) async fn acknowledge(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(number): Segments<u64>,
    Body(AcknowledgeRequest { note }): Body<AcknowledgeRequest>,
) -> Result<Json<Value>> {
    let all = api.execute(&caller, SettleAlert(Settle::Acknowledge { number, note })).await?;
    Ok(Json(alert_json(all.numbered(number).map_err(Problem::told)?)))
}

/// Body of `snooze`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SnoozeRequest {
    /// For how long, 1 to 2160.
    hours: u16,
    /// Why.
    reason: String,
}

/// `POST /v1/alerts/{number}/snooze`: nobody is told of the same about the same subject, for a while.
pub(super) async fn snooze(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(number): Segments<u64>,
    Body(SnoozeRequest { hours, reason }): Body<SnoozeRequest>,
) -> Result<Json<Value>> {
    let settle = Settle::Snooze { number, hours, reason };
    let all = api.execute(&caller, SettleAlert(settle)).await?;
    Ok(Json(alert_json(all.numbered(number).map_err(Problem::told)?)))
}

/// Body of `suppress`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SuppressRequest {
    /// The rule.
    rule: String,
    /// Only of this subject; without it of all.
    subject: Option<String>,
    /// For how long, 1 to 2160.
    hours: u16,
    /// Why.
    reason: String,
}

/// `POST /v1/alert-suppressions`: nobody is told of what a rule finds, for a while. It is raised all the same.
pub(super) async fn suppress(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<SuppressRequest>,
) -> Result<Json<Value>> {
    let SuppressRequest { rule, subject, hours, reason } = request;
    let settle = Settle::Suppress { rule, subject, hours, reason };
    suppressions(&api.execute(&caller, SettleAlert(settle)).await?.suppressions)
}

/// Body of `end`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndRequest {
    /// The rule.
    rule: String,
    /// The subject, where only one was suppressed.
    subject: Option<String>,
}

/// `POST /v1/alert-suppressions/end`: it is told again.
pub(super) async fn end(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(EndRequest { rule, subject }): Body<EndRequest>,
) -> Result<Json<Value>> {
    let settle = Settle::EndSuppression { rule, subject };
    suppressions(&api.execute(&caller, SettleAlert(settle)).await?.suppressions)
}

fn suppressions(all: &[Suppression]) -> Result<Json<Value>> {
    Ok(Json(json!({ "suppressions": all.iter().map(suppression_json).collect::<Vec<_>>() })))
}

/// An alert as JSON.
pub(crate) fn alert_json(alert: &Alert) -> Value {
    let acknowledged = alert.acknowledged.as_ref().map(|acknowledged| {
        json!({ "time": acknowledged.time.to_string(), "by": acknowledged.by, "note": acknowledged.note })
    });
    json!({
        "number": alert.number,
        "rule": alert.rule,
        "severity": alert.severity.word(),
        "subject": alert.subject,
        "observed": alert.observed,
        "since": alert.since.to_string(),
        "first": alert.first.to_string(),
        "last": alert.last.to_string(),
        "raised": alert.raised,
        "entries": alert.evidence.iter().map(|lsn| lsn.0).collect::<Vec<_>>(),
        "suppressed": alert.suppressed,
        "acknowledged": acknowledged,
    })
}

fn suppression_json(suppression: &Suppression) -> Value {
    json!({
        "rule": suppression.rule,
        "subject": suppression.subject,
        "until": suppression.until.to_string(),
        "reason": suppression.reason,
        "since": suppression.since.to_string(),
        "by": suppression.by,
    })
}
