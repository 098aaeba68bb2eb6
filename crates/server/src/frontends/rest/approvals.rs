//! Dual control over REST: the rules, and what waits for approval. Not here: how a request that needs approval is answered
//! (`errors`).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keyreeve_core::access::Action;
use keyreeve_core::access::approvals::{Approval, ApprovalRule};
use keyreeve_core::model::{ObjectId, Role};
use keyreeve_core::operations::approvals::{
    DecideApproval, ListApprovals, RemoveApprovalRule, SetApprovalRule, ShowApprovalRules, Waiting,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::bounded::Words;
use super::errors::{Code, Problem, Result};
use super::request::{Authenticated, Body, Segments};
use crate::reason::told;

/// `GET /v1/approvals`: what waits, as far as the caller asked for it, may approve it, or sees all.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let waiting = api.execute(&caller, ListApprovals).await?;
    Ok(Json(json!({ "approvals": waiting.iter().map(waiting_json).collect::<Vec<_>>() })))
}

/// `GET /v1/approvals/{id}`: one of them.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(id): Segments<String>,
) -> Result<Json<Value>> {
    let id = parsed(&id)?;
    let waiting = api.execute(&caller, ListApprovals).await?;
    let found = waiting.iter().find(|waiting| waiting.proposal.id == id).ok_or_else(missing)?;
    Ok(Json(waiting_json(found)))
}

/// `POST /v1/approvals/{id}/approve`: what was asked for may be done, as far as the caller is concerned.
pub(super) async fn approve(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(id): Segments<String>,
) -> Result<Json<Value>> {
    let decided = api.execute(&caller, DecideApproval { id: parsed(&id)?, approve: true }).await?;
    Ok(Json(waiting_json(&decided)))
}

/// `POST /v1/approvals/{id}/deny`: it may not; whoever asked for it takes it back.
pub(super) async fn deny(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(id): Segments<String>,
) -> Result<Json<Value>> {
    let decided = api.execute(&caller, DecideApproval { id: parsed(&id)?, approve: false }).await?;
    Ok(Json(waiting_json(&decided)))
}

/// `GET /v1/approval-rules`: which actions need whose approval.
pub(super) async fn rules(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let stored = api.execute(&caller, ShowApprovalRules).await?;
    Ok(Json(json!({ "rules": stored.rules.iter().map(rule_json).collect::<Vec<_>>() })))
}

/// Body of `set`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetRequest {
    /// Words as in the journal, such as `destroy`.
    actions: Words,
    /// Names or ids of keys; without them the rule is about all.
    keys: Option<Words>,
    /// How many must approve.
    needs: u8,
    /// Whoever has one of these may approve.
    #[serde(default)]
    #[schemars(with = "BTreeSet<String>")]
    roles: BTreeSet<Role>,
    /// Whoever is in one of these may approve.
    groups: Option<Words>,
    /// Hours that a request and its approvals count: 24 where nothing is said.
    hours: Option<u16>,
}

/// `PUT /v1/approval-rules/{rule}`: adds a rule, or replaces it.
pub(super) async fn set(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
    Body(request): Body<SetRequest>,
) -> Result<Json<Value>> {
    let SetRequest { actions, keys, needs, roles, groups, hours } = request;
    let actions = actions.0.iter().map(|word| {
        let unknown = || Problem::invalid(format!("there is no action {}", told(word)));
        Action::from_word(word).ok_or_else(unknown)
    });
    let operation = SetApprovalRule {
        name,
        actions: actions.collect::<Result<_>>()?,
        keys: keys.map_or_else(Vec::new, |keys| keys.0),
        needs,
        roles,
        groups: groups.map_or_else(BTreeSet::new, |groups| groups.0.into_iter().collect()),
        hours: hours.unwrap_or(HOURS),
    };
    Ok(Json(rule_json(&api.execute(&caller, operation).await?)))
}

/// `DELETE /v1/approval-rules/{rule}`: takes a rule away.
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
) -> Result<StatusCode> {
    api.execute(&caller, RemoveApprovalRule { name }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hours that an approval counts, where nothing is said.
const HOURS: u16 = 24;

fn missing() -> Problem {
    Problem::new(Code::NotFound, "no such approval")
}

fn parsed(id: &str) -> Result<ObjectId> {
    id.parse().map_err(|_| missing())
}

fn rule_json(rule: &ApprovalRule) -> Value {
    json!({
        "name": rule.name,
        "actions": rule.actions.iter().map(|action| action.word()).collect::<Vec<_>>(),
        "keys": rule.keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "needs": rule.needs,
        "roles": rule.roles,
        "groups": rule.groups,
        "hours": rule.hours,
        "changed": rule.changed.to_string(),
        "by": rule.by,
    })
}

fn waiting_json(waiting: &Waiting) -> Value {
    let Waiting { proposal, missing } = waiting;
    let said = |said: &Approval| json!({ "principal": said.name, "time": said.time.to_string() });
    let state = match (&proposal.denied, missing) {
        (Some(_), _) => "denied",
        (None, 0) => "approved",
        (None, _) => "pending",
    };
    let terms: Vec<Value> =
        proposal.terms.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let digest: String = proposal.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "id": proposal.id.to_string(),
        "state": state,
        "action": proposal.action.word(),
        "key": proposal.key.map(|key| key.to_string()),
        "terms": terms,
        "request_sha256": digest,
        "asked_by": proposal.proposer_name,
        "asked": proposal.asked.to_string(),
        "expires": proposal.expires.to_string(),
        "approved": proposal.approved.iter().map(said).collect::<Vec<_>>(),
        "denied": proposal.denied.as_ref().map(said),
        "missing": missing,
    })
}
