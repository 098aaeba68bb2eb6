//! What the Merkle tree over the journal shows: checkpoints, proofs, tiles. The entries themselves: `journal`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use keyreeve_core::access::Action;
use keyreeve_core::model::Lsn;
use keyreeve_core::operations::administer::Administer;
use keyreeve_core::operations::prove::Prove;
use keyreeve_core::ports::store::TreeQuery;
use keyreeve_store::audit::Proof;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::answer::OCTET_STREAM;
use super::errors::{Problem, Result};
use super::request::{Arguments, Authenticated, Segments};

/// Query of `checkpoint`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// The newest that all witnesses have cosigned.
    #[serde(default)]
    witnessed: bool,
}

/// `GET /v1/audit/checkpoint`: the newest signed checkpoint, a note of C2SP tlog-checkpoint.
pub(super) async fn checkpoint(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(Which { witnessed }): Arguments<Which>,
) -> Result<Response> {
    let query = if witnessed { TreeQuery::Witnessed } else { TreeQuery::Checkpoint };
    let proof = api.execute(&caller, Prove(query)).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], proof.checkpoint).into_response())
}

/// `GET /v1/audit/witnesses`: the keys that sign checkpoints, and who is asked to cosign them.
pub(super) async fn witnesses(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let asked = Arc::clone(&api);
    let look = move || {
        let keys = asked.backups.store().checkpoint_keys()?;
        let shown = json!({ "keys": keys, "witnesses": asked.witnesses.to_json() });
        Ok((shown, "witnesses".to_owned()))
    };
    Ok(Json(api.execute(&caller, Administer::new(Action::Inspect, look)).await?))
}

/// `GET /v1/audit/proof/{lsn}`: that an entry is in the tree of the newest checkpoint.
pub(super) async fn proof(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(lsn): Segments<u64>,
) -> Result<Json<Value>> {
    let proof = api.execute(&caller, Prove(TreeQuery::Inclusion(Lsn(lsn)))).await?;
    shown(Proof::new(Some(Lsn(lsn)), proof))
}

/// Query of `consistency`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// Leaves of an older checkpoint's tree.
    size: u64,
}

/// `GET /v1/audit/consistency?size=`: that the tree of so many entries is a beginning of the newest.
pub(super) async fn consistency(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(Since { size }): Arguments<Since>,
) -> Result<Json<Value>> {
    shown(Proof::new(None, api.execute(&caller, Prove(TreeQuery::Consistency(size))).await?))
}

fn shown(proof: Proof) -> Result<Json<Value>> {
    let shown = serde_json::to_value(proof).map_err(keyreeve_core::Error::internal)?;
    Ok(Json(shown))
}

/// Query of `tile`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tile {
    /// From 0 of the leaves.
    #[schemars(range(max = 7))]
    level: u64,
    /// Number of the tile in its level, from 0.
    index: u64,
    /// How many hashes; 256 of a whole tile.
    #[schemars(range(min = 1, max = 256))]
    width: Option<usize>,
}

/// `GET /v1/audit/tile?level=&index=&width=`: hashes of a tile as C2SP tlog-tiles counts them, 32 bytes each.
pub(super) async fn tile(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(Tile { level, index, width }): Arguments<Tile>,
) -> Result<Response> {
    let width = width.unwrap_or(256);
    if level > 7 || !(1..=256).contains(&width) {
        return Err(Problem::invalid("a tile has a level of 0 to 7, and 1 to 256 hashes"));
    }
    let tile = api.execute(&caller, Prove(TreeQuery::Tile { level, index, width })).await?;
    Ok(([(CONTENT_TYPE, OCTET_STREAM)], tile.hashes.concat()).into_response())
}
