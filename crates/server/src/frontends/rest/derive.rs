//! Deriving keys over REST. Not here: what a derivation is (core) and how it is computed (crypto).

use std::collections::BTreeMap;

use keyreeve_core::model::{Derivation, HashAlgorithm, Kdf, KeyPolicy, Prf};
use keyreeve_core::operations::derive_key::{DeriveKey, Product};
use keyreeve_core::operations::show::Show;
use keyreeve_core::operations::{Activation, Template};
use keyreeve_core::request::Reference;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use schemars::JsonSchema;
use serde::Deserialize;

use super::conditional::{Change, KeyAnswer};
use super::errors::{Problem, Result};
use super::keys;
use super::request::{Base64, Body, NamedKey};

/// Body of `derive`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeriveRequest {
    name: String,
    /// Kind of the new key; or else `bytes`.
    algorithm: Option<String>,
    /// Length of a new secret.
    bytes: Option<usize>,
    method: Method,
    #[serde(default)]
    hash: Hash,
    /// Of SP 800-108.
    #[serde(default)]
    prf: Function,
    /// Of `sp800-108-feedback` the IV.
    #[serde(default)]
    salt: Base64,
    /// Of SP 800-108 all of the fixed input.
    #[serde(default)]
    info: Base64,
    /// Of `pbkdf2`.
    iterations: Option<u32>,
    /// Of `ecdh`: a public key in PEM.
    peer: Option<String>,
    version: Option<u32>,
    usage: Option<Vec<String>>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    exportable: bool,
    #[serde(default = "keys::yes")]
    sensitive: bool,
    destroy_waiting_days: Option<u16>,
    #[serde(default = "keys::yes")]
    destroy_at_once: bool,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
enum Method {
    #[serde(rename = "hkdf")]
    Hkdf,
    #[serde(rename = "sp800-108-counter")]
    Counter,
    #[serde(rename = "sp800-108-feedback")]
    Feedback,
    #[serde(rename = "pbkdf2")]
    Pbkdf2,
    /// The shared secret goes through HKDF.
    #[serde(rename = "ecdh")]
    Ecdh,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Hash {
    #[default]
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Function {
    #[default]
    Hmac,
    Cmac,
}

/// `POST /v1/keys/{name}/derive`: a new key from this one.
pub(super) async fn derive(
    change: Change,
    NamedKey(key): NamedKey,
    Body(request): Body<DeriveRequest>,
) -> Result<KeyAnswer> {
    let derivation = request.derivation()?;
    let product = match (&request.algorithm, request.bytes) {
        (Some(name), None) => Product::Key(keys::spec(name)?),
        (None, Some(bytes)) => Product::Secret { bytes },
        _ => return Err(Problem::invalid("name either algorithm, for a key, or bytes, for a secret")),
    };
    let DeriveRequest { exportable, destroy_waiting_days, destroy_at_once, .. } = request;
    let derive = DeriveKey {
        key,
        version: request.version,
        derivation,
        product,
        name: Some(request.name),
        template: Template {
            activation: Activation::Now,
            usage: request.usage.as_deref().map(keys::usage_mask).transpose()?,
            sensitive: Some(request.sensitive),
            extractable: Some(exportable),
            ..Template::default()
        },
        policy: keys::checked(KeyPolicy {
            exportable,
            destroy_waiting_days,
            destroy_at_once,
            ..KeyPolicy::default()
        })?,
        tags: request.tags,
        usage_must_fit: true,
    };
    let made = change.run(derive).await?;
    let shown =
        change.api.execute(&change.caller, Show { key: Reference::text(made.key.to_string()) }).await?;
    Ok(KeyAnswer::new(&change.api, &shown)?.created())
}

impl DeriveRequest {
    fn derivation(&self) -> Result<Derivation> {
        let hash = match self.hash {
            Hash::Sha256 => HashAlgorithm::Sha256,
            Hash::Sha384 => HashAlgorithm::Sha384,
            Hash::Sha512 => HashAlgorithm::Sha512,
        };
        let prf = match self.prf {
            Function::Hmac => Prf::Hmac(hash),
            Function::Cmac => Prf::Cmac,
        };
        let (salt, info) = (self.salt.0.clone(), self.info.0.clone());
        match (self.method, self.iterations, &self.peer) {
            (Method::Pbkdf2, None, None) => return Err(Problem::invalid("pbkdf2 needs iterations")),
            (Method::Pbkdf2, Some(_), None) | (Method::Ecdh, None, Some(_)) | (_, None, None) => {}
            _ => return Err(Problem::invalid("iterations is for pbkdf2 alone, and peer for ecdh")),
        }
        Ok(match self.method {
            Method::Hkdf => Derivation::Kdf(Kdf::Hkdf { hash, salt, info }),
            Method::Counter => Derivation::Kdf(Kdf::Counter { prf, fixed_input: info }),
            Method::Feedback => Derivation::Kdf(Kdf::Feedback { prf, iv: salt, fixed_input: info }),
            Method::Pbkdf2 => {
                Derivation::Kdf(Kdf::Pbkdf2 { hash, salt, iterations: self.iterations.unwrap_or_default() })
            }
            Method::Ecdh => {
                let peer = self.peer.as_deref().ok_or_else(|| Problem::invalid("ecdh needs peer"))?;
                let peer = SubjectPublicKeyInfoDer::from_pem_slice(peer.as_bytes())
                    .map_err(|_| Problem::invalid("peer is no PUBLIC KEY in PEM"))?;
                Derivation::Agreement { peer: peer.to_vec(), kdf: Some(Kdf::Hkdf { hash, salt, info }) }
            }
        })
    }
}
