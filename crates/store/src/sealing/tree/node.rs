//! One node of the key tree: 256 child keys, and the sealed form in which journal, index and backups keep it.
//!
//! A sealed node has 8,310 bytes; numbers are big-endian:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | magic `KRND` |
//! | 4 | 1 | format, 1: HKDF-SHA-256 with AES-256-GCM |
//! | 5 | 16 | store |
//! | 21 | 4 | timeline that made it |
//! | 25 | 1 | level: 0 holds leaf keys, 3 is the top |
//! | 26 | 8 | number among the nodes of its level |
//! | 34 | 8 | generation that made it |
//! | 42 | 16 | node id |
//! | 58 | 12 | nonce, random |
//! | 70 | 8224 | ciphertext: 256 child keys of 32 bytes, then the bitmap of destroyed slots (slot 0: 0x80 of byte 0) |
//! | 8294 | 16 | tag; the first 58 bytes are the AAD |
//!
//! The node key comes from the parent's slot; the top's is the epoch key. Sealing key = HKDF-SHA-256(no salt, node key,
//! "keyreeve/node/v1"), node id = the first 16 bytes of HKDF-SHA-256(no salt, node key, "keyreeve/node-id/v1").
//! How nodes hang together is the parent module's business.

use std::{fmt, ops::Range};

use keyreeve_core::{
    Error, Result,
    model::{NodeId, SealedNode},
    ports::crypto::Crypto,
};
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use crate::sealing::{KEY_LEN, NONCE_LEN, Place, TAG_LEN};

/// Children of a node.
pub(crate) const SLOTS: usize = 256;
/// Level of the top node.
pub(super) const TOP_LEVEL: u8 = 3;
/// Leaf nodes that a tree can hold.
pub(super) const LEAF_NODES_MAX: u64 = 1 << (8 * TOP_LEVEL);

const MAGIC: [u8; 4] = *b"KRND";
const FORMAT: u8 = 1;
const HEADER_LEN: usize = 58;
const BITMAP_AT: usize = SLOTS * KEY_LEN;
pub(crate) const CONTENT_LEN: usize = BITMAP_AT + SLOTS / 8;
const NODE_LEN: usize = HEADER_LEN + NONCE_LEN + CONTENT_LEN + TAG_LEN;

/// Where a node stands in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    /// 0: its children are leaf keys.
    pub(crate) level: u8,
    /// Among the nodes of its level, from 0.
    pub(crate) number: u64,
}

impl Address {
    pub(super) const TOP: Self = Self { level: TOP_LEVEL, number: 0 };

    /// The node of this level on the way to a leaf.
    pub(super) fn of(level: u8, leaf_index: u64) -> Self {
        Self { level, number: leaf_index >> (8 * (u32::from(level) + 1)) }
    }

    /// Its slot on the way to a leaf.
    pub(super) fn slot(self, leaf_index: u64) -> usize {
        (leaf_index >> (8 * u32::from(self.level))) as usize % SLOTS
    }

    /// The node below one of its slots. Not for level 0.
    pub(super) fn child(self, slot: usize) -> Self {
        Self { level: self.level - 1, number: self.number * SLOTS as u64 + slot as u64 }
    }

    /// The leaf indexes below it.
    pub(crate) fn leaves(self) -> Range<u64> {
        let width = 8 * (u32::from(self.level) + 1);
        self.number << width..(self.number + 1) << width
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} of level {} of the key tree", self.number, self.level)
    }
}

/// An open node. Holds secrets, zeroized when dropped.
///
/// INVARIANT: a slot is zero where, and only where, its bit says that it was destroyed.
pub(crate) struct Node(Zeroizing<Vec<u8>>);

impl Node {
    /// A node with all slots filled.
    pub(super) fn new(crypto: &dyn Crypto) -> Result<Self> {
        let mut content = Zeroizing::new(vec![0; CONTENT_LEN]);
        crypto.fill(&mut content[..BITMAP_AT])?;
        Ok(Self(content))
    }

    /// The same once more.
    pub(super) fn copy(&self) -> Self {
        Self(self.0.clone())
    }

    /// The key in a slot; `None` where it was destroyed.
    pub(crate) fn child(&self, slot: usize) -> Option<&[u8]> {
        (!self.is_destroyed(slot)).then(|| &self.0[slot * KEY_LEN..][..KEY_LEN])
    }

    /// Puts a fresh random key into a slot.
    pub(super) fn refill(&mut self, crypto: &dyn Crypto, slot: usize) -> Result<()> {
        crypto.fill(&mut self.0[slot * KEY_LEN..][..KEY_LEN])
    }

    /// Puts a key of 32 bytes into a slot.
    pub(super) fn set(&mut self, slot: usize, key: &[u8]) {
        self.0[slot * KEY_LEN..][..KEY_LEN].copy_from_slice(key);
    }

    /// Destroys a slot for good.
    pub(super) fn destroy(&mut self, slot: usize) {
        self.0[slot * KEY_LEN..][..KEY_LEN].zeroize();
        self.0[BITMAP_AT + slot / 8] |= 0x80 >> (slot % 8);
    }

    /// True where nothing can ever be reached through it.
    pub(crate) fn is_spent(&self) -> bool {
        self.0[BITMAP_AT..].iter().all(|bits| *bits == 0xFF)
    }

    fn is_destroyed(&self, slot: usize) -> bool {
        self.0[BITMAP_AT + slot / 8] & (0x80 >> (slot % 8)) != 0
    }

    /// Seals it under its node key.
    pub(super) fn seal(
        &self,
        crypto: &dyn Crypto,
        place: Place,
        address: Address,
        generation: u64,
        key: &[u8],
    ) -> Result<SealedNode> {
        let id = node_id(crypto, key);
        let mut nonce = [0; NONCE_LEN];
        crypto.fill(&mut nonce)?;
        let mut bytes = Vec::with_capacity(NODE_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.push(FORMAT);
        bytes.extend_from_slice(place.store.as_bytes());
        bytes.extend_from_slice(&place.timeline.to_be_bytes());
        bytes.push(address.level);
        bytes.extend_from_slice(&address.number.to_be_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(&id.0);
        let sealing_key = crypto.hkdf_sha256(&[], key, &[b"keyreeve/node/v1"]);
        let sealed = crypto.aead_seal(sealing_key.expose(), &nonce, &bytes, &self.0)?;
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Ok(SealedNode { id, bytes })
    }

    /// Opens a sealed node that is expected here, under this key.
    ///
    /// # Errors
    /// `Internal` where anything was altered, or where it is another node or another store's.
    pub(crate) fn open(
        crypto: &dyn Crypto,
        store: Uuid,
        address: Address,
        key: &[u8],
        sealed: &SealedNode,
    ) -> Result<Self> {
        let wrong = |what: &str| {
            let id = hex::encode(sealed.id.0);
            Error::internal(format!("{address} ({id}) does not open: {what}; restore it from a backup"))
        };
        let bytes: &[u8; NODE_LEN] =
            sealed.bytes.as_slice().try_into().map_err(|_| wrong("its length is wrong"))?;
        let (header, rest) = bytes.split_at(HEADER_LEN);
        let (nonce, ciphertext) = rest.split_at(NONCE_LEN);
        if header[..4] != MAGIC || header[4] != FORMAT {
            return Err(wrong("its format is not known"));
        }
        if header[5..21] != *store.as_bytes() {
            return Err(wrong("it belongs to another store"));
        }
        if header[25] != address.level || header[26..34] != address.number.to_be_bytes() {
            return Err(wrong("it belongs elsewhere"));
        }
        if header[42..] != sealed.id.0 || sealed.id != node_id(crypto, key) {
            return Err(wrong("it has another id"));
        }
        let nonce = nonce.try_into().map_err(|_| wrong("its length is wrong"))?;
        let sealing_key = crypto.hkdf_sha256(&[], key, &[b"keyreeve/node/v1"]);
        let content = crypto.aead_open(sealing_key.expose(), nonce, header, ciphertext);
        let content = content.map_err(|_| wrong("it was altered"))?;
        let node = Self(Zeroizing::new(content.expose().to_vec()));
        let is_zero = |slot: usize| node.0[slot * KEY_LEN..][..KEY_LEN].iter().all(|byte| *byte == 0);
        match (0..SLOTS).all(|slot| is_zero(slot) == node.is_destroyed(slot)) {
            true => Ok(node),
            false => Err(wrong("slots and bitmap contradict each other")),
        }
    }
}

/// The id of the node that this key seals.
pub(crate) fn node_id(crypto: &dyn Crypto, key: &[u8]) -> NodeId {
    let id = crypto.hkdf_sha256(&[], key, &[b"keyreeve/node-id/v1"]);
    NodeId(std::array::from_fn(|at| id.expose().get(at).copied().unwrap_or_default()))
}
