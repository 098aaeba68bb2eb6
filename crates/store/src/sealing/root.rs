//! The root key, in memory and in the file that holds it wrapped: DIR/root.json. Not here: what unlocks it (unlock), and
//! changing it while the store runs (keeper).
//!
//! ```json
//! {"format": 2,
//!  "content": {"store": "UUID", "version": 2,
//!    "locks": [{"lock": {"by": {"kind": "passphrase", "memory_kib": 65536, "passes": 3, "lanes": 1}
//!                           or {"kind": "key-file"}
//!                           or {"kind": "shares", "set": HEX8, "threshold": 3, "commitments": [HEX32, ...]},
//!                        "salt": HEX16, "check": HEX16},
//!               "root": {"nonce": HEX12, "wrapped": HEX48}}],
//!    "retired": [{"version": 1, "root": {"nonce": HEX12, "wrapped": HEX48}}]},
//!  "checksum": HEX32}
//! ```
//!
//! Each lock wraps the same root key, of `version`, so that any one of them opens it. Retired root keys, which older
//! backups need, are wrapped by HKDF-SHA-256(no salt, root key, "keyreeve/retired/v1" || store 16). `wrapped` is a root
//! key under AES-256-GCM with AAD "keyreeve/root/v1" || store 16 || its version u32. `checksum` is the SHA-256 of
//! `content` as JSON without white space, in this order of fields, so that a damaged file is not mistaken for a wrong
//! passphrase.

use std::{collections::BTreeMap, sync::Arc};

use keyreeve_core::{Error, ErrorKind, Result, SecretBytes, ports::crypto::Crypto};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    KEY_LEN, NONCE_LEN, RootStatus, TAG_LEN, random_key,
    unlock::{Lock, Unlock, UnlockError, UnlockKind, failed},
};

/// Bytes of the file, at most, here and at targets: some four thousand former root keys.
pub(crate) const ROOT_BYTES_MAX: usize = 1 << 20;
const FORMAT: u32 = 2;
/// More would only be more that can be stolen.
const LOCKS_MAX: usize = 8;

/// The unwrapped root keys: the one that seals, and retired ones that may still open. Shared by all that hold a clone of
/// it. Holds secrets.
#[derive(Clone)]
pub(crate) struct RootKey(Arc<RwLock<Ring>>);

struct Ring {
    version: u32,
    keys: BTreeMap<u32, Arc<SecretBytes>>,
}

impl RootKey {
    fn new(version: u32, keys: BTreeMap<u32, Arc<SecretBytes>>) -> Self {
        Self(Arc::new(RwLock::new(Ring { version, keys })))
    }

    /// The key to seal with, and its version.
    ///
    /// # Errors
    /// As [`RootKey::get`], which does not happen: it is among them from the start.
    pub(crate) fn current(&self) -> Result<(Arc<SecretBytes>, u32)> {
        let version = self.version();
        Ok((self.get(version)?, version))
    }

    /// The version to seal with.
    pub(crate) fn version(&self) -> u32 {
        self.0.read().version
    }

    /// # Errors
    /// `Internal` for a version that this store does not hold.
    pub(crate) fn get(&self, version: u32) -> Result<Arc<SecretBytes>> {
        let ring = self.0.read();
        let missing = || {
            let cause = format!("it is sealed under root key {version}, this store is at {}", ring.version);
            let public = "the key's material cannot be opened; the server's log has the cause";
            Error::new(ErrorKind::Internal, public).because(cause)
        };
        ring.keys.get(&version).cloned().ok_or_else(missing)
    }

    /// Seals with `key` from now on, for everybody who shares this.
    pub(super) fn advance(&self, version: u32, key: Arc<SecretBytes>) {
        let mut ring = self.0.write();
        ring.keys.insert(version, key);
        ring.version = version;
    }
}

/// The content of root.json. Holds the root keys wrapped.
pub(crate) struct RootFile(Content);

#[derive(Deserialize)]
struct Head {
    format: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: u32,
    content: Content,
    #[serde(with = "hex::serde")]
    checksum: [u8; 32],
}

#[derive(Serialize)]
struct FileRef<'a> {
    format: u32,
    content: &'a Content,
    #[serde(with = "hex::serde")]
    checksum: [u8; 32],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    store: Uuid,
    version: u32,
    locks: Vec<Locked>,
    retired: Vec<Retired>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Locked {
    lock: Lock,
    root: Wrapped,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retired {
    version: u32,
    root: Wrapped,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    #[serde(with = "hex::serde")]
    nonce: [u8; NONCE_LEN],
    #[serde(with = "hex::serde")]
    wrapped: [u8; KEY_LEN + TAG_LEN],
}

impl RootFile {
    /// Draws a root key, version 1, and locks it by each of `unlocks`.
    pub(crate) fn create(
        crypto: &dyn Crypto,
        store: Uuid,
        unlocks: impl AsRef<[Unlock]>,
    ) -> Result<(Self, RootKey), UnlockError> {
        let key = random_key(crypto).map_err(failed)?;
        let locks = locks(crypto, store, (1, &key), unlocks.as_ref())?;
        let file = Self(Content { store, version: 1, locks, retired: Vec::new() });
        Ok((file, RootKey::new(1, BTreeMap::from([(1, Arc::new(key))]))))
    }

    /// The same root keys, locked by `unlocks` alone.
    pub(super) fn relocked(
        &self,
        crypto: &dyn Crypto,
        root: &RootKey,
        unlocks: &[Unlock],
    ) -> Result<Self, UnlockError> {
        let Content { store, version, ref retired, .. } = self.0;
        let key = root.get(version).map_err(failed)?;
        let locks = locks(crypto, store, (version, &key), unlocks)?;
        Ok(Self(Content { store, version, locks, retired: retired.clone() }))
    }

    /// A new root key of the next version, locked by `unlocks`; the former ones are retired.
    pub(super) fn replaced(
        &self,
        crypto: &dyn Crypto,
        root: &RootKey,
        unlocks: &[Unlock],
    ) -> Result<(Self, u32, SecretBytes), UnlockError> {
        let Content { store, version: former, ref retired, .. } = self.0;
        let version = former.checked_add(1).ok_or_else(|| failed("there are no more versions"))?;
        let key = random_key(crypto).map_err(failed)?;
        let wrapping_key = retired_key(crypto, store, &key);
        let retire = |version| {
            let key = root.get(version).map_err(failed)?;
            let root = Wrapped::new(crypto, &wrapping_key, &aad(store, version), &key)?;
            Ok(Retired { version, root })
        };
        let versions = retired.iter().map(|retired| retired.version).chain([former]);
        let retired = versions.map(retire).collect::<Result<_, UnlockError>>()?;
        let locks = locks(crypto, store, (version, &key), unlocks)?;
        Ok((Self(Content { store, version, locks, retired }), version, key))
    }

    /// Reads the file's bytes.
    pub(crate) fn parse(crypto: &dyn Crypto, bytes: &[u8]) -> Result<Self, UnlockError> {
        let damaged = |error: serde_json::Error| UnlockError::Damaged(error.to_string());
        let Head { format } = serde_json::from_slice(bytes).map_err(damaged)?;
        if format != FORMAT {
            let what = format!("it has format {format}, this program knows {FORMAT}");
            return Err(UnlockError::Damaged(what));
        }
        let file: File = serde_json::from_slice(bytes).map_err(damaged)?;
        if file.checksum != file.content.sum(crypto)? {
            return Err(UnlockError::Damaged("its checksum is wrong".into()));
        }
        Ok(Self(file.content))
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// `Malformed` where they are more than anybody would read.
    pub(crate) fn to_bytes(&self, crypto: &dyn Crypto) -> Result<Vec<u8>, UnlockError> {
        let file = FileRef { format: FORMAT, content: &self.0, checksum: self.0.sum(crypto)? };
        let mut bytes = serde_json::to_vec_pretty(&file).map_err(failed)?;
        bytes.push(b'\n');
        if bytes.len() > ROOT_BYTES_MAX {
            return Err(UnlockError::Malformed(
                "root.json would be over 1 MiB, which no backup target gives back: it keeps every former root key, and a \
                 value for each recovery share",
            ));
        }
        Ok(bytes)
    }

    /// Whose root keys they are.
    pub(crate) fn store(&self) -> Uuid {
        self.0.store
    }

    /// Unwraps the root keys of `store`.
    pub(crate) fn unlock(
        &self,
        crypto: &dyn Crypto,
        store: Uuid,
        unlock: &Unlock,
    ) -> Result<RootKey, UnlockError> {
        let Content { version, ref retired, .. } = self.0;
        if self.0.store != store {
            return Err(UnlockError::Damaged("it belongs to another store".into()));
        }
        let key = self.open(crypto, unlock)?;
        let wrapping_key = retired_key(crypto, store, &key);
        let mut keys = BTreeMap::new();
        for Retired { version, root } in retired {
            keys.insert(*version, Arc::new(root.open(crypto, &wrapping_key, &aad(store, *version))?));
        }
        keys.insert(version, Arc::new(key));
        Ok(RootKey::new(version, keys))
    }

    /// What can be said of it without opening it.
    pub(crate) fn status(&self) -> RootStatus {
        let Content { version, ref retired, .. } = self.0;
        let retired = retired.iter().map(|retired| retired.version).collect();
        RootStatus { version, unlocked_by: self.kinds(), retired }
    }

    fn kinds(&self) -> Vec<UnlockKind> {
        self.0.locks.iter().map(|locked| locked.lock.kind()).collect()
    }

    /// The current root key by the first lock that it opens.
    fn open(&self, crypto: &dyn Crypto, unlock: &Unlock) -> Result<SecretBytes, UnlockError> {
        let Content { store, version, ref locks, .. } = self.0;
        let mut refused = None;
        for Locked { lock, root } in locks {
            match lock.open(crypto, store, unlock) {
                Ok(Some(wrapping_key)) => return root.open(crypto, &wrapping_key, &aad(store, version)),
                Ok(None) => {}
                Err(error) => refused = Some(error),
            }
        }
        let kinds = || self.kinds().iter().map(UnlockKind::to_string).collect::<Vec<_>>().join(" or a ");
        Err(refused.unwrap_or_else(|| UnlockError::Kind { wanted: kinds(), given: unlock.word() }))
    }
}

impl Content {
    fn sum(&self, crypto: &dyn Crypto) -> Result<[u8; 32], UnlockError> {
        Ok(crypto.sha256(&[&serde_json::to_vec(self).map_err(failed)?]))
    }
}

impl Wrapped {
    fn new(
        crypto: &dyn Crypto,
        wrapping_key: &SecretBytes,
        aad: &[u8],
        key: &SecretBytes,
    ) -> Result<Self, UnlockError> {
        let mut nonce = [0; NONCE_LEN];
        crypto.fill(&mut nonce).map_err(failed)?;
        let wrapped = crypto.aead_seal(wrapping_key.expose(), &nonce, aad, key.expose()).map_err(failed)?;
        let wrapped = wrapped.try_into().map_err(|_| failed("the wrapped key's length is wrong"))?;
        Ok(Self { nonce, wrapped })
    }

    fn open(
        &self,
        crypto: &dyn Crypto,
        wrapping_key: &SecretBytes,
        aad: &[u8],
    ) -> Result<SecretBytes, UnlockError> {
        let opened = crypto.aead_open(wrapping_key.expose(), &self.nonce, aad, &self.wrapped);
        opened.map_err(|_| UnlockError::Damaged("a wrapped root key was altered".into()))
    }
}

fn locks(
    crypto: &dyn Crypto,
    store: Uuid,
    (version, key): (u32, &SecretBytes),
    unlocks: &[Unlock],
) -> Result<Vec<Locked>, UnlockError> {
    if unlocks.is_empty() || unlocks.len() > LOCKS_MAX {
        return Err(UnlockError::Malformed("a root key is unlocked by one to eight things"));
    }
    let lock = |unlock| {
        let (lock, wrapping_key) = Lock::new(crypto, store, unlock)?;
        Ok(Locked { lock, root: Wrapped::new(crypto, &wrapping_key, &aad(store, version), key)? })
    };
    unlocks.iter().map(lock).collect()
}

fn retired_key(crypto: &dyn Crypto, store: Uuid, root: &SecretBytes) -> SecretBytes {
    crypto.hkdf_sha256(&[], root.expose(), &[b"keyreeve/retired/v1", store.as_bytes()])
}

fn aad(store: Uuid, version: u32) -> Vec<u8> {
    [b"keyreeve/root/v1".as_slice(), store.as_bytes(), &version.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use keyreeve_core::SecretBytes;
    use keyreeve_crypto::SoftwareCrypto;

    use super::*;

    #[test]
    fn a_file_that_no_target_would_give_back_is_refused() {
        let crypto = SoftwareCrypto::new();
        let key_file =
            || Unlock::KeyFile(SecretBytes::copy_from(format!("{}\n", "5a".repeat(32)).as_bytes()));
        let (mut file, root) = RootFile::create(&crypto, Uuid::from_u128(1), [key_file()]).unwrap();
        let former = file.0.locks[0].root;
        file.0.retired = (1..3_000).map(|version| Retired { version, root: former }).collect();
        let bytes = file.to_bytes(&crypto).unwrap();
        assert!(bytes.len() > 512 << 10 && RootFile::parse(&crypto, &bytes).is_ok());
        file.0.retired.extend((3_000..6_000).map(|version| Retired { version, root: former }));
        let refused = file.to_bytes(&crypto).expect_err("too large");
        assert!(matches!(refused, UnlockError::Malformed(what) if what.contains("1 MiB")), "{refused}");
        let refused = file.relocked(&crypto, &root, &[key_file()]).and_then(|file| file.to_bytes(&crypto));
        assert!(refused.is_err());
    }
}
