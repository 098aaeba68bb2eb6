//! The crypto port: algorithms behind traits, so that software and hardware look the same.

use std::sync::Arc;

use super::rng::Rng;
use crate::{
    error::Result,
    model::{
        CryptoParameters, HashAlgorithm, Kdf, KeyFormat, KeyId, KeyMaterial, KeySpec, ObjectType, Split,
        UsageMask,
    },
    secret::SecretBytes,
};

/// A new key.
pub enum Generated {
    /// One secret: `Raw`.
    Symmetric(KeyMaterial),
    /// A pair: PKCS#8 and SubjectPublicKeyInfo, or PKCS#1 both for RSA; `ParsedKey::export` has the others.
    Pair {
        /// Private half, `Pkcs8`; `Pkcs1` for RSA.
        private: KeyMaterial,
        /// Public half, `Spki`; `Pkcs1` for RSA.
        public: KeyMaterial,
    },
}

/// What encryption gives back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ciphertext {
    /// The encrypted data, without IV and tag.
    pub data: Vec<u8>,
    /// The IV or nonce, where the server chose it.
    pub iv: Option<Vec<u8>>,
    /// The authentication tag of an AEAD mode.
    pub tag: Option<Vec<u8>>,
}

/// What is signed or verified.
#[derive(Clone, Copy)]
pub enum ToSign<'a> {
    /// The message: it is hashed here.
    Data(&'a [u8]),
    /// A digest made by the caller with the hash of the parameters.
    Digest(&'a [u8]),
}

/// Who a data envelope belongs to: bound into key derivation, commitment and AAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeKey {
    /// The key (series).
    pub key: KeyId,
    /// The version that encrypts.
    pub version: u32,
}

/// Primitives of the whole house, and the door to keys.
pub trait Crypto: Rng {
    /// Makes a key of this kind.
    ///
    /// # Errors
    /// `Unsupported` for a kind or length that is not offered.
    fn generate(&self, spec: &KeySpec) -> Result<Generated>;

    /// Parses and validates material once; the result is kept in the hot cache.
    /// `spec` may be missing for imported asymmetric keys, whose encoding tells it.
    ///
    /// # Errors
    /// `InvalidField` where the material is malformed, contradicts `spec`, or is weak (RSA under 1024 bits, a point
    /// off the curve); `Unsupported` where nothing can be computed with it.
    fn parse(
        &self,
        object_type: ObjectType,
        spec: Option<&KeySpec>,
        material: &KeyMaterial,
    ) -> Result<Arc<dyn ParsedKey>>;

    /// Uses that fit the kind of key: (symmetric or private half, public half).
    fn fitting_usage(&self, spec: &KeySpec) -> (UsageMask, UsageMask);

    /// Uses of a new key where nobody names any: those of `fitting_usage` that do not weaken one another.
    fn default_usage(&self, spec: &KeySpec) -> (UsageMask, UsageMask);

    /// Derives `bytes` bytes from a secret.
    ///
    /// # Errors
    /// `InvalidField` for more bytes than the function gives, or too much work; `Unsupported` for a hash.
    fn derive(&self, secret: &[u8], kdf: &Kdf, bytes: usize) -> Result<SecretBytes>;

    /// All parts of a secret, in the order of their numbers, from 1. The caller has checked the numbers of `split`.
    ///
    /// # Errors
    /// `Unsupported` for a method, `InvalidField` for a secret that it does not fit.
    fn split(&self, secret: &[u8], split: &Split) -> Result<Vec<SecretBytes>>;

    /// The secret of parts with their numbers. The caller has checked that there are enough, and none twice.
    ///
    /// # Errors
    /// `Unsupported` for a method, `InvalidField` for parts of different lengths.
    fn join(&self, parts: &[(u32, &[u8])], split: &Split) -> Result<SecretBytes>;

    /// Hash of the parts one after the other.
    ///
    /// # Errors
    /// `Unsupported`.
    fn hash(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Vec<u8>>;

    /// Begins the hash of a message that comes bit by bit.
    ///
    /// # Errors
    /// `Unsupported`.
    fn begin_hash(&self, hash: HashAlgorithm) -> Result<Box<dyn Running>>;

    /// SHA-256 of the parts one after the other: the hash of journal and credentials.
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32];

    /// HMAC-SHA-256 under `key` over the parts one after the other.
    fn hmac_sha256(&self, key: &[u8], parts: &[&[u8]]) -> [u8; 32];

    /// HKDF-SHA-256 (RFC 5869) with `salt`, input key material `ikm` and `info` parts, 32 bytes out.
    fn hkdf_sha256(&self, salt: &[u8], ikm: &[u8], info: &[&[u8]]) -> SecretBytes;

    /// AES-256-GCM under a 32-byte key with a 12-byte nonce: ciphertext with the 16-byte tag behind it.
    ///
    /// # Errors
    /// `Internal` for a key or nonce of another length.
    fn aead_seal(&self, key: &[u8], nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>>;

    /// Opens what `aead_seal` made.
    ///
    /// # Errors
    /// `CryptoFailed` where anything was altered.
    fn aead_open(&self, key: &[u8], nonce: &[u8; 12], aad: &[u8], sealed: &[u8]) -> Result<SecretBytes>;

    /// True where both are equal; takes the same time wherever they differ.
    fn equal(&self, a: &[u8], b: &[u8]) -> bool;
}

/// A hash or a MAC over a message that comes bit by bit. May hold a secret.
pub trait Running: Send {
    /// Takes what follows.
    ///
    /// # Errors
    /// `Internal` where the library fails.
    fn update(&mut self, data: &[u8]) -> Result<()>;

    /// The hash or MAC of all that came.
    ///
    /// # Errors
    /// `Internal` where the library fails.
    fn finish(self: Box<Self>) -> Result<Vec<u8>>;
}

/// A parsed, validated key ready for use. Holds secrets. Usage mask and state are the caller's business.
///
/// Each method answers `WrongUsage` where the kind of key cannot do it, `InvalidField` or `Unsupported` for parameters
/// that do not fit, `CryptoFailed` (with nothing more) where decryption or unwrapping fails.
#[allow(unused_variables)]
pub trait ParsedKey: Send + Sync {
    /// What the key is.
    fn spec(&self) -> &KeySpec;

    /// Encrypts. `iv`: given by the caller, or else made by the key where the mode needs one (then returned).
    fn encrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Ciphertext> {
        Err(cannot("encrypt"))
    }

    /// Decrypts. `tag`: the authentication tag of an AEAD mode; `None` takes it from the end of `ciphertext`.
    fn decrypt(
        &self,
        parameters: &CryptoParameters,
        iv: Option<&[u8]>,
        aad: &[u8],
        ciphertext: &[u8],
        tag: Option<&[u8]>,
    ) -> Result<SecretBytes> {
        Err(cannot("decrypt"))
    }

    /// Encrypts into the house's data envelope (docs/envelope.md): one derived key per message, committing. A key pair
    /// seals by HPKE instead, to the public half, and knows no owner. `context`: canonical encoding of the encryption
    /// context.
    fn seal_envelope(&self, owner: EnvelopeKey, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        Err(cannot("encrypt into an envelope"))
    }

    /// Opens what `seal_envelope` of this key, or of its public half, made for the same owner and context.
    fn open_envelope(&self, owner: EnvelopeKey, context: &[u8], envelope: &[u8]) -> Result<SecretBytes> {
        Err(cannot("decrypt an envelope"))
    }

    /// Signs. Defaults: ECDSA with the curve's SHA-2 in DER, RSA-PSS SHA-256 with salt 32, pure Ed25519 and ML-DSA.
    fn sign(&self, parameters: &CryptoParameters, input: ToSign<'_>) -> Result<Vec<u8>> {
        Err(cannot("sign"))
    }

    /// True where the signature is right; false where it is wrong or malformed.
    fn verify(&self, parameters: &CryptoParameters, input: ToSign<'_>, signature: &[u8]) -> Result<bool> {
        Err(cannot("verify"))
    }

    /// The hash of which `sign` and `verify` take the digest in place of the message.
    fn message_hash(&self, parameters: &CryptoParameters) -> Result<HashAlgorithm> {
        let public = "this kind of key signs and verifies whole messages, within the limit of a request's body: a stream of \
                      any length takes an RSA or EC key";
        Err(crate::Error::new(crate::ErrorKind::Unsupported, public))
    }

    /// Begins a MAC as `mac` makes it, over a message that comes bit by bit.
    fn begin_mac(&self, parameters: &CryptoParameters) -> Result<Box<dyn Running>> {
        Err(cannot("make a MAC"))
    }

    /// Message authentication code: HMAC, whose hash comes from the algorithm or the parameters, or CMAC.
    fn mac(&self, parameters: &CryptoParameters, data: &[u8]) -> Result<Vec<u8>> {
        Err(cannot("make a MAC"))
    }

    /// Wraps a key: AES key wrap (RFC 3394) or with padding (RFC 5649), RSA-OAEP; by `parameters.mode`.
    fn wrap(&self, parameters: &CryptoParameters, secret: &SecretBytes) -> Result<Vec<u8>> {
        Err(cannot("wrap"))
    }

    /// Unwraps what `wrap` made.
    fn unwrap(&self, parameters: &CryptoParameters, wrapped: &[u8]) -> Result<SecretBytes> {
        Err(cannot("unwrap"))
    }

    /// Shared secret with a peer's SubjectPublicKeyInfo, validated: the x coordinate of ECDH, or X25519's 32 bytes.
    fn agree(&self, peer_public: &[u8]) -> Result<SecretBytes> {
        Err(cannot("agree on a secret"))
    }

    /// The key in another encoding. Private and secret material: the caller has checked that it may leave.
    fn export(&self, format: KeyFormat) -> Result<KeyMaterial> {
        Err(cannot("be exported in this format"))
    }

    /// SubjectPublicKeyInfo of an asymmetric key, DER.
    fn public_key(&self) -> Result<Vec<u8>> {
        Err(cannot("give a public key"))
    }
}

fn cannot(what: &str) -> crate::Error {
    crate::Error::new(crate::ErrorKind::WrongUsage, format!("this kind of key cannot {what}"))
}
