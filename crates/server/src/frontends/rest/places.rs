//! The places of epoch keys over REST: machines and backup targets, how they stand, and striking off what is lost. Not
//! here: what happens to their cells (store).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use keyreeve_core::access::{Action, Caller};
use keyreeve_core::model::{Attestation, Erasure, Place, PlaceKind};
use keyreeve_core::operations::administer::{Administer, Announce};
use keyreeve_store::Store;
use keyreeve_store::backup::TargetStatus;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::Result;
use super::request::{Authenticated, Body};
use super::{Api, destruction};
use crate::follow::Progress;

/// Erasures that are looked at for what is pending at each place.
const ERASURES_COUNTED_MAX: usize = 1000;
/// Erasures that are named for each place.
const ERASURES_NAMED_MAX: usize = 16;

/// `GET /v1/places`: every place, what is pending there, and of targets how far they are behind.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let store = Arc::clone(api.backups.store());
    let look = move || {
        let erasures = store.pending_erasures(ERASURES_COUNTED_MAX)?;
        Ok(((store.places()?, erasures, store.targets(), store.troubles()), "places".to_owned()))
    };
    let (places, erasures, targets, troubles) =
        api.execute(&caller, Administer::new(Action::Inspect, look)).await?;
    let told = places.iter().map(|place| {
        let mut told = shown(place, targets.iter().find(|target| target.address == place.name));
        if let Value::Object(fields) = &mut told {
            fields.extend(pending(place, &erasures));
            let met = troubles.iter().find(|trouble| trouble.place == place.name);
            fields.insert("trouble".into(), met.map(destruction::trouble).into());
        }
        told
    });
    Ok(Json(json!({ "places": told.collect::<Vec<_>>() })))
}

/// What waits for a place.
fn pending(place: &Place, erasures: &[Arc<Erasure>]) -> [(String, Value); 2] {
    // Before the switch, every epoch key that there is reaches it.
    let waits = |erasure: &&Arc<Erasure>| !place.is_clear_of_older_than(erasure.switched.unwrap_or(u64::MAX));
    let named = erasures.iter().filter(waits).take(ERASURES_NAMED_MAX).map(|erasure| &*erasure.scope);
    let count = erasures.iter().filter(waits).count();
    [("pending".into(), named.collect::<Vec<_>>().into()), ("pending_count".into(), count.into())]
}

/// `GET /v1/doctor`: what the present set-up survives, and what a destruction would prove.
pub(super) async fn doctor(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let asked = Arc::clone(&api);
    let look = move || {
        let mut report = asked.backups.examine()?;
        let published = asked.engine.store().published();
        let troubles = asked.kmip.endpoints().filter_map(|told| told.trouble(published));
        let missed = asked.kmip.endpoints().filter_map(Progress::missed);
        let of_sinks = asked.sinks.troubles(published).chain(asked.watch.trouble(published));
        let of_notifications = asked.notifications.troubles(published);
        let of_witnesses = asked.witnesses.troubles();
        let barred = asked.kmip.barred_endpoints();
        troubles
            .chain(missed)
            .chain(barred)
            .chain(of_sinks)
            .chain(of_notifications)
            .chain(of_witnesses)
            .for_each(|trouble| report.warn(trouble));
        Ok((report, "doctor".to_owned()))
    };
    let report = api.execute(&caller, Administer::new(Action::Inspect, look)).await?;
    Ok(Json(report.to_json()))
}

/// Body of `remove_target` and `retire`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StrikeRequest {
    /// The place.
    name: String,
    /// What the caller knows of its epoch keys: "disk shredded, ticket 17".
    attest: Option<String>,
}

/// `POST /v1/targets/remove`: its cell is erased, or attested where it cannot be reached.
pub(super) async fn remove_target(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<StrikeRequest>,
) -> Result<Json<Value>> {
    strike(&api, &caller, Action::RemoveTarget, request, Store::remove_target).await
}

/// `POST /v1/cells/retire`: a place that is lost or out of reach for good.
pub(super) async fn retire(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<StrikeRequest>,
) -> Result<Json<Value>> {
    strike(&api, &caller, Action::RetireCell, request, Store::retire_cell).await
}

type Strike = fn(&Store, &str, Option<Attestation>) -> keyreeve_core::Result<Arc<Place>>;

async fn strike(
    api: &Api,
    caller: &Caller,
    action: Action,
    request: StrikeRequest,
    how: Strike,
) -> Result<Json<Value>> {
    let attested = request.attest.clone().unwrap_or_default();
    let terms = vec![("place".into(), request.name.clone()), ("attested".into(), attested)];
    api.execute(caller, Announce { action, also: &[], terms }).await?;
    let (store, by) = (Arc::clone(api.backups.store()), caller.name().to_owned());
    let clock = api.engine.clock().clone();
    let deed = move || {
        let StrikeRequest { name, attest } = request;
        let generation = store.generation()?;
        let detail = match &attest {
            Some(statement) => format!("{name}, attested: {statement}"),
            None => name.clone(),
        };
        let attested = attest.map(|statement| Attestation { by, statement, at: clock.now(), generation });
        Ok((how(&store, &name, attested)?, detail))
    };
    let place = api.execute(caller, Administer::new(action, deed).announced()).await?;
    Ok(Json(shown(&place, None)))
}

fn shown(place: &Place, target: Option<&TargetStatus>) -> Value {
    let kind = match place.kind {
        PlaceKind::Machine => "machine",
        PlaceKind::Target => "target",
    };
    let mut value = json!({
        "name": place.name,
        "kind": kind,
        "cell": place.has_cell,
        "generation": place.confirmed,
        "confirmed": place.confirmed_at.map(|time| time.to_string()),
        "lost": place.lost.map(|time| time.to_string()),
        "attested": place.attested.as_ref().map(|attested| json!({
            "by": attested.by,
            "statement": attested.statement,
            "at": attested.at.to_string(),
        })),
    });
    if let (Some(target), Some(fields)) = (target, value.as_object_mut()) {
        fields.insert("archive".into(), archive(target));
    }
    value
}

/// How the archive at a target stands.
pub(super) fn archive(target: &TargetStatus) -> Value {
    json!({
        "target": target.address,
        "cell": target.has_cell,
        "shipped": target.shipped.0,
        "lag_entries": target.lag_entries,
        "lag_ms": target.lag_ms,
        "breached": target.breached,
        "pieces": target.pieces.0,
        "bytes": target.pieces.1,
        "trouble": target.trouble,
    })
}
