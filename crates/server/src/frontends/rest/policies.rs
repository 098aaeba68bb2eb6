//! Lifecycle policies over REST: documents, what they are attached to, what they say of a key, and what one would do. Not here:
//! a key's own policy fields (`keys`), and who may do what (`access`).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keyreeve_core::operations::policies::{
    ApplyPolicy, AttachPolicy, AttachTo, CheckPolicy, DetachPolicy, RemovePolicy, ShowPolicies,
};
use keyreeve_core::operations::policy_plan::{PlanPolicy, told};
use keyreeve_core::policy::{PROFILES, Place, Policies, StoredPolicy, profile};
use keyreeve_core::request::Reference;
use keyreeve_core::{Error, ErrorKind};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::errors::{Problem, Result};
use super::request::{Arguments, Authenticated, Body, NamedKey, Segments};

/// Days that a plan looks ahead where nothing is said.
const PLAN_DAYS: u16 = 365;

/// `GET /v1/policies`: the shipped and the realm's own documents, and what they are attached to.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let (policies, names) = api.execute(&caller, ShowPolicies).await?;
    let shipped = PROFILES.iter().map(|(name, _)| {
        let description = profile(name).and_then(|profile| profile.description.clone());
        json!({ "name": name, "shipped": true, "version": 1, "changed": null, "by": null, "description": description })
    });
    let own = policies.policies.iter().map(|policy| {
        let newest = policy.versions.last();
        let description = policies.document(&policy.name).ok().and_then(|read| read.description.clone());
        json!({
            "name": policy.name,
            "shipped": false,
            "version": newest.map(|newest| newest.number),
            "changed": newest.map(|newest| newest.changed.to_string()),
            "by": newest.map(|newest| &newest.by),
            "description": description,
        })
    });
    let documents: Vec<Value> = shipped.chain(own).collect();
    Ok(Json(json!({
        "revision": policies.revision,
        "policies": documents,
        "attached": attached(&policies, &names),
    })))
}

/// What documents are attached to; a key by its name, or by its id where it has just been renamed.
fn attached(policies: &Policies, names: &[(Place, String)]) -> Vec<Value> {
    let told = |place: &Place| match place {
        Place::Realm => json!({ "realm": true, "tag": null, "value": null, "key": null }),
        Place::Tag(tag, value) => json!({ "realm": false, "tag": tag, "value": value, "key": null }),
        Place::Key(id) => {
            let name = names.iter().find(|(known, _)| known == place).map(|(_, name)| name.clone());
            json!({ "realm": false, "tag": null, "value": null, "key": name.unwrap_or_else(|| id.to_string()) })
        }
    };
    let one = |attached: &keyreeve_core::policy::Attached| {
        let mut told = told(&attached.to);
        told["policy"] = attached.policy.clone().into();
        told
    };
    policies.attached.iter().map(one).collect()
}

/// Query of `show`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowArguments {
    /// A version; the newest where none is named.
    version: Option<u32>,
}

/// `GET /v1/policies/{policy}`: one document as it was applied.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
    Arguments(ShowArguments { version }): Arguments<ShowArguments>,
) -> Result<Json<Value>> {
    let (policies, _) = api.execute(&caller, ShowPolicies).await?;
    let text = |policy: &StoredPolicy| {
        let wanted = |number: u32| version.is_none_or(|version| version == number);
        policy.versions.iter().rev().find(|known| wanted(known.number)).cloned()
    };
    if let Some((_, text)) = PROFILES.iter().find(|(shipped, _)| *shipped == name) {
        return Ok(Json(json!({ "name": name, "version": 1, "versions": [1], "text": text })));
    }
    let policy = policies.named(&name).ok_or_else(|| Error::not_found("policy"))?;
    let found = text(policy).ok_or_else(|| Error::not_found("version of the policy"))?;
    let versions: Vec<u32> = policy.versions.iter().map(|version| version.number).collect();
    Ok(Json(json!({ "name": name, "version": found.number, "versions": versions, "text": found.text })))
}

/// Body of `apply`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyRequest {
    /// TOML or JSON.
    text: String,
}

/// `POST /v1/policies`: adds a document, or a new version of one.
pub(super) async fn apply(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(ApplyRequest { text }): Body<ApplyRequest>,
) -> Result<Json<Value>> {
    let done = api.execute(&caller, ApplyPolicy { text }).await?;
    Ok(Json(json!({ "name": done.name, "version": done.version, "changed": done.changed })))
}

/// `DELETE /v1/policies/{policy}`: takes a document away that nothing is attached to.
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
) -> Result<Json<Value>> {
    api.execute(&caller, RemovePolicy { name: name.clone() }).await?;
    Ok(Json(json!({ "removed": name })))
}

/// Body of `attach`. Either a key, or a tag with its value, or the realm.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AttachRequest {
    policy: String,
    key: Option<String>,
    tag: Option<String>,
    value: Option<String>,
    #[serde(default)]
    realm: bool,
}

/// `POST /v1/policy-attachments`: attaches a document, in place of what is attached there.
pub(super) async fn attach(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<AttachRequest>,
) -> Result<Json<Value>> {
    let to = place(request.key, request.tag, request.value, request.realm)?;
    let policies = api.execute(&caller, AttachPolicy { name: request.policy.clone(), to }).await?;
    Ok(Json(json!({ "revision": policies.revision, "policy": request.policy })))
}

/// Body of `detach`. Either a key, or a tag with its value, or the realm.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DetachRequest {
    key: Option<String>,
    tag: Option<String>,
    value: Option<String>,
    #[serde(default)]
    realm: bool,
}

/// `POST /v1/policy-attachments/detach`: detaches what is attached there.
pub(super) async fn detach(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<DetachRequest>,
) -> Result<Json<Value>> {
    let from = place(request.key, request.tag, request.value, request.realm)?;
    let policies = api.execute(&caller, DetachPolicy { from }).await?;
    Ok(Json(json!({ "revision": policies.revision, "policy": null })))
}

fn place(key: Option<String>, tag: Option<String>, value: Option<String>, realm: bool) -> Result<AttachTo> {
    match (key, tag, value, realm) {
        (Some(key), None, None, false) => Ok(AttachTo::Key(Reference::text(key))),
        (None, Some(tag), Some(value), false) => Ok(AttachTo::Tag(tag, value)),
        (None, None, None, true) => Ok(AttachTo::Realm),
        _ => Err(Problem::invalid("name one place: a key, a tag with its value, or the realm")),
    }
}

/// `GET /v1/keys/{name}/policy`: what the documents that hold for a key say of its newest version now.
pub(super) async fn check(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
) -> Result<Json<Value>> {
    let (checked, rotation) = api.execute(&caller, CheckPolicy { key }).await?;
    let said = checked.iter().map(|checked| {
        let (outcome, why) = told(&checked.decision);
        json!({
            "policy": checked.policy,
            "action": checked.deed.word(),
            "outcome": outcome,
            "why": why,
            "until": checked.until.map(|until| until.to_string()),
        })
    });
    Ok(Json(json!({
        "said": said.collect::<Vec<_>>(),
        "next_rotation": rotation.map(|rotation| rotation.to_string()),
    })))
}

/// Query of `plan`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanArguments {
    /// Days to look ahead.
    days: Option<u16>,
}

/// `GET /v1/policies/{policy}/plan`: what a document would do to all keys of the realm; nothing changes.
pub(super) async fn plan(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
    Arguments(PlanArguments { days }): Arguments<PlanArguments>,
) -> Result<Json<Value>> {
    use keyreeve_core::operations::policy_plan::PLAN_DAYS_MAX;
    let days = days.unwrap_or(PLAN_DAYS);
    if days > PLAN_DAYS_MAX {
        let public = format!("days: a plan looks at most {PLAN_DAYS_MAX} days ahead");
        return Err(Error::new(ErrorKind::InvalidField, public).into());
    }
    let plan = api.execute(&caller, PlanPolicy { name, days }).await?;
    let events = plan.events.iter().map(|event| {
        json!({
            "time": event.time.to_string(),
            "key": event.key,
            "version": event.version,
            "action": event.what,
            "outcome": event.outcome,
            "why": event.why,
        })
    });
    Ok(Json(json!({
        "events": events.collect::<Vec<_>>(),
        "keys": plan.keys,
        "complete": plan.complete,
    })))
}
