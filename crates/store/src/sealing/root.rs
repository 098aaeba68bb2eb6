//! The root key and the file that holds it wrapped: DIR/root.json.
//!
//! ```json
//! {"format": 1, "store": "UUID", "root_version": 1,
//!  "unlock": {"kind": "passphrase", "salt": HEX16, "memory_kib": 65536, "passes": 3, "lanes": 1}
//!        or  {"kind": "key-file", "salt": HEX16},
//!  "nonce": HEX12, "wrapped": HEX48, "check": HEX16, "checksum": HEX32}
//! ```
//!
//! The unlock gives a secret of 32 bytes: Argon2id (RFC 9106, version 0x13) of the passphrase, or the key in the key
//! file. Wrapping key = HKDF-SHA-256(salt, secret, "keyreeve/unlock/v1" || store 16); `check` = the first 16 bytes of
//! HKDF-SHA-256(salt, secret, "keyreeve/unlock-check/v1" || store 16). `wrapped` is the root key under AES-256-GCM with
//! AAD "keyreeve/root/v1" || store 16 || root version u32. `checksum` = SHA-256 over the file's other values in this
//! order, so that a damaged file is not mistaken for a wrong passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyreeve_core::{Error, ErrorKind, Result, SecretBytes, ports::crypto::Crypto};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroize;

use super::{KEY_LEN, NONCE_LEN, TAG_LEN, random_key};

const FORMAT: u32 = 1;
const SALT_LEN: usize = 16;
const CHECK_LEN: usize = 16;
const MEMORY_KIB: u32 = 64 * 1024;
/// A file that asks for more is damaged: bounds what an altered file makes us allocate.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES: u32 = 3;
const PASSES_MAX: u32 = 1000;
const LANES: u32 = 1;
const LANES_MAX: u32 = 64;
const PASSPHRASE_BYTES_MIN: usize = 8;

/// What opens the root key. Holds secrets.
pub enum Unlock {
    /// A passphrase, at least 8 bytes, without the line end of the file it came from.
    Passphrase(SecretBytes),
    /// Content of a key file: 32 bytes as 64 hexadecimal digits or in base64, white space around.
    KeyFile(SecretBytes),
}

/// Why the root key did not open.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The file is whole, the passphrase or key file is not the right one.
    #[error("wrong {0}: it does not open this store's root key")]
    Wrong(&'static str),
    /// The store wants the other kind of unlock.
    #[error("this store is unlocked by a {wanted}, not by a {given}")]
    Kind {
        /// What the store wants.
        wanted: &'static str,
        /// What was given.
        given: &'static str,
    },
    /// What was given can be no passphrase or key file.
    #[error("{0}")]
    Malformed(&'static str),
    /// The root key's file is damaged.
    #[error("root.json is damaged: {0}; restore it from a backup")]
    Damaged(String),
    /// Deriving or drawing keys failed.
    #[error("the root key cannot be handled: {0}")]
    Failed(String),
}

/// The unwrapped root key with its version. Holds secrets.
pub(crate) struct RootKey {
    version: u32,
    key: SecretBytes,
}

impl RootKey {
    /// The key to seal with, and its version.
    pub(crate) fn current(&self) -> (&SecretBytes, u32) {
        (&self.key, self.version)
    }

    /// # Errors
    /// `Internal` for a version that this store does not hold.
    pub(super) fn get(&self, version: u32) -> Result<&SecretBytes> {
        let missing = || {
            Error::new(
                ErrorKind::Internal,
                "the key's material cannot be opened; the server's log has the cause",
            )
            .because(format!("it is sealed under root key {version}, this store holds {}", self.version))
        };
        (version == self.version).then_some(&self.key).ok_or_else(missing)
    }
}

/// The content of root.json. Holds the root key wrapped.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RootFile {
    format: u32,
    store: Uuid,
    root_version: u32,
    unlock: UnlockKind,
    #[serde(with = "hex::serde")]
    nonce: [u8; NONCE_LEN],
    #[serde(with = "hex::serde")]
    wrapped: [u8; KEY_LEN + TAG_LEN],
    #[serde(with = "hex::serde")]
    check: [u8; CHECK_LEN],
    #[serde(with = "hex::serde")]
    checksum: [u8; 32],
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum UnlockKind {
    Passphrase {
        #[serde(with = "hex::serde")]
        salt: [u8; SALT_LEN],
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    },
    KeyFile {
        #[serde(with = "hex::serde")]
        salt: [u8; SALT_LEN],
    },
}

/// Content for a new key file: 64 hexadecimal digits and a line end. Holds a secret.
///
/// # Errors
/// `Unavailable` where randomness failed.
pub fn new_key_file(crypto: &dyn Crypto) -> Result<SecretBytes> {
    let key = random_key(crypto)?;
    let mut text = vec![b'\n'; 2 * KEY_LEN + 1];
    hex::encode_to_slice(key.expose(), &mut text[..2 * KEY_LEN]).map_err(Error::internal)?;
    Ok(SecretBytes::new(text))
}

impl RootFile {
    /// Draws a root key, version 1, and wraps it.
    pub(crate) fn create(
        crypto: &dyn Crypto,
        store: Uuid,
        unlock: &Unlock,
    ) -> Result<(Self, RootKey), UnlockError> {
        let mut salt = [0; SALT_LEN];
        crypto.fill(&mut salt).map_err(failed)?;
        let kind = match unlock {
            Unlock::Passphrase(_) => {
                UnlockKind::Passphrase { salt, memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES }
            }
            Unlock::KeyFile(_) => UnlockKind::KeyFile { salt },
        };
        let secret = kind.secret(unlock)?;
        let key = random_key(crypto).map_err(failed)?;
        let mut file = Self {
            format: FORMAT,
            store,
            root_version: 1,
            nonce: [0; NONCE_LEN],
            wrapped: [0; KEY_LEN + TAG_LEN],
            check: kind.check(crypto, store, &secret),
            unlock: kind,
            checksum: [0; 32],
        };
        crypto.fill(&mut file.nonce).map_err(failed)?;
        let wrapping_key = file.unlock.wrapping_key(crypto, store, &secret);
        let wrapped = crypto.aead_seal(wrapping_key.expose(), &file.nonce, &file.aad(), key.expose());
        file.wrapped =
            wrapped.map_err(failed)?.try_into().map_err(|_| failed("the wrapped key's length is wrong"))?;
        file.checksum = file.sum(crypto);
        let version = file.root_version;
        Ok((file, RootKey { version, key }))
    }

    /// Reads the file's bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, UnlockError> {
        let file: Self =
            serde_json::from_slice(bytes).map_err(|error| UnlockError::Damaged(error.to_string()))?;
        match file.format {
            FORMAT => Ok(file),
            format => {
                Err(UnlockError::Damaged(format!("it has format {format}, this program knows {FORMAT}")))
            }
        }
    }

    /// The file's bytes.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, UnlockError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(failed)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Unwraps the root key of `store`.
    pub(crate) fn unlock(
        &self,
        crypto: &dyn Crypto,
        store: Uuid,
        unlock: &Unlock,
    ) -> Result<RootKey, UnlockError> {
        let damaged = |what: &str| Err(UnlockError::Damaged(what.to_owned()));
        if self.checksum != self.sum(crypto) {
            return damaged("its checksum is wrong");
        }
        if self.store != store {
            return damaged("it belongs to another store");
        }
        let secret = self.unlock.secret(unlock)?;
        if !crypto.equal(&self.check, &self.unlock.check(crypto, store, &secret)) {
            return Err(UnlockError::Wrong(unlock.word()));
        }
        let wrapping_key = self.unlock.wrapping_key(crypto, store, &secret);
        match crypto.aead_open(wrapping_key.expose(), &self.nonce, &self.aad(), &self.wrapped) {
            Ok(key) => Ok(RootKey { version: self.root_version, key }),
            Err(_) => damaged("the wrapped root key was altered"),
        }
    }

    fn aad(&self) -> Vec<u8> {
        [b"keyreeve/root/v1".as_slice(), self.store.as_bytes(), &self.root_version.to_be_bytes()].concat()
    }

    fn sum(&self, crypto: &dyn Crypto) -> [u8; 32] {
        let (kind, salt, [memory_kib, passes, lanes]) = match &self.unlock {
            UnlockKind::Passphrase { salt, memory_kib, passes, lanes } => {
                (1, salt, [*memory_kib, *passes, *lanes])
            }
            UnlockKind::KeyFile { salt } => (2, salt, [0; 3]),
        };
        crypto.sha256(&[
            &self.format.to_be_bytes(),
            self.store.as_bytes(),
            &self.root_version.to_be_bytes(),
            &[kind],
            salt,
            &memory_kib.to_be_bytes(),
            &passes.to_be_bytes(),
            &lanes.to_be_bytes(),
            &self.nonce,
            &self.wrapped,
            &self.check,
        ])
    }
}

impl UnlockKind {
    fn salt(&self) -> &[u8; SALT_LEN] {
        match self {
            Self::Passphrase { salt, .. } | Self::KeyFile { salt } => salt,
        }
    }

    fn secret(&self, unlock: &Unlock) -> Result<SecretBytes, UnlockError> {
        match (self, unlock) {
            (Self::Passphrase { salt, memory_kib, passes, lanes }, Unlock::Passphrase(passphrase)) => {
                if passphrase.len() < PASSPHRASE_BYTES_MIN {
                    return Err(UnlockError::Malformed("the passphrase is shorter than 8 bytes"));
                }
                if *memory_kib > MEMORY_KIB_MAX || *passes > PASSES_MAX || *lanes > LANES_MAX {
                    return Err(UnlockError::Damaged("its Argon2id parameters are out of bounds".into()));
                }
                let parameters = Params::new(*memory_kib, *passes, *lanes, Some(KEY_LEN)).map_err(failed)?;
                let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
                let mut secret = [0; KEY_LEN];
                argon.hash_password_into(passphrase.expose(), salt, &mut secret).map_err(failed)?;
                Ok(SecretBytes::take_from(&mut secret))
            }
            (Self::KeyFile { .. }, Unlock::KeyFile(content)) => key_in_file(content),
            (Self::Passphrase { .. }, given) => {
                Err(UnlockError::Kind { wanted: "passphrase", given: given.word() })
            }
            (Self::KeyFile { .. }, given) => {
                Err(UnlockError::Kind { wanted: "key file", given: given.word() })
            }
        }
    }

    fn wrapping_key(&self, crypto: &dyn Crypto, store: Uuid, secret: &SecretBytes) -> SecretBytes {
        crypto.hkdf_sha256(self.salt(), secret.expose(), &[b"keyreeve/unlock/v1", store.as_bytes()])
    }

    fn check(&self, crypto: &dyn Crypto, store: Uuid, secret: &SecretBytes) -> [u8; CHECK_LEN] {
        let info: [&[u8]; 2] = [b"keyreeve/unlock-check/v1", store.as_bytes()];
        let full = crypto.hkdf_sha256(self.salt(), secret.expose(), &info);
        std::array::from_fn(|at| full.expose().get(at).copied().unwrap_or_default())
    }
}

impl Unlock {
    fn word(&self) -> &'static str {
        match self {
            Self::Passphrase(_) => "passphrase",
            Self::KeyFile(_) => "key file",
        }
    }
}

fn key_in_file(content: &SecretBytes) -> Result<SecretBytes, UnlockError> {
    let text = content.expose().trim_ascii();
    let mut key = [0; KEY_LEN];
    if hex::decode_to_slice(text, &mut key).is_ok() {
        return Ok(SecretBytes::take_from(&mut key));
    }
    key.zeroize();
    let malformed = UnlockError::Malformed("the key file does not hold 32 bytes in hexadecimal or base64");
    match STANDARD.decode(text).map(SecretBytes::new) {
        Ok(decoded) if decoded.len() == KEY_LEN => Ok(decoded),
        _ => Err(malformed),
    }
}

fn failed(error: impl std::fmt::Display) -> UnlockError {
    UnlockError::Failed(error.to_string())
}
