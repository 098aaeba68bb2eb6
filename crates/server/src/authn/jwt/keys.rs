//! The public keys of an issuer: reading a JSON Web Key Set, choosing a key, and checking a signature. Not here: where the set
//! comes from (source).

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::token::Token;
use crate::config::JwtAlgorithm;

/// Keys of one issuer at most.
const KEYS_MAX: usize = 64;

/// The keys of an issuer.
pub(super) struct KeySet(Vec<Key>);

/// A public key.
#[derive(Clone)]
pub(super) struct Key {
    id: Option<String>,
    /// The algorithm that it is for; none: each of its kind.
    algorithm: Option<String>,
    kind: Kind,
    key: DecodingKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// What counts of a key.
///
/// # Standard
/// RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys of other kinds, and those that sign nothing, are passed over.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let document: Document =
            serde_json::from_slice(bytes).map_err(|_| "that is no JSON Web Key Set".to_owned())?;
        if document.keys.len() > KEYS_MAX {
            return Err(format!("it has more than {KEYS_MAX} keys"));
        }
        let keys: Vec<Key> = document.keys.into_iter().filter_map(read).collect();
        if keys.is_empty() {
            return Err("it has no public key that signs".to_owned());
        }
        Ok(Self(keys))
    }

    /// The key of this id for this algorithm. A token that names no key is checked by the only one that fits.
    pub(super) fn choose(&self, id: Option<&str>, algorithm: JwtAlgorithm) -> Option<Key> {
        let fits = |key: &&Key| {
            let (name, kind, _) = facts(algorithm);
            key.kind == kind && key.algorithm.as_deref().is_none_or(|only| only == name)
        };
        let mut fitting = self.0.iter().filter(fits).filter(|key| id.is_none() || key.id.as_deref() == id);
        // Of two that could be meant, neither is.
        fitting.next().filter(|_| fitting.next().is_none()).cloned()
    }
}

impl Key {
    /// Whether this key signed the token by this algorithm.
    pub(super) fn verifies(&self, token: &Token<'_>, algorithm: JwtAlgorithm) -> bool {
        let (_, kind, algorithm) = facts(algorithm);
        let verified =
            jsonwebtoken::crypto::verify(token.signature, token.signed.as_bytes(), &self.key, algorithm);
        self.kind == kind && verified.unwrap_or(false)
    }
}

/// What an algorithm is called, the kind of its keys, and what the library calls it.
fn facts(algorithm: JwtAlgorithm) -> (&'static str, Kind, Algorithm) {
    match algorithm {
        JwtAlgorithm::RS256 => ("RS256", Kind::Rsa, Algorithm::RS256),
        JwtAlgorithm::RS384 => ("RS384", Kind::Rsa, Algorithm::RS384),
        JwtAlgorithm::RS512 => ("RS512", Kind::Rsa, Algorithm::RS512),
        JwtAlgorithm::PS256 => ("PS256", Kind::Rsa, Algorithm::PS256),
        JwtAlgorithm::PS384 => ("PS384", Kind::Rsa, Algorithm::PS384),
        JwtAlgorithm::PS512 => ("PS512", Kind::Rsa, Algorithm::PS512),
        JwtAlgorithm::ES256 => ("ES256", Kind::P256, Algorithm::ES256),
        JwtAlgorithm::ES384 => ("ES384", Kind::P384, Algorithm::ES384),
        JwtAlgorithm::EdDSA => ("EdDSA", Kind::Ed25519, Algorithm::EdDSA),
    }
}

fn read(value: Value) -> Option<Key> {
    let jwk = Jwk::deserialize(value).ok()?;
    let is_for_signatures = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
        && jwk.key_ops.as_ref().is_none_or(|all| all.iter().any(|one| one == "verify"));
    if !is_for_signatures {
        return None;
    }
    let (kind, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => (Kind::Rsa, DecodingKey::from_rsa_components(&jwk.n?, &jwk.e?)),
        ("EC", Some("P-256")) => (Kind::P256, DecodingKey::from_ec_components(&jwk.x?, &jwk.y?)),
        ("EC", Some("P-384")) => (Kind::P384, DecodingKey::from_ec_components(&jwk.x?, &jwk.y?)),
        ("OKP", Some("Ed25519")) => (Kind::Ed25519, DecodingKey::from_ed_components(&jwk.x?)),
        // INVARIANT: a shared secret is no key here.
        _ => return None,
    };
    Some(Key { id: jwk.kid, algorithm: jwk.alg, kind, key: key.ok()? })
}
