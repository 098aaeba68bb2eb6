//! Bearer tokens over REST, one by one: made for a client that is there or is made with it, listed, renewed, revoked. Not here:
//! certificates (clients).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keyreeve_core::access::{Action, Caller};
use keyreeve_core::model::{Credential, CredentialKind, Principal, Role, ScopedKey, TokenScope};
use keyreeve_core::operations::credentials::{RenewToken, RevokeCredential};
use keyreeve_core::operations::principals::{AddCredential, CreatePrincipal, ListPrincipals, Listed, new_id};
use keyreeve_core::operations::show::Show;
use keyreeve_core::request::Reference;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::answer;
use super::bounded::Words;
use super::errors::{Problem, Result};
use super::request::{Arguments, Authenticated, Body, Segments, page_limit};
use crate::authn::token;
use crate::reason::told;

/// Days that a token is valid at most.
const DAYS_MAX: u16 = 3650;

/// Body of `create`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateRequest {
    client: String,
    /// Days that it is valid, 1 to 3,650; none: until it is revoked.
    days: Option<u16>,
    /// Make a client with these roles, which has no certificate.
    #[schemars(with = "Option<BTreeSet<String>>")]
    roles: Option<BTreeSet<Role>>,
    /// A token for this part of what its client may; none: for all of it.
    scope: Option<ScopeRequest>,
}

/// What a token is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScopeRequest {
    /// Words as in the journal, such as `decrypt`; none: any.
    actions: Option<Words>,
    /// Names or ids of keys; none: any.
    keys: Option<Words>,
}

/// `POST /v1/tokens`: the only answer that holds the token.
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(CreateRequest { client, days, roles, scope }): Body<CreateRequest>,
) -> Result<(StatusCode, Json<Value>)> {
    if days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
        return Err(Problem::invalid(format!("days is 1 to {DAYS_MAX}")));
    }
    let (crypto, now) = (&**api.engine.crypto(), api.engine.clock().now());
    let expires = days.map(|days| now.plus_days(days));
    let scope = match scope {
        Some(wanted) => Some(Arc::new(narrowed(&api, &caller, wanted).await?)),
        None => None,
    };
    let told_scope = scope.as_deref().map(self::scope);
    let (token, mut credential) = token::generate(crypto, expires)?;
    credential.kind = scope.map_or(CredentialKind::Token, CredentialKind::ScopedToken);
    let id = credential.id;
    let name = client.clone();
    let approval_rule = match roles {
        Some(roles) => {
            let (principal, credentials) = (new_id(crypto, now)?, vec![credential]);
            let create = CreatePrincipal { id: principal, name, roles, credentials, person: false };
            api.execute(&caller, create).await?.approval_rule
        }
        None => {
            api.execute(&caller, AddCredential { name, credential, replace: false }).await?;
            None
        }
    };
    let mut answer = json!({
        "id": id.to_string(),
        "client": client,
        "token": token.as_str(),
        "expires": expires.map(|time| time.to_string()),
        "scope": told_scope,
    });
    if let Some(rule) = approval_rule {
        answer["approval_rule"] = rule.into();
    }
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Query of `list`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListArguments {
    client: Option<String>,
    after: Option<String>,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
}

/// `GET /v1/tokens?client=&after=&limit=`: tokens by client; a page has those of up to `limit` clients.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(ListArguments { client, after, limit }): Arguments<ListArguments>,
) -> Result<Json<Value>> {
    let limit = page_limit(limit)?;
    let is_one = client.is_some();
    let listed = api.execute(&caller, ListPrincipals { after, limit, only: client }).await?;
    let last = listed.last().filter(|_| listed.len() == limit && !is_one);
    let next = last.map(|last| last.principal.name.clone().into());
    Ok(answer::page("tokens", listed.iter().flat_map(tokens).collect(), next))
}

/// `POST /v1/tokens/{id}/revoke`: it counts no more, from the next request on.
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(id): Segments<String>,
) -> Result<Json<Value>> {
    let (principal, credential) =
        api.execute(&caller, RevokeCredential { id: id.parse()?, token_only: true }).await?;
    Ok(Json(shown(&principal, &credential)))
}

/// Body of `renew`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RenewRequest {
    /// Days that it is valid from now on, 1 to 3,650.
    days: u16,
}

/// `POST /v1/tokens/{id}/renew`: the same token ends later, or sooner; what it is narrowed to stays.
pub(super) async fn renew(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(id): Segments<String>,
    Body(RenewRequest { days }): Body<RenewRequest>,
) -> Result<Json<Value>> {
    if days == 0 || days > DAYS_MAX {
        return Err(Problem::invalid(format!("days is 1 to {DAYS_MAX}")));
    }
    let expires = api.engine.clock().now().plus_days(days);
    let (principal, credential) = api.execute(&caller, RenewToken { id: id.parse()?, expires }).await?;
    Ok(Json(shown(&principal, &credential)))
}

fn tokens(listed: &Listed) -> impl Iterator<Item = Value> {
    let tokens = listed.credentials.iter().filter(|credential| credential.kind.is_token());
    tokens.map(|credential| shown(&listed.principal, credential))
}

fn shown(principal: &Principal, credential: &Credential) -> Value {
    let revoked = credential.revoked.or(principal.revoked);
    json!({
        "id": credential.id.to_string(),
        "client": principal.name,
        "created": credential.created.to_string(),
        "expires": credential.expires.map(|time| time.to_string()),
        "revoked": revoked.map(|time| time.to_string()),
        "scope": credential.kind.scope().map(|scope| self::scope(scope)),
    })
}

/// What a token is narrowed to, as it is asked for.
///
/// # Errors
/// Words that are no actions; keys that the caller does not find; what no scope holds.
async fn narrowed(api: &Api, caller: &Caller, wanted: ScopeRequest) -> Result<TokenScope> {
    let action = |word: &String| {
        Action::from_word(word).ok_or_else(|| Problem::invalid(format!("there is no action {}", told(word))))
    };
    let actions = wanted.actions.map_or_else(Vec::new, |words| words.0);
    let actions = actions.iter().map(action).collect::<Result<_>>()?;
    let mut keys = Vec::new();
    for name in wanted.keys.map_or_else(Vec::new, |words| words.0) {
        let key = api.execute(caller, Show { key: Reference::text(name) }).await?.key;
        keys.push(ScopedKey { id: key.id, name: key.name.clone() });
    }
    Ok(TokenScope::new(actions, keys)?)
}

/// What a token is narrowed to, as it is told.
pub(super) fn scope(scope: &TokenScope) -> Value {
    let mut told = json!({});
    if !scope.actions().is_empty() {
        told["actions"] = scope.actions().iter().map(|action| action.word()).collect();
    }
    if !scope.keys().is_empty() {
        let key = |key: &ScopedKey| json!({ "id": key.id.to_string(), "name": key.name });
        told["keys"] = scope.keys().iter().map(key).collect();
    }
    told
}
