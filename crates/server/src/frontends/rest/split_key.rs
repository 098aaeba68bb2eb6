//! Keys in parts over REST: splitting and joining them, and how a part is told. Not here: bringing a part that somebody
//! keeps (objects), and handing one out, which is an object's data (objects).

use axum::Json;
use axum::http::StatusCode;
use keyreeve_core::model::{KeyFormat, KeyPolicy, ManagedObject, ObjectType, Split, SplitMethod};
use keyreeve_core::operations::create_split_key::{CreateSplitKey, KeyPart};
use keyreeve_core::operations::join_split_key::JoinSplitKey;
use keyreeve_core::operations::show::Show;
use keyreeve_core::operations::{Activation, Template};
use keyreeve_core::request::Reference;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bounded::{List, Tags, Words};
use super::conditional::{Change, KeyAnswer};
use super::errors::{Problem, Result};
use super::keys;
use super::request::{Body, NamedKey};

/// How a secret is split.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Method {
    /// Shamir's sharing of single bytes.
    #[default]
    Gf256,
    /// Shamir's sharing of pairs of bytes.
    Gf65536,
    /// All parts are needed.
    Xor,
}

const METHODS: [(SplitMethod, &str); 3] =
    [(SplitMethod::Gf256, "gf256"), (SplitMethod::Gf65536, "gf65536"), (SplitMethod::Xor, "xor")];

impl Method {
    fn method(self) -> SplitMethod {
        match self {
            Self::Gf256 => SplitMethod::Gf256,
            Self::Gf65536 => SplitMethod::Gf65536,
            Self::Xor => SplitMethod::Xor,
        }
    }
}

/// Body of `split`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SplitRequest {
    /// The parts are called so, each with its number behind it: `NAME-1`.
    name: String,
    #[serde(default)]
    method: Method,
    /// Parts in all, 2 to 255.
    #[schemars(range(min = 2, max = 255))]
    parts: u32,
    /// Parts that make the key, 1 to all; of `xor` all.
    #[schemars(range(min = 1, max = 255))]
    threshold: u32,
    #[serde(default)]
    tags: Tags,
}

/// `POST /v1/keys/{name}/split`: parts of a key, each an object; the key stays as it is.
pub(super) async fn split(
    change: Change,
    NamedKey(key): NamedKey,
    Body(request): Body<SplitRequest>,
) -> Result<(StatusCode, Json<Value>)> {
    let SplitRequest { name, method, parts, threshold, tags } = request;
    let split = Split { method: method.method(), parts, threshold, prime_field: None, origin: None };
    let template = Template {
        activation: Activation::Now,
        // Joining reads them as who gets them does: parts that may not leave could never be joined.
        sensitive: Some(false),
        extractable: Some(true),
        ..Template::default()
    };
    let split = CreateSplitKey { key, split, name: Some(name), template, tags: tags.0 };
    let made = change.run(split).await?;
    let part = |part: &KeyPart| json!({ "part": part.number, "name": part.name, "object_id": part.object.to_string() });
    Ok((StatusCode::CREATED, Json(json!({ "parts": made.iter().map(part).collect::<Vec<_>>() }))))
}

/// Body of `join`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JoinRequest {
    /// Of the new key.
    name: String,
    /// Parts, by name or id; as many as are needed.
    parts: List<String, 255>,
    usage: Option<Words>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    exportable: bool,
    #[serde(default = "keys::yes")]
    sensitive: bool,
    destroy_waiting_days: Option<u16>,
    #[serde(default = "keys::yes")]
    destroy_at_once: bool,
    /// Material that is here, or was, is refused instead of told of.
    #[serde(default)]
    reject_duplicates: bool,
}

/// `POST /v1/join`: a new key out of enough parts of one.
pub(super) async fn join(change: Change, Body(request): Body<JoinRequest>) -> Result<KeyAnswer> {
    let JoinRequest { exportable, destroy_waiting_days, destroy_at_once, reject_duplicates, .. } = request;
    let mut parts = request.parts.0.into_iter().map(Reference::text);
    let first = parts.next().ok_or_else(|| Problem::invalid("parts is empty: name the parts of a key"))?;
    let policy = KeyPolicy {
        exportable,
        destroy_waiting_days,
        destroy_at_once,
        reject_duplicates,
        ..KeyPolicy::default()
    };
    let join = JoinSplitKey {
        first,
        others: parts.collect(),
        object_type: None,
        spec: None,
        name: Some(request.name),
        template: Template {
            activation: Activation::Now,
            usage: request.usage.as_ref().map(keys::usage_mask).transpose()?,
            sensitive: Some(request.sensitive),
            extractable: Some(exportable),
            ..Template::default()
        },
        policy: keys::checked(policy)?,
        tags: request.tags.0,
    };
    let made = change.run(join).await?;
    let key = Reference::text(made.key.to_string());
    let shown = change.api.execute(&change.caller, Show { key }).await?;
    Ok(KeyAnswer::new(&change.api, &shown)?.created().duplicate_of(made.duplicate_of))
}

/// What a part that somebody kept is a part of.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptPart {
    method: Method,
    #[schemars(range(min = 2, max = 255))]
    parts: u32,
    #[schemars(range(min = 1, max = 255))]
    threshold: u32,
    /// Its number, from 1.
    #[schemars(range(min = 1, max = 255))]
    part: u32,
    /// How the whole is encoded.
    #[serde(default)]
    format: WholeFormat,
}

/// How a whole is encoded.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum WholeFormat {
    #[default]
    Raw,
    Pkcs8,
    Pkcs1,
    Sec1,
}

const FORMATS: [(KeyFormat, &str); 4] = [
    (KeyFormat::Raw, "raw"),
    (KeyFormat::Pkcs8, "pkcs8"),
    (KeyFormat::Pkcs1, "pkcs1"),
    (KeyFormat::EcPrivateKey, "sec1"),
];

impl KeptPart {
    /// How the key was split, the part's number, and how the whole is encoded.
    pub(super) fn told(&self) -> (Split, u32, KeyFormat) {
        let Self { parts, threshold, part, .. } = *self;
        let format = match self.format {
            WholeFormat::Raw => KeyFormat::Raw,
            WholeFormat::Pkcs8 => KeyFormat::Pkcs8,
            WholeFormat::Pkcs1 => KeyFormat::Pkcs1,
            WholeFormat::Sec1 => KeyFormat::EcPrivateKey,
        };
        (
            Split { method: self.method.method(), parts, threshold, prime_field: None, origin: None },
            part,
            format,
        )
    }
}

/// What is told of a part, as `KeptPart` reads it; `None` of any other object.
pub(super) fn told(object: &ManagedObject) -> Option<Value> {
    if object.object_type != ObjectType::SplitKey {
        return None;
    }
    let (split, part) = Split::of(object)?;
    let method = METHODS.iter().find(|(method, _)| *method == split.method).map(|(_, word)| *word);
    let format = FORMATS.iter().find(|(format, _)| *format == object.format).map(|(_, word)| *word);
    let Split { parts, threshold, .. } = split;
    Some(json!({ "method": method, "parts": parts, "threshold": threshold, "part": part, "format": format }))
}
