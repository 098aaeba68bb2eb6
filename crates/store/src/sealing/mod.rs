//! Sealing: material leaves memory only encrypted, under keys that derive from the root key and a leaf key.
//!
//! Implements shared/destruction.md, Parts: `root` keeps the root key, `tree` the leaf keys, `cells` the epoch keys, and
//! here is what is made of a root and a leaf: KEK, AAD, MAC.

mod binding;
pub(crate) mod cells;
mod keeper;
mod root;
pub(crate) mod shares;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
mod unlock;

use std::sync::Arc;

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    model::RealmId,
    ports::{
        crypto::Crypto,
        seal::{SealBinding, SealedMaterial, Sealer},
    },
};
use uuid::Uuid;

pub(crate) use keeper::RootKeeper;
pub use keeper::RootStatus;
pub(crate) use root::{ROOT_BYTES_MAX, RootFile, RootKey};
pub use unlock::{Unlock, UnlockError, UnlockKind, new_key_file, new_shares};

const FORMAT: u8 = 1;
/// HKDF-SHA-256 with AES-256-GCM.
const SUITE: u8 = 1;
const NONCE_LEN: usize = 12;
const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;

/// Which store, in which timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) store: Uuid,
    pub(crate) timeline: u32,
}

/// A leaf key and where it stands in the key tree. Holds a secret.
pub(crate) struct Leaf {
    pub(crate) index: u64,
    pub(crate) key: SecretBytes,
}

/// Gives out leaf keys.
pub(crate) trait Leaves: Send + Sync {
    /// A leaf that was never given out before, near others of the realm.
    ///
    /// # Errors
    /// `Unavailable` where none can be had now.
    fn take(&self, realm: RealmId) -> Result<Leaf>;

    /// The key of a leaf that was given out.
    ///
    /// # Errors
    /// `Destroyed` where it was destroyed, `Internal` where the tree does not hold it.
    fn get(&self, index: u64) -> Result<SecretBytes>;
}

/// The check value of a leaf key: the first 8 bytes of HKDF-SHA-256(leaf key, "keyreeve/leaf-check/v1" || store 16 ||
/// leaf index u64).
pub(crate) fn leaf_check(crypto: &dyn Crypto, store: Uuid, leaf: &Leaf) -> [u8; 8] {
    let info: [&[u8]; 3] = [b"keyreeve/leaf-check/v1", store.as_bytes(), &leaf.index.to_be_bytes()];
    let check = crypto.hkdf_sha256(&[], leaf.key.expose(), &info);
    std::array::from_fn(|at| check.expose().get(at).copied().unwrap_or_default())
}

/// Seals under a root key in memory. Holds secrets.
pub(crate) struct RootSealer {
    crypto: Arc<dyn Crypto>,
    root: RootKey,
    store: Uuid,
    leaves: Arc<dyn Leaves>,
}

impl RootSealer {
    pub(crate) fn new(crypto: Arc<dyn Crypto>, root: RootKey, store: Uuid, leaves: Arc<dyn Leaves>) -> Self {
        Self { crypto, root, store, leaves }
    }

    fn kek(&self, root: &SecretBytes, leaf: &Leaf, binding: &SealBinding, root_version: u32) -> SecretBytes {
        let info: [&[u8]; 6] = [
            b"keyreeve/kek/v1",
            self.store.as_bytes(),
            binding.object.as_bytes(),
            &binding.version.to_be_bytes(),
            &leaf.index.to_be_bytes(),
            &root_version.to_be_bytes(),
        ];
        self.crypto.hkdf_sha256(root.expose(), leaf.key.expose(), &info)
    }

    /// Derives the KEK of a sealed record.
    fn open_kek(&self, binding: &SealBinding, sealed: &SealedMaterial) -> Result<(SecretBytes, Fields)> {
        let known = sealed.format == FORMAT && sealed.suite == SUITE;
        let belongs = sealed.object == binding.object
            && (sealed.sensitive, sealed.extractable) == (binding.sensitive, binding.extractable);
        if !known || !belongs {
            return Err(altered(binding, "format, suite or owner do not fit"));
        }
        let fields = Fields { root_version: sealed.root_version, leaf_index: sealed.leaf_index };
        let root = self.root.get(fields.root_version)?;
        let leaf = Leaf { index: fields.leaf_index, key: self.leaves.get(fields.leaf_index)? };
        if !self.crypto.equal(&leaf_check(&*self.crypto, self.store, &leaf), &sealed.leaf_check) {
            return Err(altered(binding, "its leaf key is another one"));
        }
        Ok((self.kek(&root, &leaf, binding, fields.root_version), fields))
    }
}

/// What of a sealed record goes into key derivation and AAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fields {
    root_version: u32,
    leaf_index: u64,
}

impl Sealer for RootSealer {
    fn seal(&self, binding: &SealBinding, plaintext: &SecretBytes) -> Result<SealedMaterial> {
        let (root, root_version) = self.root.current()?;
        let leaf = self.leaves.take(binding.realm)?;
        let mut nonce = [0; NONCE_LEN];
        self.crypto.fill(&mut nonce)?;
        let kek = self.kek(&root, &leaf, binding, root_version);
        let aad =
            binding::material_aad(self.store, binding, &Fields { root_version, leaf_index: leaf.index });
        let ciphertext = self.crypto.aead_seal(kek.expose(), &nonce, &aad, plaintext.expose())?;
        Ok(SealedMaterial {
            object: binding.object,
            format: FORMAT,
            suite: SUITE,
            root_version,
            leaf_index: leaf.index,
            leaf_check: leaf_check(&*self.crypto, self.store, &leaf),
            sensitive: binding.sensitive,
            extractable: binding.extractable,
            nonce,
            ciphertext,
        })
    }

    fn open(&self, binding: &SealBinding, sealed: &SealedMaterial) -> Result<SecretBytes> {
        let (kek, fields) = self.open_kek(binding, sealed)?;
        let aad = binding::material_aad(self.store, binding, &fields);
        let opened = self.crypto.aead_open(kek.expose(), &sealed.nonce, &aad, &sealed.ciphertext);
        opened.map_err(|_| altered(binding, "its material does not open"))
    }

    fn attributes_mac(
        &self,
        binding: &SealBinding,
        sealed: &SealedMaterial,
        revision: u64,
        canonical: &[u8],
    ) -> Result<[u8; 32]> {
        let (kek, _) = self.open_kek(binding, sealed)?;
        let key = self.crypto.hkdf_sha256(&[], kek.expose(), &[b"keyreeve/attrs/v1"]);
        Ok(self.crypto.hmac_sha256(key.expose(), &[&revision.to_be_bytes(), canonical]))
    }
}

fn random_key(crypto: &dyn Crypto) -> Result<SecretBytes> {
    let mut key = [0; KEY_LEN];
    crypto.fill(&mut key)?;
    Ok(SecretBytes::take_from(&mut key))
}

fn altered(binding: &SealBinding, what: &str) -> Error {
    let cause =
        format!("sealed material of object {} was altered or belongs elsewhere: {what}", binding.object);
    Error::new(ErrorKind::Internal, "the key's material cannot be opened; the server's log has the cause")
        .because(cause)
}
