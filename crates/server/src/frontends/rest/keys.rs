//! Keys over REST: make, list, show, rotate, activate, revoke, restore, export, grant. Not here: using them (data) and
//! destroying them (destruction).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use keyreeve_core::access::{Action, Caller};
use keyreeve_core::model::{
    BlockCipherMode, CryptoParameters, DESTROY_WAITING_DAYS_MAX, HashAlgorithm, KeyFormat, KeyPolicy,
    KeySpec, KeyVersion, ObjectType, PaddingMethod, Revocation, RevocationReason, State as ObjectState,
    UsageMask,
};
use keyreeve_core::operations::activate::Activate;
use keyreeve_core::operations::as_of::ShowAsOf;
use keyreeve_core::operations::create::Create;
use keyreeve_core::operations::disable::{Disable, Enable};
use keyreeve_core::operations::get::{Get, Protection};
use keyreeve_core::operations::grant::Grant;
use keyreeve_core::operations::list_keys::ListKeys;
use keyreeve_core::operations::rekey::Rekey;
use keyreeve_core::operations::restore_key::RestoreKey;
use keyreeve_core::operations::revoke::Revoke;
use keyreeve_core::operations::show::{Show, Shown};
use keyreeve_core::operations::then_show::ThenShow;
use keyreeve_core::operations::{Activation, Operation, Template};
use keyreeve_core::request::Reference;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use super::Api;
use super::answer;
use super::counted::{self, UsageLimitsRequest};
use super::errors::{Problem, Result};
use super::request::{self, Arguments, Authenticated, Base64, Body, NamedKey, Segments};

/// Keys in a page where nobody says how many.
const LIMIT_DEFAULT: usize = 100;

/// Body of `create`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateRequest {
    name: String,
    algorithm: String,
    usage: Option<Vec<String>>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
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
}

fn yes() -> bool {
    true
}

/// `POST /v1/keys`.
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Body(request): Body<CreateRequest>,
) -> Result<(StatusCode, Json<Value>)> {
    let spec = KeySpec::from_name(&request.algorithm).ok_or_else(|| {
        let known = KeySpec::names().collect::<Vec<_>>().join(", ");
        Problem::invalid(format!("there is no algorithm {:?}; there are {known}", request.algorithm))
    })?;
    let usage = request.usage.as_deref().map(usage_mask).transpose()?;
    let limits = request.usage_limits.map(UsageLimitsRequest::attribute).transpose()?;
    let half = |usage| Template {
        further: limits.clone().into_iter().collect(),
        activation: if request.active { Activation::Now } else { Activation::Later },
        usage,
        sensitive: Some(true),
        extractable: Some(request.exportable),
        ..Template::default()
    };
    let (fits_private, fits_public) = api.engine.crypto().fitting_usage(&spec);
    // A use that fits neither half stays with the private one, where `usage_must_fit` refuses it.
    let private = usage.map(|usage| UsageMask(usage.0 & !(fits_public.0 & !fits_private.0)));
    let public = usage.map(|usage| usage & fits_public);
    let create = Create {
        name: Some(request.name.clone()),
        spec,
        template: half(private),
        public: half(public),
        policy: policy(&request)?,
        tags: request.tags,
        usage_must_fit: true,
    };
    Ok((StatusCode::CREATED, changed(&api, &caller, create).await?))
}

fn policy(request: &CreateRequest) -> Result<KeyPolicy> {
    if request.destroy_waiting_days.is_some_and(|days| days > DESTROY_WAITING_DAYS_MAX) {
        let detail = format!("destroy_waiting_days is 0 to {DESTROY_WAITING_DAYS_MAX}");
        return Err(Problem::invalid(detail));
    }
    if request.lease_seconds == Some(0) {
        return Err(Problem::invalid("lease_seconds is at least 1"));
    }
    Ok(KeyPolicy {
        exportable: request.exportable,
        destroy_waiting_days: request.destroy_waiting_days,
        destroy_at_once: request.destroy_at_once,
        lease_seconds: request.lease_seconds,
        reject_duplicates: request.reject_duplicates,
    })
}

/// Query of `list`.
#[derive(Default, JsonSchema)]
#[serde(default)]
pub(super) struct ListArguments {
    after: Option<String>,
    limit: Option<usize>,
    /// `NAME=VALUE`; may be repeated.
    tag: Vec<String>,
}

impl ListArguments {
    fn operation(self) -> Result<ListKeys> {
        let tag = |text: &String| {
            let (name, value) =
                text.split_once('=').ok_or_else(|| Problem::invalid("tag is not NAME=VALUE"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        Ok(ListKeys {
            after: self.after.as_deref().map(request::cursor).transpose()?,
            limit: self.limit.unwrap_or(LIMIT_DEFAULT),
            tags: self.tag.iter().map(tag).collect::<Result<_>>()?,
        })
    }
}

/// From pairs, as forms repeat no field of a structure.
impl<'de> Deserialize<'de> for ListArguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut arguments = Self::default();
        for (name, value) in Vec::<(String, String)>::deserialize(deserializer)? {
            let wanted = "after, limit, tag";
            let taken = match name.as_str() {
                "after" => arguments.after.replace(value).is_some(),
                "limit" => {
                    let limit = value.parse().map_err(|_| de::Error::custom("limit is not a number"))?;
                    arguments.limit.replace(limit).is_some()
                }
                "tag" => {
                    arguments.tag.push(value);
                    false
                }
                _ => {
                    return Err(de::Error::custom(format_args!(
                        "there is no argument {name:?}; there are {wanted}"
                    )));
                }
            };
            if taken {
                return Err(de::Error::custom(format_args!("duplicate field {name:?}")));
            }
        }
        Ok(arguments)
    }
}

/// `GET /v1/keys?after=&limit=&tag=K=V`: those that the caller may see, by name; `tag` may be repeated.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(arguments): Arguments<ListArguments>,
) -> Result<Json<Value>> {
    let page = api.execute(&caller, arguments.operation()?).await?;
    let next = page.next.as_ref().map(|hit| answer::cursor(hit).into());
    Ok(answer::page("keys", page.keys.iter().map(key).collect(), next))
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
) -> Result<Json<Value>> {
    let shown = match past.as_of {
        Some(at) => api.execute(&caller, ShowAsOf { key, at: at.parse()? }).await?,
        None => api.execute(&caller, Show { key }).await?,
    };
    Ok(Json(self::key(&shown)))
}

/// `POST /v1/keys/{name}/restore`: its metadata as it was; what was destroyed does not come back.
pub(super) async fn restore(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Body(past): Body<Past<String>>,
) -> Result<Json<Value>> {
    let at = past.as_of.parse()?;
    changed(&api, &caller, RestoreKey { key, at }).await
}

/// `POST /v1/keys/{name}/rotate`: a new version, Active at once; of a key that is still to be activated, PreActive.
pub(super) async fn rotate(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
) -> Result<Json<Value>> {
    let rekey = Rekey { key, activation: None, template: None, public: None };
    changed(&api, &caller, rekey).await
}

/// `POST /v1/keys/{name}/activate`.
pub(super) async fn activate(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
) -> Result<Json<Value>> {
    changed(&api, &caller, Activate { key }).await
}

/// `POST /v1/keys/{name}/disable`: it serves nobody until it is enabled.
pub(super) async fn disable(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
) -> Result<Json<Value>> {
    changed(&api, &caller, Disable { key }).await
}

/// `POST /v1/keys/{name}/enable`: it is in the state again that it has below.
pub(super) async fn enable(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
) -> Result<Json<Value>> {
    changed(&api, &caller, Enable { key }).await
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
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Body(request): Body<RevokeRequest>,
) -> Result<Json<Value>> {
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
    changed(&api, &caller, Revoke { key, revocation, compromise_occurrence: None }).await
}

/// Query of `public`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublicArguments {
    version: Option<u32>,
}

/// `GET /v1/keys/{name}/public?version=`: SubjectPublicKeyInfo in PEM.
pub(super) async fn public(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Arguments(PublicArguments { version }): Arguments<PublicArguments>,
) -> Result<impl IntoResponse> {
    let get =
        Get { key, version, public: true, format: Some(KeyFormat::Spki), protection: Protection::Plain };
    let gotten = api.execute(&caller, get).await?;
    let pem = keyreeve_pki::pem::encode_public_key(gotten.material.bytes.expose());
    Ok(([(header::CONTENT_TYPE, "application/x-pem-file")], pem))
}

/// Body of `export`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportRequest {
    version: Option<u32>,
    /// The key that wraps, by name or id.
    wrap_with: String,
    /// How; `None`: as fits the wrapping key.
    wrap_algorithm: Option<WrapAlgorithm>,
}

/// How material is wrapped.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
enum WrapAlgorithm {
    /// RFC 3394: material of a multiple of 8 bytes only.
    #[serde(rename = "aes-kw")]
    AesKw,
    /// RFC 5649.
    #[serde(rename = "aes-kwp")]
    AesKwp,
    /// RFC 8017 with SHA-256: short material only.
    #[serde(rename = "rsa-oaep-sha256")]
    RsaOaepSha256,
}

impl WrapAlgorithm {
    fn parameters(self) -> CryptoParameters {
        let mode = |mode| CryptoParameters { mode: Some(mode), ..CryptoParameters::default() };
        match self {
            Self::AesKw => mode(BlockCipherMode::KeyWrap),
            Self::AesKwp => mode(BlockCipherMode::KeyWrapPadded),
            Self::RsaOaepSha256 => CryptoParameters {
                padding: Some(PaddingMethod::Oaep),
                hash: Some(HashAlgorithm::Sha256),
                ..CryptoParameters::default()
            },
        }
    }
}

/// `POST /v1/keys/{name}/export`: secret or private material, wrapped, where the key allows it.
pub(super) async fn export(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Body(request): Body<ExportRequest>,
) -> Result<Json<Value>> {
    let protection = Protection::Wrapped {
        key: Reference::text(request.wrap_with),
        parameters: request.wrap_algorithm.map(WrapAlgorithm::parameters),
        frame: None,
    };
    let get = Get { key, version: request.version, public: false, format: None, protection };
    let gotten = api.execute(&caller, get).await?;
    let format = match gotten.material.format {
        KeyFormat::Raw => "raw",
        KeyFormat::Pkcs8 => "pkcs8",
        KeyFormat::Pkcs1 => "pkcs1",
        KeyFormat::Spki => "spki",
        KeyFormat::EcPrivateKey => "sec1",
        KeyFormat::Opaque | KeyFormat::Other(_) => "opaque",
    };
    Ok(Json(json!({
        "version": gotten.object.version,
        "object_id": gotten.object.id.to_string(),
        "format": format,
        "wrapped": Base64(gotten.material.bytes.expose().to_vec()),
        "wrapped_by": gotten.wrapped_by.map(|object| object.to_string()),
    })))
}

/// Body of `grant`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantRequest {
    actions: BTreeSet<String>,
}

/// `PUT /v1/keys/{name}/grants/{principal}`: what a principal may do with the key, in place of what it might before.
pub(super) async fn grant(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments((key, principal)): Segments<(String, String)>,
    Body(request): Body<GrantRequest>,
) -> Result<Json<Value>> {
    let action = |word: &String| {
        Action::from_word(word).ok_or_else(|| Problem::invalid(format!("there is no action {word:?}")))
    };
    let actions = request.actions.iter().map(action).collect::<Result<BTreeSet<_>>>()?;
    if actions.is_empty() {
        return Err(Problem::invalid("actions is empty; DELETE takes a grant back"));
    }
    let words: Vec<_> = actions.iter().map(|action| action.word()).collect();
    api.execute(&caller, Grant { key: Reference::text(key), principal: principal.clone(), actions }).await?;
    Ok(Json(json!({ "principal": principal, "actions": words })))
}

/// `DELETE /v1/keys/{name}/grants/{principal}`.
pub(super) async fn withdraw(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Segments((key, principal)): Segments<(String, String)>,
) -> Result<StatusCode> {
    api.execute(&caller, Grant { key: Reference::text(key), principal, actions: BTreeSet::new() }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Runs an operation that makes or changes a key, and answers the key as it is then.
pub(super) async fn changed<O>(api: &Api, caller: &Caller, operation: O) -> Result<Json<Value>>
where
    O: Operation + 'static,
{
    let (_, shown) = api.execute(caller, ThenShow(operation)).await?;
    Ok(Json(key(&shown)))
}

fn usage_mask(words: &[String]) -> Result<UsageMask> {
    words.iter().try_fold(UsageMask::NONE, |mask, word| {
        let unknown = || {
            let known: Vec<_> = UsageMask::WORDS.iter().map(|(_, word)| *word).collect();
            Problem::invalid(format!("there is no usage {word:?}; there are {}", known.join(", ")))
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
            "destruction": object.dates.destruction.map(|time| time.to_string()),
            "destroyed": object.dates.destroy.map(|time| time.to_string()),
            "erasure": object.erasure.map(|id| id.to_string()),
        });
        counted::add(&mut answer, shown, version);
        Some(answer)
    };
    json!({
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
    })
}

/// A date that lies ahead is a plan; it is told once it has come.
fn was_deactivated(state: ObjectState) -> bool {
    !matches!(state, ObjectState::PreActive | ObjectState::Active | ObjectState::Suspended)
}

fn type_word(object_type: ObjectType) -> &'static str {
    match object_type {
        ObjectType::SymmetricKey => "symmetric-key",
        ObjectType::PrivateKey => "private-key",
        ObjectType::PublicKey => "public-key",
        ObjectType::Certificate => "certificate",
        ObjectType::CertificateRequest => "certificate-request",
        ObjectType::SecretData => "secret-data",
        ObjectType::SplitKey => "split-key",
        ObjectType::Template => "template",
        ObjectType::PgpKey => "pgp-key",
        ObjectType::OpaqueObject => "opaque-object",
    }
}
