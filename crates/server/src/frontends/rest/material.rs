//! Key material over REST: as it comes in and as it goes out, plain and wrapped, in every encoding. Not here: making keys
//! of it (keys), JSON Web Keys (jwk).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use keyreeve_core::model::{
    BlockCipherMode, CryptoParameters, HashAlgorithm, KeyFormat, KeyMaterial, ManagedObject, ObjectType,
    PaddingMethod,
};
use keyreeve_core::operations::get::{Get, Gotten, Protection};
use keyreeve_core::operations::import::{Brought, Decoded, ImportVersion, Wrapping};
use keyreeve_core::operations::wrapping_key::ShowWrappingKey;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_core::request::Reference;
use keyreeve_core::{Error, ErrorKind, SecretBytes};
use pkcs8::der::Decode as _;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::answer::OCTET_STREAM;
use super::body::RawJson;
use super::conditional::{Change, KeyAnswer};
use super::errors::{Problem, Result};
use super::request::{Arguments, Authenticated, Base64, Body, NamedKey, decode};
use super::{Api, jwk, keys};

/// Key material that the caller brings. May hold secrets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Material {
    format: Format,
    /// Base64; for `pem` text; for `jwk` an object. Wrapped, always base64.
    #[schemars(with = "Value")]
    data: RawJson,
    /// The key that it is wrapped with, by name or id.
    wrapped_with: Option<String>,
    /// How; `None`: as fits the wrapping key.
    wrap_algorithm: Option<WrapAlgorithm>,
}

/// How a key is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Raw,
    Pkcs8,
    Pkcs1,
    Sec1,
    Spki,
    Pem,
    Jwk,
}

/// All of them.
pub(crate) const FORMATS: [Format; 7] =
    [Format::Raw, Format::Pkcs8, Format::Pkcs1, Format::Sec1, Format::Spki, Format::Pem, Format::Jwk];

/// How material is wrapped.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
pub(super) enum WrapAlgorithm {
    /// RFC 3394: material of a multiple of 8 bytes only.
    #[serde(rename = "aes-kw")]
    AesKw,
    /// RFC 5649.
    #[serde(rename = "aes-kwp")]
    AesKwp,
    /// RFC 8017 with SHA-256: short material only.
    #[serde(rename = "rsa-oaep-sha256")]
    RsaOaepSha256,
    /// PKCS#11 `CKM_RSA_AES_KEY_WRAP` with SHA-256.
    #[serde(rename = "rsa-aes-kwp-sha256")]
    RsaAesKwpSha256,
}

impl WrapAlgorithm {
    pub(super) fn parameters(self) -> CryptoParameters {
        let mode = |mode| CryptoParameters { mode: Some(mode), ..CryptoParameters::default() };
        let oaep = CryptoParameters {
            padding: Some(PaddingMethod::Oaep),
            hash: Some(HashAlgorithm::Sha256),
            ..CryptoParameters::default()
        };
        match self {
            Self::AesKw => mode(BlockCipherMode::KeyWrap),
            Self::AesKwp => mode(BlockCipherMode::KeyWrapPadded),
            Self::RsaOaepSha256 => oaep,
            Self::RsaAesKwpSha256 => CryptoParameters { mode: Some(BlockCipherMode::KeyWrapPadded), ..oaep },
        }
    }
}

impl Material {
    /// As the operations take it.
    pub(super) fn brought(self) -> Result<Brought> {
        let Self { format, data, wrapped_with, wrap_algorithm } = self;
        if wrapped_with.is_none() && wrap_algorithm.is_some() {
            return Err(Problem::invalid(
                "wrap_algorithm needs wrapped_with: the key that the material is wrapped with",
            ));
        }
        let text = || {
            let text = serde_json::from_str::<Zeroizing<String>>(data.text());
            text.map_err(|_| Problem::invalid("data is no string"))
        };
        let bytes = match format {
            Format::Jwk if wrapped_with.is_none() => SecretBytes::copy_from(data.text().as_bytes()),
            Format::Pem if wrapped_with.is_none() => SecretBytes::copy_from(text()?.as_bytes()),
            _ => {
                let bytes = decode(&text()?).map_err(|error| Problem::invalid(format!("data: {error}")))?;
                SecretBytes::copy_from(&bytes)
            }
        };
        let parameters = wrap_algorithm.map(WrapAlgorithm::parameters);
        let wrapping = wrapped_with.map(|key| Wrapping { key: Reference::text(key), parameters });
        let decode = Box::new(move |plain| decoded(format, plain));
        Ok(Brought { bytes, wrapping, decode })
    }
}

/// Reads material that nothing is around any more.
pub(crate) fn decoded(format: Format, bytes: SecretBytes) -> keyreeve_core::Result<Decoded> {
    let (object_type, format) = match format {
        Format::Raw => (ObjectType::SymmetricKey, KeyFormat::Raw),
        Format::Pkcs8 => (ObjectType::PrivateKey, KeyFormat::Pkcs8),
        Format::Pkcs1 if pkcs1::RsaPublicKeyRef::from_der(bytes.expose()).is_ok() => {
            (ObjectType::PublicKey, KeyFormat::Pkcs1)
        }
        Format::Pkcs1 => (ObjectType::PrivateKey, KeyFormat::Pkcs1),
        Format::Sec1 => (ObjectType::PrivateKey, KeyFormat::EcPrivateKey),
        Format::Spki => (ObjectType::PublicKey, KeyFormat::Spki),
        Format::Pem => return from_pem(&bytes),
        Format::Jwk => return jwk::decode(bytes.expose()),
    };
    Ok(Decoded { object_type, spec: None, material: KeyMaterial { format, bytes } })
}

/// The one key in a PEM text; certificates beside it are passed over.
fn from_pem(text: &SecretBytes) -> keyreeve_core::Result<Decoded> {
    let mut found = None;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.expose()) {
        // What is wrong is not told: the error quotes the text.
        let (kind, der) = section
            .map_err(|_| Error::new(ErrorKind::InvalidField, "data is no PEM text, of whole lines"))?;
        let bytes = SecretBytes::new(der);
        let (object_type, format) = match kind {
            SectionKind::PrivateKey => (ObjectType::PrivateKey, KeyFormat::Pkcs8),
            SectionKind::RsaPrivateKey => (ObjectType::PrivateKey, KeyFormat::Pkcs1),
            SectionKind::EcPrivateKey => (ObjectType::PrivateKey, KeyFormat::EcPrivateKey),
            SectionKind::PublicKey => (ObjectType::PublicKey, KeyFormat::Spki),
            _ => continue,
        };
        let decoded = Decoded { object_type, spec: None, material: KeyMaterial { format, bytes } };
        if found.replace(decoded).is_some() {
            return Err(Error::new(ErrorKind::InvalidField, "the PEM text holds more than one key"));
        }
    }
    found.ok_or_else(|| {
        let public = "the PEM text holds no key that is not encrypted: PRIVATE KEY, RSA PRIVATE KEY, EC PRIVATE KEY \
                      or PUBLIC KEY";
        Error::new(ErrorKind::InvalidField, public)
    })
}

/// Body of `import_version`. May hold secrets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VersionRequest {
    material: Material,
}

/// `POST /v1/keys/{name}/versions`: the next version, made elsewhere.
pub(super) async fn import_version(
    change: Change,
    NamedKey(key): NamedKey,
    Body(request): Body<VersionRequest>,
) -> Result<KeyAnswer> {
    let brought = request.material.brought()?;
    change.imported(ImportVersion { key, brought }).await
}

/// `GET /v1/wrapping-key`: what keys are wrapped under that are brought here.
pub(super) async fn wrapping_key(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>> {
    let found = api.execute(&caller, ShowWrappingKey).await?;
    Ok(Json(json!({
        "name": found.key.name,
        "algorithm": found.key.spec.map(|spec| spec.name()),
        "version": found.version,
        "object_id": found.object.to_string(),
        "public_key": keyreeve_pki::pem::encode_public_key(&found.public),
        "wrap_algorithms": ["rsa-aes-kwp-sha256", "rsa-oaep-sha256"],
    })))
}

/// Query of `public`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublicArguments {
    version: Option<u32>,
    #[serde(default)]
    format: PublicFormat,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum PublicFormat {
    #[default]
    Pem,
    /// SubjectPublicKeyInfo in DER.
    Spki,
    Jwk,
}

/// `GET /v1/keys/{name}/public?version=&format=`.
pub(super) async fn public(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Arguments(PublicArguments { version, format }): Arguments<PublicArguments>,
) -> Result<Response> {
    let get =
        Get { key, version, public: true, format: Some(KeyFormat::Spki), protection: Protection::Plain };
    let gotten = api.execute(&caller, get).await?;
    if !matches!(gotten.object.object_type, ObjectType::PublicKey | ObjectType::PrivateKey) {
        let detail = "this is no key but a certificate, whose public key stands in it: GET /v1/objects/{name}/data gives it";
        return Err(Error::new(ErrorKind::WrongUsage, detail).into());
    }
    let spki = gotten.material.bytes.expose();
    Ok(match format {
        PublicFormat::Pem => {
            let pem = keyreeve_pki::pem::encode_public_key(spki);
            ([(header::CONTENT_TYPE, "application/x-pem-file")], pem).into_response()
        }
        PublicFormat::Spki => ([(header::CONTENT_TYPE, OCTET_STREAM)], spki.to_vec()).into_response(),
        PublicFormat::Jwk => Json(jwk::encode_public(spki)?).into_response(),
    })
}

/// Body of `export`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportRequest {
    version: Option<u32>,
    /// `None`: as the key is kept.
    format: Option<Format>,
    /// The key that wraps, by name or id; `None`: in the clear, where the key allows that.
    wrap_with: Option<String>,
    /// How; `None`: as fits the wrapping key.
    wrap_algorithm: Option<WrapAlgorithm>,
}

/// `POST /v1/keys/{name}/export`: secret or private material, where the key allows it.
pub(super) async fn export(
    State(api): State<Arc<Api>>,
    Authenticated(caller): Authenticated,
    NamedKey(key): NamedKey,
    Body(request): Body<ExportRequest>,
) -> Result<Json<Value>> {
    let ExportRequest { version, format, wrap_with, wrap_algorithm } = request;
    let parameters = wrap_algorithm.map(WrapAlgorithm::parameters);
    let is_text = matches!(format, Some(Format::Pem | Format::Jwk));
    let protection = match wrap_with {
        Some(_) if is_text => {
            return Err(Problem::invalid("wrapped, a key is exported as raw, pkcs8, pkcs1 or sec1"));
        }
        Some(key) => Protection::Wrapped { key: Reference::text(key), parameters, frame: None },
        None if parameters.is_some() => {
            return Err(Problem::invalid("wrap_algorithm needs wrap_with: the key that wraps"));
        }
        None => Protection::Plain,
    };
    let kept = match format {
        None | Some(Format::Pem | Format::Jwk) => None,
        Some(Format::Raw) => Some(KeyFormat::Raw),
        Some(Format::Pkcs8) => Some(KeyFormat::Pkcs8),
        Some(Format::Pkcs1) => Some(KeyFormat::Pkcs1),
        Some(Format::Sec1) => Some(KeyFormat::EcPrivateKey),
        Some(Format::Spki) => {
            return Err(Problem::invalid("spki is the public key: GET .../public gives it"));
        }
    };
    let gotten = api.execute(&caller, Get { key, version, public: false, format: kept, protection }).await?;
    let (object, wrapped_by) = (Arc::clone(&gotten.object), gotten.wrapped_by.as_ref().map(|by| by.object));
    let (word, data) = match format {
        Some(Format::Pem) => ("pem", as_text(&api, gotten, as_pem).await?),
        Some(Format::Jwk) => ("jwk", as_text(&api, gotten, as_jwk).await?),
        _ => (
            word(gotten.material.format),
            json!(Base64(Zeroizing::new(gotten.material.bytes.expose().to_vec()))),
        ),
    };
    let mut answer = json!({
        "version": object.version,
        "object_id": object.id.to_string(),
        "format": word,
    });
    match wrapped_by {
        Some(object) => (answer["wrapped"], answer["wrapped_by"]) = (data, object.to_string().into()),
        None => answer["data"] = data,
    }
    Ok(Json(answer))
}

/// A form of a key that shows what kind of key it is.
type Encode = fn(&dyn Crypto, &ManagedObject, &KeyMaterial) -> keyreeve_core::Result<Value>;

async fn as_text(api: &Api, gotten: Gotten, encode: Encode) -> Result<Value> {
    let crypto = Arc::clone(api.engine.crypto());
    // Parsing an RSA key takes milliseconds.
    let encode = move || encode(&*crypto, &gotten.object, &gotten.material);
    Ok(tokio::task::spawn_blocking(encode).await.map_err(Error::internal)??)
}

/// A JSON Web Key; a private one with its public half, as they belong together there.
///
/// INVARIANT: `oct` is a secret. Who takes a public key for one verifies what anybody can make.
fn as_jwk(
    crypto: &dyn Crypto,
    object: &ManagedObject,
    material: &KeyMaterial,
) -> keyreeve_core::Result<Value> {
    match (object.object_type, material.format) {
        (ObjectType::PrivateKey, _) => jwk::encode(material, Some(&spki(crypto, object, material)?)),
        (ObjectType::PublicKey, _) => jwk::encode_public(&spki(crypto, object, material)?),
        (ObjectType::SymmetricKey, KeyFormat::Raw) | (ObjectType::SecretData, _) => {
            jwk::encode(material, None)
        }
        _ => Err(no_form(object, "JWK")),
    }
    .map(Value::from)
}

fn as_pem(
    crypto: &dyn Crypto,
    object: &ManagedObject,
    material: &KeyMaterial,
) -> keyreeve_core::Result<Value> {
    let label = match (object.object_type, material.format) {
        (ObjectType::PublicKey, _) => {
            return Ok(keyreeve_pki::pem::encode_public_key(&spki(crypto, object, material)?).into());
        }
        (ObjectType::PrivateKey, KeyFormat::Pkcs8) => "PRIVATE KEY",
        (ObjectType::PrivateKey, KeyFormat::Pkcs1) => "RSA PRIVATE KEY",
        (ObjectType::PrivateKey, KeyFormat::EcPrivateKey) => "EC PRIVATE KEY",
        _ => return Err(no_form(object, "PEM")),
    };
    Ok(keyreeve_pki::pem::encode(label, material.bytes.expose()).as_str().into())
}

/// The public half, as SubjectPublicKeyInfo.
fn spki(
    crypto: &dyn Crypto,
    object: &ManagedObject,
    material: &KeyMaterial,
) -> keyreeve_core::Result<Vec<u8>> {
    crypto.parse(object.object_type, object.spec.as_ref(), material)?.public_key()
}

fn no_form(object: &ManagedObject, form: &str) -> Error {
    let word = keys::type_word(object.object_type);
    let public = format!("{form} has no form for this {word}: leave format out to have it as it is kept");
    Error::new(ErrorKind::Unsupported, public)
}

fn word(format: KeyFormat) -> &'static str {
    match format {
        KeyFormat::Raw => "raw",
        KeyFormat::Pkcs8 => "pkcs8",
        KeyFormat::Pkcs1 => "pkcs1",
        KeyFormat::Spki => "spki",
        KeyFormat::EcPrivateKey => "sec1",
        KeyFormat::Opaque | KeyFormat::Other(_) => "opaque",
    }
}
