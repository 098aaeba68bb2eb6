//! Realms over REST: made with an administrator, listed, deleted. Not here: what is done in a realm, which its own people ask
//! for (all other routes).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keyreeve_core::access::{Action, Caller};
use keyreeve_core::operations::erase::Scope;
use keyreeve_core::operations::principals::new_id;
use keyreeve_core::operations::realms::{CreateRealm, DeleteRealm, ListRealms, ReopenRealm, ShowRealm};
use keyreeve_core::record::Realm;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::warn;
use zeroize::Zeroizing;

use super::Api;
use super::clients::{Wanted, permit};
use super::destruction::erase_all;
use super::errors::{Problem, Result};
use super::request::{Authenticated, Body, Segments};
use crate::authn::token;

/// Body of `create`. Holds a secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateRequest {
    name: String,
    /// Name of its first administrator.
    administrator: String,
    /// Also make a bearer token for the administrator.
    #[serde(default)]
    token: bool,
    csr: Option<String>,
    /// Certificate in PEM that is taken as it is, by `listen.appliances` alone; none is issued.
    pin: Option<String>,
    #[schemars(with = "Option<String>")]
    p12_password: Option<Zeroizing<String>>,
    days: Option<u32>,
}

/// `POST /v1/realms`: a realm with its first administrator.
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateRequest>,
) -> Result<(StatusCode, Json<Value>)> {
    permit(&api, &caller, Action::CreateRealm).await?;
    let CreateRequest { name, administrator, token, csr, pin, p12_password, days } = request;
    let wanted = Wanted { csr, pin, p12_password, days };
    let crypto = &**api.engine.crypto();
    let administrator_id = new_id(crypto, api.engine.clock().now())?;
    let (enrolled, warnings) = wanted.issue(&api, (administrator_id, &administrator))?;
    let mut credentials = vec![enrolled.credential.clone()];
    let token = token.then(|| token::generate(crypto, None)).transpose()?;
    credentials.extend(token.as_ref().map(|(_, credential)| credential.clone()));
    let create = CreateRealm { name, administrator_id, administrator: administrator.clone(), credentials };
    let realm = api.execute(&caller, create).await?;
    let mut enrolled = wanted.answer(&api, (administrator_id, &administrator), enrolled, warnings).await?;
    enrolled.insert("roles".into(), json!(["admin"]));
    if let Some((token, _)) = token {
        enrolled.insert("token".into(), token.as_str().into());
    }
    let mut answer = shown(&realm);
    answer["administrator"] = enrolled.into();
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `GET /v1/realms`: all of them, those that were deleted too.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let realms = api.execute(&caller, ListRealms).await?;
    Ok(Json(json!({ "realms": realms.iter().map(shown).collect::<Vec<_>>() })))
}

/// `GET /v1/realms/{name}`: also whether anything is in it that is not destroyed.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
) -> Result<Json<Value>> {
    let found = api.execute(&caller, ShowRealm { name }).await?;
    let mut answer = shown(&found.realm);
    answer["empty"] = found.is_empty.into();
    Ok(Json(answer))
}

/// Body of `delete`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteRequest {
    /// `realm NAME`, so that no slip deletes anything.
    confirm: String,
    /// Destroy all keys in it, for ever; without it, only an empty realm is deleted.
    #[serde(default)]
    destroy_all: bool,
}

/// `POST /v1/realms/{name}/delete`: nobody of it is let in any more, and its keys are destroyed. Asked again, it does what is
/// left.
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(name): Segments<String>,
    Body(DeleteRequest { confirm, destroy_all }): Body<DeleteRequest>,
) -> Result<(StatusCode, Json<Value>)> {
    permit(&api, &caller, Action::DeleteRealm).await?;
    let scope = Scope::Realm(name.clone());
    if confirm != scope.to_string() {
        let text = format!("nothing was done: to delete this, send \"confirm\": \"{scope}\"");
        return Err(Problem::invalid(text));
    }
    let known = api.execute(&caller, ShowRealm { name: name.clone() }).await?.realm;
    let delete = DeleteRealm { name: name.clone(), destroy_all, goes_on: known.deleted.is_some() };
    let realm = api.execute(&caller, delete).await?.realm;
    warn!(realm = name, by = caller.name(), destroy_all, "a realm was deleted");
    // INVARIANT: from here on nobody of the realm makes anything in it; what was made at the last moment is found now.
    let mut system = Caller::system(caller.request).in_realm(realm.id);
    system.source = caller.source;
    if !destroy_all && api.execute(&system, ReopenRealm { realm: realm.id }).await? {
        let text = format!("nothing was done: something was made in the realm {name:?} meanwhile");
        return Err(Problem::told(keyreeve_core::Error::new(keyreeve_core::ErrorKind::Conflict, text)));
    }
    let mut answer = match destroy_all {
        true => erase_all(&api, &system, &scope, true).await?,
        false => json!({ "erasures": [], "keys": 0, "destroyed": 0, "waiting": 0 }),
    };
    answer["realm"] = shown(&realm);
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

fn shown(realm: &Realm) -> Value {
    json!({
        "id": realm.id.to_string(),
        "name": realm.name,
        "created": realm.created.to_string(),
        "deleted": realm.deleted.map(|time| time.to_string()),
    })
}
