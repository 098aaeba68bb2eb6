//! Access over REST: the rules of the realm, and who may do what. Not here: roles and groups of clients (`clients`), and
//! grants (`keys`).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keyreeve_core::access::{Action, Basis, Decision, rules};
use keyreeve_core::model::{KeySpec, Lsn, Role, State as KeyState};
use keyreeve_core::operations::access_rules::{ApplyAccessRules, RemoveAccessRule, ShowAccessRules};
use keyreeve_core::operations::check_access::{CheckAccess, Way, WhoMay};
use keyreeve_core::operations::explain_access::{ExplainAccess, Explained};
use keyreeve_core::operations::simulate_access::{Difference, SimulateAccess};
use keyreeve_core::operations::test_access::{CASES_MAX, Case, CaseKey, TestAccess};
use keyreeve_core::request::Reference;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::bounded::{List, Tags, Words};
use super::errors::{Problem, Result};
use super::request::{Authenticated, Body, Segments};
use crate::frontends::encryption_context::canonical;
use crate::reason::told;

/// `GET /v1/access/rules`: all rules of the realm, the ready-made roles and the schema.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let stored = api.execute(&caller, ShowAccessRules).await?;
    let built_in = rules::built_in()?;
    let rule = |rule: &rules::AccessRule| {
        json!({
            "name": rule.name,
            "text": rule.text,
            "revision": rule.revision,
            "changed": rule.changed.to_string(),
            "by": rule.by,
        })
    };
    Ok(Json(json!({
        "revision": stored.revision,
        "rules": stored.rules.iter().map(rule).collect::<Vec<_>>(),
        "roles": built_in.roles,
        "schema": built_in.schema,
    })))
}

/// Body of `apply`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyRequest {
    /// Cedar; each rule has `@id("name")` before it.
    text: String,
}

/// `POST /v1/access/rules`: adds rules, or puts them in the place of those of the same names.
pub(super) async fn apply(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(ApplyRequest { text }): Body<ApplyRequest>,
) -> Result<Json<Value>> {
    let done = api.execute(&caller, ApplyAccessRules { text }).await?;
    Ok(Json(json!({
        "revision": done.revision,
        "added": done.applied.added,
        "changed": done.applied.changed,
        "unchanged": done.applied.unchanged,
        "warnings": done.warnings,
    })))
}

/// `DELETE /v1/access/rules/{rule}`: takes a rule away.
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
) -> Result<Json<Value>> {
    let revision = api.execute(&caller, RemoveAccessRule { name: name.clone() }).await?;
    Ok(Json(json!({ "revision": revision, "removed": name })))
}

/// Body of `check`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckRequest {
    /// Name of a client; without one all are asked about.
    principal: Option<String>,
    action: String,
    /// Name or id; only where the action is about a key.
    key: Option<String>,
    /// The encryption context of the request that is asked about.
    #[serde(default)]
    context: Tags,
    /// Its protocol, `rest` or `kmip`; `rest` where nothing is said.
    protocol: Option<String>,
    /// The IP address that it comes from; that of this request where nothing is said.
    source: Option<String>,
}

/// `POST /v1/access/check`: whether somebody may, or who may, and why.
pub(super) async fn check(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<CheckRequest>,
) -> Result<Json<Value>> {
    let CheckRequest { principal, action, key, context, protocol, source } = request;
    let unknown = || Problem::invalid(format!("there is no action {}", told(&action)));
    let action = Action::from_word(&action).ok_or_else(unknown)?;
    let key = key.map(Reference::text);
    let way = way(protocol, source, &context)?;
    let Some(principal) = principal else {
        let may = api.execute(&caller, WhoMay { action, key, way }).await?;
        let principals: Vec<Value> = may
            .principals
            .iter()
            .map(|(name, decision)| json!({ "principal": name, "by": reason(decision) }))
            .collect();
        return Ok(Json(json!({ "principals": principals, "complete": may.complete })));
    };
    let decision = api.execute(&caller, CheckAccess { principal, action, key, way }).await?;
    Ok(Json(json!({ "allowed": decision.allows(), "by": reason(&decision) })))
}

/// By what way a request comes that is asked about.
fn way(protocol: Option<String>, source: Option<String>, context: &Tags) -> Result<Way> {
    Ok(Way {
        protocol: protocol.as_deref().map(known_protocol).transpose()?,
        source: source.as_deref().map(known_source).transpose()?,
        encryption_context: canonical(&context.0),
    })
}

fn known_protocol(word: &str) -> Result<&'static str> {
    match word {
        "rest" => Ok("rest"),
        "kmip" => Ok("kmip"),
        other => Err(Problem::invalid(format!("there is no protocol {}", told(other)))),
    }
}

fn known_source(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|_| Problem::invalid(format!("{} is no IP address", told(text))))
}

/// What decided, for people.
pub(super) fn reason(decision: &Decision) -> String {
    match decision {
        Decision::Allowed(Basis::Role(role)) => format!("role {}", role.word()),
        Decision::Allowed(Basis::Ownership) => "owner of the key".into(),
        Decision::Allowed(Basis::Grant(None)) => "grant on the key".into(),
        Decision::Allowed(Basis::Grant(Some(expires))) => format!("grant on the key until {expires}"),
        Decision::AllowedByRule(rule) => format!("rule {rule} permits"),
        Decision::RefusedByRule(rule) => format!("rule {rule} forbids"),
        Decision::NothingAllows => "no role, grant or rule allows it".into(),
    }
}

/// `GET /v1/access/explain/{lsn}`: what decided a request that is on record.
pub(super) async fn explain(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(lsn): Segments<u64>,
) -> Result<Json<Value>> {
    let Explained { entry, now, waits_for } = api.execute(&caller, ExplainAccess { lsn: Lsn(lsn) }).await?;
    let now = now.map(|decision| json!({ "allowed": decision.allows(), "by": reason(&decision) }));
    Ok(Json(json!({
        "lsn": entry.lsn.0,
        "time": entry.draft.time.to_string(),
        "principal": entry.draft.principal_name,
        "action": entry.draft.action.word(),
        "key": entry.draft.key.map(|key| key.to_string()),
        "outcome": entry.draft.outcome,
        "detail": entry.draft.detail,
        "now": now,
        "waits_for": waits_for,
    })))
}

/// Body of `simulate`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SimulateRequest {
    /// Cedar, as it would be applied.
    text: Option<String>,
    /// Names of rules that would be removed.
    remove: Option<Words>,
    /// The encryption context of the requests that are asked about.
    #[serde(default)]
    context: Tags,
    /// Their protocol, as for `check`.
    protocol: Option<String>,
    /// The IP address that they come from, as for `check`.
    source: Option<String>,
}

/// `POST /v1/access/simulate`: what a change of rules would allow and forbid; nothing changes.
pub(super) async fn simulate(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<SimulateRequest>,
) -> Result<Json<Value>> {
    let SimulateRequest { text, remove, context, protocol, source } = request;
    let (remove, way) = (remove.map_or_else(Vec::new, |names| names.0), way(protocol, source, &context)?);
    let simulated = api.execute(&caller, SimulateAccess { text, remove, way }).await?;
    let difference = |difference: &Difference| {
        json!({
            "principal": difference.principal,
            "action": difference.action.word(),
            "key": difference.key,
            "allowed": difference.after.allows(),
            "by": reason(&difference.after),
        })
    };
    Ok(Json(json!({
        "differences": simulated.differences.iter().map(difference).collect::<Vec<_>>(),
        "complete": simulated.complete,
        "hang_on_requests": simulated.hang_on_requests,
    })))
}

/// Body of `test`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestRequest {
    /// Cedar that is tested alone; without it the rules that hold are.
    text: Option<String>,
    cases: List<CaseRequest, CASES_MAX>,
}

/// One test.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseRequest {
    principal: String,
    #[serde(default)]
    #[schemars(with = "BTreeSet<String>")]
    roles: BTreeSet<Role>,
    groups: Option<Words>,
    action: String,
    key: Option<CaseKeyRequest>,
    /// `rest` where nothing is said.
    protocol: Option<String>,
    source: Option<String>,
    time: Option<String>,
    #[serde(default)]
    context: Tags,
    /// How many others have approved the request.
    #[serde(default)]
    approvals: u8,
    /// `allow` or `deny`.
    expect: String,
}

/// A key that need not be there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseKeyRequest {
    name: String,
    /// Name of a client.
    owner: Option<String>,
    #[serde(default)]
    tags: Tags,
    algorithm: Option<String>,
    /// `active` where nothing is said.
    state: Option<String>,
    #[serde(default)]
    exportable: bool,
}

/// `POST /v1/access/test`: tests of rules, about clients and keys that need not be there.
pub(super) async fn test(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(TestRequest { text, cases }): Body<TestRequest>,
) -> Result<Json<Value>> {
    let expected = cases.0.iter().map(|case| match case.expect.as_str() {
        "allow" => Ok(true),
        "deny" => Ok(false),
        other => Err(Problem::invalid(format!("expect is allow or deny, not {}", told(other)))),
    });
    let expected = expected.collect::<Result<Vec<_>>>()?;
    let cases = cases.0.into_iter().map(CaseRequest::into_case).collect::<Result<Vec<_>>>()?;
    let decisions = api.execute(&caller, TestAccess { text, cases }).await?;
    let mut all = true;
    let results: Vec<Value> = decisions
        .iter()
        .zip(expected)
        .map(|(decision, expected)| {
            let passed = decision.allows() == expected;
            all = all && passed;
            json!({ "allowed": decision.allows(), "by": reason(decision), "passed": passed })
        })
        .collect();
    Ok(Json(json!({ "passed": all, "results": results })))
}

impl CaseRequest {
    fn into_case(self) -> Result<Case> {
        let action = Action::from_word(&self.action)
            .ok_or_else(|| Problem::invalid(format!("there is no action {}", told(&self.action))))?;
        let protocol = self.protocol.as_deref().map_or(Ok("rest"), known_protocol)?;
        let source = self.source.as_deref().map(known_source);
        let time = self.time.map(|text| {
            text.parse().map_err(|_| Problem::invalid("time is one such as 2030-01-31T12:00:00Z"))
        });
        Ok(Case {
            principal: self.principal,
            roles: self.roles,
            groups: self.groups.map_or_else(BTreeSet::new, |groups| groups.0.into_iter().collect()),
            action,
            key: self.key.map(CaseKeyRequest::into_key).transpose()?,
            protocol,
            source: source.transpose()?,
            time: time.transpose()?,
            encryption_context: self.context.0,
            approvals: self.approvals,
        })
    }
}

impl CaseKeyRequest {
    fn into_key(self) -> Result<CaseKey> {
        let word = self.state.as_deref().unwrap_or(KeyState::Active.word());
        let state = KeyState::from_word(word)
            .ok_or_else(|| Problem::invalid(format!("there is no state {}", told(word))))?;
        let spec = self.algorithm.as_deref().map(|name| {
            KeySpec::from_name(name)
                .ok_or_else(|| Problem::invalid(format!("there is no algorithm {}", told(name))))
        });
        Ok(CaseKey {
            name: self.name,
            owner: self.owner.unwrap_or_else(|| "system".into()),
            tags: self.tags.0,
            spec: spec.transpose()?,
            state,
            exportable: self.exportable,
        })
    }
}
