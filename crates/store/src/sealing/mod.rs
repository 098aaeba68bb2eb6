//! Sealing: material leaves memory only encrypted, under keys that derive from the root key and a leaf key.
//!
//! Implements the parts of shared/destruction.md that exist so far: root, leaf index, KEK, AAD. Each object has a
//! random leaf key of its own, sealed beside the material, until leaf keys live in the key tree.

mod binding;
mod root;
#[cfg(test)]
mod tests;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use keyreeve_core::{
    Error, ErrorKind, Result, SecretBytes,
    ports::{
        crypto::Crypto,
        seal::{SealBinding, SealedMaterial, Sealer},
    },
};
use uuid::Uuid;

pub(crate) use root::{RootFile, RootKey};
pub use root::{Unlock, UnlockError, new_key_file};

const FORMAT: u8 = 1;
/// HKDF-SHA-256 with AES-256-GCM.
const SUITE: u8 = 1;
const NONCE_LEN: usize = 12;
const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;
/// Nonce, leaf key and tag.
const SEALED_LEAF_LEN: usize = NONCE_LEN + KEY_LEN + TAG_LEN;

/// Where sealing happens: fields that go into every sealed record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) store: Uuid,
    pub(crate) timeline: u32,
    pub(crate) generation: u64,
}

/// Seals under a root key in memory. Holds secrets.
pub(crate) struct RootSealer {
    crypto: Arc<dyn Crypto>,
    root: RootKey,
    place: Place,
    /// INVARIANT: above every leaf index of the journal, and only ever rising; no index is given out twice.
    leaf_index_next: AtomicU64,
}

impl RootSealer {
    pub(crate) fn new(crypto: Arc<dyn Crypto>, root: RootKey, place: Place, leaf_index_next: u64) -> Self {
        Self { crypto, root, place, leaf_index_next: AtomicU64::new(leaf_index_next) }
    }

    /// The key that seals one leaf key: HKDF of the root, so that no key ever seals two of them.
    fn leaf_sealing_key(&self, root: &SecretBytes, leaf_index: u64) -> SecretBytes {
        let info: [&[u8]; 3] = [b"keyreeve/leaf/v1", self.place.store.as_bytes(), &leaf_index.to_be_bytes()];
        self.crypto.hkdf_sha256(&[], root.expose(), &info)
    }

    fn kek(
        &self,
        root: &SecretBytes,
        leaf: &SecretBytes,
        binding: &SealBinding,
        sealed: &Fields,
    ) -> SecretBytes {
        let info: [&[u8]; 6] = [
            b"keyreeve/kek/v1",
            self.place.store.as_bytes(),
            binding.object.as_bytes(),
            &binding.version.to_be_bytes(),
            &sealed.leaf_index.to_be_bytes(),
            &sealed.root_version.to_be_bytes(),
        ];
        self.crypto.hkdf_sha256(root.expose(), leaf.expose(), &info)
    }

    /// Opens the leaf key of a sealed record and derives its KEK.
    fn open_kek(&self, binding: &SealBinding, sealed: &SealedMaterial) -> Result<(SecretBytes, Fields)> {
        let fields = Fields::of(sealed);
        let known = sealed.format == FORMAT && sealed.suite == SUITE;
        let belongs = sealed.object == binding.object
            && (sealed.sensitive, sealed.extractable) == (binding.sensitive, binding.extractable);
        if !known || !belongs {
            return Err(altered(binding, "format, suite or owner do not fit"));
        }
        let root = self.root.get(sealed.root_version)?;
        let leaf_aad = binding::leaf_aad(self.place.store, binding, &fields);
        let (nonce, ciphertext) =
            sealed.leaf.split_first_chunk().ok_or_else(|| altered(binding, "its leaf key is cut short"))?;
        let leaf_sealing_key = self.leaf_sealing_key(root, fields.leaf_index);
        let leaf = self
            .crypto
            .aead_open(leaf_sealing_key.expose(), nonce, &leaf_aad, ciphertext)
            .map_err(|_| altered(binding, "its leaf key does not open"))?;
        Ok((self.kek(root, &leaf, binding, &fields), fields))
    }
}

/// What of a sealed record goes into key derivation and AAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fields {
    timeline: u32,
    generation: u64,
    root_version: u32,
    leaf_index: u64,
}

impl Fields {
    fn of(sealed: &SealedMaterial) -> Self {
        Self {
            timeline: sealed.timeline,
            generation: sealed.generation,
            root_version: sealed.root_version,
            leaf_index: sealed.leaf_index,
        }
    }
}

impl Sealer for RootSealer {
    fn seal(&self, binding: &SealBinding, plaintext: &SecretBytes) -> Result<SealedMaterial> {
        let (root, root_version) = self.root.current();
        let leaf_index = self.leaf_index_next.fetch_add(1, Ordering::Relaxed);
        let Place { store, timeline, generation } = self.place;
        let fields = Fields { timeline, generation, root_version, leaf_index };

        let leaf = random_key(&*self.crypto)?;
        let mut leaf_nonce = [0; NONCE_LEN];
        self.crypto.fill(&mut leaf_nonce)?;
        let mut sealed_leaf = Vec::with_capacity(SEALED_LEAF_LEN);
        sealed_leaf.extend_from_slice(&leaf_nonce);
        sealed_leaf.extend(self.crypto.aead_seal(
            self.leaf_sealing_key(root, leaf_index).expose(),
            &leaf_nonce,
            &binding::leaf_aad(store, binding, &fields),
            leaf.expose(),
        )?);

        let mut nonce = [0; NONCE_LEN];
        self.crypto.fill(&mut nonce)?;
        let kek = self.kek(root, &leaf, binding, &fields);
        let aad = binding::material_aad(store, binding, &fields);
        let ciphertext = self.crypto.aead_seal(kek.expose(), &nonce, &aad, plaintext.expose())?;
        Ok(SealedMaterial {
            object: binding.object,
            format: FORMAT,
            suite: SUITE,
            timeline,
            generation,
            root_version,
            leaf_index,
            leaf: sealed_leaf,
            sensitive: binding.sensitive,
            extractable: binding.extractable,
            nonce,
            ciphertext,
        })
    }

    fn open(&self, binding: &SealBinding, sealed: &SealedMaterial) -> Result<SecretBytes> {
        let (kek, fields) = self.open_kek(binding, sealed)?;
        let aad = binding::material_aad(self.place.store, binding, &fields);
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
