//! Aliases of keys over REST: further names. Not here: the names that keys are made with (keys) and get later (change).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keyreeve_core::model::Key;
use keyreeve_core::operations::aliases::{ListAliases, RemoveAlias, SetAlias};
use keyreeve_core::request::Reference;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::answer;
use super::conditional::Change;
use super::cursor::Search;
use super::errors::Result;
use super::request::{self, Arguments, Authenticated, Body, Segments};

/// Query of `list`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AliasesArguments {
    key: Option<String>,
    after: Option<String>,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
}

/// `GET /v1/aliases?key=&after=&limit=`: those of keys that the caller may see.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(AliasesArguments { key, after, limit }): Arguments<AliasesArguments>,
) -> Result<Json<Value>> {
    let search = Search::new(&api, &caller, "aliases", &key);
    let list = ListAliases {
        key: key.map(Reference::text),
        after: search.after(after.as_deref())?,
        limit: request::page_limit(limit)?,
    };
    let page = api.execute(&caller, list).await?;
    let next = search.next(page.next.as_ref())?;
    Ok(answer::page("aliases", page.aliases.iter().map(|(alias, key)| shown(alias, key)).collect(), next))
}

/// Body of `set`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AliasRequest {
    /// The key, by name or id.
    key: String,
}

/// `PUT /v1/aliases/{alias}`: leads to this key from now on, also where it led to another.
pub(super) async fn set(
    change: Change,
    Segments(alias): Segments<String>,
    Body(AliasRequest { key }): Body<AliasRequest>,
) -> Result<Json<Value>> {
    let set = SetAlias { key: Reference::text(key), alias: alias.clone() };
    let key = change.run(set).await?;
    Ok(Json(shown(&alias, &key)))
}

/// `DELETE /v1/aliases/{alias}`.
pub(super) async fn remove(change: Change, Segments(alias): Segments<String>) -> Result<StatusCode> {
    change.run(RemoveAlias { alias: Reference::text(alias) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(alias: &str, key: &Key) -> Value {
    json!({ "alias": alias, "key": key.name, "key_id": key.id.to_string() })
}
