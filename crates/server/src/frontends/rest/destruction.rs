//! Destruction over REST: of a key, taken back, watched to its certificate; of all keys with a tag or of a realm. Not
//! here: how the material is erased (store).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keyreeve_core::Error;
use keyreeve_core::access::Caller;
use keyreeve_core::model::{ErasureId, StoredCertificate};
use keyreeve_core::operations::Operation;
use keyreeve_core::operations::cancel_destroy::CancelDestroy;
use keyreeve_core::operations::destroy::Destroy;
use keyreeve_core::operations::erase::{Erase, Scope};
use keyreeve_core::operations::erasures::{
    Destruction, ErasureStatus, ListErasures, ShowDestruction, ShowErasure,
};
use keyreeve_core::record::RecordKey;
use keyreeve_core::request::Reference;
use keyreeve_store::Trouble;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::conditional::{Change, KeyAnswer};
use super::cursor::Search;
use super::errors::{Problem, Result};
use super::request::{Arguments, Authenticated, Body, NamedKey, Segments, page_limit};
use super::{Api, answer};

/// Seconds that one request waits for an erasure, at most.
const WAIT_SECONDS_MAX: u64 = 60;

/// Time between two looks at an erasure that somebody waits for.
const LOOK: Duration = Duration::from_millis(20);

/// Body of `destroy`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DestroyRequest {
    /// Without the waiting period.
    #[serde(default)]
    now: bool,
}

/// `POST /v1/keys/{name}/destroy`: all versions, after the waiting period; Active ones are deactivated in the same entry.
pub(super) async fn destroy(
    change: Change,
    NamedKey(key): NamedKey,
    Body(request): Body<DestroyRequest>,
) -> Result<KeyAnswer> {
    change.key(Destroy { key, deactivate: true, at_once: request.now }).await
}

/// `DELETE /v1/keys/{name}/destroy`: while the key waits for it.
pub(super) async fn cancel(change: Change, NamedKey(key): NamedKey) -> Result<KeyAnswer> {
    change.key(CancelDestroy { key }).await
}

/// Query of `show` and `erasure`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    /// Answer when nothing is pending, or after so long.
    #[serde(default)]
    wait_seconds: u64,
}

/// `GET /v1/keys/{name}/destroy?wait_seconds=`: how far the destruction of a key has come.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Arguments(wait): Arguments<Wait>,
) -> Result<Json<Value>> {
    let ask = |key: Reference| move || ShowDestruction { key: key.clone() };
    let pending = |destruction: &Destruction| pending(&destruction.erasures);
    let Destruction { waits_until, erasures } = wait.of(&api, &caller, ask(key), pending).await?;
    let troubles = api.backups.store().troubles();
    Ok(Json(json!({
        "destruction": waits_until.map(|time| time.to_string()),
        "erasures": erasures.iter().map(|erasure| status(erasure, &troubles)).collect::<Vec<_>>(),
    })))
}

/// `GET /v1/erasures/{id}?wait_seconds=`.
pub(super) async fn erasure(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments(id): Segments<String>,
    Arguments(wait): Arguments<Wait>,
) -> Result<Json<Value>> {
    let id: ErasureId = id.parse().map_err(|_| Error::not_found("erasure"))?;
    let pending = |status: &ErasureStatus| pending(std::slice::from_ref(status));
    let erasure = wait.of(&api, &caller, || ShowErasure { id }, pending).await?;
    Ok(Json(status(&erasure, &api.backups.store().troubles())))
}

impl Wait {
    /// Asks, and once more when nothing of the answer is pending any longer. Between the two nobody asks for the caller,
    /// and nothing is told.
    async fn of<O: Operation + 'static>(
        &self,
        api: &Api,
        caller: &Caller,
        ask: impl Fn() -> O,
        pending: impl Fn(&O::Reply) -> Vec<ErasureId>,
    ) -> Result<O::Reply> {
        let first = api.execute(caller, ask()).await?;
        let mut left = pending(&first);
        let end = Instant::now() + Duration::from_secs(self.wait_seconds.min(WAIT_SECONDS_MAX));
        if left.is_empty() || self.wait_seconds == 0 {
            return Ok(first);
        }
        api.backups.store().hasten_destruction();
        while Instant::now() < end && !left.is_empty() {
            sleep(LOOK).await;
            let store = api.engine.store();
            left.retain(|id| !matches!(store.get(&RecordKey::Certificate(*id)), Ok(Some(_))));
        }
        api.execute(caller, ask()).await
    }
}

fn pending(erasures: &[ErasureStatus]) -> Vec<ErasureId> {
    erasures.iter().filter(|status| !status.is_complete()).map(ErasureStatus::id).collect()
}

/// Query of `list`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListArguments {
    after: Option<String>,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
}

/// `GET /v1/erasures?after=&limit=`: those that are not complete, oldest first.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(arguments): Arguments<ListArguments>,
) -> Result<Json<Value>> {
    let search = Search::new(&api, &caller, "erasures", &());
    let after = search.after(arguments.after.as_deref())?;
    let list = ListErasures { after, limit: page_limit(arguments.limit)? };
    let page = api.execute(&caller, list).await?;
    let next = search.next(page.next.as_ref())?;
    let troubles = api.backups.store().troubles();
    let erasures = page.erasures.iter().map(|erasure| status(erasure, &troubles));
    Ok(answer::page("erasures", erasures.collect(), next))
}

/// Body of `erase`: a tag or a realm.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EraseRequest {
    /// `NAME=VALUE`.
    tag: Option<String>,
    /// The name of the caller's realm.
    realm: Option<String>,
    /// The same in other words, so that no slip erases anything: `tag NAME=VALUE` or `realm NAME`.
    confirm: String,
    /// After the waiting period of each key.
    #[serde(default)]
    wait_period: bool,
}

/// `POST /v1/erasures`: destroys all keys with a tag, or of the realm, an entry at a time. Asked again, it does what is
/// left.
pub(super) async fn erase(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<EraseRequest>,
) -> Result<(StatusCode, Json<Value>)> {
    let scope = scope(&request)?;
    Ok((StatusCode::ACCEPTED, Json(erase_all(&api, &caller, &scope, !request.wait_period).await?)))
}

/// Destroys all keys of a scope, an entry at a time, and tells what was done.
pub(super) async fn erase_all(api: &Api, caller: &Caller, scope: &Scope, at_once: bool) -> Result<Value> {
    let (mut erasures, mut keys, mut destroyed, mut waiting) = (Vec::new(), 0, 0, 0);
    let mut after = None;
    loop {
        let erase = Erase { scope: scope.clone(), at_once, after };
        let erased = api.execute(caller, erase).await?;
        erasures.extend(erased.erasure.map(|id| id.to_string()));
        (keys, destroyed, waiting) =
            (keys + erased.keys, destroyed + erased.destroyed, waiting + erased.waiting);
        if !erased.more {
            break;
        }
        after = erased.next;
    }
    Ok(json!({ "erasures": erasures, "keys": keys, "destroyed": destroyed, "waiting": waiting }))
}

fn scope(request: &EraseRequest) -> Result<Scope> {
    let scope = match (&request.tag, &request.realm) {
        (Some(tag), None) => {
            let (name, value) =
                tag.split_once('=').ok_or_else(|| Problem::invalid("tag is not NAME=VALUE"))?;
            Scope::Tag { name: name.to_owned(), value: value.to_owned() }
        }
        (None, Some(realm)) => Scope::Realm(realm.clone()),
        _ => return Err(Problem::invalid("name either a tag or a realm")),
    };
    let wanted = scope.to_string();
    if request.confirm != wanted {
        return Err(Problem::invalid(format!(
            "nothing was done: to erase this, send \"confirm\": {wanted:?}"
        )));
    }
    Ok(scope)
}

/// How far an erasure has come, and what keeps the places from their part that it waits for.
fn status(status: &ErasureStatus, troubles: &[Trouble]) -> Value {
    match status {
        ErasureStatus::Pending { erasure, places } => json!({
            "id": erasure.id.to_string(),
            "state": "pending",
            "scope": erasure.scope,
            "asked": erasure.asked.to_string(),
            "by": erasure.principal_name,
            "objects": erasure.objects.len(),
            "pending": places,
            "troubles": self::troubles(troubles.iter().filter(|trouble| places.contains(&trouble.place))),
            "certificate": null,
        }),
        ErasureStatus::Complete(found) => json!({
            "id": found.id.to_string(),
            "state": "complete",
            "pending": [],
            "troubles": [],
            "certificate": certificate(found),
        }),
    }
}

/// What keeps places from their part in destructions.
pub(super) fn troubles<'a>(troubles: impl IntoIterator<Item = &'a Trouble>) -> Value {
    troubles.into_iter().map(trouble).collect()
}

/// The same of one place.
pub(super) fn trouble(Trouble { place, at, what }: &Trouble) -> Value {
    json!({ "place": place, "at": at.to_string(), "what": what })
}

/// The certificate as JSON: its signature is over a canonical form, which reformatting does not break.
fn certificate(found: &StoredCertificate) -> Value {
    serde_json::from_str(&found.text).unwrap_or_else(|_| found.text.clone().into())
}
