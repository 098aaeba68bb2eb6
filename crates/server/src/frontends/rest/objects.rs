//! Secrets, certificates, opaque objects and parts of keys over REST: what they hold. They live the life of keys, so most
//! of their routes have the handlers of keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use keyreeve_core::model::{KeyFormat, KeyMaterial, KeyPolicy, ObjectType};
use keyreeve_core::operations::get::{Get, Protection};
use keyreeve_core::operations::import::{Brought, Decoded, Import, ImportVersion};
use keyreeve_core::operations::register::Register;
use keyreeve_core::operations::show::Show;
use keyreeve_core::operations::{Activation, Template};
use keyreeve_core::{Error, ErrorKind, SecretBytes};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::answer::{self, OCTET_STREAM};
use super::bounded::Tags;
use super::conditional::{Change, KeyAnswer};
use super::errors::{Problem, Result};
use super::keys::{self, ListArguments};
use super::request::{Arguments, Authenticated, Base64, Body, NamedKey, decode};
use super::split_key::KeptPart;
use super::{Api, destruction};

/// What is listed as objects: all that is no key.
const TYPES: &[ObjectType] = &[
    ObjectType::SplitKey,
    ObjectType::SecretData,
    ObjectType::Certificate,
    ObjectType::CertificateRequest,
    ObjectType::OpaqueObject,
    ObjectType::Template,
];

/// Kind of object, as KMIP calls it; the short words came first, and are still read.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[serde(alias = "secret")]
    SecretData,
    Certificate,
    #[serde(alias = "opaque")]
    OpaqueObject,
    /// A part of a key.
    SplitKey,
}

/// What an object holds. May hold secrets.
struct Content {
    /// Base64.
    data: Option<Zeroizing<String>>,
    /// A certificate in PEM.
    certificate: Option<String>,
}

/// Body of `add`. May hold secrets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddRequest {
    r#type: Kind,
    name: String,
    #[schemars(with = "Option<Base64>")]
    data: Option<Zeroizing<String>>,
    /// In PEM, for a certificate.
    certificate: Option<String>,
    /// Of a part of a key: which one.
    split: Option<KeptPart>,
    /// Of a part of a key: what the whole is; a secret has none.
    algorithm: Option<String>,
    #[serde(default)]
    tags: Tags,
    destroy_waiting_days: Option<u16>,
    #[serde(default = "keys::yes")]
    destroy_at_once: bool,
}

/// `POST /v1/objects`.
pub(super) async fn add(change: Change, Body(request): Body<AddRequest>) -> Result<KeyAnswer> {
    let AddRequest { r#type, name, data, certificate, tags, destroy_waiting_days, destroy_at_once, .. } =
        request;
    let policy = keys::checked(KeyPolicy {
        exportable: true,
        destroy_waiting_days,
        destroy_at_once,
        ..KeyPolicy::default()
    })?;
    let template = Template {
        activation: Activation::Now,
        // They are kept to be given out.
        sensitive: Some(false),
        extractable: Some(true),
        ..Template::default()
    };
    let (tags, content) = (tags.0, Content { data, certificate });
    let object_type = match (r#type, &request.split, &request.algorithm) {
        (Kind::SplitKey, Some(split), algorithm) => {
            let (split, number, format) = split.told();
            let part = Register {
                name: Some(name),
                object_type: ObjectType::SplitKey,
                spec: algorithm.as_deref().map(keys::spec).transpose()?,
                material: KeyMaterial { format, bytes: content.part()? },
                digested: None,
                template: Template { further: split.attributes(number)?.into_iter().collect(), ..template },
                policy,
                tags,
            };
            return change.imported(part).await;
        }
        (Kind::SplitKey, None, _) | (_, Some(_), _) | (_, _, Some(_)) => {
            let detail = "split and algorithm are for a part of a key (split-key), which needs split";
            return Err(Problem::invalid(detail));
        }
        (Kind::SecretData, ..) => ObjectType::SecretData,
        (Kind::Certificate, ..) => ObjectType::Certificate,
        (Kind::OpaqueObject, ..) => ObjectType::OpaqueObject,
    };
    let brought = content.brought(object_type)?;
    change.imported(Import { name, spec: None, brought, template, policy, tags }).await
}

/// `GET /v1/objects`.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    Arguments(arguments): Arguments<ListArguments>,
) -> Result<Json<Value>> {
    let (objects, next) = arguments.page((&api, &caller), ("objects", TYPES)).await?;
    Ok(answer::page("objects", objects.iter().map(keys::key).collect(), next))
}

/// Query of `data`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DataArguments {
    version: Option<u32>,
}

/// `GET /v1/objects/{name}/data`.
pub(super) async fn data(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Arguments(DataArguments { version }): Arguments<DataArguments>,
    headers: HeaderMap,
) -> Result<Response> {
    let get = Get { key, version, public: false, format: None, protection: Protection::Plain };
    let gotten = api.execute(&caller, get).await?;
    let raw = headers.get(header::ACCEPT).is_some_and(|accept| accept == OCTET_STREAM);
    let (bytes, object) = (gotten.material.bytes.expose(), &gotten.object);
    if raw || object.object_type != ObjectType::Certificate {
        return Ok(answer::bytes(raw, "data", bytes, (object.id, object.version)));
    }
    let certificate = keyreeve_pki::pem::encode_certificate(&bytes.into());
    let object_id = object.id.to_string();
    let answer =
        json!({ "version": object.version, "object_id": object_id, "certificate": certificate.as_str() });
    Ok(Json(answer).into_response())
}

/// Body of `add_version`. May hold secrets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddVersionRequest {
    #[schemars(with = "Option<Base64>")]
    data: Option<Zeroizing<String>>,
    /// In PEM, for a certificate.
    certificate: Option<String>,
}

/// `POST /v1/objects/{name}/versions`.
pub(super) async fn add_version(
    change: Change,
    NamedKey(key): NamedKey,
    Body(AddVersionRequest { data, certificate }): Body<AddVersionRequest>,
) -> Result<KeyAnswer> {
    let shown = change.run(Show { key: key.clone() }).await?;
    let brought = Content { data, certificate }.brought(shown.key.object_type)?;
    change.imported(ImportVersion { key, brought }).await
}

/// `GET /v1/objects/{name}/destroy`.
pub(super) async fn destruction(
    api: State<Arc<Api>>,
    caller: Authenticated,
    key: NamedKey,
    wait: Arguments<destruction::Wait>,
) -> Result<Json<Value>> {
    destruction::show(api, caller, key, wait).await
}

impl Content {
    /// The bytes of a part of a key.
    fn part(&self) -> Result<SecretBytes> {
        match (&self.data, &self.certificate) {
            (Some(text), None) => bytes(text),
            _ => Err(Problem::invalid("a part of a key has data in base64")),
        }
    }

    /// As the operations take it.
    fn brought(self, object_type: ObjectType) -> Result<Brought> {
        let (bytes, format) = match (object_type, self.data, self.certificate) {
            (ObjectType::Certificate, None, Some(pem)) => (certificate(&pem)?, KeyFormat::Spki),
            (ObjectType::SecretData, Some(text), None) => (bytes(&text)?, KeyFormat::Raw),
            (ObjectType::OpaqueObject, Some(text), None) => (bytes(&text)?, KeyFormat::Opaque),
            _ => {
                let detail =
                    "a secret or an opaque object has data in base64, a certificate has certificate in PEM";
                return Err(Problem::invalid(detail));
            }
        };
        let decode = Box::new(move |bytes| {
            Ok(Decoded { object_type, spec: None, material: KeyMaterial { format, bytes } })
        });
        Ok(Brought { bytes, wrapping: None, decode })
    }
}

fn bytes(text: &str) -> Result<SecretBytes> {
    let bytes = decode(text).map_err(|error| Problem::invalid(format!("data: {error}")))?;
    if bytes.is_empty() {
        return Err(Error::new(ErrorKind::InvalidField, "data is empty").into());
    }
    Ok(SecretBytes::copy_from(&bytes))
}

/// The one certificate in a PEM text, in DER.
fn certificate(pem: &str) -> Result<SecretBytes> {
    let invalid = |what: String| Problem::from(Error::new(ErrorKind::InvalidField, what));
    let found = keyreeve_pki::pem::decode_certificates(pem.as_bytes())
        .map_err(|error| invalid(format!("certificate: {error}")))?;
    let [certificate] = &found[..] else {
        return Err(invalid("certificate holds more than one; register each by itself".to_owned()));
    };
    match X509Certificate::from_der(certificate) {
        Ok(([], _)) => Ok(SecretBytes::copy_from(certificate)),
        _ => Err(invalid("certificate is no X.509 certificate".to_owned())),
    }
}
