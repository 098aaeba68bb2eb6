//! Deriving keys over REST. Not here: what a derivation is (core) and how it is computed (crypto).

use keyreeve_core::model::{
    BlockCipherMode, CryptoParameters, Derivation, HashAlgorithm, Kdf, KeyPolicy, PaddingMethod, Prf,
};
use keyreeve_core::operations::derive_key::{DeriveKey, Product};
use keyreeve_core::operations::show::Show;
use keyreeve_core::operations::{Activation, Template};
use keyreeve_core::request::Reference;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use schemars::JsonSchema;
use serde::Deserialize;

use super::bounded::{Tags, Words};
use super::cipher::{Hash, Padding};
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
    /// Default `sha256`.
    hash: Option<Hash>,
    /// Default `hmac`.
    prf: Option<Function>,
    /// Of `sp800-108-feedback` the IV.
    salt: Option<Base64>,
    /// Of SP 800-108 all of the fixed input.
    info: Option<Base64>,
    iterations: Option<u32>,
    /// A public key in PEM.
    peer: Option<String>,
    /// What is authenticated or encrypted.
    data: Option<Base64>,
    mode: Option<Mode>,
    iv: Option<Base64>,
    /// Of `cbc`; default `pkcs7`.
    padding: Option<Padding>,
    version: Option<u32>,
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
    /// The beginning of the hash of the key's bytes.
    #[serde(rename = "hash")]
    Hash,
    /// The beginning of an HMAC under the key's bytes.
    #[serde(rename = "hmac")]
    Hmac,
    /// The beginning of a ciphertext.
    #[serde(rename = "encrypt")]
    Encrypt,
}

impl Method {
    /// The fields that belong to it; what is needed comes first, behind it what has a default.
    fn fields(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Hkdf => (&[], &["hash", "salt", "info"]),
            Self::Counter => (&[], &["prf", "hash", "info"]),
            Self::Feedback => (&[], &["prf", "hash", "salt", "info"]),
            Self::Pbkdf2 => (&["iterations"], &["hash", "salt"]),
            Self::Ecdh => (&["peer"], &["hash", "salt", "info"]),
            Self::Hash => (&[], &["hash"]),
            Self::Hmac => (&["data"], &["hash"]),
            Self::Encrypt => (&["data", "mode", "iv"], &["padding"]),
        }
    }
}

/// How data is encrypted to derive a key: nothing that draws random numbers, or must never use a nonce again.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Cbc,
    Ctr,
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
            usage: request.usage.as_ref().map(keys::usage_mask).transpose()?,
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
        tags: request.tags.0,
        usage_must_fit: true,
    };
    let made = change.run(derive).await?;
    let shown =
        change.api.execute(&change.caller, Show { key: Reference::text(made.key.to_string()) }).await?;
    Ok(KeyAnswer::new(&change.api, &shown)?.created())
}

impl DeriveRequest {
    fn derivation(&self) -> Result<Derivation> {
        self.check_fields()?;
        let bytes = |field: &Option<Base64>| field.as_ref().map(|bytes| bytes.0.to_vec()).unwrap_or_default();
        let hash = self.hash.map_or(HashAlgorithm::Sha256, Into::into);
        let prf = match self.prf.unwrap_or_default() {
            Function::Hmac => Prf::Hmac(hash),
            Function::Cmac => Prf::Cmac,
        };
        let (salt, info, data) = (bytes(&self.salt), bytes(&self.info), bytes(&self.data));
        Ok(Derivation::Kdf(match self.method {
            Method::Hkdf => Kdf::Hkdf { hash, salt, info },
            Method::Counter => Kdf::Counter { prf, fixed_input: info },
            Method::Feedback => Kdf::Feedback { prf, iv: salt, fixed_input: info },
            Method::Pbkdf2 => Kdf::Pbkdf2 { hash, salt, iterations: self.iterations.unwrap_or_default() },
            Method::Hash => Kdf::Hash { hash },
            Method::Hmac => Kdf::Hmac { hash, data },
            Method::Encrypt => {
                let (parameters, iv) = (self.cipher(), Some(bytes(&self.iv)));
                return Ok(Derivation::Encrypt { parameters, iv, data });
            }
            Method::Ecdh => {
                let peer = SubjectPublicKeyInfoDer::from_pem_slice(
                    self.peer.as_deref().unwrap_or_default().as_bytes(),
                );
                let peer = peer.map_err(|_| Problem::invalid("peer is no PUBLIC KEY in PEM"))?.to_vec();
                return Ok(Derivation::Agreement { peer, kdf: Some(Kdf::Hkdf { hash, salt, info }) });
            }
        }))
    }

    /// What a method needs must be there, and what would count for nothing must not.
    fn check_fields(&self) -> Result<()> {
        let given = [
            ("hash", self.hash.is_some()),
            ("prf", self.prf.is_some()),
            ("salt", self.salt.is_some()),
            ("info", self.info.is_some()),
            ("iterations", self.iterations.is_some()),
            ("peer", self.peer.is_some()),
            ("data", self.data.is_some()),
            ("mode", self.mode.is_some()),
            ("iv", self.iv.is_some()),
            ("padding", self.padding.is_some()),
        ];
        let (needed, optional) = self.method.fields();
        for (name, is_given) in given {
            if !is_given && needed.contains(&name) {
                return Err(Problem::invalid(format!("this method needs {name}")));
            }
            if is_given && !needed.contains(&name) && !optional.contains(&name) {
                return Err(Problem::invalid(format!("{name} does not belong to this method")));
            }
        }
        if self.padding.is_some() && matches!(self.mode, Some(Mode::Ctr)) {
            return Err(Problem::invalid("padding does not belong to ctr"));
        }
        Ok(())
    }

    fn cipher(&self) -> CryptoParameters {
        let (mode, padding) = match self.mode {
            Some(Mode::Ctr) => (BlockCipherMode::Ctr, PaddingMethod::None),
            _ => (BlockCipherMode::Cbc, self.padding.unwrap_or(Padding::Pkcs7).method()),
        };
        CryptoParameters { mode: Some(mode), padding: Some(padding), ..CryptoParameters::default() }
    }
}
