//! The sealing port: material leaves memory only sealed.

use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    model::{Algorithm, KeyFormat, ObjectId, ObjectType, RealmId},
    secret::SecretBytes,
};

/// Immutable attributes of the object, bound into the seal: a sealed secret opens as nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealBinding {
    /// Realm.
    pub realm: RealmId,
    /// Object.
    pub object: ObjectId,
    /// Version within its key.
    pub version: u32,
    /// Kind.
    pub object_type: ObjectType,
    /// Algorithm, where known.
    pub algorithm: Option<Algorithm>,
    /// Cryptographic length in bits, 0 where unknown.
    pub length_bits: u32,
    /// Encoding of the material.
    pub format: KeyFormat,
    /// As created.
    pub sensitive: bool,
    /// As created.
    pub extractable: bool,
}

/// Sealed material, as journal and index keep it. Holds no plain secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedMaterial {
    /// Object it belongs to.
    pub object: ObjectId,
    /// Format of this record: 1.
    pub format: u8,
    /// Algorithms: 1 is HKDF-SHA-256 with AES-256-GCM.
    pub suite: u8,
    /// Version of the root key.
    pub root_version: u32,
    /// Index of its leaf key, never reused.
    pub leaf_index: u64,
    /// Check value of its leaf key: tells a leaf that is still there from one that was destroyed or mixed up.
    #[serde(with = "serde_bytes")]
    pub leaf_check: [u8; 8],
    /// Sensitive as created: part of the AAD.
    pub sensitive: bool,
    /// Extractable as created: part of the AAD.
    pub extractable: bool,
    /// AES-GCM nonce.
    #[serde(with = "serde_bytes")]
    pub nonce: [u8; 12],
    /// Ciphertext and tag.
    #[serde(with = "serde_bytes")]
    pub ciphertext: Vec<u8>,
}

/// Seals and opens under KEKs that only it knows.
pub trait Sealer: Send + Sync {
    /// Seals under a fresh leaf.
    ///
    /// # Errors
    /// `Unavailable` where the store is locked or randomness failed.
    fn seal(&self, binding: &SealBinding, plaintext: &SecretBytes) -> Result<SealedMaterial>;

    /// Opens.
    ///
    /// # Errors
    /// `Internal` where record and binding do not belong together or anything was altered.
    fn open(&self, binding: &SealBinding, sealed: &SealedMaterial) -> Result<SecretBytes>;

    /// MAC over an object's attributes under the KEK of its material (info "keyreeve/attrs/v1"), 32 bytes.
    fn attributes_mac(
        &self,
        binding: &SealBinding,
        sealed: &SealedMaterial,
        revision: u64,
        canonical: &[u8],
    ) -> Result<[u8; 32]>;
}
