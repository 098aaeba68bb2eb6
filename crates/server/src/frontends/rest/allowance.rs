//! What a key still allows, over REST: for clients that keep a copy of a key and use it by themselves. Not here: how much
//! is left of its usage limits, which every answer of a key tells (counted).

use axum::Json;
use keyreeve_core::operations::check::Check;
use keyreeve_core::operations::get_usage_allocation::GetUsageAllocation;
use keyreeve_core::operations::obtain_lease::ObtainLease;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bounded::Words;
use super::conditional::Change;
use super::errors::{Problem, Result};
use super::keys;
use super::request::{Body, NamedKey};

/// Body of `check`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckRequest {
    /// Uses that are meant.
    usage: Option<Words>,
    /// Units of its usage limits that are meant.
    units: Option<u64>,
    /// Lease that is meant.
    lease_seconds: Option<u32>,
}

/// `POST /v1/keys/{name}/check`: whether the newest version would do all of this; nothing is used.
pub(super) async fn check(
    change: Change,
    NamedKey(key): NamedKey,
    Body(request): Body<CheckRequest>,
) -> Result<Json<Value>> {
    let CheckRequest { usage, units, lease_seconds } = request;
    let usage = usage.as_ref().map(keys::usage_mask).transpose()?;
    let object = change.run(Check { key, units, usage, lease_seconds }).await?;
    Ok(Json(json!({ "object_id": object.to_string() })))
}

/// `POST /v1/keys/{name}/lease`: on the newest version.
pub(super) async fn lease(change: Change, NamedKey(key): NamedKey) -> Result<Json<Value>> {
    let lease = change.run(ObtainLease { key }).await?;
    Ok(Json(json!({
        "object_id": lease.object.to_string(),
        "lease_seconds": lease.lease_seconds,
        "last_change": lease.last_change.to_string(),
    })))
}

/// Body of `allocate`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AllocateRequest {
    /// At least 1, uses or bytes as the limits count.
    units: u64,
}

/// `POST /v1/keys/{name}/allocate`: takes units of the newest version's usage limits in advance.
pub(super) async fn allocate(
    change: Change,
    NamedKey(key): NamedKey,
    Body(AllocateRequest { units }): Body<AllocateRequest>,
) -> Result<Json<Value>> {
    if units == 0 {
        return Err(Problem::invalid("units is at least 1"));
    }
    let object = change.run(GetUsageAllocation { key, units }).await?;
    Ok(Json(json!({ "object_id": object.to_string(), "units": units })))
}
