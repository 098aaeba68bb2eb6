//! Keys over REST: make, list, show, rotate, activate, disable, archive, revoke, restore, grant. Not here: using them (data), their material
//! (material), destroying them (destruction).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use keyreeve_core::access::{Action, Caller};
use keyreeve_core::model::{
    DESTROY_WAITING_DAYS_MAX, Grant as Given, KeyPolicy, KeySpec, KeyVersion, ObjectType, Revocation,
    RevocationReason, State as ObjectState, Time, UsageMask,
};
use keyreeve_core::operations::activate::Activate;
use keyreeve_core::operations::archive::{Archive, Recover};
use keyreeve_core::operations::as_of::ShowAsOf;
use keyreeve_core::operations::create::Create;
use keyreeve_core::operations::disable::{Disable, Enable};
use keyreeve_core::operations::grant::{Grant, Grants};
use keyreeve_core::operations::import::Import;
use keyreeve_core::operations::list_keys::ListKeys;
use keyreeve_core::operations::rekey::Rekey;
use keyreeve_core::operations::restore_key::RestoreKey;
use keyreeve_core::operations::revoke::Revoke;
use keyreeve_core::operations::show::{Show, Shown};
use keyreeve_core::operations::{Activation, Template};
use keyreeve_core::ports::store::IndexHit;
use keyreeve_core::request::Reference;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use super::bounded::{List, Tags, Words};
use super::conditional::{Change, KeyAnswer};
use super::counted::{self, UsageLimitsRequest};
use super::cursor::Search;
use super::errors::{Problem, Result};
use super::material::Material;
use super::request::{self, Arguments, Authenticated, Body, NamedKey, Segments};
use super::{Api, answer, split_key};
use crate::reason::told;

/// Body of `create`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateRequest {
    name: String,
    /// May be left out where `material` tells it.
    algorithm: Option<String>,
    usage: Option<Words>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    exportable: bool,
    /// False: the first version waits for `activate`.
    #[serde(default = "yes")]
    active: bool,
    /// From the wish to destroy to the destruction; none: as the server is configured.
    destroy_waiting_days: Option<u16>,
    /// False: never without the waiting period.
    #[serde(default = "yes")]
    destroy_at_once: bool,
    /// How much every version may protect; none: without limit.
    usage_limits: Option<UsageLimitsRequest>,
    /// Longest lease, for KMIP clients; none: an hour.
    lease_seconds: Option<u32>,
    /// Material that is here, or was, is refused instead of told of.
    #[serde(default)]
    reject_duplicates: bool,
    /// True: nobody has a reason to touch it, and an alert is raised where somebody does.
    #[serde(default)]
    canary: bool,
    /// False: an exportable key may also leave in the clear.
    #[serde(default = "yes")]
    sensitive: bool,
    /// A key that was made elsewhere.
    material: Option<Material>,
}

pub(super) fn yes() -> bool {
    true
}

/// `POST /v1/keys`.
pub(super) async fn create(change: Change, Body(request): Body<CreateRequest>) -> Result<KeyAnswer> {
    let spec = request.algorithm.as_deref().map(spec).transpose()?;
    let usage = request.usage.as_ref().map(usage_mask).transpose()?;
    let limits = request.usage_limits.map(UsageLimitsRequest::attribute).transpose()?;
    let policy = checked(KeyPolicy {
        exportable: request.exportable,
        destroy_waiting_days: request.destroy_waiting_days,
        destroy_at_once: request.destroy_at_once,
        lease_seconds: request.lease_seconds,
        reject_duplicates: request.reject_duplicates,
        canary: request.canary,
    })?;
    let (name, tags) = (request.name, request.tags.0);
    let half = |usage| Template {
        further: limits.clone().into_iter().collect(),
        activation: if request.active { Activation::Now } else { Activation::Later },
        usage,
        sensitive: Some(request.sensitive),
        extractable: Some(request.exportable),
        ..Template::default()
    };
    if let Some(material) = request.material {
        let import = Import { name, spec, brought: material.brought()?, template: half(usage), policy, tags };
        return change.imported(import).await;
    }
    let spec =
        spec.ok_or_else(|| Problem::invalid("algorithm is missing, and there is no material to tell it"))?;
    let (fits_private, fits_public) = change.api.engine.crypto().fitting_usage(&spec);
    // A use that fits neither half stays with the private one, where `usage_must_fit` refuses it.
    let private = usage.map(|usage| UsageMask(usage.0 & !(fits_public.0 & !fits_private.0)));
    let public = usage.map(|usage| usage & fits_public);
    let create = Create {
        name: Some(name),
        spec,
        template: half(private),
        public: half(public),
        policy,
        tags,
        usage_must_fit: true,
    };
    Ok(change.key(create).await?.created())
}

/// The kind of key of this name.
pub(super) fn spec(name: &str) -> Result<KeySpec> {
    KeySpec::from_name(name).ok_or_else(|| {
        let known = KeySpec::names().collect::<Vec<_>>().join(", ");
        Problem::invalid(format!("there is no algorithm {}; there are {known}", told(name)))
    })
}

/// How a new key lives, once it is looked at.
pub(super) fn checked(policy: KeyPolicy) -> Result<KeyPolicy> {
    check_ranges(policy.destroy_waiting_days, policy.lease_seconds)?;
    Ok(policy)
}

/// What has a range in a key's policy, of a new key or a change.
pub(super) fn check_ranges(destroy_waiting_days: Option<u16>, lease_seconds: Option<u32>) -> Result<()> {
    if destroy_waiting_days.is_some_and(|days| days > DESTROY_WAITING_DAYS_MAX) {
        let detail = format!("destroy_waiting_days is 0 to {DESTROY_WAITING_DAYS_MAX}");
        return Err(Problem::invalid(detail));
    }
    if lease_seconds == Some(0) {
        return Err(Problem::invalid("lease_seconds is at least 1"));
    }
    Ok(())
}

/// Query of `list`.
#[derive(Default, JsonSchema)]
#[serde(default)]
pub(super) struct ListArguments {
    after: Option<String>,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// `NAME=VALUE`; may be repeated.
    tag: Vec<String>,
    /// Of the newest version.
    state: Option<String>,
    /// A kind (`aes-256`) or a family (`aes`).
    algorithm: Option<String>,
    r#type: Option<String>,
    name_prefix: Option<String>,
}

impl ListArguments {
    /// A page of what is of these types, and where the next one starts.
    pub(super) async fn page(
        self,
        (api, caller): (&Api, &Caller),
        (list, types): (&str, &'static [ObjectType]),
    ) -> Result<(Vec<Shown>, Option<Value>)> {
        let Self { after, limit: _, tag, state, algorithm, r#type, name_prefix } = &self;
        let search = Search::new(api, caller, list, &(tag, state, algorithm, r#type, name_prefix));
        let after = search.after(after.as_deref())?;
        let page = api.execute(caller, self.operation(types, after)?).await?;
        let next = search.next(page.next.as_ref())?;
        Ok((page.keys, next))
    }

    fn operation(self, types: &'static [ObjectType], after: Option<IndexHit>) -> Result<ListKeys> {
        let tag = |text: &String| {
            let (name, value) =
                text.split_once('=').ok_or_else(|| Problem::invalid("tag is not NAME=VALUE"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        Ok(ListKeys {
            after,
            limit: request::page_limit(self.limit)?,
            tags: self.tag.iter().map(tag).collect::<Result<_>>()?,
            types: Some(self.r#type.as_deref().map_or(Ok(types), |word| types_of_word(types, word))?),
            state: self.state.as_deref().map(state).transpose()?,
            algorithm: self.algorithm,
            name_prefix: self.name_prefix,
        })
    }
}

/// From pairs, as forms repeat no field of a structure.
impl<'de> Deserialize<'de> for ListArguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut arguments = Self::default();
        for (name, value) in Vec::<(String, String)>::deserialize(deserializer)? {
            let place = match name.as_str() {
                "tag" => {
                    arguments.tag.push(value);
                    continue;
                }
                "limit" => {
                    let limit = value.parse().map_err(|_| de::Error::custom("limit is not a number"))?;
                    match arguments.limit.replace(limit) {
                        None => continue,
                        Some(_) => return Err(de::Error::custom("duplicate field \"limit\"")),
                    }
                }
                "after" => &mut arguments.after,
                "state" => &mut arguments.state,
                "algorithm" => &mut arguments.algorithm,
                "type" => &mut arguments.r#type,
                "name_prefix" => &mut arguments.name_prefix,
                _ => {
                    let known = "after, limit, tag, state, algorithm, type, name_prefix";
                    let what = format!("there is no argument {}; there are {known}", told(&name));
                    return Err(de::Error::custom(what));
                }
            };
            if place.replace(value).is_some() {
                return Err(de::Error::custom(format_args!("duplicate field {name:?}")));
            }
        }
        Ok(arguments)
    }
}

/// What is listed as keys.
const TYPES: &[ObjectType] =
    &[ObjectType::SymmetricKey, ObjectType::PrivateKey, ObjectType::PublicKey, ObjectType::PgpKey];

/// The one type of this word among these.
fn types_of_word(types: &'static [ObjectType], word: &str) -> Result<&'static [ObjectType]> {
    let is_it = |object_type: &ObjectType| {
        let full = type_word(*object_type);
        full == word || full.split('-').next() == Some(word)
    };
    types.iter().position(is_it).map(|at| &types[at..=at]).ok_or_else(|| {
        let known: Vec<_> = types.iter().map(|object_type| type_word(*object_type)).collect();
        Problem::invalid(format!("there is no type {word:?} here; there are {}", known.join(", ")))
    })
}

fn state(word: &str) -> Result<ObjectState> {
    ObjectState::from_word(word).ok_or_else(|| {
        let known: Vec<_> = ObjectState::ALL.iter().map(|state| state.word()).collect();
        Problem::invalid(format!("there is no state {word:?}; there are {}", known.join(", ")))
    })
}

/// `GET /v1/keys?after=&limit=&tag=K=V`: those that the caller may see, by name; `tag` may be repeated.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(arguments): Arguments<ListArguments>,
) -> Result<Json<Value>> {
    let (keys, next) = arguments.page((&api, &caller), ("keys", TYPES)).await?;
    Ok(answer::page("keys", keys.iter().map(key).collect(), next))
}

/// A point in the past, as a query or a body names it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Past<T> {
    as_of: T,
}

/// `GET /v1/keys/{name}?as_of=`.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Arguments(past): Arguments<Past<Option<String>>>,
    headers: HeaderMap,
) -> Result<Response> {
    let shown = match past.as_of {
        Some(at) => api.execute(&caller, ShowAsOf { key, at: at.parse()? }).await?,
        None => api.execute(&caller, Show { key }).await?,
    };
    KeyAnswer::new(&api, &shown)?.unless_known(&headers)
}

/// `POST /v1/keys/{name}/restore`: its metadata as it was; what was destroyed does not come back.
pub(super) async fn restore(
    change: Change,
    NamedKey(key): NamedKey,
    Body(past): Body<Past<String>>,
) -> Result<KeyAnswer> {
    let at = past.as_of.parse()?;
    change.key(RestoreKey { key, at }).await
}

/// `POST /v1/keys/{name}/rotate`: a new version, Active at once; of a key that is still to be activated, PreActive.
pub(super) async fn rotate(change: Change, NamedKey(key): NamedKey) -> Result<KeyAnswer> {
    let rekey = Rekey { key, activation: None, template: None, public: None };
    change.key(rekey).await
}

/// `POST /v1/keys/{name}/activate`.
pub(super) async fn activate(change: Change, NamedKey(key): NamedKey) -> Result<KeyAnswer> {
    change.key(Activate { key }).await
}

/// `POST /v1/keys/{name}/disable`: it serves nobody until it is enabled.
pub(super) async fn disable(change: Change, NamedKey(key): NamedKey) -> Result<KeyAnswer> {
    change.key(Disable { key }).await
}

/// `POST /v1/keys/{name}/enable`: it is in the state again that it has below.
pub(super) async fn enable(change: Change, NamedKey(key): NamedKey) -> Result<KeyAnswer> {
    change.key(Enable { key }).await
}

/// `POST /v1/keys/{name}/archive`: it serves nobody and is handed out to nobody until it is recovered.
pub(super) async fn archive(change: Change, NamedKey(key): NamedKey) -> Result<KeyAnswer> {
    change.key(Archive { key }).await
}

/// `POST /v1/keys/{name}/recover`: it is as it was before, and as it would be by now.
pub(super) async fn recover(change: Change, NamedKey(key): NamedKey) -> Result<KeyAnswer> {
    change.key(Recover { key }).await
}

/// Body of `revoke`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeRequest {
    #[serde(default)]
    reason: Reason,
    message: Option<String>,
}

/// Why a key is revoked (RFC 5280 section 5.3.1).
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Reason {
    Unspecified,
    KeyCompromise,
    CaCompromise,
    AffiliationChanged,
    Superseded,
    #[default]
    CessationOfOperation,
    PrivilegeWithdrawn,
}

/// `POST /v1/keys/{name}/revoke`: all versions.
pub(super) async fn revoke(
    change: Change,
    NamedKey(key): NamedKey,
    Body(request): Body<RevokeRequest>,
) -> Result<KeyAnswer> {
    let reason = match request.reason {
        Reason::Unspecified => RevocationReason::Unspecified,
        Reason::KeyCompromise => RevocationReason::KeyCompromise,
        Reason::CaCompromise => RevocationReason::CaCompromise,
        Reason::AffiliationChanged => RevocationReason::AffiliationChanged,
        Reason::Superseded => RevocationReason::Superseded,
        Reason::CessationOfOperation => RevocationReason::CessationOfOperation,
        Reason::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
    };
    let revocation = Revocation { reason, message: request.message };
    change.key(Revoke { key, revocation, compromise_occurrence: None }).await
}

/// Body of `grant`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantRequest {
    actions: Words,
    /// When it ends (RFC 3339); without one it does not.
    expires: Option<String>,
    /// Only with an encryption context that has all of these pairs.
    #[serde(default)]
    context: Tags,
}

/// `PUT /v1/keys/{name}/grants/{principal}`: what a principal may do with the key, in place of what it might before.
pub(super) async fn grant(
    change: Change,
    Segments((key, principal)): Segments<(String, String)>,
    Body(request): Body<GrantRequest>,
) -> Result<Json<Value>> {
    let action = |word: &String| {
        Action::from_word(word).ok_or_else(|| Problem::invalid(format!("there is no action {}", told(word))))
    };
    let actions = request.actions.0.iter().map(action).collect::<Result<BTreeSet<_>>>()?;
    if actions.is_empty() {
        return Err(Problem::invalid("actions is empty; DELETE takes a grant back"));
    }
    let expires = request.expires.as_deref().map(|text| {
        text.parse::<Time>().map_err(|_| Problem::invalid("expires is a time such as 2030-01-31T12:00:00Z"))
    });
    let (expires, encryption_context) = (expires.transpose()?, request.context.0);
    let given = told_grant(&principal, &actions, (expires, &encryption_context));
    change.run(Grant { key: Reference::text(key), principal, actions, expires, encryption_context }).await?;
    Ok(Json(given))
}

/// `GET /v1/keys/{name}/grants`: all of them.
pub(super) async fn grants(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
) -> Result<Json<Value>> {
    let grants = api.execute(&caller, Grants { key }).await?;
    let grant = |(principal, given): &(String, Given)| {
        told_grant(principal, &given.actions, (given.expires, &given.encryption_context))
    };
    Ok(Json(json!({ "grants": grants.iter().map(grant).collect::<Vec<_>>() })))
}

fn told_grant(
    principal: &str,
    actions: &BTreeSet<Action>,
    (expires, context): (Option<Time>, &BTreeMap<String, String>),
) -> Value {
    let actions: Vec<_> = actions.iter().map(|action| action.word()).collect();
    let mut told = json!({ "principal": principal, "actions": actions });
    if let Some(expires) = expires {
        told["expires"] = expires.to_string().into();
    }
    if !context.is_empty() {
        told["context"] = json!(context);
    }
    told
}

/// `DELETE /v1/keys/{name}/grants/{principal}`.
pub(super) async fn withdraw(
    change: Change,
    Segments((key, principal)): Segments<(String, String)>,
) -> Result<StatusCode> {
    change.run(nothing(key, principal)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn nothing(key: String, principal: String) -> Grant {
    let (actions, encryption_context) = (BTreeSet::new(), BTreeMap::new());
    Grant { key: Reference::text(key), principal, actions, expires: None, encryption_context }
}

/// The uses of these words.
pub(super) fn usage_mask(List(words): &Words) -> Result<UsageMask> {
    words.iter().try_fold(UsageMask::NONE, |mask, word| {
        let unknown = || {
            let known: Vec<_> = UsageMask::WORDS.iter().map(|(_, word)| *word).collect();
            Problem::invalid(format!("there is no usage {}; there are {}", told(word), known.join(", ")))
        };
        Ok(mask | UsageMask::from_word(word).ok_or_else(unknown)?)
    })
}

/// A key as `-o json` prints it. Field names are stable.
pub(super) fn key(shown: &Shown) -> Value {
    let Shown { key, owner, objects, .. } = shown;
    let object = |id| objects.iter().find(|(object, _)| object.id == id);
    let latest: Vec<_> =
        key.latest().into_iter().flat_map(|latest| [Some(latest.primary), latest.public]).collect();
    let usage = latest.iter().flatten().filter_map(|id| object(*id));
    let usage = usage.fold(UsageMask::NONE, |mask, (object, _)| mask | object.usage);
    let version = |version: &KeyVersion| {
        let (object, state) = object(version.primary)?;
        let mut answer = json!({
            "version": version.number,
            "state": state.word(),
            "object_id": version.primary.to_string(),
            "public_object_id": version.public.map(|id| id.to_string()),
            "created": object.dates.initial.to_string(),
            "activated": object.dates.activation.filter(|_| *state != ObjectState::PreActive).map(|time| time.to_string()),
            "deactivated": object.dates.deactivation.filter(|_| was_deactivated(*state)).map(|time| time.to_string()),
            "activation": object.dates.activation.map(|time| time.to_string()),
            "deactivation": object.dates.deactivation.map(|time| time.to_string()),
            "archived": object.dates.archive.filter(|_| !state.is_destroyed()).map(|time| time.to_string()),
            "destruction": object.dates.destruction.map(|time| time.to_string()),
            "destroyed": object.dates.destroy.map(|time| time.to_string()),
            "erasure": object.erasure.map(|id| id.to_string()),
        });
        counted::add(&mut answer, shown, version);
        Some(answer)
    };
    let mut answer = json!({
        "id": key.id.to_string(),
        "name": key.name,
        "algorithm": key.spec.map(|spec| spec.name()),
        "type": type_word(key.object_type),
        "state": key.latest().and_then(|latest| object(latest.primary)).map(|(_, state)| state.word()),
        "owner": owner,
        "created": key.created.to_string(),
        "tags": key.tags,
        "usage": usage.words(),
        "exportable": key.policy.exportable,
        "destroy_waiting_days": key.policy.destroy_waiting_days,
        "destroy_at_once": key.policy.destroy_at_once,
        "lease_seconds": key.policy.lease_seconds(),
        "reject_duplicates": key.policy.reject_duplicates,
        "version": key.latest().map(|latest| latest.number),
        "versions": key.versions.iter().filter_map(version).collect::<Vec<_>>(),
    });
    let newest = key.latest().and_then(|latest| object(latest.primary));
    if let Some(split) = newest.and_then(|(object, _)| split_key::told(object)) {
        answer["split"] = split;
    }
    answer
}

/// A date that lies ahead is a plan; it is told once it has come.
fn was_deactivated(state: ObjectState) -> bool {
    !matches!(state, ObjectState::PreActive | ObjectState::Active | ObjectState::Suspended)
}

pub(super) fn type_word(object_type: ObjectType) -> &'static str {
    object_type.word()
}
